"""FDM, the facial dynamics map: one principal direction of motion in each cuboid of space and time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import Grid, checked_flow, edges
from dstan.descriptors.compiling import compiled
from dstan.errors import ConfigError, ShapeError

WEIGHTS = ("none", "mag")
"""What the length of a cuboid's direction may be."""

BIN = 0.05
"""Pixels: the side of a bin in which displacements vote for the shift of a field."""
REACH = 60
"""Bins on either side of zero: displacements of up to 3 pixels vote."""
NEAR = 0.1
"""Pixels around the winning bin whose median is the shift."""
FEW = 500
"""Up to so many vectors the search begins from every half-plane, above it from bins of 1 degree."""


def fdm(
    flow: NDArray[Any],
    *,
    grid: Grid = (8, 8),
    tau: int = 10,
    align: bool = True,
    dead_zone: float = 1e-3,
    weight: str = "none",
    quant: int = 0,
    one_hot: bool = False,
) -> NDArray[np.float64]:
    r"""Compute the facial dynamics map of a clip [1]_.

    From each field the shift that leaves most of its pixels still is subtracted; see :func:`still_shift`. Time is cut
    into batches of ``tau`` fields, and fields that do not fill a batch are left out; each batch is cut into blocks.
    Each such cuboid is described by its principal direction: the unit vector :math:`e` that maximises
    :math:`\sum_i \max(0, v_i \cdot e)`; see :func:`principal_direction`. What the authors maximise and how is not
    known in full: this objective, the votes and the dead zone are this library's.

    Parameters
    ----------
    flow
        (T, 2, H, W) displacement (u, v) between neighbouring frames in pixels, x to the right, y down.
    grid
        Rows and columns of blocks.
    tau
        Fields in a batch.
    align
        Whether the shift of each field is subtracted.
    dead_zone
        Pixels: a cuboid whose mean magnitude is smaller, after alignment, has no direction.
    weight
        ``none``: directions have length 1; ``mag``: length log(1 + mean magnitude of the cuboid in pixels).
    quant
        Directions are rounded to the nearest of so many, the first being (1, 0), the others at equal angles clockwise
        as seen; 0: not at all.
    one_hot
        Whether each cuboid gives a place for each of the ``quant`` directions, not an x and a y.

    Returns
    -------
    (rows * columns * (T // tau) * 2,) block by block in the order of rows, inside a block batch by batch, inside a
    batch (x, y) of its direction; ``quant`` values in place of two where ``one_hot``. All 0 in a cuboid without motion:
    the map of a flow of zeros is all 0.

    Raises
    ------
    ShapeError
        If the flow is not such an array, holds NaN or infinity, has fewer than ``tau`` fields, or is smaller than the
        grid.
    ConfigError
        If ``weight`` is neither of the two, ``quant`` is 1 or negative, or ``one_hot`` is asked for without ``quant``.

    References
    ----------
    .. [1] F. Xu, J. Zhang, J. Z. Wang, "Microexpression identification and categorization using a facial dynamics
       map", IEEE Transactions on Affective Computing 8(2), 2017.
    """
    _check_options(tau, weight, quant, one_hot)
    fields = checked_flow(flow, fields_needed=tau).astype(np.float64)
    if align:
        fields -= np.stack([_still_shift(*field) for field in fields])[:, :, np.newaxis, np.newaxis]
    rows, columns = (edges(length, parts) for length, parts in zip(fields.shape[2:], grid, strict=True))
    directions, magnitudes = _cuboids(fields, rows, columns, tau)
    directions[magnitudes < dead_zone] = 0
    if quant:
        directions = _rounded(directions, quant, one_hot)
    if weight == "mag":
        directions = directions * np.log1p(magnitudes)[..., np.newaxis]
    return np.ravel(directions)


