"""Writing a coding table as a workbook."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dstan import _atomic

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

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
    written = io.BytesIO()
    book.save(written)
    with _atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _timeless(written):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def _timeless(book: io.BytesIO) -> Iterator[tuple[str, bytes]]:
    """Yield the parts of a workbook without the time of writing, so that a twin is the same whenever it is drawn."""
    with zipfile.ZipFile(book) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            yield name, _TIME.sub(b"2000-01-01T00:00:00Z", content) if name == "docProps/core.xml" else content
