"""Writing a coding table as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dstan import _atomic

Cell = int | float | str | None


def write_workbook(path: Path, sheets: Mapping[str, Iterable[Sequence[Cell]]]) -> Path:
    """Write an .xlsx workbook atomically.

    Parameters
    ----------
    path
        The file.
    sheets
        The rows of each sheet by its name, the header among them; the sheets keep their order.

    Returns
    -------
    ``path``.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    with _atomic.replacing(path) as temporary:
        book.save(temporary)
    return path
