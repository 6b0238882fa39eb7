"""LCBP (re-interpretation): codes of motion's direction, its amplitude and of texture in small cubes of a clip.

The paper's three code formulas are not public. What :func:`encode` computes instead keeps every property that its
abstract states: a direction, an amplitude and a spatial code of 8 bits for each cube. Once the formulas are known, only
:func:`encode` changes. The histograms by blocks and their weights by differential energy follow the abstract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import TOLERANCE, Grid, checked_volume, cuboid_histograms, edges, uniform_bins
from dstan.descriptors.compiling import compiled
from dstan.descriptors.patterns import mapped, plane_codes
from dstan.errors import ConfigError

POINTS = 8
BINS = 3 * 59
"""Values that :func:`lcbp` has for a block: 59 for each of three codes."""

HEAVIEST = 3.0
"""No block's weight is larger."""

OFFSETS = np.array([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)])
"""(y, x) of neighbour p = 0 to 7, counter-clockwise from the right; p + 4 is opposite."""


def lcbp(frames: NDArray[Any], *, grid: Grid = (8, 8), step: int = 1, margin: float = 0.0) -> NDArray[np.float64]:
    """Compute histograms of the three local cube binary patterns by blocks, not yet weighted by energy.

    A re-interpretation: see :func:`encode`. A recogniser multiplies the blocks by :func:`energy_weights`.

    Parameters
    ----------
    frames
        (T, H, W) grey in [0, 255], aligned; T is at least 2 ``step`` + 1.
    grid
        Rows and columns of blocks.
    step
        Frames from the middle of a cube to its ends, at least 1.
    margin
        See :func:`encode`.

    Returns
    -------
    (D,) histograms under the mapping u2, block-row-major, in each block direction, amplitude and texture with 59 bins
    and the sum 1 each; all 0 in a block without a centre. D is 177 for each block.

    Raises
    ------
    ShapeError
        If the frames are too few for the step or too small for the blocks, or hold NaN.
    ConfigError
        If the step is less than 1.

    References
    ----------
    .. [1] M. Yu, Z. Guo, Y. Yu, Y. Wang and S. Cen, "Spatiotemporal feature descriptor for micro-expression recognition
       using local cube binary pattern", IEEE Access 7, 2019.
    """
    maps = encode(frames, step=step, margin=margin)
    bins = uniform_bins(POINTS)
    parts = [cuboid_histograms(mapped(codes, bins), frames.shape, grid, 1, int(bins.max()) + 1) for codes in maps]
    return np.concatenate(parts, axis=-1).ravel()


