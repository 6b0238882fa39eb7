"""LBP-SIP: worked examples, a slow reference, what it must not depend on, and input that does not do."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern

from dstan.descriptors.lbp_sip import lbp_sip, lbp_sip_codes
from dstan.descriptors.lbp_top import lbp_top
from dstan.errors import ConfigError, ShapeError
from dstan.recognizers.lbp_sip import LBPSIPOptions

SEEDS = st.integers(0, 2**32 - 1)
RADII = st.tuples(*[st.integers(1, 2)] * 3)


def clip_of(seed: int, levels: int = 6, shape: tuple[int, ...] = (7, 9, 8)) -> np.ndarray:
    """Return whole grey levels, so few that neighbours are often equal."""
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


def test_the_toy_of_the_specification_has_its_codes():
    frames = np.zeros((3, 3, 3))
    frames[1] = [[0, 7, 0], [3, 5, 6], [0, 2, 0]]
    frames[2, 1, 1], frames[0, 1, 1] = 6, 4
    spatial, temporal = lbp_sip_codes(frames, radii=(1, 1, 1))
    assert (spatial.tolist(), temporal.tolist()) == ([[[3]]], [[[1]]])


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, radii=RADII)
def test_codes_are_those_of_a_slow_reference(seed, radii):
    frames = clip_of(seed)
    rx, ry, rt = radii
    spatial, temporal = lbp_sip_codes(frames, radii=radii)
    T, H, W = frames.shape
    assert spatial.shape == temporal.shape == (T - 2 * rt, H - 2 * ry, W - 2 * rx)
    for place in np.ndindex(*spatial.shape):
        t, y, x = place[0] + rt, place[1] + ry, place[2] + rx
        around = frames[t, y, x + rx], frames[t, y - ry, x], frames[t, y, x - rx], frames[t, y + ry, x]
        assert spatial[place] == sum(int(level >= frames[t, y, x]) << p for p, level in enumerate(around))
        after, before = frames[t + rt, y, x] >= frames[t, y, x], frames[t - rt, y, x] >= frames[t, y, x]
        assert temporal[place] == after + 2 * before


@pytest.mark.parametrize("radius", [1, 2])
def test_spatial_codes_are_those_of_scikit_image(radius):
    frames = clip_of(3).astype(np.uint8)
    inner = slice(radius, -radius)
    theirs = np.stack([local_binary_pattern(frame, 4, radius) for frame in frames])[inner, inner, inner]
    np.testing.assert_array_equal(lbp_sip_codes(frames, radii=(radius,) * 3)[0], theirs)


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, radii=RADII, grid=st.tuples(st.integers(1, 4), st.integers(1, 4)), time_blocks=st.integers(1, 3))
def test_spatial_shares_are_those_of_lbp_top_with_four_neighbours(seed, radii, grid, time_blocks):
    frames = clip_of(seed)
    options = {"grid": grid, "time_blocks": time_blocks, "radii": radii}
    top = lbp_top(frames, points=4, mapping="basic", **options).reshape(-1, 3, 16)
    np.testing.assert_array_equal(lbp_sip(frames, **options).reshape(-1, 20)[:, :16], top[:, 0])


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, grid=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_temporal_shares_come_after_the_spatial_ones_of_their_block(seed, grid):
    frames = clip_of(seed)
    codes = lbp_sip_codes(frames, radii=(1, 1, 1))[1]
    found = lbp_sip(frames, grid=grid, radii=(1, 1, 1)).reshape(*grid, 20)[..., 16:]
    rows, columns = (np.arange(parts + 1) * n // parts for n, parts in zip((9, 8), grid, strict=True))
    for i, j in np.ndindex(*grid):
        within = slice(max(rows[i], 1) - 1, rows[i + 1] - 1), slice(max(columns[j], 1) - 1, columns[j + 1] - 1)
        counts = np.bincount(codes[:, *within].ravel(), minlength=4)
        np.testing.assert_allclose(found[i, j], counts / counts.sum(), rtol=1e-12)


def test_a_constant_clip_has_all_bits_set():
    features = lbp_sip(np.full((10, 20, 20), 93.7)).reshape(25, 20)
    assert (features[:, [15, 19]] == 1).all()
    assert features.sum() == 50


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, radii=RADII)
def test_a_clip_that_grows_brighter_has_temporal_code_1_everywhere(seed, radii):
    frames = clip_of(seed, shape=(1, 9, 8)) + np.arange(7)[:, None, None]
    assert (lbp_sip_codes(frames, radii=radii)[1] == 1).all()
    assert (lbp_sip_codes(frames[::-1], radii=radii)[1] == 2).all()


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, radii=RADII)
def test_time_reversal_swaps_the_temporal_codes_1_and_2_and_keeps_the_spatial_ones(seed, radii):
    frames = clip_of(seed)
    features, reversed_ = (lbp_sip(one, grid=(2, 3), radii=radii).reshape(6, 20) for one in (frames, frames[::-1]))
    np.testing.assert_array_equal(reversed_, features[:, [*range(16), 16, 18, 17, 19]])


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_a_mirrored_clip_swaps_right_and_left_and_keeps_the_temporal_shares(seed):
    frames = clip_of(seed)
    features, flipped = (lbp_sip(one, grid=(3, 1)).reshape(3, 20) for one in (frames, frames[:, :, ::-1]))
    swapped = [code & 0b1010 | code >> 2 & 1 | (code & 1) << 2 for code in range(16)]
    np.testing.assert_array_equal(flipped, features[:, [*swapped, 16, 17, 18, 19]])


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, radii=RADII)
def test_a_growing_grey_map_changes_nothing(seed, radii):
    frames = clip_of(seed, 256)
    expected = lbp_sip(frames, grid=(2, 2), radii=radii)
    for other in (0.5 * frames + 20, 255 * (frames / 255) ** 0.5, frames.astype(np.uint8)):
        np.testing.assert_array_equal(lbp_sip(other, grid=(2, 2), radii=radii), expected)


@pytest.mark.parametrize(("grid", "time_blocks", "length"), [((5, 5), 1, 500), ((8, 8), 1, 1280), ((5, 5), 2, 1000)])
def test_a_block_has_20_values_that_sum_to_2(grid, time_blocks, length):
    features = lbp_sip(clip_of(0, 256, (10, 40, 30)), grid=grid, time_blocks=time_blocks)
    assert features.shape == (length,)
    np.testing.assert_allclose(features.reshape(-1, 20).sum(axis=1), 2)


@pytest.mark.parametrize(
    ("shape", "message"), [((4, 20, 20), "4 frames, and 5"), ((10, 2, 20), "2 x 20"), ((10, 4, 4), "into 5 blocks")]
)
def test_a_clip_that_is_too_short_or_too_small_is_an_error(shape, message):
    with pytest.raises(ShapeError, match=message):
        lbp_sip(np.zeros(shape))


def test_nan_and_radii_that_reach_nothing_are_errors():
    with pytest.raises(ShapeError, match="NaN"):
        lbp_sip(np.full((10, 20, 20), np.nan))
    with pytest.raises(ConfigError, match="YT"):
        lbp_sip(np.zeros((10, 20, 20)), radii=(1, 1, 0))


def test_the_recogniser_has_the_options_of_the_function():
    parameters = list(inspect.signature(lbp_sip).parameters.values())[1:]
    assert vars(LBPSIPOptions()) == {parameter.name: parameter.default for parameter in parameters}
