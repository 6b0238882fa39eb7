"""FDM: worked examples, invariances, and a plain reference with loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.clips import PreparedClip
from dstan.descriptors.fdm import fdm, principal_direction, still_shift
from dstan.errors import ConfigError, DstanError, ShapeError
from dstan.recognizers.fdm import COMMON, FDM, PAPER

FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
WHOLE = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=8)


def noise(seed, shape=(7, 2, 20, 18), scale=0.5):
    return np.random.default_rng(seed).normal(scale=scale, size=shape).astype(np.float32)


def positive_projections(vectors, e):
    return sum(max(0.0, x * e[0] + y * e[1]) for x, y in vectors)


def iterated(vectors, e):
    """Return the direction from plain iteration, as the authors' idea of an iterative strategy has it."""
    for _ in range(100):
        total = np.sum([v for v in vectors if v @ e > 0], axis=0)
        e = total / np.linalg.norm(total)
    return e


# Worked examples


@pytest.mark.parametrize(
    ("vectors", "direction", "value"),
    [
        ([(3, 0), (2, 1), (-1, 0), (0, -1)], (0.98058, 0.19612), 5.0990),
        ([(3, 0), (2, 1), (-1, 0), (0, 2)], (0.85749, 0.51450), 5.83095),
    ],
)
def test_principal_direction_of_the_worked_examples(vectors, direction, value):
    e = principal_direction(np.array(vectors))
    assert np.allclose(e, direction, atol=1e-5)
    assert positive_projections(vectors, e) == pytest.approx(value, abs=1e-4)


def test_a_translation_is_subtracted_and_leaves_nothing():
    flow = np.zeros((10, 2, 24, 24), np.float32)
    flow[:, 0], flow[:, 1] = 0.3, -0.4
    assert not fdm(flow).any()


def test_without_alignment_every_cuboid_has_the_direction_of_a_translation():
    flow = np.zeros((10, 2, 24, 24), np.float32)
    flow[:, 0], flow[:, 1] = 0.3, -0.4
    assert np.allclose(fdm(flow, align=False).reshape(-1, 2), (0.6, -0.8), atol=1e-6)


def test_motion_in_one_block_shifts_nothing_while_most_pixels_are_still():
    flow = np.zeros((3, 2, 32, 32), np.float32)
    flow[:, 1, 8:16, 16:24] = 0.8
    assert np.array_equal(still_shift(flow[0]), (0, 0))
    found = fdm(flow, grid=(4, 4), tau=3).reshape(4, 4, 1, 2)
    assert np.allclose(found[1, 2, 0], (0, 1))
    found[1, 2] = 0
    assert not found.any()


def test_half_the_pixels_moving_do_not_hide_the_shift_of_the_others():
    field = noise(3, (2, 40, 40), 0.01)
    field[:, :19] += np.random.default_rng(0).uniform(-2.5, 2.5, (2, 19, 40)).astype(np.float32)
    field += np.array([0.72, -0.33], np.float32)[:, None, None]
    assert np.allclose(still_shift(field), (0.72, -0.33), atol=0.01)


@pytest.mark.parametrize(
    ("fields", "options", "length"),
    [
        (31, {}, 384),
        (10, {"tau": 3}, 384),
        (31, {"tau": 3, "grid": (6, 4)}, 480),
        (31, {"quant": 8, "one_hot": True}, 1536),
    ],
)
def test_the_dimension_is_two_for_each_whole_cuboid(fields, options, length):
    assert fdm(noise(0, (fields, 2, 24, 20)), **options).shape == (length,)


def test_fields_that_fill_no_batch_are_left_out():
    flow = noise(1)
    assert np.array_equal(fdm(flow, tau=3, grid=(2, 3)), fdm(flow[:6], tau=3, grid=(2, 3)))


def test_cuboids_come_block_by_block_and_inside_a_block_batch_by_batch():
    flow = noise(2)
    found = fdm(flow, tau=3, grid=(2, 3), align=False).reshape(2, 3, 2, 2)
    for i, j, k in np.ndindex(2, 3, 2):
        cuboid = flow[3 * k : 3 * k + 3, :, 10 * i : 10 * i + 10, 6 * j : 6 * j + 6]
        assert np.allclose(found[i, j, k], principal_direction(cuboid.transpose(0, 2, 3, 1).reshape(-1, 2)))


# The principal direction


@FEW
@given(WHOLE)
def test_the_direction_of_few_vectors_is_the_best_of_all_subsets(vectors):
    sums = [np.sum(part, axis=0) for n in range(1, 9) for part in itertools.combinations(vectors, n)]
    best = max(math.hypot(*total) for total in sums)
    e = principal_direction(np.array(vectors))
    assert positive_projections(vectors, e) == pytest.approx(best)
    assert np.linalg.norm(e) == pytest.approx(1.0 if best else 0.0)


