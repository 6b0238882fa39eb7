"""STCLQP: a slow reference, LBP-TOP as a special case, what must not matter, codebooks, and input that does not do."""

from __future__ import annotations

import inspect
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.clips import PreparedClip
from dstan.descriptors.blocks import TOLERANCE
from dstan.descriptors.lbp_top import lbp_top
from dstan.descriptors.patterns import PLANES, Plane, neighbours, plane_codes
from dstan.descriptors.quantisation import COMPONENTS, POINTS, learn_codebooks, nearest_words, word_histograms
from dstan.descriptors.stclqp import stclqp_codes
from dstan.errors import ConfigError, ShapeError
from dstan.recognizers.stclqp import COMMON, PAPER, STCLQP, STCLQPOptions, STCLQPSettings
from dstan.svm import SVMSettings

SEEDS = st.integers(0, 2**32 - 1)
SIGMA, FLAT = 0.8, 1e-3
AXES = {"XY": ((0, 0, 1), (0, -1, 0)), "XT": ((0, 0, 1), (1, 0, 0)), "YT": ((1, 0, 0), (0, -1, 0))}


def clip_of(seed: int, shape: tuple[int, int, int] = (7, 9, 8), levels: int = 128) -> np.ndarray:
    """Return whole grey levels."""
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


def read(frames: np.ndarray, place: tuple[float, ...]) -> float:
    """Return the grey level between pixels, by the shares of those around."""
    total = 0.0
    for corner in product(*({math.floor(at), math.ceil(at)} for at in place)):
        share = math.prod(1 - abs(at - own) for at, own in zip(place, corner, strict=True))
        total += share * float(frames[corner])
    return total


def slope(frames: np.ndarray, place: tuple[int, ...], along: tuple[int, ...], across: tuple[int, ...]) -> float:
    """Return the derivative at a pixel: nine products with the 3 x 3 kernel; beyond an edge its last pixel counts."""
    total, weights = 0.0, 0.0
    for j in (-1, 0, 1):
        weight = math.exp(-j * j / (2 * SIGMA**2))
        weights += weight
        for i in (-1, 1):
            at = [p + i * a + j * c for p, a, c in zip(place, along, across, strict=True)]
            inside = tuple(min(max(value, 0), length - 1) for value, length in zip(at, frames.shape, strict=True))
            total += weight * i / 2 * float(frames[inside])
    return total / weights


def level(frames: np.ndarray, place: tuple[int, ...], plane: Plane) -> int:
    """Return the sector, 0 to 15, of the gradient at a pixel."""
    first, second = AXES[plane]
    g1, g2 = slope(frames, place, first, second), slope(frames, place, second, first)
    size = math.hypot(g1, g2)
    return 0 if size < FLAT else math.floor((math.atan2(g2, g1) + TOLERANCE / size) * 16 / (2 * math.pi)) % 16


