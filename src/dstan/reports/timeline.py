"""A whole video in one picture: what moved, when, and what it was taken for.

A long video is broken into strips below each other, as a text is into lines. In every strip the signal stands above
lanes: one for each class in its colour, one in grey for each reason for which motion was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.inference.spotting import Event, Interval, Spotting
from dstan.reports.drawing import MARKERS, SERIES, Drawing, colour, finish, label, style
from dstan.reports.naming import UNDECIDED, UNNAMED, gaps_of, name_of, warnings_of
from dstan.reports.sight import class_role
from dstan.video import clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 9.6  # inches
MOST_STRIPS = 8
_STRIPS = (30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
"""Lengths of a strip in seconds: the shortest that needs no more than :data:`MOST_STRIPS`."""
_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
_SIGNAL, _LANE, _AXIS, _HEAD, _LINE = 0.85, 0.155, 0.42, 0.5, 0.17  # heights in inches
_NARROWEST = 0.0022
"""Share of a strip that an event is drawn with at least, so that it is seen in an hour, too."""
_APART = 0.013
"""Share of a strip that two numbers need beside each other; what is nearer goes to a second line, then unnumbered."""
_BINS = 700
_LETTERS = 128


@dataclass(frozen=True)
class _Lanes:
    """Which lane a name has, and its colour and mark."""

    classes: dict[str, tuple[str, str]]
    reasons: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [*self.classes, *self.reasons]


@dataclass(frozen=True)
class _Strip:
    """A part of the video: seconds."""

    begin: float
    end: float

    def holds(self, one: Interval) -> bool:
        return one.onset_seconds < self.end and one.offset_seconds >= self.begin

    def widened(self, one: Interval) -> tuple[float, float]:
        """Return the left end and the width with which something is drawn."""
        width = max(one.offset_seconds - one.onset_seconds, _NARROWEST * (self.end - self.begin))
        return (one.onset_seconds + one.offset_seconds - width) / 2, width


def timeline_figure(spotting: Spotting) -> Drawing:
    """Draw the motion of a whole video, its events numbered and coloured by class, and what was left out and why.

    Parameters
    ----------
    spotting
        What was found. Its numbers are those of :func:`~dstan.reports.events.events_table`.
    """
    from matplotlib.figure import Figure

    strips, lanes = _strips(spotting.seconds), _lanes(spotting)
    notes = _wrapped(warnings_of(spotting))
    below = _LANE * max(len(lanes.names), 1)
    heights = [_SIGNAL, below] * len(strips)
    total = len(strips) * (_SIGNAL + below + _AXIS) + _HEAD + _LINE * len(notes)
    with style():
        figure = Figure(figsize=(WIDTH, total), layout="constrained")
        panels = figure.subplots(2 * len(strips), 1, squeeze=False, height_ratios=heights)[:, 0]
        top, cut = _top(spotting)
        for strip, signal, rows in zip(strips, panels[::2], panels[1::2], strict=True):
            _draw_signal(signal, spotting, strip, lanes, top)
            _draw_lanes(rows, spotting, strip, lanes)
        figure.suptitle(_title(spotting), x=0.01, ha="left", fontsize=11, weight="bold")
        unit = "motion, % of the distance between the eyes" + (" (higher peaks are cut)" if cut else "")
        panels[0].set_title(unit, fontsize=8, weight="normal", color=colour("muted"), pad=17)
        if notes:
            figure.supxlabel("\n".join(notes), x=0.01, ha="left", fontsize=8.5, color=colour("series2"))
        return finish(figure, "timeline", _words(spotting))


def _strips(seconds: float) -> list[_Strip]:
    length = next((length for length in _STRIPS if seconds <= length * MOST_STRIPS), seconds / MOST_STRIPS)
    count = max(1, int(np.ceil(round(seconds / length, 6))))
    if count == 1:
        return [_Strip(0.0, max(seconds, 1e-3))]
    return [_Strip(number * length, (number + 1) * length) for number in range(count)]


def _lanes(spotting: Spotting) -> _Lanes:
    """Give every class that was told a colour and a mark: those of a model's classes by their order."""
    said = [event.prediction.probabilities for event in spotting.events if event.prediction]
    classes = list(dict.fromkeys(name for shares in said for name in shares))
    looks = {name: (class_role(name, classes), MARKERS[at % len(MARKERS)]) for at, name in enumerate(classes)}
    looks |= {UNDECIDED: ("baseline", "o"), UNNAMED: (SERIES[0], "o")}
    told = {name_of(event) for event in spotting.events}
    reasons = sorted({one.reason for one in spotting.rejected})
    return _Lanes({name: look for name, look in looks.items() if name in told}, tuple(reasons))


