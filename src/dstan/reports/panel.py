"""What stands beside a video: the class, its probabilities, the action units, and attention in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.reports.pen import Box, Pen, tone
from dstan.reports.sight import STREAM_ROLES, apex_frame, class_role, first_frame

if TYPE_CHECKING:
    from dstan.inference import Look, Prediction

WIDTH, HEIGHT = 300, 480
"""Of the panel, in units; a frame is :data:`HEIGHT` units high."""
MARGIN = 14
MOST_CLASSES = 7
"""Most classes that have a bar: the likeliest."""
_CURVE = 74
_LARGE, _TEXT, _SMALL = 23, 14, 12


def class_tone(prediction: Prediction) -> str:
    """Return the colour of the class that is named; another where none is."""
    if prediction.label is None:
        return tone("baseline")
    return tone(class_role(prediction.label, prediction.probabilities))


@dataclass(frozen=True, eq=False)
class Panel:
    """What stands beside a look's frames and does not move.

    Parameters
    ----------
    pixels
        (H, W, 3) RGB.
    plot
        Where the curve of attention is: a cursor moves through it; None where there is none.
    start, end
        Seconds from the clip's first frame at the plot's left and right.
    maps
        Where the maps go, by stream.
    """

    pixels: NDArray[np.uint8]
    plot: Box | None
    start: float
    end: float
    maps: dict[str, Box]


def draw_panel(look: Look, seconds: float, scale: float, streams: Sequence[str]) -> Panel:
    """Draw the panel of a look.

    Parameters
    ----------
    look
        What a model saw and said.
    seconds
        From its first frame to its last.
    scale
        Pixels of a unit.
    streams
        Those that have a map.
    """
    prediction, pen = look.prediction, Pen(WIDTH, HEIGHT, scale)
    y = _draw_verdict(pen, prediction)
    y = _draw_probabilities(pen, prediction, y)
    y = _draw_units(pen, prediction, y)
    start, end = 0.0, max(seconds, 1e-6)
    plot = None
    if prediction.attention:
        plot = (MARGIN + 26, y + 22, WIDTH - MARGIN, y + 22 + _CURVE)
        _draw_attention(pen, look, plot, end)
        y = plot[3] + 32
    maps = _draw_frames_of_maps(pen, look, streams, y)
    return Panel(pen.pixels(), plot, start, end, maps)


def draw_idle(scale: float, words: Sequence[str]) -> NDArray[np.uint8]:
    """Draw the panel beside frames that no look is of."""
    pen = Pen(WIDTH, HEIGHT, scale)
    for line, text in enumerate(words):
        pen.text(MARGIN, 36 + 20 * line, text, _TEXT, "muted")
    return pen.pixels()


def _draw_verdict(pen: Pen, prediction: Prediction) -> float:
    width = WIDTH - 2 * MARGIN
    if prediction.label is not None:
        pen.text(MARGIN, 34, pen.fitting(prediction.label, _LARGE, width), _LARGE, class_tone(prediction))
        return 52
    pen.text(MARGIN, 34, "undecided", _LARGE, "ink")
    reason = prediction.verdict.removeprefix("undecided: ")
    lines = pen.wrapped(reason.split(), _SMALL, width)
    for number, line in enumerate(lines):
        pen.text(MARGIN, 52 + 15 * number, line, _SMALL, "muted")
    return 55 + 15 * len(lines)


def _draw_probabilities(pen: Pen, prediction: Prediction, y: float) -> float:
    shown = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:MOST_CLASSES]
    high = 19 if len(shown) <= 4 else 15
    size = _TEXT if len(shown) <= 4 else _SMALL
    names = {name: pen.fitting(name, size, 100) for name, _ in shown}
    left = MARGIN + max(pen.length(text, size) for text in names.values()) + 10
    right = WIDTH - MARGIN - pen.length("1.00", size) - 8
    for name, share in shown:
        mine = class_tone(prediction) if name == prediction.label else tone("baseline")
        pen.text(MARGIN, y + 0.5 * high + 4.5, names[name], size, "ink")
        middle = y + 0.5 * high
        pen.box((left, middle - 4, right, middle + 4), tone("rule"))
        pen.box((left, middle - 4, left + share * (right - left), middle + 4), mine)
        pen.text(WIDTH - MARGIN, middle + 4.5, f"{share:.2f}", size, "ink", "rs")
        y += high
    return y + 6


def _draw_units(pen: Pen, prediction: Prediction, y: float) -> float:
    if prediction.units is None:
        return y
    told = [f"AU{unit} {score:.2f}," for unit, score in prediction.units_told] or ["none"]
    told[-1] = told[-1].removesuffix(",")
    lines = pen.wrapped(["action units:", *told], _SMALL, WIDTH - 2 * MARGIN)
    for line in lines[:2]:
        pen.text(MARGIN, y + 11, line, _SMALL, "muted")
        y += 16
    return y + 4


def _draw_attention(pen: Pen, look: Look, plot: Box, end: float) -> None:
    left, top, right, bottom = plot
    curves = look.prediction.attention
    pen.text(MARGIN, top - 9, "attention in time", _SMALL, "muted")
    x = right
    for stream in reversed(list(curves)):
        x -= pen.length(stream, _SMALL)
        pen.text(x, top - 9, stream, _SMALL, STREAM_ROLES[stream])
        x -= 10
    low, high = curve_range([weight for steps in curves.values() for _, weight in steps])
    for value in (low, high):
        y = _height(value, low, high, plot)
        pen.line([(left, y), (right, y)], tone("rule"))
        pen.text(left - 5, y + 4, f"{value:.1f}", _SMALL - 1, "muted", "rs")
    pen.text(left, bottom + 14, "0 s", _SMALL - 1, "muted", "ls")
    pen.text(right, bottom + 14, f"{end:.2f} s", _SMALL - 1, "muted", "rs")
    apex = apex_seconds(look, end)
    at = left + apex / end * (right - left)
    pen.line([(at, top), (at, bottom)], tone("muted"))
    inside = min(max(at, left + 32), right - 42)
    pen.text(inside, bottom + 14, "apex", _SMALL - 1, "muted", "ms")
    for stream, steps in curves.items():
        known = spread_steps(steps, end)
        points = [(left + t / end * (right - left), _height(weight, low, high, plot)) for t, weight in known]
        mine = tone(STREAM_ROLES[stream])
        if len(points) > 1:
            pen.line(points, mine, 1.8)
        for point in points:
            pen.dot(*point, 2.4 if len(points) > 1 else 4, mine)


def apex_seconds(look: Look, end: float) -> float:
    """Return the seconds of the apex from the clip's first frame, its frames taken as evenly spaced."""
    frames = int(look.prepared.done["frames"])
    return end * (apex_frame(look) - first_frame(look)) / max(frames - 1, 1)


