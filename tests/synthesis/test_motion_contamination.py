"""What drawn motion is contaminated with: each does what it says, alone, and can be left out."""

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dstan.errors import ConfigError, UnknownNameError
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.template import eye_distance
from dstan.synthesis.motion import CONTAMINATIONS, MotionArtist, MotionSettings
from dstan.synthesis.motion.course import Course
from dstan.synthesis.motion.faces import Faces
from dstan.synthesis.motion.occlusion import Occlusion
from dstan.synthesis.motion.pushes import Crop
from dstan.tasks import find_task

SIZE = 48
FACES = Faces.draw(3, (SIZE, SIZE), 5)
WIDE = Faces.draw(1, (SIZE, 3 * SIZE), 5)
NEEDS_ESTIMATOR = ("noise", "light", "folds", "estimator")


def pure(*but: str) -> MotionSettings:
    settings = MotionSettings()
    for name in CONTAMINATIONS:
        settings = settings if name in but else settings.without(name)
    return settings


def flow(settings: MotionSettings, n: int = 24, seed: int = 0, faces: Faces = FACES, **recipe: Any) -> Tensor:
    made = Recipe(**{"size": faces.shape, "pairs": "onset-apex", **recipe})
    artist = MotionArtist(find_task("megc2019-3"), made, settings)
    artist.__dict__["faces"] = faces
    return artist.draw(n, seed).flow


def added(faces: Faces = FACES, n: int = 24, **changed: float) -> Tensor:
    """Return what settings add to motion that is otherwise pure, on crops that all lie alike: (n, 2, h, w)."""
    return flow(replace(pure(), **changed), n, faces=faces)[:, 0] - flow(pure(), n, faces=faces)[:, 0]


