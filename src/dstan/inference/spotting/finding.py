"""What a face did in a video, judged: micro-expressions, and what was left out and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dstan.inference.spotting.event import Event, Interval, Rejected
from dstan.inference.spotting.eyes import blinks, glances
from dstan.inference.spotting.following import Course
from dstan.inference.spotting.judging import Run, Surroundings, confidence, reason_against
from dstan.inference.spotting.peaks import SHARE, Peak, find_peaks, parts
from dstan.inference.spotting.regions import REGIONS
from dstan.inference.spotting.settings import SpottingSettings


@dataclass(frozen=True, eq=False)
class Found:
    """What was found: ``events``, what was ``rejected``, both in order, and (n,) the ``motion`` signal."""

    events: list[Event]
    rejected: list[Rejected]
    motion: NDArray[np.float64]


def find_events(
    course: Course, seconds: Sequence[float], settings: SpottingSettings, ignore: Collection[str] = ()
) -> Found:
    """Judge all that comes and goes in a video.

    Parameters
    ----------
    course
        How the face moved, from :func:`~dstan.inference.spotting.following.follow`.
    seconds
        Of every frame of the video.
    settings
        What counts as a micro-expression.
    ignore
        Reasons for which nothing is to be rejected, to see what each is good for.
    """
    found = Found([], [], np.full(len(course.times), np.nan))
    for part in parts(course.stretch):
        times, place = course.times[part], _Place(course.frames[part], seconds)
        peaks, found.motion[part] = find_peaks(times, course.regions[part], settings)
        shut = blinks(times, course.eyes[part])
        around = Surroundings(times, course.head[part], course.light[part], shut)
        for peak in peaks:
            where, sure = vars(place.interval((peak.onset, peak.apex, peak.offset))), confidence(peak)
            why = reason_against(peak, peaks, around, settings, ignore)
            if why is not None:
                found.rejected.append(Rejected(**where, reason=why))
            elif sure >= settings.threshold:
                stretch = int(course.stretch[part.start])
                found.events.append(Event(**where, regions=_regions(peak), confidence=sure, stretch=stretch))
        for why, runs in (("blink", shut), ("gaze", glances(times, course.eyes[part]))):
            found.rejected.extend(Rejected(**vars(place.interval(run)), reason=why) for run in runs)
    return Found(_apart(found.events, seconds), _thinned(found.rejected), found.motion)


class _Place:
    """Where instants lie in the video."""

    def __init__(self, frames: NDArray[np.float64], seconds: Sequence[float]) -> None:
        self._frames, self._seconds = frames, seconds

    def interval(self, run: Run) -> Interval:
        first, last = int(np.ceil(self._frames[0])), int(self._frames[-1])
        onset, apex, offset = (int(np.clip(round(self._frames[at]), first, last)) for at in run)
        return Interval(onset, apex, offset, *(self._seconds[frame] for frame in (onset, apex, offset)))


def _regions(peak: Peak) -> dict[str, float]:
    least = SHARE * float(peak.moved.max())
    ranked = sorted(zip(peak.moved, REGIONS, strict=True), key=lambda pair: -pair[0])
    return {region.name: round(float(moved), 3) for moved, region in ranked if moved >= least}


def _apart(events: list[Event], seconds: Sequence[float]) -> list[Event]:
    """Return events of which no two share a frame: where two do, the surer keeps them, and the other is shorter."""
    apart: list[Event] = []
    for event in events:
        if apart and event.onset <= (before := apart[-1]).offset:
            if before.confidence >= event.confidence:
                event = replace(event, onset=before.offset + 1, onset_seconds=seconds[before.offset + 1])
            else:
                apart[-1] = replace(before, offset=event.onset - 1, offset_seconds=seconds[event.onset - 1])
        apart.append(event)
    return apart


def _thinned(rejected: list[Rejected]) -> list[Rejected]:
    """Return what was rejected in order; of two that overlap for one reason, the first."""
    kept: list[Rejected] = []
    for one in sorted(rejected, key=lambda item: (item.onset, item.offset)):
        if not any(other.reason == one.reason and other.offset >= one.onset for other in kept[-6:]):
            kept.append(one)
    return kept
