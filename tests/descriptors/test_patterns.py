"""Codes on planes: worked examples, a slow reference, scikit-image, and what moves their bits."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern

from dstan.descriptors.blocks import TOLERANCE, uniform_bins
from dstan.descriptors.lbp_top import lbp_top_codes
from dstan.descriptors.patterns import PLANES, mapped, plane_codes, sampling_taps

PATCH = np.array([[6, 5, 2], [7, 6, 1], [9, 8, 7]])
SEEDS = st.integers(0, 2**32 - 1)
RADII = st.tuples(*[st.integers(1, 2)] * 3)
SAMPLING = st.sampled_from(["nearest", "bilinear"])
POINTS = st.sampled_from([4, 8, 16])


def clip_of(seed: int, levels: int = 256, shape: tuple[int, ...] = (7, 9, 8)) -> np.ndarray:
    """Return whole grey levels; with few of them neighbours are often equal."""
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


def neighbour(plane: str, p: int, points: int, radii: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return the offset of neighbour p along (t, y, x)."""
    a = 2 * math.pi * p / points
    x, y, t = radii
    at = {
        "XY": (0, -y * math.sin(a), x * math.cos(a)),
        "XT": (t * math.sin(a), 0, x * math.cos(a)),
        "YT": (t * math.cos(a), -y * math.sin(a), 0),
    }[plane]
    return tuple(round(value, 9) for value in at)


def read(frames: np.ndarray, t: float, y: float, x: float, sampling: str) -> float:
    """Return the grey level at a place between pixels."""
    if sampling == "nearest":
        return float(frames[math.floor(t + 0.5), math.floor(y + 0.5), math.floor(x + 0.5)])
    total = 0.0
    for corner in product(*({math.floor(at), math.ceil(at)} for at in (t, y, x))):
        share = math.prod(1 - abs(at - own) for at, own in zip((t, y, x), corner, strict=True))
        total += share * float(frames[corner])
    return total


def slow_differences(
    frames: np.ndarray, plane: str, points: int, radii: tuple[int, int, int], sampling: str
) -> np.ndarray:
    """Return (t, h, w, P) how much brighter each neighbour is than its centre, one by one."""
    rx, ry, rt = radii
    T, H, W = frames.shape
    found = np.zeros((T - 2 * rt, H - 2 * ry, W - 2 * rx, points))
    for t, y, x, p in np.ndindex(*found.shape):
        dt, dy, dx = neighbour(plane, p, points, radii)
        centre = (t + rt, y + ry, x + rx)
        sample = read(frames, centre[0] + dt, centre[1] + dy, centre[2] + dx, sampling)
        found[t, y, x, p] = sample - float(frames[centre])
    return found


def codes_of(bits: np.ndarray) -> np.ndarray:
    """Return the codes of (..., P) bits."""
    return (bits << np.arange(bits.shape[-1])).sum(-1)


def bits_moved(codes: np.ndarray, source: list[int]) -> np.ndarray:
    """Return codes whose bit p is what bit ``source[p]`` was."""
    return codes_of(np.stack([codes.astype(int) >> q & 1 for q in source], axis=-1))


