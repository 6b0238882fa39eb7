"""The plainest correct way to compute each descriptor: scikit-image slice by slice, or NumPy in loops.

They are written from the same definitions and share no code with :mod:`dstan.descriptors` but where a face's regions
lie and how its head moves, which are small.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise, product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan.errors import MissingDependencyError

Array: TypeAlias = NDArray[Any]

POINTS = 8
RING = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
"""(y, x) of eight neighbours, counter-clockwise from the right."""


def local_binary_pattern() -> Callable[..., Array]:
    """Return scikit-image's function.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        from skimage.feature import local_binary_pattern as found
    except ImportError as error:
        raise MissingDependencyError(
            "this bench compares with scikit-image, which cannot be imported", hint="pip install scikit-image"
        ) from error
    pattern: Callable[..., Array] = found
    return pattern


def lbp_top(frames: Array) -> Array:
    """Compute LBP-TOP with four neighbours, all radii 1, and 5 x 5 blocks: each slice of each plane by itself."""
    pattern = local_binary_pattern()
    xy = np.stack([pattern(frame, 4, 1) for frame in frames])
    xt = np.stack([pattern(frames[::-1, y], 4, 1)[::-1] for y in range(frames.shape[1])], axis=1)
    yt = np.stack([pattern(frames[:, :, x].T, 4, 1).T for x in range(frames.shape[2])], axis=2)
    return _by_blocks((xy, xt, yt), (16, 16, 16), (5, 5))


def lbp_sip(frames: Array) -> Array:
    """Compute LBP-SIP with all radii 1 and 5 x 5 blocks: frame by frame, and in time column by column."""
    pattern = local_binary_pattern()
    spatial = np.stack([pattern(frame, 4, 1) for frame in frames])
    temporal = np.stack([pattern(frames[:, :, x].T, 2, 1).T for x in range(frames.shape[2])], axis=2)
    return _by_blocks((spatial, temporal), (16, 4), (5, 5))


def stlbp_ip(frames: Array) -> Array:
    """Compute STLBP-IP with 8 x 9 blocks and radius 2: projection by projection, position by position."""
    pattern = local_binary_pattern()
    differences = frames[1:].astype(np.float64) - frames[0]
    found = []
    for block in _blocks(differences, (8, 9)):
        h, v = block.mean(axis=2), block.mean(axis=1)
        found += [_lines(h), _lines(v)]
        for image in (v[::-1], h.T):  # later is up on XT, to the right on YT
            with warnings.catch_warnings(action="ignore"):  # of numbers that are not whole
                codes = pattern(image, POINTS, 2)[2:-2, 2:-2]
            found.append(_shares(_uniform()[codes.astype(int)], 59))
    return np.concatenate(found)


def _lines(projections: Array) -> Array:
    """Return the histogram of 1-D patterns of (n, length) projections."""
    bins = []
    for line in projections:
        for at in range(4, len(line) - 4):
            others = np.concatenate([line[at - 4 : at], line[at + 1 : at + 5]])
            bins.append(_uniform()[int("".join("1" if other >= line[at] else "0" for other in others), 2)])
    return _shares(np.array(bins), 59)


def lcbp(frames: Array) -> Array:
    """Compute LCBP, as it is re-interpreted here, with 8 x 8 blocks: neighbour by neighbour, whole frames at once.

    scikit-image has no pattern of the eight nearest pixels, so this is NumPy.
    """
    volume = frames.astype(np.float64)
    before, now, after = volume[:-2], volume[1:-1], volume[2:]
    change, mean = abs(after - now) + abs(now - before), (before + now + after) / 3
    costs = [abs(_moved(before, -y, -x) - now) + abs(_moved(after, y, x) - now) for y, x in RING]
    limit = np.mean(costs, axis=0)
    bits = (
        [cost <= limit for cost in costs],
        [_moved(change, y, x) >= change for y, x in RING],
        [_moved(mean, y, x) >= mean - 1e-9 for y, x in RING],
    )
    codes = [_uniform()[sum(bit.astype(int) << p for p, bit in enumerate(own))] for own in bits]
    padded = [np.concatenate([one[:1], one, one[:1]]) for one in codes]  # as many as there are frames
    return _by_blocks(tuple(padded), (59, 59, 59), (8, 8))


def _moved(values: Array, y: int, x: int) -> Array:
    """Return at each pixel the value of the pixel that lies (y, x) from it; at the border another's."""
    return np.roll(values, (-y, -x), axis=(1, 2))


def mdmo(flow: Array, landmarks: Array) -> Array:
    """Compute MDMO: field by field, region by region."""
    from dstan.descriptors.mdmo import STILL, head_motion
    from dstan.descriptors.regions import face_points, region_masks

    points = face_points(landmarks)
    masks = region_masks(points, (flow.shape[2], flow.shape[3]))
    y, x = np.mgrid[: flow.shape[2], : flow.shape[3]].astype(np.float64)
    means = np.zeros((len(flow), len(masks), 2))
    for t, field in enumerate(flow):
        motion = head_motion(field, points)
        u, v = field.astype(np.float64)
        lifted = np.stack([x + u, y + v, np.ones_like(x)], axis=-1)
        aligned = np.stack([u, v], axis=-1) + lifted @ motion
        for region, mask in enumerate(masks):
            vectors = aligned[mask]
            bins = np.floor((np.arctan2(vectors[:, 1], vectors[:, 0]) + np.pi / 8) / (np.pi / 4)).astype(int) % 8
            if len(bins):
                means[t, region] = vectors[bins == np.bincount(bins).argmax()].mean(axis=0)
    means[np.hypot(means[..., 0], means[..., 1]) < STILL] = 0
    u, v = means.mean(axis=0).T
    lengths = np.hypot(u, v)
    return np.concatenate([lengths / (lengths.max() or 1), np.arctan2(v, u)])


