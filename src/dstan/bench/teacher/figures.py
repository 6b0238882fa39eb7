"""The plots of the measurement, from the plain numbers of ``teacher.json``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan.reports.drawing import MARKERS, SERIES, colour, finish, style
from dstan.reports.figures import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Record = Mapping[str, Any]
_DASHES = (0, (4, 3))
_APART = 0.12
"""Between lines at one place along a panel of words."""
_TITLES = {"casme2": "CASME II", "smic-hs": "SMIC-HS", "samm": "SAMM"}
_ZERO_SHOT = "zero-shot"


def draw(parts: Mapping[str, Record], folder: Path) -> list[Path]:
    """Draw every part that is there and has a plot, as PNG and SVG.

    Parameters
    ----------
    parts
        Of ``teacher.json``.
    folder
        Where the plots go.

    Returns
    -------
    The PNG files.
    """
    return [_drawn(name, parts[name]["rows"], folder) for name in _PLOTS if name in parts]


def _drawn(name: str, records: Sequence[Record], folder: Path) -> Path:
    from matplotlib.figure import Figure

    panel, height, words = _PLOTS[name]
    corpora = list(dict.fromkeys(record["corpus"] for record in records))
    most = max(sum(record["corpus"] == corpus for record in records) for corpus in corpora)
    with style():
        figure = Figure(figsize=(WIDTH, height(most)), layout="constrained")
        axes = figure.subplots(1, len(corpora), sharex=True, sharey=True, squeeze=False)[0]
        for axis, corpus in zip(axes, corpora, strict=True):
            panel(axis, [record for record in records if record["corpus"] == corpus])
            axis.set_title(_TITLES.get(corpus, corpus))
        for axis in axes[1:]:
            axis.set_ylabel("")
        _legend(figure, axes[0])
        stem = folder / ("reliability" if name == "calibration" else name)
        return finish(figure, name, words).write(stem)[0]


def _legend(figure: Figure, axis: Axes) -> None:
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _series(records: Sequence[Record], column: str) -> Iterator[tuple[int, str, list[Record]]]:
    names = dict.fromkeys(record[column] for record in records)
    for number, name in enumerate(names):
        yield number, name, [record for record in records if record[column] == name]


def _curve(axis: Axes, records: Sequence[Record]) -> None:
    fitted = [record for record in records if record["begun from"] != _ZERO_SHOT]
    places = {people: place for place, people in enumerate(dict.fromkeys(record["people"] for record in fitted))}
    for number, name, own in _series(fitted, "begun from"):
        x = [places[record["people"]] + _APART * (number - 1) for record in own]
        _marks(axis, x, [record["uf1"] for record in own], number, name)
    for record in records:
        if record["begun from"] == _ZERO_SHOT:
            label = "drawn motion alone, nobody learned from"
            axis.axhline(record["uf1"]["value"], color=colour(SERIES[1]), linestyle=_DASHES, linewidth=1.6, label=label)
    axis.set_xticks(list(places.values()), list(places))
    axis.set(xlabel="people to learn from", ylabel="UF1")
    axis.grid(axis="y")


def _marks(axis: Axes, x: Sequence[float], values: Sequence[Record], number: int, name: str) -> None:
    """Draw a line with the interval of each point."""
    tone, y = colour(SERIES[number]), [value["value"] for value in values]
    axis.vlines(
        x, [value["low"] for value in values], [value["high"] for value in values], color=tone, alpha=0.55, lw=2
    )
    axis.plot(x, y, marker=MARKERS[number], color=tone, label=name, markersize=6, linewidth=1.8)


def _clips(axis: Axes, records: Sequence[Record]) -> None:
    x = [record["drawn clips"] for record in records]
    axis.set_xscale("log")
    _marks(axis, x, [record["uf1"] for record in records], 0, "")
    axis.set_xticks(x, [f"{value / 1000:g}k" for value in x])
    axis.minorticks_off()
    axis.set(xlabel="clips drawn in all", ylabel="UF1")
    axis.grid(axis="y")


def _models(axis: Axes, records: Sequence[Record]) -> None:
    _rows(axis, [record["model"] for record in records], [record["uf1"] for record in records])
    axis.axvline(1 / 3, color=colour("baseline"), linestyle=_DASHES, linewidth=1.4)
    axis.set(xlabel="UF1", xlim=(0, 1))


def _contaminations(axis: Axes, records: Sequence[Record]) -> None:
    lacking = [record for record in records if record["differences"]]
    gains = [record["differences"]["full"]["uf1"] for record in lacking]
    _rows(axis, [f"without {record['without']}" for record in lacking], gains)
    axis.axvline(0, color=colour("baseline"), linestyle=_DASHES, linewidth=1.4)
    axis.locator_params(axis="x", nbins=5)
    axis.set(xlabel="UF1 less that of the full teacher")


def _rows(axis: Axes, names: Sequence[str], values: Sequence[Record]) -> None:
    tone, places = colour(SERIES[0]), range(len(names))
    axis.hlines(places, [one["low"] for one in values], [one["high"] for one in values], color=tone, lw=2.4, alpha=0.6)
    axis.plot([one["value"] for one in values], places, "o", color=tone, markersize=7)
    axis.set_yticks(places, names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")


def _reliability(axis: Axes, records: Sequence[Record]) -> None:
    from dstan.reports.sureness import FEWEST

    axis.plot((0, 1), (0, 1), color=colour("baseline"), linestyle=_DASHES, linewidth=1.4)
    for number, name, (record,) in _series(records, "model"):
        bins = [one for one in record["bins"] if one["count"] >= FEWEST]
        values = [dict(zip(("low", "high"), one["intervals"]["accuracy"], strict=True)) for one in bins]
        points = [{**ends, "value": one["accuracy"]} for ends, one in zip(values, bins, strict=True)]
        _marks(axis, [one["confidence"] for one in bins], points, number, name)
    axis.set(xlim=(0.25, 1), ylim=(0, 1), xlabel="how sure it says it is", ylabel="share right")
    axis.grid()


Panel = Callable[["Axes", Sequence[Record]], None]
_PLOTS: Mapping[str, tuple[Panel, Callable[[int], float], str]] = {
    "curve": (_curve, lambda rows: 4.0, "UF1 over the number of people to learn from, with 95% intervals over people."),
    "zero-shot": (
        _models,
        lambda rows: 1.0 + 0.33 * rows,
        "UF1 of models that saw drawn motion alone, with 95% intervals over people; dashed: one third.",
    ),
    "contaminations": (
        _contaminations,
        lambda rows: 1.0 + 0.3 * rows,
        "What UF1 changes by where a contamination is left out of the drawing, with paired 95% intervals over people.",
    ),
    "clips": (_clips, lambda rows: 3.4, "UF1 over the number of drawn clips learned from, with 95% intervals."),
    "calibration": (
        _reliability,
        lambda rows: 4.0,
        "How often answers are right over how sure they are, with 95% intervals over people.",
    ),
}