def mirrored(points: int) -> list[int]:
    """Return for each neighbour that on the other side of the vertical axis: its cosine changes sign."""
    return [(points // 2 - p) % points for p in range(points)]


def upside_down(points: int) -> list[int]:
    """Return for each neighbour that on the other side of the horizontal axis: its sine changes sign."""
    return [-p % points for p in range(points)]


@pytest.mark.parametrize(
    ("points", "sampling", "code", "bin_of_code"),
    [(4, "nearest", 12, 10), (4, "bilinear", 12, 10), (8, "nearest", 248, 51), (8, "bilinear", 120, 25)],
)
def test_the_patch_of_the_specification_has_its_codes(points, sampling, code, bin_of_code):
    frames = np.stack([PATCH] * 3)
    codes = lbp_top_codes(frames, points=points, radii=(1, 1, 1), sampling=sampling)["XY"]
    assert codes.tolist() == [[[code]]]
    assert uniform_bins(points)[code] == bin_of_code
    assert mapped(codes, uniform_bins(points)).tolist() == [[[bin_of_code]]]


def test_bilinear_samples_of_the_patch_are_those_of_the_specification():
    taps, weights = sampling_taps("XY", 8, (1, 1, 1), "bilinear")
    samples = (PATCH[taps[..., 1] + 1, taps[..., 2] + 1] * weights).sum(axis=1)
    np.testing.assert_allclose(samples, [1, 2.7574, 5, 6, 7, 8.1213, 8, 5.8787], atol=5e-5)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("sampling", ["nearest", "bilinear"])
@settings(deadline=None, max_examples=12)
@given(seed=SEEDS, levels=st.sampled_from([3, 256]), points=POINTS, radii=RADII)
def test_codes_are_those_of_a_slow_reference(plane, sampling, seed, levels, points, radii):
    frames = clip_of(seed, levels, (6, 7, 6))
    slow = slow_differences(frames, plane, points, radii, sampling)
    sure = (np.abs(slow + TOLERANCE) > 1e-4).all(axis=-1)
    codes = plane_codes(frames, plane, points=points, radii=radii, sampling=sampling)
    assert codes.dtype == (np.uint8 if points <= 8 else np.uint16)
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(codes[sure], codes_of(slow >= -TOLERANCE)[sure])


@pytest.mark.parametrize(("points", "radius"), [(4, 1), (4, 2), (8, 1), (8, 2), (16, 2)])
@pytest.mark.filterwarnings("ignore:Applying `local_binary_pattern`")
def test_codes_are_those_of_scikit_image_slice_by_slice(points, radius):
    frames = np.random.default_rng(points).uniform(0, 255, (8, 10, 9))
    radii = (radius,) * 3
    inner = (slice(radius, -radius),) * 3
    codes = lbp_top_codes(frames, points=points, radii=radii, sampling="bilinear")
    theirs = {
        "XY": np.stack([local_binary_pattern(plane, points, radius) for plane in frames]),
        # its second axis points up, against the frames' order: upside down
        "XT": np.stack([local_binary_pattern(frames[:, y], points, radius) for y in range(10)], axis=1),
        "YT": np.stack([local_binary_pattern(frames[:, :, x].T, points, radius).T for x in range(9)], axis=2),
    }
    for plane in PLANES:
        expected = theirs[plane][inner].astype(int)
        if plane == "XT":
            expected = bits_moved(expected, upside_down(points))
        # its places are rounded to 5 decimals
        sure = (np.abs(slow_differences(frames, plane, points, radii, "bilinear")) > 5e-3).all(axis=-1)
        assert sure.mean() > 0.95
        np.testing.assert_array_equal(codes[plane][sure], expected[sure])


@pytest.mark.parametrize(("points", "bins"), [(4, 15), (8, 59)])
def test_u2_joins_the_codes_that_scikit_image_joins(points, bins):
    image = np.random.default_rng(0).integers(0, 256, (200, 200))
    codes = local_binary_pattern(image, points, 1).astype(int)
    theirs = local_binary_pattern(image, points, 1, "nri_uniform").astype(int)
    assert len(np.unique(codes)) == 1 << points
    pairs = np.unique(np.stack([uniform_bins(points)[codes].ravel(), theirs.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == bins


def test_a_clip_of_the_default_size_has_46368_codes_on_every_plane():
    codes = lbp_top_codes(np.zeros((10, 170, 140), np.uint8), radii=(1, 1, 4))
    assert [codes[plane].size for plane in PLANES] == [46368] * 3


@settings(deadline=None, max_examples=15)
@given(level=st.floats(0, 255, width=32), points=POINTS, sampling=SAMPLING, radii=RADII)
def test_a_constant_clip_has_all_bits_set(level, points, sampling, radii):
    codes = lbp_top_codes(np.full((5, 6, 7), level), points=points, sampling=sampling, radii=radii)
    assert all((codes[plane] == (1 << points) - 1).all() for plane in PLANES)


def test_a_neighbour_that_is_darker_by_rounding_alone_counts_as_equal():
    frames = np.full((3, 3, 3), 100.0)
    frames[1, 1, 1] = 100 + 1e-4
    assert plane_codes(frames, "XY", radii=(1, 1, 1)).item() == 15
    frames[1, 1, 1] = 100 + 1e-3
    assert plane_codes(frames, "XY", radii=(1, 1, 1)).item() == 0


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, points=POINTS)
def test_on_a_static_clip_time_has_no_part_in_the_bits(seed, points):
    image = clip_of(seed, 20, (9, 8))
    codes = lbp_top_codes(np.stack([image] * 5), points=points, radii=(2, 2, 2))
    for p in range(points):
        _, dy, dx = (math.floor(value + 0.5) for value in neighbour("XY", p, points, (2, 2, 2)))
        centre, sideways, upright = (image[2 + y : 7 + y, 2 + x : 6 + x] for y, x in ((0, 0), (0, dx), (dy, 0)))
        assert ((codes["XT"] >> p & 1) == (sideways >= centre)).all()
        assert ((codes["YT"] >> p & 1) == (upright >= centre)).all()
    quarter = points // 4
    assert (codes["XT"] >> quarter & codes["XT"] >> 3 * quarter & 1).all()
    assert (codes["YT"] & codes["YT"] >> 2 * quarter & 1).all()


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, points=POINTS, sampling=SAMPLING, radii=RADII)
def test_turning_time_or_an_axis_round_moves_bits(seed, points, sampling, radii):
    frames = np.random.default_rng(seed).uniform(0, 255, (7, 9, 8))
    options = {"points": points, "sampling": sampling, "radii": radii}
    codes = lbp_top_codes(frames, **options)
    same, across, down = list(range(points)), mirrored(points), upside_down(points)
    for axis, moves in enumerate(((same, down, across), (down, same, down), (across, across, same))):
        turned = lbp_top_codes(np.flip(frames, axis), **options)
        for plane, source in zip(PLANES, moves, strict=True):
            moved = bits_moved(np.flip(codes[plane], axis), source)
            # a sum in another order may fall on the other side of the tolerance
            assert (turned[plane] == moved).mean() >= (1 if sampling == "nearest" else 0.95)


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, points=POINTS, sampling=SAMPLING, t=st.integers(0, 2), y=st.integers(0, 2), x=st.integers(0, 2))
def test_codes_move_with_what_is_shown(seed, points, sampling, t, y, x):
    frames = clip_of(seed, shape=(8, 9, 10))
    options = {"points": points, "sampling": sampling, "radii": (1, 2, 1)}
    whole, part = lbp_top_codes(frames, **options), lbp_top_codes(frames[t:, y:, x:], **options)
    for plane in PLANES:
        np.testing.assert_array_equal(part[plane], whole[plane][t:, y:, x:])


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("points", [3, 4, 8, 12, 16])
def test_neighbours_stay_within_the_radii_and_their_shares_sum_to_one(plane, points):
    for sampling in ("nearest", "bilinear"):
        taps, weights = sampling_taps(plane, points, (3, 1, 2), sampling)
        assert (np.abs(taps) <= (2, 1, 3)).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_a_half_is_rounded_up_when_the_nearest_pixel_is_read():
    taps, _ = sampling_taps("XY", 12, (1, 1, 1))
    assert taps[2, 0].tolist() == [0, -1, 1]
    assert taps[4, 0].tolist() == [0, -1, 0]


def test_one_plane_of_single_frames_needs_no_radius_in_time():
    frames = clip_of(0)
    alone = plane_codes(frames, "XY", points=8, radii=(1, 1, 0))
    np.testing.assert_array_equal(alone[1:-1], plane_codes(frames, "XY", points=8, radii=(1, 1, 1)))
