"""Video files, read by their own timestamps, also where the rate varies, and written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan.errors import FrameError, ShapeError
from dstan.video.frame import Frame
from dstan.video.limits import check_picture
from dstan.video.packets import Damage, ended_early, opened, packets_of, walk

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

CONTAINERS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi",
    ".mpg": "mpeg", ".mpeg": "mpeg", ".wmv": "asf", ".ts": "mpegts", ".flv": "flv", ".3gp": "3gp", ".ogv": "ogg",
}  # fmt: skip
"""Suffixes of video files, and what FFmpeg calls the container."""
_PIXELS = {"libx264": "yuv420p", "ffv1": "bgr0", "mjpeg": "yuvj420p"}
_REORDERED = 64
"""Packets beyond a frame's own that surely hold all that is shown before it; codecs reorder 16 at most."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds: ``frames`` shown, ``fps`` on average, and ``duration`` in seconds."""

    frames: int
    fps: float
    duration: float


def is_video(path: Path) -> bool:
    """Tell by its suffix whether a path is a video file."""
    return path.suffix.lower() in CONTAINERS


def video_info(path: Path) -> VideoInfo:
    """Read a video's number of frames, rate and duration from its packets, without decoding.

    Raises
    ------
    FrameError
        If it cannot be opened, is damaged or holds no video.
    """
    packets = packets_of(path, path)
    if not len(packets.times):
        raise _no_frames(path)
    return VideoInfo(packets.count, 1 / packets.gap, packets.lasts + packets.gap)


def video_fps(path: Path) -> float:
    """Return the average frames per second of a video file; of one that is damaged, of the part that can be read."""
    try:
        return video_info(path).fps
    except FrameError:
        return 1 / packets_of(path, path, reach=2).gap


def video_duration(path: Path) -> float:
    """Return the seconds from the first frame of a video file to the end of its last."""
    return video_info(path).duration


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, *, codec: str = "libx264", crf: int = 12
) -> None:
    """Write a video file atomically.

    Parameters
    ----------
    path
        Where to; the suffix chooses the container.
    frames
        (H, W, 3) RGB uint8, all of one size; H.264 and MJPEG need an even height and width.
    fps
        Frames per second.
    codec
        ``libx264`` (plays everywhere), ``ffv1`` (lossless; .mkv or .avi) or ``mjpeg``.
    crf
        Quality of libx264, 0 to 51, lower is better. From about 18 on it removes what is subtle.

    Raises
    ------
    ShapeError
        If there are no frames, or one does not fit.
    """
    import av

    form = CONTAINERS.get(path.suffix.lower())
    if form is None:
        raise ShapeError(f"{path.name} is not the name of a video", hint=f"Use one of {', '.join(CONTAINERS)}")
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ShapeError("a video needs at least one frame", where=path)
    if codec != "ffv1" and (first.shape[0] % 2 or first.shape[1] % 2):
        raise ShapeError(f"{codec} needs an even height and width, not {first.shape[0]} x {first.shape[1]}", where=path)
    header = {"movflags": "+faststart"} if form in ("mp4", "mov") else {}
    with _atomic.replacing(path) as temporary, av.open(str(temporary), "w", format=form, options=header) as container:
        options = {"crf": str(crf)} if codec == "libx264" else {}
        stream: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.height, stream.width, stream.pix_fmt = first.shape[0], first.shape[1], _PIXELS[codec]
        stream.thread_count = 1
        for pixels in _chain(first, iterator):
            if pixels.shape != (stream.height, stream.width, 3) or pixels.dtype != np.uint8:
                raise ShapeError(f"a frame is {pixels.shape} {pixels.dtype}, the first {first.shape} uint8", where=path)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(stream.encode())


