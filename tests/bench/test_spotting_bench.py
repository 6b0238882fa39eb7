"""`dstan bench spotting`: how what was found is counted and explained, and that a session is measured once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from dstan.bench import spotting
from dstan.bench.memory import repeat_video
from dstan.bench.spotting import Size, bench_spotting
from dstan.bench.spotting.plain import spot_changes
from dstan.bench.spotting.plan import NO_EVENTS, Video, plan
from dstan.bench.spotting.scores import (
    ALL_PEAKS,
    NOTHING,
    PARTLY,
    SPOTTING,
    cause_rows,
    causes_of,
    error_rows,
    found_rows,
    interval_of_f1,
    name_rows,
    rejection_rows,
    sure_rows,
)
from dstan.bench.spotting.work import REASONS, Task, measure
from dstan.cli import app
from dstan.errors import ConfigError
from dstan.spotting_metrics import SpottingCounts
from dstan.synthesis.session import FIRST_MEASURED
from dstan.video import video_info, write_video


def _record(**changed: Any) -> dict[str, Any]:
    """Return a minute with two true events, of which the first is found, and three false ones."""
    false = [[300, 305, 312, "negative"], [500, 503, 508, "negative"], [700, 702, 704, "positive"]]
    events = [[99, 104, 110, "positive"], *false]
    record = {
        "video": {"kind": "30 fps", "fps": 30.0},
        "frames": 1800,
        "seconds": 60.0,
        "spotting_seconds": 30.0,
        "naming_seconds": 1.0,
        "truth": {
            "events": [
                {"onset": 100, "apex": 104, "offset": 111, "label": "positive"},
                {"onset": 505, "apex": 510, "offset": 519, "label": "negative"},
            ],
            "distractors": [
                {"kind": "blink", "first": 301, "last": 309},
                {"kind": "light", "first": 200, "last": 400},
            ],
        },
        "events": events,
        "unsure": [[99, 104, 110, 0.9], [300, 305, 312, 0.7], [900, 902, 909, 0.1]],
        "without": {**{why: [row[:3] for row in events] for why in REASONS}, "any": [[0, 5, 9]]},
        "changes": [],
    }
    return {**record, **changed}


def test_events_are_counted_and_their_errors_measured() -> None:
    row = next(one for one in found_rows({"30 fps": [_record()]}) if one["method"] == SPOTTING)
    assert (row["events"], row["found"], row["false"]) == (2, 1, 3)
    assert row["F1"] == pytest.approx(2 / 6)
    off = error_rows({"30 fps": [_record()]})
    assert [row["method"] for row in off] == [SPOTTING]
    assert (off[0]["onset, ms"], off[0]["apex, ms"]) == (pytest.approx(1000 / 30), 0)


def test_false_events_are_put_down_to_what_went_on_there() -> None:
    record = _record()
    assert causes_of(record, record["events"]) == ["blink", PARTLY, NOTHING]
    assert causes_of(record, [(250, 255, 260)]) == ["light"]
    rows = {row["method"]: row for row in cause_rows({"30 fps": [record, record]})}
    assert rows[SPOTTING]["blink"] == 1
    assert rows[SPOTTING]["all"] == 3
    assert rows[ALL_PEAKS][NOTHING] == 1


def test_the_interval_holds_the_score_and_is_narrow_where_people_agree() -> None:
    alike = [SpottingCounts(4, 1, 1)] * 8
    assert interval_of_f1(alike) == (pytest.approx(0.8), pytest.approx(0.8))
    low, high = interval_of_f1([SpottingCounts(4, 1, 1), SpottingCounts(0, 3, 5)] * 4)
    assert low < 8 / 18 < high


def test_names_are_scored_on_what_was_found() -> None:
    row = name_rows({"30 fps": [_record()]})[0]
    assert (row["found"], row["named right"]) == (1, 1)
    assert row["UF1 of names"] == pytest.approx(0.5)  # no negative one was found
    assert row["STRS"] == pytest.approx(0.5 * 2 / 6)


def test_confidence_is_set_against_what_is_true() -> None:
    rows = sure_rows([_record()])
    assert [(row["from"], row["peaks"], row["share true"]) for row in rows] == [(0.0, 1, 0), (0.6, 1, 0), (0.8, 1, 1)]


def test_each_rejection_and_all_of_them_are_left_out() -> None:
    rows = rejection_rows([_record()])
    assert len(rows) == len(REASONS) + 2
    assert (rows[-1]["rejection"], rows[-1]["found"]) == ("without any", 0)


def test_the_bench_measures_people_whom_nobody_tuned_on() -> None:
    videos = plan(Size(sessions=3))
    assert min(video.seed for video in videos) == FIRST_MEASURED
    assert len({str(video) for video in videos}) == len(videos)
    assert {video.fps for video in videos} == {30.0, 60.0, 200.0}
    assert all(video.per_minute == {"micro": 0.0} for video in videos if video.kind == NO_EVENTS)


def test_picture_differences_find_what_comes_and_goes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(118, 122, (120, 64, 64, 3)).astype(np.uint8)
    shown = 40 * np.sin(np.pi * np.clip((np.arange(120) - 60) / 10, 0, 1))
    frames[:, 16:48, 16:48] += shown[:, None, None, None].astype(np.uint8)
    write_video(tmp_path / "a.avi", frames, 30, codec="ffv1")
    spotted = spot_changes(tmp_path / "a.avi", 30)
    onset, apex, offset = max(spotted, key=lambda one: one[2] - one[0])
    assert 60 <= onset < apex < offset <= 70
    assert abs(apex - 65) <= 1


def test_a_video_is_shown_again_and_again_behind_itself(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (45, 64, 64, 3)).astype(np.uint8)
    write_video(tmp_path / "1.mp4", frames, 30)
    repeat_video(tmp_path / "1.mp4", tmp_path / "3.mp4", 3, 1.5)
    info = video_info(tmp_path / "3.mp4")
    assert info.frames == 135
    assert info.duration == pytest.approx(4.5, abs=0.05)


def test_too_little_to_measure_on_is_refused() -> None:
    with pytest.raises(ConfigError, match="too little"):
        bench_spotting(size=Size(sessions=1, seconds=2))


def test_options_of_one_bench_are_refused_by_another() -> None:
    for command in (["bench", "motion", "--sessions", "2"], ["bench", "spotting", "--device", "cuda"]):
        told = CliRunner().invoke(app, command, env={"COLUMNS": "160"})
        assert told.exit_code != 0
        assert "spotting" in str(told.exception) + told.output


@pytest.mark.slow
def test_a_session_is_drawn_spotted_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = Video("30 fps", 3, 6.0, 30.0, (240, 320), per_minute={"micro": 20, "talking": 0, "head": 0, "macro": 0})
    monkeypatch.setattr(spotting, "plan", lambda size: (video,))
    tables = bench_spotting(tmp_path, size=Size(sessions=1, seconds=12), workers=0, growth=False)
    assert [table.name for table in tables.tables][:3] == ["found", "errors", "false events"]
    told = json.loads((tmp_path / "spotting.json").read_text())
    assert told["tables"][0]["rows"][0]["events"] == 2
    assert (tmp_path / "found.png").is_file()
    record = Task(video, tmp_path).record
    kept = record.stat().st_mtime_ns
    bench_spotting(tmp_path, size=Size(sessions=1, seconds=12), workers=0, growth=False)
    assert record.stat().st_mtime_ns == kept
    assert not Task(replace(video, seconds=7.0), tmp_path).done()
    measure(Task(video, tmp_path))
    assert record.stat().st_mtime_ns != kept
