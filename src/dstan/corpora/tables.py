"""Coding tables as text: spreadsheets and CSV files, found by their column names."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dstan._foreign import read_text
from dstan.corpora import workbook
from dstan.errors import AnnotationError, CorpusNotFoundError

MOST_BYTES = 128 * 2**20
"""Of a coding table: those of the corpora have less than one megabyte, a list of a million clips has a hundred."""
_HEADER_ROWS = 30
_PATIENCE = 120


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Parameters
    ----------
    number
        Its number in the file, from 1, as a spreadsheet shows it.
    cells
        Text by column; whole numbers have no decimal point, empty cells are "".
    """

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A coding table.

    Parameters
    ----------
    path
        Its file.
    columns
        The named columns: those asked for under the name asked for, the others as written.
    rows
        The rows below the header that are not empty.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def where(self, row: Row) -> str:
        """Return "table.xlsx row 7", for messages."""
        return f"{self.path.name} row {row.number}"


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = (), sheet: str | None = None) -> Table:
    """Read an ``.xls``, ``.xlsx`` or ``.csv`` table whose header may stand below other text.

    Columns are matched without regard to case, spaces and punctuation; of a workbook, the first sheet with all
    required columns is read.

    Parameters
    ----------
    path
        The file.
    required, optional
        Names of columns.
    sheet
        The sheet to read if there is one of that name.

    Returns
    -------
    The table; every cell is text.

    Raises
    ------
    CorpusNotFoundError
        If there is no such file.
    AnnotationError
        If it cannot be read, or has no header with the required columns (the message names those looked for and found).
    """
    sheets = read_sheets(path, sheet)
    wanted = {_plain(name) for name in required}
    for lines in sheets:
        for index, line in enumerate(lines[:_HEADER_ROWS]):
            if wanted <= {_plain(cell) for cell in line}:
                return _table(path, lines, index, (*required, *optional))
    raise _no_header(path, sheets, required)


def read_sheets(path: Path, sheet: str | None = None) -> list[list[list[str]]]:
    """Read the lines of every sheet of a workbook, or of the one sheet that a CSV file is.

    Parameters
    ----------
    path
        The file.
    sheet
        Read this sheet only, if there is one of that name.

    Returns
    -------
    Sheets of lines of cells; every cell is text.

    Raises
    ------
    CorpusNotFoundError
        If there is no such file.
    AnnotationError
        If it cannot be read.
    """
    if not path.is_file():
        raise CorpusNotFoundError("there is no such table", where=path)
    if path.stat().st_size > MOST_BYTES:
        raise AnnotationError(
            f"the table has {path.stat().st_size / 2**20:,.0f} MB, and at most {MOST_BYTES / 2**20:.0f} MB are read",
            where=path,
            hint="Is it a table at all? Leave out the columns that nobody needs",
        )
    return _read_csv(path) if path.suffix.casefold() in (".csv", ".tsv", ".txt") else _read_workbook(path, sheet)


def whole_number(text: str) -> int | None:
    """Return a cell as an integer, None where it is not one ("", "/", "?")."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def _table(path: Path, lines: list[list[str]], header: int, names: Iterable[str]) -> Table:
    known = {_plain(name): name for name in names}
    columns = [known.get(_plain(cell), cell) for cell in lines[header]]
    repeated = sorted(name for name, count in Counter(columns).items() if name and count > 1)
    if repeated:
        raise AnnotationError(
            f"the column {', '.join(repeated)} occurs more than once", where=path, hint="Rename or remove one of them"
        )
    rows = []
    for number, line in enumerate(lines[header + 1 :], start=header + 2):
        cells = {name: cell for name, cell in zip(columns, line, strict=False) if name}
        if any(cells.values()):
            rows.append(Row(number, {name: cells.get(name, "") for name in columns if name}))
    return Table(path, tuple(name for name in columns if name), tuple(rows))


def _no_header(path: Path, sheets: list[list[list[str]]], required: Sequence[str]) -> AnnotationError:
    wanted = {_plain(name) for name in required}
    lines = [line for sheet in sheets for line in sheet[:_HEADER_ROWS] if any(line)]
    if not lines:
        return AnnotationError("the table is empty", where=path, hint=f"It needs the columns {', '.join(required)}")
    best = max(lines, key=lambda line: len(wanted & {_plain(cell) for cell in line}))
    found = {_plain(cell) for cell in best}
    missing = [name for name in required if _plain(name) not in found]
    return AnnotationError(
        f"no column is called {' or '.join(missing)}; looked for {', '.join(required)}; "
        f"found {', '.join(cell for cell in best if cell)}",
        where=path,
        hint="Give the columns their original names, or take the table as it was published",
    )


def _read_workbook(path: Path, sheet: str | None) -> list[list[list[str]]]:
    """Read a workbook in a process of its own: see :mod:`dstan.corpora.workbook`."""
    command = [sys.executable, "-P", str(Path(workbook.__file__)), str(path), sheet or ""]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE)
        said = json.loads(done.stdout) if done.returncode == 0 else {"error": _why_it_ended(done)}
    except subprocess.TimeoutExpired:
        said = {"error": f"that takes more than {_PATIENCE} seconds"}
    if "error" in said:
        raise AnnotationError(
            f"cannot be read as a spreadsheet: {said['error']}",
            where=path,
            hint="Copy it again from the corpus's archive",
        )
    return list(said["sheets"])


def _why_it_ended(done: subprocess.CompletedProcess[bytes]) -> str:
    if b"alloc" in done.stderr or done.returncode in (-signal.SIGKILL, -signal.SIGABRT):
        return f"it needs more than {workbook.MEMORY / 2**30:.0f} GB of memory"
    told = done.stderr.decode(errors="replace").strip().splitlines()
    return f"its reader failed ({told[-1][:200] if told else done.returncode})"


def _read_csv(path: Path) -> list[list[list[str]]]:
    try:
        text = read_text(path, MOST_BYTES, "utf-8-sig")
        head = text.partition("\n")[0]
        delimiter = max(",;\t", key=head.count)
        return [list(_lines(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))]
    except (OSError, ValueError, csv.Error) as error:
        raise AnnotationError(f"cannot be read as CSV: {error}", where=path, hint="Save it as UTF-8 CSV") from error


def _lines(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    cells = 0
    for number, row in enumerate(rows, start=1):
        cells += len(row)
        if len(row) > workbook.MOST_COLUMNS:
            raise ValueError(f"row {number} has {len(row):,} columns, and at most {workbook.MOST_COLUMNS:,} are read")
        if cells > workbook.MOST_CELLS:
            raise ValueError(f"it has more than {workbook.MOST_CELLS:,} cells")
        yield [cell.strip() for cell in row]


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
