"""Eulerian magnification: what has to stay exactly as it was, and what has to grow, by how much."""

import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip
from dstan.errors import ClipError, ConfigError, ShapeError
from dstan.preprocessing.magnification import (
    BAND_HZ,
    RATES,
    band_pass,
    laplacian_pyramid,
    level_gains,
    magnify,
    rates_of,
    reconstruct,
)
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.video import list_images

pytest.importorskip("cv2")
SIZES = [(64, 64), (67, 53), (33, 128), (5, 9), (4, 4)]


def texture(shape, shift=0.0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = np.random.default_rng(0).uniform([-0.25, -0.25, 0, 2], [0.25, 0.25, 6.28, 6], (24, 4))
    return (128 + sum(a * np.sin(p * (x - shift) + q * y + s) for p, q, s, a in waves)).astype(np.float32)


def moving(shifts, shape=(64, 64)):
    return np.stack([texture(shape, shift) for shift in shifts])


@pytest.mark.parametrize("shape", SIZES)
def test_a_pyramid_put_together_again_is_the_image(shape):
    image = texture(shape)
    levels = laplacian_pyramid(image)
    assert levels[0].shape == shape
    assert min(levels[-1].shape) < 5
    assert np.abs(reconstruct(levels) - image).max() < 1e-4 * 255


@pytest.mark.parametrize("times", [None, np.arange(9) / 200])
@pytest.mark.parametrize("shape", SIZES)
def test_a_still_clip_stays_exactly_as_it_was(times, shape):
    still = np.repeat(np.clip(texture(shape), 0, 255)[None], 9, axis=0)
    assert (magnify(still, 20, times=times) == still).all()


def test_no_magnification_changes_nothing():
    frames = moving([0, 0.3, 0.8])
    assert (magnify(frames, 0) == frames).all()
    assert (magnify(frames[:1], 20) == frames[:1]).all()


@pytest.mark.parametrize("alpha", [1, 8, 20, 50])
def test_length_type_range_and_first_frame_are_kept(alpha):
    frames = np.clip(moving(np.linspace(0, 4, 12), (57, 80)) * 2 - 128, 0, 255)
    before = frames.copy()
    magnified = magnify(frames, alpha)
    assert magnified.shape == frames.shape
    assert magnified.dtype == np.float32
    assert (magnified[0] == frames[0]).all()
    assert np.isfinite(magnified).all()
    assert 0 <= magnified.min() < magnified.max() <= 255
    assert (frames == before).all()


def test_it_is_linear_before_values_are_clipped():
    frames = moving(np.linspace(0, 0.4, 10))
    magnified = magnify(frames, 5)
    assert 0 < magnified.min() < magnified.max() < 255
    assert np.allclose(magnify(frames * np.float32(0.5), 5), magnified * 0.5, atol=1e-3)


def test_a_step_is_answered_as_computed_by_hand():
    """B(n) = (1 - r2)^n - (1 - r1)^n, greatest five frames after the step, and fading."""
    step = np.r_[0.0, np.ones(40)]
    answer = band_pass(step, np.tile(RATES, (40, 1)))
    assert np.allclose(answer[1:8], [0.35, 0.5425, 0.6414, 0.6849, 0.6960, 0.6884, 0.6703], atol=5e-5)
    assert answer.argmax() == 5
    assert answer[30] == pytest.approx(0.2146, abs=1e-4)


def closed_form(n, rate):
    """Row t: what each value contributes to a first-order low-pass filter at t."""
    matrix = np.zeros((n, n))
    for t in range(n):
        matrix[t, 0] = (1 - rate) ** t
        for i in range(1, t + 1):
            matrix[t, i] = rate * (1 - rate) ** (t - i)
    return matrix


@pytest.mark.parametrize("n", [2, 15, 70])
def test_the_filter_is_its_matrix_along_time(n):
    values = np.random.default_rng(n).normal(size=(n, 3, 4))
    slow, fast = RATES
    matrix = closed_form(n, fast) - closed_form(n, slow)
    recursive = band_pass(values, np.tile(RATES, (n - 1, 1)))
    assert np.abs(np.tensordot(matrix, values, axes=1) - recursive).max() < 1e-10


def test_rates_in_hz_follow_the_times_between_frames():
    even = rates_of(np.arange(5) / 200, 5)
    assert np.allclose(even, 1 - np.exp(-2 * np.pi * np.array(BAND_HZ) / 200))
    cut_off = -np.log(1 - np.array(RATES)) * 200 / (2 * np.pi)
    assert np.allclose(cut_off, [1.63, 16.3], rtol=0.01)  # what the papers' rates mean at 200 frames per second
    uneven = rates_of(np.array([0, 0.01, 0.03]), 3)
    assert np.allclose(1 - uneven[1], (1 - uneven[0]) ** 2)


def change_of(fps, in_hz):
    """Magnify one rise and fall of .4 s and return the seconds and the mean change of each frame."""
    times = np.arange(round(0.4 * fps) + 1) / fps
    frames = moving(0.15 * np.sin(np.pi * times / 0.4))
    return times, np.abs(magnify(frames, 8, times=times if in_hz else None) - frames).mean(axis=(1, 2))


def test_in_hz_the_same_motion_is_magnified_alike_at_any_rate():
    (slow_times, slow), (fast_times, fast) = change_of(60, True), change_of(200, True)
    assert slow.max() == pytest.approx(fast.max(), rel=0.05)
    assert slow_times[slow.argmax()] == pytest.approx(fast_times[fast.argmax()], abs=0.02)
    by_paper = change_of(60, False)[1].max() / change_of(200, False)[1].max()
    assert by_paper > 1.15 or by_paper < 1 / 1.15


def test_the_finest_and_coarsest_level_gain_nothing():
    gains = level_gains((224, 224), 10)
    assert len(gains) == 7
    assert gains[0] == gains[-1] == 0
    assert all(0 <= gain <= 10 for gain in gains)
    assert sorted(gains[1:-1]) == gains[1:-1]
    assert gains[-2] == 10


def shift_between(first, second):
    """Fit (u, v) to ``second - first = -u dI/dx - v dI/dy``, away from the border."""
    down, right = (part[12:-12, 12:-12].ravel() for part in np.gradient(first))
    change = (second - first)[12:-12, 12:-12].ravel()
    return -np.linalg.lstsq(np.stack([right, down], axis=1), change, rcond=None)[0]


def test_motion_becomes_larger_in_its_own_direction():
    frames = moving(0.2 * np.sin(np.linspace(0, np.pi, 13)), (96, 96))
    plain, some, more = (shift_between(frames[0], magnify(frames, alpha)[6]) for alpha in (0, 4, 8))
    assert plain == pytest.approx([0.2, 0], abs=0.01)
    assert some[0] > 1.6 * plain[0]
    assert more[0] > 1.4 * some[0]
    assert abs(more[1]) < 0.05 * more[0]


@pytest.mark.parametrize("times", [np.array([0.0, 0.1]), np.array([0.0, 0.1, 0.1]), np.array([0.2, 0.1, 0.3])])
def test_times_have_to_increase_one_for_each_frame(times):
    with pytest.raises(ShapeError, match="3 times that increase"):
        magnify(moving([0, 1, 2]), 5, times=times)


def test_a_negative_factor_or_a_single_image_is_an_error():
    with pytest.raises(ShapeError, match="negative"):
        magnify(moving([0, 1]), -1)
    with pytest.raises(ShapeError, match="3 axes"):
        magnify(texture((64, 64)), 5)
    with pytest.raises(ConfigError):
        Recipe(magnification=-1)


@pytest.fixture
def clip(tmp_path):
    for k, frame in enumerate(moving(0.3 * np.sin(np.linspace(0, np.pi, 12)), (96, 96))):
        Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8)).save(tmp_path / f"{k:02d}.png")
    return Clip("corpus", "sub01", "EP01", tmp_path, list_images(tmp_path), fps=100.0)


def test_a_recipe_magnifies_aligned_frames_before_time_is_resampled(clip):
    plain = Recipe(size=96, steps=5, alignment="none", apex="midpoint")
    assert plain.magnification == 0
    strong = plain.replaced({"magnification": 6})
    one, other = prepare_clip(clip, plain), prepare_clip(clip, strong)
    assert np.abs(other.flow).max() > 1.5 * np.abs(one.flow).max()
    assert np.abs(one.appearance[0] - other.appearance[0]).max() < 0.5
    assert one.done["apex"] == other.done["apex"]
    assert strong.aligned_digest() == plain.aligned_digest()
    assert strong.digest() != plain.digest()


def test_without_a_rate_a_band_in_hz_is_an_error_and_the_papers_is_not(clip):
    from dataclasses import replace

    unknown = replace(clip, fps=None)
    recipe = Recipe(size=64, steps=3, alignment="none", magnification=8)
    with pytest.raises(ClipError, match="no usable times") as caught:
        prepare_clip(unknown, recipe)
    assert "magnification_band=paper" in caught.value.hint
    assert prepare_clip(unknown, recipe.replaced({"magnification_band": "paper"})).flow.any()
