"""Where a face lies in the aligned crop: plain geometry, for alignment, descriptors and synthesis.

A crop is ``(height, width)`` pixels; points are pixels (x, y), (0, 0) being the centre of the first pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing.landmarks import STABLE

EYE_HEIGHT = 0.33
"""The eye centres' height in the crop, from its top, as a fraction."""


def eye_distance(shape: tuple[int, int]) -> float:
    """Return the pixels between the eye centres: .34 of a square's side, 56 px in a crop of 170 x 140."""
    height, width = shape
    return min(0.40 * width, 0.34 * height)


def eye_centres(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return (2, 2): the centres of the person's right and left eye, an eye's centre being between its corners."""
    height, width = shape
    half = eye_distance(shape) / 2
    return np.array([[width / 2 - half, EYE_HEIGHT * height], [width / 2 + half, EYE_HEIGHT * height]]) - 0.5


def template_points(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return (n, 2): where the points of :data:`~dstan.preprocessing.landmarks.STABLE` belong, in their order."""
    unit = np.array([(point.x, point.y) for point in STABLE])
    middle: NDArray[np.float64] = eye_centres(shape).mean(axis=0)
    return middle + unit * eye_distance(shape)
