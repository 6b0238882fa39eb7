"""Local binary patterns on a plane of a clip: where neighbours are sampled, and the codes of all centres."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import TOLERANCE, checked_volume
from dstan.descriptors.compiling import compiled
from dstan.errors import ConfigError

Plane: TypeAlias = Literal["XY", "XT", "YT"]
PLANES: tuple[Plane, ...] = ("XY", "XT", "YT")

Radii: TypeAlias = tuple[int, int, int]
"""R_X and R_Y in pixels, R_T in frames."""

SAMPLINGS = ("nearest", "bilinear")
"""How a neighbour between pixels is read: the nearest one, a half rounded up, or four of them by their shares."""

DARKEST_EQUAL = np.float32(-TOLERANCE)


def neighbours(plane: Plane, points: int, radii: Radii) -> NDArray[np.float64]:
    """Return where the P neighbours of a centre lie, counter-clockwise from the right.

    Parameters
    ----------
    plane
        With a = 2 pi p / P, neighbour p is at (x + R_X cos a, y - R_Y sin a) in XY, at (x + R_X cos a, t + R_T sin a)
        in XT and at (t + R_T cos a, y - R_Y sin a) in YT.
    points
        P, from 2 to 16.
    radii
        R_X, R_Y, R_T, whole; the two of the plane are at least 1, the third may be 0.

    Returns
    -------
    (P, 3) offsets along (t, y, x) in frames and pixels, to 9 decimals so that whole ones and halves are exact.

    Raises
    ------
    ConfigError
        If plane, points or radii are none of these.
    """
    if plane not in PLANES:
        raise ConfigError(f"there is no plane {plane!r}", hint=f"Choose one of: {', '.join(PLANES)}")
    if not 2 <= points <= 16:
        raise ConfigError(f"a code is made of 2 to 16 neighbours, not of {points}", hint="Use 4, 8 or 16")
    x, y, t = _checked_radii(plane, radii)
    angles = 2 * np.pi * np.arange(points) / points
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros(points)
    at = {"XY": (zero, -y * sin, x * cos), "XT": (t * sin, zero, x * cos), "YT": (t * cos, -y * sin, zero)}
    offsets: NDArray[np.float64] = np.stack(at[plane], axis=1).round(9)
    return offsets


def _checked_radii(plane: Plane, radii: Radii) -> Radii:
    if len(radii) != 3 or any(radius < 0 or radius != int(radius) for radius in radii):
        raise ConfigError(f"radii are three whole numbers, not {radii}", hint="Give R_X, R_Y and R_T: (1, 1, 2)")
    x, y, t = (int(radius) for radius in radii)
    if min({"XY": (x, y), "XT": (x, t), "YT": (y, t)}[plane]) < 1:
        raise ConfigError(f"the radii {radii} leave no circle on the plane {plane}", hint="Use radii of at least 1")
    return x, y, t


def sampling_taps(
    plane: Plane, points: int, radii: Radii, sampling: str = "nearest"
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return which pixels make up each neighbour, and their shares.

    Parameters
    ----------
    plane, points, radii
        See :func:`neighbours`.
    sampling
        One of :data:`SAMPLINGS`.

    Returns
    -------
    (P, K, 3) offsets along (t, y, x), none beyond the radii, and (P, K) weights that sum to 1 for each neighbour; K is
    1 where all neighbours lie on pixels, else 4, and a tap that is not needed has weight 0.

    Raises
    ------
    ConfigError
        If plane, points, radii or sampling are not such.
    """
    if sampling not in SAMPLINGS:
        raise ConfigError(f"sampling cannot be {sampling!r}", hint=f"Choose one of: {', '.join(SAMPLINGS)}")
    offsets = neighbours(plane, points, radii)
    if sampling == "nearest":
        return np.floor(offsets + 0.5).astype(np.int64)[:, None], np.ones((points, 1), dtype=np.float32)
    low = np.floor(offsets)
    share = (offsets - low)[:, None]
    corners = np.array(list(product((0, 1), repeat=3)))
    weights = np.where(corners == 1, share, 1 - share).prod(axis=-1)
    taps = np.where(weights[..., None] > 0, low[:, None] + corners, 0).astype(np.int64)
    order = np.argsort(-weights, axis=1, kind="stable")[:, : (weights > 0).sum(axis=1).max()]
    return np.take_along_axis(taps, order[..., None], 1), np.take_along_axis(weights, order, 1).astype(np.float32)


