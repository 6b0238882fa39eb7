"""Sparse MDMO: samples, codes, dictionary and pooling, each with a slow reference or a library beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.clips import PreparedClip
from dstan.config import ConfigError
from dstan.descriptors.clip_graph import clip_laplacian
from dstan.descriptors.mdmo import mdmo_atoms
from dstan.descriptors.sparse_coding import code, learn_dictionary, objective
from dstan.descriptors.sparse_mdmo import mix, pool, samples_of, sparse_mdmo, split
from dstan.errors import FaceError, ShapeError
from dstan.recognizers.sparse_mdmo import COMMON, PAPER, SparseMDMO, SparseMDMOOptions
from dstan.synthesis.mesh import mesh_points

SEEDS = st.integers(0, 2**32 - 1)
EXACT = {"steps": 20_000, "change": 1e-12}


def drawn(seed: int, clips: int = 6, times: int = 7, size: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, T, p) samples that change slowly within a clip, and (n, T, T) their Laplacians."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((clips, 1, size)) + rng.standard_normal((clips, times, size)).cumsum(axis=1) * 0.3
    return samples, np.array([clip_laplacian(clip) for clip in samples])


def atoms_of(seed: int, size: int = 10, count: int = 16) -> np.ndarray:
    """Return a random dictionary (p, K)."""
    atoms = np.random.default_rng(seed).standard_normal((size, count))
    return atoms / np.linalg.norm(atoms, axis=0)


def face() -> np.ndarray:
    """Return the average drawn face as a crop of 85 x 70 shows it, (468, 2)."""
    return mesh_points().astype(np.float64) * 29.15 + (34.5, 27.5)


def moving(seed: int, fields: int = 6) -> np.ndarray:
    """Return (T, 2, 85, 70) flow that grows: waves of about a pixel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:85, :70]
    waves = [np.sin(rng.uniform(-0.2, 0.2) * x + rng.uniform(-0.2, 0.2) * y + rng.uniform(0, 6)) for _ in range(4)]
    pace = np.linspace(0.2, 1, fields)[:, None, None, None]
    return (pace * waves[:2] + 0.3 * pace**2 * waves[2:]).astype(np.float32)


def prepared(seed: int, label: str = "a", subject: str = "1", fields: int = 6) -> PreparedClip:
    return PreparedClip.from_arrays(flow=moving(seed, fields), landmarks=face(), label=label, subject=subject)


def slowly_coded(
    samples: np.ndarray, laplacian: np.ndarray, dictionary: np.ndarray, weight: float, sparsity: float
) -> np.ndarray:
    """Minimise the objective over one code after the other, each exactly, in plain loops."""
    times, count = len(samples), dictionary.shape[1]
    codes = np.zeros((times, count))
    for _ in range(600):
        for t in range(times):
            for k in range(count):
                codes[t, k] = 0.0
                pull = float(dictionary[:, k] @ (samples[t] - dictionary @ codes[t]))
                pull -= weight * float(laplacian[t] @ codes[:, k])
                curve = float(dictionary[:, k] @ dictionary[:, k]) + weight * laplacian[t, t]
                codes[t, k] = np.sign(pull) * max(abs(pull) - sparsity / 2, 0.0) / curve
    return codes


# --- Samples


def test_a_sample_holds_length_and_angle_of_each_region_beside_each_other() -> None:
    vectors = np.array([[[3.0, 4], [0, 0]], [[-1, 0], [0, -2]]])
    expected = [[5, np.arctan2(4, 3), 0, 0], [1, np.pi, 2, -np.pi / 2]]
    np.testing.assert_allclose(samples_of(vectors, "polar_raw"), expected)
    np.testing.assert_array_equal(samples_of(vectors, "cartesian"), [[3, 4, 0, 0], [-1, 0, 0, -2]])


@pytest.mark.parametrize("atoms", ["polar_raw", "cartesian"])
def test_a_description_is_the_samples_of_mdmo_and_their_graph(atoms: str) -> None:
    flow = moving(1)
    described = sparse_mdmo(flow, face(), atoms=atoms)
    samples, laplacian = split(described)
    assert described.shape == (6, 72 + 6)
    np.testing.assert_array_equal(samples, samples_of(mdmo_atoms(flow, face()), atoms))
    np.testing.assert_array_equal(laplacian, clip_laplacian(samples))


