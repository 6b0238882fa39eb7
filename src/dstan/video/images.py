"""Folders of images."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dstan.errors import FrameError
from dstan.video.files import is_video
from dstan.video.frame import Frame
from dstan.video.limits import MOST_PIXELS, check_picture

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP", "PPM")
"""What Pillow calls them. Whatever else it knows is not opened: for PostScript it would start another program."""
DAMAGES = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, struct.error)
"""What Pillow raises where a file is damaged."""


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
        files = [item for item in folder.iterdir() if not item.name.startswith(".")]
    except OSError as error:
        raise FrameError(f"cannot list the frames: {error.strerror}", where=folder) from error
    names = [item.name for item in files if item.suffix.lower() in IMAGE_SUFFIXES]
    if not names:
        film = next(filter(is_video, sorted(files)), None)
        hint = f"It holds video files: give those, as {film}" if film else f"Known kinds: {', '.join(IMAGE_SUFFIXES)}"
        raise FrameError("holds no images", where=folder, hint=hint)
    return tuple(sorted(names, key=_natural))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]


def read_images(
    folder: Path, files: tuple[str, ...], start: int, stop: int | None, colour: bool, fps: float | None, where: object
) -> Iterator[Frame]:
    """Stream the images of a folder, see :func:`dstan.video.read_frames`."""
    if stop is not None and stop > len(files):
        raise FrameError(f"has {len(files)} frames, but {stop} are needed", where=where)
    for index in range(start, len(files) if stop is None else stop):
        yield Frame(index, index / fps if fps else math.nan, _read_image(folder / files[index], colour, where))


@contextmanager
def opened_image(source: Path | BinaryIO, what: str, where: object) -> Iterator[Image]:
    """Open an image file by its header; nothing is decoded yet, and only kinds of :data:`IMAGE_SUFFIXES` are opened.

    Parameters
    ----------
    source
        The file.
    what
        What to call it in errors: "frame img1.png".
    where
        What to call its source.

    Raises
    ------
    FrameError
        If it claims more pixels than are decoded.
    """
    from PIL import Image

    try:
        image = Image.open(source, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise FrameError(
            f"{what} claims more pixels than the {MOST_PIXELS / 1e6:.0f} million that are decoded",
            where=where,
            hint="Make it smaller, or leave it out: a face needs a few hundred pixels",
        ) from error
    with image:
        check_picture(*image.size, what, where)
        yield image


def _read_image(path: Path, colour: bool, where: object) -> NDArray[np.uint8]:
    from PIL import UnidentifiedImageError

    try:
        with opened_image(path, f"frame {path}", where) as image:
            return _pixels(image, colour)
    except FileNotFoundError as error:
        raise FrameError(f"frame {path} is missing", where=where, hint="Restore it from the corpus") from error
    except UnidentifiedImageError as error:
        what = "is empty (zero bytes)" if path.stat().st_size == 0 else "is not an image"
        raise FrameError(f"frame {path} {what}", where=where, hint="Restore it from the corpus") from error
    except FrameError:
        raise
    except DAMAGES as error:
        raise FrameError(f"frame {path} cannot be read: {error}", where=where, hint="Restore it") from error


def _pixels(image: Any, colour: bool) -> NDArray[np.uint8]:
    from PIL import ImageOps

    if not colour:
        image.draft("L", image.size)
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits
        grey = (np.asarray(upright, dtype=np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1) if colour else grey
    return np.array(upright.convert("RGB" if colour else "L"))