def plane_codes(
    frames: NDArray[Any], plane: Plane, *, points: int = 4, radii: Radii = (1, 1, 2), sampling: str = "nearest"
) -> NDArray[np.integer[Any]]:
    """Compute the local binary pattern of every centre on one plane, in one pass over the clip.

    Bit p is 1 where neighbour p is at least as bright as the centre, but for a difference of
    :data:`~dstan.descriptors.blocks.TOLERANCE`.

    Parameters
    ----------
    frames
        (T, H, W) grey levels in [0, 255].
    plane, points, radii
        See :func:`neighbours`. Centres keep all three radii from the ends of the clip on every plane.
    sampling
        One of :data:`SAMPLINGS`.

    Returns
    -------
    (T - 2 R_T, H - 2 R_Y, W - 2 R_X) codes from 0 to 2^P - 1, uint8 up to P = 8, else uint16; the first is that of the
    centre (R_T, R_Y, R_X).

    Raises
    ------
    ShapeError
        If the frames are not such an array, hold NaN, or leave no centre.
    ConfigError
        If plane, points, radii or sampling are not such.
    """
    offsets, weights = sampling_taps(plane, points, radii, sampling)
    x, y, t = _checked_radii(plane, radii)
    clip = checked_volume(frames, frames_needed=2 * t + 1, side_needed=(2 * y + 1, 2 * x + 1))
    margins = np.array([t, y, x])
    codes: NDArray[np.integer[Any]] = np.zeros(
        np.array(clip.shape) - 2 * margins, dtype=np.uint8 if points <= 8 else np.uint16
    )
    _encode(clip, margins, margins + offsets, weights, DARKEST_EQUAL, codes)
    return codes


@compiled
def _encode(
    clip: NDArray[np.float32],
    margins: NDArray[np.int64],
    taps: NDArray[np.int64],
    weights: NDArray[np.float32],
    least: np.float32,
    codes: NDArray[Any],
) -> None:
    """Set the bits of zeroed codes, row by row; margins and taps are where the first centre reads the clip."""
    frames, height, width = codes.shape
    nothing = codes.dtype.type(0)
    difference = np.empty(width, dtype=np.float32)
    for t in range(frames):
        for y in range(height):
            centre = clip[t + margins[0], y + margins[1], margins[2] : margins[2] + width]
            row = codes[t, y]
            for p in range(len(taps)):
                difference[:] = 0
                for k in range(taps.shape[1]):
                    weight = weights[p, k]
                    if weight > 0:
                        first = taps[p, k, 2]
                        other = clip[t + taps[p, k, 0], y + taps[p, k, 1], first : first + width]
                        for x in range(width):
                            difference[x] += weight * (other[x] - centre[x])
                bit = codes.dtype.type(1 << p)
                for x in range(width):
                    row[x] |= bit if difference[x] >= least else nothing


def mapped(codes: NDArray[np.integer[Any]], bin_of: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Replace codes by their bins.

    Parameters
    ----------
    codes
        (n, h, w) codes.
    bin_of
        The bin of each code, 0 to 255, such as :func:`~dstan.descriptors.blocks.uniform_bins`.

    Returns
    -------
    (n, h, w) bins.
    """
    bins = np.empty(codes.shape, dtype=np.uint8)
    _map(codes, bin_of.astype(np.uint8), bins)
    return bins


@compiled
def _map(codes: NDArray[Any], bin_of: NDArray[np.uint8], bins: NDArray[np.uint8]) -> None:
    for t in range(codes.shape[0]):
        for y in range(codes.shape[1]):
            for x in range(codes.shape[2]):
                bins[t, y, x] = bin_of[codes[t, y, x]]
