"""Figures of how networks learned: curves by epoch, dead channels, and temporal attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.reports.drawing import SERIES, Drawing, colour, finish, label, style
from dstan.reports.dynamics import Fit, Numbers, stacked
from dstan.reports.figures import WIDTH
from dstan.reports.remarks import DEAD_TYPICAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW_DECADES = 50.0  # times the smallest: up to here a logarithmic axis names 2 and 5, too


def learning_figure(method: str, networks: Mapping[str, Sequence[Fit]]) -> Drawing:
    """Draw loss, accuracy and gradient norm on the training part of every fit, epoch by epoch, one row a network.

    Parameters
    ----------
    method
        Whose they are.
    networks
        The fits of each network.
    """
    from matplotlib.figure import Figure

    has_norm = any(fit.gradient_norm for fits in networks.values() for fit in fits)
    titles = ("loss", "accuracy", "gradient norm")[: 2 + has_norm]
    with style():
        figure = Figure(figsize=(WIDTH, 0.3 + 2.2 * len(networks)), layout="constrained")
        panels = figure.subplots(len(networks), len(titles), squeeze=False)
        for index, (network, fits) in enumerate(networks.items()):
            every = ([fit.loss for fit in fits], [fit.accuracy for fit in fits], [fit.gradient_norm for fit in fits])
            for panel, title, series in zip(panels[index], titles, every, strict=False):
                _curves(panel, series, colour(SERIES[index % len(SERIES)]))
                panel.set(title=f"{label(network)}: {title}", xlabel="epoch" if index == len(networks) - 1 else "")
                _axes(panel, title)
        words = " ".join(_learning_words(network, fits) for network, fits in networks.items())
        return finish(figure, f"learning-{method}", f"Learning curves on the training parts. {words}")


def _curves(panel: Axes, series: Sequence[Numbers], tone: str) -> None:
    table = stacked([one for one in series if one])
    epochs = range(1, table.shape[1] + 1)
    marker = "." if table.shape[1] == 1 else ""
    panel.plot(epochs, table.T, color=tone, alpha=0.3, linewidth=0.8, marker=marker)
    panel.plot(epochs, np.nanmedian(table, axis=0), color=colour("ink"), linewidth=1.8, marker=marker)
    panel.grid(axis="y")


def _axes(panel: Axes, title: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    if title == "gradient norm":
        panel.set_yscale("log", nonpositive="mask")
        low, high = panel.get_ylim()
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < _FEW_DECADES * low else (1,)))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    elif title == "loss":
        panel.set_ylim(bottom=0)
    else:
        panel.set_ylim(0, 1.02)


def _learning_words(network: str, fits: Sequence[Fit]) -> str:
    first, last = (np.median([fit.loss[at] for fit in fits if fit.loss]) for at in (0, -1))
    words = f"{network}: median loss {first:.2f} after the first epoch, {last:.2f} after the last"
    norms = [fit.gradient_norm for fit in fits if fit.gradient_norm]
    if norms:
        first, last = (np.median([one[at] for one in norms]) for at in (0, -1))
        words += f"; median gradient norm {first:.2g}, then {last:.2g}"
    return f"{words}."


def inside_figure(method: str, networks: Mapping[str, Sequence[Fit]]) -> Drawing | None:
    """Draw the share of dead channels in each block, and the temporal attention of each frame.

    Parameters
    ----------
    method
        Whose they are.
    networks
        The fits of each network.

    Returns
    -------
    The figure; None where the fits tell neither.
    """
    from matplotlib.figure import Figure

    dead = {name: stacked([fit.dead_units for fit in fits]) for name, fits in networks.items()}
    dead = {name: table for name, table in dead.items() if len(table)}
    attention = {name: _attention(fits) for name, fits in networks.items() if any(fit.attention for fit in fits)}
    drawn = [part for part in (dead, attention) if part]
    if not drawn:
        return None
    with style():
        figure = Figure(figsize=(WIDTH * (0.1 + 0.45 * len(drawn)), 2.5), layout="constrained")
        panels = list(figure.subplots(1, len(drawn), squeeze=False)[0])
        words = []
        if dead:
            _dead_panel(panels[0], dead)
            words += [_dead_words(name, table) for name, table in dead.items()]
        if attention:
            _attention_panel(panels[-1], attention)
            words += [_attention_words(name, mean) for name, (mean, _) in attention.items()]
        if len(networks) > 1:
            figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside upper left", ncols=len(networks))
        return finish(figure, f"inside-{method}", " ".join(words))


def _dead_panel(panel: Axes, dead: Mapping[str, NDArray[np.float64]]) -> None:
    spread = np.linspace(-0.14, 0.14, len(dead)) if len(dead) > 1 else np.zeros(1)
    blocks = max(table.shape[1] for table in dead.values())
    for index, (network, table) in enumerate(dead.items()):
        x, tone = np.arange(table.shape[1]) + spread[index], colour(SERIES[index % len(SERIES)])
        panel.vlines(x, table.min(0), table.max(0), color=tone, linewidth=1.2)
        panel.vlines(x, *np.percentile(table, [25, 75], axis=0), color=tone, linewidth=5)
        panel.plot(x, np.median(table, axis=0), "o", color=tone, markersize=7, clip_on=False, label=label(network))
    panel.axhline(DEAD_TYPICAL, color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.2)
    highest = max(float(table.max()) for table in dead.values())
    panel.set_xticks(range(blocks), [f"block {block + 1}" for block in range(blocks)])
    panel.set(title="dead channels", ylim=(0, min(1.0, max(0.3, 1.1 * highest))), xlim=(-0.5, blocks - 0.5))
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    panel.tick_params(axis="x", length=0, pad=8)
    panel.grid(axis="y")


def _dead_words(network: str, table: NDArray[np.float64]) -> str:
    shares = ", ".join(f"{share:.0%}" for share in np.median(table, axis=0))
    return (
        f"{network}: median share of dead channels in blocks 1 to {table.shape[1]}: {shares}; most {table.max():.0%}."
    )


def _attention(fits: Sequence[Fit]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, deviation = (stacked([getattr(fit, name) for fit in fits]) for name in ("attention", "attention_deviation"))
    return np.nanmean(mean, axis=0), np.sqrt(np.nanmean(deviation**2, axis=0) + np.nanvar(mean, axis=0))


def _attention_panel(panel: Axes, attention: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> None:
    longest = max(len(mean) for mean, _ in attention.values())
    for index, (network, (mean, deviation)) in enumerate(attention.items()):
        x, tone = np.arange(1, len(mean) + 1), colour(SERIES[index % len(SERIES)])
        low, high = (mean - deviation).clip(0, 1), (mean + deviation).clip(0, 1)
        panel.fill_between(x, low, high, color=tone, alpha=0.2, linewidth=0)
        panel.plot(x, mean, "o-", color=tone, linewidth=1.8, markersize=4.5, label=label(network))
    panel.axhline(0.5, color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.2)
    step = max(1, longest // 10)
    panel.set_xticks(range(1, longest + 1, step))
    panel.set(title="temporal attention", xlabel="frame", ylim=(0, 1))
    panel.grid(axis="y")


def _attention_words(network: str, mean: NDArray[np.float64]) -> str:
    return (
        f"{network}: mean temporal attention from {mean.min():.2f} in frame {mean.argmin() + 1} to {mean.max():.2f} in "
        f"frame {mean.argmax() + 1}."
    )
