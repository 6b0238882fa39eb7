"""A program that prints the sheets of a workbook as JSON, with little memory: ``python workbook.py FILE [SHEET]``.

A few bytes of a spreadsheet may claim 17 thousand million cells, and the library that reads it takes memory for all of
them, or ends the process. So workbooks are read in a process of their own, which imports nothing else.
"""

from __future__ import annotations

import datetime
import io
import json
import sys
from pathlib import Path
from typing import Any

MEMORY = 2 * 2**30
"""Bytes that reading a workbook may take, where the system has such a limit (Linux)."""
MOST_COLUMNS = 16_384
"""Columns of a table: as many as a spreadsheet has."""
MOST_CELLS = 20_000_000
"""Cells of a table."""


def sheets_of(content: bytes, sheet: str | None = None) -> list[list[list[str]]]:
    """Return the lines of every sheet, or of the one that is named if it is there; every cell is text.

    Parameters
    ----------
    content
        Of an .xls or .xlsx file.
    sheet
        The sheet's name.

    Raises
    ------
    ValueError
        If it cannot be read, or has more than :data:`MOST_CELLS`.
    """
    from python_calamine import CalamineError, load_workbook

    try:
        with load_workbook(io.BytesIO(content)) as book:
            names = [name for name in book.sheet_names if name == sheet] or book.sheet_names
            return [_lines(book.get_sheet_by_name(name)) for name in names]
    except (CalamineError, OSError) as error:
        raise ValueError(str(error)) from error


def _lines(sheet: Any) -> list[list[str]]:
    if sheet.total_height * sheet.total_width > MOST_CELLS:
        raise ValueError(f"it claims {sheet.total_height} x {sheet.total_width} cells, at most {MOST_CELLS:,} are read")
    return [[_text(cell) for cell in line] for line in sheet.to_python(skip_empty_area=False)]


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat()
    return str(cell).strip()


def _hold_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    own = [limit for limit in resource.getrlimit(resource.RLIMIT_AS) if limit != resource.RLIM_INFINITY]
    if all(limit > MEMORY for limit in own):  # a host may hold its users to less
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> None:
    """Read the file that is named and print its sheets, or why it cannot be read."""
    _hold_memory()
    try:
        said: dict[str, Any] = {"sheets": sheets_of(Path(sys.argv[1]).read_bytes(), sys.argv[2])}
    except (ValueError, OSError) as error:
        said = {"error": str(error)}
    except MemoryError:
        said = {"error": f"it needs more than {MEMORY / 2**30:.0f} GB of memory"}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
