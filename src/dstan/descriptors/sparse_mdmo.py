"""Sparse MDMO: the main directional motions of every field of a clip, sparse coded along the clip's own graph.

Three parts: :func:`sparse_mdmo` describes a clip and fits nothing; :func:`~dstan.descriptors.sparse_coding.code` codes
it by a dictionary that :func:`~dstan.descriptors.sparse_coding.learn_dictionary` learned from other clips; :func:`pool`
and :func:`mix` make one feature of the codes of all fields.

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
from dstan.descriptors.clip_graph import clip_laplacian
from dstan.descriptors.mdmo import mdmo_atoms
from dstan.descriptors.regions import REGIONS
from dstan.errors import ShapeError

SAMPLE = 2 * len(REGIONS)
"""Values of a sample, which is one field of flow."""
ATOMS = ("polar_raw", "cartesian")


def sparse_mdmo(
    flow: NDArray[Any],
    landmarks: NDArray[Any],
    *,
    align: bool = True,
    atoms: str = "polar_raw",
    graph: str = "sparse",
    neighbours: int = 5,
) -> NDArray[np.float64]:
    """Describe a clip by one sample for each field of flow, and by the graph among them (section 3 of [1]_).

    Parameters
    ----------
    flow
        (T, 2, H, W) displacement (u, v) in pixels from the first frame to each later one, x to the right, y down.
    landmarks
        (468, 2) points of the face mesh in the first frame, or (68, 2) of the iBUG scheme, in pixels.
    align
        Whether the motion of the head is taken out of each field first.
    atoms
        What a sample holds of each region's mean vector in turn: ``polar_raw``, its length in pixels and its angle in
        (-pi, pi], as the paper; ``cartesian``, u and v.
    graph
        Which samples are neighbours; see :func:`~dstan.descriptors.clip_graph.clip_laplacian`.
    neighbours
        The nearest of each sample that are taken.

    Returns
    -------
    (T, 72 + T): samples, then the graph's Laplacian; see :func:`split`.

    Raises
    ------
    ShapeError
        If the flow, the landmarks or the options do not do.
    """
    vectors = mdmo_atoms(flow, landmarks, align=align)
    samples = samples_of(vectors, atoms)
    return np.hstack([samples, clip_laplacian(samples, graph=graph, neighbours=neighbours)])


def samples_of(vectors: NDArray[np.float64], atoms: str) -> NDArray[np.float64]:
    """Return (T, 2 R) samples of (T, R, 2) vectors (u, v), the two values of a region beside each other.

    Parameters
    ----------
    vectors
        From :func:`~dstan.descriptors.mdmo.mdmo_atoms`.
    atoms
        ``polar_raw`` or ``cartesian``.

    Raises
    ------
    ShapeError
        If ``atoms`` is neither.
    """
    if atoms not in ATOMS:
        raise ShapeError(f"atoms are polar_raw or cartesian, not {atoms!r}")
    u, v = vectors[..., 0], vectors[..., 1]
    pairs = vectors if atoms == "cartesian" else np.stack([np.hypot(u, v), np.arctan2(v, u)], axis=-1)
    return pairs.reshape(len(vectors), -1)


def split(described: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the samples (..., T, 72) and the Laplacian (..., T, T) of a description, or of a stack of them.

    Parameters
    ----------
    described
        (..., T, 72 + T) from :func:`sparse_mdmo`.
    """
    return described[..., :SAMPLE], described[..., SAMPLE:]


def pool(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return (2 K,): of each atom's absolute codes over time the largest, then of each the mean.

    Parameters
    ----------
    codes
        (T, K), one row a field.

    Raises
    ------
    ShapeError
        If they are no such array.
    """
    sizes = np.abs(check_array("the codes", codes, ndim=2)).astype(np.float64)
    return np.concatenate([sizes.max(axis=0), sizes.mean(axis=0)])


def mix(pooled: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return (..., K): ``share`` of the largest and 1 - ``share`` of the mean (equation 16 of [1]_).

    Parameters
    ----------
    pooled
        (..., 2 K) from :func:`pool`.
    share
        v, from 0 for means to 1 for the largest.
    """
    largest, mean = np.split(pooled, 2, axis=-1)
    mixed: NDArray[np.float64] = share * largest + (1 - share) * mean
    return mixed
