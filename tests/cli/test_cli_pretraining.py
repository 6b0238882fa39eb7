"""dstan pretrain from the command line, and what predict and info say of what it made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from dstan.cli import app, output
from dstan.clips import PreparedClip
from dstan.inference import Prediction
from dstan.recognizers import load_model, pretraining, recognizer, save_model
from dstan.synthesis.motion import UNITS, MotionArtist
from dstan.training import loop

SMALL = ("recipe.size=32", "recipe.steps=3", "teacher.clips=40", "teacher.epochs=2", "teacher.checked=12")
NARROW = ("network.channels=[2,2,4,4,8]", "network.lstm_width=4", "network.reduction=2")
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _few_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pretraining, "MotionArtist", partial(MotionArtist, people=2))
    monkeypatch.chdir(tmp_path)


def _pretrain(method: str, *more: str, small: tuple[str, ...] = SMALL, task: str | None = "megc2019-3") -> Result:
    changes = [word for text in small for word in ("--set", text)]
    classes = ["--task", task] if task else []
    return CliRunner().invoke(app, ["pretrain", method, *classes, *changes, "--device", "cpu", *more])


def test_one_command_teaches_and_says_what_to_do_next() -> None:
    done = _pretrain("ststnet", "--out", "taught")
    assert done.exit_code == 0, done.output
    assert "ststnet, taught 80 drawn clips, is in taught" in done.stdout
    assert "That says how well it learned the drawing, not real faces" in done.stdout
    assert "dstan evaluate --zero-shot taught --task megc2019-3" in done.stdout
    assert sorted(path.name for path in Path("taught").iterdir()) == [
        "card.md", "curves.png", "curves.svg", "model.json", "model.safetensors",
    ]  # fmt: skip


def test_the_card_says_what_it_is() -> None:
    _pretrain("dstan", "--out", "taught", small=(*SMALL, *NARROW))
    card = Path("taught/card.md").read_text()
    assert "# dstan, taught drawn motion\n\n**It has seen no real face.** It learned from 80 clips" in card
    assert "| task | megc2019-3 |\n| classes | negative, positive, surprise |" in card
    assert "**Not evaluated on real faces.**" in card
    assert "Article 5(1)(f)" in card
    assert "crops of 32 x 32; 3 frames, as differences from the first; flow as farneback finds it" in card
    assert "| AU12 | lip corner puller | " in card
    assert "| head_shift | 0.3 | " in card
    assert "](curves.png)" in card
    columns = {line.count("|") for line in card.splitlines() if line.startswith("| AU")}
    assert columns == {4}
    assert not [line for line in card.splitlines() if "{" in line or "}" in line]


def test_json_is_one_document() -> None:
    done = _pretrain("ststnet", "--out", "taught", "--json")
    found = json.loads(done.stdout)
    assert found["method"] == "ststnet"
    assert found["trained"]["corpora"] == ["drawn"]
    assert set(found["trained"]["checked"]["units"]) == set(map(str, UNITS))
    assert Path(found["card"]).is_file()
    assert (found["weights"], found["trained"]["teacher"]["clips"]) == ("taught", 40)


def test_info_says_that_it_has_seen_no_face() -> None:
    _pretrain("ststnet", "--out", "taught")
    said = CliRunner().invoke(app, ["info", "taught"]).stdout
    assert said == Path("taught/card.md").read_text()
    assert "**It has seen no real face.** It learned from 80 clips" in said
    assert "12 clips were drawn apart from those it learned from" in said
    assert "People: none" in said


def _train(folder: str) -> None:
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            flow=rng.normal(kind, 1, (1, 2, 32, 32)).astype(np.float32),
            label=name, corpus="real", subject="s", clip_id=name,
        )
        for kind, name in enumerate(("a", "b"))
    ]  # fmt: skip
    settings = {"recipe": {"size": 32, "pairs": "onset-apex"}, "training": {"epochs": 1}}
    save_model(recognizer("ststnet", settings).fit(clips), Path(folder))


def test_a_model_saved_over_another_keeps_no_card_of_that_and_info_says_what_it_knows() -> None:
    _pretrain("ststnet", "--out", "model")
    assert Path("model/card.md").is_file()
    _train("model")
    assert sorted(path.name for path in Path("model").iterdir()) == ["model.json", "model.safetensors"]
    told = CliRunner().invoke(app, ["info", "model"])
    assert "no card.md was written beside the model" in told.stderr
    assert "2 clips of 1 people (real)" in told.stdout
    assert "| a | 1 |\n| b | 1 |" in told.stdout
    assert "drawn motion" not in told.stdout


def _prediction(units: dict[int, float] | None) -> Prediction:
    steps = [(0.0, 0.4), (0.1, 0.6)]
    return Prediction(
        Path("v.mp4"), "a", {"a": 0.7, "b": 0.3}, {"flow": [(0.1, 1.0)], "appearance": steps}, 9, 0.3, (), units
    )


@pytest.mark.parametrize(
    ("units", "line"),
    [
        ({4: 0.31, 6: 0.61, 12: 0.934}, "action units  AU12 .93, AU6 .61 (taught by drawn motion)"),
        ({4: 0.499}, "action units  none (taught by drawn motion)"),
        (None, None),
    ],
)
def test_likely_action_units_are_shown_the_likeliest_first(
    units: dict[int, float] | None, line: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    from dstan.cli.prediction import show_prediction

    show_prediction(_prediction(units))
    said = capsys.readouterr().out
    assert (line in said) if line else ("action units" not in said)
    assert "attention to appearance" in said
    assert "attention to flow" not in said, "one step alone says nothing of time"


def test_all_action_units_are_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    output.document(_prediction({4: 0.25, 12: 0.5}))
    assert json.loads(capsys.readouterr().out)["units"] == {"4": 0.25, "12": 0.5}


@pytest.mark.parametrize(
    ("method", "more", "task", "says"),
    [
        ("ststnet", (), None, "Add --task megc2019-3"),
        ("ststnet", (), "megc", "no task is called 'megc'"),
        ("ststnet", (), "as-labelled", "takes whatever labels there are"),
        ("stnet", (), "megc2019-3", "no method is called 'stnet'"),
        ("lbp-top", (), "megc2019-3", "Choose dstan, stmn-a, stan-a, ststnet, sssnet or strcn"),
        ("merta", (), "megc2019-3", "networks that can begin from a model"),
        ("ststnet", ("--set", "teacher.epoch=3"), "megc2019-3", "Did you mean teacher.epochs?"),
        ("ststnet", ("--set", "teacher.clips=3"), "megc2019-3", "teacher: clips must be 32 to"),
        ("ststnet", ("--set", "training.epochs=3"), "megc2019-3", "settings of training are for real clips"),
        ("ststnet", ("--set", "recognition.mirror=true"), "megc2019-3", "settings of recognition are for real clips"),
        ("ststnet", ("--set", "recipe.magnification=4"), "megc2019-3", "Use --set recipe.magnification=0"),
        ("ststnet", ("--device", "cuda:99"), "megc2019-3", "there is no cuda:99"),
    ],
)
def test_what_cannot_be_taught_says_what_to_type_and_writes_nothing(
    method: str, more: tuple[str, ...], task: str | None, says: str
) -> None:
    done = _pretrain(method, "--out", "taught", *more, task=task)
    assert done.exit_code == 2
    assert says in done.output
    assert not Path("taught").exists()


def test_a_folder_that_holds_something_else_is_left_alone() -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("all of it")
    done = _pretrain("ststnet", "--out", "mine")
    assert done.exit_code == 1
    assert "there is something else here, which is left alone" in done.output
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]


def test_stopped_by_hand_it_leaves_nothing_half_written(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, times = MotionArtist.draw, []

    def stopped(self: MotionArtist, n: int, seed: int, *, frames: bool = False) -> Any:
        times.append(n)
        if len(times) == 3:
            raise KeyboardInterrupt
        return draw(self, n, seed, frames=frames)

    monkeypatch.setattr(MotionArtist, "draw", stopped)
    done = _pretrain("ststnet", "--out", "taught")
    assert done.exit_code == 130
    assert "nothing was written, and the same command begins anew" in done.output
    assert not Path("taught").exists()


@pytest.mark.parametrize(("method", "total"), [("ststnet", 2), ("dstan", 4)])
def test_progress_counts_the_epochs_of_all_streams(method: str, total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []

    @contextmanager
    def bars() -> Iterator[Any]:
        yield lambda stage, done, total, note="": seen.append((stage, done, total))

    monkeypatch.setattr(output, "progress_bars", bars)
    _pretrain(method, "--out", "taught", small=SMALL if method == "ststnet" else (*SMALL, *NARROW))
    assert seen == [("teach", done, total) for done in range(1, total + 1)]


def test_a_training_that_was_begun_again_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "RISE", 0.0)
    done = _pretrain("ststnet", "--out", "taught")
    assert "begun again with a learning rate of 0.0001" in done.stderr


def test_the_same_command_makes_the_same_model() -> None:
    for folder in ("one", "other"):
        _pretrain("ststnet", "--out", folder, "--seed", "5")
    one, other = (load_model(Path(folder)) for folder in ("one", "other"))
    assert Path("one/model.safetensors").read_bytes() == Path("other/model.safetensors").read_bytes()
    assert one.trained_ == other.trained_
    assert Path("one/card.md").read_text() == Path("other/card.md").read_text()
