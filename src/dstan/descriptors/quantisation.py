"""Codebooks: from the bytes of :func:`dstan.descriptors.stclqp.stclqp_codes` to histograms of learned words.

Each byte stands for 8 numbers, so a component of B bytes is a point in 8 B dimensions: signs and magnitudes are their
bits, 0 or 1, so that a squared distance counts the bits that differ; a relative orientation l is the point
(cos(pi l / 2), sin(pi l / 2)), so that distance is circular. The product of a point and a word is a sum over bytes of
values looked up in a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan.descriptors.blocks import Grid, block_histograms, block_of
from dstan.descriptors.compiling import compiled
from dstan.errors import ShapeError

COMPONENTS = {"sign": slice(0, 2), "magnitude": slice(2, 4), "orientation": slice(4, 8)}
"""The bytes that each component is described by."""

_EVERY = np.arange(256, dtype=np.uint8)[:, None]
_BITS = np.unpackbits(_EVERY, axis=1, bitorder="little").astype(np.float64)
_LEVELS = np.pi / 2 * (_EVERY >> np.arange(0, 8, 2, dtype=np.uint8) & 3)
_ANGLES = np.stack([np.cos(_LEVELS), np.sin(_LEVELS)], axis=-1).round().reshape(256, 8)
POINTS = {"sign": _BITS, "magnitude": _BITS, "orientation": _ANGLES}
"""(256, 8) the numbers that each byte of a component stands for."""


def learn_codebooks(
    described: Sequence[NDArray[np.uint8]], *, words: int = 20, samples: int = 50_000, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Find the words of each component and plane among neighbourhoods of several clips.

    k-means (k-means++, the best of 3 starts) on neighbourhoods that are drawn without replacement, equally many from
    each clip and the same centres for each component and plane; in one thread, since several add up in an order of
    their own. Where there are no more different ones than words, they
    are the words themselves, and the last is repeated; a repeated word is never the nearest.

    Parameters
    ----------
    described
        What :func:`dstan.descriptors.stclqp.stclqp_codes` returned for each training clip.
    words
        K, in each of the nine codebooks.
    samples
        Neighbourhoods to learn a codebook from, at most; one of each clip at least.
    seed
        Decides which are drawn and where k-means starts.

    Returns
    -------
    "sign" and "magnitude" (3, K, 16), "orientation" (3, K, 32): planes, words, numbers.
    """
    drawn = _drawn(described, max(1, samples // len(described)), np.random.default_rng(seed))
    return {
        name: np.stack([_codebook(plane[part].T, POINTS[name], words, seed) for plane in drawn])
        for name, part in COMPONENTS.items()
    }


def _drawn(described: Sequence[NDArray[np.uint8]], each: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return (3, 8, n) the bytes of equally many centres of each clip."""
    flat = [clip.reshape(*clip.shape[:2], -1) for clip in described]
    places = [rng.choice(clip.shape[2], min(each, clip.shape[2]), replace=False) for clip in flat]
    return np.concatenate([clip[:, :, chosen] for clip, chosen in zip(flat, places, strict=True)], axis=2)


def _codebook(codes: NDArray[np.uint8], points: NDArray[np.float64], words: int, seed: int) -> NDArray[np.float64]:
    """Return (K, 8 B) the words for (n, B) bytes; alike ones are clustered as one with a weight."""
    from sklearn.cluster import KMeans

    found, counts = np.unique(codes, axis=0, return_counts=True)
    vectors = points[found].reshape(len(found), -1)
    if len(found) <= words:
        repeated: NDArray[np.float64] = vectors[np.minimum(np.arange(words), len(found) - 1)]
        return repeated
    with single_thread():
        model = KMeans(words, n_init=3, random_state=seed % 2**32).fit(vectors, sample_weight=counts)
    centres: NDArray[np.float64] = model.cluster_centers_
    return centres


def word_histograms(
    codes: NDArray[np.uint8],
    codebooks: Mapping[str, NDArray[np.float64]],
    *,
    shape: tuple[int, int],
    grid: Grid = (8, 8),
) -> NDArray[np.float64]:
    """Return how often each word is the nearest, by component, block and plane.

    Parameters
    ----------
    codes
        (3, 8, T', H', W') as from :func:`dstan.descriptors.stclqp.stclqp_codes`.
    codebooks
        As from :func:`learn_codebooks`.
    shape
        H and W of the frames that the codes were made from.
    grid
        Rows and columns of blocks, which divide the frames.

    Returns
    -------
    (3 rows columns 3 K,): components sign, magnitude, orientation; in each, blocks row by row; in each, planes XY, XT,
    YT; in each, words. Shares that sum to 1 on each plane of a block; all 0 in a block without a centre.

    Raises
    ------
    ShapeError
        If a block would be empty.
    """
    rows, columns = (
        block_of(whole, parts)[(whole - inner) // 2 :][:inner]
        for whole, parts, inner in zip(shape, grid, codes.shape[-2:], strict=True)
    )
    found = [
        [
            block_histograms(nearest_words(codes[plane, part], words, POINTS[name]), rows, columns, grid, len(words))
            for plane, words in enumerate(codebooks[name])
        ]
        for name, part in COMPONENTS.items()
    ]
    histograms: NDArray[np.float64] = np.array(found)
    return histograms.transpose(0, 2, 3, 1, 4).ravel()


def nearest_words(
    codes: NDArray[np.uint8], words: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.unsignedinteger[Any]]:
    """Return (T', H', W') the nearest word of each centre, the first of several as near.

    Parameters
    ----------
    codes
        (B, T', H', W') bytes of one component on one plane.
    words
        (K, 8 B) a codebook.
    points
        (256, 8) the numbers that a byte stands for.
    """
    if not len(words):
        raise ShapeError("a codebook holds no words", hint="The model is damaged: train again")
    parts = words.reshape(len(words), len(codes), 8)
    closeness = points @ parts.transpose(1, 2, 0) - (parts**2).sum(axis=-1).T[:, None] / 2
    found = np.empty(codes[0].size, dtype=np.min_scalar_type(len(words) - 1))
    _nearest(np.ascontiguousarray(codes).reshape(len(codes), -1), closeness, found)
    return found.reshape(codes.shape[1:])


@compiled
def _nearest(codes: NDArray[np.uint8], closeness: NDArray[np.float64], found: NDArray[np.unsignedinteger[Any]]) -> None:
    """Write the word whose sum over bytes is greatest."""
    words = closeness.shape[2]
    total = np.empty(words)
    for i in range(len(found)):
        total[:] = 0
        for b in range(len(codes)):
            terms = closeness[b, codes[b, i]]
            for k in range(words):
                total[k] += terms[k]
        best, most = 0, total[0]
        for k in range(1, words):
            if total[k] > most:
                best, most = k, total[k]
        found[i] = best
