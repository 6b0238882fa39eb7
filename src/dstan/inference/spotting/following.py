"""A whole video, read once: who is in view when, and how the regions of that face move."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dstan._progress import Progress, silent
from dstan.inference.spotting.face import Face, Measure
from dstan.inference.spotting.instants import Instant, Reading, group_size, how_many, instants
from dstan.inference.spotting.regions import REGIONS
from dstan.inference.spotting.settings import SpottingSettings
from dstan.inference.spotting.watching import Watcher, watching

_EYES = 4


@dataclass(frozen=True, eq=False)
class Course:
    """How a face moved through a video, at n instants.

    Parameters
    ----------
    times, frames
        (n,) seconds, and positions in the video counted from 0, of the instants.
    regions
        (n, regions, 2) per cent of the distance between the eyes, NaN where no face was followed. The path begins anew
        after a NaN.
    head, eyes, light
        (n, 4), (n, 4), (n,) see :class:`~dstan.inference.spotting.face.Measure`.
    stretch
        (n,) which stretch an instant belongs to, -1 for none.
    most
        Most faces seen at once.
    """

    times: NDArray[np.float64]
    frames: NDArray[np.float64]
    regions: NDArray[np.float32]
    head: NDArray[np.float32]
    eyes: NDArray[np.float32]
    light: NDArray[np.float32]
    stretch: NDArray[np.int64]
    most: int


def follow(reading: Reading, settings: SpottingSettings, progress: Progress = silent) -> Course:
    """Read a video once and follow one face at a time through it.

    Parameters
    ----------
    reading
        The video; it remembers the times of the frames.
    settings
        How closely it is looked at.
    progress
        Told "spot", frames that were read and frames in all.

    Raises
    ------
    FrameError
        If the video cannot be read.
    MissingDependencyError
        If MediaPipe or OpenCV cannot be imported.
    """
    from threadpoolctl import threadpool_limits

    total, fps = how_many(reading.path, reading.fps)
    rows = _Rows()
    with threadpool_limits(1), watching() as watcher:  # for matrices as small as these, threads wait for each other
        pursuit = _Pursuit(watcher, settings)
        for instant in instants(reading, group_size(fps, settings.rate), settings.rate):
            rows.add(instant, pursuit.measure(instant), pursuit.stretch)
            done = len(reading.times)
            if done % 10 < len(instant.pictures):
                progress("spot", done, max(done, total))
    progress("spot", len(reading.times), len(reading.times))
    return rows.course(watcher.most)


class _Pursuit:
    """Stays with one face; a new stretch begins with the largest once it has been away."""

    def __init__(self, watcher: Watcher, settings: SpottingSettings) -> None:
        self._watcher, self._settings = watcher, settings
        self._face: Face | None = None
        self._looked = self._seen = -np.inf
        self._last: NDArray[np.float32] | None = None
        self._stretches = 0

    @property
    def stretch(self) -> int:
        """Which stretch goes on."""
        return self._stretches - 1

    def measure(self, instant: Instant) -> Measure | None:
        """Measure one instant; None where no face is followed there, or the path begins anew after it."""
        if instant.time - self._looked >= 1 / self._settings.looks - 1e-6:
            self._look(instant)
        if self._face is None:
            return None
        measure = self._face.measure(instant)
        if measure is None:
            self._face = None
            self._look(instant)
        return measure

    def _look(self, instant: Instant) -> None:
        if instant.time - self._seen > self._settings.lost_seconds:
            self._last = None
        before = self._last if self._face is None else self._face.expected()
        points = self._watcher.look(instant.pictures[-1], before)
        self._looked = instant.time
        if points is None:
            self._face = None
            return
        self._stretches += self._last is None
        self._last, self._seen = points, instant.time
        if self._face is not None and not self._face.saw(points):
            self._face = None
        elif self._face is None:
            self._face = Face(points, instant, self._settings)


@dataclass
class _Rows:
    """The measures so far, a few numbers an instant."""

    times: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    stretch: list[int] = field(default_factory=list)
    measures: list[Measure | None] = field(default_factory=list)

    def add(self, instant: Instant, measure: Measure | None, stretch: int) -> None:
        self.times.append(instant.time)
        self.frames.append(instant.frame)
        self.stretch.append(-1 if measure is None else stretch)
        self.measures.append(measure)

    def course(self, most: int) -> Course:
        lost = Measure(
            np.full((len(REGIONS), 2), np.nan, np.float32),
            np.full(4, np.nan, np.float32),
            np.full(_EYES, np.nan, np.float32),
            np.nan,
        )
        known = [lost if one is None else one for one in self.measures]
        return Course(
            times=np.array(self.times),
            frames=np.array(self.frames),
            regions=np.array([one.regions for one in known], np.float32).reshape(-1, len(REGIONS), 2),
            head=np.array([one.head for one in known], np.float32).reshape(-1, 4),
            eyes=np.array([one.eyes for one in known], np.float32).reshape(-1, _EYES),
            light=np.array([one.light for one in known], np.float32),
            stretch=np.array(self.stretch, np.int64),
            most=most,
        )
