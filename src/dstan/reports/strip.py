"""The strip below a video: all looks on a line through the whole video, a cursor, the time, and what to know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.reports.panel import MARGIN, class_tone
from dstan.reports.pen import Pen, tone
from dstan.reports.sight import apex_frame, first_frame, last_frame
from dstan.video.clock import clock

if TYPE_CHECKING:
    from dstan.inference import Look

_BAR = (24.0, 34.0)
_TIME = 52
_SIZE = 13
_LINE = 16


class Strip:
    """Draws the strip.

    Parameters
    ----------
    looks
        All looks of the video, in order.
    frames
        Of the whole video.
    width
        In units.
    scale
        Pixels of a unit.
    words
        A sentence to stand at the bottom of every frame; "" for none.
    """

    def __init__(self, looks: Sequence[Look], frames: int, width: float, scale: float, words: str) -> None:
        self._last = max(frames - 1, 1)
        self._frames, self._width, self._scale = frames, width, scale
        lines = Pen(1, 1, scale).wrapped(words.split(), _SIZE, width - 2 * MARGIN) if words else []
        pen = Pen(width, _TIME + 10 + _LINE * len(lines), scale)
        pen.box((MARGIN, _BAR[0], width - MARGIN, _BAR[1]), tone("rule"))
        free = 0.0
        for look in looks:
            free = self._draw_look(pen, look, free)
        for number, line in enumerate(lines):
            pen.text(MARGIN, _TIME + _LINE * (number + 1), line, _SIZE, "#f0c35a")
        self._still = pen.pixels()

    @property
    def height(self) -> int:
        """How high it is, in pixels."""
        return len(self._still)

    def at(self, index: int, seconds: float) -> NDArray[np.uint8]:
        """Return the strip below a frame: (H, W, 3) RGB."""
        drawn = self._still.copy()
        x, half = round(self._x(index) * self._scale), max(1, round(self._scale))
        top, bottom = round((_BAR[0] - 5) * self._scale), round((_BAR[1] + 5) * self._scale)
        drawn[top:bottom, max(x - half, 0) : x + half] = 255
        pen = Pen(220, 18, self._scale)
        pen.text(0, 13, f"{clock(seconds, 2)}   frame {index} of {self._frames}", _SIZE, "ink")
        words = pen.pixels()
        top, left = round((_TIME - 13) * self._scale), round(MARGIN * self._scale)
        words = words[: len(drawn) - top, : drawn.shape[1] - left]
        drawn[top : top + len(words), left : left + words.shape[1]] = words
        return drawn

    def _x(self, index: int) -> float:
        return MARGIN + index / self._last * (self._width - 2 * MARGIN)

    def _draw_look(self, pen: Pen, look: Look, free: float) -> float:
        """Draw one look on the line, its name above it where there is room; return from where on there is."""
        mine = class_tone(look.prediction)
        left, right = self._x(first_frame(look)), self._x(last_frame(look))
        pen.box((left, _BAR[0], max(right, left + 3), _BAR[1]), mine)
        apex = self._x(apex_frame(look))
        pen.line([(apex, _BAR[0] - 3), (apex, _BAR[1] + 3)], tone("ink"), 1.2)
        name = look.prediction.label or "undecided"
        wide = pen.length(name, _SIZE)
        start = max(min(left, self._width - MARGIN - wide), MARGIN)
        if start < free:
            return free
        pen.text(start, _BAR[0] - 7, name, _SIZE, mine)
        return start + wide + 8
