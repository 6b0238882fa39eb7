"""The plot of growth: clips, memory, people, tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan.bench.tables import Table
from dstan.reports.drawing import MARKERS, SERIES, colour, finish, style
from dstan.reports.figures import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 5.6
_ROOM = 1.35
"""Height of an axis over the highest value, so that there is room for words."""
_LITTLE = 100.0
Line = tuple[Sequence[float], Sequence[float]]


def draw(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Draw how cost grows, as ``growth.png`` and ``growth.svg``; nothing where a table that it needs is missing.

    Parameters
    ----------
    tables
        As :func:`~dstan.bench.scaling.tables.tables_of` returns them.
    folder
        Where to.

    Returns
    -------
    The files.
    """
    from matplotlib.figure import Figure

    by_name = {table.name: table for table in tables}
    if not {"clips", "subjects", "tasks"} <= by_name.keys():
        return []
    with style():
        figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
        for axis, (title, x, y, lines) in zip(figure.subplots(2, 2).flat, _panels(by_name), strict=True):
            _panel(axis, lines(), x, y)
            axis.set_title(title)
        words = (
            "Seconds to prepare clips, memory, seconds of leave-one-subject-out over people, and the cost of a task."
        )
        return list(finish(figure, "growth", words).write(folder / "growth"))


def _panels(tables: Mapping[str, Table]) -> list[tuple[str, str, str, Callable[[], dict[str, Line]]]]:
    clips, subjects, tasks = (tables[name] for name in ("clips", "subjects", "tasks"))
    numbers = clips.column("clips")
    return [
        (
            "Preparing clips",
            "clips",
            "seconds",
            lambda: {"first time": (numbers, clips.column("seconds")), "again": (numbers, _again(clips))},
        ),
        (
            "Memory",
            "clips",
            "MB",
            lambda: {who: (numbers, clips.column(f"MB of {who}")) for who in ("the calling process", "a worker")},
        ),
        ("Leave one subject out", "people", "seconds", lambda: _lines(subjects, "method", "people", "seconds")),
        (
            "Tasks that do nothing",
            "tasks",
            "ms a task",
            lambda: {
                f"{name} process{'' if name == 1 else 'es'}": line
                for name, line in _lines(tasks, "processes", "tasks", "ms a task, once running").items()
            },
        ),
    ]


def _again(clips: Table) -> list[float]:
    each = zip(clips.column("clips"), clips.column("ms a clip, all prepared"), strict=True)
    return [count * milliseconds / 1e3 for count, milliseconds in each]


def _lines(table: Table, series: str, x: str, y: str) -> dict[Any, Line]:
    rows = list(zip(table.column(series), table.column(x), table.column(y), strict=True))
    return {
        name: ([row[1] for row in rows if row[0] == name], [row[2] for row in rows if row[0] == name])
        for name in dict.fromkeys(table.column(series))
    }


def _panel(axis: Axes, lines: Mapping[str, Line], x: str, y: str) -> None:
    for number, (name, (along, up)) in enumerate(lines.items()):
        axis.plot(
            along, up, marker=MARKERS[number], color=colour(SERIES[number]), label=name, markersize=5, linewidth=1.8
        )
    axis.set(xscale="log", xlabel=x, ylabel=y)
    most = [value for _, up in lines.values() for value in up]
    if y == "seconds":
        _logarithmic(axis, max(most) / min(most))
    else:
        axis.set_ylim(0, _ROOM * max(most))
    places = sorted({place for along, _ in lines.values() for place in along})
    axis.set_xticks(places, [f"{place:g}" for place in places])
    axis.minorticks_off()
    axis.grid()
    axis.legend(loc="best")


def _logarithmic(axis: Axes, spread: float) -> None:
    """Scale seconds by their logarithm, with ticks in plain numbers, several also where they spread little."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if spread < _LITTLE else (1,)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