def still_shift(field: NDArray[Any]) -> NDArray[np.float64]:
    """Find the translation that, once subtracted, leaves most pixels of a field still.

    Displacements of up to 3 pixels along either axis vote in bins of .05 pixels around multiples of .05; votes are
    smoothed with the weights 1, 2, 1 along both axes. The shift is the median, axis by axis, of the displacements
    within .1 pixels of the bin with most votes, along both axes; of equals, of the bin nearest to zero.

    Parameters
    ----------
    field
        (2, H, W) displacement (u, v) in pixels.

    Returns
    -------
    (2,) in pixels; zero where no displacement is small enough to vote.

    Raises
    ------
    ShapeError
        If it is not such an array, or holds NaN or infinity.
    """
    u, v = checked_flow(np.asarray(field)[np.newaxis])[0].astype(np.float64)
    shift: NDArray[np.float64] = _still_shift(u, v)
    return shift


def principal_direction(vectors: NDArray[Any]) -> NDArray[np.float64]:
    r"""Find the unit vector :math:`e` with the greatest :math:`f(e) = \sum_i \max(0, v_i \cdot e)`.

    The greatest value is the length of the longest sum of vectors in one half-plane. Of up to 500 vectors it is found
    exactly, by sums over all half-planes from the sorted angles. Of more, the search is among the half-planes of
    360 bins of 1 degree. From there :math:`e` is turned to the sum of the vectors on its side until no vector changes
    sides, which never makes :math:`f` smaller.

    Parameters
    ----------
    vectors
        (n, 2) displacements (u, v).

    Returns
    -------
    (2,) of length 1; zero where all vectors are. Of equally good directions, such as those of two opposite vectors,
    it is one.

    Raises
    ------
    ShapeError
        If it is not such an array, or holds NaN or infinity.
    """
    given = np.asarray(vectors)
    if given.ndim != 2 or given.shape[1] != 2 or not len(given) or not np.isfinite(given).all():
        raise ShapeError(f"vectors must be (n, 2), at least one, all finite; these are {given.shape}")
    u, v = given.T.astype(np.float64)
    return np.array(_principal(u.copy(), v.copy()), dtype=np.float64)


def _check_options(tau: int, weight: str, quant: int, one_hot: bool) -> None:
    if tau < 1:
        raise ConfigError(f"tau must be at least 1, not {tau}")
    if weight not in WEIGHTS:
        raise ConfigError(f"weight cannot be {weight!r}", hint=f"Choose one of: {', '.join(WEIGHTS)}")
    if quant < 0 or quant == 1:
        raise ConfigError(f"{quant} directions are not enough to round to", hint="Use 8 or 16, or 0 for no rounding")
    if one_hot and not quant:
        raise ConfigError("one_hot needs directions to choose among", hint="Set quant to 8 or 16")


def _rounded(directions: NDArray[np.float64], quant: int, one_hot: bool) -> NDArray[np.float64]:
    """Round (..., 2) directions to the nearest of ``quant``; zero stays zero."""
    levels = np.rint(np.arctan2(directions[..., 1], directions[..., 0]) * quant / (2 * np.pi)).astype(np.int64) % quant
    angles = np.arange(quant) * 2 * np.pi / quant
    table = np.eye(quant) if one_hot else np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(table[levels] * directions.any(axis=-1, keepdims=True))


