"""Scaling is measured on the training clips: the mean image, and the 99th percentile of motion."""

import torch

from dstan.networks.scaling import Scaling

GENERATOR = torch.Generator().manual_seed(0)


def test_grey_loses_the_mean_image_and_is_divided_by_white() -> None:
    clips = torch.rand(5, 3, 6, 7, 1, generator=GENERATOR) * 255
    scaling = Scaling(["grey"], (6, 7))
    scaling.measure(clips)
    torch.testing.assert_close(scaling.mean[0], clips[..., 0].mean((0, 1)))
    found = scaling(clips.movedim(-1, 2))
    assert found.mean((0, 1)).abs().max() < 1e-5
    torch.testing.assert_close(found[0, 0, 0], (clips[0, 0, ..., 0] - scaling.mean[0]) / 255)


def test_motion_keeps_its_zero_and_its_99th_percentile_becomes_one() -> None:
    clips = torch.linspace(-2, 2, 2 * 5 * 10 * 10).view(2, 5, 10, 10, 1)
    scaling = Scaling(["motion"], (10, 10))
    scaling.measure(clips)
    assert scaling.mean.abs().max() == 0
    found = scaling(clips.movedim(-1, 2))
    assert abs((found.abs() <= 1).float().mean().item() - 0.99) < 0.002
    assert scaling.scale.item() == torch.quantile(clips.abs(), 0.99, interpolation="nearest").item()


def test_channels_are_measured_each_by_itself_and_saved_with_the_network() -> None:
    clips = torch.rand(2, 2, 4, 4, 2, generator=GENERATOR)
    scaling = Scaling(["grey", "motion"], (4, 4))
    scaling.measure(clips)
    assert scaling.scale.flatten().tolist()[0] == 255
    assert scaling.scale.flatten().tolist()[1] < 1
    other = Scaling(["grey", "motion"], (4, 4))
    other.load_state_dict(scaling.state_dict())
    assert torch.equal(other(clips.movedim(-1, 2)), scaling(clips.movedim(-1, 2)))
    assert not list(scaling.parameters())


def test_clips_in_which_nothing_moves_stay_at_zero() -> None:
    scaling = Scaling(["motion"], (4, 4))
    clips = torch.zeros(1, 1, 4, 4, 1)
    scaling.measure(clips)
    assert scaling(clips.movedim(-1, 2)).abs().max() == 0
