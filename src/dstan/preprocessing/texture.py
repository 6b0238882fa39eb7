"""The texture of a picture without its structure, for flow that light and shadow hardly touch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import check_array

STRUCTURE = 0.95
"""The share of the structure that is taken away."""
_THETA = 1 / 8
_STEP = 1 / 4
_ITERATIONS = 100


def texture_part(frames: NDArray[Any]) -> NDArray[np.float32]:
    """Take the structure out of frames: large smooth shapes, shadows and brightness go, fine detail stays.

    The structure S of a frame I is what total variation leaves of it [1]_, and the texture is I - .95 S [2]_. It comes
    back as grey levels by one map that is the same for all frames of all clips: twice the contrast, and middle grey
    where there is no texture. So a change of brightness by 10 changes the texture by 1.

    Parameters
    ----------
    frames
        (T, H, W) grey, in [0, 255].

    Returns
    -------
    (T, H, W) float32 in [0, 255].

    Raises
    ------
    ShapeError
        If they are not such an array, or hold NaN or infinity.

    References
    ----------
    .. [1] A. Chambolle, "An algorithm for total variation minimization and applications", Journal of Mathematical
       Imaging and Vision 20, 2004.
    .. [2] A. Wedel, T. Pock, C. Zach, H. Bischof, D. Cremers, "An improved algorithm for TV-L1 optical flow",
       Statistical and Geometrical Approaches to Visual Motion Analysis, 2009, section on structure and texture:
       theta 1/8 for grey in [-1, 1], step 1/4.
    """
    check_array("frames", frames, ndim=3)
    texture = np.empty(frames.shape, dtype=np.float32)
    for mine, frame in zip(texture, frames, strict=True):
        unit = frame.astype(np.float32) / np.float32(127.5) - 1
        mine[:] = unit - np.float32(STRUCTURE) * structure(unit)
    return np.asarray(np.clip(127.5 + 255 * texture, 0, 255), dtype=np.float32)


def structure(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what minimises total variation plus the squared distance from an image over 2 theta, (H, W) in [-1, 1].

    A hundred steps of projected gradient on the dual field p, the structure being the image plus theta div p.
    """
    across, down = np.zeros((2, *image.shape), dtype=np.float32)
    for _ in range(_ITERATIONS):
        now = image + np.float32(_THETA) * _divergence(across, down)
        across[:, :-1] += np.float32(_STEP / _THETA) * np.diff(now, axis=1)
        down[:-1] += np.float32(_STEP / _THETA) * np.diff(now, axis=0)
        length = np.maximum(np.sqrt(across * across + down * down), 1)
        across /= length
        down /= length
    return np.asarray(image + np.float32(_THETA) * _divergence(across, down))


def _divergence(across: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the backward differences of a field whose last column across, and last row down, are 0."""
    total = across + down
    total[:, 1:] -= across[:, :-1]
    total[1:] -= down[:-1]
    return total