@compiled
def _still_shift(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    side = 2 * REACH + 3  # an empty bin more at either end, for the smoothing
    votes = np.zeros((side, side), dtype=np.int64)
    for a, b in zip(u.flat, v.flat):  # noqa: B905
        column, row = np.rint(a / BIN), np.rint(b / BIN)
        if abs(column) <= REACH and abs(row) <= REACH:
            votes[int(row) + REACH + 1, int(column) + REACH + 1] += 1
    shift = np.zeros(2)
    if votes.sum() == 0:
        return shift
    row, column = _peak(votes)
    near = np.empty((2, u.size))
    n = 0
    for a, b in zip(u.flat, v.flat):  # noqa: B905
        if abs(a - column * BIN) <= NEAR and abs(b - row * BIN) <= NEAR:
            near[0, n], near[1, n] = a, b
            n += 1
    shift[0], shift[1] = np.median(near[0, :n]), np.median(near[1, :n])
    return shift


@compiled
def _peak(votes: NDArray[np.int64]) -> tuple[int, int]:
    """Return row and column, counted from the bin of zero, of the most votes after smoothing."""
    most, best_row, best_column = -1, 0, 0
    for row in range(-REACH, REACH + 1):
        for column in range(-REACH, REACH + 1):
            total = 0
            for i in range(3):
                for j in range(3):
                    total += (2 - abs(i - 1)) * (2 - abs(j - 1)) * votes[row + REACH + i, column + REACH + j]
            is_nearer = row**2 + column**2 < best_row**2 + best_column**2
            if total > most or (total == most and is_nearer):
                most, best_row, best_column = total, row, column
    return best_row, best_column


@compiled
def _cuboids(
    fields: NDArray[np.float64], rows: NDArray[np.int64], columns: NDArray[np.int64], tau: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (rows, columns, batches, 2) directions and (rows, columns, batches) mean magnitudes."""
    shape = (len(rows) - 1, len(columns) - 1, len(fields) // tau)
    directions, magnitudes = np.zeros((*shape, 2)), np.zeros(shape)
    for i, j, k in np.ndindex(shape):
        cuboid = fields[k * tau : (k + 1) * tau, :, rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
        u, v = cuboid[:, 0].copy().ravel(), cuboid[:, 1].copy().ravel()
        magnitudes[i, j, k] = np.sqrt(u * u + v * v).mean()
        directions[i, j, k] = _principal(u, v)
    return directions, magnitudes


@compiled
def _principal(u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[float, float]:
    x, y = _of_few(u, v) if len(u) <= FEW else _of_many(u, v)
    direction: tuple[float, float] = _settle(u, v, x, y)
    return direction


@compiled
def _of_few(u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[float, float]:
    """Return the longest sum of the vectors in any half-plane.

    The half-planes that end at a vector, clockwise or not, are all that differ: those of angles in (a - pi, a], and
    those of all others. Sums over a range of sorted angles are differences of running sums.
    """
    angles = np.arctan2(v, u)
    order = np.argsort(angles, kind="mergesort")
    angles = angles[order]
    sum_u, sum_v = _running(u[order]), _running(v[order])
    x, y = 0.0, 0.0
    for i, angle in enumerate(angles):
        first, end = np.searchsorted(angles, angle - np.pi, side="right"), i + 1
        if angle < 0:  # (a, a + pi], all the others: the same two sides
            first, end = i + 1, np.searchsorted(angles, angle + np.pi, side="right")
        x, y = _longer_side(x, y, sum_u[end] - sum_u[first], sum_v[end] - sum_v[first], sum_u[-1], sum_v[-1])
    return x, y


@compiled
def _of_many(u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[float, float]:
    """Return the longest sum of the vectors in the half-planes whose edge is at a multiple of a degree."""
    sums = np.zeros((2, 360))
    for a, b in zip(u, v):  # noqa: B905
        degree = min(int((np.arctan2(b, a) + np.pi) * (180 / np.pi)), 359)
        sums[0, degree] += a
        sums[1, degree] += b
    sum_u, sum_v = _running(sums[0]), _running(sums[1])
    x, y = 0.0, 0.0
    for i in range(180):
        x, y = _longer_side(x, y, sum_u[i + 180] - sum_u[i], sum_v[i + 180] - sum_v[i], sum_u[-1], sum_v[-1])
    return x, y


@compiled
def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.zeros(len(values) + 1)
    sums[1:] = np.cumsum(values)
    return sums


@compiled
def _longer_side(
    x: float, y: float, side_x: float, side_y: float, total_x: float, total_y: float
) -> tuple[float, float]:
    """Return the longest of a vector so far, the sum on one side of a line, and the sum on the other."""
    for a, b in ((side_x, side_y), (total_x - side_x, total_y - side_y)):
        if a * a + b * b > x * x + y * y:
            x, y = a, b
    return x, y


@compiled
def _settle(u: NDArray[np.float64], v: NDArray[np.float64], x: float, y: float) -> tuple[float, float]:
    """Turn (x, y) to the sum of the vectors on its side until that sum grows no longer; its length becomes 1."""
    longest = 0.0
    while True:
        sum_u, sum_v = 0.0, 0.0
        for a, b in zip(u, v):  # noqa: B905
            is_in = a * x + b * y > 0
            sum_u += a * is_in
            sum_v += b * is_in
        length = np.hypot(sum_u, sum_v)
        if length <= longest:
            return x, y
        x, y, longest = sum_u / length, sum_v / length, length
