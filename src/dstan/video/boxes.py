"""What the tables of an MP4 file claim, read before FFmpeg takes memory for them.

FFmpeg keeps an entry in memory for every sample that a file lists. A table may give one size for all of its samples,
and then a few bytes claim any number of them. Boxes are walked as FFmpeg walks them: whatever the file begins with, and
also where they have no business. Sound whose samples last one tick each, as it is stored uncompressed, is kept by
chunks and may have any number.
Source: ISO/IEC 14496-12, sections 4.2 (boxes), 8.6 (times and edits), 8.7 (sizes and chunks), 8.8 (fragments), 8.9
(groups) and 8.11 (items); libavformat/mov.c of FFmpeg.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dstan.errors import FrameError
from dstan.video.limits import MOST_FRAMES

MOST_BOXES = 1_000_000
"""Boxes that are looked through, and fragments times tracks: three hours in fragments of a second have some 60,000."""
MOST_NESTED = 16
"""Boxes inside of each other; FFmpeg opens no file with more than ten."""
MOST_DESCRIPTION = 2**20
"""Bytes of a box that says how samples are coded; a camera needs a few hundred."""
_HOLDERS = b"moov trak mdia minf stbl moof traf dinf edts ilst mvex schi sinf tref udta wave".split()
_SAMPLES = {b"stsz": 8, b"stz2": 8}
"""Boxes that say how many samples there are, and how many bytes after their head."""
_RUNS = {b"trun": 1, b"senc": 8}
"""Boxes that add samples, and how many entries' memory FFmpeg takes for each."""
_TABLES = {b"ctts": (4, 2), b"sbgp": (8, 2), b"stsc": (4, 3)}
"""Where their number of rows is, and the columns."""
_ITEMS = {b"iinf": (4, 1), b"iloc": (6, 2)}
"""Where the number of items of a picture is, and the version from which it has four bytes instead of two."""
_SEARCHED = (b"stsd", b"iprp")
"""Boxes whose content is no plain row of boxes: FFmpeg would take a table in them, and no camera puts one there."""
_NO_MEDIA = (b"alis", b"url ", b"urn ", b"rsrc", b"mdir", b"mdta", b"ID32")
"""What may handle a part of a track without saying what kind of track it is."""
_TOGETHER = 512
"""Samples of uncompressed sound that FFmpeg keeps in one entry, at least."""


@dataclass
class _Track:
    """What was read of a track: its samples, and how they lie in chunks."""

    samples: int = 0
    edits: int = 1
    sound: bool | None = None
    ticks: bool | None = None
    chunks: int = 0
    layout: NDArray[np.uint32] | None = None

    @property
    def kept(self) -> int:
        """Entries that FFmpeg keeps: those of the samples or of the chunks, once for each edit."""
        uncompressed = self.sound and self.ticks
        return self.edits * max(0 if uncompressed else self.samples, self._chunked)

    @property
    def _chunked(self) -> int:
        if self.layout is None or not len(self.layout):
            return 0
        first, each = self.layout[:, 0].astype(np.float64), np.ceil(self.layout[:, 1] / _TOGETHER)
        chunks = np.append(first[1:], self.chunks + 1.0) - first
        whole = first[0] == 1 and np.all(chunks >= 0)
        return int(np.sum(each * chunks) if whole else np.max(each) * self.chunks)


