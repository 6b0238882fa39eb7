"""STLBP-IP: binary patterns of what changed since the first frame, projected onto the two axes of each block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import TOLERANCE, Grid, block_histograms, checked_volume, edges, uniform_bins
from dstan.descriptors.patterns import Plane, sampling_taps
from dstan.errors import ConfigError, ShapeError

REACH = 4
"""Positions to either side of the centre that a 1-D pattern compares: a mask of 9."""

POINTS = 8
"""Neighbours of a centre, along a line or around a circle."""

MAPPINGS = ("u2", "basic")
"""59 bins, those of the uniform codes and one for all others; or one for each of 256 codes."""

PADS = ("none", "edge")
"""Whether a projection ends with its block or goes on beyond it with its last value."""


def stlbp_ip(
    frames: NDArray[Any],
    *,
    grid: Grid = (8, 9),
    radius: int = 2,
    line_mapping: str = "u2",
    sampling: str = "bilinear",
    pad: str = "none",
    dead_zone: float = 0.0,
) -> NDArray[np.float64]:
    r"""Compute spatiotemporal local binary patterns with integral projection.

    In each block the differences from the first frame are projected (see :func:`projections`). Each projection gives
    1-D patterns (appearance); all projections of a block side by side in time are an image, which gives 2-D patterns
    (motion). Where nothing moves every code is 255.

    Parameters
    ----------
    frames
        (T, H, W) grey in [0, 255], aligned; T is at least 2 ``radius`` + 2.
    grid
        Rows and columns of blocks.
    radius
        Radius of the 2-D patterns, in frames and in pixels, at least 1.
    line_mapping
        Bins of the 1-D patterns: ``u2`` for 59, ``basic`` for 256. The 2-D patterns always have 59.
    sampling
        How neighbours of 2-D patterns between positions are read, one of
        :data:`~dstan.descriptors.patterns.SAMPLINGS`.
    pad
        ``none``: only positions whose neighbours all lie in the block have a code, so a block needs 9 pixels a side.
        ``edge``: a projection goes on beyond the block with its last value, so blocks may be smaller.
    dead_zone
        Grey levels by which a neighbour may be below the centre and still count as equal; with 0.1 a little noise
        still counts as no motion.

    Returns
    -------
    (D,) histograms, block-row-major, in each block 1-D of H, 1-D of V, 2-D of V, 2-D of H, each with the sum 1.
    D is 236 for each block, or 630 with ``basic``.

    Raises
    ------
    ShapeError
        If the frames are too few for the radius or too small for the blocks, or hold NaN.
    ConfigError
        If the radius is less than 1, or an option has no such choice.

    Notes
    -----
    A 1-D code is read from left to right (from top to bottom): the first neighbour is the most significant bit.
    Neighbour p of a 2-D code has the weight 2^p; with a = 2 pi p / 8 it lies at (t + R sin a, x + R cos a) or
    (t + R cos a, y - R sin a), as on the planes XT and YT of LBP-TOP.

    References
    ----------
    .. [1] X. Huang, S.-J. Wang, G. Zhao and M. Pietikäinen, "Facial micro-expression recognition using spatiotemporal
       local binary pattern with integral projection", ICCV Workshops 2015.
    """
    _check_options(radius, line_mapping, pad)
    volume = checked_volume(frames, frames_needed=2 * radius + 2)
    rows, columns = (edges(length, parts) for length, parts in zip(volume.shape[1:], grid, strict=True))
    if pad == "none":
        _check_blocks(rows, columns, 1 + 2 * max(REACH, radius))
    h, v = projections(volume, grid)
    bins = uniform_bins(POINTS) if line_mapping == "u2" else np.arange(1 << POINTS)
    least = -dead_zone - TOLERANCE
    margin, line_margin = (0, 0) if pad == "edge" else (radius, REACH)
    parts = [
        _line_histograms(h, _Positions.of(rows, line_margin), bins, least),
        _line_histograms(v, _Positions.of(columns, line_margin), bins, least).swapaxes(0, 1),
        _plane_histograms(v, _Positions.of(columns, margin), _ring("XT", radius, sampling), least).swapaxes(0, 1),
        _plane_histograms(h, _Positions.of(rows, margin), _ring("YT", radius, sampling), least),
    ]
    return np.concatenate(parts, axis=-1).ravel()


def projections(frames: NDArray[Any], grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Project the differences from the first frame on the two axes of each block.

    .. math:: H_t(y) = \frac{1}{w} \sum_x I_t(x, y) - I_1(x, y), \quad
              V_t(x) = \frac{1}{h} \sum_y I_t(x, y) - I_1(x, y)

    Parameters
    ----------
    frames
        (T, H, W) grey.
    grid
        Rows and columns of blocks; the sums are over the h x w pixels of one.

    Returns
    -------
    Grey levels, H as (T - 1, H, columns of blocks) and V as (T - 1, W, rows of blocks).

    Raises
    ------
    ShapeError
        If a block would be empty.
    """
    differences = np.subtract(frames[1:], frames[0], dtype=np.float64)
    rows, columns = edges(frames.shape[1], grid[0]), edges(frames.shape[2], grid[1])
    h = np.add.reduceat(differences, columns[:-1], axis=2) / np.diff(columns)
    v = np.add.reduceat(differences, rows[:-1], axis=1).swapaxes(1, 2) / np.diff(rows)
    return h, v


