"""Bi-WOOF: worked examples, invariances, and a plain reference with loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.clips import PreparedClip
from dstan.descriptors.bi_woof import _weighted, bi_woof, sectors
from dstan.errors import ShapeError
from dstan.recognizers.bi_woof import COMMON, PAPER, BiWOOF

FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def noise(seed, shape=(20, 20, 2)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def vector_field(*vectors):
    """Return a field of one row with these vectors."""
    return np.array([vectors], dtype=np.float32)


# Worked examples


def test_a_translation_has_no_strain_and_so_no_feature():
    field = np.zeros((20, 20, 2), np.float32)
    field[:] = 1.5, -0.5
    assert not bi_woof(field).any()


def test_without_the_global_weight_a_translation_fills_one_bin_of_each_block():
    field = np.zeros((20, 20, 2), np.float32)
    field[:] = 1.5, -0.5
    found = bi_woof(field, global_weight=False).reshape(25, 8)
    assert np.array_equal(found, np.tile(np.eye(8)[3], (25, 1)))


def test_blocks_are_weighted_by_their_strain():
    histograms = bi_woof(vector_field((1, 0), (0, 2)), grid=(1, 2), global_weight=False).reshape(2, 8)
    found = _weighted(histograms, np.array([0.8, 0.4]))
    assert np.array_equal(np.flatnonzero(found), [4, 8 + 6])
    assert np.allclose(found[[4, 8 + 6]], [0.89443, 0.44721], atol=1e-5)


def test_the_strain_of_a_block_is_summed_over_its_pixels():
    field = np.zeros((4, 12, 2), np.float32)
    field[:, :6, 0] = 10 + 0.1 * np.arange(6)  # strain .1, and between the halves what the step makes
    field[:, 6:, 0] = 10.5 + 0.3 * np.arange(6)
    found = bi_woof(field, grid=(1, 2)).reshape(2, 8)
    left, right = 5 * 0.1 + 0.05, 5 * 0.3 + 0.15  # central differences at the seam: half of one side's slope
    assert found[0, 4] / found[1, 4] == pytest.approx(left / right, rel=1e-4)


def test_two_pixels_share_a_block_by_their_magnitude():
    found = bi_woof(vector_field((1, 0), (0, 3)), grid=(1, 1), global_weight=False)
    assert np.allclose(found, [0, 0, 0, 0, 0.25, 0, 0.75, 0])


@pytest.mark.parametrize(
    ("vector", "sector"),
    [
        ((1, 0), 4),
        ((1, 1), 5),
        ((0, 1), 6),
        ((-1, 1), 7),
        ((-1, 0), 7),
        ((-1, -0.0), 7),
        ((-1, -1), 1),
        ((0, -1), 2),
        ((1, -1), 3),
        ((-1, -1e-3), 0),
    ],
)
@pytest.mark.parametrize("scale", [1, 0.3, 7])
def test_a_direction_on_an_edge_is_in_the_sector_that_begins_there(vector, sector, scale):
    assert sectors(vector_field(vector) * np.float32(scale))[0, 0] == sector


@pytest.mark.parametrize("grid", [(5, 5), (6, 6), (8, 8), (2, 3)])
def test_the_dimension_is_eight_for_each_block(grid):
    assert bi_woof(noise(0), grid=grid).shape == (8 * grid[0] * grid[1],)


# Invariances


@FEW
@given(SEEDS)
def test_the_norm_is_one(seed):
    assert np.linalg.norm(bi_woof(noise(seed))) == pytest.approx(1)


@FEW
@given(SEEDS, st.sampled_from([0.125, 0.3, 4.0, 10.0]), st.sampled_from(["central", "backward"]))
def test_scale_changes_nothing(seed, scale, diff):
    field = noise(seed)
    assert np.allclose(bi_woof(field, diff=diff), bi_woof(field * np.float32(scale), diff=diff), atol=1e-6)


@FEW
@given(SEEDS)
def test_a_mirror_mirrors_blocks_and_sectors(seed):
    field = noise(seed)
    mirrored = field[:, ::-1] * np.array([-1, 1], np.float32)
    before = bi_woof(field).reshape(5, 5, 8)
    expected = before[:, ::-1][:, :, (3 - np.arange(8)) % 8]
    assert np.allclose(bi_woof(mirrored).reshape(5, 5, 8), expected, atol=1e-6)


@FEW
@given(SEEDS, st.floats(-3, 3), st.floats(-3, 3))
def test_a_translation_added_does_not_change_how_much_a_block_weighs(seed, u, v):
    field = 0.1 * noise(seed)
    moved = field + np.array([u, v], np.float32)
    before, after = (bi_woof(one).reshape(25, 8).sum(1) for one in (field, moved))
    assert np.allclose(before / before.sum(), after / after.sum(), atol=1e-4)


# A plain reference


def slow_bi_woof(field, parts):
    height, width = field.shape[:2]
    u, v = field[..., 0].astype(float), field[..., 1].astype(float)

    def slope(plane, y, x, dy, dx):
        a, b = max(y - dy, 0), min(y + dy, height - 1)
        c, d = max(x - dx, 0), min(x + dx, width - 1)
        return (plane[b, d] - plane[a, c]) / ((b - a) + (d - c))

    values = []
    for i in range(parts):
        for j in range(parts):
            bins, strain = [0.0] * 8, 0.0
            for y in range(i * height // parts, (i + 1) * height // parts):
                for x in range(j * width // parts, (j + 1) * width // parts):
                    degrees = math.degrees(math.atan2(v[y, x], u[y, x]))
                    bins[min(int((degrees + 180) // 45), 7)] += math.hypot(u[y, x], v[y, x])
                    shear = slope(u, y, x, 1, 0) + slope(v, y, x, 0, 1)
                    strain += math.sqrt(slope(u, y, x, 0, 1) ** 2 + slope(v, y, x, 1, 0) ** 2 + shear**2 / 2)
            values += [strain * value / sum(bins) for value in bins]
    return np.array(values) / math.sqrt(sum(value**2 for value in values))


@FEW
@given(SEEDS, st.sampled_from([1, 2, 3, 5]))
def test_a_plain_reference_gives_the_same_feature(seed, parts):
    field = noise(seed, (11, 13, 2))
    assert np.allclose(bi_woof(field, grid=(parts, parts)), slow_bi_woof(field, parts), atol=1e-6)


# Bad and empty input


@pytest.mark.parametrize("global_weight", [True, False])
def test_a_field_of_zeros_has_a_feature_of_zeros(global_weight):
    assert not bi_woof(np.zeros((20, 20, 2), np.float32), global_weight=global_weight).any()


def test_a_block_without_motion_is_zero_among_others():
    field = noise(0)
    field[:8, :8] = 0
    found = bi_woof(field).reshape(5, 5, 8)
    assert not found[:2, :2].any()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_an_error(value):
    field = noise(0)
    field[3, 3, 1] = value
    with pytest.raises(ShapeError, match="NaN or infinity"):
        bi_woof(field)


@pytest.mark.parametrize("value", [1e39, -3e38])
def test_what_no_displacement_is_is_an_error(value):
    field = noise(0).astype(np.float64)
    field[3, 3, 1] = value
    with pytest.raises(ShapeError, match="beyond"):
        bi_woof(field)


def test_number_type_and_memory_change_nothing():
    field = noise(0)
    expected = bi_woof(field)
    for same in (field.astype(np.float64), np.asfortranarray(field), field[:, ::-1].copy()[:, ::-1]):
        assert np.array_equal(bi_woof(same), expected)


def test_arrays_of_another_shape_are_errors():
    with pytest.raises(ShapeError, match=r"\(H, W, 2\)"):
        bi_woof(noise(0, (2, 20, 20)))
    with pytest.raises(ShapeError, match="axes"):
        bi_woof(noise(0, (1, 20, 20, 2)))
    with pytest.raises(ShapeError, match="cannot be divided into 5"):
        bi_woof(noise(0, (4, 20, 2)))


def test_strain_that_is_given_weighs_the_blocks():
    strain = np.zeros((20, 20), np.float32)
    strain[:4, :4] = 0.5  # the first block of 5 x 5 alone
    found = bi_woof(noise(0), strain=strain).reshape(25, 8)
    assert np.linalg.norm(found[0]) == pytest.approx(1)
    assert not found[1:].any()
    with pytest.raises(ShapeError, match=r"strain is \(20, 19\), and the field of flow \(20, 20\)"):
        bi_woof(noise(0), strain=strain[:, 1:])


# The recogniser


@pytest.mark.parametrize("options", [COMMON, PAPER])
def test_a_clip_is_described_by_its_one_field(options):
    flow = noise(0).transpose(2, 0, 1)[None]
    found = BiWOOF("bi-woof", options).describe(PreparedClip.from_arrays(flow=flow))
    assert np.array_equal(found, bi_woof(noise(0), diff=options.descriptor.diff))
    assert options.recipe.pairs == "onset-apex"


def test_the_paper_track_has_the_published_flow_strain_grid_and_penalty():
    assert (PAPER.recipe.flow, PAPER.recipe.temporal_average) == ("tvl1", 0.0)
    assert vars(PAPER.descriptor) == {"grid": (5, 5), "global_weight": True, "diff": "backward"}
    assert (PAPER.svm.kernel, PAPER.svm.C, PAPER.svm.balanced) == ("linear", (10000.0,), False)


def test_a_clip_with_several_fields_is_an_error_that_names_it_and_says_what_to_set():
    clips = [
        PreparedClip.from_arrays(flow=noise(i, (9, 2, 20, 20)), label="ab"[i % 2], subject=f"s{i}") for i in range(4)
    ]
    with pytest.raises(ShapeError, match=r"arrays/s0/clip: .* has 9.*recipe\.pairs=onset-apex"):
        BiWOOF("bi-woof", COMMON).fit(clips)