def slow_codes(frames: np.ndarray, radius: int, points: int) -> np.ndarray:
    """Return (3, 3, T', H', W', P): bits of signs and of magnitudes, relative orientations, one by one."""
    centres = [range(radius, length - radius) for length in frames.shape]
    found = np.zeros((3, 3, *map(len, centres), points), dtype=int)
    for i, plane in enumerate(PLANES):
        offsets = neighbours(plane, points, (radius,) * 3)
        samples = {
            (*place, p): [c + float(o) for c, o in zip(place, offset, strict=True)]
            for place in product(*centres)
            for p, offset in enumerate(offsets)
        }
        differences = {key: read(frames, tuple(at)) - float(frames[key[:3]]) for key, at in samples.items()}
        mean = sum(map(abs, differences.values())) / len(differences)
        for key, difference in differences.items():
            nearest = tuple(math.floor(at + 0.5) for at in samples[key])
            turned = (level(frames, nearest, plane) - level(frames, key[:3], plane)) % 16
            own = (difference >= -TOLERANCE, abs(difference) - mean >= -TOLERANCE, turned // 4)
            found[(slice(None), i, *(c - radius for c in key[:3]), key[3])] = own
    return found


def unpacked(codes: np.ndarray, points: int) -> np.ndarray:
    """Return the same from bytes."""
    signs, magnitudes = (np.unpackbits(codes[:, part], axis=1, bitorder="little") for part in (slice(2), slice(2, 4)))
    turns = np.stack([codes[:, 4 + p // 4] >> 2 * (p % 4) & 3 for p in range(16)], axis=1)
    return np.stack([np.moveaxis(part[:, :points], 1, -1) for part in (signs, magnitudes, turns)])


def identity_codebooks(points: int) -> dict[str, np.ndarray]:
    """Return codebooks whose word k is the pattern k; all of orientation are one word."""
    bits = np.tile(np.arange(2**points)[:, None] >> np.arange(16) & 1, (3, 1, 1)).astype(float)
    return {"sign": bits, "magnitude": bits, "orientation": np.zeros((3, 2**points, 32))}


@pytest.mark.parametrize(("radius", "points"), [(1, 4), (1, 8), (2, 16), (2, 5)])
def test_codes_equal_a_plain_loop_over_pixels_and_samples(radius: int, points: int) -> None:
    frames = clip_of(radius * 100 + points, (6, 7, 8))
    assert np.array_equal(
        unpacked(stclqp_codes(frames, radius=radius, points=points), points), slow_codes(frames, radius, points)
    )


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([(1, 4), (1, 8), (2, 16)]))
def test_signs_are_the_local_binary_patterns_of_the_same_circle(seed: int, circle: tuple[int, int]) -> None:
    radius, points = circle
    frames = clip_of(seed, levels=12)
    codes = stclqp_codes(frames, radius=radius, points=points)
    for plane, own in zip(PLANES, codes, strict=True):
        patterns = plane_codes(frames, plane, points=points, radii=(radius,) * 3, sampling="bilinear")
        assert np.array_equal(own[0] + 256 * own[1].astype(int), patterns)


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([(1, 1), (2, 3)]))
def test_sixteen_words_that_are_the_patterns_themselves_give_lbp_top(seed: int, grid: tuple[int, int]) -> None:
    frames = clip_of(seed, levels=12)
    codes = stclqp_codes(frames, radius=1, points=4)
    histograms = word_histograms(codes, identity_codebooks(4), shape=frames.shape[1:], grid=grid)
    assert np.array_equal(histograms[: 48 * grid[0] * grid[1]], lbp_top(frames, grid=grid, points=4, radii=(1, 1, 1)))


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([0.25, 0.5, 1.5, 2.0]), st.integers(-40, 40))
def test_contrast_and_brightness_do_not_matter(seed: int, contrast: float, brightness: int) -> None:
    frames = clip_of(seed)
    one, other = stclqp_codes(frames), stclqp_codes(contrast * frames + brightness)
    assert (one != other).mean() < 5e-3  # only what lies within the tolerance of grey levels


def test_a_constant_clip_has_all_bits_of_sign_and_magnitude_and_no_orientation() -> None:
    for grey in (0, 77.7, 255):
        codes = stclqp_codes(np.full((5, 9, 9), grey, dtype=np.float32))
        assert (codes[:, :4] == 255).all()
        assert not codes[:, 4:].any()
        histograms = word_histograms(codes, learn_codebooks([codes], words=3), shape=(9, 9), grid=(2, 2))
        assert set(histograms.reshape(-1, 3)[:, 0]) == {1.0}


def test_a_clip_without_motion_turns_towards_time_nowhere() -> None:
    still = np.repeat(clip_of(3, (1, 12, 12)), 6, axis=0)
    across_time = stclqp_codes(still)[1:, 4:]
    turns = unpacked(np.concatenate([np.zeros_like(across_time)[:, :4], across_time], axis=1), 16)[2]
    assert set(np.unique(turns)) <= {0, 2}


def test_a_slope_has_one_orientation_everywhere() -> None:
    ramp = np.broadcast_to(np.arange(12, dtype=np.float32) * 5, (6, 12, 12))
    assert not stclqp_codes(ramp)[:2, 4:].any()


def test_a_gradient_below_a_thousandth_of_a_grey_level_has_the_orientation_zero() -> None:
    plain_then_falling = np.broadcast_to(np.minimum(0.0, 6 - np.arange(14)), (5, 12, 14))
    for slope, turns in ((9e-4, {0}), (2e-3, {0, 2})):
        assert set(np.unique(unpacked(stclqp_codes(slope * plain_then_falling), 16)[2, 0])) == turns


def test_a_magnitude_is_compared_with_the_mean_of_its_own_plane() -> None:
    frames = np.zeros((7, 9, 9), dtype=np.float32)
    frames[3:] = 100  # nothing differs inside a frame; in time, everything at once
    codes = stclqp_codes(frames)
    assert (codes[0, 2:4] == 255).all()
    bits = np.unpackbits(codes[1, 2:4], axis=0)
    assert 0 < bits.mean() < 0.5


def test_the_full_size_has_11520_values_that_sum_to_one_on_each_plane_of_each_block() -> None:
    frames = clip_of(0, (10, 170, 140))
    codes = stclqp_codes(frames)
    assert codes.shape == (3, 8, 6, 166, 136)
    codebooks = learn_codebooks([codes], samples=500)
    histograms = word_histograms(codes, codebooks, shape=(170, 140))
    assert histograms.shape == (11_520,)
    np.testing.assert_allclose(histograms.reshape(3, 64, 3, 20).sum(axis=-1), 1)


def test_histograms_are_ordered_by_component_block_plane_and_word() -> None:
    frames = np.zeros((5, 16, 16), dtype=np.float32)
    frames[:, 8:, 8:] = clip_of(5, (5, 8, 8))  # only the last block has neighbours that are darker
    codes = stclqp_codes(frames, radius=1, points=4)
    histograms = word_histograms(codes, identity_codebooks(4), shape=(16, 16), grid=(2, 2))
    signs = histograms[: 4 * 3 * 16].reshape(4, 3, 16)
    assert (signs[0, :, 15] == 1).all()
    assert (signs[3, :, 15] < 0.5).all()
    own = word_histograms(codes[:, :, :, 7:, 7:], identity_codebooks(4), shape=(9, 9), grid=(1, 1))[:48]
    np.testing.assert_array_equal(signs[3].ravel(), own)


def test_a_block_without_a_centre_is_zero() -> None:
    codes = stclqp_codes(clip_of(1, (5, 8, 8)))
    histograms = word_histograms(codes, learn_codebooks([codes], words=2), shape=(8, 8), grid=(8, 8))
    blocks = histograms.reshape(3, 8, 8, 6).sum(axis=-1)
    assert not blocks[:, :2].any()
    np.testing.assert_allclose(blocks[:, 2:6, 2:6], 3)


def test_bits_differ_by_hamming_and_orientations_by_their_angle() -> None:
    bits, angles = POINTS["sign"], POINTS["orientation"]
    for one, other in ((0, 255), (0b1010, 0b0110), (7, 7)):
        assert ((bits[one] - bits[other]) ** 2).sum() == (one ^ other).bit_count()
    between = [((angles[0] - angles[turned]) ** 2).sum() for turned in range(4)]
    assert between == [0, 2, 4, 2]
    assert ((angles[0b11_10_01_00] - angles[0]) ** 2).sum() == 8


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from(list(COMPONENTS)), st.integers(1, 9))
def test_the_nearest_word_is_that_of_a_search_through_all(seed: int, name: str, words: int) -> None:
    rng = np.random.default_rng(seed)
    n_bytes = len(range(*COMPONENTS[name].indices(8)))
    codes = rng.integers(0, 256, (n_bytes, 2, 3, 4)).astype(np.uint8)
    book = rng.normal(size=(words, 8 * n_bytes))
    found = nearest_words(codes, book, POINTS[name])
    for place in product(range(2), range(3), range(4)):
        vector = np.concatenate([POINTS[name][codes[(b, *place)]] for b in range(n_bytes)])
        assert found[place] == ((book - vector) ** 2).sum(axis=1).argmin()


