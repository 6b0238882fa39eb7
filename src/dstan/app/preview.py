"""The video as every browser plays it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan._progress import Progress, silent
from dstan.video import VideoInfo, read_frames
from dstan.video.packets import opened
from dstan.video.writing import FINEST, Clock, write_timed

LONGEST_SIDE = 960
"""Pixels; larger videos are shown smaller."""
EARLY = 0.001
"""Seconds at which the first frame may be at most, for the player's clock to be that of the events."""


def write_preview(out: Path, video: Path, info: VideoInfo, progress: Progress = silent) -> None:
    """Write an H.264 copy of a video, upright, without sound, every frame at its own time.

    What a browser plays already is copied as it is.

    Parameters
    ----------
    out
        Where to, ``.mp4``.
    video
        The video.
    info
        Its frames and rate.
    progress
        Told each frame, stage "preview".

    Raises
    ------
    FrameError
        If a frame cannot be read.
    """
    if plays(video):
        shutil.copyfile(video, out)
    else:
        write_timed(out, _shown(video, info, progress), Clock(Fraction(1, FINEST)), info.fps)


def plays(video: Path) -> bool:
    """Tell whether browsers play a file as it is: H.264 with 8 bits in MP4, not much larger than shown.

    Its first frame has to be at second 0, too, for a browser counts from the beginning of the file.
    """
    if video.suffix.lower() not in (".mp4", ".m4v"):
        return False
    with opened(video, video) as (_, stream):
        coded, begins = stream.codec_context, float((stream.start_time or 0) * (stream.time_base or 0))
        if abs(begins) > EARLY:
            return False
        small = max(coded.width, coded.height) <= 2 * LONGEST_SIDE
        return bool(small and coded.name == "h264" and coded.pix_fmt in ("yuv420p", "yuvj420p"))


def _shown(video: Path, info: VideoInfo, progress: Progress) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    for frame in read_frames(video, colour=True):
        yield (frame.index / info.fps if math.isnan(frame.time) else frame.time), _fitted(frame.pixels)
        progress("preview", frame.index + 1, max(info.frames, frame.index + 1))


def _fitted(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a frame small enough, and even in height and width."""
    import av

    scale = min(1.0, LONGEST_SIDE / max(pixels.shape))
    height, width = (2 * max(round(side * scale / 2), 1) for side in pixels.shape[:2])
    if (height, width) == pixels.shape[:2]:
        return pixels
    smaller = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(width=width, height=height)
    return np.ascontiguousarray(smaller.to_ndarray(format="rgb24"))
