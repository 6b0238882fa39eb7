"""dstan spot: what it prints and writes. What it finds is the library's, which has tests of its own."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dstan._version import __version__
from dstan.cli import app, output, spotting_work
from dstan.errors import FaceError, FrameError
from dstan.inference import Model
from dstan.inference import spotting as library
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.inference.spotting import Spotting, many
from dstan.inference.spotting.many import Request
from dstan.reports import overlay
from spotted import event, spotting

Run = Callable[..., Result]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let the library find what is written by hand; keep what it was asked."""
    calls: list[dict[str, Any]] = []

    def find(path: Path, model: object, **how: Any) -> Spotting:
        calls.append({"path": path, "model": model, **how})
        if path.stem == "scenery":
            raise FaceError("no face was found in its 600 frames", where=path, hint="Crop closer")
        if path.stem == "stop":
            raise KeyboardInterrupt
        if "progress" in how:
            how["progress"]("spot", 600, 600)
        found = spotting(path)
        return found if model else replace(found, events=tuple(replace(one, prediction=None) for one in found.events))

    monkeypatch.setattr(library, "spot_video", find)
    return calls


def run(*arguments: str) -> Result:
    """Run dstan spot on a wide screen."""
    return CliRunner().invoke(app, ["spot", *arguments], env={"COLUMNS": "160"})


HERE = ("--workers", "0")
"""Several videos in this process, where the fakes are; test_spotting_many.py has other processes."""


def test_the_table_says_when_what_and_how_sure(asked: list[dict[str, Any]]) -> None:
    result = run("a.mp4")
    assert result.exit_code == 0, result.output
    assert "a.mp4: 3 micro-expressions in 0:20.0" in result.stdout
    row = next(line for line in result.stdout.splitlines() if "surprise" in line)
    assert row.split() == [
        "1",
        "0:02.000",
        "0:02.167",
        "333",
        "surprise",
        "0.80",
        "0.74",
        *("left", "brow", "1.9,", "mouth", "0.8"),
    ]
    assert "undecided" in result.stdout
    assert "left out: 2 blink, 1 mouth" in result.stdout
    assert "no face was followed from 0:08.3 to 0:13.3" in result.stdout
    assert asked[0]["model"].recognizer.name  # the model that comes along


def test_what_the_model_is_for_is_said_once_and_of_a_video_what_is_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(library, "spot_video", lambda path, *_, **__: spotting(path, warnings=(SYNTHETIC_ONLY, "dark")))
    result = run("a.mp4", "b.mp4", *HERE)
    assert result.stderr.count(SYNTHETIC_ONLY) == 1
    assert [line for line in result.stderr.splitlines() if "dark" in line] == [
        "warning: a.mp4: dark",
        "warning: b.mp4: dark",
    ]


