"""Main directional mean optical flow (MDMO): in each of 36 facial regions the mean of the most common direction.

References
----------
.. [1] Y.-J. Liu, J.-K. Zhang, W.-J. Yan, S.-J. Wang, G. Zhao and X. Fu, "A main directional mean optical flow feature
   for spontaneous micro-expression recognition", IEEE Transactions on Affective Computing 7(4), 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import checked_flow
from dstan.descriptors.compiling import compiled
from dstan.descriptors.regions import REGIONS, face_points, region_masks
from dstan.errors import ShapeError

BINS = 8
"""Directions, each pi / 4 wide, the first about the x axis."""
_COS, _SIN = np.cos(np.pi / BINS), np.sin(np.pi / BINS)
STILL = 1e-4
"""Pixels: a mean vector that is shorter counts as no motion, so that rounding has no direction."""
RIGID_POINTS = (27, *range(6), *range(11, 17))
"""Of the 68 landmarks: the root of the nose and twelve of the face's contour."""
MOST_TURN = np.deg2rad(10)
MOST_STRETCH = 0.05
"""A head that turns or grows more between two frames of a micro-expression is a fault of the flow."""


def mdmo(
    flow: NDArray[Any], landmarks: NDArray[Any], *, align: bool = True, angle: str = "polar"
) -> NDArray[np.float64]:
    """Compute the MDMO feature of a clip (section 3 of [1]_), without the weight alpha.

    Parameters
    ----------
    flow
        (T, 2, H, W) displacement (u, v) in pixels from the first frame to each later one, x to the right, y down.
    landmarks
        (468, 2) points of the face mesh in the first frame, or (68, 2) of the iBUG scheme, in pixels.
    align
        Whether the motion of the head is taken out of each field first.
    angle
        ``polar`` for angles as the paper has them, which jump at pi; ``sincos`` for their sines and cosines.

    Returns
    -------
    (72,) or (108,): 36 lengths of the regions' mean vectors over time, divided by the longest; then 36 angles
    atan2(v, u) in (-pi, pi], or 36 sines and 36 cosines. A region without motion or pixels has length and angle 0.

    Raises
    ------
    ShapeError
        If the flow or the landmarks do not do, most of the face lies outside of the frame, or ``angle`` is neither.
    """
    if angle not in ("polar", "sincos"):
        raise ShapeError(f"angle is polar or sincos, not {angle!r}")
    means = _settled(mdmo_atoms(flow, landmarks, align=align).mean(axis=0))
    lengths = np.hypot(means[:, 0], means[:, 1])
    lengths /= lengths.max() or 1.0
    angles = np.arctan2(means[:, 1], means[:, 0])
    return np.concatenate([lengths, angles] if angle == "polar" else [lengths, np.sin(angles), np.cos(angles)])


def mdmo_atoms(flow: NDArray[Any], landmarks: NDArray[Any], *, align: bool = True) -> NDArray[np.float64]:
    """Compute the main directional mean vector of each field and region (equation 9 of [1]_).

    The main direction is the bin of 45 degrees with the most pixels, the first of several; the mean is that of the
    vectors in it. Bins are centred on 0, 45, 90 degrees and so on; a pixel without motion counts in the first.

    Parameters
    ----------
    flow
        (T, 2, H, W) displacement (u, v) in pixels from the first frame to each later one, x to the right, y down.
    landmarks
        (468, 2) points of the face mesh in the first frame, or (68, 2) of the iBUG scheme, in pixels.
    align
        Whether the motion of the head is taken out of each field first.

    Returns
    -------
    (T, 36, 2) vectors (u, v) in pixels; (0, 0) where a region has no pixel in the frame or moves by less than
    :data:`STILL`.

    Raises
    ------
    ShapeError
        If the flow or the landmarks do not do, or most of the face lies outside of the frame.
    """
    fields = checked_flow(flow)
    points = face_points(landmarks)
    regions, ys, xs = np.nonzero(region_masks(points, (fields.shape[2], fields.shape[3])))
    motions = np.zeros((len(fields), 3, 2))
    if align:
        motions[:] = [head_motion(field, points) for field in fields]
    means = np.zeros((len(fields), len(REGIONS), 2))
    _mean_main_directions(fields, motions, regions, ys, xs, means)
    return _settled(means)


