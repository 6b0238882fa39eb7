"""Known errors of published coding tables, as rows of CSV files beside this module, one file a corpus.

A row names one cell by (corpus, subject, clip, field), what the published table says there, what it should say, and who
says so and why. A row applies only where the cell holds the old text, so a table that was corrected by its owner, or
another edition, is left alone. ``--no-corrections`` leaves out all of them.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources

from dstan.errors import AnnotationError

COLUMNS = ("corpus", "subject", "clip", "field", "old", "new", "source", "reason")


@dataclass(frozen=True)
class Correction:
    """One cell of a coding table.

    Parameters
    ----------
    corpus, subject, clip
        The clip, as its key names it.
    field
        The column.
    old, new
        What the published table says and what is read instead, as text; "" is an empty cell.
    source
        Who found it.
    reason
        What is wrong with the old value.
    """

    corpus: str
    subject: str
    clip: str
    field: str
    old: str
    new: str
    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field} {self.old!r} is read as {self.new!r}: {self.reason} ({self.source})"


@cache
def corrections_of(corpus: str) -> dict[tuple[str, str], tuple[Correction, ...]]:
    """Return the corrections of one corpus by subject and clip; empty where none are known.

    Parameters
    ----------
    corpus
        Its name.

    Raises
    ------
    AnnotationError
        If the file has other columns.
    """
    file = resources.files(__name__) / f"{corpus}.csv"
    if not file.is_file():
        return {}
    reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")), strict=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise AnnotationError(f"the columns must be {', '.join(COLUMNS)}", where=file)
    found: defaultdict[tuple[str, str], list[Correction]] = defaultdict(list)
    for row in reader:
        found[row["subject"], row["clip"]].append(Correction(**row))
    return {key: tuple(rows) for key, rows in found.items()}
