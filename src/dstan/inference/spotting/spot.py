"""From a video of any length to its micro-expressions, named."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan._progress import Progress, silent
from dstan.errors import FaceError
from dstan.inference.predict import check_confidence
from dstan.inference.shipped import SYNTHETIC_ONLY, has_seen_drawn_motion_only
from dstan.inference.spotting.event import Event, Interval, Rejected, Spotting, Stretch
from dstan.inference.spotting.eyes import blinks, glances
from dstan.inference.spotting.following import Course, follow
from dstan.inference.spotting.instants import Reading
from dstan.inference.spotting.judging import Run, Surroundings, confidence, reason_against
from dstan.inference.spotting.naming import name_events
from dstan.inference.spotting.peaks import SHARE, Peak, find_peaks, parts
from dstan.inference.spotting.regions import REGIONS
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
    events, rejected, motion = _find(course, reading, settings)
    warnings = [*_warnings(reading, course, fps)]
    if model is not None:
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
        rejected=tuple(rejected),
        stretches=_stretches(course, reading),
        times=course.times,
        motion=motion,
        model="" if model is None else model.recognizer.name,
        warnings=tuple(warnings),
    )


def _about(model: Model) -> list[str]:
    return [SYNTHETIC_ONLY] if has_seen_drawn_motion_only(model.recognizer) else []


def _find(
    course: Course, reading: Reading, settings: SpottingSettings
) -> tuple[list[Event], list[Rejected], NDArray[np.float64]]:
    events: list[Event] = []
    rejected: list[Rejected] = []
    motion = np.full(len(course.times), np.nan)
    for part in parts(course.stretch):
        times, place = course.times[part], _Place(course.frames[part], reading)
        peaks, motion[part] = find_peaks(times, course.regions[part], settings)
        shut = blinks(times, course.eyes[part])
        around = Surroundings(times, course.head[part], course.light[part], shut)
        for peak in peaks:
            where = place.interval((peak.onset, peak.apex, peak.offset))
            if (why := reason_against(peak, peaks, around, settings)) is not None:
                rejected.append(Rejected(**vars(where), reason=why))
            elif (sure := confidence(peak)) >= settings.threshold:
                events.append(
                    Event(
                        **vars(where), regions=_regions(peak), confidence=sure, stretch=int(course.stretch[part.start])
                    )
                )
        for why, runs in (("blink", shut), ("gaze", glances(times, course.eyes[part]))):
            rejected += [Rejected(**vars(place.interval(run)), reason=why) for run in runs]
    return events, _thinned(rejected), motion


class _Place:
    """Where instants lie in the video."""

    def __init__(self, frames: NDArray[np.float64], reading: Reading) -> None:
        self._frames, self._seconds = frames, reading.times

    def interval(self, run: Run) -> Interval:
        first, last = int(np.ceil(self._frames[0])), int(self._frames[-1])
        onset, apex, offset = (int(np.clip(round(self._frames[at]), first, last)) for at in run)
        seconds = (self._seconds[frame] for frame in (onset, apex, offset))
        return Interval(onset, apex, offset, *seconds)


def _regions(peak: Peak) -> dict[str, float]:
    least = SHARE * float(peak.moved.max())
    ranked = sorted(zip(peak.moved, REGIONS, strict=True), key=lambda pair: -pair[0])
    return {region.name: round(float(moved), 3) for moved, region in ranked if moved >= least}


def _thinned(rejected: list[Rejected]) -> list[Rejected]:
    """Return what was rejected in order; of two that overlap for one reason, the first."""
    kept: list[Rejected] = []
    for one in sorted(rejected, key=lambda item: (item.onset, item.offset)):
        if not any(other.reason == one.reason and other.offset >= one.onset for other in kept[-6:]):
            kept.append(one)
    return kept


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
