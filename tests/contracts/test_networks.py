"""What every method with a network of its own promises besides; a new row of METHODS comes here by itself."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from specimens import CLASSES, draw, make, specimen
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from dstan._engine import single_thread
from dstan.networks.network import count_parameters
from dstan.recognizers import METHODS, PAPER_TRACK, recognizer
from dstan.recognizers.network import NetworkRecognizer
from dstan.training import TrainingSettings

NETWORKS = sorted(name for name in {**METHODS, **PAPER_TRACK} if isinstance(make(name), NetworkRecognizer))
every_network = pytest.mark.parametrize("name", NETWORKS)


def _make(name: str, **training: Any) -> NetworkRecognizer:
    """Make a small network whose stages are all trained as told."""
    made = make(name)
    assert isinstance(made, NetworkRecognizer)
    groups = {
        key: replace(value, **training)
        for key, value in vars(made.settings).items()
        if isinstance(value, TrainingSettings)
    }
    return made.with_settings(replace(made.settings, **groups))


def test_the_five_of_the_paper_and_the_two_of_today_are_here() -> None:
    assert {"cnn-lstm", "3d-fcnn", "elrcn-te", "strcn", "merta", "ststnet", "sssnet", "stan-a", "stmn-a"} <= set(
        NETWORKS
    )


class Convolutions(TorchFunctionMode):
    """Writes down in which arithmetic convolutions are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[torch.dtype] = set()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        if function in (functional.conv2d, functional.conv3d):
            self.seen.add(found.dtype)
        return found


@every_network
def test_convolutions_are_trained_in_bfloat16_and_predict_in_float32(name: str) -> None:
    made = _make(name, precision="bfloat16", epochs=2)
    with single_thread():
        with Convolutions() as trained:
            made.fit(draw(name), classes=CLASSES, seed=1)
        with Convolutions() as predicting:
            found = made.predict_proba(draw(name, 3, seed=5))
    assert torch.bfloat16 in trained.seen
    assert predicting.seen == {torch.float32}
    assert all(math.isfinite(record["loss"]) for records in made.history_.values() for record in records)
    assert np.isfinite(found).all()
    assert made.network is not None
    assert all(weight.dtype == torch.float32 for weight in made.network.parameters())


@every_network
def test_no_weight_is_saved_under_two_names(name: str) -> None:
    made = _make(name, epochs=1).fit(draw(name), classes=CLASSES)
    assert made.network is not None
    saved = made.network.state_dict()
    assert len({value.data_ptr() for value in saved.values() if value.numel()}) == sum(
        value.numel() > 0 for value in saved.values()
    )
    assert made.parameters == count_parameters(made.network) > 0


@every_network
def test_every_training_is_kept_with_its_curve_and_what_died(name: str) -> None:
    made = _make(name, epochs=2).fit(draw(name), classes=CLASSES)
    assert made.history_.keys() == made.dynamics_.keys()
    for stage, records in made.history_.items():
        assert [record["epoch"] for record in records] == [1, 2], stage
        assert all(0 <= share <= 1 for share in made.dynamics_[stage]["dead_units"])
    assert any(found["dead_units"] for found in made.dynamics_.values())


@every_network
def test_another_shape_than_was_learned_is_named_or_taken(name: str) -> None:
    made = _make(name, epochs=1).fit(draw(name), classes=CLASSES)
    h, w = specimen(name).size
    (larger,) = draw(name, 1, size=(h + 16, w + 16))
    seen = made.tensor(larger).shape
    if name.startswith(("stan", "stmn")) or tuple(seen) == made.shape:
        assert np.isfinite(made.predict_proba([larger])).all()
        return
    with pytest.raises(Exception, match=rf"{larger.clip}: it is .* to {name}, which learned clips of"):
        made.predict([larger])


@every_network
def test_the_memory_of_a_fit_grows_with_the_clips(name: str) -> None:
    made = _make(name)
    (clip,) = draw(name, 1)
    assert 0 < made.memory(clip, 4, "cpu") < made.memory(clip, 10_000, "cpu")


def test_only_methods_published_on_other_weights_say_where_theirs_begin() -> None:
    told = {name: make(name).weights for name in METHODS}
    assert {name for name, weights in told.items() if weights} == {"elrcn-te", "merta"}
    assert told["merta"] == told["elrcn-te"] == "from scratch"


DOCS = Path(__file__).parents[2] / "docs" / "networks.md"


@pytest.mark.parametrize("name", ["cnn-lstm", "3d-fcnn", "elrcn-te", "strcn", "merta", "ststnet", "sssnet"])
def test_the_docs_tell_fidelity_and_parameters_as_they_are(name: str) -> None:
    made = recognizer(name)
    assert isinstance(made, NetworkRecognizer)
    recipe = made.recipe
    fields = 1 if recipe.pairs == "onset-apex" else recipe.steps
    (clip,) = draw(name, 1, frames=recipe.steps, fields=fields, size=recipe.shape)
    t, c, h, w = made.tensor(clip).shape
    (row,) = [line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{name}` |")]
    assert f"| {count_parameters(made.build(5, (t, c, h, w))):,} |" in row
    assert str(made.fidelity) in row
    assert ("from scratch" in row) == bool(made.weights)
