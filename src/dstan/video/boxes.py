"""What the sample tables of an MP4 file claim, read before FFmpeg takes memory for them.

FFmpeg keeps an entry in memory for every sample that a file lists. A table may give one size for all of its samples,
and then a few bytes claim any number of them. Sound whose samples last one tick each, as it is stored uncompressed, is
kept by chunks and may have any number.
Source: ISO/IEC 14496-12, sections 4.2 (boxes), 8.6.1.2 (times), 8.7.3 (sizes) and 8.8.8 (runs of a fragment).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dstan.errors import FrameError

MOST_BOXES = 1_000_000
"""Boxes that are looked through; three hours in fragments of a second have some 60,000."""
_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
_COUNTS = {b"stsz": 8, b"stz2": 8, b"trun": 4}
"""Boxes that say how many samples there are, and how many bytes after their head."""
_BEGINNINGS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp", b"pnot", b"uuid", b"sidx")
"""What a file of this family begins with."""


@dataclass
class _Track:
    """What was read of a track: its samples, whether all is sound, and whether every sample lasts one tick."""

    samples: int = 0
    sound: bool = True
    ticks: bool = True
    timed: bool = False

    @property
    def kept(self) -> int:
        """Samples of which FFmpeg keeps an entry each."""
        return 0 if self.sound and self.ticks and self.timed else self.samples


def claimed_samples(path: Path) -> int:
    """Return how many samples an MP4 file lists in the track or fragment that lists most; 0 for any other file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FrameError
        If it has more than :data:`MOST_BOXES`.
    OSError
        If it cannot be read.
    """
    tracks = [_Track()]
    with path.open("rb") as file:
        if file.read(8)[4:] not in _BEGINNINGS:
            return 0
        for number, (kind, at) in enumerate(_boxes(file)):
            if number >= MOST_BOXES:
                raise FrameError(
                    f"{path.name} has more than {MOST_BOXES:,} boxes", where=path, hint="Re-encode it as one file"
                )
            if kind in (b"trak", b"traf"):
                tracks.append(_Track())
            _read(file, kind, at, tracks[-1])
    return max(track.kept for track in tracks)


def _read(file: BinaryIO, kind: bytes, at: int, track: _Track) -> None:
    if kind == b"hdlr":
        file.seek(at + 8)
        track.sound &= file.read(4) == b"soun"
    elif kind == b"stts":
        track.ticks &= _is_one_tick(file, at)
        track.timed = True
    elif kind in _COUNTS:
        file.seek(at + _COUNTS[kind])
        track.samples = max(track.samples, int.from_bytes(file.read(4), "big"))


def _is_one_tick(file: BinaryIO, at: int) -> bool:
    """Tell whether a table of times has one entry, whose samples last one tick."""
    file.seek(at + 4)
    entries, _, ticks = struct.unpack(">III", file.read(12).ljust(12, b"\0"))
    return bool(entries == 1 and ticks == 1)


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the kind of each box and where its content begins, in the order of the file, and those inside of others."""
    end = file.seek(0, os.SEEK_END)
    at = 0
    while at + 8 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if length == 1:
            length, head = int.from_bytes(file.read(8), "big"), 16
        yield kind, at + head
        inside = kind in _HOLDERS
        at = at + head if inside else at + length if length >= head else end
