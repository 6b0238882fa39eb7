"""Many real videos through the one engine: the same files whoever finds them, and nothing lost by one bad video."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dstan.errors import DstanError, FaceError, FrameError, ModelError
from dstan.inference.spotting import Spotting, SpottingSettings, many
from dstan.inference.spotting.many import Request, processes, spot_videos
from dstan.reports.video_files import write_files
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.training import memory
from dstan.video import write_video

FPS = 30.0
TEXT = ("json", "csv", "eaf", "vtt")
Found = dict[str, Spotting | DstanError]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Draw a face that lowers its brows, one that raises them, and grey pictures without a face."""
    folder = tmp_path_factory.mktemp("recordings")
    paths = []
    for seed, units in ((3, {4: (2.4, 2.4)}), (4, {1: (2.0, 2.0), 2: (2.0, 2.0)})):
        motion = draw_motion([Expression(units)], Timeline((Phases(onset=20, apex=25, offset=32),), 50), FPS, seed)
        paths.append(folder / f"{seed}.mp4")
        write_video(paths[-1], Performance(portrait_of(seed, 320, 240), motion, seed).frames(), FPS)
    nobody = folder / "nobody.mp4"
    write_video(
        nobody, ((next(Performance(portrait_of(3, 320, 240), motion, 3).frames()) * 0 + 90) for _ in range(8)), FPS
    )
    return [paths[0], nobody, paths[1]]


def found(videos: list[Path], **how: int | None) -> Found:
    outcomes = spot_videos(videos, Request(), **how)  # type: ignore[arg-type]
    return {videos[index].stem: outcome for index, outcome in outcomes}


def files(some: Found, folder: Path) -> dict[str, bytes]:
    for name, one in some.items():
        if isinstance(one, Spotting):
            write_files(folder, one, TEXT, {"video": name})
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.slow
def test_any_number_of_processes_writes_the_same_bytes_and_a_bad_video_loses_no_other(
    videos: list[Path], tmp_path: Path
) -> None:
    ways = {workers: found(videos, workers=workers) for workers in (0, 1, 2)}
    for outcome in ways.values():
        assert set(outcome) == {"3", "nobody", "4"}
        assert isinstance(outcome["nobody"], FaceError)
        assert outcome["nobody"].where == str(videos[1])
    written = [files(outcome, tmp_path / str(workers)) for workers, outcome in ways.items()]
    assert len(written[0]) == 2 * len(TEXT)
    assert written[0] == written[1] == written[2]
    assert b"surprise" in b"".join(written[0].values())


def test_a_relative_path_is_found_by_other_processes_and_stays_as_it_was_given(
    videos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(videos[0].parent)
    ((_, one),) = spot_videos([Path("3.mp4")], Request(), workers=1)
    assert isinstance(one, Spotting)
    assert one.path == Path("3.mp4")
    assert [event.prediction.path for event in one.events if event.prediction] == [Path("3.mp4")]
    ((_, error),) = spot_videos([Path("nowhere.mp4")], Request(name=False), workers=1)
    assert isinstance(error, FrameError)
    assert error.where == "nowhere.mp4"


def test_progress_counts_videos(videos: list[Path]) -> None:
    told: list[tuple[str, int, int, str]] = []

    def tell(stage: str, done: int, total: int, note: str = "") -> None:
        told.append((stage, done, total, note))

    list(spot_videos(videos[1:2], Request(name=False), workers=0, progress=tell))
    assert told == [("videos", 0, 1, ""), ("videos", 1, 1, "nobody.mp4")]


def test_a_folder_that_is_no_model_is_said_before_any_video(videos: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.json is missing"):
        next(iter(spot_videos(videos, Request(model=tmp_path))))


def test_no_more_processes_than_memory_has_room_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(many, "usable_cores", lambda: 8)
    monkeypatch.setattr(memory, "_free", lambda device: 2**30)
    assert processes(10) == 1
    assert "memory has room for 1 at a time" in caplog.text
    monkeypatch.setattr(memory, "_free", lambda device: 2**40)
    assert processes(10) == 8
    assert processes(1) == 1


def test_what_is_asked_differs_with_the_video_and_every_setting(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"1")
    asked = Request().about(video, "x")
    others = [
        Request(SpottingSettings(threshold=0.7)).about(video, "x"),
        Request(fps=30).about(video, "x"),
        Request(min_confidence=0.5).about(video, "x"),
        Request().about(video, "y"),
    ]
    video.write_bytes(b"12")
    others.append(Request().about(video, "x"))
    assert all(other != asked for other in others)
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"1")
    one = Request().about(folder, None)
    (folder / "2.png").write_bytes(b"1")
    assert Request().about(folder, None) != one
    assert Request().about(tmp_path / "nowhere", None)["video"] is None


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on_to_the_same_bytes(
    videos: list[Path], tmp_path: Path
) -> None:
    good = [videos[0], videos[2], *(_again(videos[0], number) for number in range(4))]
    out, whole = tmp_path / "out", tmp_path / "whole"
    command = [sys.executable, "-m", "dstan", "spot", *map(str, good), "--workers", "1", "--out"]
    process = subprocess.Popen([*command, str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "3.json").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    said, noted = process.communicate(timeout=60)
    assert process.returncode == 130, noted
    assert "Traceback" not in noted
    assert "the same command goes on" in noted
    kept = {file.name: file.stat().st_mtime_ns for file in out.glob("*.json")}
    assert 1 <= len(kept) < len(good)
    assert all(str(out / name) in said for name in kept)
    assert subprocess.run([*command, str(out)], capture_output=True, check=True).returncode == 0
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    subprocess.run([*command, str(whole)], capture_output=True, check=True)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == {
        file.name: file.read_bytes() for file in whole.iterdir()
    }


def _again(video: Path, number: int) -> Path:
    copy = video.with_name(f"again-{number}.mp4")
    copy.write_bytes(video.read_bytes())
    return copy
