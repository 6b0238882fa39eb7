"""Video files, read by their own timestamps, also where the rate varies, and written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan.errors import FrameError, ShapeError
from dstan.video.frame import Frame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
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
    with _opened(path, path) as (container, stream):
        packets = [item for item in _packets(container, stream, path) if item.size and not item.is_discard]
        times = sorted(float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None)
        if not times:
            raise FrameError("the video holds no frames", where=path)
        gap = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1 / float(stream.average_rate or 25)
        return VideoInfo(len(packets), 1 / gap, times[-1] - times[0] + gap)


def video_fps(path: Path) -> float:
    """Return the average frames per second of a video file."""
    return video_info(path).fps


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


@contextmanager
def _opened(path: Path, where: object) -> Iterator[tuple[InputContainer, VideoStream]]:
    import av

    if not path.is_file():
        raise FrameError(f"there is no video {path}", where=where)
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (av.FFmpegError, OSError) as error:
        what = (
            "is empty (zero bytes)" if path.stat().st_size == 0 else f"cannot be opened as a video ({error.strerror})"
        )
        raise FrameError(
            f"{path.name} {what}", where=where, hint="Copy it again, or play it to see whether it is whole"
        ) from error
    with container:
        if not container.streams.video:
            raise FrameError(f"{path.name} holds no video", where=where)
        yield container, container.streams.video[0]


def _packets(container: InputContainer, stream: VideoStream, where: object) -> Iterator[Packet[VideoStream]]:
    import av

    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise _ended_early(where)
            yield packet  # the last one is empty and flushes the decoder
    except av.FFmpegError as error:
        raise _ended_early(where) from error


def _ended_early(where: object) -> FrameError:
    return FrameError("the video is damaged or ends early", where=where, hint="Copy it again, or re-encode it")


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
    with _opened(path, where) as (container, stream):
        pictures = _decoded(container, stream, where)
        if entry is not None:
            pictures = _from(entry, pictures, container, stream)
            index, zero = start, entry.zero
        for picture in pictures:
            time = math.nan if picture.time is None else picture.time
            shown = float((picture.duration or 0) * picture.time_base) if picture.time_base else 0.0
            zero = time if zero is None else zero
            if stop is not None and index >= stop:
                return
            if index >= start:
                yield Frame(index, time - zero, _pixels(picture, colour))
            index += 1
        if stop is None or index < stop:
            _check_end(container, stream, time + shown, where)
    if stop is not None and index < stop:
        raise FrameError(
            f"the video ends early: {index} frames, but {stop} are needed",
            where=where,
            hint="Copy it again, or correct onset and offset",
        )
    if index == 0:
        raise FrameError("the video holds no frames", where=where)


def _entry(path: Path, start: int, where: object) -> _Entry | None:
    """Find the key frame from which frame ``start`` can be decoded, by the packets up to it.

    None where reading has to begin at the first frame: there is no such key frame, the file has no usable times, or
    it cannot be entered there.
    """
    import av

    times: list[int] = []
    keys: list[int] = []
    with _opened(path, where) as (container, stream):
        for packet in _packets(container, stream, where):
            if not packet.size or packet.is_discard:
                continue
            if packet.pts is None:
                return None
            times.append(packet.pts)
            keys += [packet.pts] if packet.is_keyframe else []
            if len(times) > start + _REORDERED:
                break
        times.sort()
        guessed = container.format.name == "avi" and len(keys) < len(times)  # it stores no times of its own
        if guessed or start >= len(times) or len(set(times)) < len(times):
            return None
        key = max((key for key in keys if key <= times[start]), default=times[0])
        entry = _Entry(float(times[0] * packet.time_base), key, times[start])
        try:
            container.seek(key, stream=stream)
            landed = next(container.demux(stream))
        except (av.FFmpegError, StopIteration):
            return None
        lands = landed.is_keyframe and landed.pts is not None and landed.pts <= key
        return entry if lands and key > times[0] else None


def _from(entry: _Entry, pictures: Iterator[Any], container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    container.seek(entry.key, stream=stream)
    return itertools.dropwhile(lambda picture: picture.pts is None or picture.pts < entry.wanted, pictures)


def _check_end(container: InputContainer, stream: VideoStream, last: float, where: object) -> None:
    """Compare the end of the last frame with the duration that the header of a file without sound declares."""
    if container.duration is None or len(container.streams) > 1:
        return
    missing = (container.duration + (container.start_time or 0)) / 1e6 - last
    if missing * float(stream.average_rate or 25) > 3:
        raise _ended_early(where)


def _decoded(container: InputContainer, stream: VideoStream, where: object) -> Iterator[Any]:
    import av

    try:
        for packet in _packets(container, stream, where):
            yield from packet.decode()
    except av.FFmpegError as error:
        raise _ended_early(where) from error


def _pixels(picture: Any, colour: bool) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = picture.to_ndarray(format="rgb24" if colour else "gray")
    return np.ascontiguousarray(np.rot90(pixels, round(picture.rotation / 90))) if picture.rotation else pixels
