"""Bi-WOOF: histograms of the directions of one flow field, weighted by magnitude and by strain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import check_array
from dstan.descriptors.blocks import Grid, block_of, checked_flow
from dstan.errors import ShapeError
from dstan.preprocessing.strain import strain_magnitude

BINS = 8
"""Sectors of 45 degrees, the first from -180 to -135."""
TOLERANCE = 1e-9
"""Shares of a sector: an angle that is less than its lower edge by no more counts as on it."""


def bi_woof(
    field: NDArray[Any],
    *,
    grid: Grid = (5, 5),
    global_weight: bool = True,
    diff: str = "central",
    strain: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """Compute the bi-weighted oriented optical flow of one field, from onset to apex [1]_.

    In each block every pixel adds its magnitude to the bin of its direction; the bins are divided by their sum. Each
    block is then weighted by the sum of its optical strain, and all values together are divided by their Euclidean
    norm. Blocks do not overlap, unlike in the authors' code by a pixel or two; directions from 135 to 180 degrees have
    a bin, which there depends on the function that counts.

    Parameters
    ----------
    field
        (H, W, 2) displacement (u, v) in pixels, x to the right, y down.
    grid
        Rows and columns of blocks.
    global_weight
        Whether blocks are weighted by strain and the whole is divided by its norm; if not, each block is its
        histogram, with the sum 1.
    diff
        ``central`` or ``backward`` differences in the strain; see
        :func:`dstan.preprocessing.strain.strain_magnitude`.
    strain
        (H, W) magnitude of strain where it is known; computed from the field where not given.

    Returns
    -------
    (rows * columns * 8,) block by block in the order of rows; inside a block the sectors of 45 degrees of atan2(v, u)
    from -180 to 180, each with its lower edge, the last with 180 itself. A block without motion is all 0. So is a field
    without strain, such as a translation, unless ``global_weight`` is off.

    Raises
    ------
    ShapeError
        If the field is not such an array, holds NaN, infinity or what no displacement is, is smaller than 2 x 2 or than
        the grid, ``diff`` is neither of the two, or ``strain`` is not of its size.

    References
    ----------
    .. [1] S.-T. Liong, J. See, K. Wong, R. C.-W. Phan, "Less is more: micro-expression recognition from video using
       apex frame", Signal Processing: Image Communication 62, 2018.
    """
    check_array("the field of flow", field, ndim=3)
    if field.shape[2] != 2:
        raise ShapeError(f"the field of flow must be (H, W, 2), not {field.shape}")
    flow = checked_flow(field.transpose(2, 0, 1)[np.newaxis])[0].transpose(1, 2, 0).astype(np.float64)
    rows, columns = (block_of(length, parts) for length, parts in zip(flow.shape, grid, strict=False))
    blocks = rows[:, np.newaxis] * grid[1] + columns
    histograms = _histograms(flow, blocks, grid[0] * grid[1])
    if not global_weight:
        return histograms.ravel()
    known = strain_magnitude(flow.astype(np.float32), diff=diff) if strain is None else _checked(strain, blocks.shape)
    return _weighted(histograms, np.bincount(blocks.ravel(), known.astype(np.float64).ravel()).astype(np.float64))


def sectors(field: NDArray[Any]) -> NDArray[np.int64]:
    """Return (H, W) the sector of each vector of a field, 0 to 7; see :func:`bi_woof`.

    Parameters
    ----------
    field
        (H, W, 2) displacement (u, v).
    """
    u, v = np.moveaxis(np.asarray(field, dtype=np.float64), -1, 0)
    angles = np.arctan2(v + 0.0, u)  # -0 + 0 is 0: a vector to the left has the angle 180, not -180
    turns = (angles + np.pi) * (BINS / (2 * np.pi))
    return np.asarray(np.minimum(np.floor(turns + TOLERANCE), BINS - 1), dtype=np.int64)


def _checked(strain: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    check_array("the strain", strain, ndim=2)
    if strain.shape != shape:
        raise ShapeError(f"the strain is {strain.shape}, and the field of flow {shape}")
    return strain


def _histograms(field: NDArray[np.float64], blocks: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Return (n, 8) shares of magnitude by direction in each block; all 0 in one without motion."""
    cells = (blocks * BINS + sectors(field)).ravel()
    sums = np.bincount(cells, np.hypot(field[..., 0], field[..., 1]).ravel(), minlength=n * BINS).reshape(n, BINS)
    totals = sums.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0))


def _weighted(histograms: NDArray[np.float64], strain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight (n, 8) histograms by (n,) strain and divide the whole by its norm, where there is any strain."""
    weighted = (histograms * strain[:, np.newaxis]).ravel()
    norm = np.linalg.norm(weighted)
    return np.asarray(weighted / norm) if norm > 0 else weighted
