"""The graph of a clip: ranges and symmetry, ties, a slow reference, and input that does not do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.descriptors.clip_graph import (
    GRAPHS,
    PENALTY,
    clip_laplacian,
    nearest,
    self_representation,
    sparse_distances,
)
from dstan.errors import ShapeError

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, times: int = 9, size: int = 12) -> np.ndarray:
    """Return samples that resemble each other, as the fields of a clip do."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(size) + rng.standard_normal((times, size)).cumsum(axis=0) * 0.3


def represented(sample: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Minimise |c - B g|^2 / 2 + mu sum(g), g >= 0, one weight after the other, in plain loops."""
    penalty = PENALTY * max(abs(float(other @ sample)) for other in others)
    weights = [0.0] * len(others)
    for _ in range(4000):
        for k, other in enumerate(others):
            rest = sample - sum(weights[m] * others[m] for m in range(len(others)) if m != k)
            weights[k] = max(0.0, (float(other @ rest) - penalty) / float(other @ other))
    return np.array(weights)


def connected(laplacian: np.ndarray) -> bool:
    """Tell whether every sample is reached from the first."""
    reached = np.linalg.matrix_power(np.eye(len(laplacian)) + (laplacian < 0), len(laplacian))
    return bool((reached[0] > 0).all())


@given(SEEDS, st.integers(1, 10))
@settings(deadline=None, max_examples=25)
def test_distances_are_a_metric_from_a_half_to_one(seed: int, times: int) -> None:
    distances = sparse_distances(drawn(seed, times))
    apart = distances[~np.eye(times, dtype=bool)]
    assert ((apart >= 0.5) & (apart <= 1)).all()
    np.testing.assert_array_equal(distances, distances.T)
    np.testing.assert_array_equal(np.diag(distances), 0)
    assert (distances[:, :, None] <= distances[:, None, :] + distances.T[None, :, :] + 1e-12).all()


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_weights_of_self_representation_are_shares_of_one(seed: int) -> None:
    weights = self_representation(drawn(seed))
    assert ((weights >= 0) & (weights <= 1)).all()
    assert np.linalg.norm(weights) == pytest.approx(1)
    np.testing.assert_array_equal(np.diag(weights), 0)


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_those_of_plain_coordinate_descent(seed: int) -> None:
    samples = drawn(seed, times=5)
    expected = np.zeros((5, 5))
    for j in range(5):
        others = [k for k in range(5) if k != j]
        expected[j, others] = represented(samples[j], samples[others])
    np.testing.assert_allclose(self_representation(samples), expected / np.linalg.norm(expected), atol=2e-3)


def test_a_sample_and_its_double_represent_each_other() -> None:
    """Of c = 2 b: g = (2 - mu) with mu = .02 |b|^2 / |b|^2; of b = c / 2: (2 - .02) / 4."""
    weights = self_representation(np.array([[2.0, 0, 0], [4, 0, 0], [0, 0, 1]]))
    expected = np.array([[0, (8 - 0.08) / 16, 0], [(8 - 0.08) / 4, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(weights, expected / np.linalg.norm(expected), atol=1e-6)


def test_samples_that_point_away_from_each_other_represent_none() -> None:
    np.testing.assert_array_equal(self_representation(np.array([[1.0, 0], [-1, 0], [0, 0]])), 0)


@pytest.mark.parametrize("graph", ["sparse", "euclidean"])
def test_a_clip_of_equal_samples_has_a_connected_graph(graph: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        laplacian = clip_laplacian(np.tile(np.arange(6.0), (12, 1)), graph=graph)
    assert np.isfinite(laplacian).all()
    assert connected(laplacian)


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_clip_without_motion_has_finite_weights(graph: str) -> None:
    assert np.isfinite(clip_laplacian(np.zeros((7, 72)), graph=graph)).all()


def test_of_samples_equally_near_those_closest_in_time_are_taken_and_then_the_earlier() -> None:
    edges = nearest(1 - np.eye(7), 3)
    one_way = np.array(
        [
            [0, 1, 1, 1, 0, 0, 0],
            [1, 0, 1, 1, 0, 0, 0],
            [1, 1, 0, 1, 0, 0, 0],
            [0, 1, 1, 0, 1, 0, 0],
            [0, 0, 1, 1, 0, 1, 0],
            [0, 0, 0, 1, 1, 0, 1],
            [0, 0, 0, 1, 1, 1, 0],
        ]
    )
    np.testing.assert_array_equal(edges, np.maximum(one_way, one_way.T))


def test_nearest_samples_are_joined_both_ways() -> None:
    distances = np.abs(np.subtract.outer([0.0, 1, 3, 7], [0.0, 1, 3, 7]))
    np.testing.assert_array_equal(nearest(distances, 1), [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]])


def test_euclidean_neighbours_are_the_nearest_samples() -> None:
    """1 and 1.5 are nearest to each other, and 0 and 4 to one of the two: a chain by value, not by time."""
    laplacian = clip_laplacian(np.array([[0.0], [4], [1], [1.5]]), graph="euclidean", neighbours=1)
    np.testing.assert_array_equal(laplacian, [[1, 0, -1, 0], [0, 1, 0, -1], [-1, 0, 2, -1], [0, -1, -1, 2]])


@given(SEEDS, st.sampled_from(GRAPHS), st.integers(1, 10), st.integers(1, 7))
@settings(deadline=None, max_examples=25)
def test_a_laplacian_is_symmetric_with_rows_that_sum_to_zero(seed: int, graph: str, times: int, k: int) -> None:
    laplacian = clip_laplacian(drawn(seed, times), graph=graph, neighbours=k)
    np.testing.assert_array_equal(laplacian, laplacian.T)
    np.testing.assert_array_equal(laplacian.sum(axis=1), 0)
    least = 0 if graph == "none" else min(k, times - 1)
    assert (np.diag(laplacian) >= least).all()


@given(SEEDS, st.sampled_from(["sparse", "euclidean"]), st.sampled_from([0.25, 2.0, 64.0]))
@settings(deadline=None, max_examples=25)
def test_multiplying_all_samples_changes_no_edge(seed: int, graph: str, factor: float) -> None:
    samples = drawn(seed)
    np.testing.assert_array_equal(clip_laplacian(samples * factor, graph=graph), clip_laplacian(samples, graph=graph))


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_the_order_of_fields_does_not_matter_where_no_distances_are_equal(seed: int) -> None:
    samples = np.random.default_rng(seed).standard_normal((9, 12))
    order = np.random.default_rng(seed + 1).permutation(9)
    straight = clip_laplacian(samples, graph="euclidean", neighbours=3)
    np.testing.assert_array_equal(
        clip_laplacian(samples[order], graph="euclidean", neighbours=3), straight[np.ix_(order, order)]
    )


def test_a_graph_that_there_is_not_is_named() -> None:
    with pytest.raises(ShapeError, match=r"there is no graph 'knn' of 5 neighbours.*sparse"):
        clip_laplacian(np.ones((3, 4)), graph="knn")


def test_fewer_than_one_neighbour_is_refused() -> None:
    with pytest.raises(ShapeError, match="from 1 neighbour up"):
        clip_laplacian(np.ones((3, 4)), neighbours=0)


@pytest.mark.parametrize("samples", [np.ones(4), np.full((3, 4), np.nan), np.zeros((0, 4))])
def test_samples_that_are_no_samples_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="the samples of a clip"):
        clip_laplacian(samples)
