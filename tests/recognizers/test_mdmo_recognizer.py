"""MDMO as a recogniser: its weights, its settings, and clips without landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dstan.clips import PreparedClip
from dstan.descriptors.mdmo import mdmo
from dstan.errors import ConfigError, FaceError, ShapeError
from dstan.recognizers.mdmo import COMMON, MDMO, PAPER, MDMOSettings
from dstan.synthesis.mesh import mesh_points

SHAPE = (85, 70)
LABELS = ("down", "up")


def clip(number: int) -> PreparedClip:
    """Return a clip in which either the brows go up or the mouth goes down, and everything trembles."""
    label = LABELS[number % 2]
    flow = np.random.default_rng(number).normal(0, 0.1, (2, 2, *SHAPE)).astype(np.float32)
    rows = slice(10, 25) if label == "up" else slice(50, 70)
    flow[:, 1, rows, 15:55] += -1 if label == "up" else 1
    made = PreparedClip.from_arrays(flow=flow, label=label, subject=f"s{number % 4 // 2}", clip_id=f"c{number}")
    points = mesh_points() * np.float32(29.1) + np.float32([34.5, 27.6])
    return replace(made, landmarks=points.astype(np.float32))


def made(settings: MDMOSettings = COMMON, **changes: object) -> MDMO:
    return MDMO("mdmo", settings.replaced({"svm": {"C": [1.0], "gamma": [0.1]}, **changes}))


def test_it_describes_a_clip_by_its_mdmo_feature() -> None:
    one = clip(0)
    assert one.flow is not None
    assert one.landmarks is not None
    np.testing.assert_array_equal(made().describe(one), mdmo(one.flow, one.landmarks))
    both = made(descriptor={"align": False, "angle": "sincos"}).describe(one)
    np.testing.assert_array_equal(both, mdmo(one.flow, one.landmarks, align=False, angle="sincos"))


@pytest.mark.parametrize("angle", ["polar", "sincos"])
def test_alpha_weighs_lengths_and_the_rest_of_it_angles(angle: str) -> None:
    method = made(descriptor={"angle": angle})
    features = np.array([method.describe(clip(number)) for number in range(3)])
    weighted = method.apply_variant(features, 0.75, {})
    np.testing.assert_allclose(weighted[:, :36].max(axis=1), 0.75)
    assert (weighted[:, :36] >= 0).all()
    np.testing.assert_allclose(weighted[:, 36:], 0.25 * features[:, 36:])


def test_one_alpha_is_fixed_and_several_are_chosen_among() -> None:
    assert COMMON.alpha == PAPER.alpha == (0.9,)
    clips = [clip(number) for number in range(8)]
    assert made(PAPER).fit(clips).choice_["variant"] == 0.9
    several = made(PAPER, alpha=[0.75, 0.98]).fit(clips)
    assert several.choice_["variant"] in (0.75, 0.98)
    assert several.choice_["candidates"] == 2
    with pytest.raises(ConfigError, match="alpha must be 0"):
        made(alpha=[1.5])


@pytest.mark.parametrize("settings", [COMMON, PAPER])
def test_it_tells_brows_from_mouths(settings: MDMOSettings) -> None:
    method = made(settings).fit([clip(number) for number in range(8)])
    new = [clip(number) for number in range(20, 26)]
    assert method.predict(new) == [one.label for one in new]


def test_both_tracks_take_flow_from_the_first_frame_and_need_landmarks() -> None:
    for settings in (COMMON, PAPER):
        assert settings.recipe.pairs == "onset"
        assert settings.recipe.face_points
        assert settings.svm.kernel == "poly"
        assert (settings.svm.degree, settings.svm.coef0) == (2, 1.0)
    assert PAPER.svm.C == (1.0, 10.0, 100.0)
    assert PAPER.svm.gamma == (0.05, 0.1, 0.2, 0.5, 1.0)
    assert (PAPER.recipe.steps, PAPER.recipe.flow, PAPER.recipe.texture) == (20, "rlof", True)
    assert COMMON.svm.standardise
    assert not PAPER.svm.standardise
    assert not PAPER.svm.balanced


def test_a_clip_without_landmarks_is_an_error_that_names_it_and_says_what_to_type() -> None:
    for bad, kind, said in (
        (replace(clip(0), landmarks=None), FaceError, "recipe.face_points=true"),
        (replace(clip(0), landmarks=np.full((468, 2), np.nan, np.float32)), ShapeError, "recipe.landmarks=mediapipe"),
    ):
        with pytest.raises(kind, match=rf"arrays/s0/c0: .*{said}"):
            made().fit([bad, clip(1)])


def test_a_clip_in_which_nothing_moves_is_learned_and_predicted_without_nan() -> None:
    still = replace(clip(2), flow=np.zeros((2, 2, *SHAPE), np.float32))
    method = made().fit([clip(0), clip(1), still, clip(3)])
    assert np.isfinite(method.predict_proba([still])).all()