@FEW
@given(SEEDS, st.sampled_from([3, 40, 600, 3000]))
def test_the_direction_is_that_of_the_sum_of_its_own_side(seed, n):
    vectors = noise(seed, (n, 2))
    e = principal_direction(vectors)
    total = vectors[vectors @ e > 0].sum(0, dtype=np.float64)
    assert np.allclose(total / np.linalg.norm(total), e, atol=1e-6)


@FEW
@given(SEEDS, st.sampled_from([3, 40, 400]))
def test_iteration_from_the_mean_never_finds_better(seed, n):
    vectors = noise(seed, (n, 2)).astype(np.float64)
    mean = vectors.mean(0)
    found = positive_projections(vectors, iterated(vectors, mean / np.linalg.norm(mean)))
    assert found <= positive_projections(vectors, principal_direction(vectors)) * (1 + 1e-12)


@FEW
@given(SEEDS)
def test_bins_of_a_degree_find_the_direction_of_many_vectors(seed):
    vectors = noise(seed, (900, 2)).astype(np.float64)
    e = principal_direction(vectors)
    assert positive_projections(vectors, e) >= best_side(vectors) * math.cos(math.radians(1))


def best_side(vectors):
    """Return the length of the longest sum on one side of a line, tried between all angles at which it changes."""
    angles = np.arctan2(vectors[:, 1], vectors[:, 0])
    critical = np.sort(np.concatenate([angles + np.pi / 2, angles - np.pi / 2]))
    middle = (critical + np.roll(critical, -1)) / 2
    e = np.stack([np.cos(middle), np.sin(middle)])
    return np.maximum(vectors @ e, 0).sum(0).max()


def test_of_opposite_vectors_the_direction_is_one_of_the_two():
    e = principal_direction(np.array([(2.0, 1.0), (-2.0, -1.0)]))
    assert abs(e @ (2, 1)) == pytest.approx(math.sqrt(5))


# Invariances


@FEW
@given(SEEDS, st.sampled_from([0.25, 2.0, 8.0]))
def test_scale_leaves_the_map_as_it_is(seed, scale):
    flow = noise(seed)
    options = {"grid": (3, 3), "tau": 3, "align": False, "dead_zone": 0.0}
    assert np.allclose(fdm(flow, **options), fdm(scale * flow, **options))


@FEW
@given(SEEDS, st.booleans())
def test_turning_all_vectors_by_90_degrees_turns_the_directions(seed, align):
    flow = noise(seed) + np.float32(0.2)
    flow[..., ::2] = 0.2 + noise(seed + 1, flow[..., ::2].shape, 0.01)  # so that no two bins have the most votes
    turned = np.stack([-flow[:, 1], flow[:, 0]], axis=1)
    before, after = (fdm(one, grid=(2, 2), tau=3, align=align).reshape(-1, 2) for one in (flow, turned))
    assert np.allclose(after, np.stack([-before[:, 1], before[:, 0]], axis=1), atol=1e-6)


@FEW
@given(SEEDS, st.integers(-30, 30), st.integers(-30, 30))
def test_a_shift_of_the_whole_field_is_found(seed, u, v):
    shift = np.array([u, v]) * 0.05
    field = noise(seed, (2, 20, 20), 0.02).astype(np.float64)
    moved = field + shift[:, None, None]
    assert np.allclose(still_shift(moved) - still_shift(field), shift, atol=0.02)


# A plain reference


def slow_shift(field):
    votes = {}
    vectors = [tuple(map(float, vector)) for vector in field.reshape(2, -1).T]
    for u, v in vectors:
        place = round(u / 0.05), round(v / 0.05)
        if max(map(abs, place)) <= 60:
            votes[place] = votes.get(place, 0) + 1
    smooth = {}
    for (i, j), count in votes.items():
        for a, b in itertools.product((-1, 0, 1), repeat=2):
            smooth[i + a, j + b] = smooth.get((i + a, j + b), 0) + count * (2 - abs(a)) * (2 - abs(b))
    top = max(smooth, key=lambda place: (smooth[place], -(place[0] ** 2) - place[1] ** 2))
    near = [w for w in vectors if max(abs(w[0] - 0.05 * top[0]), abs(w[1] - 0.05 * top[1])) <= 0.1]
    return np.median(near, axis=0)


def slow_direction(vectors):
    best, found = 0.0, (0.0, 0.0)
    for x, y in vectors:
        for turn in (-1, 1):
            for nudge in (-1e-7, 1e-7):
                angle = math.atan2(y, x) + turn * math.pi / 2 + nudge
                side = [w for w in vectors if w[0] * math.cos(angle) + w[1] * math.sin(angle) > 0]
                a, b = sum(w[0] for w in side), sum(w[1] for w in side)
                if math.hypot(a, b) > best:
                    best, found = math.hypot(a, b), (a, b)
    return np.array(found) / best


