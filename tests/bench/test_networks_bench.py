"""`dstan bench networks`: what it measures of a method, and of which methods."""

import json
import subprocess

import numpy as np
import pytest
from typer.testing import CliRunner

from dstan.bench import BENCHES, networks
from dstan.bench.tables import Table, Tables
from dstan.cli import app
from dstan.errors import TaskFailedError
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers import recognizer
from dstan.training import EpochRecord

SMALL = {
    "network": {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2},
    "recipe": {"size": 32, "steps": 2},
    "training": {"batch_size": 4},
}


def test_every_training_of_a_method_has_a_row() -> None:
    rows = networks.measure(recognizer("dstan", SMALL), "cpu", clips=6)
    assert [row["training"] for row in rows] == ["appearance", "flow"]
    made = recognizer("dstan", {**SMALL, "training": {"epochs": 1}})
    made.fit([networks.draw_clip(made.recipe, number) for number in range(5)])
    for row in rows:
        assert row["method"] == "dstan"
        assert row["input"] == "appearance 2 x 32 x 32, flow 2 x 2 x 32 x 32"
        assert row["parameters"] == made.parameters > 100
        assert float(row["clips/s"]) > 0
        assert float(row["prediction, ms"]) > 0


def test_the_first_epoch_and_one_after_a_new_beginning_are_not_timed() -> None:
    stamps = [(1, 0.0), (2, 2.0), (3, 5.0), (1, 95.0), (2, 96.0)]
    assert networks._epoch(stamps) == 2.0


def test_the_epochs_of_every_training_are_shortened_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    made = recognizer("stmn-a", SMALL)

    class Quick(type(made)):  # type: ignore[misc]
        def fit(self, clips, *, on_epoch, **options):  # type: ignore[no-untyped-def]
            seen.append((self.settings.training, len(clips)))
            for epoch in range(1, self.settings.training.epochs + 1):
                on_epoch("flow", EpochRecord(epoch, 1.0, 0.5, 1.0))

        def predict_proba(self, clips):  # type: ignore[no-untyped-def]
            return np.ones((len(clips), 5))

    made.__class__ = Quick
    networks.measure(made, "cpu")
    ((training, clips),) = seen
    assert (training.epochs, training.batch_size, clips) == (networks.EPOCHS, 4, 4)


@pytest.mark.parametrize(
    ("recipe", "frames", "flow"),
    [
        (Recipe(size=40, steps=3), (3, 40, 40), (3, 2, 40, 40)),
        (Recipe(size=(50, 40), pairs="onset-apex"), (9, 50, 40), (1, 2, 50, 40)),
    ],
)
def test_clips_are_drawn_in_the_shape_that_a_recipe_gives(recipe, frames, flow) -> None:  # type: ignore[no-untyped-def]
    clip = networks.draw_clip(recipe, 3)
    assert clip.appearance is not None
    assert clip.flow is not None
    assert (clip.appearance.shape, clip.flow.shape, clip.label) == (frames, flow, "d")


def test_methods_without_epochs_are_not_measured() -> None:
    named = networks.methods_with_networks()
    assert {"dstan", "stan-a", "stmn-a", "cnn-lstm"} <= set(named)
    assert not {"majority", "lbp-top", "mdmo"} & set(named)


def test_each_method_has_a_process_of_its_own_and_one_that_dies_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"method": "dstan", "parameters": 12.0}
    done = [subprocess.CompletedProcess([], 0, json.dumps([row])), subprocess.CompletedProcess([], -9, "")]
    commands = []

    def run(command, **options):  # type: ignore[no-untyped-def]
        commands.append((command[-2:], options["env"]["OMP_NUM_THREADS"]))
        return done[len(commands) - 1]

    monkeypatch.setattr(networks.subprocess, "run", run)
    monkeypatch.setattr(networks, "methods_with_networks", lambda: ["dstan", "merta"])
    with pytest.raises(TaskFailedError, match="merta: its process ended with code -9"):
        networks.bench_networks("cuda")
    assert commands == [(["dstan", "cuda"], "1"), (["merta", "cuda"], "1")]


def test_its_device_reaches_it_and_its_table_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    table = Table.of("networks", "drawn clips", [{"method": "merta (from scratch)", "parameters": 1234567.0}])

    def measured(device: str) -> Tables:
        asked.append(device)
        return Tables("networks", (table,))

    monkeypatch.setitem(BENCHES, "networks", measured)
    done = CliRunner().invoke(app, ["bench", "networks", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert asked == ["cpu"]
    assert "merta (from scratch)" in done.stdout
    assert "1,234,567" in done.stdout