def _chain(first: NDArray[np.uint8], rest: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    yield first
    yield from rest


class _Entry(NamedTuple):
    """Where reading may begin late: seconds of the file's first frame, ticks of a key frame and of the frame wanted."""

    zero: float
    key: int
    wanted: int


def read_video(path: Path, start: int, stop: int | None, colour: bool, where: object) -> Iterator[Frame]:
    """Stream the frames of a video file, see :func:`dstan.video.read_frames`; one is held at a time.

    A part that begins late is entered at the key frame before it, so that what lies before that is not decoded.
    """
    entry = _entry(path, start, where) if start else None
    index, zero, time, shown = 0, None, math.nan, 0.0
    with opened(path, where) as (container, stream):
        pictures = _decoded(container, stream)
        if entry is not None:
            pictures = _from(entry, pictures, container, stream)
            index, zero = start, entry.zero
        try:
            for picture in pictures:
                if stop is not None and index >= stop:
                    return
                if picture.is_corrupt and index >= start:
                    raise Damage
                check_picture(picture.width, picture.height, f"frame {index}", where)
                time = math.nan if picture.time is None else picture.time
                shown = float((picture.duration or 0) * picture.time_base) if picture.time_base else 0.0
                zero = time if zero is None else zero
                if index >= start:
                    yield Frame(index, time - zero, _pixels(picture, colour))
                index += 1
                if index == stop:  # what follows may be damaged, and nobody has asked for it
                    return
        except Damage as error:
            raise ended_early(where, index, time - (zero or 0.0)) from error.__cause__
        if stop is None or index < stop:
            _check_end(container, stream, time, shown, index, zero, where)
    if stop is not None and index < stop:
        raise FrameError(
            f"the video ends early: {index} frames, but {stop} are needed",
            where=where,
            hint="Copy it again, or correct onset and offset",
        )
    if index == 0:
        raise _no_frames(where)


def _no_frames(where: object) -> FrameError:
    return FrameError(
        "the video holds no frames", where=where, hint="The recording stopped before it began: record or copy it again"
    )


def _entry(path: Path, start: int, where: object) -> _Entry | None:
    """Find the key frame from which frame ``start`` can be decoded, by the packets up to it.

    None where reading has to begin at the first frame: there is no such key frame, the file has no usable times, or
    it cannot be entered there.
    """
    packets = packets_of(path, where, start + _REORDERED + 1)
    times, keys = packets.times, packets.keys
    guessed = packets.form == "avi" and len(keys) < len(times)  # it stores no times of its own
    if guessed or len(times) < packets.count or start >= len(times) or not (np.diff(times[: start + 2]) > 0).all():
        return None
    before = keys[: np.searchsorted(keys, times[start], side="right")]
    key = int(before[-1] if len(before) else times[0])
    lands = key > times[0] and _lands(path, where, key)
    return _Entry(float(int(times[0]) * packets.tick), key, int(times[start])) if lands else None


def _lands(path: Path, where: object, key: int) -> bool:
    """Tell whether a file can be entered at a key frame."""
    import av

    with opened(path, where) as (container, stream):
        try:
            container.seek(key, stream=stream)
            landed = next(container.demux(stream))
        except (av.FFmpegError, StopIteration):
            return False
        return landed.is_keyframe and landed.pts is not None and landed.pts <= key


def _from(entry: _Entry, pictures: Iterator[Any], container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    container.seek(entry.key, stream=stream)
    return itertools.dropwhile(lambda picture: picture.pts is None or picture.pts < entry.wanted, pictures)


def _check_end(
    container: InputContainer,
    stream: VideoStream,
    time: float,
    shown: float,
    frames: int,
    zero: float | None,
    where: object,
) -> None:
    """Compare the end of the last frame with the duration that the header of a file without sound declares."""
    if container.duration is None or len(container.streams) > 1:
        return
    begins = 0 if "matroska" in container.format.name else container.start_time or 0  # it counts from 0 to the end
    missing = (container.duration + begins) / 1e6 - (time + shown)
    if missing * float(stream.average_rate or 25) > 3:
        raise ended_early(where, frames, time - (zero or 0.0))


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    import av

    try:
        for packet in walk(container, stream):
            yield from packet.decode()
    except av.FFmpegError as error:
        raise Damage from error


def _pixels(picture: Any, colour: bool) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = picture.to_ndarray(format="rgb24" if colour else "gray")
    return np.ascontiguousarray(np.rot90(pixels, round(picture.rotation / 90))) if picture.rotation else pixels
