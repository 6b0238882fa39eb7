"""Images whose headers claim more than anybody decodes: refused by the header, before memory is taken."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from dstan.corpora.frames import image_size
from dstan.errors import FrameError
from dstan.video import read_frames
from dstan.video.limits import MOST_PIXELS, check_picture

SIDE = 50_000


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(side: int = SIDE) -> bytes:
    """Make a whole black picture of one bit a pixel: 2.5 gigabytes as grey, 300 kilobytes as a file."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg(side: int = SIDE) -> bytes:
    """Change what a small picture's header says of its size."""
    from io import BytesIO

    stream = BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(stream, "JPEG")
    content = bytearray(stream.getvalue())
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, side, side)
    return bytes(content)


def bmp(side: int = SIDE) -> bytes:
    return struct.pack("<2sIIIIiiHHIIiiII", b"BM", 1078, 0, 1078, 40, side, side, 1, 8, 0, 0, 0, 0, 0, 0) + bytes(2048)


def tiff(side: int = SIDE) -> bytes:
    tags = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: 2**31 - 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)


def pgm(side: int = SIDE) -> bytes:
    return f"P5 {side} {side} 255\n".encode() + bytes(64)


@pytest.mark.parametrize("make", [png, jpeg, bmp, tiff, pgm])
@pytest.mark.parametrize("colour", [False, True])
def test_a_picture_of_50000_by_50000_is_refused_before_memory_is_taken(
    make: Callable[[], bytes], colour: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"img1.{make.__name__}"
    path.write_bytes(make())
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("it is decoded"))
    with pytest.raises(FrameError, match=r"img1\.\w+ claims") as caught:
        list(read_frames(tmp_path, colour=colour))
    assert "Make it smaller" in str(caught.value.hint)


@pytest.mark.parametrize("make", [png, jpeg])
def test_checking_a_corpus_refuses_such_a_picture_too(make: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / f"img1.{make.__name__}"
    path.write_bytes(make())
    for deep in (False, True):
        with pytest.raises(FrameError, match="pixels"):
            image_size(path, deep=deep)


def test_whole_photographs_and_frames_of_8k_and_more_pass() -> None:
    for width, height in ((3840, 2160), (7680, 4320), (12288, 6480), (11648, 8736)):
        check_picture(width, height, "a frame", None)
    assert MOST_PIXELS >= 4 * 7680 * 4320


def test_a_folder_with_one_bomb_gives_the_frames_before_it(tmp_path: Path) -> None:
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(tmp_path / "img1.png")
    (tmp_path / "img2.png").write_bytes(png(20_000))
    frames = read_frames(tmp_path)
    assert next(frames).pixels.mean() == 7
    with pytest.raises(FrameError, match=r"img2\.png claims"):
        next(frames)


def test_an_image_of_another_kind_is_not_opened_whatever_its_name_says(tmp_path: Path) -> None:
    """Pillow would hand PostScript to another program."""
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(id) print\n%%EOF\n"
    (tmp_path / "img1.png").write_bytes(script)
    with pytest.raises(FrameError, match="is not an image"):
        list(read_frames(tmp_path))
    with pytest.raises(FrameError, match="not an image"):
        image_size(tmp_path / "img1.png")
