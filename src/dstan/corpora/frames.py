"""Frames as files: numbered images of a folder, where annotated frames lie among them, and whether a file is whole."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dstan.errors import AnnotationRangeError, FrameError
from dstan.video.images import DAMAGES, opened_image


@dataclass(frozen=True)
class Span:
    """An annotated stretch as positions in a sequence of frames.

    Parameters
    ----------
    onset, apex, offset
        Positions counted from 0; apex is None where it is unknown.
    lost
        First and last number of each run of frames between onset and offset that are not there.
    """

    onset: int
    apex: int | None
    offset: int
    lost: tuple[tuple[int, int], ...] = ()


def numbered_images(folder: Path, pattern: re.Pattern[str]) -> dict[int, str]:
    """List the images of a folder by frame number.

    Parameters
    ----------
    folder
        The clip's folder; it may be missing.
    pattern
        Matches a whole file name; its first group is the number.

    Returns
    -------
    File names by number, in the order of the numbers; empty if there is none.

    Raises
    ------
    FrameError
        If the folder cannot be looked into, or two files have the same number.
    """
    found: dict[int, str] = {}
    try:
        names = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise FrameError(f"the folder cannot be looked into: {error.strerror}", where=folder) from error
    for name in names:
        if not name.startswith(".") and (match := pattern.fullmatch(name)):
            number = int(match[1])
            if number in found:
                raise FrameError(
                    f"{found[number]} and {name} are both frame {number}", where=folder, hint="Remove one of them"
                )
            found[number] = name
    return dict(sorted(found.items()))


def locate(frames: Mapping[int, str], onset: int | None, apex: int | None, offset: int | None) -> Span:
    """Turn annotated frame numbers into positions among the frames that are there.

    Where the onset's or the offset's own frame is lost, the nearest frame inside the stretch takes its place, and the
    lost numbers are told. An apex outside of the stretch, or whose frame is lost, counts as unknown.

    Parameters
    ----------
    frames
        File names by frame number, in order.
    onset, apex, offset
        Frame numbers as annotated.

    Returns
    -------
    The stretch as positions.

    Raises
    ------
    AnnotationRangeError
        If onset or offset is missing, the onset lies after the offset, or no frame lies between them.
    """
    if onset is None or offset is None:
        name = "onset" if onset is None else "offset"
        raise AnnotationRangeError(f"has no whole number as {name}", hint="Correct the row")
    if onset > offset:
        raise AnnotationRangeError(f"onset {onset} lies after offset {offset}", hint="Correct the row")
    numbers = list(frames)
    inside = [position for position, number in enumerate(numbers) if onset <= number <= offset]
    if not inside:
        raise AnnotationRangeError(
            f"no frame from onset {onset} to offset {offset} is there, only {numbers[0]} to {numbers[-1]}",
            hint="Correct the row, or unpack the clip again",
        )
    known = apex is not None and onset <= apex <= offset and apex in frames
    lost = _gaps([onset - 1, *(numbers[position] for position in inside), offset + 1])
    return Span(inside[0], numbers.index(apex) if known and apex is not None else None, inside[-1], lost)


def _gaps(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((before + 1, after - 1) for before, after in pairwise(numbers) if after > before + 1)


def ranges(runs: Iterable[tuple[int, int]]) -> str:
    """Write runs of numbers as "46-49, 52"."""
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_TAIL = 4096
_BMP_HEAD = 34
_BMP_PLAIN = (0, 3)


def image_size(path: Path, *, deep: bool = False) -> tuple[int, int]:
    """Examine an image file: its header and its end, or with ``deep`` every pixel.

    Parameters
    ----------
    path
        An image file.
    deep
        Decode it.

    Returns
    -------
    Width and height in pixels.

    Raises
    ------
    FrameError
        If it is missing, empty, not an image, or cut short.
    """
    from PIL import UnidentifiedImageError

    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            if length == 0:
                raise FrameError("the file is empty (0 bytes)", where=path)
            file.seek(max(0, length - _TAIL))
            tail = file.read()
            file.seek(0)
            head = file.read(_BMP_HEAD)
            file.seek(0)
            with opened_image(file, "the image", path) as image:
                short = image.format == "BMP" and length < _bmp_length(head, *image.size)
                if short or _ENDS.get(image.format or "", b"") not in tail:
                    raise FrameError("the image is cut short", where=path)
                if deep:
                    image.load()
                return image.size
    except UnidentifiedImageError as error:
        raise FrameError("the file is not an image", where=path) from error
    except FrameError:
        raise
    except DAMAGES as error:
        raise FrameError(f"the image cannot be read: {error}", where=path) from error


def _bmp_length(head: bytes, width: int, height: int) -> int:
    """Return how many bytes a bitmap needs by its header; 0 if that does not say, as it is compressed."""
    if len(head) < _BMP_HEAD:
        return 0
    offset, header, bits, compression = struct.unpack("<10xII10xHI", head)
    return 0 if header < 40 or compression not in _BMP_PLAIN else offset + (width * bits + 31) // 32 * 4 * height
