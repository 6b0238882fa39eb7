"""Supervised locality preserving projection: few numbers in which clips of one class lie close together.

X. He, P. Niyogi, "Locality preserving projections", NIPS 16, 2003, with the graph that STCLQP's comparison names: only
clips of the same class are neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ENERGY = 0.98
"""The share of variance that the principal components keep."""


def fit_slpp(
    features: NDArray[np.float64], labels: NDArray[np.int64], dimensions: int, *, energy: float = ENERGY
) -> NDArray[np.float64]:
    """Return the projection on the directions in which classes are tightest.

    Principal components that keep a share of the variance come first. With W_ij = exp(-|x_i - x_j|^2 / t) between clips
    of one class and 0 otherwise, t the mean squared distance of two clips, D the diagonal of its sums and L = D - W,
    X L X^T a = lambda X D X^T a is solved, and the directions of the least lambda are kept. Each is scaled so that the
    mean square on these clips, weighted by D, is 1: an SVM's C then means the same whatever the features' size.

    Parameters
    ----------
    features
        (n, D) one row a clip.
    labels
        (n,) classes as integers.
    dimensions
        How many to keep, at most. There are never more than the principal components, nor than n - 1 - the number of
        classes, and always one at least.
    energy
        The share of variance that the principal components keep.

    Returns
    -------
    (D, d), to be applied to features less the mean of these; zeros where all clips are alike.
    """
    from scipy.linalg import eigh

    centred = features - features.mean(axis=0)
    basis, coordinates = _principal(centred @ centred.T, energy)
    if not coordinates.size:
        return np.zeros((features.shape[1], 1))
    most = max(1, min(dimensions, len(features) - 1 - len(np.unique(labels)), coordinates.shape[1]))
    graph = _graph(coordinates, labels)
    degrees = graph.sum(axis=1)
    spread = coordinates.T @ (degrees[:, None] * coordinates)
    directions = eigh(spread - coordinates.T @ graph @ coordinates, spread, subset_by_index=(0, most - 1))[1]
    projection: NDArray[np.float64] = centred.T @ (basis @ directions) * np.sqrt(degrees.sum())
    return projection


def _principal(products: NDArray[np.float64], energy: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (n, r) two matrices from the (n, n) inner products of centred rows.

    Rows^T times the first is the basis of principal components; the second are the rows' coordinates in it.
    """
    from scipy.linalg import eigh

    values, vectors = eigh(products)
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int((values > 1e-10 * max(values[0], 1e-10)).sum())
    kept = min(rank, int(np.searchsorted(np.cumsum(values[:rank]), energy * values[:rank].sum()) + 1))
    roots = np.sqrt(values[:kept])
    return vectors[:, :kept] / roots, vectors[:, :kept] * roots


def _graph(coordinates: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n, n) weights between clips of one class."""
    squares = (coordinates**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * coordinates @ coordinates.T, 0)
    mean = distances[~np.eye(len(distances), dtype=bool)].mean()
    weights: NDArray[np.float64] = np.exp(-distances / mean) * (labels[:, None] == labels)
    return weights
