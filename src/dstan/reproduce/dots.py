"""The picture of a table: ours as dots with intervals, the paper's figures as diamonds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dstan.reports.drawing import Drawing, colour, finish, label, style
from dstan.reproduce.sheet import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ROW, FRAME = 9.6, 0.25, 0.45  # inches: of the figure, of a row, around a panel
_MARGIN = 0.9


@dataclass(frozen=True)
class Dots:
    """One row of one panel.

    Parameters
    ----------
    data, score
        Which panel.
    name
        Of the row.
    cell
        What is drawn.
    baseline
        Whether it is the majority baseline, which is drawn grey.
    """

    data: str
    score: str
    name: str
    cell: Cell
    baseline: bool


def dot_plot(name: str, title: str, dots: Sequence[Dots]) -> Drawing:
    """Draw every row with its interval and the paper's figure: one panel a data set and score.

    Parameters
    ----------
    name
        Of the drawing.
    title
        Above it.
    dots
        The rows of all panels.
    """
    from matplotlib.figure import Figure

    sets, scores = (list(dict.fromkeys(getattr(one, key) for one in dots)) for key in ("data", "score"))
    across, down = (sets, scores) if len(sets) > 1 else (scores, sets)
    methods = list(dict.fromkeys(one.name for one in dots))
    with style():
        height = _MARGIN + len(down) * (FRAME + ROW * len(methods))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplots(len(down), len(across), squeeze=False, sharex=True, sharey=True)
        for one in dots:
            column, row = (one.data, one.score) if len(sets) > 1 else (one.score, one.data)
            _mark(panels[down.index(row), across.index(column)], one, methods.index(one.name))
        for panel, (row, column) in zip(panels.flat, ((r, c) for r in down for c in across), strict=True):
            _frame(panel, f"{column}: {row}" if len(down) > 1 else column, methods)
        _legend(panels[0, 0])
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.suptitle(title if len(sets) > 1 else f"{title} · {sets[0]}", x=0.01, ha="left", weight="bold", size=11)
        figure.legend(handles, labels, loc="outside lower left", ncols=4, handletextpad=0.5)
        return finish(figure, name, f"{title}. " + " ".join(_words(one) for one in dots))


def _mark(panel: Axes, one: Dots, height: int) -> None:
    cell, tone = one.cell, colour("baseline" if one.baseline else "series1")
    if cell.ours is not None:
        panel.plot([cell.ours.low, cell.ours.high], [height, height], color=tone, linewidth=2.4, clip_on=False)
        if len(cell.per_seed) > 1:
            panel.plot(cell.per_seed, [height] * len(cell.per_seed), "|", color=colour("ink"), ms=8, clip_on=False)
        panel.plot(cell.ours.value, height, "o", color=tone, ms=6.5, clip_on=False)
    if cell.paper is not None:
        panel.plot(cell.paper, height, "D", color="none", mec=colour("series2"), mew=1.5, ms=6, clip_on=False)


def _frame(panel: Axes, title: str, methods: Sequence[str]) -> None:
    panel.set_title(title)
    panel.set(xlim=(0, 1), ylim=(len(methods) - 0.4, -0.6))
    panel.set_yticks(range(len(methods)), [label(name.replace(" settings", ""), 52) for name in methods])
    panel.tick_params(axis="y", length=0, pad=7)
    panel.grid(axis="x")


def _legend(panel: Axes) -> None:
    panel.plot([], [], "o-", color=colour("series1"), label="ours, with its 95 % interval over people")
    panel.plot([], [], "|", color=colour("ink"), ms=8, label="each seed, where there are several")
    panel.plot([], [], "D", color="none", mec=colour("series2"), mew=1.5, ms=6, label="the paper")


def _words(one: Dots) -> str:
    paper, ours, _ = one.cell.texts()
    return f"{one.data}, {one.name}, {one.score}: ours {ours}, paper {paper}."