def spread_steps(steps: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Return the steps of a curve; where their times are unknown they are spread evenly up to the end."""
    if not any(math.isnan(seconds) for seconds, _ in steps):
        return list(steps)
    gap = end / max(len(steps) - 1, 1)
    return [(number * gap, weight) for number, (_, weight) in enumerate(steps)]


def curve_range(weights: Sequence[float]) -> tuple[float, float]:
    """Return tenths between which all weights lie, two of them apart at least, within 0 and 1."""
    low, high = math.floor(10 * min(weights)), math.ceil(10 * max(weights))
    if high - low < 2:
        low, high = max(low - 1, 0), min(high + 1, 10)
    return low / 10, high / 10


def _height(weight: float, low: float, high: float, plot: Box) -> float:
    return plot[3] - (weight - low) / (high - low) * (plot[3] - plot[1])


def _draw_frames_of_maps(pen: Pen, look: Look, streams: Sequence[str], y: float) -> dict[str, Box]:
    """Write what stands around the maps, and return where these go: squares as large as there is room."""
    if not streams:
        return {}
    pen.text(MARGIN, y + 3, "attention in space, above its mean", _SMALL, "muted")
    side = min((WIDTH - 3 * MARGIN) / 2, HEIGHT - 26 - (y + 12))
    boxes = {}
    for number, stream in enumerate(streams):
        left = MARGIN + number * (side + MARGIN)
        boxes[stream] = (left, y + 12, left + side, y + 12 + side)
        weights = look.maps[stream]  # type: ignore[index]
        words = f"{stream} {weights.min():.2f} to {weights.max():.2f}"
        pen.text(left, y + 12 + side + 15, pen.fitting(words, _SMALL - 1, side), _SMALL - 1, STREAM_ROLES[stream])
    return boxes