def _top(spotting: Spotting) -> tuple[float, bool]:
    """Return the height of the signal's axis, and whether the rest is higher: events are what it is looked at for."""
    known = spotting.motion[np.isfinite(spotting.motion)]
    if not known.size:
        return 1.0, False
    peaks = [peak for event in spotting.events if (peak := _peak(spotting, event)) is not None]
    top = max(1.4 * max(peaks, default=float(known.max())), 1e-3)
    return top, bool(known.max() > top)


def _peak(spotting: Spotting, one: Interval) -> float | None:
    near = (spotting.times >= one.onset_seconds) & (spotting.times <= one.offset_seconds)
    values = spotting.motion[near]
    return float(np.nanmax(values)) if np.isfinite(values).any() else None


def _draw_signal(panel: Axes, spotting: Spotting, strip: _Strip, lanes: _Lanes, top: float) -> None:
    times, motion = _thinned(spotting.times, spotting.motion, strip)
    panel.plot(times, np.minimum(motion, top), color=colour("muted"), linewidth=0.8)
    _draw_gaps(panel, spotting, strip, top)
    for event in spotting.events:
        if strip.holds(event):
            role, mark = lanes.classes[name_of(event)]
            left, width = strip.widened(event)
            panel.axvspan(left, left + width, color=colour(role), alpha=0.28, linewidth=0)
            height = _peak(spotting, event)
            if height is not None:
                panel.plot(event.apex_seconds, min(height, top), mark, markersize=4, color=colour(role))
    _draw_numbers(panel, spotting.events, strip, lanes)
    panel.set(xlim=(strip.begin, strip.end), ylim=(0, top))
    panel.locator_params(axis="y", nbins=3)
    panel.tick_params(axis="x", length=0, labelbottom=False)
    panel.tick_params(axis="y", labelsize=8)
    panel.spines["bottom"].set_color(colour("rule"))


def _draw_numbers(panel: Axes, events: Sequence[Event], strip: _Strip, lanes: _Lanes) -> None:
    """Number the events above the signal, on two lines where they are near each other."""
    span = strip.end - strip.begin
    free = [strip.begin - span] * 2
    for number, event in enumerate(events, 1):
        if not strip.begin <= event.apex_seconds < strip.end:
            continue
        needed = span * _APART * (0.6 + 0.4 * len(str(number)))
        line = next((line for line, last in enumerate(free) if event.apex_seconds - last >= needed), None)
        if line is not None:
            free[line] = event.apex_seconds
            panel.annotate(
                str(number),
                (event.apex_seconds, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2 + 7.5 * line),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                weight="bold",
                color=colour(lanes.classes[name_of(event)][0]),
                annotation_clip=False,
            )