def test_files_are_written_for_each_video(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    out = tmp_path / "new" / "found"
    result = run("one.mp4", "two.mp4", "--out", str(out), *HERE)
    assert result.exit_code == 0, result.output
    suffixes = ("json", "csv", "eaf", "vtt", "png", "svg")
    assert {file.name for file in out.iterdir()} == {f"{stem}.{end}" for stem in ("one", "two") for end in suffixes}
    assert str(out / "one.eaf") in result.stdout
    with (out / "two.csv").open() as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["surprise", "undecided", "positive"]


def test_some_formats_alone_are_written_when_asked_for(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run("one.mp4", "--out", str(tmp_path), "--format", "eaf", "--format", "csv")
    assert result.exit_code == 0, result.output
    assert {file.name for file in tmp_path.iterdir()} == {"one.eaf", "one.csv"}


def test_a_video_that_cannot_be_used_is_named_and_loses_no_other(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run("one.mp4", "scenery.mp4", "two.mp4", "--out", str(tmp_path), "--format", "json", *HERE)
    assert result.exit_code == 1
    assert {file.name for file in tmp_path.iterdir()} == {"one.json", "two.json"}
    assert "error: scenery.mp4: no face was found in its 600 frames" in result.stderr
    assert "hint: Crop closer" in result.stderr
    assert "two.mp4: 3 micro-expressions" in result.stdout


def test_stopping_loses_nothing_that_is_done(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run("one.mp4", "stop.mp4", "two.mp4", "--out", str(tmp_path), "--format", "csv", *HERE)
    assert result.exit_code == 130
    assert [file.name for file in tmp_path.iterdir()] == ["one.csv"]
    assert "stopped; 1 of 3 videos are done and written" in result.stderr
    assert len(asked) == 2


@pytest.fixture
def recordings(tmp_path: Path) -> list[str]:
    """Write files that pass for videos, for what is known of a file is its size and time."""
    files = [tmp_path / "in" / f"{name}.mp4" for name in ("one", "two", "three")]
    files[0].parent.mkdir()
    for file in files:
        file.write_bytes(b"video")
    return [str(file) for file in files]


def test_a_command_that_was_stopped_goes_on_and_ends_with_the_same_files(
    asked: list[dict[str, Any]], recordings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(*recordings, "--out", str(whole), *HERE).exit_code == 0
    find = library.spot_video

    def until_the_second(path: Path, model: object, **how: Any) -> Spotting:
        if path.stem == "two":
            raise KeyboardInterrupt
        return find(path, model, **how)

    monkeypatch.setattr(library, "spot_video", until_the_second)
    assert run(*recordings, "--out", str(out), *HERE).exit_code == 130
    written = {file: file.stat().st_mtime_ns for file in out.iterdir()}
    assert {file.stem for file in written} == {"one"}
    monkeypatch.setattr(library, "spot_video", find)
    asked.clear()
    result = run(*recordings, "--out", str(out), *HERE, "--json")
    assert [call["path"].stem for call in asked] == ["two", "three"]
    assert {file: file.stat().st_mtime_ns for file in written} == written
    assert {file.name: file.read_bytes() for file in out.iterdir()} == {
        file.name: file.read_bytes() for file in whole.iterdir()
    }
    videos = json.loads(result.stdout)["videos"]
    assert [Path(video["video"]).stem for video in videos] == ["one", "two", "three"]
    assert videos[0].keys() == videos[1].keys()
    assert [len(video["files"]) for video in videos] == [6, 6, 6]
    assert "one.mp4: 3 micro-expressions, found before" in result.stderr


@pytest.mark.parametrize("change", ["setting", "model", "video", "format", "damage", "file", "version"])
def test_what_was_found_before_stays_only_while_nothing_differs(
    change: str, asked: list[dict[str, Any]], recordings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, out = recordings[0], tmp_path / "out"
    assert run(video, "--out", str(out), "--format", "json", "--format", "csv").exit_code == 0
    more = {"setting": ["--set", "threshold=0.7"], "model": ["--no-name"], "format": ["--format", "vtt"]}
    if change == "video":
        Path(video).write_bytes(b"another")
    elif change == "damage":
        (out / "one.json").write_text("{")
    elif change == "file":
        (out / "one.csv").unlink()
    elif change == "version":
        text = (out / "one.json").read_text()
        (out / "one.json").write_text(text.replace(f'"dstan": "{__version__}"', '"dstan": "0.0.0"'))
    same = ["--out", str(out), "--format", "json", "--format", "csv"]
    asked.clear()
    assert run(video, *same, *more.get(change, [])).exit_code == 0
    assert len(asked) == 1
    assert run(video, *same, *more.get(change, [])).exit_code == 0
    assert len(asked) == 1


def test_files_are_not_put_beside_a_json_file_that_says_something_else_was_asked(
    asked: list[dict[str, Any]], recordings: list[str], tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert run(recordings[0], *out).exit_code == 0
    assert run(recordings[0], *out, "--format", "csv").exit_code == 0
    result = run(recordings[0], *out, "--format", "csv", "--set", "threshold=0.7")
    assert result.exit_code == 2
    assert "one.json" in result.stderr
    assert "Add --format json" in result.stderr


def test_a_folder_that_cannot_be_written_is_said_before_any_work(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    result = run("one.mp4", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "nothing can be written there" in result.stderr
    assert asked == []


def test_bars_are_off_the_screen_while_a_table_is_printed(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    class Bars:
        """Bars that tell when they are taken away and put back."""

        def stop(self) -> None:
            done.append("stop")

        def start(self) -> None:
            done.append("start")

    monkeypatch.setattr(output, "_BARS", [Bars()])
    monkeypatch.setattr(spotting_work, "show_spotting", lambda found: done.append(found.path.name))
    assert run("one.mp4", "two.mp4", *HERE).exit_code == 0
    assert done == ["stop", "one.mp4", "start", "stop", "two.mp4", "start"]


def test_tables_and_the_document_come_in_the_order_that_was_asked_for(
    recordings: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[list[str]] = []

    def backwards(paths: list[Path], request: Request, **how: Any) -> Iterator[tuple[int, Spotting]]:
        for index in reversed(range(len(paths))):
            yield index, spotting(paths[index])
            written.append(sorted(file.stem for file in tmp_path.glob("*.csv")))

    monkeypatch.setattr(many, "spot_videos", backwards)
    shown = [line for line in run(*recordings, *HERE).stdout.splitlines() if "3 micro-expressions" in line]
    assert [Path(line.partition(":")[0]).stem for line in shown] == ["one", "two", "three"]
    said = json.loads(run(*recordings, *HERE, "--json", "--out", str(tmp_path), "--format", "csv").stdout)
    assert [Path(video["video"]).stem for video in said["videos"]] == ["one", "two", "three"]
    assert written[-3:] == [["three"], ["three", "two"], ["one", "three", "two"]]


def test_json_is_one_document_with_videos_files_and_failures(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run("one.mp4", "scenery.mp4", "--json", "--out", str(tmp_path), "--format", "csv", *HERE)
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["failed"] == [
        {"path": "scenery.mp4", "error": "scenery.mp4: no face was found in its 600 frames. Crop closer"}
    ]
    (video,) = said["videos"]
    assert (video["video"], video["files"]) == ("one.mp4", [str(tmp_path / "one.csv")])
    assert [event["label"] for event in video["events"]] == ["surprise", None, "positive"]
    assert video["warnings"] == [SYNTHETIC_ONLY]


def test_nobody_is_asked_for_names_that_are_not_wanted(asked: list[dict[str, Any]]) -> None:
    result = run("a.mp4", "--no-name")
    assert result.exit_code == 0, result.output
    assert asked[0]["model"] is None
    assert result.stdout.count(" micro-expression ") == 3


def test_settings_rate_and_least_probability_reach_the_library(asked: list[dict[str, Any]]) -> None:
    result = run("a.mp4", "--set", "threshold=0.7", "--set", "longest=0.4", "--fps", "30", "--min-confidence", ".6")
    assert result.exit_code == 0, result.output
    assert (asked[0]["settings"].threshold, asked[0]["settings"].longest) == (0.7, 0.4)
    assert (asked[0]["fps"], asked[0]["min_confidence"]) == (30.0, 0.6)


def test_an_overlay_is_drawn_from_one_look_an_event(
    asked: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Path, list[Any]]] = []
    monkeypatch.setattr(Model, "look", lambda self, path, **how: {"path": path, **how})
    monkeypatch.setattr(overlay, "write_overlay", lambda out, looks, progress: drawn.append((out, list(looks))))
    out = tmp_path / "seen.mp4"
    result = run("a.mp4", "--overlay", str(out), "--min-confidence", "0.6")
    assert result.exit_code == 0, result.output
    ((written, looks),) = drawn
    assert written == out
    assert [(look["onset"], look["apex"], look["offset"]) for look in looks] == [
        (60, 65, 70),
        (120, 125, 130),
        (480, 485, 490),
    ]
    assert all((look["path"], look["min_confidence"]) == (Path("a.mp4"), 0.6) for look in looks)
    assert f"written: {out}" in result.stdout


def test_without_a_named_event_no_overlay_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "spot_video", lambda path, *_, **__: spotting(path, events=(event(60),)))
    result = run("a.mp4", "--overlay", str(tmp_path / "seen.mp4"))
    assert result.exit_code == 0, result.output
    assert "no event was named, so no overlay is written" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.mp4", "b.mp4", "--overlay", "c.mp4"], ["--overlay writes one video"]),
        (["a.mp4", "--overlay", "a.mp4"], ["the video itself"]),
        (["a.mp4", "--overlay", "b.mp4", "--no-name"], ["--no-name goes without"]),
        (["a.mp4", "--format", "csv"], ["not where", "Add --out"]),
        (["a.mp4", "--out", "x", "--format", "elan"], ["--format elan is not known", "Choose from json, csv, eaf"]),
        (["x/a.mp4", "y/a.mov", "--out", "x"], ["2 videos are called a", "one after the other"]),
        (["a.mp4", "--set", "treshold=0.5"], ["no setting 'treshold'", "threshold"]),
        (["a.mp4", "--set", "threshold=7"], ["threshold must be"]),
        (["a.mp4", "--no-name", "--min-confidence", ".5"], ["--no-name goes without"]),
    ],
)
def test_a_call_that_is_wrong_says_what_to_do(
    asked: list[dict[str, Any]], arguments: list[str], words: list[str]
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert all(word in result.stderr for word in words), result.stderr
    assert asked == []


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    result = run("a.mp4", "--out", str(tmp_path / "taken"))
    assert result.exit_code == 1
    assert "taken" in result.stderr


def test_a_video_that_is_not_there_is_said_without_any_fake(tmp_path: Path) -> None:
    result = run(str(tmp_path / "nowhere.mp4"), "--no-name")
    assert result.exit_code == 1
    assert "nowhere.mp4" in result.stderr
    assert FrameError.__name__ not in result.output  # no traceback


def test_a_face_that_moved_everywhere_names_the_regions_that_moved_farthest(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = event(60, regions=dict.fromkeys(("left brow", "right brow", "mouth", "chin", "nose"), 2.0))
    monkeypatch.setattr(library, "spot_video", lambda path, *_, **__: spotting(path, events=(moved,)))
    assert "left brow 2.0, right brow 2.0, mouth 2.0, 2 more" in run("a.mp4").stdout


def test_help_has_an_example() -> None:
    result = run("--help")
    assert "Example: dstan spot session.mp4" in result.output
