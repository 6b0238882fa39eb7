"""One table or figure as it is shown everywhere: rows of text, the same as records, a caption and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dstan.evaluation import Result
from dstan.evaluation.statistics import Interval, deviation
from dstan.reports.drawing import Drawing
from dstan.reports.text import NOTHING, signed

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A figure of the paper beside ours.

    Parameters
    ----------
    paper
        None where it prints none.
    ours
        The mean over seeds with its 95 % interval over people; None where it was not measured.
    per_seed
        The score of each seed.
    digits
        Decimals that the paper's table has, at least.
    """

    paper: float | None
    ours: Interval | None
    per_seed: tuple[float, ...] = ()
    digits: int = 2

    @classmethod
    def of(cls, result: Result | None, score: str, paper: float | None, digits: int = 2) -> Cell:
        """Read one score of a result, None where there is none."""
        if result is None:
            return cls(paper, None, digits=digits)
        ours = Interval(result.scores[score], *result.intervals[score])
        return cls(paper, ours, tuple(one[score] for one in result.per_seed), digits)

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds (of a sample); None with one seed."""
        return deviation(self.per_seed)

    @property
    def difference(self) -> float | None:
        """Ours less the paper's."""
        return None if self.ours is None or self.paper is None else self.ours.value - self.paper

    def texts(self) -> tuple[str, str, str]:
        """Return the paper's figure, ours and the difference as a table shows them."""
        paper = NOTHING if self.paper is None else as_printed(self.paper, self.digits)
        difference = NOTHING if self.difference is None else signed(self.difference)
        return paper, ours_text(self.ours, self.deviation), difference

    def record(self) -> dict[str, float | None]:
        """Return the numbers."""
        value, low, high = (None,) * 3 if self.ours is None else (self.ours.value, self.ours.low, self.ours.high)
        numbers = {"paper": self.paper, "ours": value, "deviation": self.deviation, "low": low, "high": high}
        return {**numbers, "difference": self.difference}


@dataclass(frozen=True)
class Sheet:
    """A reproduced table or figure.

    Parameters
    ----------
    name
        Of its files: ``table1``, ``figure5-casme2``.
    title
        One line; says SYNTHETIC where faces are drawn.
    caption
        Sentences on what is compared with what.
    columns
        For each column the group that it stands in, "" for none, and its heading.
    words
        How many columns, the first ones, hold words; the others hold numbers.
    rows
        As many texts each as there are columns.
    notes
        One text a row, or none at all.
    records
        The same, one record a number, for machines.
    drawing
        The picture.
    synthetic
        Whether any of it is of drawn faces.
    """

    name: str
    title: str
    caption: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    words: int
    rows: tuple[tuple[str, ...], ...]
    records: tuple[Record, ...]
    drawing: Drawing
    synthetic: bool
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where its files go: ``tables`` or ``figures``."""
        return "tables" if self.name.startswith("table") else "figures"


def as_printed(value: float, digits: int) -> str:
    """Return a figure of the paper with the decimals of its table, or three where another table has as many."""
    return f"{value:.{digits if round(value, digits) == value else 3}f}"


def ours_text(ours: Interval | None, spread: float | None) -> str:
    """Return a measured figure, its deviation over seeds where there is one, and its interval."""
    if ours is None:
        return NOTHING
    over_seeds = "" if spread is None else f" ± {spread:.3f}"
    return f"{ours.value:.3f}{over_seeds} [{ours.low:.2f}, {ours.high:.2f}]"
