"""Augmentation changes whole clips, as far as it is told and no farther."""

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
