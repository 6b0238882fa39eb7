"""What an array must be: the check that public functions make at the door."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan.errors import ShapeError

Matrix: TypeAlias = NDArray[np.float64]
"""(2, 3): from pixels of a frame to pixels of another."""


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