def _settled(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace vectors (..., 2) that are shorter than STILL by 0, and -0 by 0: its angle would be pi."""
    moves = np.hypot(vectors[..., 0], vectors[..., 1]) >= STILL
    return np.where(moves[..., None], vectors, 0.0) + 0.0


@compiled
def _mean_main_directions(
    flow: NDArray[np.float32],
    motions: NDArray[np.float64],
    regions: NDArray[np.int64],
    ys: NDArray[np.int64],
    xs: NDArray[np.int64],
    means: NDArray[np.float64],
) -> None:
    """Add up the vectors of each direction in one pass over the pixels of the regions, for each field."""
    for t in range(len(flow)):
        counts = np.zeros((means.shape[1], BINS), dtype=np.int64)
        sums = np.zeros((means.shape[1], BINS, 2))
        motion = motions[t]
        for n in range(len(regions)):
            y, x, region = ys[n], xs[n], regions[n]
            u, v = np.float64(flow[t, 0, y, x]), np.float64(flow[t, 1, y, x])
            at_x, at_y = x + u, y + v
            u += at_x * motion[0, 0] + at_y * motion[1, 0] + motion[2, 0]
            v += at_x * motion[0, 1] + at_y * motion[1, 1] + motion[2, 1]
            place = _direction(u, v)
            counts[region, place] += 1
            sums[region, place, 0] += u
            sums[region, place, 1] += v
        for region in range(means.shape[1]):
            main = np.argmax(counts[region])
            if counts[region, main] > 0:
                means[t, region] = sums[region, main] / counts[region, main]


@compiled
def _direction(u: float, v: float) -> int:
    """Return the bin of a vector's direction; comparisons are quicker than angles, and the same on every machine."""
    p, q, place = _COS * u - _SIN * v, _SIN * u + _COS * v, 0  # turned by half a bin
    if q < 0 or (q == 0 and p < 0):
        p, q, place = -p, -q, 4
    if p <= 0 and q > 0:
        p, q, place = q, -p, place + 2
    return place + 1 if q >= p > 0 else place


def head_motion(field: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (3, 2) the matrix M by which ``[x + u, y + v, 1] @ M`` is to be added to the flow (u, v) at (x, y).

    It is the affine map that brings thirteen points that an expression hardly moves back to where they were (section
    3.2 of [1]_), less the identity. One that turns by more than 10 degrees or stretches by more than 5 % is replaced
    by the mean translation.

    Parameters
    ----------
    field
        (2, H, W) flow in pixels.
    points
        (68, 2) landmarks in pixels; those outside of the frame are moved to its border.
    """
    height, width = field.shape[1:]
    before = np.clip(points[list(RIGID_POINTS)], 0, (width - 1, height - 1))
    moved = _sample(field, before)
    after = np.column_stack([before + moved, np.ones(len(before))])
    motion: NDArray[np.float64] = np.linalg.lstsq(after, -moved, rcond=None)[0]
    if not _is_small(motion[:2] + np.eye(2)):
        motion = np.vstack([np.zeros((2, 2)), -moved.mean(axis=0)])
    return motion


def _is_small(linear: NDArray[np.float64]) -> bool:
    """Tell whether a 2 x 2 map turns and stretches, in any direction, no more than a head does."""
    turn = np.arctan2(linear[0, 1] - linear[1, 0], linear[0, 0] + linear[1, 1])
    stretch = np.linalg.svd(linear, compute_uv=False)
    flips = np.linalg.det(linear) <= 0
    return bool(abs(turn) <= MOST_TURN and abs(stretch - 1).max() <= MOST_STRETCH and not flips)


def _sample(field: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 2) the flow at points inside of the frame, between pixels by bilinear interpolation."""
    limits = np.array(field.shape[:0:-1]) - 1
    low = np.minimum(np.floor(points).astype(np.int64), np.maximum(limits - 1, 0))
    high = np.minimum(low + 1, limits)
    x, y = (points - low).T
    top = field[:, low[:, 1], low[:, 0]] * (1 - x) + field[:, low[:, 1], high[:, 0]] * x
    bottom = field[:, high[:, 1], low[:, 0]] * (1 - x) + field[:, high[:, 1], high[:, 0]] * x
    return np.asarray(top * (1 - y) + bottom * y).T
