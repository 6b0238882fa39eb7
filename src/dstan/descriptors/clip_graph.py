"""Graphs among the fields of one clip: which of them are neighbours, by sparse self-representation or by distance.

References
----------
.. [1] Y.-J. Liu, B.-J. Li and Y.-K. Lai, "Sparse MDMO: learning a discriminative feature for spontaneous
   micro-expression recognition", IEEE Transactions on Affective Computing 12(1), 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import check_array
from dstan.errors import ShapeError

GRAPHS = ("sparse", "euclidean", "none")
PENALTY = 0.01
"""What a weight of self-representation costs, as a share of the largest scalar product between two samples."""
_PRECISION, _SWEEPS = 1e-6, 100_000


def clip_laplacian(samples: NDArray[Any], *, graph: str = "sparse", neighbours: int = 5) -> NDArray[np.float64]:
    """Return the Laplacian of a clip's graph of neighbours (equations 7 and 15 of [1]_).

    Two samples are joined by an edge of weight 1 if either is among the nearest of the other; of samples equally near,
    those closer in time come first, then the earlier. Multiplying all samples by a number changes nothing.

    Parameters
    ----------
    samples
        (T, p), one row a field of flow.
    graph
        ``sparse``: near by :func:`sparse_distances`, as Sparse MDMO; ``euclidean``: near by Euclidean distance, as
        GraphSC; ``none``: no edges, as BasicSC.
    neighbours
        k, the nearest of each that are taken, or all others where there are fewer.

    Returns
    -------
    (T, T) degrees on the diagonal, less the edges.

    Raises
    ------
    ShapeError
        If the samples are no such array, ``graph`` is none of the three, or ``neighbours`` is below 1.
    """
    check_array("the samples of a clip", samples, ndim=2)
    if graph not in GRAPHS or neighbours < 1:
        raise ShapeError(
            f"there is no graph {graph!r} of {neighbours} neighbours", hint=f"Use one of {GRAPHS}, from 1 neighbour up"
        )
    values = samples.astype(np.float64)
    if graph == "none":
        return np.zeros((len(values), len(values)))
    edges = nearest(sparse_distances(values) if graph == "sparse" else _euclidean(values), neighbours)
    return np.diag(edges.sum(axis=1)) - edges


def sparse_distances(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (T, T) distances 1 / (1 + s), s being how much two samples represent each other (equation 13 of [1]_).

    Parameters
    ----------
    samples
        (T, p), one row a sample.

    Returns
    -------
    From .5 to 1, symmetric, 0 on the diagonal.
    """
    weights = self_representation(samples)
    distances: NDArray[np.float64] = 1 / (1 + (weights + weights.T) / 2)
    np.fill_diagonal(distances, 0)
    return distances


def self_representation(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Represent each sample by few of the others, none with a negative weight (equation 12 of [1]_).

    The paper wants a sample to be a sum of others exactly, which 72 equations with as many unknowns as there are
    other fields do not allow. Here ``g >= 0`` minimises ``|c - B g|^2 / 2 + mu sum(g)``, where ``mu`` is
    :data:`PENALTY` times the largest absolute product of ``c`` with another sample.

    Parameters
    ----------
    samples
        (T, p), one row a sample.

    Returns
    -------
    (T, T), the weights of sample j in row j, 0 at j itself, all divided by their root sum of squares: from 0 to 1.
    All 0 where no sample resembles another.
    """
    weights = np.zeros((len(samples), len(samples)))
    for j, sample in enumerate(samples):
        others = np.delete(np.arange(len(samples)), j)
        weights[j, others] = _represent(sample, samples[others])
    size = np.linalg.norm(weights)
    return weights / size if size > 0 else weights


def _represent(sample: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the others; scikit-learn divides the squares by twice the length of the sample."""
    from sklearn.linear_model import Lasso

    products = others @ sample
    if not len(others) or products.max() <= 0:
        return np.zeros(len(others))
    penalty = PENALTY * np.abs(products).max() / len(sample)
    lasso = Lasso(alpha=penalty, fit_intercept=False, positive=True, tol=_PRECISION, max_iter=_SWEEPS)
    return np.asarray(lasso.fit(others.T, sample).coef_)


def _euclidean(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(samples[:, None] - samples, axis=-1))


def nearest(distances: NDArray[np.float64], neighbours: int) -> NDArray[np.float64]:
    """Return (T, T) the edges, 1 or 0, from each sample to its nearest and from those back.

    Parameters
    ----------
    distances
        (T, T) between samples in the order of time.
    neighbours
        How many nearest of each.
    """
    n = len(distances)
    edges = np.zeros((n, n))
    times = np.arange(n)
    for j in range(n):
        order = np.lexsort((times, np.abs(times - j), distances[j]))
        edges[j, order[order != j][:neighbours]] = 1
    return np.maximum(edges, edges.T)
