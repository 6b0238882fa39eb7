"""Several hosts on one machine, one of them cut off in the middle of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "hosts.py"


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter"))),
    reason="network namespaces",
)
def test_a_run_over_two_hosts_survives_that_one_is_cut_off(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--home", str(tmp_path), "--seeds", "2", "--timeout", "12s"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same bytes as in one process") == 2
