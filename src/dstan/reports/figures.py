"""The figures of a report. Each takes plain numbers, draws one figure, and says in its alt text what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.evaluation.statistics import Interval
from dstan.reports.drawing import MARKERS, SERIES, Drawing, colour, finish, label, style
from dstan.reports.tables import ScoreRow, SubjectRate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 9.6  # inches: 922 px on screen
_SUBJECTS_PER_ROW = 32
_LETTERS_PER_ROW = 80
_LONGEST, _LETTERS_OF_LEGEND, _LETTERS_OF_MARK = 44, 135, 5
_MOST_IN_A_ROW, _LINE = 6, 0.19  # names in a legend; inches
_PANELS = {"uf1": "UF1", "accuracy": "Accuracy", "f1_le_ngo": "F1 (Le Ngo)"}


def scores_figure(rows: Sequence[ScoreRow]) -> Drawing:
    """Draw each method's scores with their intervals, the majority baseline as a line, the paper's as diamonds.

    Parameters
    ----------
    rows
        The methods, the best first and the majority baseline last.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with style():
        layout = ConstrainedLayoutEngine(wspace=0.06)
        figure = Figure(figsize=(WIDTH, 0.95 + 0.36 * len(rows)), layout=layout)
        panels = figure.subplots(1, len(_PANELS), sharey=True)
        for panel, (score, title) in zip(panels, _PANELS.items(), strict=True):
            panel.axvline(rows[-1].scores[score].value, color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.4)
            for height, row in enumerate(rows):
                _score_mark(panel, row, score, height, "baseline" if row.baseline else SERIES[0])
            panel.set(title=title, xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6))
            panel.set_yticks(range(len(rows)), [label(row.name, _LONGEST) for row in rows])
            panel.tick_params(axis="y", length=0, pad=7)
            panel.grid(axis="x")
        alt = "Scores with 95% intervals. " + " ".join(_score_words(row) for row in rows)
        return finish(figure, "scores", alt)


def _score_mark(panel: Axes, row: ScoreRow, score: str, height: int, role: str) -> None:
    value = row.scores[score]
    panel.plot([value.low, value.high], [height, height], color=colour(role), linewidth=2.6, clip_on=False)
    panel.plot(value.value, height, marker="o", markersize=7.5, color=colour(role), clip_on=False)
    if score in row.paper:
        panel.plot(
            row.paper[score], height, marker="D", markersize=6, color="none", markeredgecolor=colour("series2"), mew=1.5
        )


def _score_words(row: ScoreRow) -> str:
    parts = [
        f"{title} {row.scores[score].value:.2f} ({row.scores[score].low:.2f} to {row.scores[score].high:.2f})"
        for score, title in _PANELS.items()
    ]
    return f"{row.name}: {', '.join(parts)}."


