"""From a video of any length to its micro-expressions, named."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dstan._engine import single_thread
from dstan._progress import Progress, silent
from dstan.errors import FaceError
from dstan.inference.predict import check_confidence
from dstan.inference.shipped import SYNTHETIC_ONLY, has_seen_drawn_motion_only
from dstan.inference.spotting.event import Spotting, Stretch
from dstan.inference.spotting.finding import find_events
from dstan.inference.spotting.following import Course, follow
from dstan.inference.spotting.instants import Reading
from dstan.inference.spotting.naming import name_events
from dstan.inference.spotting.settings import SpottingSettings

if TYPE_CHECKING:
    from dstan.inference.predict import Model

SLOW = 20.0
"""Frames per second below which a micro-expression shows in too few frames."""


def spot_video(
    path: str | os.PathLike[str],
    model: Model | None = None,
    *,
    settings: SpottingSettings | None = None,
    fps: float | None = None,
    min_confidence: float | None = None,
    progress: Progress = silent,
) -> Spotting:
    """Find the micro-expressions in a video of any length, and name them.

    The video is read once, and a few numbers are kept of each instant, so memory hardly grows with its length.

    Parameters
    ----------
    path
        A video file or a folder of images.
    model
        Names each event; None leaves them without a name.
    settings
        What counts as a micro-expression.
    fps
        Frames per second of an image folder; a video file knows its own.
    min_confidence
        Probability below which the model abstains from naming.
    progress
        Told "spot" with frames, then "name" with events.

    Returns
    -------
    The events, what was rejected and why, and the motion signal.

    Raises
    ------
    FrameError
        If the video cannot be read, or frames in a folder have no rate.
    FaceError
        If there is no face in it.
    MissingDependencyError
        If MediaPipe or OpenCV cannot be imported.
    """
    settings = settings or SpottingSettings()
    path = Path(path)
    check_confidence(min_confidence)
    reading = Reading(path, fps if path.is_dir() else None)
    course = follow(reading, settings, progress)
    if not (course.stretch >= 0).any():
        raise FaceError(
            f"no face was found in its {len(reading.times)} frames",
            where=path,
            hint="The face should be upright, in view and at least a fifth as high as the frame; crop closer",
        )
    found = find_events(course, reading.times, settings)
    events = found.events
    warnings = [*_warnings(reading, course, fps)]
    if model is not None:
        with single_thread():  # with more of them a network adds in another order, and the last bits differ
            events, unnamed = name_events(
                events, path, model, fps=reading.fps, min_confidence=min_confidence, progress=progress
            )
        warnings += [*_about(model), *unnamed]
    return Spotting(
        path=path,
        frames=len(reading.times),
        fps=reading.rate,
        seconds=reading.seconds,
        events=tuple(events),
        rejected=tuple(found.rejected),
        stretches=_stretches(course, reading),
        times=course.times,
        motion=found.motion,
        model="" if model is None else model.recognizer.name,
        warnings=tuple(warnings),
    )


def _about(model: Model) -> list[str]:
    return [SYNTHETIC_ONLY] if has_seen_drawn_motion_only(model.recognizer) else []


def _stretches(course: Course, reading: Reading) -> tuple[Stretch, ...]:
    found = []
    for number in range(int(course.stretch.max()) + 1):
        at = np.flatnonzero(course.stretch == number)
        if len(at):
            first, last = int(np.floor(course.frames[at[0]])), int(np.ceil(course.frames[at[-1]]))
            found.append(Stretch(first, last, reading.times[first], reading.times[last]))
    return tuple(found)


def _warnings(reading: Reading, course: Course, fps: float | None) -> Iterable[str]:
    if reading.broken:
        yield (
            f"{reading.broken} after {reading.seconds:.1f} s (frame {len(reading.times) - 1}): "
            "what lies behind that was not looked at"
        )
    if course.most > 1:
        yield f"{course.most} faces in view: one was followed at a time, the largest first"
    if fps is not None and not reading.path.is_dir():
        yield "a video file knows its own frame rate: --fps is ignored"
    if reading.rate < SLOW:
        yield f"{reading.rate:.1f} frames per second are few: a micro-expression shows in a handful of them"
