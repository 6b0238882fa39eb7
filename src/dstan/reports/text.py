"""Numbers and tables as text: alike in a report, a comparison, a reproduction and an ablation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EM DASH}"
"""Stands where there is nothing to say."""
FEW_PEOPLE = 15
"""With fewer, intervals from resampling people are said to be rough."""


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign, so that its side is seen where it rounds to zero; only zero itself has none.

    Parameters
    ----------
    value
        The difference.
    digits
        Decimals.
    """
    return f"{value:+.{digits}f}".replace("-", MINUS) if value else f"{0:.{digits}f}"


def rounded(value: float) -> str:
    """Write a measured number with the digits that matter: three, or all that stand before the point.

    Parameters
    ----------
    value
        Not below 0.
    """
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f}"


def people(n: int) -> str:
    """Write how many people.

    Parameters
    ----------
    n
        How many.
    """
    return "one person" if n == 1 else f"{n} people"


def few_people(n: int) -> list[str]:
    """Warn of intervals from few people; nothing where they are enough.

    Parameters
    ----------
    n
        How many people there are.
    """
    return [f"From {people(n)} intervals are rough, and rather too narrow."] if n < FEW_PEOPLE else []


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Return records as CSV with a line of names; None is empty.

    Parameters
    ----------
    records
        At least one, all with the same names.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def as_markdown(text: str) -> str:
    """Return text with all that Markdown reads as a mark written so that it prints."""
    for letter in "\\|*_<":
        text = text.replace(letter, f"\\{letter}")
    return text


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """Return a table in Markdown.

    Parameters
    ----------
    heads
        The headings.
    rows
        As many cells each.
    words
        The places of columns that hold words; the others hold numbers, and stand on the right.
    """
    rules = ["---" if place in words else "---:" for place in range(len(heads))]
    lines = [[as_markdown(cell) for cell in line] for line in (heads, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rules, *lines[1:]))