def places(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    crop = Crop.draw(1, shape, pure(), torch.Generator(), torch.device("cpu"))
    x, y = crop.places
    return x[0], y[0]


def energy(motion: Tensor, where: Tensor) -> float:
    """Return the share of the motion's energy that lies somewhere."""
    return float(motion.square()[..., where].sum() / motion.square().sum())


def test_the_head_shifts_as_one_and_the_ground_far_from_it_rests() -> None:
    motion = added(WIDE, head_shift=1.0)
    x, y = places(WIDE.shape)
    face = ((x / 1.2) ** 2 + ((y - 0.45) / 1.9) ** 2) < 0.99
    inside = motion[..., face]
    assert float(inside.std(-1).max()) < 1e-5
    assert float(inside.abs().mean()) > 0.05
    assert float(motion[..., x.abs() > 1.8 * 1.2].abs().max()) < 1e-6
    assert (x.abs() > 1.8 * 1.2).any()


@pytest.mark.parametrize(("name", "turns", "grows"), [("head_turn", 1.0, 0.0), ("head_scale", 0.0, 1.0)])
def test_the_head_turns_and_grows_rigidly(name: str, turns: float, grows: float) -> None:
    motion = added(**{name: 1.0 if name == "head_turn" else 0.02})
    x, y = places(FACES.shape)
    face = ((x / 1.2) ** 2 + ((y - 0.45) / 1.9) ** 2) < 0.99
    x, y = x[face], y[face] - 0.45
    for u, v in motion[..., face]:
        turn, scale = float((x * v - y * u).sum()), float((x * u + y * v).sum())
        amount = (turns * turn + grows * scale) / float((x * x + y * y).sum())
        torch.testing.assert_close(u, amount * (grows * x - turns * y), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(v, amount * (grows * y + turns * x), atol=1e-4, rtol=1e-3)
        assert abs(amount) > 1e-5


def test_a_head_that_turns_out_of_the_plane_moves_most_at_the_nose() -> None:
    length = added(head_out=1.0).square().sum(1).sqrt()
    x, y = places(FACES.shape)
    for one in length:
        place = int(one.argmax())
        assert abs(float(x.flatten()[place])) < 0.1
        assert abs(float(y.flatten()[place]) - 0.45) < 0.1


def test_the_head_moves_as_far_as_the_course_says() -> None:
    course = Course.draw(20000, torch.Generator().manual_seed(0))
    path = course.head(torch.tensor([0.0, 1.0]).expand(20000, -1)).diff(dim=1)
    assert float(path.abs().median()) / 0.6745 == pytest.approx(1.2, abs=0.1)
    assert float(path.std()) == pytest.approx(1.9, abs=0.2)


def test_lids_and_irises_move_at_the_eyes_alone() -> None:
    x, y = places(FACES.shape)
    eyes = ((x.abs() - 0.49) / 0.5).square() + (y / 0.25).square() < 1
    lids, gaze = added(blinks=1.0), added(glances=1.0)
    assert energy(lids, eyes) > 0.97
    assert energy(gaze, eyes) > 0.97
    assert float(lids[:, 0].abs().max()) == 0  # lids move up and down
    assert float(gaze[:, 0].abs().max()) > 0.2


def test_both_eyes_look_the_same_way() -> None:
    for one in added(glances=1.0):
        torch.testing.assert_close(one, one.flip(2), atol=1e-5, rtol=0)


def test_lips_move_at_the_mouth_alone() -> None:
    x, y = places(FACES.shape)
    mouth = (x.abs() < 1.0) & (y > 0.8)
    assert energy(added(mouth=1.0), mouth) > 0.97


@pytest.mark.parametrize("name", ["blinks", "glances", "mouth"])
def test_shares_are_shares_of_clips(name: str) -> None:
    moves = added(n=400, **{name: 1.0}).abs().flatten(1).amax(1) > 1e-6  # an event may lie outside of the clip
    some = added(n=400, **{name: 0.4}).abs().flatten(1).amax(1) > 1e-6
    assert float(moves.double().mean()) > 0.5
    assert int(some.sum()) / int(moves.sum()) == pytest.approx(0.4, abs=0.1)
    assert not (some & ~moves).any()


def test_the_crop_shifts_turns_and_grows_within_its_range() -> None:
    settings, many = replace(pure(), crop_shift=0.2, crop_turn=8.0, crop_scale=1.25), 3000
    crop = Crop.draw(many, (64, 64), settings, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert 1 / 1.25 <= float(crop.scale.min()) < 0.81
    assert 1.24 < float(crop.scale.max()) <= 1.25
    assert float(crop.turn.rad2deg().abs().max()) == pytest.approx(8, abs=0.1)
    middle = crop.x[:, 31:33].mean(1) * crop.scale
    assert float(middle.abs().max()) == pytest.approx(0.2, abs=0.005)
    step = crop.x.diff(dim=1) * crop.scale[:, None] * eye_distance((64, 64))
    torch.testing.assert_close(step, torch.ones_like(step), atol=1e-3, rtol=0)


def test_hair_hides_the_forehead_and_glasses_the_surroundings_of_the_eyes() -> None:
    crop = Crop.draw(30, (SIZE, SIZE), pure(), torch.Generator(), torch.device("cpu"))
    x, y = places((SIZE, SIZE))
    every = Occlusion.draw(crop, replace(pure(), hair=1.0), torch.Generator()).hidden
    assert float(every[:, y > -0.4].max()) < 0.01
    assert float(every[:, y < -0.85].mean()) > 0.3
    glasses = Occlusion.draw(crop, replace(pure(), glasses=1.0), torch.Generator()).hidden
    assert float(glasses[:, (y > 0.6) | (y < -0.5)].max()) < 0.05
    on_lens = ((x.abs() - 0.5) ** 2 + (y - 0.05) ** 2) < 0.15**2
    assert float(glasses[:, on_lens].max()) < 0.01
    assert float(glasses.amax((1, 2)).min()) > 0.9


def test_hidden_skin_does_not_move() -> None:
    crop = Crop.draw(30, (SIZE, SIZE), pure(), torch.Generator(), torch.device("cpu"))
    hidden = Occlusion.draw(crop, replace(pure(), hair=1.0), torch.Generator())
    motion = torch.ones(30, 2, 2, SIZE, SIZE)
    left = hidden.of(motion)
    torch.testing.assert_close(left[:, 1, 0], 1 - hidden.hidden)
    assert torch.equal(Occlusion.draw(crop, pure(), torch.Generator()).of(motion), motion)


def test_outliers_are_spots_in_clips_with_hair_or_glasses_only() -> None:
    crop = Crop.draw(300, (SIZE, SIZE), pure(), torch.Generator(), torch.device("cpu"))
    some = Occlusion.draw(crop, replace(pure(), hair=0.5), torch.Generator().manual_seed(0))
    hairy = some.hidden.flatten(1).amax(1) > 0
    assert torch.equal(some.outliers.flatten(1).abs().amax(1) > 0, hairy)
    assert 100 < int(hairy.sum()) < 200
    _, y = places((SIZE, SIZE))
    assert energy(some.outliers, y < -0.2) > 0.97


@pytest.mark.parametrize("name", CONTAMINATIONS)
def test_without_changes_the_settings_of_that_contamination_and_no_other(name: str) -> None:
    usual, less = MotionSettings(), MotionSettings().without(name)
    changed = {one.name for one in fields(usual) if getattr(usual, one.name) != getattr(less, one.name)}
    assert changed == set(CONTAMINATIONS[name])


@pytest.mark.parametrize("name", CONTAMINATIONS)
def test_each_contamination_alone_changes_the_flow_and_without_it_the_flow_is_pure(name: str) -> None:
    base = pure("estimator") if name in NEEDS_ESTIMATOR else pure()
    base = base.without("estimator") if name == "estimator" else base
    alone = replace(base, **{key: getattr(MotionSettings(), key) for key in CONTAMINATIONS[name]})
    assert not torch.equal(flow(alone), flow(base))
    assert torch.equal(flow(alone.without(name)), flow(base))


def test_an_unknown_contamination_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="heads") as caught:
        MotionSettings().without("heads")
    assert "head" in str(caught.value.hint)


def nothing() -> dict[str, Any]:
    """Return the value of each setting that is none of it, or another where there is no none."""
    none = {key: value for values in CONTAMINATIONS.values() for key, value in values.items()}
    return {
        **none,
        "amplitude": 0.8,
        "amplitude_spread": 0.0,
        "asymmetry": 0.0,
        "noise_spread": 0.0,
        "wrong_anatomy": 1,
    }


@pytest.mark.parametrize(("name", "value"), [("window", (19, 11)), ("gain", (1.2, 0.8))])
def test_a_range_that_goes_backwards_is_refused(name: str, value: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match=rf"{name} goes from .* Write {name}="):
        MotionSettings(**{name: value})


def test_every_setting_has_a_value_that_is_none_of_it() -> None:
    assert set(nothing()) == {one.name for one in fields(MotionSettings)}


@pytest.mark.parametrize("name", [one.name for one in fields(MotionSettings)])
def test_every_setting_has_an_effect(name: str) -> None:
    usual = flow(MotionSettings(), 40)
    assert not torch.equal(flow(replace(MotionSettings(), **{name: nothing()[name]}), 40), usual)


def test_wrong_anatomy_is_wrong_in_the_same_way_in_every_clip_of_a_seed_of_its_own() -> None:
    right, wrong, other = (flow(replace(pure(), wrong_anatomy=seed), 60)[:, 0] for seed in (0, 1, 2))
    assert not torch.equal(wrong, other)
    assert torch.equal(wrong, flow(replace(pure(), wrong_anatomy=1), 60)[:, 0])
    alike = torch.nn.functional.cosine_similarity(right.flatten(1), wrong.flatten(1))
    assert 0.4 < float(alike.median()) < 0.97