def _draw_gaps(panel: Axes, spotting: Spotting, strip: _Strip, top: float) -> None:
    """Hatch where no face was followed, and what lies behind the end of the video."""
    for begin, end in gaps_of(spotting):
        first, last = max(begin, strip.begin), min(end, strip.end)
        if first < last:
            panel.axvspan(first, last, facecolor="none", edgecolor=colour("rule"), hatch="////", linewidth=0)
            if (last - first) / (strip.end - strip.begin) > 0.07:
                middle, paper = (first + last) / 2, colour("paper")
                box = {"facecolor": paper, "edgecolor": "none", "pad": 1.5}
                panel.text(
                    middle, top / 2, "no face", ha="center", va="center", size=8, color=colour("muted"), bbox=box
                )
    if strip.end > spotting.seconds:
        panel.axvspan(spotting.seconds, strip.end, color=colour("paper"), linewidth=0, zorder=3)


def _draw_lanes(panel: Axes, spotting: Spotting, strip: _Strip, lanes: _Lanes) -> None:
    names = lanes.names
    shown: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for event in filter(strip.holds, spotting.events):
        shown[name_of(event)].append(strip.widened(event))
    for one in filter(strip.holds, spotting.rejected):
        shown[one.reason].append(strip.widened(one))
    for height, (name, spans) in enumerate(shown.items()):
        role, _ = lanes.classes.get(name, ("baseline", ""))
        panel.broken_barh(spans, (height - 0.34, 0.68), color=colour(role), linewidth=0)
    panel.set_yticks(range(len(names)), [label(name, 16) for name in names], fontsize=8)
    for text, name in zip(panel.get_yticklabels(), names, strict=True):
        text.set_color(colour(lanes.classes[name][0] if name in lanes.classes else "muted"))
    panel.set(xlim=(strip.begin, strip.end), ylim=(max(len(names), 1) - 0.5, -0.5))
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.grid(axis="y")
    _label_times(panel, strip)


def _label_times(panel: Axes, strip: _Strip) -> None:
    span = strip.end - strip.begin
    step = next((step for step in _TICKS if span / step <= 12), span / 10)
    ticks = np.arange(np.ceil(strip.begin / step - 1e-6), np.floor(strip.end / step + 1e-6) + 1) * step
    panel.set_xticks(ticks, [clock(tick, 1 if step < 1 else 0) for tick in ticks], fontsize=8)


def _thinned(
    times: NDArray[np.float64], motion: NDArray[np.float64], strip: _Strip
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the least and the greatest value of every few, so that no peak is lost and the file stays small."""
    inside = (times >= strip.begin) & (times <= strip.end)
    times, motion = times[inside], motion[inside]
    if len(times) <= 2 * _BINS:
        return times, motion
    kept: list[int] = []
    for part in np.array_split(np.arange(len(times)), _BINS):
        known = part[np.isfinite(motion[part])]
        two = (known[motion[known].argmin()], known[motion[known].argmax()]) if len(known) else (part[0], part[-1])
        kept += sorted(int(index) for index in two)
    return times[kept], motion[kept]


def _title(spotting: Spotting) -> str:
    length = clock(spotting.seconds, 1 if spotting.seconds < 10 else 0)
    return f"{label(spotting.path.name, 60)}: {_count(len(spotting.events))} in {length}"


def _count(n: int) -> str:
    return "no micro-expression" if n == 0 else "one micro-expression" if n == 1 else f"{n} micro-expressions"


def _wrapped(warnings: Sequence[str]) -> list[str]:
    import textwrap

    return [line for warning in warnings for line in textwrap.wrap(warning, _LETTERS)]


def _words(spotting: Spotting) -> str:
    """Say in words what the picture shows."""
    events = [
        f"{number}, {name_of(event)} at {clock(event.onset_seconds, 1)}"
        for number, event in enumerate(spotting.events, 1)
    ]
    reasons = sorted({one.reason for one in spotting.rejected})
    left_out = [f"{sum(one.reason == reason for one in spotting.rejected)} {reason}" for reason in reasons]
    parts = [_title(spotting), *(["; ".join(events)] if events else [])]
    parts += [f"left out: {', '.join(left_out)}"] if left_out else []
    return ". ".join([*parts, *warnings_of(spotting)]) + "."
