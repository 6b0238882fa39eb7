"""LBP-TOP: blocks, bins and lengths, what it must not depend on, and input that does not do; codes: test_patterns."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.descriptors.blocks import edges, uniform_bins
from dstan.descriptors.lbp_top import lbp_top, lbp_top_codes
from dstan.descriptors.patterns import PLANES, plane_codes
from dstan.errors import ConfigError, ShapeError
from dstan.recognizers.lbp_top import LBPTOPOptions

SEEDS = st.integers(0, 2**32 - 1)
RADII = st.tuples(*[st.integers(1, 2)] * 3)
POINTS = st.sampled_from([4, 8, 16])


def clip_of(seed: int, levels: int = 256, shape: tuple[int, ...] = (7, 9, 8)) -> np.ndarray:
    """Return whole grey levels; with few of them neighbours are often equal."""
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


def test_u2_has_a_bin_for_each_uniform_code_and_one_for_all_others():
    eight, four = uniform_bins(8), uniform_bins(4)
    assert (eight[0], eight[255], eight[0b01010101]) == (0, 57, 58)
    assert np.flatnonzero(four == 14).tolist() == [5, 10]
    assert four[15] == 13
    assert [uniform_bins(points).max() + 1 for points in (4, 8, 16)] == [15, 59, 243]


@settings(deadline=None, max_examples=15)
@given(
    seed=SEEDS,
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    time_blocks=st.integers(1, 4),
    radii=RADII,
    mapping=st.sampled_from(["basic", "u2"]),
)
def test_features_are_the_shares_of_codes_in_each_block_of_the_clip(seed, grid, time_blocks, radii, mapping):
    frames = clip_of(seed)
    codes = lbp_top_codes(frames, points=4, radii=radii)
    bin_of = uniform_bins(4) if mapping == "u2" else np.arange(16)
    cuts = [edges(n, parts) for n, parts in zip(frames.shape, (time_blocks, *grid), strict=True)]
    expected = []
    for block in np.ndindex(time_blocks, *grid):
        for plane in PLANES:
            counts = np.zeros(bin_of.max() + 1)
            for place, code in np.ndenumerate(codes[plane]):
                at = [i + radius for i, radius in zip(place, radii[::-1], strict=True)]
                if all(cut[b] <= i < cut[b + 1] for cut, b, i in zip(cuts, block, at, strict=True)):
                    counts[bin_of[code]] += 1
            expected.append(counts / max(counts.sum(), 1))
    found = lbp_top(frames, grid=grid, time_blocks=time_blocks, radii=radii, mapping=mapping)
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({}, 1200),
        ({"mapping": "u2"}, 1125),
        ({"points": 8, "mapping": "u2"}, 4425),
        ({"grid": (8, 8), "points": 8, "mapping": "u2"}, 11328),
        ({"radii": (1, 1, 4)}, 1200),
        ({"grid": (8, 8), "time_blocks": 2}, 6144),
        ({"grid": (6, 6), "points": 8, "radii": (3, 3, 3), "mapping": "u2"}, 6372),
        ({"grid": (1, 1), "points": 16, "mapping": "u2"}, 729),
    ],
)
def test_published_settings_have_their_lengths_and_histograms_sum_to_one(options, length):
    features = lbp_top(clip_of(0, shape=(12, 40, 30)), **options)
    assert features.shape == (length,)
    assert features.dtype == np.float64
    blocks = math.prod(options.get("grid", (5, 5))) * options.get("time_blocks", 1)
    np.testing.assert_allclose(features.reshape(blocks, 3, -1).sum(axis=-1), 1)


def test_blocks_without_a_centre_are_zero():
    features = lbp_top(clip_of(0, shape=(5, 6, 6)), grid=(6, 2), radii=(1, 1, 2)).reshape(6, 2, 3, 16)
    np.testing.assert_array_equal(features.sum(axis=-1)[:, 0, 0], [0, 1, 1, 1, 1, 0])


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, points=POINTS, radii=RADII)
def test_a_growing_grey_map_changes_nothing(seed, points, radii):
    frames = clip_of(seed)
    options = {"grid": (2, 2), "points": points, "radii": radii}
    expected = lbp_top(frames, **options)
    for other in (0.5 * frames + 20, 255 * (frames / 255) ** 0.5, frames.astype(np.uint8)):
        np.testing.assert_array_equal(lbp_top(other, **options), expected)


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, mapping=st.sampled_from(["basic", "u2"]))
def test_histograms_of_a_plane_that_is_only_turned_round_stay(seed, mapping):
    frames = clip_of(seed, 30)
    options = {"grid": (1, 1), "points": 8, "mapping": mapping}
    xy, _, yt = lbp_top(frames, **options).reshape(3, -1)
    np.testing.assert_array_equal(lbp_top(frames[::-1], **options).reshape(3, -1)[0], xy)
    flipped = lbp_top(frames[:, :, ::-1], **options).reshape(3, -1)
    np.testing.assert_array_equal(flipped[2], yt)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 20, 20), {}, "4 frames, and 5 are needed"),
        ((8, 20, 20), {"radii": (1, 1, 4)}, "8 frames, and 9 are needed"),
        ((10, 4, 20), {"radii": (1, 2, 2)}, "4 x 20, and 5 x 3 is needed"),
        ((10, 20, 20), {"grid": (5, 21)}, "20 cannot be divided into 21"),
        ((10, 20, 20), {"time_blocks": 11}, "10 cannot be divided into 11"),
        ((20, 20), {}, "3 axes"),
        ((0, 20, 20), {}, "empty"),
    ],
)
def test_a_clip_that_is_too_short_or_too_small_is_an_error(shape, options, message):
    with pytest.raises(ShapeError, match=message):
        lbp_top(np.zeros(shape), **options)


def test_nan_is_an_error():
    with pytest.raises(ShapeError, match="NaN"):
        lbp_top(np.full((10, 20, 20), np.nan))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 1}, "2 to 16"),
        ({"points": 17}, "2 to 16"),
        ({"sampling": "cubic"}, "cubic"),
        ({"mapping": "uniform"}, "uniform"),
        ({"radii": (1, 1, 0)}, "XT"),
        ({"radii": (0, 1, 1)}, "XY"),
        ({"radii": (1, 1)}, "three whole"),
        ({"radii": (1, 1.5, 1)}, "three whole"),
        ({"radii": (1, -1, 1)}, "three whole"),
    ],
)
def test_an_option_that_does_not_exist_is_an_error(options, message):
    with pytest.raises(ConfigError, match=message):
        lbp_top(np.zeros((10, 20, 20)), **options)
    with pytest.raises(ConfigError, match="'ZT'"):
        plane_codes(np.zeros((10, 20, 20)), "ZT")


def test_the_recogniser_has_the_options_of_the_function():
    parameters = list(inspect.signature(lbp_top).parameters.values())[1:]
    assert vars(LBPTOPOptions()) == {parameter.name: parameter.default for parameter in parameters}
