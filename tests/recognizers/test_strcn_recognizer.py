"""STRCN as a recogniser: what it sees of a clip, the pixels that move, the variants, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ShapeError
from dstan.networks.strcn import STRCNNetworkSettings
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.strcn import COMMON, PAPER, STRCN, STRCNInputSettings, STRCNSettings
from dstan.recognizers.strcn_appearance import (
    KERNELS,
    REMOVALS,
    columns_of,
    energy,
    left_out,
    moving_pixels,
    opened,
    resize_weights,
    resized,
    variants,
)

CLASSES = ("brows", "mouth")
ROWS = {"brows": slice(10, 26), "mouth": slice(40, 60)}
QUICK = replace(COMMON.training, epochs=8, batch_size=4)
TINY = replace(COMMON, network=STRCNNetworkSettings(maps=8), training=QUICK)
ONE_MATRIX = STRCNInputSettings(kind="appearance", removals=(0.0,), kernels=("bicubic",))
TINY_A = replace(TINY, input=ONE_MATRIX)


def clip(label: str, seed: int = 0, *, fields: int = 1, frames: int = 6, size: int = 64, **about: Any) -> PreparedClip:
    """Draw a clip in which the brows or the mouth moves and brightens towards the end."""
    rng = np.random.default_rng(seed)
    flow = rng.normal(0, 0.05, (fields, 2, size, size)).astype(np.float32)
    flow[:, 1, ROWS[label], 12:52] += 1.0
    grey = (rng.uniform(90, 110, (size, size)) + rng.normal(0, 1, (frames, size, size))).astype(np.float32)
    grey[:, ROWS[label], 12:52] += 10 * np.arange(frames, dtype=np.float32)[:, None, None]
    return PreparedClip.from_arrays(appearance=grey, flow=flow, label=label, clip_id=f"c{seed}", **about)


def clips(n: int = 8, **shape: int) -> list[PreparedClip]:
    """Draw clips of two people, each of whom shows both."""
    return [clip(CLASSES[i % 2], i, subject=f"s{i // 4}", **shape) for i in range(n)]


@pytest.mark.parametrize("settings", [TINY, TINY_A], ids=["flow", "appearance"])
def test_each_clip_is_learned_with_its_own_label_and_others_of_its_kind_are_told_apart(settings: STRCNSettings) -> None:
    found = STRCN("strcn", settings).fit(clips(), classes=CLASSES)
    assert found.predict(clips()) == [one.label for one in clips()]  # both labels occur with each subject
    new = [clip(label, 50 + i) for i, label in enumerate(CLASSES * 2)]
    assert found.predict(new) == [one.label for one in new]


@pytest.mark.parametrize("settings", [TINY, TINY_A], ids=["flow", "appearance"])
def test_what_was_fitted_is_kept_and_gives_the_same_numbers(settings: STRCNSettings) -> None:
    quick = replace(settings, training=replace(QUICK, epochs=1))
    found = STRCN("strcn", quick).fit(clips(), classes=CLASSES)
    kept = STRCN("strcn", quick).restore(*found.state())
    assert np.array_equal(kept.predict_proba(clips()), found.predict_proba(clips()))
    again = STRCN("strcn", quick).fit(clips(), classes=CLASSES)
    assert np.array_equal(again.predict_proba(clips()), found.predict_proba(clips()))


def test_it_sees_one_field_of_flow_in_pixels() -> None:
    one = clip("brows")
    method = STRCN("strcn", COMMON)
    assert np.array_equal(method.tensor(one).numpy(), np.asarray(one.flow))
    assert len(method.views(one)) == 1
    assert method.streams == ("flow",)
    assert method.mirrored_signs == (-1.0, 1.0)
    assert method.learn([one]) == {}
    with pytest.raises(
        ShapeError, match=r"takes one field of flow, from onset to apex, and this clip has 2.*onset-apex"
    ):
        method.tensor(clip("brows", fields=2))


def test_less_than_64_pixels_are_refused_before_anything_is_learned() -> None:
    with pytest.raises(ShapeError, match=r"63 x 63, but at least 64 x 64.*--set recipe\.size=64"):
        STRCN("strcn", TINY).fit(clips(2, size=63))


def test_both_tracks_are_as_specified() -> None:
    common, paper = COMMON, PAPER
    assert (common.recipe.shape, common.recipe.pairs, common.network.maps) == ((224, 184), "onset-apex", 128)
    training = common.training
    assert (training.optimizer, training.learning_rate, training.momentum) == ("sgd", 1e-2, 0.9)
    assert (training.schedule, training.epochs, training.batch_size) == ("cosine", 60, 16)
    assert (training.weight_decay, training.loss, training.focal_gamma) == (5e-4, "focal", 2.0)
    assert training.class_weights
    assert not training.augmentation.is_on
    assert (paper.recipe.shape, paper.recipe.flow, paper.recipe.magnification) == ((300, 245), "tvl1", 8.0)
    assert paper.network.maps == 512
    assert (paper.training.learning_rate, paper.training.batch_size) == (1e-3, 10)
    assert paper.training.augmentation.amplitude == 0.4
    assert common.input.kind == paper.input.kind == "flow"
    assert STRCN("strcn", COMMON).fidelity == Fidelity.MINOR


def test_energy_is_the_departure_from_the_first_frame_as_a_share_of_its_maximum() -> None:
    frames = np.zeros((3, 2, 2), np.float32)
    frames[:, 0, 0], frames[:, 1, 1] = (10, 14, 10), (50, 49, 53)
    np.testing.assert_allclose(energy(frames), [[1, 0], [0, 1]])
    frames[2, 1, 1] = 51
    np.testing.assert_allclose(energy(frames), [[1, 0], [0, 0.5]])
    assert np.array_equal(energy(np.full((3, 2, 2), 7.0, np.float32)), np.zeros((2, 2)))


def test_the_mask_is_the_quarter_that_moves_most_on_average_and_opened() -> None:
    still = np.zeros((2, 16, 16), np.float32)
    upper, lower = still.copy(), still.copy()
    upper[1, 1:7, 2:8], lower[1, 9:15, 4:9] = 100.0, 1.0  # however faint, each clip counts as much
    upper[1, 8, 12] = 100.0  # one pixel alone, which the opening takes away
    expected = np.zeros((16, 16), bool)
    expected[1:7, 2:8] = expected[9:15, 4:9] = True
    for corner in product((1, 6), (2, 7)):
        expected[corner] = False  # a disk does not reach into corners
    for corner in product((9, 14), (4, 8)):
        expected[corner] = False
    mean = (energy(upper) + energy(lower)) / 2
    assert np.percentile(mean, 75) > 0
    assert np.array_equal(moving_pixels([upper, lower]), expected)


def test_opening_is_that_of_scipy_away_from_the_border_and_takes_nothing_away_at_it() -> None:
    mask = np.random.default_rng(0).random((30, 40)) < 0.8
    disk = ndimage.generate_binary_structure(2, 1)
    assert np.array_equal(opened(mask)[2:-2, 2:-2], ndimage.binary_opening(mask, disk)[2:-2, 2:-2])
    whole = np.ones((4, 5), bool)
    assert np.array_equal(opened(whole), whole)
    assert not opened(np.eye(6, dtype=bool)).any()


def test_columns_hold_the_masked_pixels_counted_down_the_face() -> None:
    frames = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    mask = np.zeros((3, 4), bool)
    mask[0, 1] = mask[2, 1] = mask[1, 0] = True
    assert columns_of(frames, mask).tolist() == [[4, 16], [1, 13], [9, 21]]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("n", [1, 3, 30, 149, 150, 400])
def test_each_kernel_keeps_what_does_not_change(kernel: str, n: int) -> None:
    weights = resize_weights(n, 150, kernel)
    assert weights.shape == (150, n)
    np.testing.assert_allclose(weights.sum(1), 1)
    if n == 150:
        np.testing.assert_allclose(weights, np.eye(150), atol=1e-12)
    if kernel not in ("box", "nearest"):  # which of two frames as near they take is not symmetric
        np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-9)


def test_resizing_by_hand() -> None:
    np.testing.assert_allclose(resize_weights(2, 4, "bilinear"), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(resize_weights(2, 4, "box"), [[1, 0], [1, 0], [0, 1], [0, 1]])
    cubic = resize_weights(4, 8, "bicubic")
    far, near, middle, farthest = -0.0703125, 0.8671875, 0.2265625, -0.0234375  # at 1.25, .25, .75 and 1.75 frames
    np.testing.assert_allclose(cubic[3], [far, near, middle, farthest], atol=1e-12)
    np.testing.assert_allclose(cubic[0], [near + middle, far + farthest, 0, 0], atol=1e-12)  # mirrored at the border
    np.testing.assert_allclose(resize_weights(4, 2, "box"), [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    np.testing.assert_allclose(resize_weights(6, 2, "nearest"), [[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]])
    np.testing.assert_allclose(resize_weights(3, 3, "lanczos2"), np.eye(3), atol=1e-12)
    short, long = resize_weights(10, 50, "lanczos2"), resize_weights(10, 50, "lanczos3")
    assert (abs(short) > 1e-9).sum(1).max() == 4
    assert (abs(long) > 1e-9).sum(1).max() == 6


def test_a_share_of_the_frames_is_left_out_and_not_one_only() -> None:
    assert len(left_out(10, 0.55, seed=0)) == 6
    assert [len(left_out(20, share, seed=0)) for share in REMOVALS] == list(range(12))
    assert len(left_out(10, 0.0, seed=0)) == 0
    gone = left_out(30, 0.5, seed=3)
    assert len(set(gone.tolist())) == 15
    assert 0 <= gone.min() < gone.max() < 30
    assert not np.array_equal(gone, left_out(30, 0.5, seed=4))
    with pytest.raises(ShapeError, match=r"it has 2 frames.*leaves out 55%.*recipe\.steps=30"):
        left_out(2, 0.55, seed=0)


def test_a_clip_becomes_96_matrices_of_150_columns() -> None:
    columns = np.random.default_rng(0).uniform(0, 255, (70, 10)).astype(np.float32)
    found = variants(columns, REMOVALS, tuple(KERNELS), seed=0)
    assert len(found) == 96
    assert {one.shape for one in found} == {(70, 150)}
    assert {one.dtype for one in found} == {np.dtype(np.float32)}
    for one, kernel in zip(found[:8], KERNELS, strict=True):
        assert np.array_equal(one, resized(columns, kernel))
    assert all(np.isin(one, columns).all() for one in found[0::8])  # nearest repeats frames
    kept = [len(np.unique(one[0])) for one in found[0::8]]
    assert kept == [10, 9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4]


def test_strcn_a_learns_from_96_variants_and_predicts_from_the_whole_clip() -> None:
    method = STRCN("strcn", replace(TINY, input=STRCNInputSettings(kind="appearance")))
    training = clips(2, frames=10)
    method.learned = method.learn(training)
    views = method.views(training[0])
    pixels = int(method.learned["mask"].sum())
    assert len(views) == 96
    assert {tuple(view.shape) for view in views} == {(1, 1, pixels, 150)}
    assert torch.equal(method.tensor(training[0]), views[list(KERNELS).index("bicubic")])
    assert all(torch.equal(one, other) for one, other in zip(views, method.views(training[0]), strict=True))
    assert not torch.equal(views[40], method.views(replace(training[0], clip=training[1].clip))[40])
    assert method.streams == ("appearance",)
    assert method.mirrored_signs == (1.0,)


def test_the_mask_is_of_the_training_clips_only_and_is_saved_with_the_model() -> None:
    quick = replace(TINY_A, training=replace(QUICK, epochs=1))
    brows = [clip("brows", i, subject=f"s{i}") for i in range(4)]
    method = STRCN("strcn", quick).fit(brows)
    narrow = [np.stack([averaged(frame, 48) for frame in np.asarray(one.appearance)]) for one in brows]
    mask = moving_pixels(narrow)
    assert 400 < mask.sum() < 768
    assert np.array_equal(method.learned["mask"].astype(bool), mask)
    before = method.learned["mask"].copy()
    method.predict([clip("mouth", 9)])
    arrays, document = method.state()
    assert np.array_equal(arrays["learned.mask"], before)
    assert np.array_equal(STRCN("strcn", quick).restore(arrays, document).learned["mask"], before)
    both = STRCN("strcn", quick).fit([*brows, clip("mouth", 4)])
    assert not np.array_equal(both.learned["mask"], before)


def averaged(rows: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Average columns over areas whose borders are rounded outwards."""
    length = rows.shape[1]
    edges = [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]
    return np.stack([rows[:, a:b].mean(1) for a, b in edges], axis=1)