def encode(
    frames: NDArray[Any], *, step: int = 1, margin: float = 0.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    r"""Compute the three codes of every cube of 3 x 3 pixels and frames t - s, t and t + s.

    These formulas are not those of the paper, which are not public; they were chosen so that the three codes have 8
    bits, complement each other, and do not change with brightness and contrast. With o_p the neighbours, p' opposite
    to p, and s the step, bit p is 1 where

    .. math::
        \text{direction:} \quad & C_p \le \tfrac{1}{8} \sum_q C_q - \text{margin}, \\
        & C_p = |I(c + o_{p'}, t - s) - I(c, t)| + |I(c + o_p, t + s) - I(c, t)| \\
        \text{amplitude:} \quad & A(c + o_p) \ge A(c), \\
        & A(q) = |I(q, t + s) - I(q, t)| + |I(q, t) - I(q, t - s)| \\
        \text{texture:} \quad & M(c + o_p) \ge M(c), \quad M(q) = \operatorname{mean}_{t - s .. t + s} I(q)

    So C_p is small where something moves through the centre towards p, the amplitude is that of change, and the texture
    is that of the mean frame of the cube.

    Parameters
    ----------
    frames
        (T, H, W) grey in [0, 255]; T is at least 2 ``step`` + 1, H and W at least 3.
    step
        Frames from the middle of a cube to its ends, at least 1.
    margin
        Grey levels by which a direction has to be cheaper than the average one.

    Returns
    -------
    Direction, amplitude and texture, each (T - 2 step, H - 2, W - 2) from 0 to 255: neighbour p has the weight 2^p,
    counter-clockwise from the right.

    Raises
    ------
    ShapeError
        If the frames are too few for the step or smaller than 3 x 3, or hold NaN.
    ConfigError
        If the step is less than 1.
    """
    if step < 1:
        raise ConfigError(f"the step of a cube must be at least 1, not {step}")
    volume = checked_volume(frames, frames_needed=2 * step + 1, side_needed=3)
    before, now, after = volume[: -2 * step], volume[step:-step], volume[2 * step :]
    amplitude = np.abs(after - now) + np.abs(now - before)
    mean = np.mean([volume[first : first + len(now)] for first in range(2 * step + 1)], axis=0)
    return _directions(before, now, after, TOLERANCE - margin), _neighbours(amplitude), _neighbours(mean)


def _neighbours(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Compare each of eight neighbours with the centre."""
    return plane_codes(values, "XY", points=POINTS, radii=(1, 1, 0), sampling="nearest").astype(np.uint8, copy=False)


def block_energy(frames: NDArray[Any], *, grid: Grid = (8, 8)) -> NDArray[np.float64]:
    """Compute how much of a clip's change is in each block.

    The energy of a pixel is the sum of its squared differences from frame to frame, divided by the largest in the clip.

    Parameters
    ----------
    frames
        (T, H, W) grey.
    grid
        Rows and columns of blocks.

    Returns
    -------
    (B,) the mean energy of each block, block-row-major, from 0 to 1; all 0 where nothing changes.

    Raises
    ------
    ShapeError
        If the frames are no such array, too small for the blocks, or hold NaN.
    """
    volume = checked_volume(frames)
    energy = np.square(np.diff(volume, axis=0), dtype=np.float64).sum(axis=0)
    rows, columns = (edges(length, parts) for length, parts in zip(energy.shape, grid, strict=True))
    sums = np.add.reduceat(np.add.reduceat(energy, rows[:-1], axis=0), columns[:-1], axis=1)
    means = sums / np.outer(np.diff(rows), np.diff(columns))
    largest = energy.max()
    return np.asarray(means / largest if largest > 0 else means).ravel()


def energy_weights(energies: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Fit the weight of each block to the energies of training clips.

    Parameters
    ----------
    energies
        Of each clip, what :func:`block_energy` returned.

    Returns
    -------
    (B,) the blocks' energies, averaged over clips and divided by their mean over blocks, then no larger than
    :data:`HEAVIEST`; 1 for each where no clip changes.
    """
    mean = np.mean(energies, axis=0)
    if not mean.any():
        return np.ones(len(mean))
    return np.asarray(np.minimum(mean / mean.mean(), HEAVIEST))


@compiled
def _directions(
    before: NDArray[np.float32], now: NDArray[np.float32], after: NDArray[np.float32], allowance: float
) -> NDArray[np.uint8]:
    """Compare the cost of each of eight straight paths through a centre with their average and the allowance."""
    frames, height, width = now.shape[0], now.shape[1] - 2, now.shape[2] - 2
    codes = np.zeros((frames, height, width), dtype=np.uint8)
    costs = np.empty((POINTS, width))
    limits = np.empty(width)
    for t in range(frames):
        for y in range(height):
            centre = now[t, y + 1, 1 : 1 + width]
            limits[:] = allowance
            for p in range(POINTS):
                dy, dx = OFFSETS[p]
                begin = before[t, y + 1 - dy, 1 - dx : 1 - dx + width]
                end = after[t, y + 1 + dy, 1 + dx : 1 + dx + width]
                for x in range(width):
                    costs[p, x] = abs(begin[x] - centre[x]) + abs(end[x] - centre[x])
                    limits[x] += costs[p, x] / POINTS
            for p in range(POINTS):
                for x in range(width):
                    codes[t, y, x] |= (costs[p, x] <= limits[x]) << p
    return codes
