"""Eulerian motion magnification: small motion made larger, an optional stage between alignment and TIM.

Frames are filtered along time by the difference of two first-order low-pass filters; what passes is multiplied, level
by level of a Laplacian pyramid, and added to the frame [1]_. The filter passes change and lets a lasting displacement
fade, and it takes the first frame as the reference.

References
----------
.. [1] H.-Y. Wu et al., "Eulerian video magnification for revealing subtle changes in the world", SIGGRAPH 2012.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import check_array
from dstan.errors import ShapeError
from dstan.preprocessing._opencv import opencv

BAND_HZ = (0.8, 8.0)
"""Cut-offs of the two low-pass filters of the band ``hz``."""
RATES = (0.05, 0.4)
"""Rates of the two filters of the band ``paper``, the same for every number of frames per second."""
WAVELENGTH = 16.0
"""Spatial wavelength in pixels below which less is added: the first-order expansion no longer holds there."""
_SMALLEST = 5


def magnify(
    frames: NDArray[np.float32], alpha: float, *, times: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Magnify the motion of an aligned clip.

    Parameters
    ----------
    frames
        (n, H, W) grey, in [0, 255], at the clip's own rate; the first should be neutral.
    alpha
        How many times the motion in the band is added; 0 leaves the frames as they are.
    times
        (n,) seconds of the frames, for the band .8 to 8 Hz whatever the rate, also where it varies. None takes the
        fixed rates of the papers, which are another band for every number of frames per second.

    Returns
    -------
    (n, H, W) float32 in [0, 255]; the first frame, and any clip in which nothing changes, is returned exactly.

    Raises
    ------
    ShapeError
        If the frames are not (n, H, W), ``alpha`` is negative, or there is not one time for each frame.
    """
    check_array("frames", frames, ndim=3)
    if alpha < 0:
        raise ShapeError(f"magnification must not be negative: {alpha:g}")
    if alpha == 0 or len(frames) < 2:
        return frames
    rates = np.tile(RATES, (len(frames) - 1, 1)) if times is None else rates_of(times, len(frames))
    gains = level_gains(frames.shape[1:], alpha)
    out = band_pass(frames, rates)
    for frame, change in zip(frames, out, strict=True):
        if change.any():
            bands = laplacian_pyramid(change)
            change[:] = reconstruct([np.float32(gain) * band for gain, band in zip(gains, bands, strict=True)])
        change += frame
    return np.clip(out, 0, 255, out=out)


def band_pass(values: NDArray[Any], rates: NDArray[np.float64]) -> NDArray[Any]:
    """Filter along time by the difference of two first-order low-pass filters that both begin at the first value.

    Filtering commutes with the pyramid, so it is done once, on whole frames.

    Parameters
    ----------
    values
        (n, ...) of any real type.
    rates
        (n - 1, 2): how far the slow and the fast filter go towards the new value at each step, 0 to 1.

    Returns
    -------
    (n, ...) of the same type; the first is zero.
    """
    slow = fast = values[0]
    passed = np.zeros_like(values)
    for n, (low, high) in enumerate(rates.tolist(), start=1):
        slow = slow + low * (values[n] - slow)
        fast = fast + high * (values[n] - fast)
        passed[n] = fast - slow
    return passed


def rates_of(times: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return (n - 1, 2) rates of the two filters for the band in Hz: ``1 - exp(-2 pi f dt)`` for each step ``dt``.

    Raises
    ------
    ShapeError
        If there are not ``n`` times that increase.
    """
    steps = np.diff(times)
    if len(times) != n or not (steps > 0).all():
        raise ShapeError(f"magnification in Hz needs {n} times that increase, not {len(times)} that do or do not")
    return np.asarray(-np.expm1(-2 * np.pi * np.outer(steps, BAND_HZ)))


def level_gains(shape: Sequence[int], alpha: float) -> list[float]:
    """Return how many times each level's change is added, the finest first.

    The coarsest level is taken to hold a wavelength of a third of the diagonal, each finer one half of the one before.
    Less than ``alpha`` is added where the wavelength is too short for it; nothing at the finest and coarsest level.
    """
    depth = len(_sizes(shape))
    bound = WAVELENGTH / 8 / (1 + alpha)
    wavelengths = [float(np.hypot(shape[0], shape[1])) / 3 / 2 ** (depth - 1 - level) for level in range(depth)]
    gains = [min(max(2 * (length / (8 * bound) - 1), 0.0), alpha) for length in wavelengths]
    return [gain if 0 < level < depth - 1 else 0.0 for level, gain in enumerate(gains)]


def laplacian_pyramid(image: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Split an image into bands, the finest first; the last is what remains when a side is less than five pixels."""
    cv2 = opencv()
    images = [np.ascontiguousarray(image, dtype=np.float32)]
    for _ in _sizes(image.shape)[1:]:
        images.append(cv2.pyrDown(images[-1]))
    bands = [fine - _enlarged(coarse, fine.shape) for fine, coarse in itertools.pairwise(images)]
    return [*bands, images[-1]]


def reconstruct(bands: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Put the bands of :func:`laplacian_pyramid` together again."""
    image = bands[-1]
    for band in reversed(bands[:-1]):
        image = band + _enlarged(image, band.shape)
    return image


def _sizes(shape: Sequence[int]) -> list[tuple[int, int]]:
    sizes = [(shape[0], shape[1])]
    while min(sizes[-1]) >= _SMALLEST:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def _enlarged(image: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    return np.asarray(opencv().pyrUp(image, dstsize=(shape[1], shape[0])), dtype=np.float32)
