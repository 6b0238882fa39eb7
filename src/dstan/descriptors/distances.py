"""How unlike two histograms are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.compiling import compiled
from dstan.errors import ShapeError

LANES = 16
"""Sums that are kept side by side, so that the compiler can add them up at once and always in the same order."""


def chi_square(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, m) sums of (a - b)^2 / (a + b) between rows; a term is 0 where both are 0.

    Parameters
    ----------
    one, other
        (n, f) and (m, f), none negative.

    Raises
    ------
    ShapeError
        If rows differ in length, or a value is negative.
    """
    if one.shape[1] != other.shape[1]:
        raise ShapeError(f"rows of {one.shape[1]} and of {other.shape[1]} values cannot be compared")
    if any(rows.size and rows.min() < 0 for rows in (one, other)):
        raise ShapeError(
            "the chi-square distance is one of shares, and a feature is negative",
            hint="Choose another kernel: --set svm.kernel=rbf",
        )
    spare = -one.shape[1] % LANES
    padded = [np.pad(np.asarray(rows, dtype=np.float64), ((0, 0), (0, spare))) for rows in (one, other)]
    found = np.empty((len(one), len(other)))
    _chi_square(padded[0], padded[0] if other is one else padded[1], other is one, found)
    return found


@compiled
def _chi_square(
    one: NDArray[np.float64], other: NDArray[np.float64], symmetric: bool, found: NDArray[np.float64]
) -> None:
    lanes = np.empty(LANES)
    for i in range(one.shape[0]):
        for j in range(i if symmetric else 0, other.shape[0]):
            lanes[:] = 0
            for start in range(0, one.shape[1], LANES):
                for lane in range(LANES):
                    a, b = one[i, start + lane], other[j, start + lane]
                    lanes[lane] += (a - b) * (a - b) / max(a + b, 1e-300)
            found[i, j] = lanes.sum()
            if symmetric:
                found[j, i] = found[i, j]
