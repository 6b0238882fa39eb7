"""Frames, streamed from an image folder or a video file, and videos written.

Every frame comes with its true time: video files are read by their own timestamps, also where the rate varies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan.clips import Clip
from dstan.errors import AnnotationRangeError, FrameError, ShapeError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
CONTAINERS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi",
    ".mpg": "mpeg", ".mpeg": "mpeg", ".wmv": "asf", ".ts": "mpegts", ".flv": "flv", ".3gp": "3gp", ".ogv": "ogg",
}  # fmt: skip
"""Suffixes of video files, and what each container is called by FFmpeg."""
_PIXELS = {"libx264": "yuv420p", "ffv1": "bgr0", "mjpeg": "yuvj420p"}


@dataclass(frozen=True)
class Frame:
    """One frame.

    Parameters
    ----------
    index
        Its position in the source, counted from 0.
    time
        Seconds from the first frame of the source; NaN for an image folder of unknown rate.
    pixels
        (H, W) grey or (H, W, 3) RGB, uint8.
    """

    index: int
    time: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds: ``frames`` shown, ``fps`` on average, and ``duration`` in seconds."""

    frames: int
    fps: float
    duration: float


def is_video(path: Path) -> bool:
    """Tell by its suffix whether a path is a video file."""
    return path.suffix.lower() in CONTAINERS


def list_images(folder: Path) -> tuple[str, ...]:
    """List the images of a folder in natural order: ``img2.jpg`` before ``img10.jpg``.

    Parameters
    ----------
    folder
        Where to look; folders below it are not searched, hidden files are left out.

    Raises
    ------
    FrameError
        If it is not a folder or holds no image.
    """
    try:
        names = [item.name for item in folder.iterdir() if item.suffix.lower() in IMAGE_SUFFIXES]
    except OSError as error:
        raise FrameError(f"cannot list the frames: {error.strerror}", where=folder) from error
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise FrameError("holds no images", where=folder, hint=f"Known kinds: {', '.join(IMAGE_SUFFIXES)}")
    return tuple(sorted(names, key=_natural))


def read_frames(
    path: Path,
    files: tuple[str, ...] = (),
    *,
    start: int = 0,
    stop: int | None = None,
    colour: bool = False,
    fps: float | None = None,
    where: object = None,
) -> Iterator[Frame]:
    """Stream the frames of an image folder or a video file.

    Parameters
    ----------
    path
        A video file, or the folder of ``files``.
    files
        Names of the images in temporal order; empty for a video file, or for all images of a folder.
    start, stop
        Positions of the first frame wanted and of the one after the last; None reads to the end.
    colour
        RGB instead of grey.
    fps
        Frames per second of an image folder; a video file knows its own times.
    where
        What to call the source in errors, the path if None.

    Yields
    ------
    Frame
        The frames in order.

    Raises
    ------
    FrameError
        If a frame is missing, cut short or not an image, or the video cannot be opened, is damaged or ends before
        ``stop``; the message names the file.
    """
    where = path if where is None else where
    if files or path.is_dir():
        yield from _read_images(path, files or list_images(path), start, stop, colour, fps, where)
    else:
        yield from _read_video(path, start, stop, colour, where)


def read_clip(clip: Clip, *, colour: bool = False) -> Iterator[Frame]:
    """Stream the frames of a clip from onset to offset, both included; where unknown, from the first or to the last.

    Parameters
    ----------
    clip
        The clip.
    colour
        RGB instead of grey.

    Yields
    ------
    Frame
        The frames in order; their index counts from the start of the source.

    Raises
    ------
    AnnotationRangeError
        If onset is after offset, or either lies outside of the frames.
    FrameError
        If a frame cannot be read.
    """
    check_range(clip)
    stop = None if clip.offset is None else clip.offset + 1
    frames = read_frames(
        clip.path, clip.files, start=clip.onset or 0, stop=stop, colour=colour, fps=clip.fps, where=clip
    )
    first = next(frames, None)
    if first is None:
        raise AnnotationRangeError(f"no frame at the onset, position {clip.onset or 0}", where=clip)
    yield first
    yield from frames


def check_range(clip: Clip) -> None:
    """Check that onset and offset fit each other and, for an image folder, the frames.

    Raises
    ------
    AnnotationRangeError
        If they do not.
    """
    onset = 0 if clip.onset is None else clip.onset
    last = len(clip.files) - 1 if clip.files else math.inf
    offset = last if clip.offset is None else clip.offset
    if onset < 0 or offset < onset:
        raise AnnotationRangeError(
            f"the onset (position {onset}) must not be negative nor after the offset (position {offset})",
            where=clip,
            hint="Correct the coding table, or leave the clip out",
        )
    if offset > last:
        raise AnnotationRangeError(
            f"onset {onset} to offset {offset} do not fit its {len(clip.files)} frames (positions 0 to {last})",
            where=clip,
            hint="Correct the coding table, or restore the missing frames",
        )


def frame_count(path: Path, files: tuple[str, ...] = ()) -> int:
    """Count the frames of an image folder or a video file."""
    if files or path.is_dir():
        return len(files or list_images(path))
    return video_info(path).frames


def video_fps(path: Path) -> float:
    """Return the average frames per second of a video file."""
    return video_info(path).fps


def video_duration(path: Path) -> float:
    """Return the seconds from the first frame of a video file to the end of its last."""
    return video_info(path).duration


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


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]


def _read_images(
    folder: Path, files: tuple[str, ...], start: int, stop: int | None, colour: bool, fps: float | None, where: object
) -> Iterator[Frame]:
    if stop is not None and stop > len(files):
        raise FrameError(f"has {len(files)} frames, but {stop} are needed", where=where)
    for index in range(start, len(files) if stop is None else stop):
        yield Frame(index, index / fps if fps else math.nan, _read_image(folder / files[index], colour, where))


def _read_image(path: Path, colour: bool, where: object) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if not colour:
                image.draft("L", image.size)
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits
                grey = (np.asarray(upright, dtype=np.uint32) >> 8).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=-1) if colour else grey
            return np.array(upright.convert("RGB" if colour else "L"))
    except FileNotFoundError as error:
        raise FrameError(f"frame {path} is missing", where=where, hint="Restore it from the corpus") from error
    except UnidentifiedImageError as error:
        what = "is empty (zero bytes)" if path.stat().st_size == 0 else "is not an image"
        raise FrameError(f"frame {path} {what}", where=where, hint="Restore it from the corpus") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FrameError(f"frame {path} cannot be read: {error}", where=where, hint="Restore it") from error


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


def _read_video(path: Path, start: int, stop: int | None, colour: bool, where: object) -> Iterator[Frame]:
    index, zero, time = 0, None, math.nan
    with _opened(path, where) as (container, stream):
        for picture in _decoded(container, stream, where):
            time = math.nan if picture.time is None else picture.time
            zero = time if zero is None else zero
            if stop is not None and index >= stop:
                return
            if index >= start:
                yield Frame(index, time - zero, _pixels(picture, colour))
            index += 1
        _check_end(container, stream, time, where)
    if stop is not None and index < stop:
        raise FrameError(
            f"the video ends early: {index} frames, but {stop} are needed",
            where=where,
            hint="Copy it again, or correct onset and offset",
        )
    if index == 0:
        raise FrameError("the video holds no frames", where=where)


def _check_end(container: InputContainer, stream: VideoStream, last: float, where: object) -> None:
    """Compare the last frame's time with the duration that the header of a file without sound declares."""
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
