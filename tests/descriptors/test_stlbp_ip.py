"""STLBP-IP: projections and codes known by hand, a plain reference, scikit-image, and what must not change them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern

from dstan.clips import PreparedClip
from dstan.descriptors.blocks import TOLERANCE, uniform_bins
from dstan.descriptors.stlbp_ip import line_codes, projections, stlbp_ip
from dstan.errors import ConfigError, ShapeError
from dstan.recognizers.stlbp_ip import COMMON, PAPER, STLBPIP

U2 = uniform_bins(8)
PROPERTY = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
LEVELS = st.sampled_from([2, 5, 256])
SMALL = {"grid": (2, 2), "radius": 1, "sampling": "nearest"}


def random_clip(seed, shape=(8, 22, 19)):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)


def levels_of(seed, levels, shape=(6, 20, 18)):
    """Whole grey levels; the fewer there are, the more neighbours equal their centre."""
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


CLIPS = st.builds(levels_of, SEEDS, LEVELS)
IMAGES = st.builds(lambda seed: levels_of(seed, 400, (20, 18)) - 200, SEEDS)


def slow(frames, grid, radius, mapping, sampling, pad, dead_zone):
    """From the formulas, block by block, frame by frame, position by position."""
    frames = frames.astype(np.float64)
    height, width = frames.shape[1:]
    features = []
    for row in range(grid[0]):
        top, bottom = row * height // grid[0], (row + 1) * height // grid[0]
        for column in range(grid[1]):
            left, right = column * width // grid[1], (column + 1) * width // grid[1]
            block = frames[1:, top:bottom, left:right] - frames[0, top:bottom, left:right]
            h, v = block.mean(axis=2), block.mean(axis=1)
            for lines in (h, v):
                features.append(slow_lines(lines, mapping, pad, dead_zone))
            features.append(slow_plane(v, radius, sampling, pad, dead_zone, math.sin, math.cos))
            features.append(slow_plane(h, radius, sampling, pad, dead_zone, math.cos, lambda a: -math.sin(a)))
    return np.concatenate(features)


def slow_lines(lines, mapping, pad, dead_zone):
    if pad == "edge":
        lines = np.pad(lines, ((0, 0), (4, 4)), mode="edge")
    bins = U2 if mapping == "u2" else np.arange(256)
    total = np.zeros(bins.max() + 1)
    for line in lines:
        counts = np.zeros_like(total)
        for i in range(4, len(line) - 4):
            bits = "".join("1" if line[i + k] - line[i] >= -dead_zone - TOLERANCE else "0" for k in [-4, -3, -2, -1])
            bits += "".join("1" if line[i + k] - line[i] >= -dead_zone - TOLERANCE else "0" for k in [1, 2, 3, 4])
            counts[bins[int(bits, 2)]] += 1
        total += counts / counts.sum()
    return total / len(lines)


def slow_plane(image, radius, sampling, pad, dead_zone, along_time, along_space):
    if pad == "edge":
        image = np.pad(image, ((0, 0), (radius, radius)), mode="edge")
    counts = np.zeros(59)
    for t in range(radius, image.shape[0] - radius):
        for s in range(radius, image.shape[1] - radius):
            code = 0
            for p in range(8):
                dt = round(radius * along_time(math.pi * p / 4), 9)
                ds = round(radius * along_space(math.pi * p / 4), 9)
                sample = read(image, t + dt, s + ds, sampling)
                code += (sample - image[t, s] >= -dead_zone - TOLERANCE) * 2**p
            counts[U2[code]] += 1
    return counts / counts.sum()


def read(image, t, s, sampling):
    if sampling == "nearest":
        return image[math.floor(t + 0.5), math.floor(s + 0.5)]
    t0, s0 = math.floor(t), math.floor(s)
    value = 0.0
    for row, share in ((t0, 1 - (t - t0)), (t0 + 1, t - t0)):
        for column, part in ((s0, 1 - (s - s0)), (s0 + 1, s - s0)):
            if share * part > 0:
                value += share * part * image[row, column]
    return value


def test_the_line_code_of_the_worked_example_is_1():
    assert line_codes(np.array([1, 2, 3, 4, 5, 4, 3, 2, 9])).tolist() == [1]


def test_the_first_neighbour_of_a_line_is_the_most_significant_bit():
    assert line_codes(np.array([9, 2, 3, 4, 5, 4, 3, 2, 1])).tolist() == [128]


def test_projections_of_the_worked_example():
    difference = np.array([[1.0, 2, 3], [4, 5, 6]])
    h, v = projections(np.stack([np.full((2, 3), 7.0), 7 + difference]), (1, 1))
    assert h[0, :, 0].tolist() == [2, 5]
    assert v[0, :, 0].tolist() == [2.5, 3.5, 4.5]


def test_projections_are_those_of_each_block():
    clip = random_clip(0)
    h, v = projections(clip, (2, 3))
    difference = clip[4].astype(float) - clip[0]
    assert h.shape == (7, 22, 3)
    assert v.shape == (7, 19, 2)
    assert h[3, 12, 1] == pytest.approx(difference[12, 6:12].mean())
    assert v[3, 5, 1] == pytest.approx(difference[11:, 5].mean())


@pytest.mark.parametrize(("mapping", "only"), [("u2", 57), ("basic", 255)])
def test_a_static_clip_has_one_code(mapping, only):
    static = np.repeat(random_clip(1)[:1], 8, axis=0)
    feature = stlbp_ip(static, grid=(2, 1), line_mapping=mapping).reshape(2, -1)
    bins = 59 if mapping == "u2" else 256
    expected = [only, bins + only, 2 * bins + 57, 2 * bins + 59 + 57]
    for block in feature:
        assert np.flatnonzero(block).tolist() == expected
        assert np.all(block[expected] == 1)


@pytest.mark.parametrize("grid", [(1, 1), (8, 9), (3, 2)])
def test_there_are_236_values_for_each_block_or_630_with_all_line_codes(grid):
    clip = random_clip(2, (10, 170, 140))
    blocks = grid[0] * grid[1]
    assert stlbp_ip(clip, grid=grid).shape == (236 * blocks,)
    assert stlbp_ip(clip, grid=grid, line_mapping="basic").shape == (630 * blocks,)


@PROPERTY
@given(CLIPS)
def test_every_histogram_sums_to_1(clip):
    feature = stlbp_ip(clip, **SMALL).reshape(-1, 59)
    assert np.allclose(feature.sum(axis=1), 1)


@PROPERTY
@given(CLIPS, IMAGES)
def test_an_image_added_to_every_frame_changes_nothing(clip, image):
    assert np.array_equal(stlbp_ip(clip, **SMALL), stlbp_ip(clip + image, **SMALL))


@PROPERTY
@given(CLIPS, st.sampled_from([0.25, 0.5, 2.0, 3.0, 8.0]))
def test_a_positive_factor_changes_nothing(clip, factor):
    assert np.array_equal(stlbp_ip(clip, **SMALL), stlbp_ip(clip * np.float32(factor), **SMALL))


def test_a_positive_factor_changes_nothing_between_positions_either():
    clip = np.round(random_clip(3))
    assert np.array_equal(stlbp_ip(clip, grid=(2, 2)), stlbp_ip(2 * clip, grid=(2, 2)))


@PROPERTY
@given(CLIPS)
def test_a_vertical_flip_reverses_the_codes_of_rows_and_leaves_those_of_columns(clip):
    one = stlbp_ip(clip, **SMALL, line_mapping="basic").reshape(2, 2, 630)
    other = stlbp_ip(clip[:, ::-1], **SMALL, line_mapping="basic").reshape(2, 2, 630)[::-1]
    codes = np.arange(256)
    backwards = np.array([int(f"{code:08b}"[::-1], 2) for code in codes])
    assert np.array_equal(one[..., :256], other[..., backwards])
    assert np.array_equal(one[..., 256:571], other[..., 256:571])
    mirrored = np.array([sum((code >> p & 1) << (-p % 8) for p in range(8)) for code in codes])
    turned = np.zeros(59, dtype=int)
    turned[U2] = U2[mirrored]
    assert np.array_equal(one[..., 571:], other[..., 571:][..., turned])


def test_what_happens_in_a_block_stays_in_it():
    clip = random_clip(4, (8, 24, 24))
    changed = clip.copy()
    changed[:, 12:, :12] = random_clip(5, (8, 12, 12))
    one, other = (stlbp_ip(frames, grid=(2, 2)).reshape(4, -1) for frames in (clip, changed))
    assert [bool(np.array_equal(a, b)) for a, b in zip(one, other, strict=True)] == [True, True, False, True]


@pytest.mark.parametrize("pad", ["none", "edge"])
@pytest.mark.parametrize("sampling", ["nearest", "bilinear"])
@pytest.mark.parametrize(("radius", "mapping", "dead_zone"), [(1, "u2", 0.0), (2, "basic", 5.0), (3, "u2", 0.5)])
def test_it_equals_a_plain_reference(radius, mapping, dead_zone, sampling, pad):
    clip = random_clip(radius)
    fast = stlbp_ip(
        clip, grid=(2, 2), radius=radius, line_mapping=mapping, sampling=sampling, pad=pad, dead_zone=dead_zone
    )
    assert np.allclose(fast, slow(clip, (2, 2), radius, mapping, sampling, pad, dead_zone), atol=1e-12)


def test_blocks_smaller_than_the_mask_equal_the_reference_with_projections_continued():
    clip = random_clip(6, (6, 13, 7))
    fast = stlbp_ip(clip, grid=(4, 3), pad="edge")
    assert np.allclose(fast, slow(clip, (4, 3), 2, "u2", "bilinear", "edge", 0.0), atol=1e-12)


@pytest.mark.filterwarnings("ignore:Applying `local_binary_pattern` to floating-point images")
@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_plane_codes_are_those_of_scikit_image(radius):
    clip = random_clip(7, (12, 20, 17))
    h, v = projections(clip, (1, 1))
    inner = (slice(radius, -radius), slice(radius, -radius))
    of_rows = local_binary_pattern(h[..., 0].T, 8, radius)[inner]
    of_columns = local_binary_pattern(v[::-1, :, 0], 8, radius)[inner]
    feature = stlbp_ip(clip, grid=(1, 1), radius=radius)
    for part, codes in ((feature[118:177], of_columns), (feature[177:], of_rows)):
        counts = np.bincount(U2[codes.astype(int)].ravel(), minlength=59)
        assert np.allclose(part, counts / counts.sum())


def test_a_little_noise_counts_as_no_motion_within_the_dead_zone():
    noise = np.random.default_rng(8).uniform(-0.04, 0.04, (8, 20, 20))
    clip = (100 + noise).astype(np.float32)
    still = stlbp_ip(clip, grid=(1, 1), dead_zone=0.1)
    assert np.flatnonzero(still).tolist() == [57, 116, 175, 234]
    assert np.count_nonzero(stlbp_ip(clip, grid=(1, 1))) > 4


def test_too_few_frames_for_the_radius_are_an_error():
    assert np.isfinite(stlbp_ip(random_clip(0, (6, 20, 20)), grid=(1, 1))).all()
    with pytest.raises(ShapeError, match=r"5 frames, and 6 are needed.*recipe\.steps"):
        stlbp_ip(random_clip(0, (5, 20, 20)), grid=(1, 1))


def test_blocks_smaller_than_the_mask_are_an_error_that_names_the_way_out():
    with pytest.raises(ShapeError, match=r"8 x 10 pixels, and 9 x 9 is needed.*descriptor\.pad=edge"):
        stlbp_ip(random_clip(0, (8, 16, 20)), grid=(2, 2))


def test_more_blocks_than_pixels_are_an_error():
    with pytest.raises(ShapeError, match="divided into 30 blocks"):
        stlbp_ip(random_clip(0), grid=(30, 1), pad="edge")


@pytest.mark.parametrize("bad", [{"radius": 0}, {"line_mapping": "riu2"}, {"pad": "wrap"}, {"sampling": "cubic"}])
def test_an_unknown_option_is_an_error(bad):
    with pytest.raises(ConfigError):
        stlbp_ip(random_clip(0), **{"grid": (1, 1), **bad})


def test_what_is_not_a_clip_is_an_error():
    broken = random_clip(0)
    broken[3, 4, 5] = np.nan
    for frames in (broken, broken[0], [[1, 2]], broken[:0]):
        with pytest.raises(ShapeError):
            stlbp_ip(frames, grid=(1, 1))


def test_the_tracks_have_enough_frames_for_their_radius_and_pixels_for_their_blocks():
    for track in (COMMON, PAPER):
        clip = random_clip(9, (track.recipe.steps, *track.recipe.shape))
        recognizer = STLBPIP("stlbp-ip", track)
        assert recognizer.describe(PreparedClip.from_arrays(appearance=clip)).shape == (16992,)


def test_the_recogniser_tells_two_motions_apart():
    y = np.arange(40.0)[:, None] - np.arange(8.0)[:, None, None]
    down = np.broadcast_to(120 + 60 * np.tanh((y - 16) / 3), (8, 40, 40))
    clips = [
        PreparedClip.from_arrays(
            appearance=(frames + np.random.default_rng(seed).normal(0, 1, frames.shape)).astype(np.float32),
            label=label,
            subject=f"s{seed}",
            clip_id=label,
        )
        for seed in range(6)
        for label, frames in (("down", down), ("right", down.swapaxes(1, 2)))
    ]
    tuned = COMMON.replaced({"descriptor": {"grid": [2, 2]}, "svm": {"C": [1.0], "parts": 2}})
    fitted = STLBPIP("stlbp-ip", tuned).fit(clips[:8])
    assert fitted.predict(clips[8:]) == ["down", "right"] * 2
