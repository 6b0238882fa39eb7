"""Names for array shapes, and the checks that public functions make at the door."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float32, Shaped
from numpy.typing import NDArray

from dstan.errors import ShapeError

Image: TypeAlias = Shaped[np.ndarray, "h w *channels"]
Frames: TypeAlias = Float32[np.ndarray, "t h w"]
"""Grey frames, intensities in [0, 255]."""
FlowField: TypeAlias = Float32[np.ndarray, "h w 2"]
"""One displacement field (u, v) in pixels; x to the right, y down."""
FlowSequence: TypeAlias = Float32[np.ndarray, "t 2 h w"]
"""Displacement fields in pixels at their own size, channel 0 = u, 1 = v."""
Points: TypeAlias = Float32[np.ndarray, "n 2"]
"""Points (x, y) in pixels."""
Matrix: TypeAlias = NDArray[np.float64]


def check_array(name: str, array: Any, *, ndim: int, smallest: int = 0) -> NDArray[Any]:
    """Check that something is a finite numeric array of the right rank.

    Parameters
    ----------
    name
        What the array is called in the message.
    array
        What the caller gave.
    ndim
        Number of axes wanted.
    smallest
        The least length allowed of the last two axes (height and width); 0 for no limit.

    Returns
    -------
    The array, unchanged.

    Raises
    ------
    ShapeError
        If it is not an array of numbers, has another rank, is empty, too small, or holds NaN or infinity.
    """
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.number):
        raise ShapeError(f"{name} must be a NumPy array of numbers, not {type(array).__name__}")
    if array.ndim != ndim:
        raise ShapeError(f"{name} must have {ndim} axes, but its shape is {array.shape}")
    if array.size == 0:
        raise ShapeError(f"{name} is empty: its shape is {array.shape}")
    if min(array.shape[-2:]) < smallest:
        raise ShapeError(
            f"{name} is {array.shape[-2]} x {array.shape[-1]}, but at least {smallest} x {smallest} is needed",
            hint="Prepare the clips at a larger size: --set recipe.size=64",
        )
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise ShapeError(f"{name} holds NaN or infinity")
    return array