def test_a_clip_without_motion_has_finite_codes_of_zero() -> None:
    described = sparse_mdmo(np.zeros((4, 2, 85, 70)), face())
    np.testing.assert_array_equal(code(*split(described), atoms_of(0, size=72)), 0)
    assert np.isfinite(described).all()


def test_one_field_is_a_clip() -> None:
    described = sparse_mdmo(moving(0, 1), face())
    assert described.shape == (1, 73)
    assert described[0, -1] == 0


def test_atoms_that_there_are_not_are_named() -> None:
    with pytest.raises(ShapeError, match="polar_raw or cartesian, not 'polar'"):
        sparse_mdmo(moving(0), face(), atoms="polar")


# --- Codes


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_codes_are_those_of_plain_coordinate_descent(weight: float) -> None:
    samples, laplacians = drawn(3, clips=1, times=4, size=8)
    dictionary = atoms_of(4, size=8, count=5)
    expected = slowly_coded(samples[0], laplacians[0], dictionary, weight, 0.3)
    found = code(samples[0], laplacians[0], dictionary, weight=weight, **EXACT)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@given(SEEDS)
@settings(deadline=None, max_examples=10)
def test_without_a_graph_codes_are_those_of_the_lasso(seed: int) -> None:
    """Scikit-learn minimises |x - D s|^2 / (2 p) + alpha |s|_1: alpha is sparsity / (2 p)."""
    from sklearn.linear_model import Lasso

    samples, laplacians = drawn(seed, clips=1)
    dictionary = atoms_of(seed)
    found = code(samples[0], laplacians[0], dictionary, weight=0.0, **EXACT)
    lasso = Lasso(alpha=0.3 / 20, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(dictionary, samples[0].T)
    np.testing.assert_allclose(found, lasso.coef_, atol=1e-4)


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_the_usual_number_of_steps_is_as_good_as_many(seed: int) -> None:
    samples, laplacians = drawn(seed, clips=1)
    dictionary = atoms_of(seed, count=30)
    best, usual = (
        objective(samples, laplacians, dictionary, code(samples[0], laplacians[0], dictionary, **options)[None])
        for options in (EXACT, {})
    )
    assert best <= usual + 1e-9
    assert usual <= best * (1 + 1e-3)


@given(SEEDS)
@settings(deadline=None, max_examples=10)
def test_no_small_change_of_the_codes_lowers_the_objective(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples, laplacians = drawn(seed, clips=1)
    dictionary = atoms_of(seed)
    codes = code(samples[0], laplacians[0], dictionary, **EXACT)[None]
    least = objective(samples, laplacians, dictionary, codes)
    for _ in range(20):
        other = codes + rng.standard_normal(codes.shape) * rng.choice([1e-3, 1e-1])
        assert objective(samples, laplacians, dictionary, other) > least


def test_the_objective_is_the_sum_of_its_three_parts() -> None:
    samples, codes = np.array([[[1.0, 2], [0, 1]]]), np.array([[[1.0], [-2]]])
    laplacians, dictionary = np.array([[[1.0, -1], [-1, 1]]]), np.array([[1.0], [0]])
    errors, rough, size = 0 + 4 + 4 + 1, (1 - -2) ** 2, 1 + 2
    assert objective(samples, laplacians, dictionary, codes, weight=2.0, sparsity=0.5) == pytest.approx(
        errors + 2 * rough + 0.5 * size
    )


def test_a_heavier_graph_makes_codes_of_neighbours_more_alike() -> None:
    samples, laplacians = drawn(5, clips=1)
    dictionary = atoms_of(5)
    rough = []
    for weight in (0.0, 1.0, 100.0):
        codes = code(samples[0], laplacians[0], dictionary, weight=weight, sparsity=1e-3, **EXACT)
        rough.append(np.trace(codes.T @ laplacians[0] @ codes))
    assert rough[0] > 2 * rough[1] > 4 * rough[2]


def test_samples_too_small_for_their_cost_have_no_codes() -> None:
    samples, laplacians = drawn(5, clips=1)
    dictionary = atoms_of(5)
    limit = 2 * np.abs(samples[0] @ dictionary).max()
    assert not code(samples[0], laplacians[0], dictionary, sparsity=limit * 1.001).any()
    assert code(samples[0], laplacians[0], dictionary, sparsity=limit * 0.9).any()


def test_a_dictionary_of_zeros_codes_nothing() -> None:
    assert not code(np.ones((1, 4)), np.zeros((1, 1)), np.zeros((4, 3))).any()


# --- The dictionary


@given(SEEDS, st.sampled_from([0.0, 1.0, 10.0]), st.sampled_from([4, 24]))
@settings(deadline=None, max_examples=25)
def test_no_round_raises_the_objective_and_no_atom_is_longer_than_one(seed: int, weight: float, atoms: int) -> None:
    samples, laplacians = drawn(seed)
    learned = learn_dictionary(samples, laplacians, atoms=atoms, weight=weight, seed=seed % 1000)
    assert (np.diff(learned.objectives) <= 1e-6 * learned.objectives[0]).all()
    assert np.linalg.norm(learned.dictionary, axis=0).max() <= 1 + 1e-6
    assert learned.dictionary.shape == (10, atoms)


def plainly_learned(samples: np.ndarray, laplacians: np.ndarray, atoms: int, seed: int) -> float:
    """Learn as the specification says: 200 steps and 20 sweeps in each of 30 rounds; return the objective."""
    dictionary = np.random.default_rng(seed).standard_normal((atoms, samples.shape[2])).T
    dictionary = dictionary - dictionary.mean(axis=0)
    dictionary /= np.linalg.norm(dictionary, axis=0)
    codes, values = np.zeros((*samples.shape[:2], atoms)), [np.inf]
    for _ in range(30):
        length = 1 / (2 * (np.linalg.norm(dictionary, 2) ** 2 + np.linalg.eigvalsh(laplacians).max()))
        ahead, pace = codes, 1.0
        for _ in range(200):
            slope = 2 * (ahead @ dictionary.T - samples) @ dictionary + 2 * laplacians @ ahead
            place = ahead - length * slope
            new = np.sign(place) * np.maximum(np.abs(place) - 0.3 * length, 0)
            pace, before = (1 + np.sqrt(1 + 4 * pace**2)) / 2, pace
            codes, ahead = new, new + (before - 1) / pace * (new - codes)
        flat, seen = codes.reshape(-1, atoms), samples.reshape(-1, samples.shape[2])
        among, wanted = flat.T @ flat, seen.T @ flat
        for _, k in np.ndindex(20, atoms):
            if among[k, k] >= 1e-10:
                best = (wanted[:, k] - dictionary @ among[:, k]) / among[k, k] + dictionary[:, k]
                dictionary[:, k] = best / max(1, np.linalg.norm(best))
        values.append(objective(samples, laplacians, dictionary, codes))
        if values[-2] - values[-1] < 1e-3 * values[-2]:
            break
    return values[-1]


@pytest.mark.parametrize("seed", range(3))
def test_the_objective_is_as_low_as_by_many_steps_in_each_round(seed: int) -> None:
    samples, laplacians = drawn(seed, clips=30)
    learned = learn_dictionary(samples, laplacians, atoms=20, seed=seed)
    assert learned.objectives[-1] <= plainly_learned(samples, laplacians, 20, seed) * 1.01


def test_the_last_objective_is_that_of_the_dictionary() -> None:
    """New codes by the dictionary can only be better than those that it was learned with."""
    samples, laplacians = drawn(2)
    learned = learn_dictionary(samples, laplacians, atoms=20)
    codes = np.array([code(*clip, learned.dictionary, **EXACT) for clip in zip(samples, laplacians, strict=True)])
    value = objective(samples, laplacians, learned.dictionary, codes)
    assert 0.9 * learned.objectives[-1] < value <= learned.objectives[-1] * (1 + 1e-6)


def test_one_seed_is_one_dictionary_and_another_is_another() -> None:
    samples, laplacians = drawn(2)
    one, same, other = (learn_dictionary(samples, laplacians, atoms=20, seed=seed).dictionary for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_an_atom_that_nothing_uses_becomes_a_badly_coded_sample() -> None:
    """Random atoms in 100 dimensions are far from all samples: at this cost only the samples themselves are used."""
    samples = np.random.default_rng(1).standard_normal((3, 2, 100))
    samples /= np.linalg.norm(samples, axis=-1, keepdims=True)
    graph = np.zeros((3, 2, 2))
    learned = learn_dictionary(samples, graph, atoms=5, sparsity=1.2)
    assert learned.objectives[0] == pytest.approx(6)
    assert learned.objectives[-1] < 6
    used = [code(clip, graph[0], learned.dictionary, sparsity=1.2).any(axis=0) for clip in samples]
    assert np.sum(used) == 5


def test_clips_without_motion_leave_the_dictionary_random_and_finite() -> None:
    learned = learn_dictionary(np.zeros((3, 4, 5)), np.zeros((3, 4, 4)), atoms=6)
    np.testing.assert_allclose(np.linalg.norm(learned.dictionary, axis=0), 1)
    np.testing.assert_allclose(learned.dictionary.mean(axis=0), 0, atol=1e-12)
    assert learned.objectives[-1] == 0


@pytest.mark.parametrize(
    ("samples", "laplacians", "message"),
    [
        (np.ones((2, 3)), np.zeros((2, 3, 3)), "the samples must have 3 axes"),
        (np.full((2, 3, 4), np.inf), np.zeros((2, 3, 3)), "NaN or infinity"),
        (np.ones((2, 3, 4)), np.zeros((2, 4, 4)), r"Laplacians of \(2, 3, 3\), not \(2, 4, 4\)"),
    ],
)
def test_clips_that_do_not_fit_their_graphs_are_refused(
    samples: np.ndarray, laplacians: np.ndarray, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        learn_dictionary(samples, laplacians)


def test_samples_that_do_not_fit_the_dictionary_are_refused() -> None:
    with pytest.raises(ShapeError, match="samples of 5 values cannot be coded by atoms of 6"):
        code(np.ones((2, 5)), np.zeros((2, 2)), np.ones((6, 3)))


# --- Pooling


def test_pooling_is_as_worked_out() -> None:
    codes = np.array([[0, -0.5, 1], [0.2, 0.2, 0.2]]).T
    np.testing.assert_allclose(mix(pool(codes), 0.3), [0.65, 0.2])


@given(SEEDS, st.floats(0, 1))
@settings(deadline=None, max_examples=25)
def test_pooling_goes_from_the_mean_to_the_largest(seed: int, share: float) -> None:
    codes = np.random.default_rng(seed).standard_normal((5, 8))
    pooled = pool(codes)
    np.testing.assert_array_equal(mix(pooled, 1.0), np.abs(codes).max(axis=0))
    np.testing.assert_array_equal(mix(pooled, 0.0), np.abs(codes).mean(axis=0))
    assert (mix(pooled, share) >= 0).all()
    assert (mix(pooled, share) <= mix(pooled, 1.0) + 1e-12).all()


@given(SEEDS)
@settings(deadline=None, max_examples=10)
def test_the_order_of_fields_changes_nothing_but_by_ties_of_the_graph(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples, dictionary, order = rng.standard_normal((7, 10)), atoms_of(seed), rng.permutation(7)
    one, other = (
        pool(code(clip, clip_laplacian(clip, graph="euclidean", neighbours=3), dictionary, **EXACT))
        for clip in (samples, samples[order])
    )
    np.testing.assert_allclose(one, other, atol=1e-7)


# --- The recogniser


def small(**options: str) -> SparseMDMO:
    settings = {
        "descriptor": options,
        "dictionary": {"atoms": 20},
        "pooling": [0.5],
        "svm": {"C": [1.0], "gamma": [0.1]},
    }
    return SparseMDMO("sparse-mdmo", COMMON.replaced(settings))


def learned_by(method: SparseMDMO, clips: list[PreparedClip]) -> dict[str, np.ndarray]:
    return dict(method.learn([method.describe(clip) for clip in clips], seed=0))


@pytest.mark.parametrize("options", [{}, {"atoms": "cartesian"}, {"graph": "euclidean"}, {"graph": "none"}])
def test_features_of_a_clip_depend_on_no_other_clip(options: dict[str, str]) -> None:
    method = small(**options)
    clips = [prepared(seed) for seed in range(4)]
    learned = learned_by(method, clips)
    alone = method.features(method.describe(clips[0]), learned)
    again = method.features(method.describe(prepared(0)), learned)
    np.testing.assert_array_equal(alone, again)
    assert alone.shape == (40,)
    assert alone.any()


@pytest.mark.parametrize("costs", [{}, {"weight": 7.0}, {"sparsity": 0.05}])
def test_dictionary_and_codes_have_the_costs_of_the_settings(costs: dict[str, float]) -> None:
    method = SparseMDMO("sparse-mdmo", COMMON.replaced({"dictionary": {"atoms": 20, **costs}}))
    described = [method.describe(prepared(seed)) for seed in range(4)]
    learned = method.learn(described, seed=5)
    expected = learn_dictionary(*split(np.stack(described)), atoms=20, seed=5, **costs).dictionary
    np.testing.assert_array_equal(learned["dictionary"], expected)
    codes = code(*split(described[0]), expected, **costs)
    np.testing.assert_array_equal(method.features(described[0], learned), pool(codes))


def test_the_chosen_share_is_that_of_the_largest_codes() -> None:
    rows = np.array([[1.0, 2, 0.5, 0.25], [4, 8, 3, 1]])
    np.testing.assert_allclose(small().apply_variant(rows, 0.75, {}), [[0.875, 1.5625], [3.75, 6.25]])


def test_cartesian_samples_are_divided_by_one_number_of_the_training_clips() -> None:
    method = small(atoms="cartesian")
    clips = [prepared(seed) for seed in range(4)]
    vectors = np.array([mdmo_atoms(clip.flow, clip.landmarks) for clip in clips])
    np.testing.assert_allclose(learned_by(method, clips)["scale"], [np.sqrt(np.mean(vectors**2))])
    assert learned_by(small(), clips)["scale"] == [1.0]


def test_cartesian_features_do_not_change_with_the_unit_of_flow() -> None:
    method = small(atoms="cartesian")
    described = [method.describe(prepared(seed)) for seed in range(4)]
    samples, laplacians = zip(*map(split, described), strict=True)
    doubled = [np.hstack([2 * one, graph]) for one, graph in zip(samples, laplacians, strict=True)]
    rows = [method.features(one[0], method.learn(one, seed=0)) for one in (described, doubled)]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_clips_are_told_apart_and_the_dictionary_is_that_of_the_training_clips() -> None:
    clips = [prepared(seed % 2, label="ab"[seed % 2], subject=str(seed // 2)) for seed in range(8)]
    method = small().fit(clips)
    before = method.learned["dictionary"].copy()
    assert method.predict(clips[:2]) == ["a", "b"]
    method.predict([prepared(9, fields=4)])
    np.testing.assert_array_equal(method.learned["dictionary"], before)


def test_a_clip_without_landmarks_is_named() -> None:
    clip = PreparedClip.from_arrays(flow=moving(0), label="a", subject="7")
    with pytest.raises(FaceError, match="no landmarks"):
        small().describe(clip)


def test_both_tracks_have_the_published_dictionary_and_only_the_common_one_standardises() -> None:
    for settings_ in (COMMON, PAPER):
        assert vars(settings_.dictionary) == {"atoms": 256, "weight": 1.0, "sparsity": 0.3}
        assert vars(settings_.descriptor) == vars(SparseMDMOOptions())
    assert (COMMON.svm.standardise, PAPER.svm.standardise) == (True, False)
    assert (COMMON.recipe.steps, PAPER.recipe.steps) == (10, 20)


def test_a_graph_that_there_is_not_is_refused_by_the_settings() -> None:
    with pytest.raises(ConfigError, match="graph cannot be 'knn'"):
        SparseMDMOOptions(graph="knn")
