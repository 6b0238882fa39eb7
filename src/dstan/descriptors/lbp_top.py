"""LBP-TOP: histograms of local binary patterns on the planes XY, XT and YT, by blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import Grid, cuboid_histograms, uniform_bins
from dstan.descriptors.patterns import PLANES, Plane, Radii, mapped, plane_codes
from dstan.errors import ConfigError

MAPPINGS = ("basic", "u2")


def lbp_top(
    frames: NDArray[Any],
    *,
    grid: Grid = (5, 5),
    time_blocks: int = 1,
    points: int = 4,
    radii: Radii = (1, 1, 2),
    sampling: str = "nearest",
    mapping: str = "basic",
) -> NDArray[np.float64]:
    """Describe a clip by local binary patterns on three orthogonal planes.

    Parameters
    ----------
    frames
        (T, H, W) grey levels in [0, 255], aligned; at least 2 R + 1 along each axis.
    grid, time_blocks
        Rows and columns of blocks, and how many follow each other in time. They divide the whole clip; codes are
        computed once for all, so no centre is lost between blocks.
    points
        P, the neighbours of a centre on each plane, from 2 to 16.
    radii
        R_X and R_Y in pixels and R_T in frames, at least 1. All planes have the same centres.
    sampling
        ``nearest`` (a half rounded up) or ``bilinear``; the same thing for P = 4, where neighbours lie on pixels.
    mapping
        ``basic``: a bin for each of the 2^P codes; ``u2``: P(P - 1) + 3 bins from P = 4, see
        :func:`~dstan.descriptors.blocks.uniform_bins`.

    Returns
    -------
    (D,) with D = blocks x 3 x bins: time block by time block, in each row by row of blocks, in each block the
    histograms of XY, XT and YT. Each sums to 1, or is all 0 where a block has no centre.

    Raises
    ------
    ShapeError
        If the frames are not such an array, hold NaN, or are too few or too small for the radii or the blocks.
    ConfigError
        If points, radii, sampling or mapping are not such.

    References
    ----------
    .. [1] G. Zhao, M. Pietikäinen, "Dynamic texture recognition using local binary patterns with an application to
       facial expressions", IEEE TPAMI 29(6), 2007.
    """
    if mapping not in MAPPINGS:
        raise ConfigError(f"mapping cannot be {mapping!r}", hint=f"Choose one of: {', '.join(MAPPINGS)}")
    planes = lbp_top_codes(frames, points=points, radii=radii, sampling=sampling)
    bins = 1 << points
    if mapping == "u2":
        bin_of = uniform_bins(points)
        bins = int(bin_of.max()) + 1
        planes = {plane: mapped(codes, bin_of) for plane, codes in planes.items()}
    shares = [cuboid_histograms(codes, frames.shape, grid, time_blocks, bins) for codes in planes.values()]
    return np.stack(shares, axis=-2).ravel()


def lbp_top_codes(
    frames: NDArray[Any], *, points: int = 4, radii: Radii = (1, 1, 2), sampling: str = "nearest"
) -> dict[Plane, NDArray[np.integer[Any]]]:
    """Return the code of every centre on each of the three planes.

    Parameters
    ----------
    frames
        (T, H, W) grey levels in [0, 255].
    points, radii, sampling
        See :func:`lbp_top`.

    Returns
    -------
    Under "XY", "XT" and "YT", (T - 2 R_T, H - 2 R_Y, W - 2 R_X) codes from 0 to 2^P - 1. Bit p stands for the
    neighbour at a = 2 pi p / P: to the right and up on XY, (cos, sin) along (x, t) on XT, and along (t, up) on YT.

    Raises
    ------
    ShapeError
        If the frames are not such an array, hold NaN, or are too few or too small.
    ConfigError
        If points, radii or sampling are not such.
    """
    return {plane: plane_codes(frames, plane, points=points, radii=radii, sampling=sampling) for plane in PLANES}
