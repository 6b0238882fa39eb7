"""Optical flow as colour: the direction is the hue, the length the saturation, and white is no motion.

The wheel is the one of the Middlebury benchmark, which readers of flow know [1]_.

References
----------
.. [1] S. Baker et al., "A database and evaluation methodology for optical flow", IJCV 92, 2011.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARCS = (
    (15, (255, 0, 0)),  # red to yellow: from the right downwards
    (6, (255, 255, 0)),
    (4, (0, 255, 0)),
    (11, (0, 255, 255)),
    (13, (0, 0, 255)),
    (6, (255, 0, 255)),
)
"""Steps from each pure hue to the next, clockwise as seen on the screen, the first being motion to the right."""


def flow_colours(field: NDArray[Any], full: float) -> NDArray[np.uint8]:
    """Colour a field.

    Parameters
    ----------
    field
        (H, W, 2) displacement (u, v) in pixels, x to the right and y down.
    full
        Length in pixels of the full colour; what is longer is drawn darker.

    Returns
    -------
    (H, W, 3) RGB.
    """
    wheel = _wheel()
    length = np.hypot(field[..., 0], field[..., 1]) / full
    turn = np.arctan2(field[..., 1], field[..., 0]) / (2 * np.pi) % 1 * len(wheel)
    below, part = np.floor(turn).astype(np.int64), (turn % 1)[..., None]
    hue = (1 - part) * wheel[below % len(wheel)] + part * wheel[(below + 1) % len(wheel)]
    length = length[..., None]
    colour = np.where(length <= 1, 255 - length * (255 - hue), 0.75 * hue)
    return np.asarray(np.rint(colour), dtype=np.uint8)


def colour_wheel(size: int) -> NDArray[np.uint8]:
    """Draw the legend: (size, size, 4) RGBA, each colour where it points to, transparent outside of the disc."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    field = np.stack(np.meshgrid(axis, axis), axis=-1)
    radius = np.hypot(field[..., 0], field[..., 1])
    alpha = np.clip((1 - radius) * size / 2, 0, 1)
    inside = field / np.maximum(radius, 1)[..., None]
    return np.dstack([flow_colours(inside, 1.0001), np.rint(255 * alpha).astype(np.uint8)])


@functools.cache
def _wheel() -> NDArray[np.float64]:
    around = itertools.pairwise([*_ARCS, _ARCS[0]])
    arcs = [np.linspace(hue, following, steps, endpoint=False) for (steps, hue), (_, following) in around]
    return np.asarray(np.concatenate(arcs), dtype=np.float64)
