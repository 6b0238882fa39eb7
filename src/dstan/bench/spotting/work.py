"""Drawing a session, spotting in it, and keeping what was found as JSON, so that a killed bench goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._progress import silent
from dstan.bench.spotting.plain import spot_changes
from dstan.bench.spotting.plan import Video
from dstan.inference.spotting import SpottingSettings
from dstan.inference.spotting.event import Interval
from dstan.synthesis.session import draw_session, read_truth, truth_beside, write_session

REASONS = ("mouth", "head", "blink", "light", "too long", "too short")
"""Reasons for which spotting rejects a peak; each is ignored once, and all of them at once."""
Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One video, and the folder where everything is kept."""

    video: Video
    out: Path

    def __str__(self) -> str:
        return str(self.video)

    @property
    def record(self) -> Path:
        """Where what was found is kept."""
        return self.out / "found" / f"{self.video}.json"

    def done(self) -> bool:
        """Tell whether this very video was measured."""
        return self.record.is_file() and json.loads(self.record.read_text())["video"] == _plain(self.video)


def measure(task: Task) -> None:
    """Draw a session unless it is there, spot in it, name what was found, and keep it.

    Parameters
    ----------
    task
        Which, and where.
    """
    from dstan.inference import load_model
    from dstan.inference.spotting.finding import find_events
    from dstan.inference.spotting.following import follow
    from dstan.inference.spotting.instants import Reading
    from dstan.inference.spotting.naming import name_events

    video, path, settings = task.video, draw(task.video, task.out), SpottingSettings()
    began = time.process_time()
    reading = Reading(path, None)
    course = follow(reading, settings, silent)
    everything = find_events(course, reading.times, settings.replaced({"threshold": 0.0})).events
    followed = time.process_time()
    sure = [event for event in everything if event.confidence >= settings.threshold]
    model = load_model()
    began_naming = time.process_time()
    named, _ = name_events(sure, path, model, fps=None, min_confidence=None, progress=silent)
    names = time.process_time()

    def _without(reasons: Collection[str]) -> list[list[int]]:
        return [_frames(one) for one in find_events(course, reading.times, settings, reasons).events]

    record = {
        "video": _plain(video),
        "frames": len(reading.times),
        "seconds": reading.seconds,
        "threshold": settings.threshold,
        "spotting_seconds": followed - began,
        "naming_seconds": names - began_naming,
        "truth": asdict(read_truth(truth_beside(path))),
        "events": [[*_frames(one), one.prediction.label if one.prediction else None] for one in named],
        "unsure": [[*_frames(one), one.confidence] for one in everything],
        "without": {**{why: _without({why}) for why in REASONS}, "any": _without(REASONS)},
        "changes": spot_changes(path, video.fps),
    }
    task.record.parent.mkdir(parents=True, exist_ok=True)
    _atomic.write_json(task.record, record)


def draw(video: Video, folder: Path) -> Path:
    """Write a session's video and truth unless they are there; the truth is written last.

    Parameters
    ----------
    video
        Which.
    folder
        Where everything is kept.

    Returns
    -------
    The video.
    """
    path = video.file(folder)
    session = draw_session(video.seed, video.seconds, video.fps, video.size, video.per_minute)
    if not truth_beside(path).is_file() or read_truth(truth_beside(path)) != session.truth:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_session(path, session, crf=video.crf)
    return path


def _frames(one: Interval) -> list[int]:
    return [one.onset, one.apex, one.offset]


def _plain(video: Video) -> Record:
    """Return a video as it comes back from JSON."""
    plain: Record = json.loads(json.dumps(asdict(video)))
    return plain