def test_codebooks_are_the_same_under_one_seed_and_others_under_another() -> None:
    described = [stclqp_codes(clip_of(seed, (6, 14, 14))) for seed in range(3)]
    first, again, other = (learn_codebooks(described, words=5, samples=300, seed=seed) for seed in (1, 1, 2**40 + 3))
    for name in COMPONENTS:
        assert np.array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])
    assert {name: book.shape for name, book in first.items()} == {
        "sign": (3, 5, 16),
        "magnitude": (3, 5, 16),
        "orientation": (3, 5, 32),
    }


def test_words_are_the_means_of_what_is_nearest_to_them() -> None:
    codes = stclqp_codes(clip_of(8, (6, 16, 16)))
    books = learn_codebooks([codes], words=4, samples=10**6)
    for name, part in COMPONENTS.items():
        for plane, book in enumerate(books[name]):
            vectors = np.concatenate(POINTS[name][codes[plane, part]], axis=-1).reshape(-1, book.shape[1])
            nearest = nearest_words(codes[plane, part], book, POINTS[name]).ravel()
            means = np.array([vectors[nearest == word].mean(axis=0) for word in range(4)])
            np.testing.assert_allclose(means, book, atol=0.02)


def test_each_clip_gives_equally_many_neighbourhoods() -> None:
    long, short = np.zeros((3, 8, 40, 6, 6), np.uint8), np.full((3, 8, 4, 6, 6), 255, np.uint8)
    book = learn_codebooks([long, short], words=1, samples=200)["sign"]
    np.testing.assert_allclose(book, 0.5)


