"""Videos written frame by frame at the times of another video, with its sound."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan.errors import ConfigError, FrameError, ShapeError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

log = logging.getLogger(__name__)

WRITTEN = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffixes of what :func:`write_timed` writes, and what FFmpeg calls the container."""
SOUNDS = {"mp4": ("aac", "mp3", "ac3", "alac"), "mov": ("aac", "mp3", "ac3", "alac", "pcm_s16le"), "matroska": None}
"""Kinds of sound that each container takes as they are; None: all of them."""
FINEST = 90_000
"""Parts of a second in which times are written that have no clock of their own."""
_AHEAD, _THREADS = 0.5, 4
_BT709 = 1
_OPTIONS = {"crf": "18", "preset": "veryfast", "x264-params": "bframes=0:rc-lookahead=10"}


@dataclass(frozen=True)
class Clock:
    """How a video counts time: the seconds of one tick, and the tick of its first frame."""

    tick: Fraction
    first: int = 0


def clock_of(path: Path) -> Clock:
    """Return how a video file counts time.

    Parameters
    ----------
    path
        A video file.

    Raises
    ------
    FrameError
        If it has no frame that can be read.
    """
    import av

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            for picture in container.decode(video=0):
                if picture.pts is None or picture.time_base is None:
                    return Clock(Fraction(1, FINEST))
                return Clock(Fraction(picture.time_base), int(picture.pts))
    except (av.FFmpegError, OSError, IndexError) as error:
        raise FrameError("cannot be read as a video", where=path) from error
    raise FrameError("the video holds no frames", where=path)


def write_timed(
    path: Path,
    frames: Iterable[tuple[float, NDArray[np.uint8]]],
    clock: Clock,
    fps: float,
    sound: Path | None = None,
) -> None:
    """Write frames as H.264 at given times, one in memory at a time; the file is there whole or not at all.

    A frame of a clock's video keeps its very tick in ``.mp4``, ``.m4v`` and ``.mov``; ``.mkv`` counts milliseconds.
    Sound is copied as it is; where that cannot be done it is left out, with a warning in the log.

    Parameters
    ----------
    path
        Where to; the suffix chooses the container.
    frames
        Seconds from the first frame, rising, and (H, W, 3) RGB uint8 of one size, even in height and width.
    clock
        How time is counted.
    fps
        Frames a second on average, by which the encoder plans.
    sound
        The video whose sound is copied; none if None.

    Raises
    ------
    ConfigError
        If the suffix is not among :data:`WRITTEN`.
    ShapeError
        If there are no frames, or one does not fit.
    """
    import av

    form = WRITTEN.get(path.suffix.lower())
    if form is None:
        raise ConfigError(f"{path.name} is not the name of a video", hint=f"Use one of {', '.join(WRITTEN)}")
    stream, last = None, clock.first - 1
    header = {} if form == "matroska" else {"movflags": "+faststart"}
    with (
        _atomic.replacing(path) as temporary,
        av.open(str(temporary), "w", format=form, options=header) as container,
        _sound(sound, container, path) as voice,
    ):
        for seconds, pixels in frames:
            if stream is None:
                stream = _stream(container, pixels.shape, clock, fps, path)
            if pixels.shape != (stream.height, stream.width, 3) or pixels.dtype != np.uint8:
                raise ShapeError(f"a frame is {pixels.shape} {pixels.dtype}, the first was not", where=path)
            tick = max(clock.first + round(seconds / clock.tick), last + 1)
            if voice is not None:
                voice.copy(float(tick * clock.tick) + _AHEAD)
            container.mux(stream.encode(_picture(pixels, tick, clock.tick)))
            last = tick
        if stream is None:
            raise ShapeError("a video needs at least one frame", where=path)
        container.mux(stream.encode())
        if voice is not None:
            voice.copy(math.inf)


def _stream(container: OutputContainer, shape: tuple[int, ...], clock: Clock, fps: float, path: Path) -> Any:
    if shape[0] % 2 or shape[1] % 2:
        raise ShapeError(f"H.264 needs an even height and width, not {shape[0]} x {shape[1]}", where=path)
    stream: Any = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=_OPTIONS)
    stream.height, stream.width, stream.pix_fmt = shape[0], shape[1], "yuv420p"
    stream.thread_count = _THREADS  # each holds frames of its own
    stream.time_base = stream.codec_context.time_base = clock.tick
    for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
        setattr(stream.codec_context, name, _BT709)  # a range of 1 is the usual one of video, 16 to 235
    return stream


def _picture(pixels: NDArray[np.uint8], tick: int, base: Fraction) -> Any:
    import av

    whole = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    picture = whole.reformat(format="yuv420p", dst_colorspace=_BT709)
    picture.pts, picture.time_base = tick, base
    return picture


class _Sound:
    """Copies the sound of a video into another, as far as the pictures have come."""

    def __init__(self, given: InputContainer, container: OutputContainer) -> None:
        self._container = container
        self._from = given.streams.audio[0]
        self._to = container.add_stream_from_template(self._from)
        self._packets = given.demux(self._from)
        self._next = next(self._packets, None)

    def copy(self, until: float) -> None:
        """Copy what begins before some second."""
        while self._next is not None:
            packet = self._next
            if packet.dts is not None:
                if float(packet.dts * packet.time_base) > until:
                    return
                packet.stream = self._to
                self._container.mux(packet)
            self._next = next(self._packets, None)


@contextmanager
def _sound(source: Path | None, container: OutputContainer, path: Path) -> Iterator[_Sound | None]:
    """Give what copies the sound; None where there is none that can be copied."""
    import av

    if source is None:
        yield None
        return
    with av.open(str(source), metadata_errors="ignore") as given:
        can = bool(given.streams.audio) and _fits(given.streams.audio[0].codec_context.name, source, path)
        yield _Sound(given, container) if can else None


def _fits(codec: str, source: Path, path: Path) -> bool:
    kinds = SOUNDS[WRITTEN[path.suffix.lower()]]
    if kinds is None or codec in kinds:
        return True
    log.warning("%s: its sound (%s) cannot be copied into %s as it is, and is left out", source, codec, path.name)
    return False
