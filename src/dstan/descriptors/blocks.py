"""What descriptors share: the grid of blocks, histograms of codes in it, and when two grey values count as equal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import check_array
from dstan.descriptors.compiling import compiled
from dstan.errors import ShapeError

Grid: TypeAlias = tuple[int, int]
"""Rows and columns of blocks."""

TOLERANCE = 1e-6 * 255
"""Grey levels: a neighbour that is darker than the centre by no more counts as equal, so that rounding in float32
does not flip a bit."""

LARGEST = 1e6
"""No grey level and no displacement is larger, by far; differences and squares of larger ones could overflow."""


def edges(length: int, parts: int) -> NDArray[np.int64]:
    """Return where blocks begin along one axis: floor(i * length / parts) for i = 0 to parts.

    Parameters
    ----------
    length
        Pixels, or frames.
    parts
        Blocks, at least 1.

    Raises
    ------
    ShapeError
        If a block would be empty.
    """
    if not 1 <= parts <= length:
        raise ShapeError(
            f"a length of {length} cannot be divided into {parts} blocks", hint=f"Use 1 to {length} blocks along it"
        )
    return np.arange(parts + 1) * length // parts


def block_of(length: int, parts: int) -> NDArray[np.int64]:
    """Return (length,) the block of each pixel along one axis; see :func:`edges`."""
    return np.repeat(np.arange(parts), np.diff(edges(length, parts)))


def block_histograms(
    codes: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64], grid: Grid, bins: int
) -> NDArray[np.float64]:
    """Count codes in each block.

    Parameters
    ----------
    codes
        (n, h, w) integers from 0 to ``bins`` - 1, one for each centre.
    rows, columns
        (h,) and (w,) the block that each centre is in, along either axis.
    grid
        Rows and columns of blocks.
    bins
        Codes that there are.

    Returns
    -------
    (rows, columns, bins) shares that sum to 1 in each block; all 0 in a block without a centre.
    """
    counts = np.zeros((*grid, bins), dtype=np.int64)
    _count(codes, rows, columns, counts)
    totals = counts.sum(axis=-1, keepdims=True)
    shares: NDArray[np.float64] = counts / np.maximum(totals, 1)
    return shares


def cuboid_histograms(
    codes: NDArray[Any], shape: tuple[int, ...], grid: Grid, time_blocks: int, bins: int
) -> NDArray[np.float64]:
    """Count codes in each block of rows, columns and frames; the blocks divide the whole clip, not the centres.

    Parameters
    ----------
    codes
        (t, h, w) integers from 0 to ``bins`` - 1, one for each centre; centres keep one distance from both ends.
    shape
        T, H and W of the clip.
    grid, time_blocks
        Rows and columns of blocks, and how many follow each other in time.
    bins
        Codes that there are.

    Returns
    -------
    (time blocks, rows, columns, bins) shares that sum to 1 in each block; all 0 in a block without a centre.

    Raises
    ------
    ShapeError
        If a block would be empty.
    """
    margins = [(length - n) // 2 for length, n in zip(shape, codes.shape, strict=True)]
    rows, columns = (
        block_of(length, parts)[margin : length - margin]
        for length, parts, margin in zip(shape[1:], grid, margins[1:], strict=True)
    )
    cuts = np.clip(edges(shape[0], time_blocks) - margins[0], 0, len(codes))
    return np.stack([block_histograms(codes[a:b], rows, columns, grid, bins) for a, b in pairwise(cuts)])


@compiled
def _count(codes: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    for plane in codes:
        for y in range(plane.shape[0]):
            row = counts[rows[y]]
            for x in range(plane.shape[1]):
                row[columns[x], plane[y, x]] += 1


def uniform_bins(points: int) -> NDArray[np.int64]:
    """Return (2^P,) the bin of each code under the mapping u2.

    A code of at most two changes between 0 and 1 around the circle has a bin of its own, in ascending order of codes;
    all others share the last, so from P = 4 there are P(P - 1) + 3; with fewer neighbours every code is uniform.

    Parameters
    ----------
    points
        P, the neighbours that a code is made of.
    """
    codes = np.arange(1 << points)
    turned = codes >> 1 | (codes & 1) << points - 1
    changes = np.array([int(code).bit_count() for code in codes ^ turned])
    is_uniform = changes <= 2
    bins = np.full(len(codes), is_uniform.sum())
    bins[is_uniform] = np.arange(is_uniform.sum())
    return bins


def checked_volume(
    frames: NDArray[Any], *, frames_needed: int = 1, side_needed: int | tuple[int, int] = 1
) -> NDArray[np.float32]:
    """Return grey frames as float32 after a look at them.

    Parameters
    ----------
    frames
        (T, H, W) grey, any number type, in [0, 255].
    frames_needed, side_needed
        The least T, and the least H and W: one number for both, or two.

    Raises
    ------
    ShapeError
        If they are not such an array, hold NaN, infinity or what no grey level is, or are too few or too small.
    """
    check_array("the clip's frames", frames, ndim=3)
    _check_size("the clip's frames", frames, "Give grey levels from 0 to 255")
    if len(frames) < frames_needed:
        raise ShapeError(
            f"it has {len(frames)} frames, and {frames_needed} are needed",
            hint="Interpolate to more frames or use a smaller radius in time: --set recipe.steps=20",
        )
    height, width = (side_needed, side_needed) if isinstance(side_needed, int) else side_needed
    if frames.shape[1] < height or frames.shape[2] < width:
        raise ShapeError(
            f"its frames are {frames.shape[1]} x {frames.shape[2]}, and {height} x {width} is needed",
            hint="Use larger frames, a smaller radius or fewer blocks: --set recipe.size=64",
        )
    return np.ascontiguousarray(frames, dtype=np.float32)


def checked_flow(flow: NDArray[Any], *, fields_needed: int = 1) -> NDArray[np.float32]:
    """Return a sequence of flow fields as float32 after a look at it.

    Parameters
    ----------
    flow
        (T, 2, H, W) displacement (u, v) in pixels, x to the right, y down.
    fields_needed
        The least T.

    Raises
    ------
    ShapeError
        If it is not such an array, holds NaN, infinity or what no displacement is, or has too few fields.
    """
    check_array("the clip's flow", flow, ndim=4)
    _check_size("the clip's flow", flow, "Give displacements in pixels")
    if flow.shape[1] != 2:
        raise ShapeError(f"flow must be (T, 2, H, W), not {flow.shape}")
    if len(flow) < fields_needed:
        raise ShapeError(
            f"it has {len(flow)} field{'s' * (len(flow) != 1)} of flow, and {fields_needed} are needed",
            hint="Interpolate to more frames, --set recipe.steps=20; pairs onset-apex make one field only",
        )
    return np.ascontiguousarray(flow, dtype=np.float32)


def _check_size(name: str, array: NDArray[Any], hint: str) -> None:
    if max(-float(array.min()), float(array.max())) > LARGEST:
        raise ShapeError(f"{name}: a value is beyond {LARGEST:.0f}", hint=hint)