def test_fewer_different_neighbourhoods_than_words_are_the_words() -> None:
    codes = np.zeros((3, 8, 1, 2, 3), dtype=np.uint8)
    codes[..., 0] = 255
    books = learn_codebooks([codes], words=5)
    assert np.array_equal(books["sign"][0], np.array([0, 1, 1, 1, 1])[:, None] * np.ones(16))
    assert set(nearest_words(codes[0, :2], books["sign"][0], POINTS["sign"]).ravel()) == {0, 1}


def test_a_clip_that_is_too_short_or_small_or_not_finite_says_so() -> None:
    with pytest.raises(ShapeError, match=r"4 frames, and 5 are needed.*steps"):
        stclqp_codes(np.zeros((4, 9, 9)))
    with pytest.raises(ShapeError, match="5 x 5 is needed"):
        stclqp_codes(np.zeros((5, 9, 4)))
    with pytest.raises(ShapeError, match="NaN"):
        stclqp_codes(np.full((5, 9, 9), np.nan))


@pytest.mark.parametrize("circle", [{"points": 17}, {"points": 1}, {"radius": 0}])
def test_a_circle_that_cannot_be_says_so(circle: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        stclqp_codes(np.zeros((5, 9, 9)), **circle)


def test_the_options_are_the_defaults_of_the_functions() -> None:
    options = STCLQPOptions()
    for function, names in (
        (stclqp_codes, ("radius", "points")),
        (learn_codebooks, ("words", "samples")),
        (word_histograms, ("grid",)),
    ):
        for name in names:
            assert inspect.signature(function).parameters[name].default == getattr(options, name)
    assert COMMON.descriptor == PAPER.descriptor == options


def small_clips(n: int = 12) -> list[PreparedClip]:
    """Return clips of two classes and four people, told apart by which way their stripes run."""
    waves = np.sin(np.arange(24) * 1.3) * 60 + 120
    grids = (np.broadcast_to(waves[:, None], (24, 24)), np.broadcast_to(waves, (24, 24)))
    return [
        PreparedClip.from_arrays(
            appearance=(clip_of(i, (5, 24, 24), 30) + grids[i % 2]).astype(np.float32),
            label="ab"[i % 2],
            subject=str(i // 2 % 4),
            clip_id=str(i),
        )
        for i in range(n)
    ]


def small(**options: object) -> STCLQP:
    """Return a recogniser that is quick to fit."""
    own = STCLQPOptions(**{"grid": (2, 2), "words": 4, "samples": 500, "dimensions": (2, 80), **options})
    return STCLQP("stclqp", STCLQPSettings(descriptor=own, svm=SVMSettings(C=(1.0, 8.0), parts=2)))


@pytest.mark.parametrize("reduction", ["slpp", "none"])
def test_it_tells_stripes_apart_with_and_without_the_projection(reduction: str) -> None:
    clips = small_clips(16)
    recognizer = small(reduction=reduction).fit(clips[:12])
    assert recognizer.predict(clips[12:]) == [clip.label for clip in clips[12:]]
    assert set(recognizer.fitted) == ({"mean", *COMPONENTS} if reduction == "slpp" else set())


def test_codebooks_and_projection_depend_on_training_clips_alone() -> None:
    clips = small_clips(12)
    recognizer = small().fit(clips[:10])
    before = {name: value.copy() for name, value in {**recognizer.learned, **recognizer.fitted}.items()}
    recognizer.predict(clips[10:])
    assert all(np.array_equal({**recognizer.learned, **recognizer.fitted}[name], old) for name, old in before.items())
    other = small().fit(clips[2:])
    assert not np.array_equal(other.learned["sign"], recognizer.learned["sign"])


def test_the_dimension_is_limited_by_the_training_clips() -> None:
    recognizer = small(dimensions=(80,)).fit(small_clips(12))
    assert recognizer.variant == 80
    assert all(recognizer.fitted[name].shape[1] <= 12 - 1 - 2 for name in COMPONENTS)


def test_a_grid_finer_than_the_frames_names_the_clip() -> None:
    with pytest.raises(ShapeError, match=r"arrays/0/0: a length of 24 cannot be divided into 25 blocks"):
        small(grid=(25, 2)).fit(small_clips(12))


def test_a_codebook_without_words_is_refused_before_a_compiled_loop_reads_behind_it() -> None:
    with pytest.raises(ShapeError, match="holds no words"):
        nearest_words(np.zeros((2, 3, 4, 4), np.uint8), np.zeros((0, 16)), np.zeros((256, 8)))
