"""dstan predict: abstaining, and the pictures it writes, with a tiny model on short videos."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.clips import PreparedClip
from dstan.recognizers import recognizer, save_model
from dstan.video import video_info, write_video

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model that has learned noise for a moment, two videos and a folder of images."""
    home, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    settings = {
        "recipe": {"size": 32, "steps": 3, "alignment": "none"},
        "training": {"epochs": 1},
        "network": {"lstm_width": 4},
    }
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((3, 2, 32, 32), np.float32),
            label=label,
            clip_id=str(number),
        )
        for number, label in enumerate(("joy", "anger") * 2)
    ]
    save_model(recognizer("dstan", settings).fit(clips), home / "model")
    texture = np.kron(rng.integers(0, 256, (12, 30, 3), dtype=np.uint8), np.ones((4, 4, 1), dtype=np.uint8))
    frames = [np.ascontiguousarray(texture[:, at : at + 64]) for at in range(10)]
    write_video(home / "one.mp4", frames, 50)
    write_video(home / "two.mp4", frames[::-1], 50)
    (home / "images").mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(home / "images" / f"{index}.png")
    return home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that predicts in the home folder."""
    monkeypatch.chdir(home)
    return lambda *given: CliRunner().invoke(app, ["predict", *given, "--model", "model"], env={"COLUMNS": "160"})


def test_what_is_less_sure_than_asked_for_is_undecided_and_that_is_no_failure(run: Run) -> None:
    done = run("one.mp4", "--min-confidence", "1")
    assert done.exit_code == 0, done.output
    first = done.stdout.splitlines()[0]
    assert first.startswith("one.mp4: undecided: the likeliest, ")
    assert first.endswith(", below 1.00")
    (said,) = json.loads(run("one.mp4", "--min-confidence", "1", "--json").stdout)["predictions"]
    assert said["label"] is None
    assert said["likeliest"] == max(said["probabilities"], key=said["probabilities"].get)
    assert said["confidence"] == max(said["probabilities"].values())
    assert said["min_confidence"] == 1
    (named,) = json.loads(run("one.mp4", "--min-confidence", "0", "--json").stdout)["predictions"]
    assert named["label"] == named["likeliest"] == said["likeliest"]


@pytest.mark.parametrize("least", ["-0.1", "60", "nan", "much"])
def test_a_confidence_that_is_no_probability_is_a_wrong_call(run: Run, least: str) -> None:
    assert run("one.mp4", "--min-confidence", least).exit_code == 2


def test_the_apex_may_be_given(run: Run) -> None:
    assert run("one.mp4", "--onset", "2", "--apex", "5", "--offset", "8").exit_code == 0
    wrong = run("one.mp4", "--onset", "2", "--apex", "9", "--offset", "8")
    assert wrong.exit_code == 1
    assert "the apex (position 9) is not between onset and offset" in wrong.stderr


def test_overlay_and_figure_of_one_video_are_the_files_named(run: Run, tmp_path: Path) -> None:
    overlay, figure = tmp_path / "drawn.mp4", tmp_path / "drawn.svg"
    done = run("one.mp4", "--overlay", str(overlay), "--figure", str(figure))
    assert done.exit_code == 0, done.output
    assert f"written: {overlay}" in done.stdout
    assert f"written: {figure}" in done.stdout
    assert video_info(overlay).frames == 10
    assert "attention in time" in figure.read_text()


def test_those_of_several_videos_go_into_a_folder_and_a_bad_one_does_not_lose_the_others(
    run: Run, home: Path, tmp_path: Path
) -> None:
    (home / "notes.mp4").write_text("not a video")
    into = tmp_path / "new" / "pictures"
    done = run("one.mp4", "notes.mp4", "two.mp4", "--overlay", str(into), "--figure", str(into), "--json")
    assert done.exit_code == 1
    names = sorted(path.name for path in into.iterdir())
    assert names == ["one-overlay.mp4", "one.png", "two-overlay.mp4", "two.png"]
    document = json.loads(done.stdout)
    assert sorted(Path(path).name for path in document["written"]) == names
    assert [item["path"] for item in document["failed"]] == ["notes.mp4"]


def test_a_folder_of_images_has_an_overlay_where_its_rate_is_given(run: Run, tmp_path: Path) -> None:
    overlay = tmp_path / "out.mp4"
    without = run("images", "--overlay", str(overlay))
    assert without.exit_code == 2
    assert "the frame rate of images is unknown" in without.stderr
    assert run("images", "--overlay", str(overlay), "--fps", "100").exit_code == 0
    assert video_info(overlay).fps == pytest.approx(100)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("one.mp4", "--overlay", "out.gif"), "out.gif ends in none of .mp4"),
        (("one.mp4", "--overlay", "one.mp4"), "one.mp4 is the video itself, which would be overwritten"),
        (("one.mp4", "--overlay", "nowhere/out.mp4"), "there is no folder"),
        (("one.mp4", "--figure", "out.jpg"), "out.jpg ends in none of .png, .svg, .pdf"),
        (("one.mp4", "two.mp4", "--overlay", "out.mp4"), "--overlay out.mp4 is one file, and there are 2 videos"),
        (("one.mp4", "./one.mp4", "--figure", "pictures"), "two videos have one name"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_read(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr("dstan.inference.load_model", lambda *_, **__: pytest.fail("the model was read"))
    before = sorted(home.rglob("*"))
    done = run(*given)
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert sorted(home.rglob("*")) == before


def test_help_says_what_confidence_is(run: Run) -> None:
    said = " ".join(run("--help").stdout.replace("│", " ").split())
    assert "Name no class, but say undecided, where even the likeliest has a lower probability" in said
    assert "docs/evaluation.md" in said