def fdm(flow: Array) -> Array:
    """Compute FDM with 8 x 8 blocks of 10 fields: votes by a histogram, directions by trying 360."""
    fields = np.stack([field - _still(field)[:, None, None] for field in flow.astype(np.float64)])
    angles = np.arange(360) * np.pi / 180
    rays = np.stack([np.cos(angles), np.sin(angles)])
    batches = [fields[first : first + 10] for first in range(0, len(fields) - 9, 10)]
    blocks = [list(_blocks(batch[:, part], (8, 8))) for batch in batches for part in (0, 1)]
    found = []
    for place in range(64):
        for u, v in zip(blocks[::2], blocks[1::2], strict=True):
            vectors = np.stack([u[place].ravel(), v[place].ravel()], axis=1)
            found.append(_principal(vectors, rays) if np.hypot(*vectors.T).mean() >= 1e-3 else np.zeros(2))
    return np.concatenate(found)


def _still(field: Array) -> Array:
    """Return the shift that most pixels share."""
    u, v = field.reshape(2, -1)
    edges: Any = (np.arange(-60, 62) - 0.5) * 0.05
    votes = np.pad(np.histogram2d(v, u, bins=[edges, edges])[0], 1)
    smooth = votes[:-2] + 2 * votes[1:-1] + votes[2:]
    smooth = smooth[:, :-2] + 2 * smooth[:, 1:-1] + smooth[:, 2:]
    row, column = np.unravel_index(smooth.argmax(), smooth.shape)
    at = np.array([column - 60, row - 60]) * 0.05
    near = (abs(u - at[0]) <= 0.1) & (abs(v - at[1]) <= 0.1)
    return np.array([np.median(u[near]), np.median(v[near])]) if votes.any() else np.zeros(2)


def _principal(vectors: Array, rays: Array) -> Array:
    """Return the best of some directions, turned to the sum of the vectors on its side until that stays."""
    best = rays[:, np.maximum(vectors @ rays, 0).sum(axis=0).argmax()]
    while True:
        total = vectors[vectors @ best > 0].sum(axis=0)
        turned: Array = total / np.hypot(*total)
        if np.allclose(turned, best, rtol=0, atol=1e-12):
            return turned
        best = turned


def bi_woof(field: Array) -> Array:
    """Compute Bi-WOOF with 5 x 5 blocks: block by block."""
    u, v = np.moveaxis(field.astype(np.float64), -1, 0)
    (u_y, u_x), (v_y, v_x) = np.gradient(u), np.gradient(v)
    strain = np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2)
    parts = (np.hypot(u, v), np.arctan2(v, u) * (180 / np.pi), strain)
    found = []
    for (size,), (angle,), (stretch,) in zip(*(_blocks(part[None], (5, 5)) for part in parts), strict=True):
        histogram = np.histogram(angle, bins=np.arange(-180, 181, 45), weights=size)[0]
        found.append(histogram / (histogram.sum() or 1) * stretch.sum())
    whole = np.concatenate(found)
    scaled: Array = whole / (np.linalg.norm(whole) or 1)
    return scaled


def _by_blocks(planes: tuple[Array, ...], bins: tuple[int, ...], grid: tuple[int, int]) -> Array:
    """Return the shares of each code in each block, without those at the border of the clip."""
    inner = []
    for codes in planes:
        known = np.full(codes.shape, -1)
        known[1:-1, 1:-1, 1:-1] = codes[1:-1, 1:-1, 1:-1]
        inner.append(_blocks(known, grid))
    return np.concatenate(
        [_shares(part[part >= 0], n) for block in zip(*inner, strict=True) for part, n in zip(block, bins, strict=True)]
    )


def _blocks(values: Array, grid: tuple[int, int]) -> Iterator[Array]:
    """Yield the blocks of (n, H, W) values, row by row."""
    rows, columns = (
        [place * length // parts for place in range(parts + 1)]
        for length, parts in zip(values.shape[1:], grid, strict=True)
    )
    for (top, bottom), (left, right) in product(pairwise(rows), pairwise(columns)):
        yield values[:, top:bottom, left:right]


def _shares(bins: Array, n: int) -> Array:
    counts = np.bincount(bins.ravel(), minlength=n)
    shares: Array = counts / max(counts.sum(), 1)
    return shares


@cache
def _uniform() -> Array:
    """Return the bin of each code of eight bits: one each where there are two changes or fewer around the circle."""
    words = [f"{code:08b}" for code in range(256)]
    changes = [sum(one != other for one, other in pairwise(word + word[0])) for word in words]
    places = iter(range(58))
    return np.array([next(places) if change <= 2 else 58 for change in changes])
