"""Smooth displacement fields in normalised face coordinates.

The origin is midway between the centres of the eyes (each the mean of its two corners), the unit is their distance, x
points to the right of the image and y down. A material point at ``c`` moves to ``c + F(c)``. Expressions and the
proportions of a person are both such fields, sums of :class:`Bump`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float32]
Field = Callable[[Array, Array], tuple[Array, Array]]
"""Takes x and y of any one shape, returns the displacement (dx, dy) there."""
MIDDLE = 0.12
"""How far from the middle a place belongs to one side of the face, face units."""


@dataclass(frozen=True)
class Bump:
    """A Gaussian push on the subject's left side (right of the image) and its mirror image on the other.

    Parameters
    ----------
    x, y
        Its centre; ``x`` is at least 0.
    width
        Standard deviation along x.
    up, down
        Standard deviation along y above and below the centre.
    dx, dy
        Displacement at the centre; positive ``dx`` is outward.
    """

    x: float
    y: float
    width: float
    up: float
    down: float
    dx: float
    dy: float


def single(values: ArrayLike) -> Array:
    """Return values in single precision."""
    return np.asarray(values, np.float32)


def weight(x: Array, y: Array, bump: Bump) -> Array:
    """Return the bump's Gaussian, 1 at its centre, on its own side only."""
    tall = np.where(y < bump.y, np.float32(bump.up), np.float32(bump.down))
    return single(np.exp(-0.5 * (((x - bump.x) / bump.width) ** 2 + ((y - bump.y) / tall) ** 2)))


def left_share(x: Array) -> Array:
    """Return how far a place belongs to the subject's left (right of the image): 0 to 1, one half at the middle."""
    return single(0.5 + 0.5 * np.tanh(x / MIDDLE))


def displacement(
    x: Array, y: Array, bumps: Sequence[Bump], left: float = 1.0, right: float = 1.0
) -> tuple[Array, Array]:
    """Sum bumps and their mirror images.

    Parameters
    ----------
    x, y
        Places in normalised face coordinates.
    bumps
        What to sum.
    left, right
        How strongly on the subject's left and right side.

    Returns
    -------
    dx and dy at these places, in the same unit.
    """
    dx = np.zeros(x.shape, np.float32)
    dy = np.zeros(x.shape, np.float32)
    for bump in bumps:
        here, mirrored = weight(x, y, bump), weight(-x, y, bump)
        dx += bump.dx * (here - mirrored)
        dy += bump.dy * (here + mirrored)
    share = left_share(x)
    strength = single(left * share + right * (1 - share))
    return dx * strength, dy * strength


def invert(field: Field, x: Array, y: Array, steps: int = 4) -> tuple[Array, Array]:
    """Find where the points came from that a field moved to ``(x, y)``, by fixed-point iteration.

    The field's slope must be below 1, which holds for every field here.
    """
    came_x, came_y = x, y
    for _ in range(steps):
        dx, dy = field(came_x, came_y)
        came_x, came_y = x - dx, y - dy
    return came_x, came_y
