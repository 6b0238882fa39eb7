"""Frames with their times, streamed from an image folder or a video file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from dstan.clips import Clip
from dstan.errors import AnnotationRangeError
from dstan.video.files import read_video, video_info
from dstan.video.frame import Frame
from dstan.video.images import list_images, read_images


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
        yield from read_images(path, files or list_images(path), start, stop, colour, fps, where)
    else:
        yield from read_video(path, start, stop, colour, where)


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
        raise AnnotationRangeError(
            f"no frame at the onset, position {clip.onset or 0}",
            where=clip,
            hint="It has fewer frames: begin earlier (--onset); of a corpus, correct the coding table",
        )
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
            hint="Correct --onset and --offset; of a corpus, the coding table, or leave the clip out",
        )
    if offset > last:
        raise AnnotationRangeError(
            f"onset {onset} to offset {offset} do not fit its {len(clip.files)} frames (positions 0 to {last})",
            where=clip,
            hint="Correct --onset and --offset; of a corpus, the coding table, or restore the missing frames",
        )


def frame_count(path: Path, files: tuple[str, ...] = ()) -> int:
    """Count the frames of an image folder or a video file."""
    if files or path.is_dir():
        return len(files or list_images(path))
    return video_info(path).frames
