"""The frames of a video as instants at a working rate: faster frames are averaged, so that their noise is less."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan.errors import FrameError
from dstan.video import Frame, list_images, read_frames, video_info

FIRST = 20
"""Frames that tell the rate of a video that is damaged."""


@dataclass
class Reading:
    """What has been read of a video so far.

    Parameters
    ----------
    path
        The video file or image folder.
    fps
        Frames per second of an image folder; a video file knows its own.
    times
        Seconds of every frame that was read.
    broken
        What is wrong with it from here on, where it is damaged.
    """

    path: Path
    fps: float | None = None
    times: list[float] = field(default_factory=list)
    broken: str = ""

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, in grey, up to the end or to where the video is damaged.

        Raises
        ------
        FrameError
            If less than a second can be read because of damage, or the video cannot be read at all.
        """
        frames = read_frames(self.path, fps=self.fps)
        while True:
            try:
                frame = next(frames, None)
            except FrameError as error:
                if not self.times or self.times[-1] < 1:
                    raise
                self.broken = error.what
                return
            if frame is None:
                return
            self._take(frame)
            yield frame

    def _take(self, frame: Frame) -> None:
        if math.isnan(frame.time):
            raise _untimed(self.path)
        before = self.times[-1] if self.times else -math.inf
        self.times.append(max(frame.time, before + 1e-6))

    @property
    def seconds(self) -> float:
        """How long the frames last that were read, the last one as long as the others."""
        count = len(self.times)
        return 0.0 if count == 0 else self.times[-1] + (self.times[-1] / (count - 1) if count > 1 else 1 / self._one())

    @property
    def rate(self) -> float:
        """Frames per second on average of those that were read."""
        return len(self.times) / self.seconds if self.times else self._one()

    def _one(self) -> float:
        return self.fps or 25.0


def how_many(path: Path, fps: float | None) -> tuple[int, float]:
    """Return how many frames a source declares and how many a second; of an image folder the rate is the caller's.

    Of a damaged video the number is unknown, 0, and the rate is that of its first frames.

    Raises
    ------
    FrameError
        If a video cannot be read at all or an image folder comes without a rate.
    """
    if path.is_dir():
        if fps is None:
            raise _untimed(path)
        return len(list_images(path)), fps
    try:
        info = video_info(path)
    except FrameError:
        times = [frame.time for frame in itertools.islice(read_frames(path), FIRST)]
        return 0, (len(times) - 1) / max(times[-1], 1e-3) if len(times) > 1 else 25.0
    return info.frames, info.fps


def _untimed(path: Path) -> FrameError:
    if not path.is_dir():
        return FrameError(
            "its frames have no times, and a micro-expression is told by how long it lasts",
            where=path,
            hint="Re-encode it: ffmpeg -i VIDEO -c:v libx264 -crf 12 new.mp4",
        )
    return FrameError(
        "the frames of a folder have no times of their own, and a micro-expression is told by how long it lasts",
        where=path,
        hint="State the frames per second: --fps 100",
    )


def group_size(fps: float, rate: float) -> int:
    """Return how many frames are averaged to one instant: as many as keep the rate near the working rate, or one."""
    return max(1, round(fps / rate))


@dataclass(frozen=True)
class Instant:
    """Some frames in a row, taken as one.

    Parameters
    ----------
    time
        Seconds, the mean of its frames.
    frame
        Position of its middle, counted from 0; a half where it lies between two frames.
    pictures
        (H, W) grey of each of its frames.
    """

    time: float
    frame: float
    pictures: tuple[NDArray[np.uint8], ...]


def instants(reading: Reading, size: int, rate: float) -> Iterator[Instant]:
    """Yield the instants of a video, one at a time.

    Frames farther apart than two periods of the working rate are never averaged, as where the rate varies.

    Parameters
    ----------
    reading
        The video.
    size
        Frames to an instant at most.
    rate
        Instants a second at most.
    """
    group: list[Frame] = []
    for frame in reading.frames():
        if group and (len(group) == size or frame.time - group[0].time > 2 / rate):
            yield _instant(group)
            group = []
        group.append(frame)
    if group:
        yield _instant(group)


def _instant(group: list[Frame]) -> Instant:
    time, index = (float(np.mean([getattr(frame, name) for frame in group])) for name in ("time", "index"))
    return Instant(time, index, tuple(frame.pixels for frame in group))