@FEW
@given(SEEDS)
def test_a_plain_reference_gives_the_same_map(seed):
    flow = noise(seed, (5, 2, 9, 10), 0.1) + np.array([0.4, -0.2], np.float32)[:, None, None]
    still = [field.astype(np.float64) - slow_shift(field)[:, None, None] for field in flow]
    expected = []
    for (top, bottom), (left, right), first in itertools.product(((0, 4), (4, 9)), ((0, 5), (5, 10)), (0, 2)):
        parts = [field[:, top:bottom, left:right].reshape(2, -1).T for field in still[first : first + 2]]
        expected.append(slow_direction(np.concatenate(parts)))
    assert np.allclose(fdm(flow, grid=(2, 2), tau=2).reshape(-1, 2), expected, atol=1e-9)


# Options


def test_where_hardly_anything_moves_there_is_no_direction():
    flow = np.full((3, 2, 16, 16), 5e-4, np.float32)
    assert not fdm(flow, tau=3, align=False).any()
    assert fdm(flow, tau=3, align=False, dead_zone=1e-4).all()


def test_weight_by_magnitude_makes_directions_as_long_as_the_logarithm_of_motion():
    flow = np.zeros((3, 2, 16, 16), np.float32)
    flow[:, 0], flow[:, 1, :, 8:] = 3, 4
    found = fdm(flow, tau=3, grid=(1, 2), align=False, weight="mag").reshape(2, 2)
    assert np.allclose(found, [(math.log(4), 0), (0.6 * math.log(6), 0.8 * math.log(6))], atol=1e-6)


@pytest.mark.parametrize(("angle", "level"), [(0, 0), (44, 1), (91, 2), (180, 4), (-45, 7), (-20, 0), (-23, 7)])
def test_directions_are_rounded_to_the_nearest_of_eight(angle, level):
    flow = np.zeros((1, 2, 4, 4), np.float32)
    flow[:, 0], flow[:, 1] = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    rounded = fdm(flow, tau=1, grid=(1, 1), align=False, quant=8)
    assert np.allclose(rounded, (math.cos(level * math.pi / 4), math.sin(level * math.pi / 4)))
    assert np.array_equal(fdm(flow, tau=1, grid=(1, 1), align=False, quant=8, one_hot=True), np.eye(8)[level])


# Bad and empty input


@pytest.mark.parametrize("options", [{}, {"weight": "mag"}, {"quant": 8}, {"quant": 8, "one_hot": True}])
def test_a_flow_of_zeros_has_a_map_of_zeros(options):
    assert not fdm(np.zeros((3, 2, 16, 16), np.float32), tau=3, **options).any()


def test_motion_too_large_to_vote_is_left_as_it_is():
    assert np.array_equal(still_shift(np.full((2, 6, 6), 3.2)), (0, 0))
    assert np.allclose(still_shift(np.full((2, 6, 6), 3.0)), (3, 3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_an_error(value):
    flow = noise(0)
    flow[2, 1, 3, 3] = value
    for call in (lambda: fdm(flow, tau=3), lambda: still_shift(flow[2]), lambda: principal_direction([(value, 1)])):
        with pytest.raises(ShapeError):
            call()


def test_arrays_of_another_shape_are_errors():
    with pytest.raises(ShapeError, match="3 fields of flow, and 10 are needed"):
        fdm(noise(0, (3, 2, 16, 16)))
    with pytest.raises(ShapeError, match="cannot be divided into 8 blocks"):
        fdm(noise(0, (10, 2, 7, 16)))
    with pytest.raises(ShapeError, match=r"\(T, 2, H, W\)"):
        fdm(noise(0, (10, 3, 16, 16)))
    with pytest.raises(ShapeError, match=r"\(n, 2\)"):
        principal_direction(np.zeros((0, 2)))


@pytest.mark.parametrize("options", [{"tau": 0}, {"weight": "square"}, {"quant": 1}, {"one_hot": True}])
def test_options_that_mean_nothing_are_errors(options):
    with pytest.raises(ConfigError):
        fdm(noise(0), **{"tau": 3, **options})


# The recogniser


@pytest.mark.parametrize(("settings", "fields"), [(COMMON, 10), (PAPER, 31)])
def test_both_tracks_describe_a_clip_by_three_batches(settings, fields):
    clip = PreparedClip.from_arrays(flow=noise(0, (settings.recipe.steps, 2, 17, 14)))
    assert settings.recipe.steps == fields
    assert FDM("fdm", settings).describe(clip).shape == (384,)
    assert (settings.descriptor.grid, settings.svm.kernel, settings.svm.gamma) == ((8, 8), "rbf", ())


def test_another_number_of_batches_than_learned_is_an_error_that_names_the_clip():
    clips = [
        PreparedClip.from_arrays(flow=noise(i, (10, 2, 17, 14)), label="ab"[i % 2], subject=f"s{i}", clip_id=f"c{i}")
        for i in range(6)
    ]
    fitted = FDM("fdm", COMMON).fit(clips)
    with pytest.raises(DstanError, match="arrays/long/clip"):
        fitted.predict([PreparedClip.from_arrays(flow=noise(9, (12, 2, 17, 14)), subject="long")])
