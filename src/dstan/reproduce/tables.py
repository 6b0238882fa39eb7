"""Tables 1 to 4 of the paper, its figures beside ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from dstan.evaluation.standing import COMMON, Standing, published_name, shown_name
from dstan.recognizers import METHODS, PAPER_TRACK, recognizer
from dstan.reports.published import NAMES, TODAY, published_on
from dstan.reports.text import NOTHING
from dstan.reproduce.captions import (
    about_all,
    fidelity_words,
    ranking_words,
    reading_words,
    record_of,
    synthetic_words,
    title,
    weights_words,
)
from dstan.reproduce.dots import Dots, dot_plot
from dstan.reproduce.runs import Measured
from dstan.reproduce.sheet import Cell, Record, Sheet
from dstan.reproduce.targets import BASELINE, Target, shown_methods

Columns: TypeAlias = tuple[tuple[str, str], ...]
Rows: TypeAlias = tuple[tuple[str, ...], ...]

SCORE_NAMES = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "f1_le_ngo": "F1"}
PARTS = ("paper", "ours", "difference")
BASELINE_NAME = "commonest class"
PUBLISHED = ", published settings"
"""Ends the name of a row of the paper track."""
NOW = ", today"
"""Ends the name of a method that is not in the paper."""
_GUESS = f"“{BASELINE_NAME}” answers the commonest class of the training people: what looking at nothing scores."
_NOT_COMPARABLE = (
    "The published figures are not comparable with each other: they come from different papers, on differing clips and "
    "by differing protocols. Where an accuracy is an exact share of some number of clips, the row says which. Ours are "
    "all on the same people and folds, but for clips that a method's own preprocessing cannot use."
)
_NOT_THEN = (
    "“Today”: not in the paper, but among the strongest since 2019 where nothing was chosen on the people tested, so "
    "that the table says where DSTAN stands now."
)
_NOT_THERE = f"“{NOTHING}”: the paper prints none, or the method was not run or is not part of this version."


@dataclass(frozen=True)
class Line:
    """One method on one data set."""

    data: Measured
    method: str
    cells: Mapping[str, Cell]

    @property
    def standing(self) -> Standing:
        """How its scores are to be taken: as its run says, or where it was not run, as the method does."""
        info = self.data.about.get(self.method)
        if info is not None:
            return Standing.read(info, self.method)
        known = self.method in {**METHODS, **PAPER_TRACK}
        return Standing.of(recognizer(self.method)) if known else Standing(self.method)

    @property
    def name(self) -> str:
        """The method as the paper calls it."""
        if self.method == BASELINE:
            return BASELINE_NAME
        own, standing = published_name(self.method), self.standing
        name = shown_name(NAMES[own], standing.fidelity, standing.weights)
        return f"{name}{NOW * self.is_of_today}{PUBLISHED * (not standing.is_ranked)}"

    @property
    def is_of_today(self) -> bool:
        """Whether it is a method that the paper does not have."""
        return published_name(self.method) in TODAY

    @property
    def fidelity(self) -> str:
        """How near it is to its publication."""
        return NOTHING if self.method == BASELINE else self.standing.fidelity or NOTHING


def table_sheet(target: Target, measured: Sequence[Measured], track: str = COMMON) -> Sheet:
    """Build one of the paper's tables.

    Parameters
    ----------
    target
        Which.
    measured
        What was measured on each of its data sets; at least one.
    track
        Of the compared methods: "common", "paper" or "both".
    """
    methods = shown_methods(target, track)
    lines = [line for one in measured for line in _lines(target, one, methods)]
    heading = title(target.number, target.title, measured)
    columns, rows = _by_score(target, lines) if len(target.scores) > len(target.methods) else _by_method(target, lines)
    return Sheet(
        name=target.name,
        title=heading,
        caption=tuple(_caption(target, measured, lines)),
        columns=columns,
        words=sum(not group for group, _ in columns),
        rows=rows,
        records=tuple(record for line in lines for record in _records(target, line)),
        drawing=dot_plot(target.name, heading, _dots(target, lines)),
        synthetic=any(one.synthetic for one in measured),
        notes=tuple(_note(line) for line in lines) if target.name == "table4" else (),
    )


def _lines(target: Target, one: Measured, methods: Sequence[str]) -> Iterator[Line]:
    for method in (*methods, BASELINE):
        printed = one.paper.get(published_name(method), {})
        result = one.results.get(method)
        yield Line(
            one, method, {score: Cell.of(result, score, printed.get(score), target.digits) for score in target.scores}
        )


def _by_method(target: Target, lines: Sequence[Line]) -> tuple[Columns, Rows]:
    """Return a row a method and columns for each score."""
    heads = [(SCORE_NAMES[score], what) for score in target.scores for what in PARTS]
    rows = []
    for line in lines:
        texts = [text for score in target.scores for text in line.cells[score].texts()]
        rows.append((line.data.name, line.name, line.fidelity, *texts))
    return (("", "data set"), ("", "method"), ("", "fidelity"), *heads), tuple(rows)


def _by_score(target: Target, lines: Sequence[Line]) -> tuple[Columns, Rows]:
    """Return a row a score and columns for each method, as the paper has it where scores are many."""
    names = list(dict.fromkeys(line.name for line in lines))
    heads = [(name, what) for name in names for what in PARTS]
    rows = []
    for data, group in groupby(lines, key=lambda line: line.data.name):
        own = list(group)
        for score in target.scores:
            rows.append((data, SCORE_NAMES[score], *(text for line in own for text in line.cells[score].texts())))
    kept = [place for place, (name, what) in enumerate(heads) if name != BASELINE_NAME or what == PARTS[1]]
    columns = (("", "data set"), ("", "score"), *(heads[place] for place in kept))
    return columns, tuple((*row[:2], *(row[2 + place] for place in kept)) for row in rows)


def _records(target: Target, line: Line) -> Iterator[Record]:
    for score in target.scores:
        yield {
            "target": target.name,
            "data_set": line.data.name,
            "method": line.method,
            "score": score,
            **line.cells[score].record(),
            **record_of(line.data, line.method),
            **line.standing.to_dict(),
            **({"note": _note(line)} if target.name == "table4" else {}),
        }


def _note(line: Line) -> str:
    if line.method == BASELINE or line.is_of_today:
        return "not in the paper"
    known = published_on().get((published_name(line.method), line.data.task))
    return known.note if known else "the paper prints none"


def _caption(target: Target, measured: Sequence[Measured], lines: Sequence[Line]) -> Iterator[str]:
    yield from synthetic_words(measured)
    yield reading_words(measured)
    if target.name == "table4":
        yield _NOT_COMPARABLE
        yield ranking_words(measured)
    if any(line.is_of_today for line in lines):
        yield _NOT_THEN
    yield fidelity_words([line.fidelity for line in lines])
    yield from weights_words(line.standing.weights for line in lines)
    if any(line.method not in line.data.results for line in lines if line.method != BASELINE):
        yield _NOT_THERE
    yield _GUESS
    yield from about_all(measured)


def _dots(target: Target, lines: Sequence[Line]) -> list[Dots]:
    return [
        Dots(line.data.name, SCORE_NAMES[score], line.name, line.cells[score], line.method == BASELINE)
        for line in lines
        for score in target.scores
    ]
