"""LCBP, re-interpreted: motion of known direction, a plain reference, energies by hand, and what changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dstan.clips import PreparedClip
from dstan.descriptors.blocks import TOLERANCE, uniform_bins
from dstan.descriptors.lcbp import BINS, block_energy, encode, energy_weights, lcbp
from dstan.errors import ConfigError, ShapeError
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.lcbp import COMMON, LCBP, PAPER

U2 = uniform_bins(8)
PROPERTY = settings(max_examples=25, deadline=None)
CLIPS = arrays(np.float32, (4, 6, 7), elements=st.integers(0, 255).map(float))
AROUND = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]


def random_clip(seed, shape=(6, 11, 9)):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)


def slow(frames, step, margin):
    """The three code maps from the formulas, pixel by pixel."""
    I = frames.astype(np.float64)  # noqa: E741
    T, H, W = I.shape
    maps = np.zeros((3, T - 2 * step, H - 2, W - 2), dtype=int)

    def change(t, y, x):
        return abs(I[t + step, y, x] - I[t, y, x]) + abs(I[t, y, x] - I[t - step, y, x])

    def mean(t, y, x):
        return sum(I[s, y, x] for s in range(t - step, t + step + 1)) / (2 * step + 1)

    for t in range(step, T - step):
        for y in range(1, H - 1):
            for x in range(1, W - 1):
                costs = [
                    abs(I[t - step, y - dy, x - dx] - I[t, y, x]) + abs(I[t + step, y + dy, x + dx] - I[t, y, x])
                    for dy, dx in AROUND
                ]
                for p, (dy, dx) in enumerate(AROUND):
                    bits = (
                        costs[p] <= sum(costs) / 8 - margin + TOLERANCE,
                        change(t, y + dy, x + dx) - change(t, y, x) >= -TOLERANCE,
                        mean(t, y + dy, x + dx) - mean(t, y, x) >= -TOLERANCE,
                    )
                    maps[:, t - step, y - 1, x - 1] += np.array(bits) * 2**p
    return maps


def moving(p, steps=5, side=14, width=2.5):
    """A soft edge without a flat side that moves one pixel a frame along the axis of direction p."""
    dy, dx = AROUND[p]
    y, x = np.mgrid[:side, :side].astype(float) - side / 2
    along = y * dy + x * dx
    return np.stack([100 + 60 * np.arctan((along - t * (dy * dy + dx * dx)) / width) for t in range(steps)])


@pytest.mark.parametrize(("step", "margin"), [(1, 0.0), (2, 0.0), (1, 20.0)])
def test_the_code_maps_equal_a_plain_reference(step, margin):
    clip = random_clip(step)
    fast = np.stack(encode(clip, step=step, margin=margin))
    assert np.array_equal(fast, slow(clip, step, margin))


@PROPERTY
@given(arrays(np.float32, (3, 4, 5), elements=st.integers(0, 4).map(float)))
def test_ties_are_decided_as_in_the_plain_reference(clip):
    assert np.array_equal(np.stack(encode(clip)), slow(clip, 1, 0.0))


def test_the_texture_of_the_worked_patch_is_248():
    patch = np.array([[6, 5, 2], [7, 6, 1], [9, 8, 7]], dtype=np.float32)
    _, _, texture = encode(np.stack([patch] * 3))
    assert texture.tolist() == [[[248]]]
    assert U2[248] == 51


def test_the_amplitude_of_a_static_clip_is_one_bin_and_its_direction_that_of_texture():
    image = random_clip(1, (1, 12, 10))
    short, long = (encode(np.repeat(image, frames, axis=0)) for frames in (3, 7))
    assert (short[1] == 255).all()
    assert U2[255] == 57
    for ours, theirs in zip(short, long, strict=True):
        assert (theirs == ours).all()


def test_the_texture_of_a_static_clip_is_the_pattern_of_its_image():
    image = np.round(random_clip(2, (12, 10)))
    _, _, texture = encode(np.stack([image] * 3))
    for y in range(1, 11):
        for x in range(1, 9):
            code = sum(int(image[y + dy, x + dx] >= image[y, x]) << p for p, (dy, dx) in enumerate(AROUND))
            assert texture[0, y - 1, x - 1] == code


def test_where_nothing_has_texture_or_moves_all_bits_are_1():
    for codes in encode(np.full((3, 5, 5), 80.0)):
        assert (codes == 255).all()


def test_what_differs_by_rounding_alone_counts_as_equal():
    rounding = np.random.default_rng(0).uniform(-2e-5, 2e-5, (5, 9, 9))
    for codes in encode(77.7 + rounding):
        assert (codes == 255).all()
    for codes in encode(77.7 + 1000 * rounding):
        assert not (codes == 255).all()


@pytest.mark.parametrize("p", range(8))
def test_an_edge_that_moves_sets_the_bit_of_its_direction_and_not_the_opposite_one(p):
    direction, _, _ = encode(moving(p))
    assert (direction >> p & 1).all()
    assert not (direction >> (p + 4) % 8 & 1).any()


def test_a_grating_that_moves_to_the_right_has_the_bit_of_that_direction_everywhere():
    x, t = np.arange(32.0), np.arange(6.0)[:, None]
    clip = np.repeat((120 + 90 * np.sin(2 * np.pi * (x - t) / 16))[:, None], 8, axis=1)
    direction, _, _ = encode(clip)
    assert (direction & 1).all()


@PROPERTY
@given(CLIPS)
def test_time_reversed_turns_directions_and_leaves_amplitude_and_texture(clip):
    direction, amplitude, texture = encode(clip)
    turned, same_amplitude, same_texture = (codes[::-1] for codes in encode(clip[::-1]))
    assert np.array_equal(turned, direction >> 4 | direction << 4)
    assert np.array_equal(same_amplitude, amplitude)
    assert np.array_equal(same_texture, texture)


@PROPERTY
@given(CLIPS, st.sampled_from([0.25, 0.5, 2.0, 3.0]), st.integers(-100, 100))
def test_brightness_and_contrast_change_no_code(clip, contrast, brightness):
    for ours, theirs in zip(encode(clip), encode(np.float32(contrast) * clip + brightness), strict=True):
        assert np.array_equal(ours, theirs)


@PROPERTY
@given(CLIPS)
def test_a_horizontal_flip_mirrors_every_map(clip):
    mirrored = np.array([sum((code >> p & 1) << ((4 - p) % 8) for p in range(8)) for code in range(256)])
    for ours, theirs in zip(encode(clip), encode(clip[..., ::-1]), strict=True):
        assert np.array_equal(mirrored[ours], theirs[..., ::-1])


def test_histograms_are_of_the_centres_in_each_block():
    clip = random_clip(3, (6, 13, 10))
    feature = lcbp(clip, grid=(3, 2)).reshape(3, 2, 3, 59)
    assert np.allclose(feature.sum(axis=-1), 1)
    for part, codes in enumerate(encode(clip)):
        centres = codes[:, 4 - 1 : 8 - 1, 5 - 1 :]
        counts = np.bincount(U2[centres].ravel(), minlength=59)
        assert np.allclose(feature[1, 1, part], counts / counts.sum())


def test_there_are_177_values_for_each_block():
    assert lcbp(random_clip(4, (10, 170, 140))).shape == (11328,)
    assert lcbp(random_clip(4), grid=(1, 1)).shape == (BINS,)


def test_a_block_without_a_centre_is_all_0():
    feature = lcbp(random_clip(5, (3, 4, 4)), grid=(4, 4)).reshape(4, 4, BINS)
    assert not feature[0].any()
    assert feature[1, 1].sum() == pytest.approx(3)


def test_energy_is_the_mean_of_squared_changes_by_block_over_the_largest():
    clip = random_clip(6, (5, 7, 8)).astype(np.float64)
    energy = np.zeros((7, 8))
    for t in range(4):
        energy += (clip[t + 1] - clip[t]) ** 2
    energy /= energy.max()
    blocks = [energy[:3, :4], energy[:3, 4:], energy[3:, :4], energy[3:, 4:]]
    assert np.allclose(block_energy(clip, grid=(2, 2)), [block.mean() for block in blocks], rtol=1e-5)


@PROPERTY
@given(CLIPS, st.sampled_from([0.5, 2.0]))
def test_energy_is_between_0_and_1_and_does_not_depend_on_contrast(clip, contrast):
    energy = block_energy(clip, grid=(2, 3))
    assert energy.min() >= 0
    assert energy.max() <= 1
    assert np.allclose(energy, block_energy(np.float32(contrast) * clip, grid=(2, 3)))


def test_a_static_clip_has_no_energy():
    assert not block_energy(np.repeat(random_clip(7)[:1], 5, axis=0), grid=(2, 2)).any()


@PROPERTY
@given(arrays(np.float64, (3, 4), elements=st.floats(0.5, 1)))
def test_weights_below_the_limit_have_the_mean_1(energies):
    weights = energy_weights(energies)
    assert weights.mean() == pytest.approx(1)
    assert np.allclose(weights * energies.mean(), energies.mean(axis=0))


def test_no_weight_is_larger_than_3():
    assert energy_weights([np.array([1.0, 0, 0, 0, 0])]).tolist() == [3, 0, 0, 0, 0]


def test_weights_are_1_where_no_clip_changes():
    assert energy_weights([np.zeros(4), np.zeros(4)]).tolist() == [1, 1, 1, 1]


def test_too_few_frames_for_the_step_are_an_error():
    with pytest.raises(ShapeError, match=r"4 frames, and 5 are needed.*recipe\.steps"):
        lcbp(random_clip(0, (4, 16, 16)), step=2)
    with pytest.raises(ConfigError, match="step"):
        lcbp(random_clip(0), step=0)


def test_too_small_frames_are_an_error():
    with pytest.raises(ShapeError, match="3 x 3"):
        encode(random_clip(0, (3, 2, 9)))
    for describe in (lcbp, block_energy):
        with pytest.raises(ShapeError, match="7 cannot be divided into 8 blocks"):
            describe(random_clip(0, (3, 9, 7)))


@pytest.mark.parametrize("describe", [lcbp, block_energy, encode])
def test_what_is_not_a_clip_is_an_error(describe):
    broken = random_clip(0)
    broken[3, 4, 5] = np.inf
    for frames in (broken, broken[0], [[1, 2]], broken[:0]):
        with pytest.raises(ShapeError):
            describe(frames)


def test_the_recogniser_says_that_it_is_a_reinterpretation_and_why():
    assert LCBP.fidelity is Fidelity.REINTERPRETATION
    for text in (LCBP.__doc__, LCBP.what):
        assert "re-interpret" in text
        assert "not public" in text


def clips_of(seeds):
    side = 32
    for seed in seeds:
        texture = np.random.default_rng(seed).normal(0, 3, (5, side, side))
        for label, p in (("down", 6), ("right", 0)):
            frames = (moving(p, side=side) + texture).astype(np.float32)
            yield PreparedClip.from_arrays(appearance=frames, label=label, subject=f"s{seed}", clip_id=label)


def test_the_weights_of_blocks_are_fitted_on_the_training_clips():
    tuned = PAPER.replaced({"descriptor": {"grid": [2, 2]}, "svm": {"C": [1.0], "parts": 2}})
    clips = list(clips_of(range(4)))
    fitted = LCBP("lcbp-paper", tuned).fit(clips)
    described = [fitted.describe(clip) for clip in clips]
    weights = energy_weights([block_energy(clip.appearance, grid=(2, 2)) for clip in clips])
    assert np.array_equal(fitted.learned["weights"], weights)
    features = fitted.features(described[0], fitted.learned).reshape(4, BINS)
    assert np.allclose(features, described[0][:, :BINS] * weights[:, None])
    assert np.allclose(features.sum(axis=1), 3 * weights)


def test_the_recogniser_tells_two_directions_apart():
    tuned = COMMON.replaced({"descriptor": {"grid": [2, 2]}, "svm": {"C": [1.0], "parts": 2}})
    fitted = LCBP("lcbp", tuned).fit(list(clips_of(range(4))))
    assert fitted.predict(list(clips_of([7, 8]))) == ["down", "right"] * 2
