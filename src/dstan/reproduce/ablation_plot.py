"""The plot of an ablation: one row a comparison, differences around zero."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from dstan.reports.drawing import Drawing, colour, finish, style
from dstan.reproduce.ablation_results import HARMS, HELPS, UNDECIDED, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ROW = 9.6, 0.24  # inches
GAP = 1.3
"""Rows between the last comparison of one question and the next question."""
LOOKS = {HELPS: ("series3", "^"), HARMS: ("series2", "v"), UNDECIDED: ("muted", "o")}
"""Colour and marker of each verdict."""


def differences_plot(comparisons: Sequence[Comparison], *, synthetic: bool) -> Drawing:
    """Draw every comparison with both of its intervals, grouped by question.

    Parameters
    ----------
    comparisons
        In the order of the page; those of one question stand together.
    synthetic
        Whether faces were drawn: the title then says so.
    """
    from matplotlib.figure import Figure

    with style():
        labels = _labels(comparisons)
        bottom = max(labels, default=0.0)
        figure = Figure(figsize=(WIDTH, 1.5 + ROW * (bottom + 1)), layout="constrained")
        panel = figure.add_subplot()
        heights = [height for height, (_, is_question) in labels.items() if not is_question]
        for height, one in zip(heights, comparisons, strict=True):
            _mark(panel, one, height)
        _frame(panel, labels, bottom, synthetic)
        figure.legend(loc="outside lower left", ncols=len(LOOKS), handletextpad=0.3)
        return finish(figure, "ablations", _words(comparisons))


def _labels(comparisons: Sequence[Comparison]) -> dict[float, tuple[str, bool]]:
    """Return what stands at which height, from the top, and whether it is a question."""
    labels: dict[float, tuple[str, bool]] = {}
    height = 0.0
    for choice, rows in groupby(comparisons, key=lambda one: one.variant.choice):
        labels[height] = (choice.question, True)
        for one in rows:
            height += 1
            labels[height] = (f"{one.variant.word}   {one.scores.method}", False)
        height += GAP
    return labels


def _mark(panel: Axes, one: Comparison, height: float) -> None:
    role, marker = LOOKS[one.verdict]
    paint = colour(role)
    panel.plot([one.together.low, one.together.high], [height, height], color=paint, linewidth=1.1)
    panel.plot([one.difference.low, one.difference.high], [height, height], color=paint, linewidth=3.4)
    panel.plot(one.difference.value, height, marker, color=paint, markersize=7, markeredgecolor=colour("paper"))


def _frame(panel: Axes, labels: dict[float, tuple[str, bool]], bottom: float, synthetic: bool) -> None:
    panel.axvline(0, color=colour("ink"), linewidth=1)
    panel.set_yticks(list(labels), [text for text, _ in labels.values()])
    for tick, (_, is_question) in zip(panel.get_yticklabels(), labels.values(), strict=True):
        tick.set_fontweight("bold" if is_question else "normal")
    panel.tick_params(axis="y", length=0, pad=8)
    panel.spines["left"].set_visible(False)
    panel.set(ylim=(bottom + 0.8, -0.8), xlabel="difference in UF1 from the base:  ← harms      helps →")
    panel.set_title(f"{'SYNTHETIC faces: what' if synthetic else 'What'} each choice does, changed alone")
    panel.grid(axis="x")
    for verdict, (role, marker) in LOOKS.items():
        panel.plot([], [], marker, color=colour(role), markersize=7, label=verdict)


def _words(comparisons: Sequence[Comparison]) -> str:
    said = ["Differences in UF1 from the base, with intervals."]
    for verdict in LOOKS:
        names = [f"{one.variant.name} ({one.scores.method})" for one in comparisons if one.verdict == verdict]
        if names:
            said.append(f"{verdict.capitalize()}: {', '.join(names)}.")
    return " ".join(said)
