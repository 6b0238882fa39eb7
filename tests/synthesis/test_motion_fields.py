"""Drawn motion is that of drawn faces: the same fields, seeded, in the units of the crop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dstan._random import child_seed
from dstan.errors import ConfigError
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.template import eye_distance
from dstan.synthesis.action_units import ACTION_UNITS, au_field, expression_field
from dstan.synthesis.motion import CONTAMINATIONS, UNITS, MotionArtist, MotionSettings
from dstan.synthesis.motion.classes import mixture_of
from dstan.synthesis.motion.draw import CHUNK
from dstan.synthesis.motion.expressions import draw_expressions
from dstan.synthesis.motion.pushes import Crop, push_units
from dstan.tasks import find_task

TASK = find_task("megc2019-3")
CPU = torch.device("cpu")


def pure() -> MotionSettings:
    settings = MotionSettings()
    for name in CONTAMINATIONS:
        settings = settings.without(name)
    return settings


def artist(settings: MotionSettings | None = None, **recipe: object) -> MotionArtist:
    made = Recipe(**{"size": 48, "pairs": "onset-apex", "steps": 4, **recipe})
    return MotionArtist(TASK, made, settings or MotionSettings(), people=2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grid(crop: Crop) -> tuple[np.ndarray, np.ndarray]:
    return tuple(part[0].numpy() for part in crop.places)


@pytest.mark.parametrize("shape", [(64, 64), (56, 56), (85, 70)])
@pytest.mark.parametrize(("left", "right"), [(1.0, 1.0), (2.0, 0.0), (0.0, 1.5), (0.7, 1.9)])
def test_every_action_unit_moves_as_in_drawn_faces(shape: tuple[int, int], left: float, right: float) -> None:
    sides = torch.zeros(len(UNITS), len(UNITS), 2)
    sides[range(len(UNITS)), range(len(UNITS))] = torch.tensor([left, right])
    crop = Crop.draw(len(UNITS), shape, pure(), generator(), CPU)
    pushes = push_units(sides, pure(), generator())
    found = pushes.fields(torch.ones(len(UNITS), 1, pushes.x.shape[1]), crop)[:, 0].numpy()
    for number, field in zip(UNITS, found, strict=True):
        np.testing.assert_allclose(field, au_field(*grid(crop), number, left, right), atol=1e-4, err_msg=str(number))


def test_the_units_are_those_of_synthesis_in_their_order() -> None:
    assert tuple(ACTION_UNITS) == UNITS


def test_without_contamination_the_flow_to_the_apex_is_the_expression() -> None:
    drawn = artist(pure()).draw(20, 3)
    shown = draw_expressions(20, mixture_of(TASK), pure(), generator(child_seed(3, "motion", 0)))
    crop = Crop.draw(1, (48, 48), pure(), generator(), CPU)
    for flow, sides in zip(drawn.flow[:, 0].numpy(), shown.sides.numpy(), strict=True):
        intensities = {unit: (float(left), float(right)) for unit, (left, right) in zip(UNITS, sides, strict=True)}
        expected = np.stack(expression_field(*grid(crop), intensities)) * eye_distance((48, 48))
        np.testing.assert_allclose(flow, expected, atol=1e-4)


def test_a_turned_face_moves_along_its_own_axes() -> None:
    settings = replace(pure(), crop_turn=90.0)
    crop = Crop.draw(1, (64, 64), settings, generator(1), CPU)
    sides = torch.zeros(1, len(UNITS), 2)
    sides[:, UNITS.index(17)] = 1.0  # a round push in the middle of the chin, upwards
    pushes = push_units(sides, pure(), generator())
    field = pushes.fields(torch.ones(1, 1, pushes.x.shape[1]), crop)[0, 0]
    row, column = divmod(int(field.square().sum(0).argmax()), 64)
    x, y = crop.places
    assert abs(float(x[0, row, column])) < 0.06
    assert float(y[0, row, column]) == pytest.approx(1.4, abs=0.15)
    arrow = field[:, row, column] / field[:, row, column].norm()
    torch.testing.assert_close(arrow, torch.stack([crop.turn.sin()[0], -crop.turn.cos()[0]]))


@pytest.mark.parametrize("pairs", ["onset-apex", "adjacent", "onset"])
def test_a_seed_draws_the_same_bits_and_another_seed_others(pairs: str) -> None:
    first, again, other = (artist(pairs=pairs).draw(6, seed, frames=True) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one, two)
    assert (first.flow != other.flow).flatten(1).any(1).all()
    assert first.flow.isfinite().all()
    assert first.flow.dtype == torch.float32


def test_what_is_drawn_first_does_not_depend_on_how_much_is_drawn() -> None:
    few, more = artist(size=32).draw(CHUNK, 1), artist(size=32).draw(CHUNK + 5, 1)
    assert torch.equal(few.flow, more.flow[:CHUNK])
    assert torch.equal(few.units, more.units[:CHUNK])
    assert len(more.flow) == CHUNK + 5
    assert not torch.equal(more.flow[:5], more.flow[CHUNK:])


@pytest.mark.parametrize("pairs", ["onset-apex", "adjacent", "onset"])
def test_all_that_is_random_is_drawn_on_the_cpu(pairs: str) -> None:
    elsewhere = replace(artist(pairs=pairs), device="meta")  # refuses a CPU generator, and to be mixed with the CPU
    drawn = elsewhere.draw(5, 0, frames=True)
    assert drawn.flow.device.type == "meta"
    assert torch.equal(drawn.labels, artist(pairs=pairs).draw(5, 0).labels)


def test_fields_of_neighbours_add_up_to_those_from_the_onset() -> None:
    settings = MotionSettings().without("estimator").without("occlusion")
    adjacent, onset = (artist(settings, pairs=pairs, steps=5).draw(12, 4).flow for pairs in ("adjacent", "onset"))
    torch.testing.assert_close(adjacent.cumsum(1), onset, atol=1e-4, rtol=0)
    assert float(onset.abs().max()) > 0.2


def test_there_is_one_field_to_the_apex_and_else_as_many_as_steps() -> None:
    assert artist().draw(3, 0).flow.shape == (3, 1, 2, 48, 48)
    assert artist(pairs="adjacent", steps=6).draw(3, 0).flow.shape == (3, 6, 2, 48, 48)
    assert artist(pairs="onset", size=(40, 56), steps=2).draw(3, 0).flow.shape == (3, 2, 2, 40, 56)


def test_displacement_is_in_pixels_of_the_crop() -> None:
    settings = MotionSettings().without("estimator")
    small, large = (artist(settings, size=size).draw(8, 2).flow[:, 0] for size in (112, 224))
    halved = torch.nn.functional.avg_pool2d(large, 2) / 2
    torch.testing.assert_close(halved, small, atol=0.08, rtol=0)  # lids are narrow
    assert float((halved - small).abs().mean()) < 0.01 * float(small.abs().mean())


def test_expressions_rise_to_the_apex_and_fall() -> None:
    flow = artist(pure(), pairs="onset", steps=20).draw(30, 1).flow
    size = flow.square().sum((2, 3, 4)).sqrt()
    share = size / size.amax(1, keepdim=True)
    peak = share.argmax(1)
    assert ((peak >= 3) & (peak <= 13)).all()
    assert (share[:, -1] < 0.4).all()
    for one, top in zip(share, peak, strict=True):
        assert (one[: int(top) + 1].diff() >= -1e-5).all()
        assert (one[int(top) :].diff() <= 1e-5).all()


def test_a_recipe_that_magnifies_is_refused() -> None:
    with pytest.raises(ConfigError, match="magnifies"):
        artist(magnification=5.0)


def test_a_recipe_with_another_estimator_is_refused() -> None:
    for other in ({"flow": "tvl1"}, {"texture": True}):
        with pytest.raises(ConfigError, match="Farneback's estimate"):
            artist(**other)
    for alignment in ("none", "corpus"):
        with pytest.raises(ConfigError, match="where alignment puts them"):
            artist(alignment=alignment)


@pytest.mark.parametrize("steps", [1, 5])
def test_frames_are_as_many_as_the_recipe_s_steps_and_grey(steps: int) -> None:
    frames = artist(pairs="adjacent", steps=steps).draw(3, 0, frames=True).frames
    assert frames is not None
    assert frames.shape == (3, steps, 48, 48)
    assert float(frames.min()) >= 0
    assert float(frames.max()) <= 255
    assert float(frames.std()) > 10


def test_frames_do_not_change_the_flow_and_are_drawn_only_when_asked_for() -> None:
    with_frames, alone = artist().draw(4, 0, frames=True), artist().draw(4, 0)
    assert alone.frames is None
    assert torch.equal(with_frames.flow, alone.flow)