def line_codes(line: NDArray[Any], *, dead_zone: float = 0.0) -> NDArray[np.int64]:
    """Return the 1-D pattern of each position of one projection whose neighbours all lie in it.

    Parameters
    ----------
    line
        (n,) grey levels, n at least 9.
    dead_zone
        Grey levels by which a neighbour may be below the centre and still count as equal.

    Returns
    -------
    (n - 8,) codes from 0 to 255; the neighbour four positions before is the most significant bit.
    """
    positions = _Positions.of(np.array([0, len(line)]), REACH)
    lines = np.asarray(line, dtype=np.float64)[None, :, None]
    return _line_codes(lines, positions, -dead_zone - TOLERANCE)[0, :, 0]


@dataclass(frozen=True)
class _Positions:
    """The centres along one axis that have a code, and between which positions their block reaches."""

    centre: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    block: NDArray[np.int64]
    blocks: int

    @classmethod
    def of(cls, cuts: NDArray[np.int64], margin: int) -> Self:
        """Take the positions that are at least ``margin`` away from the ends of their block."""
        block = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
        centre, first, last = np.arange(cuts[-1]), cuts[block], cuts[block + 1] - 1
        inside = (centre - first >= margin) & (last - centre >= margin)
        return cls(centre[inside], first[inside], last[inside], block[inside], len(cuts) - 1)

    def further(self, by: int) -> NDArray[np.int64]:
        """Positions ``by`` further along, or the last of the block."""
        return np.clip(self.centre + by, self.first, self.last)

    def histograms(self, codes: NDArray[np.int64], bins: int) -> NDArray[np.float64]:
        """Count (n, positions, m) codes: (blocks, m, bins)."""
        across = codes.shape[2]
        return block_histograms(codes, self.block, np.arange(across), (self.blocks, across), bins)


def _line_histograms(
    lines: NDArray[np.float64], positions: _Positions, bins: NDArray[np.int64], least: float
) -> NDArray[np.float64]:
    return positions.histograms(bins[_line_codes(lines, positions, least)], int(bins.max()) + 1)


def _line_codes(lines: NDArray[np.float64], positions: _Positions, least: float) -> NDArray[np.int64]:
    """Compare along axis 1: (n, positions, m) codes."""
    centre = lines[:, positions.centre]
    codes = np.zeros(centre.shape, dtype=np.int64)
    for by in (*range(-REACH, 0), *range(1, REACH + 1)):
        codes = codes << 1 | (lines[:, positions.further(by)] - centre >= least)
    return codes


@dataclass(frozen=True)
class _Ring:
    """The neighbours of a 2-D pattern: what each is mixed from, as offsets (frame, position) and shares."""

    radius: int
    offsets: NDArray[np.int64]
    shares: NDArray[np.float32]


def _ring(plane: Plane, radius: int, sampling: str) -> _Ring:
    offsets, shares = sampling_taps(plane, POINTS, (radius, radius, radius), sampling)
    return _Ring(radius, offsets[..., [0, 2 if plane == "XT" else 1]], shares)


def _plane_histograms(
    lines: NDArray[np.float64], positions: _Positions, ring: _Ring, least: float
) -> NDArray[np.float64]:
    bins = uniform_bins(POINTS)
    return positions.histograms(bins[_plane_codes(lines, positions, ring, least)], int(bins.max()) + 1)


def _plane_codes(lines: NDArray[np.float64], positions: _Positions, ring: _Ring, least: float) -> NDArray[np.int64]:
    """Compare along axes 0 (time) and 1: (n - 2 radius, positions, m) codes."""
    n = len(lines) - 2 * ring.radius
    centre = lines[ring.radius : ring.radius + n, positions.centre]
    codes = np.zeros(centre.shape, dtype=np.int64)
    for bit, (offsets, shares) in enumerate(zip(ring.offsets, ring.shares, strict=True)):
        difference = np.zeros(centre.shape)
        for (frame, by), share in zip(offsets, shares, strict=True):
            first = ring.radius + frame
            difference += share * (lines[first : first + n, positions.further(by)] - centre)
        codes |= (difference >= least).astype(np.int64) << bit
    return codes


def _check_options(radius: int, line_mapping: str, pad: str) -> None:
    if radius < 1:
        raise ConfigError(f"the radius must be at least 1, not {radius}")
    for name, value, known in (("line_mapping", line_mapping, MAPPINGS), ("pad", pad, PADS)):
        if value not in known:
            raise ConfigError(f"{name} cannot be {value!r}", hint=f"Choose one of: {', '.join(known)}")


def _check_blocks(rows: NDArray[np.int64], columns: NDArray[np.int64], needed: int) -> None:
    height, width = np.diff(rows).min(), np.diff(columns).min()
    if min(height, width) < needed:
        raise ShapeError(
            f"its smallest block is {height} x {width} pixels, and {needed} x {needed} is needed",
            hint="Use larger frames or fewer blocks, or continue projections beyond a block: --set descriptor.pad=edge",
        )
