"""Markdown that is as easily read as it is: tables, and lines that end."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 100


def paragraph(text: str) -> str:
    """Return text in lines of at most 100 characters.

    Parameters
    ----------
    text
        Without line ends.
    """
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def bullets(items: Iterable[str]) -> str:
    """Return a list.

    Parameters
    ----------
    items
        Sentences.
    """
    wrapped = (
        textwrap.fill(
            item, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for item in items
    )
    return "\n".join(wrapped)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[str] = ()) -> str:
    """Return a table.

    Parameters
    ----------
    columns
        The headings.
    rows
        The cells.
    numbers
        The headings of the columns that are aligned to the right.
    """
    right = set(numbers)
    line = "|".join(["", *("---:" if name in right else "---" for name in columns), ""])
    lines = (f"| {' | '.join(cell(one) for one in row)} |" for row in (columns, *rows))
    head, *body = lines
    return "\n".join([head, line, *body])


def cell(value: object) -> str:
    """Return what a table can hold of a value: one line, no bar.

    Parameters
    ----------
    value
        Text, or a number.
    """
    return " ".join(str(value).split()).replace("|", "\\|")
