"""STCLQP: large neighbourhoods on three planes, completed by magnitude and orientation, as words of learned codebooks.

X. Huang, G. Zhao, X. Hong, W. Zheng, M. Pietikäinen, "Spontaneous facial micro-expression analysis using
spatiotemporal completed local quantized patterns", Neurocomputing 175:564-578, 2016. The paper's formulas are not all
known; what is chosen here is said where it is done. Codebooks and their words: :mod:`dstan.descriptors.quantisation`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.blocks import TOLERANCE, checked_volume
from dstan.descriptors.compiling import compiled
from dstan.descriptors.patterns import DARKEST_EQUAL, PLANES, Plane, neighbours, plane_codes, sampling_taps

BYTES = 8
"""Bytes that describe one centre on one plane: 2 of signs, 2 of magnitudes, 4 of orientations."""
LEVELS = 16
"""Directions that orientations are told apart in."""
SIGMA = 0.8
"""Pixels or frames: the Gaussian of the 3 x 3 kernels that orientation is measured with."""
FLAT = 1e-3
"""Grey levels per pixel: a gradient below has the orientation 0."""


def stclqp_codes(frames: NDArray[Any], *, radius: int = 2, points: int = 16) -> NDArray[np.uint8]:
    """Describe the neighbourhood of each pixel on each plane by 8 bytes; nothing is fitted.

    P samples lie on a circle around the centre, sample p at the angle 2 pi p / P: on XY from x towards up, on XT from x
    towards later, on YT from later towards up. Grey values between pixels are bilinear.

    - Bytes 0 and 1, signs: bit p is 1 if the sample is at least as bright as the centre.
    - Bytes 2 and 3, magnitudes: bit p is 1 if the difference d is in absolute value at least its mean over the clip
      and plane (Guo et al., IEEE TIP 19(6), 2010).
    - Bytes 4 to 7, orientations, 2 bits a sample: floor(((o_p - o_c) mod 16) / 4), where o_c is the direction of the
      gradient at the centre, in 16 sectors from angle 0, and o_p that at the pixel nearest to the sample. Gradients are
      central differences on the plane, smoothed across by a Gaussian (3 x 3 in all; frames are repeated beyond their
      edge); where there is none, o = 0. That 16 levels become 4 relative ones is inferred.

    Bits count from the lowest of the first byte. Where P < 16, those left over are 0.

    Parameters
    ----------
    frames
        (T, H, W) grey in [0, 255]; each axis at least 2 R + 1.
    radius
        R, pixels and frames.
    points
        P, from 2 to 16.

    Returns
    -------
    (3, 8, T - 2R, H - 2R, W - 2R): planes XY, XT, YT; bytes; centres.

    Raises
    ------
    ShapeError
        If the frames are no such array, or too few or small.
    ConfigError
        If P or R is out of range.
    """
    radii = (radius, radius, radius)
    volume = checked_volume(frames, frames_needed=2 * radius + 1, side_needed=2 * radius + 1)
    codes = np.zeros((len(PLANES), BYTES, *(length - 2 * radius for length in volume.shape)), dtype=np.uint8)
    for plane, own in zip(PLANES, codes, strict=True):
        signs = plane_codes(volume, plane, points=points, radii=radii, sampling="bilinear")
        own[0], own[1] = signs & 255, signs >> 8
        taps, weights = sampling_taps(plane, points, radii, "bilinear")
        mean = _magnitudes(volume, radius + taps, weights, np.float32(np.inf), own[2:4])
        _magnitudes(volume, radius + taps, weights, np.float32(mean) + DARKEST_EQUAL, own[2:4])
        pixels, _ = sampling_taps(plane, points, radii, "nearest")
        _turn(_orientations(volume, plane), radius + pixels[:, 0], own[4:])
    return codes


def _orientations(volume: NDArray[np.float32], plane: Plane) -> NDArray[np.uint8]:
    """Return (T, H, W) the sector, 0 to 15, of the gradient on one plane.

    An angle that lies below the border of a sector by no more than the tolerance of grey values counts as on it.
    """
    axes = neighbours(plane, 4, (1, 1, 1))[:2].astype(np.int64)
    along = [int(np.flatnonzero(axis)[0]) for axis in axes]
    first, second = (
        axis.sum() * _derivative(volume, way, across)
        for axis, way, across in zip(axes, along, along[::-1], strict=True)
    )
    length = np.hypot(first, second)
    sectors = (np.arctan2(second, first) + TOLERANCE / np.maximum(length, FLAT)) * (LEVELS / (2 * np.pi))
    levels = np.floor(sectors).astype(np.int8) & (LEVELS - 1)
    return np.where(length < FLAT, 0, levels).astype(np.uint8)


def _derivative(volume: NDArray[np.float32], along: int, across: int) -> NDArray[np.float32]:
    """Return the central difference along one axis, smoothed across another."""
    later, earlier = _neighbours(volume, along)
    slope = (later - earlier) / 2
    side = np.float32(np.exp(-0.5 / SIGMA**2))
    right, left = _neighbours(slope, across)
    smooth: NDArray[np.float32] = (slope + side * (left + right)) / (1 + 2 * side)
    return smooth


def _neighbours(volume: NDArray[np.float32], axis: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the next and the previous value along an axis; beyond the edge, the last is repeated."""
    places = np.arange(volume.shape[axis])
    return (
        volume.take(np.minimum(places + 1, places[-1]), axis=axis),
        volume.take(np.maximum(places - 1, 0), axis=axis),
    )


@compiled
def _magnitudes(
    volume: NDArray[np.float32],
    taps: NDArray[np.int64],
    weights: NDArray[np.float32],
    least: np.float32,
    codes: NDArray[np.uint8],
) -> float:
    """Set the bits of samples that differ by so much at least, on one plane; return how much samples differ on average.

    Taps are counted from the first pixel that is needed.
    """
    depth, height, width = codes.shape[1:]
    radius = (volume.shape[2] - width) // 2
    difference = np.empty(width, dtype=np.float32)
    sums = np.zeros(width)
    for t in range(depth):
        for y in range(height):
            centre = volume[t + radius, y + radius, radius : radius + width]
            for p in range(len(taps)):
                difference[:] = 0
                for k in range(taps.shape[1]):
                    weight = weights[p, k]
                    if weight > 0:
                        first = taps[p, k, 2]
                        other = volume[t + taps[p, k, 0], y + taps[p, k, 1], first : first + width]
                        for x in range(width):
                            difference[x] += weight * (other[x] - centre[x])
                bit = np.uint8(1 << (p & 7))
                row = codes[p >> 3, t, y]
                for x in range(width):
                    sums[x] += abs(difference[x])
                    row[x] |= bit if abs(difference[x]) >= least else np.uint8(0)
    return float(sums.sum() / (depth * height * width * len(taps)))


@compiled
def _turn(levels: NDArray[np.uint8], pixels: NDArray[np.int64], codes: NDArray[np.uint8]) -> None:
    """Set the bits of orientations on one plane; pixels are counted from the first that is needed."""
    depth, height, width = codes.shape[1:]
    radius = (levels.shape[2] - width) // 2
    for t in range(depth):
        for y in range(height):
            centre = levels[t + radius, y + radius, radius:]
            for p in range(len(pixels)):
                other = levels[t + pixels[p, 0], y + pixels[p, 1], pixels[p, 2] :]
                row = codes[p >> 2, t, y]
                for x in range(width):
                    turned = np.uint8(other[x] - centre[x]) & np.uint8(15)
                    row[x] |= (turned >> np.uint8(2)) << np.uint8(2 * (p & 3))
