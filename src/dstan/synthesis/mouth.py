"""A mouth that opens: the dark and the upper teeth between the lips, drawn before the lips are moved apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dstan.synthesis.canvas import smooth_step
from dstan.synthesis.portrait import Portrait
from dstan.synthesis.relief import mouth_line

HALF_WIDTH, HEIGHT = 0.36, 0.09
"""Half the width of the open mouth and the height of what is drawn of it, face units; the jaw stretches it."""
INSIDE, TEETH = (52, 22, 24), (196, 188, 176)


class MouthPainter:
    """Draws the open mouth of one portrait.

    Parameters
    ----------
    portrait
        Whose.
    """

    def __init__(self, portrait: Portrait) -> None:
        near = (np.abs(portrait.x) < HALF_WIDTH) & (np.abs(portrait.y - mouth_line(portrait.x)) < 2 * HEIGHT)
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        self._box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        x, y = portrait.x[self._box], portrait.y[self._box]
        self._below = y - mouth_line(x)
        self._reach = np.clip(1 - (np.abs(x) / HALF_WIDTH) ** 2, 0, 1)
        self._soft = 1 / portrait.placement.scale
        self._light = portrait.identity.exposure

    def paint(self, face: NDArray[np.uint8], opening: float) -> NDArray[np.uint8]:
        """Return a copy of a face with its mouth open.

        Parameters
        ----------
        face
            (H, W, 3) uint8.
        opening
            0 shut, 1 wide open.
        """
        tall = HEIGHT * opening * self._reach
        shown = smooth_step(self._below, -self._soft, self._soft) * smooth_step(
            tall - self._below, -self._soft, self._soft
        )
        teeth = smooth_step(0.35 * tall - self._below, -self._soft, self._soft) * self._reach
        inside = np.array(INSIDE, np.float32) + np.subtract(TEETH, INSIDE) * (0.6 * teeth)[..., None]
        skin = face[self._box].astype(np.float32)
        alpha = (shown * np.float32(min(4 * opening, 1.0)) * (tall > 0))[..., None]
        painted = face.copy()
        painted[self._box] = np.clip(skin + (inside * self._light - skin) * alpha + 0.5, 0, 255).astype(np.uint8)
        return painted
