"""LBP-SIP: local binary patterns of the six neighbours where two of the three planes meet, by blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import Grid, cuboid_histograms
from dstan.descriptors.patterns import Radii, plane_codes


def lbp_sip(
    frames: NDArray[Any], *, grid: Grid = (5, 5), time_blocks: int = 1, radii: Radii = (1, 1, 2)
) -> NDArray[np.float64]:
    """Describe a clip by local binary patterns with six intersection points.

    Parameters
    ----------
    frames
        (T, H, W) grey levels in [0, 255], aligned; at least 2 R + 1 along each axis.
    grid, time_blocks
        Rows and columns of blocks, and how many follow each other in time; they divide the whole clip.
    radii
        R_X and R_Y in pixels and R_T in frames, at least 1.

    Returns
    -------
    (D,) with D = blocks x 20: time block by time block, in each row by row of blocks, in each block the 16 spatial
    codes, then the 4 temporal ones. Either histogram sums to 1, or is all 0 where a block has no centre.

    Raises
    ------
    ShapeError
        If the frames are not such an array, hold NaN, or are too few or too small for the radii or the blocks.
    ConfigError
        If a radius is not a whole number of at least 1.

    References
    ----------
    .. [1] Y. Wang, J. See, R. C.-W. Phan, Y.-H. Oh, "LBP with six intersection points: reducing redundant information
       in LBP-TOP for micro-expression recognition", ACCV 2014.
    """
    spatial, temporal = lbp_sip_codes(frames, radii=radii)
    shares = [
        cuboid_histograms(codes, frames.shape, grid, time_blocks, bins)
        for codes, bins in ((spatial, 16), (temporal, 4))
    ]
    return np.concatenate(shares, axis=-1).ravel()


def lbp_sip_codes(
    frames: NDArray[Any], *, radii: Radii = (1, 1, 2)
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """Return the two codes of every centre.

    Parameters
    ----------
    frames
        (T, H, W) grey levels in [0, 255].
    radii
        See :func:`lbp_sip`.

    Returns
    -------
    Twice (T - 2 R_T, H - 2 R_Y, W - 2 R_X): the spatial codes, 0 to 15, whose bits 0 to 3 stand for the neighbours on
    the right, above, on the left and below; and the temporal codes, 0 to 3, whose bits 0 and 1 stand for the frame
    after and the frame before.

    Raises
    ------
    ShapeError
        If the frames are not such an array, hold NaN, or are too few or too small.
    ConfigError
        If a radius is not a whole number of at least 1.
    """
    return plane_codes(frames, "XY", points=4, radii=radii), plane_codes(frames, "YT", points=2, radii=radii)
