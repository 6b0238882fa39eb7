"""The model of an estimator of flow against Farnebäck's own estimate, on drawn faces with a known motion."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dstan.preprocessing.flow import farneback
from dstan.synthesis.motion import CONTAMINATIONS, UNITS, MotionSettings
from dstan.synthesis.motion.estimate import estimated
from dstan.synthesis.motion.faces import Faces
from dstan.synthesis.motion.pushes import Crop, push_units

CPU = torch.device("cpu")
STRONG = (1, 2, 4, 9, 10, 12, 17, 26)


def quiet(**changed: object) -> MotionSettings:
    settings = MotionSettings()
    for name in CONTAMINATIONS:
        settings = settings.without(name)
    return replace(settings, **{"window": (15, 15), **changed})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(size: int, n: int) -> tuple[Faces, Crop, Tensor]:
    """Return drawn people, where they lie in the crop, and their pictures."""
    faces = Faces.draw(2, (size, size), 3)
    crop = Crop.draw(n, (size, size), quiet(), generator(), CPU)
    return faces, crop, faces.choose(crop, generator())


def still(faces: Faces, crop: Crop, pictures: Tensor) -> Tensor:
    return faces.seen(pictures, crop, torch.zeros(len(pictures), 1, 2, *crop.shape))[:, 0]


def real(first: Tensor, second: Tensor) -> np.ndarray:
    return np.moveaxis(np.stack([farneback(*two) for two in zip(first.numpy(), second.numpy(), strict=True)]), -1, 1)


@pytest.mark.parametrize(("size", "median", "least"), [(64, 0.85, 0.5), (128, 0.93, 0.8)])
def test_the_model_finds_what_farneback_finds(size: int, median: float, least: float) -> None:
    sides = torch.zeros(2 * len(STRONG), len(UNITS), 2)
    for clip in range(2 * len(STRONG)):
        sides[clip, UNITS.index(STRONG[clip % len(STRONG)])] = 2.0
    faces, crop, pictures = scene(size, len(sides))
    pushes = push_units(sides, quiet(), generator())
    truth = crop.pixels * pushes.fields(torch.ones(len(sides), 1, pushes.x.shape[1]), crop)
    first, second = still(faces, crop, pictures), faces.seen(pictures, crop, truth)[:, 0]
    model = estimated(truth, first, "onset-apex", quiet(), generator())[:, 0].numpy()
    theirs = real(first, second)
    alike = [np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in zip(model, theirs, strict=True)]
    known = [np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in zip(truth[:, 0].numpy(), theirs, strict=True)]
    assert np.median(alike) > median
    assert min(alike) > least
    assert np.median(alike) > np.median(known) + 0.05  # nearer than the truth is
    assert np.sqrt(np.mean(model**2)) == pytest.approx(np.sqrt(np.mean(theirs**2)), rel=0.35)


@pytest.mark.parametrize("level", [0.5, 1.5])
def test_noise_disturbs_the_model_as_much_as_farneback(level: float) -> None:
    faces, crop, pictures = scene(64, 12)
    picture, draw = still(faces, crop, pictures), generator(1)
    noisy = [picture + level * torch.randn(picture.shape, generator=draw) for _ in range(2)]
    rest = torch.zeros(12, 1, 2, 64, 64)
    model = estimated(rest, picture, "onset-apex", quiet(noise=level, noise_spread=0.0), generator())
    assert float(model.abs().median()) == pytest.approx(float(np.median(np.abs(real(*noisy)))), rel=0.25)


def test_noise_disturbs_most_where_there_is_little_to_see() -> None:
    picture = 100 + 40 * torch.rand(6, 64, 64, generator=generator())
    picture[:, :, :32] = 100 + 0.25 * (picture[:, :, :32] - 100)
    settings = quiet(noise=0.5, noise_spread=0.0)
    found = estimated(torch.zeros(6, 1, 2, 64, 64), picture, "onset-apex", settings, generator())
    faint, textured = found[..., 4:24].abs().median(), found[..., 40:60].abs().median()
    assert float(faint) > 2 * float(textured)


def test_textured_pictures_give_the_truth_and_blank_ones_nothing() -> None:
    picture = 100 + 40 * torch.rand(2, 64, 64, generator=generator())
    picture[1] = 100
    truth = torch.tensor([0.7, -0.3])[:, None, None].expand(2, 1, 2, 64, 64)
    found = estimated(truth, picture, "onset-apex", quiet(), generator())
    torch.testing.assert_close(found[0], truth[0], atol=5e-3, rtol=0)
    assert float(found[1].abs().max()) < 1e-3


def test_noise_disturbs_motion_along_stripes_more_than_across_them() -> None:
    across, along = torch.arange(64) / 3, (torch.arange(64) / 4)[:, None]
    picture = (100 + 40 * across.sin() + 4 * along.sin()).expand(20, 64, 64)
    settings = quiet(noise=1.0, noise_spread=0.0)
    u, v = estimated(torch.zeros(20, 1, 2, 64, 64), picture, "onset-apex", settings, generator())[:, 0].unbind(1)
    assert float(v.std()) > 3 * float(u.std())


def test_stripes_alone_say_nothing_to_the_model_as_to_farneback() -> None:
    phase = torch.arange(64) / 3
    first, second = ((100 + 50 * (phase + by).sin()).expand(1, 64, 64).contiguous() for by in (0.0, -0.2))
    truth = torch.tensor([0.6, 0.0])[:, None, None].expand(1, 1, 2, 64, 64)
    assert float(estimated(truth, first, "onset-apex", quiet(), generator()).abs().max()) < 1e-3
    assert float(np.abs(real(first, second)).max()) < 0.05


def test_a_window_of_one_pixel_is_no_estimator_and_a_wider_one_smooths_more() -> None:
    picture = 100 + 40 * torch.rand(4, 64, 64, generator=generator())
    truth = torch.randn(4, 1, 2, 64, 64, generator=generator(1))
    none, narrow, wide = (
        estimated(truth, picture, "onset-apex", quiet(window=(side, side), noise=9.0), generator())
        for side in (1, 5, 21)
    )
    assert torch.equal(none, truth)
    assert float(wide.diff(dim=-1).std()) < 0.5 * float(narrow.diff(dim=-1).std())


def test_the_gain_is_the_length_over_that_of_the_truth() -> None:
    picture = 100 + 40 * torch.rand(200, 40, 40, generator=generator())
    truth = torch.full((200, 1, 2, 40, 40), 0.5)
    plain = estimated(truth, picture, "onset-apex", quiet(), generator())
    scaled = estimated(truth, picture, "onset-apex", quiet(gain=(0.5, 2.0)), generator())
    gains = (scaled / plain).flatten(1)
    assert float(gains.std(1).max()) < 1e-4
    assert 0.5 <= float(gains.min()) < 0.55
    assert 1.95 < float(gains.max()) <= 2.0001


def test_fields_from_the_onset_share_the_noise_of_the_first_frame() -> None:
    picture, rest = 100 + 40 * torch.rand(1, 64, 64, generator=generator()), torch.zeros(1, 8, 2, 64, 64)
    settings = quiet(noise=1.0, noise_spread=0.0)
    onset, adjacent = (
        np.corrcoef(estimated(rest, picture, pairs, settings, generator())[0].flatten(1).numpy())
        for pairs in ("onset", "adjacent")
    )
    assert onset[1, 5] == pytest.approx(0.5, abs=0.15)
    assert adjacent[1, 5] == pytest.approx(0, abs=0.15)
    assert adjacent[1, 2] == pytest.approx(
        -0.5, abs=0.15
    )  # the frame between is the second of one, the first of the next


def test_light_that_changes_and_skin_that_folds_are_taken_for_motion() -> None:
    faces, crop, pictures = scene(64, 8)
    picture = still(faces, crop, pictures)
    rest = torch.zeros(8, 1, 2, 64, 64)
    assert float(estimated(rest, picture, "onset-apex", quiet(), generator()).abs().max()) == 0
    assert float(estimated(rest, picture, "onset-apex", quiet(light=0.01), generator()).abs().max()) > 0.01
    assert float(estimated(rest, picture, "onset-apex", quiet(folds=1.0), generator()).abs().max()) == 0
    squeezed = torch.zeros(8, 1, 2, 64, 64)
    squeezed[:, :, 1] = -0.02 * (torch.arange(64)[:, None] - 32.0)
    plain, folded = (estimated(squeezed, picture, "onset-apex", quiet(folds=one), generator()) for one in (0.0, 1.0))
    assert float((plain - folded).abs().max()) > 0.01


def test_faces_move_by_what_they_are_told() -> None:
    faces, crop, pictures = scene(64, 2)
    moved = torch.zeros(2, 1, 2, 64, 64)
    moved[:, :, 0], moved[:, :, 1] = 3.0, -2.0
    first, second = still(faces, crop, pictures), faces.seen(pictures, crop, moved)[:, 0]
    torch.testing.assert_close(second[:, 10:50, 13:53], first[:, 12:52, 10:50], atol=0.05, rtol=0)


def test_faces_are_those_of_their_seed_with_eyes_where_the_crop_has_them() -> None:
    faces, again, other = (Faces.draw(2, (64, 64), seed) for seed in (3, 3, 4))
    assert torch.equal(faces.pictures, again.pictures)
    assert not torch.equal(faces.pictures, other.pictures)
    crop = Crop.draw(20, (64, 64), quiet(), generator(), CPU)
    mean = still(faces, crop, faces.choose(crop, generator())).mean(0)
    x, y = (part[0] for part in crop.places)
    iris, cheek = (x.abs() - 0.49).abs() + y.abs() < 0.1, (x.abs() - 0.6).abs() + (y - 0.5).abs() < 0.2
    assert float(mean[iris].mean()) < 0.8 * float(mean[cheek].mean())
