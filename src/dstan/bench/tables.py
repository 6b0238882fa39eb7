"""Measurements of many columns: tables as plain values, as text, and as plots in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan.bench.figures import machine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cell = str | float
SERIES = ("#0072b2", "#c25e00", "#00805d", "#a9478a", "#8a7400", "#4b4fa8")
"""Okabe and Ito's palette, deepened until each stands out from white."""
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Plot:
    """How a table is drawn.

    Parameters
    ----------
    x, y
        Columns along and up; bars where ``x`` holds words, lines where it holds numbers.
    series
        The column that tells lines apart; "" for one line.
    panels
        The columns that tell panels apart.
    scale
        Of both axes of lines: "log" or "linear".
    """

    x: str
    y: str
    series: str = ""
    panels: tuple[str, ...] = ()
    scale: str = "log"


@dataclass(frozen=True)
class Table:
    """Rows that were measured alike.

    Parameters
    ----------
    name
        Short, for a file's name too.
    what
        One sentence: what was measured, on what.
    columns
        Their headings, with units.
    rows
        As many cells each.
    plot
        How to draw it; not drawn if None.
    """

    name: str
    what: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    plot: Plot | None = None

    @classmethod
    def of(cls, name: str, what: str, rows: Sequence[Mapping[str, Cell]], plot: Plot | None = None) -> Table:
        """Build from rows that name their columns, the first row giving the order."""
        columns = tuple(rows[0])
        return cls(name, what, columns, tuple(tuple(row[column] for column in columns) for row in rows), plot)

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def text(self) -> list[tuple[str, ...]]:
        """Return the rows as text, numbers with three digits that matter."""
        return [tuple(cell if isinstance(cell, str) else _number(cell) for cell in row) for row in self.rows]

    def numbers(self) -> tuple[str, ...]:
        """Return the headings of the columns of numbers."""
        return tuple(name for name in self.columns if not any(isinstance(cell, str) for cell in self.column(name)))


@dataclass(frozen=True)
class Tables:
    """What one bench of several tables measured."""

    name: str
    tables: tuple[Table, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the machine."""
        return {
            "bench": self.name,
            "machine": machine(),
            "tables": [
                {"name": one.name, "what": one.what, "rows": [dict(zip(one.columns, r, strict=True)) for r in one.rows]}
                for one in self.tables
            ],
        }

    def draw(self, folder: Path) -> list[Path]:
        """Draw each table that says how, as ``NAME.png`` in a folder that is made if need be.

        Returns
        -------
        The files.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for table in self.tables:
            if table.plot is not None:
                files.append(folder / f"{table.name}.png")
                _draw(table, table.plot, files[-1])
        return files


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"


def _draw(table: Table, plot: Plot, file: Path) -> None:
    from matplotlib.figure import Figure

    keys = list(zip(*(table.column(name) for name in plot.panels), strict=True)) or [()] * len(table.rows)
    panels = list(dict.fromkeys(keys))
    across = min(len(panels), 3)
    down = -(-len(panels) // across)
    figure = Figure(figsize=(4.2 * across if across > 1 else 6.5, 3.1 * down + 0.8), dpi=110, layout="constrained")
    bars = any(isinstance(cell, str) for cell in table.column(plot.x))
    axes = figure.subplots(down, across, squeeze=False, sharex=bars, sharey=True)
    for panel, axis in zip(panels, axes.flat, strict=False):
        rows = [row for row, key in zip(table.rows, keys, strict=True) if key == panel]
        _panel(axis, Table(table.name, "", table.columns, tuple(rows)), plot)
        parts = zip(plot.panels, panel, strict=True)
        axis.set_title(
            ", ".join(part if isinstance(part, str) else f"{name} {part:g}" for name, part in parts), fontsize=10
        )
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if plot.series:
        ncols = min(len(labels), 4 if across > 1 else 2)
        figure.legend(handles, labels, loc="outside lower center", ncols=ncols, frameon=False)
    figure.savefig(file)


def _panel(axis: Axes, table: Table, plot: Plot) -> None:
    lines = table.column(plot.series) if plot.series else [""] * len(table.rows)
    words = any(isinstance(cell, str) for cell in table.column(plot.x))
    for place, line in enumerate(dict.fromkeys(lines)):
        rows = [row for row, name in zip(table.rows, lines, strict=True) if name == line]
        x, y = (Table("", "", table.columns, tuple(rows)).column(name) for name in (plot.x, plot.y))
        style = {"color": SERIES[place % len(SERIES)], "label": line}
        if words:
            axis.barh(x, y, **style)
        else:
            axis.plot(x, y, marker=MARKERS[place % len(MARKERS)], **style)
    if words:
        if not axis.yaxis_inverted():  # panels share it
            axis.invert_yaxis()
        axis.set_xlabel(plot.y)
        return
    axis.set(xscale=plot.scale, yscale=plot.scale, xlabel=plot.x, ylabel=plot.y)
    _ticks(axis, table.column(plot.x))
    axis.grid(True, color="#d5dae0", linewidth=0.6)


def _ticks(axis: Axes, values: Sequence[float]) -> None:
    places = sorted(set(values))
    axis.set_xticks(places, [f"{value:g}" for value in places])
    axis.minorticks_off()