def test_too_few_moving_pixels_are_an_error_that_says_what_to_do() -> None:
    noise = np.random.default_rng(0).uniform(0, 255, (3, 64, 64)).astype(np.float32)
    one = PreparedClip.from_arrays(appearance=noise, label="brows")
    with pytest.raises(ShapeError, match=r"pixels move in a patch of their own, and 64 are needed.*input\.grid"):
        STRCN("strcn", TINY_A).fit([one])


def test_memory_is_estimated_before_anything_is_learned() -> None:
    for settings in (TINY, TINY_A):
        method = STRCN("strcn", settings)
        few, many = (method.memory(clip("brows"), n, "cpu") for n in (16, 1016))
        assert not method.learned
        pixels = 2 * 64 * 64 if settings is TINY else 768 * 150
        assert many - few == 1000 * 2 * pixels


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be mirrored, shifted, turned or zoomed"):
        COMMON.replaced({"input": {"kind": "appearance"}, "training": {"augmentation": {"mirror": True}}})
    with pytest.raises(ConfigError, match="must each name one at least"):
        COMMON.replaced({"input": {"kernels": []}})
    with pytest.raises(ConfigError, match="kernels cannot be 'lanczos'"):
        COMMON.replaced({"input": {"kernels": ["lanczos"]}})


def test_other_frames_than_those_learned_make_the_same_matrix() -> None:
    quick = replace(TINY_A, training=replace(QUICK, epochs=1))
    method = STRCN("strcn", quick).fit(clips(4), classes=CLASSES)
    assert method.predict_proba([clip("brows", 3, frames=9)]).shape == (1, 2)
