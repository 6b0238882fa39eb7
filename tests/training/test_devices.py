"""A fit on another device than the CPU, which a made-up one stands for: nothing is mixed up, little crosses over."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch.utils import backend_registration

SCRIPT = Path(__file__).with_name("second_device.py")

pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"), reason="torch cannot make up a device"
)


def _trained(precision: str, rate: float) -> dict[str, Any]:
    done = subprocess.run([sys.executable, SCRIPT, precision, str(rate)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_fit_elsewhere_gives_the_same_curve_and_waits_once_an_epoch(precision: str) -> None:
    found = _trained(precision, 1e-4)
    here, there = found["losses"]
    assert there == pytest.approx(here, rel=1e-3)
    assert found["waits"] == [3, 3, 3]  # loss, accuracy and gradient of each epoch, at once
    assert found["to"].count(found["data"]) == 1  # the data go over once; after that, weights and a few draws
    assert sum(found["to"]) < found["data"] + 5000
    assert found["data"] not in found["back"]


def test_a_fit_elsewhere_can_be_begun_again() -> None:
    assert _trained("float32", 3.0)["restarts"] == [True, True]


@pytest.mark.slow
def test_every_method_with_a_network_is_trained_elsewhere_as_here() -> None:
    names = ["cnn-lstm", "3d-fcnn", "elrcn-te", "strcn", "merta", "ststnet", "sssnet"]
    script = SCRIPT.with_name("second_device_methods.py")
    done = subprocess.run([sys.executable, script, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert set(found) == set(names)
    for name, (here, there) in found.items():
        assert here.keys() == there.keys()
        for stage, losses in here.items():
            assert there[stage] == pytest.approx(losses, rel=1e-3), f"{name}: {stage}"