def emotions_figure(classes: Sequence[str], rates: Mapping[str, Sequence[Interval]], counts: Sequence[int]) -> Drawing:
    """Draw how often each emotion was recognised, by each method (the paper's Figure 5).

    Parameters
    ----------
    classes
        The emotions, in the order of the task.
    rates
        For each method the recall of each class, in [0, 1], with its interval.
    counts
        The clips of each class.
    """
    from matplotlib.figure import Figure

    with style():
        across = _across([label(method, _LONGEST) for method in rates])
        height = 2.7 + _LINE * -(-len(rates) // across)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panel = figure.add_subplot()
        spread = np.linspace(-0.3, 0.3, len(rates)) if len(rates) > 1 else np.zeros(1)
        for index, (method, values) in enumerate(rates.items()):
            x = np.arange(len(classes)) + spread[index]
            role = colour(SERIES[index % len(SERIES)])
            panel.vlines(x, [rate.low for rate in values], [rate.high for rate in values], color=role, linewidth=2.2)
            marker = MARKERS[(index + index // len(SERIES)) % len(MARKERS)]
            y, name = [rate.value for rate in values], label(method, _LONGEST)
            panel.plot(x, y, marker, color=role, markersize=7, label=name, clip_on=False)
        panel.axhline(1 / len(classes), color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.4)
        panel.set_xticks(
            range(len(classes)),
            [f"{label(name)}\n{n} clip{'s' * (n != 1)}" for name, n in zip(classes, counts, strict=True)],
        )
        panel.set(ylim=(0, 1), xlim=(-0.55, len(classes) - 0.45), ylabel="share recognised")
        panel.tick_params(axis="x", length=0, pad=8)
        panel.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=across, handletextpad=0.2, columnspacing=1.4)
        words = [
            f"{method}: " + ", ".join(f"{name} {rate.value:.0%}" for name, rate in zip(classes, values, strict=True))
            for method, values in rates.items()
        ]
        return finish(figure, "emotions", "Share of the clips of each emotion recognised. " + ". ".join(words) + ".")


def _across(names: Sequence[str]) -> int:
    """Return how many names of a legend fit beside each other."""
    longest = max(map(len, names), default=0)
    return max(1, min(_MOST_IN_A_ROW, _LETTERS_OF_LEGEND // (longest + _LETTERS_OF_MARK)))


def confusion_figure(method: str, classes: Sequence[str], confusion: NDArray[np.int64]) -> Drawing:
    """Draw a confusion matrix (the paper's Figure 7): rows are the truth and sum to one; counts below the rates.

    Parameters
    ----------
    method
        Whose it is.
    classes
        The classes in the order of the matrix.
    confusion
        Counts (K, K); rows are the truth, columns the prediction.
    """
    from matplotlib.figure import Figure

    k = len(classes)
    totals = confusion.sum(axis=1, keepdims=True)
    rates = confusion / np.maximum(totals, 1)
    side = max(3.4, 0.7 * k + 1.2)
    with style():
        figure = Figure(figsize=(side + 0.3, side - 0.35), layout="constrained")
        panel = figure.add_subplot()
        for row, column in np.ndindex(k, k):
            _cell(panel, row, column, int(confusion[row, column]), float(rates[row, column]))
        names = [label(name, 12) for name in classes]
        panel.set_xticks(range(k), names, rotation=0 if k <= 5 else 40, ha="center" if k <= 5 else "right")
        panel.set_yticks(range(k), names)
        panel.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), xlabel="what the method said", ylabel="what it was")
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        return finish(figure, f"confusion-{method}", _confusion_words(classes, confusion))


def _cell(panel: Axes, row: int, column: int, count: int, rate: float) -> None:
    from matplotlib.patches import Rectangle

    corner = (column - 0.48, row - 0.47)
    panel.add_patch(Rectangle(corner, 0.96, 0.94, facecolor=colour(SERIES[0]), alpha=0.04 + 0.56 * rate))
    if row == column:
        panel.add_patch(Rectangle(corner, 0.96, 0.94, fill=False, edgecolor=colour("ink"), linewidth=1.2))
    if count:
        weight = "bold" if row == column else "normal"
        panel.text(column, row - 0.02, f"{rate:.0%}", ha="center", va="bottom", size=10.5, weight=weight)
        panel.text(column, row + 0.05, str(count), ha="center", va="top", size=8)


def _confusion_words(classes: Sequence[str], confusion: NDArray[np.int64]) -> str:
    words = []
    for row, name in enumerate(classes):
        wrong = confusion[row].copy()
        wrong[row] = 0
        most = int(wrong.argmax())
        mistaken = f", most often mistaken for {classes[most]} ({wrong[most]})" if wrong[most] else ""
        words.append(f"{name}: {confusion[row, row]} of {confusion[row].sum()} right{mistaken}.")
    return "Confusion matrix. " + " ".join(words)


def subjects_figure(method: str, subjects: Sequence[SubjectRate], accuracy: float) -> Drawing:
    """Draw the accuracy on each subject (the paper's Figure 6), with the counts that it comes from.

    Parameters
    ----------
    method
        Whose it is.
    subjects
        For each subject how many predictions were right, of how many.
    accuracy
        Over all predictions; drawn as a line.
    """
    from matplotlib.figure import Figure

    several = any("/" in one.subject for one in subjects)  # corpora: their names stand before the subjects'
    names = [label(one.subject, 20 if several else 10) for one in subjects]
    rows = -(-len(subjects) // _SUBJECTS_PER_ROW)
    per_row = -(-len(subjects) // rows)
    with style():
        figure = Figure(figsize=(WIDTH, (2.7 if several else 2.2) * rows), layout="constrained")
        panels = figure.subplots(rows, 1, squeeze=False)[:, 0]
        for index, panel in enumerate(panels):
            part = slice(index * per_row, (index + 1) * per_row)
            shown = subjects[part]
            panel.bar(range(len(shown)), [one.right / one.total for one in shown], color=colour(SERIES[0]), width=0.66)
            panel.axhline(accuracy, color=colour("ink"), linestyle=(0, (4, 3)), linewidth=1.2)
            for x, one in enumerate(shown):
                panel.text(x, 1.04, f"{one.right}/{one.total}", ha="center", va="bottom", fontsize=7.5)
            crowded = sum(map(len, names[part])) > _LETTERS_PER_ROW
            turned = {"rotation": 50, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
            panel.set_xticks(range(len(shown)), names[part], **turned)
            panel.set(xlim=(-0.6, per_row - 0.4), ylim=(0, 1.12), ylabel="share right", yticks=np.linspace(0, 1, 5))
            panel.tick_params(axis="x", length=0)
            panel.grid(axis="y")
        words = ", ".join(f"{one.subject} {one.right} of {one.total}" for one in subjects)
        return finish(figure, f"subjects-{method}", f"Predictions right for each subject: {words}.")
