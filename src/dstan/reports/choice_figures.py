"""Figures of what was chosen inside the folds, on the people learned from: numbers of epochs, and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.reports.drawing import SERIES, Drawing, colour, finish, label, style
from dstan.reports.dynamics import Fit
from dstan.reports.figures import WIDTH
from dstan.reports.search import Search
from dstan.training import InnerChoice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHADES = 8
_WIDEST_WITH_NUMBERS = 13  # folds; with more, the cells of a table are too narrow for a number
_MOST_NAMES, _LONGEST_FLAT = 45, 6


def inner_figure(method: str, networks: Mapping[str, Sequence[Fit]]) -> Drawing | None:
    """Draw the inner score of every number of epochs offered, one thin line a fit, what was chosen as a dot.

    Parameters
    ----------
    method
        Whose they are.
    networks
        The fits of each network.

    Returns
    -------
    The figure; None where nothing was chosen.
    """
    from matplotlib.figure import Figure

    chosen = {name: [fit.inner for fit in fits if fit.inner] for name, fits in networks.items()}
    chosen = {name: found for name, found in chosen.items() if found}
    if not chosen:
        return None
    with style():
        figure = Figure(figsize=(WIDTH * (0.1 + 0.45 * len(chosen)), 2.5), layout="constrained")
        panels = figure.subplots(1, len(chosen), squeeze=False)[0]
        words = []
        for index, (panel, (network, found)) in enumerate(zip(panels, chosen.items(), strict=True)):
            panel.set(title=f"{label(network)}: inner UF1", xlabel="epochs, and how often they were chosen")
            words.append(f"{network}: {_inner_panel(panel, found, colour(SERIES[index % len(SERIES)]))}")
        return finish(figure, f"inner-{method}", " ".join(words))


def _inner_panel(panel: Axes, found: Sequence[InnerChoice], tone: str) -> str:
    """Draw the choices of one network, and return them in words."""
    offered = sorted({epochs for one in found for epochs in one.epochs})
    table = np.full((len(found), len(offered)), np.nan)
    for row, one in zip(table, found, strict=True):
        row[[offered.index(epochs) for epochs in one.epochs]] = one.uf1
    taken = np.array([offered.index(one.chosen) for one in found])
    medians, counts = np.nanmedian(table, axis=0), np.bincount(taken, minlength=len(offered))
    panel.plot(range(len(offered)), table.T, color=tone, alpha=0.3, linewidth=0.8)
    panel.plot(taken, table[range(len(found)), taken], "o", color=tone, markersize=5, alpha=0.7)
    panel.plot(range(len(offered)), medians, color=colour("ink"), linewidth=1.8)
    names = [
        f"{epochs}\n{n} \N{MULTIPLICATION SIGN}" if n else str(epochs)
        for epochs, n in zip(offered, counts, strict=True)
    ]
    panel.set_xticks(range(len(offered)), names)
    panel.set_xlim(-0.4, len(offered) - 0.6)
    panel.grid(axis="y")
    each = zip(offered, medians, counts, strict=True)
    parts = [f"{epochs} epochs {score:.2f}, chosen {n} times" for epochs, score, n in each]
    return f"median inner UF1: {'; '.join(parts)}."


def search_figure(method: str, search: Search) -> Drawing:
    """Draw the inner score of each candidate (a row) in each fold (a column): the darker, the higher; a ring is chosen.

    Parameters
    ----------
    method
        Whose search it is.
    search
        What was tried and taken.
    """
    from matplotlib.figure import Figure

    n, k = search.scores.shape
    with style():
        width = WIDTH if n > _WIDEST_WITH_NUMBERS else 1.6 + 0.58 * n
        figure = Figure(figsize=(width, 1.0 + 0.3 * k), layout="constrained")
        panel = figure.add_subplot()
        low, high = float(np.nanmin(search.scores)), float(np.nanmax(search.scores))
        levels = np.nan_to_num((search.scores.T - low) / max(high - low, 1e-9))
        _shaded(panel, levels)
        if n <= _WIDEST_WITH_NUMBERS:
            for row, column in np.ndindex(k, n):
                score = search.scores[column, row]
                panel.text(column, row, "—" if np.isnan(score) else f"{score:.2f}", ha="center", va="center", size=8)
            _outlined(panel, search.chosen)
        else:
            size = min(7.0, 300 / n)
            panel.plot(range(n), search.chosen, "o", color=colour("ink"), markersize=size)
        panel.set_yticks(range(k), [f"candidate {number + 1}" for number in range(k)])
        _fold_ticks(panel, search.folds)
        panel.set(xlim=(-0.6, n - 0.4), ylim=(k - 0.4, -0.6))
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        counts = np.bincount(search.chosen, minlength=k)
        words = [f"candidate {number + 1} chosen in {count}" for number, count in enumerate(counts) if count]
        alt = f"Inner scores from {low:.2f} to {high:.2f}; of {n} folds and seeds, {', '.join(words)}."
        return finish(figure, f"search-{method}", alt)


def _shaded(panel: Axes, levels: NDArray[np.float64]) -> None:
    """Fill the cells of a table by value in [0, 1], all cells of one shade as one path: small even for many."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    shades = np.minimum((levels * _SHADES).astype(int), _SHADES - 1)
    for shade in np.unique(shades):
        cells = [_cell(row, column) for row, column in np.argwhere(shades == shade)]
        path = Path(np.concatenate(cells), np.tile([1, 2, 2, 2, 79], len(cells)))
        alpha = 0.04 + 0.56 * shade / (_SHADES - 1)
        panel.add_patch(PathPatch(path, facecolor=colour(SERIES[0]), alpha=alpha, linewidth=0))


def _cell(row: int, column: int) -> NDArray[np.float64]:
    left, right, top, bottom = column - 0.47, column + 0.47, row - 0.46, row + 0.46
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


def _outlined(panel: Axes, chosen: NDArray[np.int64]) -> None:
    from matplotlib.patches import Rectangle

    for column, row in enumerate(chosen):
        corner = (column - 0.47, row - 0.46)
        panel.add_patch(Rectangle(corner, 0.94, 0.92, fill=False, edgecolor=colour("ink"), linewidth=1.6))


def _fold_ticks(panel: Axes, folds: Sequence[tuple[str, int]]) -> None:
    """Name each fold once, in the middle of its seeds."""
    columns: dict[str, list[int]] = {}
    for column, (fold, _) in enumerate(folds):
        columns.setdefault(fold, []).append(column)
    shown = list(columns)[:: -(-len(columns) // _MOST_NAMES)]
    ticks = panel.set_xticks([float(np.mean(columns[fold])) for fold in shown], [label(fold, 10) for fold in shown])
    if len(shown) > _WIDEST_WITH_NUMBERS or max(map(len, shown)) > _LONGEST_FLAT:
        for tick in ticks:
            tick.label1.set(rotation=55, ha="right", rotation_mode="anchor")
