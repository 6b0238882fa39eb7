"""Figures 5 to 7 of the paper, drawn from our runs, with the numbers that they show."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dstan import metrics
from dstan.evaluation import Result
from dstan.evaluation.statistics import Interval, deviation, resampled
from dstan.reports.drawing import Drawing, finish, style
from dstan.reports.figures import confusion_figure, emotions_figure, subjects_figure
from dstan.reports.published import PAPER_NAMES, figure_words
from dstan.reports.tables import recalls, subject_rates
from dstan.reports.text import NOTHING
from dstan.reproduce.captions import departures, record_of, synthetic_words, title
from dstan.reproduce.runs import Measured
from dstan.reproduce.sheet import Record, Sheet, ours_text
from dstan.reproduce.targets import Target

METHOD = "dstan"
_LETTERS_PER_INCH = 8.5
_NO_VALUES = "The paper draws this figure and prints no values; in words it says: {}."


def figure_sheets(target: Target, measured: Sequence[Measured]) -> list[Sheet]:
    """Build one of the paper's figures, one sheet a data set.

    Parameters
    ----------
    target
        Which.
    measured
        What was measured on each data set; one that lacks a method of the figure is left out.
    """
    complete = [one for one in measured if set(target.methods) <= set(one.results)]
    return [_KINDS[target.name](target, one) for one in complete]


def _sheet(
    target: Target,
    one: Measured,
    columns: Sequence[str],
    words: int,
    rows: Iterator[tuple[tuple[str, ...], list[Record]]],
    drawing: Drawing,
    reading: str,
) -> Sheet:
    heading = title(target.number, f"{target.title}, {one.name}", [one])
    found = list(rows)
    common = {"target": target.name, "data_set": one.name}
    return Sheet(
        name=f"{target.name}-{one.corpus}",
        title=heading,
        caption=(
            *synthetic_words([one]),
            reading,
            _NO_VALUES.format(figure_words(target.name, one.task)),
            departures(one),
        ),
        columns=tuple(("", name) for name in columns),
        words=words,
        rows=tuple(texts for texts, _ in found),
        records=tuple({**common, **record} for _, records in found for record in records),
        drawing=_titled(drawing, heading),
        synthetic=one.synthetic,
    )


def _titled(drawing: Drawing, heading: str) -> Drawing:
    """Return a figure of the report with a title of its own, in as many lines as its width asks for."""
    figure = drawing.figure
    unbroken = heading.replace("CASME II", "CASME\N{NO-BREAK SPACE}II")
    lines = textwrap.wrap(unbroken, int(_LETTERS_PER_INCH * figure.get_figwidth()))
    with style():
        for legend in list(figure.legends):  # it stands where the title goes
            legend.remove()
            figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=6)
        figure.suptitle("\n".join(lines), x=0.01, ha="left", weight="bold", size=11)
    if len(lines) > 1:
        figure.set_figheight(figure.get_figheight() + 0.2 * (len(lines) - 1))
    return finish(figure, drawing.name, f"{heading}. {drawing.alt}")


def _emotions(target: Target, one: Measured) -> Sheet:
    """Return Figure 5: for each emotion the share that each method recognised."""
    results = {PAPER_NAMES[name]: one.results[name] for name in target.methods}
    classes = one.results[METHOD].classes
    counts = one.results[METHOD].confusion.sum(1) // len(one.info["seeds"])
    found = {name: _recalls(result) for name, result in results.items()}

    def rows() -> Iterator[tuple[tuple[str, ...], list[Record]]]:
        for index, emotion in enumerate(classes):
            cells = {name: pairs[index] for name, pairs in found.items()}
            yield (
                (emotion, str(counts[index]), *(ours_text(*cell) for cell in cells.values())),
                [
                    {
                        "emotion": emotion,
                        "emotion_clips": int(counts[index]),
                        "method": method,
                        "recognised": ours.value,
                        "deviation": spread,
                        "low": ours.low,
                        "high": ours.high,
                        **record_of(one, method),
                    }
                    for method, (ours, spread) in zip(target.methods, cells.values(), strict=True)
                ],
            )

    rates = {name: [ours for ours, _ in pairs] for name, pairs in found.items()}
    drawing = emotions_figure(classes, rates, [int(count) for count in counts])
    reading = (
        "The share of an emotion's clips that was recognised, ± deviation over seeds where there are several, "
        "and its 95 % interval over people; the dashed line is guessing."
    )
    return _sheet(target, one, ("emotion", "clips", *results), 1, rows(), drawing, reading)


def _recalls(result: Result) -> list[tuple[Interval, float | None]]:
    """Return for each class the share recognised with its interval, and the deviation over seeds."""
    pooled = resampled(result.predictions, result.classes)
    by_seed = metrics.per_class(pooled[0])["recall"]  # (N, K)
    return [(one, deviation(by_seed[:, index])) for index, one in enumerate(recalls(pooled))]


def _people(target: Target, one: Measured) -> Sheet:
    """Return Figure 6: the accuracy on each person."""
    result = one.results[METHOD]
    rates = sorted(subject_rates(result.predictions), key=lambda rate: _by_number(rate.subject))

    def rows() -> Iterator[tuple[tuple[str, ...], list[Record]]]:
        for rate in rates:
            share = rate.right / rate.total
            yield (
                (rate.subject, f"{rate.right} of {rate.total}", f"{share:.3f}"),
                [
                    {
                        "person": rate.subject,
                        "right": rate.right,
                        "answers": rate.total,
                        "accuracy": share,
                        **record_of(one, METHOD),
                    }
                ],
            )

    drawing = subjects_figure(METHOD, rates, result.scores["accuracy"])
    reading = (
        "How many of a person's clips DSTAN named rightly; the dashed line is the share of all clips. Of a "
        f"person with few clips a share says little.{_summed(one)}"
    )
    return _sheet(target, one, ("person", "right", "accuracy"), 1, rows(), drawing, reading)


def _summed(one: Measured) -> str:
    seeds = len(one.info["seeds"])
    return f" Counts are summed over {seeds} seeds." if seeds > 1 else ""


def _by_number(name: str) -> list[str | int]:
    """Order names as people count: s2 before s10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _confusion(target: Target, one: Measured) -> Sheet:
    """Return Figure 7: the confusion matrix, each row a truth that sums to one."""
    result = one.results[METHOD]
    counts = result.confusion
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)

    def rows() -> Iterator[tuple[tuple[str, ...], list[Record]]]:
        for row, truth in enumerate(result.classes):
            pairs = list(zip(result.classes, counts[row].tolist(), shares[row].tolist(), strict=True))
            yield (
                (truth, *(f"{share:.0%} ({count})" if count else NOTHING for _, count, share in pairs)),
                [
                    {"was": truth, "said": said, "count": count, "share": share, **record_of(one, METHOD)}
                    for said, count, share in pairs
                ],
            )

    drawing = confusion_figure(METHOD, result.classes, counts)
    reading = (
        "Rows are what a clip was, columns what DSTAN said; shares of the row, in brackets the number of "
        f"answers.{_summed(one)}"
    )
    return _sheet(target, one, ("was \\ said", *result.classes), 1, rows(), drawing, reading)


_KINDS: Mapping[str, Callable[[Target, Measured], Any]] = {
    "figure5": _emotions,
    "figure6": _people,
    "figure7": _confusion,
}
