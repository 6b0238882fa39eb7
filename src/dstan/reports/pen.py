"""A pen for what stands around the frames of a video: as large at any resolution, its letters well formed."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan.reports.drawing import COLOURS, label

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_FINER, _COARSE = 3, 2.5
"""What has fewer pixels a unit than the second is drawn so many times finer first, for letters that stand well."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom in units."""


def tone(role: str) -> str:
    """Return a role's colour on dark paper, the one that videos are drawn in."""
    return COLOURS[role][1]


class Pen:
    """Draws in units of a 480th of a frame's height, so that everything is as large at any resolution.

    Parameters
    ----------
    width, height
        Of what is drawn on, in units.
    scale
        Pixels of a unit.
    """

    def __init__(self, width: float, height: float, scale: float) -> None:
        from PIL import Image, ImageDraw

        self._size = max(1, round(width * scale)), max(1, round(height * scale))
        finer = _FINER if scale < _COARSE else 1
        self.scale = scale * finer
        size = self._size[0] * finer, self._size[1] * finer
        self.image: Image.Image = Image.new("RGB", size, tone("paper"))
        self.draw: ImageDraw.ImageDraw = ImageDraw.Draw(self.image)

    def pixels(self) -> NDArray[np.uint8]:
        """Return what was drawn: (H, W, 3) RGB, which may be written to."""
        from PIL import Image

        return np.array(self.image.resize(self._size, Image.Resampling.BOX))

    def font(self, text: str, size: float) -> Any:
        """Return the font of a size in units that has the letters of a text."""
        return _font(size * self.scale, plain=text.isascii())

    def length(self, text: str, size: float) -> float:
        """Return how long a text is, in units."""
        return float(self.draw.textlength(text, font=self.font(text, size))) / self.scale

    def fitting(self, text: str, size: float, width: float) -> str:
        """Return a text, shortened in its middle where it is too long."""
        return next((cut for n in range(len(text), 3, -1) if self.length(cut := label(text, n), size) <= width), "…")

    def wrapped(self, words: Iterable[str], size: float, width: float) -> list[str]:
        """Put words into lines; what is one of them is not broken."""
        lines = [""]
        for word in words:
            longer = f"{lines[-1]} {word}".strip()
            if self.length(longer, size) > width and lines[-1]:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def text(self, x: float, y: float, text: str, size: float, colour: str = "ink", anchor: str = "ls") -> None:
        """Write a text; colour is a role, or #rrggbb."""
        fill = colour if colour.startswith("#") else tone(colour)
        self.draw.text((x * self.scale, y * self.scale), text, font=self.font(text, size), fill=fill, anchor=anchor)

    def box(self, box: Box, colour: str, radius: float = 2) -> None:
        """Fill a box."""
        left, top, right, bottom = (side * self.scale for side in box)
        if right - left >= 1:
            self.draw.rounded_rectangle((left, top, right, bottom), radius=radius * self.scale, fill=colour)

    def line(self, points: Iterable[tuple[float, float]], colour: str, width: float = 1) -> None:
        """Draw a line through points."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self.draw.line(scaled, fill=colour, width=max(1, round(width * self.scale)), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """Draw a disc."""
        x, y, r = x * self.scale, y * self.scale, radius * self.scale
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)


@functools.cache
def _font(size: float, *, plain: bool) -> Any:
    """Return Pillow's own font, which looks best, or DejaVu Sans where more than ASCII is asked for."""
    from PIL import ImageFont

    if plain:
        return ImageFont.load_default(size)
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
