"""SLPP: its eigenproblem, its effect, its limits, and clips that are all alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from dstan.descriptors.slpp import fit_slpp

SEEDS = st.integers(0, 2**32 - 1)


def histograms(seed: int, n: int = 40, size: int = 90, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return shares, in which each class prefers a few bins, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    counts = rng.poisson(3 + 2 * rng.random((classes, size))[labels])
    return counts / counts.sum(axis=1, keepdims=True), labels


def scatter_ratio(values: np.ndarray, labels: np.ndarray) -> float:
    """Return the scatter within classes over the total."""
    within = sum(((own - own.mean(axis=0)) ** 2).sum() for own in (values[labels == c] for c in set(labels)))
    return float(within / ((values - values.mean(axis=0)) ** 2).sum())


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.integers(1, 10))
def test_classes_are_tighter_after_the_projection(seed: int, dimensions: int) -> None:
    features, labels = histograms(seed)
    projected = (features - features.mean(axis=0)) @ fit_slpp(features, labels, dimensions)
    assert scatter_ratio(projected, labels) <= scatter_ratio(features, labels)


def test_directions_solve_the_eigenproblem_with_the_least_values() -> None:
    features, labels = histograms(0)
    centred = features - features.mean(axis=0)
    kept = PCA(n_components=0.98, svd_solver="full").fit(features).components_
    reduced = centred @ kept.T
    n = len(labels)
    squares = np.array([[((a - b) ** 2).sum() for b in reduced] for a in reduced])
    mean = squares.sum() / (n * (n - 1))
    graph = np.array(
        [[np.exp(-squares[i, j] / mean) if labels[i] == labels[j] else 0.0 for j in range(n)] for i in range(n)]
    )
    degrees = np.diag(graph.sum(axis=1))
    left, right = reduced.T @ (degrees - graph) @ reduced, reduced.T @ degrees @ reduced
    values = np.sort(np.linalg.eigvals(np.linalg.solve(right, left)).real)
    projection = fit_slpp(features, labels, 6)
    directions = kept @ projection
    np.testing.assert_allclose(kept.T @ directions, projection, atol=1e-8 * abs(projection).max())
    found = np.diag(directions.T @ left @ directions) / np.diag(directions.T @ right @ directions)
    np.testing.assert_allclose(found, values[:6], atol=1e-9)
    np.testing.assert_allclose(left @ directions, right @ directions * found, atol=1e-8 * abs(right @ directions).max())
    np.testing.assert_allclose(directions.T @ right @ directions / degrees.sum(), np.eye(6), atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([1e-3, 0.5, 40.0]), st.floats(-3, 3))
def test_size_and_offset_of_features_do_not_matter(seed: int, factor: float, offset: float) -> None:
    features, labels = histograms(seed)
    other = factor * features + offset
    one, two = ((x - x.mean(axis=0)) @ fit_slpp(x, labels, 5) for x in (features, other))
    np.testing.assert_allclose(one @ one.T, two @ two.T, atol=1e-5)


@pytest.mark.parametrize(
    ("n", "classes", "asked", "kept"), [(40, 4, 80, 35), (40, 4, 3, 3), (6, 4, 9, 1), (5, 5, 9, 1)]
)
def test_there_are_no_more_dimensions_than_training_clips_allow(n: int, classes: int, asked: int, kept: int) -> None:
    features, labels = histograms(1, n, classes=classes)
    assert fit_slpp(features, labels, asked, energy=1.0).shape == (90, kept)


def test_there_are_no_more_dimensions_than_principal_components() -> None:
    features, labels = histograms(2)
    for energy in (0.3, 0.6, 0.9):
        components = PCA(n_components=energy, svd_solver="full").fit(features).n_components_
        assert fit_slpp(features, labels, 80, energy=energy).shape == (90, components)


def test_features_of_low_rank_are_no_trouble() -> None:
    features, labels = histograms(3, size=3)
    assert fit_slpp(features, labels, 10, energy=1.0).shape == (3, 2)


def test_clips_that_are_all_alike_are_projected_to_zero() -> None:
    assert not fit_slpp(np.full((8, 5), 0.2), np.arange(8) % 2, 4).any()
