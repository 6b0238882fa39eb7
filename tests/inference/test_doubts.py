"""Where there was nothing to name: said, and not said of a face that moves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.inference.doubts import motion_in_pixels, nothing_told, stillness
from dstan.preprocessing.recipe import Recipe


def _clip(fields: NDArray[np.float32]) -> PreparedClip:
    return PreparedClip.from_arrays(flow=fields, label="joy", clip_id="one")


def _moved(pixels: float, fields: int = 1, size: int = 64) -> PreparedClip:
    """Return a clip in which a tenth of the face moves to the right."""
    flow = np.zeros((fields, 2, size, size), np.float32)
    flow[:, 0, size // 2 : size // 2 + size // 4, size // 4 : 3 * size // 4] = pixels
    return _clip(flow)


@pytest.mark.parametrize("size", [64, 112, 224])
def test_motion_is_told_in_pixels_of_the_same_crop_at_any_size(size: int) -> None:
    recipe = Recipe(size=size, pairs="onset-apex")
    assert motion_in_pixels(_moved(size / 224, size=size), recipe) == pytest.approx(1.0)


def test_fields_between_adjacent_frames_add_up_and_those_since_the_onset_do_not() -> None:
    clip = _moved(0.1, fields=5)
    assert motion_in_pixels(clip, Recipe(size=64, pairs="adjacent")) == pytest.approx(0.5 * 224 / 64)
    assert motion_in_pixels(clip, Recipe(size=64, pairs="onset")) == pytest.approx(0.1 * 224 / 64)


def test_what_moves_at_the_border_of_the_crop_or_in_single_pixels_does_not_count() -> None:
    flow = np.zeros((1, 2, 64, 64), np.float32)
    flow[:, :, :6] = flow[:, :, -6:] = flow[:, :, 30, 20:30] = 3.0
    assert motion_in_pixels(_clip(flow), Recipe(size=64, pairs="onset-apex")) == 0


def test_a_face_that_hardly_moves_is_said_to_and_one_that_moves_is_not() -> None:
    recipe = Recipe(size=64, pairs="onset-apex")
    (words,) = stillness(_moved(0.03), recipe)
    assert words == "hardly anything moved: by 0.10 px at most, at 224 x 224, so what is named is a guess"
    assert stillness(_moved(0.1), recipe) == ()


def test_a_clip_without_flow_is_not_judged() -> None:
    clip = PreparedClip.from_arrays(appearance=np.zeros((3, 64, 64), np.float32), label="joy", clip_id="one")
    assert motion_in_pixels(clip, Recipe(size=64)) is None
    assert stillness(clip, Recipe(size=64)) == ()


def test_no_action_unit_told_is_said_of_models_that_know_them() -> None:
    assert nothing_told(None, 0.5) == ()
    assert nothing_told({1: 0.2, 12: 0.5}, 0.5) == ()
    (words,) = nothing_told({1: 0.2, 12: 0.49}, 0.5)
    assert words.startswith("no action unit is told")