def claimed_samples(path: Path) -> int:
    """Return how many samples an MP4 file lists: in the track that lists most, or half of all; 0 for any other file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FrameError
        If it has more than :data:`MOST_BOXES` or :data:`MOST_NESTED`, a compressed header, or a damaged table.
    OSError
        If it cannot be read.
    """
    tracks, runs = [_Track()], {b"": 0}
    number = fragments = until = 0
    run = b""
    with path.open("rb") as file:
        for kind, at, end in _boxes(file, path):
            number += 1
            fragments += kind == b"moof"
            if kind == b"sidx":
                fragments += int.from_bytes(_bytes(file, at + (30 if _bytes(file, at, 1)[0] else 22), 2), "big")
            if max(number, fragments * len(tracks)) > MOST_BOXES:
                raise _refused(path, f"has more than {MOST_BOXES:,} boxes")
            if kind == b"cmov":
                raise _refused(path, "has a compressed header (cmov), whose size is not known before")
            if kind == b"trak":
                tracks.append(_Track())
                until = end
            elif kind == b"tfhd":
                run = _bytes(file, at + 4, 4)
            elif kind in _RUNS:
                runs[run] = runs.get(run, 0) + _RUNS[kind] * _number(file, at + 4)
            else:
                _read(file, path, kind, at, end, tracks[-1 if at < until else 0])
    listed = [track.kept for track in tracks] + list(runs.values())
    return max(*listed, sum(listed) // 2)


def _read(file: BinaryIO, path: Path, kind: bytes, at: int, end: int, track: _Track) -> None:
    if kind == b"hdlr" and (media := _bytes(file, at + 8, 4)) not in _NO_MEDIA:
        track.sound = track.sound is not False and media == b"soun"
    elif kind == b"stts":
        track.ticks = track.ticks is not False and _is_one_tick(file, at)
    elif kind in (b"stco", b"co64"):
        track.chunks = max(track.chunks, _number(file, at + 4))
    elif kind == b"elst":
        track.edits = max(track.edits, _edits(file, at, end))
    elif kind in _SAMPLES:
        track.samples = max(track.samples, _number(file, at + _SAMPLES[kind]))
    elif kind in _ITEMS:
        where, wide = _ITEMS[kind]
        if _bytes(file, at, 1)[0] >= wide:
            track.samples = max(track.samples, _number(file, at + where))
    elif kind in _TABLES:
        table = _table(file, path, kind, at, end)
        if kind == b"stsc":
            track.layout = table
        else:
            track.samples = max(track.samples, int(table[:, 0].sum(dtype=np.int64)))


def _table(file: BinaryIO, path: Path, kind: bytes, at: int, end: int) -> NDArray[np.uint32]:
    """Read a table whose rows may each stand for any number of samples."""
    where, columns = _TABLES[kind]
    if kind == b"sbgp":
        where += 4 * (_bytes(file, at, 1)[0] == 1)
    rows, room = _number(file, at + where), max(0, end - at - where - 4) // (4 * columns)
    if rows > min(room, MOST_FRAMES):
        name = kind.decode()
        raise _refused(path, f"is damaged: its table {name} claims {rows:,} rows, and {room:,} have room in it")
    content = _bytes(file, at + where + 4, 4 * columns * rows)
    return np.frombuffer(content, ">u4").reshape(-1, columns).astype(np.uint32)


def _edits(file: BinaryIO, at: int, end: int) -> int:
    """Count the edits that show something; one that shows nothing has the time -1."""
    long = 8 if _bytes(file, at, 1)[0] == 1 else 4
    row = np.dtype([("lasts", f">i{long}"), ("time", f">i{long}"), ("rate", ">i4")])
    rows = max(0, min(_number(file, at + 4), (end - at - 8) // row.itemsize))
    return int(np.sum(np.frombuffer(_bytes(file, at + 8, rows * row.itemsize), row)["time"] != -1))


def _is_one_tick(file: BinaryIO, at: int) -> bool:
    """Tell whether a table of times has one entry, whose samples last one tick."""
    entries, _, ticks = struct.unpack(">III", _bytes(file, at + 4, 12))
    return bool(entries == 1 and ticks == 1)


def _boxes(file: BinaryIO, path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box and where its content begins and ends, in the order of the file, and those inside."""
    at, ends = 0, [file.seek(0, os.SEEK_END)]
    while ends:
        length, kind = struct.unpack(">I4s", _bytes(file, at, 8))
        head = 8
        if length == 1:
            length, head = int.from_bytes(_bytes(file, at + 8, 8), "big"), 16
        elif length == 0:
            length = ends[-1] - at
        if length < head or at + head > ends[-1]:
            at = ends.pop()
            continue
        begin, end = at + head, min(at + length, ends[-1])
        yield kind, begin, end
        if kind in _SEARCHED:
            _search(file, path, kind, begin, end)
        inside = _inside(file, kind, begin, end)
        at = end if inside is None else inside
        if inside is not None:
            ends.append(end)
        if len(ends) > MOST_NESTED:
            raise _refused(path, f"has more than {MOST_NESTED} boxes inside of each other")


def _inside(file: BinaryIO, kind: bytes, at: int, end: int) -> int | None:
    """Return where the boxes in a box begin; None if it holds none."""
    if kind in _HOLDERS:
        return at
    if kind == b"iref":
        return at + 4
    if kind in (b"free", b"hoov"):  # a header that was given up
        return at if _bytes(file, at + 4, 4) in (b"mvhd", b"cmov") else None
    if kind != b"meta":
        return None
    file.seek(at)
    while part := file.read(min(2**20, end - at)):  # its boxes begin with hdlr, after four bytes or none
        found = part.find(b"hdlr")
        while found >= 0 and found % 4:
            found = part.find(b"hdlr", found + 1)
        if found >= 0:
            return at + found - 4
        at += len(part)
    return None


def _search(file: BinaryIO, path: Path, kind: bytes, at: int, end: int) -> None:
    """See that a description is no longer than its box, and holds nothing that counts samples."""
    inner = at + 8 if kind == b"stsd" else at
    while inner + 8 <= end and (length := _number(file, inner)) >= 8:
        inner += length
    if max(inner, end) - at > MOST_DESCRIPTION or inner > end:
        raise _refused(path, f"is damaged: its box {kind.decode()} has {max(inner, end) - at:,} bytes")
    content = _bytes(file, at, end - at)
    for name in (*_SAMPLES, *_RUNS, *_TABLES, *_ITEMS, b"elst", b"cmov"):
        if name in content:
            raise _refused(path, f"is damaged or forged: its box {kind.decode()} holds the table {name.decode()}")


def _bytes(file: BinaryIO, at: int, length: int) -> bytes:
    """Read some bytes; beyond the end they are zero."""
    file.seek(at)
    return file.read(length).ljust(length, b"\0")


def _number(file: BinaryIO, at: int) -> int:
    return int.from_bytes(_bytes(file, at, 4), "big")


def _refused(path: Path, why: str) -> FrameError:
    return FrameError(f"{path.name} {why}", where=path, hint="Re-encode it as one file")
