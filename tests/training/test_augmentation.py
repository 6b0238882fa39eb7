"""Augmentation changes whole clips, as far as it is told and no farther."""

import math

import pytest
import torch

from dstan.training.augmentation import AugmentationSettings, augment

SIGNS = torch.tensor([-1.0, 1.0])


def _clips(b: int = 64) -> torch.Tensor:
    return torch.randn(b, 3, 10, 20, 2, generator=torch.Generator().manual_seed(1))


def _augmented(settings: AugmentationSettings, clips: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augment(clips, settings, SIGNS, torch.Generator().manual_seed(seed))


def test_half_of_the_clips_are_mirrored_and_motion_turns_with_them() -> None:
    clips = _clips()
    found = _augmented(AugmentationSettings(mirror=True), clips)
    turned = clips.flip(3) * SIGNS
    same = [torch.equal(one, other) for one, other in zip(found, clips, strict=True)]
    mirrored = [torch.equal(one, other) for one, other in zip(found, turned, strict=True)]
    assert all(one != other for one, other in zip(same, mirrored, strict=True))
    assert 16 < sum(mirrored) < 48


def test_a_shift_moves_all_frames_of_a_clip_alike_and_repeats_the_border() -> None:
    clips = _clips()
    found = _augmented(AugmentationSettings(shift=0.2), clips)
    rows, columns = torch.arange(10), torch.arange(20)
    seen = set()
    for one, changed in zip(clips, found, strict=True):
        moves = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-4, 5)
            if torch.equal(changed, one[:, (rows - dy).clamp(0, 9)][:, :, (columns - dx).clamp(0, 19)])
        ]
        assert len(moves) == 1
        seen.add(moves[0])
    assert len(seen) > 20
    assert {abs(dy) for dy, _ in seen} == {0, 1, 2}


def test_the_amplitude_stays_in_its_range() -> None:
    clips = _clips()
    factors = (_augmented(AugmentationSettings(amplitude=0.3), clips) / clips).flatten(1)
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors))
    assert 0.7 <= factors.min() < 0.8
    assert 1.2 < factors.max() <= 1.3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_seed_decides_and_the_type_stays(dtype: torch.dtype) -> None:
    clips, settings = _clips().to(dtype), AugmentationSettings(mirror=True, shift=0.1, amplitude=0.2)
    one, two, other = (_augmented(settings, clips, seed) for seed in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.dtype == dtype


def test_nothing_is_on_by_default() -> None:
    assert not AugmentationSettings().is_on
    assert AugmentationSettings(shift=0.1).is_on
    assert AugmentationSettings(rotation=1.0).is_on
    assert AugmentationSettings(zoom=0.1).is_on


def _spot(y: float, x: float) -> torch.Tensor:
    """Draw one step of a grey channel with a soft spot, and motion to the right everywhere."""
    rows, columns = torch.meshgrid(torch.arange(41.0), torch.arange(61.0), indexing="ij")
    grey = torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 18)
    return torch.stack([grey, torch.ones(41, 61), torch.zeros(41, 61)], dim=-1)


def _centre(grey: torch.Tensor) -> tuple[float, float]:
    rows, columns = torch.arange(41.0), torch.arange(61.0)
    return float((grey.sum(1) * rows).sum() / grey.sum()), float((grey.sum(0) * columns).sum() / grey.sum())


def test_a_turned_clip_has_its_face_and_its_motion_turned_by_one_angle() -> None:
    clips = _spot(20, 45)[None, None].expand(32, 2, -1, -1, -1)
    signs = torch.tensor([1.0, -1.0, 1.0])
    found = augment(clips, AugmentationSettings(rotation=30), signs, torch.Generator().manual_seed(0))
    angles = []
    for clip in found:
        torch.testing.assert_close(clip[0], clip[1])
        y, x = _centre(clip[0, ..., 0])
        u, v = clip[0, 20, 30, 1:].tolist()
        assert math.hypot(u, v) == pytest.approx(1, abs=1e-4)
        assert math.hypot(y - 20, x - 30) == pytest.approx(15, abs=0.1)
        assert math.atan2(y - 20, x - 30) == pytest.approx(math.atan2(v, u), abs=0.01)
        angles.append(math.degrees(math.atan2(v, u)))
    assert -30 <= min(angles) < -20
    assert 20 < max(angles) <= 30


def test_a_larger_face_has_larger_motion() -> None:
    clips = _spot(20, 40)[None, None].expand(32, 1, -1, -1, -1)
    signs = torch.tensor([1.0, -1.0, 1.0])
    found = augment(clips, AugmentationSettings(zoom=0.2), signs, torch.Generator().manual_seed(0))
    sizes = found[:, 0, 20, 30, 1]
    assert 0.8 <= sizes.min() < 0.85
    assert 1.15 < sizes.max() <= 1.2
    for clip, size in zip(found, sizes.tolist(), strict=True):
        assert _centre(clip[0, ..., 0])[1] - 30 == pytest.approx(10 * size, abs=0.05)
        assert clip[..., 2].abs().max() == 0
