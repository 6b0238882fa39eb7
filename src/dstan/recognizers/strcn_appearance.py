"""The appearance input of STRCN: the pixels of a face that move, as a matrix of pixels and time [1]_.

Where faces move is found on many clips, once: the mask. Of each clip the masked pixels of every frame become a column,
and the columns are resized along time to a fixed number. Leaving out frames and resizing by other kernels makes
variants to learn from.

References
----------
.. [1] Z. Xia, X. Hong, X. Gao, X. Feng, G. Zhao, "Spatiotemporal recurrent convolutional networks for recognizing
   spontaneous micro-expressions", IEEE Transactions on Multimedia 22(3), 2020, pp. 626-640.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.errors import ShapeError

PERCENTILE = 75
"""Pixels that move at least as much as this share of all are kept."""
COLUMNS = 150
"""Steps of time in a matrix."""
REMOVALS = tuple(share / 20 for share in range(12))
"""Shares of the frames that variants leave out: 0 to .55."""
SLACK = 1e-9
"""Frames by which a share of them may exceed a whole number and count as it."""


def _box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1 - abs(x), 0, None)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _lanczos(x: NDArray[np.float64], lobes: int) -> NDArray[np.float64]:
    return np.where(abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)


Kernel = tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], int, bool]
"""Its weights, its width, and whether it widens where there are more frames than columns."""
KERNELS: dict[str, Kernel] = {
    "nearest": (_box, 1, False),
    "bilinear": (_triangle, 2, True),
    "bicubic": (_cubic, 4, True),
    "box": (_box, 1, True),
    "triangle": (_triangle, 2, True),
    "cubic": (_cubic, 4, True),
    "lanczos2": (lambda x: _lanczos(x, 2), 4, True),
    "lanczos3": (lambda x: _lanczos(x, 3), 6, True),
}
"""The eight names of the authors' code. Three kernels have two names; "nearest" is "box" but for clips of more frames
than columns."""


def energy(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how much each pixel of a clip departs from its first frame, as a share of the most that one does.

    Parameters
    ----------
    frames
        (T, h, w) grey values.

    Returns
    -------
    (h, w) in [0, 1]; all 0 where nothing moves.
    """
    total: NDArray[np.float64] = np.abs(frames.astype(np.float64) - frames[0]).sum(0)
    peak = float(total.max())
    return total / peak if peak > 0 else total


def moving_pixels(clips: Iterable[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Return the (h, w) mask of the pixels that move most, on average over clips.

    The mean energy is cut at its 75th percentile; the opening by a disk of radius 1 then takes away what is thinner
    than 3 pixels.

    Parameters
    ----------
    clips
        (T, h, w) grey values of clips of one size: those that are learned from, and no other; the authors' code
        takes all.
    """
    maps = [energy(frames) for frames in clips]
    mean: NDArray[np.float64] = np.mean(maps, axis=0)
    return opened(mean >= np.percentile(mean, PERCENTILE))


def opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the opening of a mask by a disk of radius 1: a pixel and its four neighbours.

    Parameters
    ----------
    mask
        (h, w), any; what lies beyond its border takes nothing away and adds nothing.
    """
    eroded: NDArray[np.bool_] = np.logical_and.reduce(_neighbours(mask, beyond=True))
    found: NDArray[np.bool_] = np.logical_or.reduce(_neighbours(eroded, beyond=False))
    return found


def _neighbours(mask: NDArray[np.bool_], *, beyond: bool) -> list[NDArray[np.bool_]]:
    h, w = mask.shape
    padded = np.pad(mask, 1, constant_values=beyond)
    return [padded[y : y + h, x : x + w] for y, x in ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))]


def columns_of(frames: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the (P, T) masked pixels of the frames: a column for each, counted down the columns of the face.

    Parameters
    ----------
    frames
        (T, h, w) grey values.
    mask
        (h, w) which pixels.
    """
    return frames.transpose(0, 2, 1)[:, mask.T].T


def resize_weights(n_in: int, n_out: int, kernel: str) -> NDArray[np.float64]:
    """Return weights that resize columns along time.

    Centres of columns are mapped to each other, and what lies beyond the first and the last is their mirror image.
    Where columns become fewer, a kernel is widened by as much, but for "nearest".

    Parameters
    ----------
    n_in, n_out
        Columns given and wanted, at least one.
    kernel
        One of :data:`KERNELS`.

    Returns
    -------
    (n_out, n_in); every row sums to 1.
    """
    function, width, widens = KERNELS[kernel]
    scale = min(1.0, n_out / n_in) if widens else 1.0
    centres = (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
    reach = math.ceil(width / scale) + 2
    places = np.floor(centres)[:, None].astype(np.int64) + np.arange(-reach, reach + 1)
    values = function((centres[:, None] - places) * scale)
    weights = np.zeros((n_out, n_in))
    wrapped = places % (2 * n_in)
    inside = np.minimum(wrapped, 2 * n_in - 1 - wrapped)
    np.add.at(weights, (np.arange(n_out)[:, None], inside), values)
    total: NDArray[np.float64] = weights.sum(1, keepdims=True)
    return weights / total


def resized(columns: NDArray[np.float32], kernel: str) -> NDArray[np.float32]:
    """Return the (P, 150) matrix.

    Parameters
    ----------
    columns
        (P, T) masked pixels of the frames.
    kernel
        One of :data:`KERNELS`.
    """
    weights = resize_weights(columns.shape[1], COLUMNS, kernel).astype(np.float32)
    return columns.astype(np.float32) @ weights.T


def left_out(n: int, share: float, seed: int) -> NDArray[np.int64]:
    """Return which frames a variant leaves out: the share that it is named after, where the authors' code takes one.

    Parameters
    ----------
    n
        Frames of the clip.
    share
        At least 0; rounded up to whole frames.
    seed
        Decides which.

    Raises
    ------
    ShapeError
        If none would be left.
    """
    number = math.ceil(share * n - SLACK)
    if number >= n:
        raise ShapeError(
            f"it has {n} frames, and a variant that leaves out {share:.0%} of them needs more",
            hint="Prepare the clips with --set recipe.steps=30",
        )
    return np.sort(np.random.default_rng(seed).permutation(n)[:number])


def variants(
    columns: NDArray[np.float32], removals: Sequence[float], kernels: Sequence[str], seed: int
) -> list[NDArray[np.float32]]:
    """Return the (P, 150) matrices that a clip is learned from: every share of frames left out with every kernel.

    Parameters
    ----------
    columns
        (P, T) masked pixels of the frames.
    removals
        Shares of the frames that are left out, at random places; the same ones for every kernel.
    kernels
        Names in :data:`KERNELS`.
    seed
        Decides the places.
    """
    found = []
    for share in removals:
        gone = left_out(columns.shape[1], share, child_seed(seed, "removal", share))
        kept = np.delete(columns, gone, axis=1)
        found += [resized(kept, kernel) for kernel in kernels]
    return found
