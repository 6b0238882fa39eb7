"""The video as every browser plays it."""

from __future__ import annotations

import math
import shutil
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dstan._progress import Progress, silent
from dstan.video import VideoInfo, read_frames

if TYPE_CHECKING:
    from dstan.video import Frame

LONGEST_SIDE = 960
"""Pixels; larger videos are shown smaller."""
TICKS = 90_000
"""Of a second, in which times are kept."""
KEY_SECONDS = 0.25
"""Between two frames that a browser can jump to at once."""


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
        return
    import av

    with av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = None
        for frame in read_frames(video, colour=True):
            if stream is None:
                stream = _stream(container, frame, info)
            container.mux(stream.encode(_picture(frame, stream, info)))
            progress("preview", frame.index + 1, info.frames)
        container.mux(stream.encode())


def plays(video: Path) -> bool:
    """Tell whether browsers play a file as it is: H.264 with 8 bits in MP4, no larger than shown."""
    import av

    if video.suffix.lower() not in (".mp4", ".m4v"):
        return False
    with av.open(str(video), metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        small = max(stream.codec_context.width, stream.codec_context.height) <= 2 * LONGEST_SIDE
        return bool(
            small and stream.codec_context.name == "h264" and stream.codec_context.pix_fmt in ("yuv420p", "yuvj420p")
        )


def _stream(container: Any, frame: Frame, info: VideoInfo) -> Any:
    height, width = frame.pixels.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    stream = container.add_stream(
        "libx264", rate=Fraction(info.fps).limit_denominator(1001), options={"crf": "20", "preset": "veryfast"}
    )
    stream.height, stream.width = (2 * max(round(side * scale / 2), 1) for side in (height, width))
    stream.pix_fmt, stream.thread_count = "yuv420p", 1
    stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
    stream.gop_size = max(round(info.fps * KEY_SECONDS), 1)
    return stream


def _picture(frame: Frame, stream: Any, info: VideoInfo) -> Any:
    import av

    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.pixels), format="rgb24")
    picture = picture.reformat(width=stream.width, height=stream.height, format="yuv420p")
    time = frame.index / info.fps if math.isnan(frame.time) else frame.time
    picture.pts, picture.time_base = round(time * TICKS), Fraction(1, TICKS)
    return picture
