"""Damage to a coding table that is written already."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan.errors import ConfigError
from dstan.synthesis.layouts import CodedEvent, WriteTables

NOTES = (
    "Note: frames are counted from the first image of the recording",
    "Clips marked with ? were coded by one coder",
)


def add_text_rows(table: Path) -> None:
    """Write notes below the last row of every sheet that has a header, or of the first sheet if none has."""
    book = _load(table)
    for sheet in [sheet for sheet in book.worksheets if _onset_cell(sheet)] or book.worksheets[:1]:
        for note in NOTES:
            sheet.append([note])
    _save(book, table)


def rename_column(table: Path) -> None:
    """Call the onset's column something else, in every sheet that has it.

    Raises
    ------
    ConfigError
        If no sheet has it.
    """
    book = _load(table)
    cells = [cell for sheet in book.worksheets if (cell := _onset_cell(sheet))]
    if not cells:
        raise ConfigError("the table has no column of onsets that could be renamed", where=table)
    for cell in cells:
        cell.value = "Beginning"
    _save(book, table)


def write_second(place: Path, write: WriteTables, events: Sequence[CodedEvent], seed: int) -> None:
    """Write a table of another edition: one event less, and the first one ends earlier.

    Parameters
    ----------
    place
        The file.
    write
        The layout's writer.
    events
        Those of the first table.
    seed
        That of the twin.
    """
    other = list(events[:-1] if len(events) > 1 else events)
    offset = other[0].offset
    other[0] = replace(other[0], offset=offset - 1 if isinstance(offset, int) else None)
    with tempfile.TemporaryDirectory() as folder:
        written = write(Path(folder), other, seed)
        with _atomic.replacing(place) as temporary:
            temporary.write_bytes(written[0].read_bytes())


def _onset_cell(sheet: Any) -> Any:
    """Return the first cell whose text begins with "onset", None if there is none."""
    cells = (cell for row in sheet.iter_rows() for cell in row)
    return next((cell for cell in cells if str(cell.value).casefold().startswith("onset")), None)


def _load(table: Path) -> Any:
    from openpyxl import load_workbook

    return load_workbook(table)


def _save(book: Any, table: Path) -> None:
    with _atomic.replacing(table) as temporary:
        book.save(temporary)
