"""How sure a method is, and whether it has reason to be: figure, table and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dstan.evaluation.abstention import coverage_curve
from dstan.reports.drawing import SERIES, Drawing, colour, finish, style
from dstan.reports.figures import WIDTH
from dstan.reports.text import NOTHING, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dstan.evaluation import Calibration, CoverageCurve, Result
    from dstan.evaluation.abstention import Speaking
    from dstan.evaluation.statistics import Interval

COLUMNS = ("Sure", "Right", "Too sure by", "ECE", "ECE by chance", "Brier", "AURC")
FEWEST = 10
"""Answers from which on a share is drawn for more than a hint: with fewer, one of them moves it by over ten points."""
_APART = 0.07  # of the panel's width, between the names of thresholds
_DASHES = (0, (4, 3))


def sureness_figure(result: Result) -> Drawing:
    """Draw how often answers are right that are this sure, and how often if the less sure ones are left out.

    Parameters
    ----------
    result
        Whose answers they are.
    """
    from matplotlib.figure import Figure

    found, curve = result.calibration, coverage_curve(result.predictions)
    with style():
        figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
        grid = figure.add_gridspec(2, 2, height_ratios=(5, 1))
        reliability, counts = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
        _reliability_panel(reliability, found)
        _counts_panel(counts, found)
        _coverage_panel(figure.add_subplot(grid[:, 1]), found, curve)
        return finish(figure, f"sureness-{result.method}", _figure_words(found))


def _reliability_panel(panel: Axes, found: Calibration) -> None:
    panel.plot((0, 1), (0, 1), color=colour("baseline"), linestyle=_DASHES, linewidth=1.4)
    tone = colour(SERIES[0])
    many = [one for one in found.bins if one.count >= FEWEST]
    for one in many:
        panel.plot((one.confidence,) * 2, (one.accuracy.low, one.accuracy.high), color=tone, linewidth=2, alpha=0.55)
    panel.plot([one.confidence for one in many], [one.accuracy.value for one in many], color=tone, alpha=0.45)
    for one in found.bins:
        fill = tone if one in many else colour("paper")
        panel.plot(
            one.confidence, one.accuracy.value, "o", color=tone, markerfacecolor=fill, markersize=6, clip_on=False
        )
    panel.set(title="Is it right as often as it is sure?", ylabel="share right")
    _unit(panel, "both")
    panel.tick_params(axis="x", labelbottom=False)
    panel.grid()


def _counts_panel(panel: Axes, found: Calibration) -> None:
    middles, counts = [(one.low + one.high) / 2 for one in found.bins], [one.count for one in found.bins]
    panel.bar(middles, counts, width=0.085, color=colour(SERIES[0]), alpha=0.55)
    for x, count in zip(middles, counts, strict=True):
        panel.text(x, count + 0.06 * max(counts), str(count), ha="center", va="bottom", fontsize=7.5)
    panel.set(ylim=(0, 1.5 * max(counts)), yticks=[], xlabel="how sure it says it is", ylabel="answers")
    _unit(panel, "x")
    panel.spines["left"].set_visible(False)


def _coverage_panel(panel: Axes, found: Calibration, curve: CoverageCurve) -> None:
    all_right, answers = float(curve.accuracy[-1]), sum(one.count for one in found.bins)
    panel.axhline(all_right, color=colour("baseline"), linestyle=_DASHES, linewidth=1.4)
    shown = curve.coverage * answers >= FEWEST - 0.5
    panel.plot(curve.coverage[shown], curve.accuracy[shown], color=colour(SERIES[0]), linewidth=1.6)
    named = -1.0
    for one in reversed(found.abstention):
        if one.accuracy is not None and one.coverage.value * answers >= FEWEST - 0.5:
            is_apart = one.coverage.value - named >= _APART
            named = one.coverage.value if is_apart else named
            _threshold_mark(panel, one, one.accuracy, name=f"{one.threshold:.0%}" if is_apart else "")
    panel.set(
        title="How often it is right if the unsure are left out", xlabel="share of clips answered", ylabel="share right"
    )
    _unit(panel, "both")
    panel.grid()


def _threshold_mark(panel: Axes, one: Speaking, accuracy: Interval, *, name: str) -> None:
    x, is_low = one.coverage.value, accuracy.low < 0.12
    panel.plot((x, x), (accuracy.low, accuracy.high), color=colour(SERIES[0]), linewidth=2, alpha=0.55)
    panel.plot(x, accuracy.value, "o", color=colour(SERIES[0]), markersize=6, clip_on=False)
    panel.annotate(
        name,
        (x, accuracy.high if is_low else accuracy.low),
        (0, 3 if is_low else -3),
        textcoords="offset points",
        ha="center",
        va="bottom" if is_low else "top",
        fontsize=7.5,
        bbox={"facecolor": colour("paper"), "edgecolor": "none", "pad": 0.8},
    )


def _unit(panel: Axes, axis: str) -> None:
    """Let axes go from 0 to 100 %."""
    ticks = np.linspace(0, 1, 6)
    names = [f"{tick:.0%}" for tick in ticks]
    panel.set_xlim(0, 1)
    panel.set_xticks(ticks, names)
    if axis == "both":
        panel.set_ylim(0, 1)
        panel.set_yticks(ticks, names)


def _figure_words(found: Calibration) -> str:
    bins = [f"{one.confidence:.0%} sure, {one.accuracy.value:.0%} of {one.count} right" for one in found.bins]
    left = [
        f"at least {one.threshold:.0%} sure, {one.coverage.value:.0%} answered, {one.accuracy.value:.0%} of them right"
        for one in found.abstention
        if one.accuracy is not None
    ]
    return f"Answers by how sure they are: {'; '.join(bins)}. Speaking only when {'; '.join(left)}."


def sureness_words(result: Result) -> list[str]:
    """Say whether a method is too sure, whether that could be chance, and what its sureness is worth.

    Parameters
    ----------
    result
        What the method scored.
    """
    found, right = result.calibration, result.scores["accuracy"]
    return [_lean_words(found, right), _error_words(found), _order_words(found)]


def _lean_words(found: Calibration, right: float) -> str:
    gap = found.overconfidence
    both = f"{found.confidence.value:.0%} sure on average and right in {right:.0%}"
    points = (
        f"{signed(100 * gap.value, 1)} points, 95% interval {signed(100 * gap.low, 1)} to {signed(100 * gap.high, 1)}"
    )
    if gap.low > 0:
        return f"It is too sure: {both} ({points})."
    if gap.high < 0:
        return f"It is too modest: {both} ({points})."
    return f"On average it is about as sure as it may be: {both} ({points}, which includes zero)."


def _error_words(found: Calibration) -> str:
    chance = found.ece_by_chance
    is_more = found.ece > chance.high
    so = "it is off by more than chance" if is_more else "no lack of calibration is shown"
    return (
        f"Its expected calibration error is {found.ece:.3f}. A perfectly calibrated method that is as sure as this one "
        f"would show {chance.low:.3f} to {chance.high:.3f} on as many clips, by chance alone: {so}."
    )


def _order_words(found: Calibration) -> str:
    gain = found.aurc_gain
    if gain.low > 0:
        worth = "its surer answers are the better ones"
    elif gain.high < 0:
        worth = "its surer answers are the worse ones"
    else:
        worth = "that its surer answers are better ones is not shown"
    return (
        f"Its area under the risk-coverage curve is {found.aurc.value:.3f}. Sureness that says nothing would give "
        f"{found.aurc.value + gain.value:.3f}, the share of wrong answers; the difference is {signed(gain.value)}, 95% "
        f"interval {signed(gain.low)} to {signed(gain.high)}: {worth}."
    )


def abstention_rows(result: Result) -> list[dict[str, str]]:
    """Return a row a threshold: the texts ``least``, ``answers``, ``right``, ``right_ends``, ``uf1``, ``uf1_ends``.

    Parameters
    ----------
    result
        What the method scored.
    """
    return [_abstention_row(one) for one in result.calibration.abstention]


def _abstention_row(one: Speaking) -> dict[str, str]:
    right, uf1 = one.accuracy, one.uf1
    return {
        "least": f"{one.threshold:.0%}",
        "answers": f"{one.coverage.value:.1%}",
        "answers_ends": _ends(one.coverage, "{:.0%}"),
        "right": NOTHING if right is None else f"{right.value:.1%}",
        "right_ends": "" if right is None else _ends(right, "{:.0%}"),
        "uf1": NOTHING if uf1 is None else f"{uf1.value:.3f}",
        "uf1_ends": "" if uf1 is None else _ends(uf1, "{:.2f}"),
    }


def sureness_rows(results: Sequence[Result], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row a method for :data:`COLUMNS`: its ``name``, and ``cells`` of a text and its interval.

    Parameters
    ----------
    results
        The methods in the order wanted.
    names
        Of each, as they are shown.
    """
    return [{"name": names[one.method], "cells": _cells(one)} for one in results]


def _cells(result: Result) -> list[tuple[str, str]]:
    found, gap, chance = result.calibration, result.calibration.overconfidence, result.calibration.ece_by_chance
    return [
        (f"{found.confidence.value:.1%}", _ends(found.confidence, "{:.0%}")),
        (f"{result.scores['accuracy']:.1%}", "{:.0%}\N{EN DASH}{:.0%}".format(*result.intervals["accuracy"])),
        (signed(100 * gap.value, 1), f"{signed(100 * gap.low, 0)} to {signed(100 * gap.high, 0)}"),
        (f"{found.ece:.3f}", ""),
        (f"{chance.value:.3f}", _ends(chance, "{:.3f}")),
        (f"{found.brier.value:.3f}", _ends(found.brier, "{:.2f}")),
        (f"{found.aurc.value:.3f}", _ends(found.aurc, "{:.2f}")),
    ]


def _ends(interval: Interval, form: str) -> str:
    return f"{form.format(interval.low)}\N{EN DASH}{form.format(interval.high)}"
