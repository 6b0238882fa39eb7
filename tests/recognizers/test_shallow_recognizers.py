"""3D-FCNN, STSTNet and SSSNet as recognisers: what they see of a clip, what they refuse, and that they learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dstan.clips import PreparedClip
from dstan.errors import ShapeError
from dstan.networks.flow3d import Flow3DSettings
from dstan.networks.sssnet import SSSNetSettings
from dstan.networks.ststnet import STSTNetSettings
from dstan.preprocessing.strain import strain_magnitude
from dstan.recognizers import flow3d, sssnet, ststnet
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.flow_image import flow_image
from dstan.recognizers.network import NetworkRecognizer
from dstan.training import TrainingSettings

CLASSES = ("left", "right")
QUICK = TrainingSettings(epochs=12, batch_size=4, learning_rate=1e-2)


def clip(direction: float = 0.0, *, frames: int = 4, fields: int = 4, seed: int = 0, **about: Any) -> PreparedClip:
    """Draw a clip in which something moves to one side, more so in the middle."""
    rng = np.random.default_rng(seed)
    bump = np.outer(np.hanning(32), np.hanning(40))
    flow = rng.normal(0, 0.05, (fields, 2, 32, 40)).astype(np.float32)
    flow[:, 0] += direction * bump
    grey = rng.uniform(0, 255, (frames, 32, 40)).astype(np.float32)
    return PreparedClip.from_arrays(appearance=grey, flow=flow, **about)


def clips(n: int = 8, **shape: int) -> list[PreparedClip]:
    return [
        clip(2 * (i % 2) - 1.0, seed=i, label=CLASSES[i % 2], subject=f"s{i % 3}", clip_id=f"c{i}", **shape)
        for i in range(n)
    ]


def small(name: str) -> NetworkRecognizer:
    """Make a method with a tiny network that learns in few passes."""
    if name == "3d-fcnn":
        tiny = Flow3DSettings(channels=(2, 4, 4), hidden=8, dropout=0.0)
        return flow3d.Flow3DRecognizer(name, replace(flow3d.COMMON, network=tiny, training=QUICK))
    if name == "ststnet":
        narrow = STSTNetSettings(size=16, dropout=0.0)
        return ststnet.STSTNetRecognizer(name, replace(ststnet.COMMON, network=narrow, training=QUICK))
    thin = SSSNetSettings(size=22, channels=(4, 6), hidden=8, dropout=0.0)
    return sssnet.SSSNetRecognizer(name, replace(sssnet.COMMON, network=thin, training=QUICK))


def shape_for(name: str) -> dict[str, int]:
    return {"fields": 4 if name == "3d-fcnn" else 1}


NAMES = ("3d-fcnn", "ststnet", "sssnet")


@pytest.mark.parametrize("name", NAMES)
def test_eight_clips_are_learned_by_heart_and_others_of_their_kind_are_told_apart(name: str) -> None:
    found = small(name).fit(clips(**shape_for(name)), classes=CLASSES)
    assert found.predict(clips(**shape_for(name))) == [one.label for one in clips()]
    new = [clip(side, seed=50 + i, **shape_for(name)) for i, side in enumerate((-1.0, 1.0, -1.0, 1.0))]
    assert found.predict(new) == ["left", "right", "left", "right"]


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_every_number(name: str) -> None:
    given = clips(**shape_for(name))
    one, same, other = (small(name).fit(given, classes=CLASSES, seed=seed).predict_proba(given) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_motion_to_the_right_is_the_channel_that_turns_round_in_a_mirror(name: str) -> None:
    made = small(name)
    right, left = (made.tensor(clip(side, **shape_for(name))).mean((0, 2, 3)) for side in (1.0, -1.0))
    turned = made.mirrored_signs.index(-1.0)
    assert right[turned] > 0.1
    assert left[turned] < -0.1
    assert sum(sign < 0 for sign in made.mirrored_signs) == 1
    assert len(made.mirrored_signs) == len(right)


@pytest.mark.parametrize("name", NAMES)
def test_mirrored_clips_are_seen_as_the_training_mirrors_them(name: str) -> None:
    made, given = small(name), clip(1.0, **shape_for(name))
    assert given.flow is not None
    assert given.appearance is not None
    flow = given.flow[..., ::-1] * np.array([-1, 1], np.float32)[:, None, None]
    mirrored = made.tensor(replace(given, flow=flow, appearance=given.appearance[..., ::-1]))
    signs = torch.tensor(made.mirrored_signs)[:, None, None]
    torch.testing.assert_close(mirrored, made.tensor(given).flip(-1) * signs, atol=1e-5, rtol=1e-4)


def test_3d_fcnn_sees_raw_grey_u_and_v_of_each_step() -> None:
    given = clip(1.0)
    seen = small("3d-fcnn").tensor(given).numpy()
    assert given.flow is not None
    np.testing.assert_array_equal(seen[:, 0], given.appearance)
    np.testing.assert_array_equal(seen[:, 1:], given.flow)


@pytest.mark.parametrize("frames", [3, 4])
def test_3d_fcnn_refuses_fewer_than_four_steps_and_says_what_to_do(frames: int) -> None:
    with pytest.raises(ShapeError, match=r"arrays/subject/clip: .*at least 4 fields of flow.* has 3\. .*steps=16"):
        small("3d-fcnn").fit([replace_label(clip(frames=frames, fields=3))], classes=CLASSES)


def test_3d_fcnn_refuses_fields_without_their_frames() -> None:
    with pytest.raises(ShapeError, match=r"as many frames as fields.* has 5 of 32 x 40 and 4 of 32 x 40"):
        small("3d-fcnn").tensor(clip(frames=5))


def replace_label(given: PreparedClip) -> PreparedClip:
    return replace(given, clip=replace(given.clip, label="left"))


def test_the_image_of_flow_is_the_average_over_areas_and_strain_is_taken_before() -> None:
    given = clip(1.0, fields=1)
    assert given.flow is not None
    seen = flow_image(given, 8).numpy()
    strain = strain_magnitude(given.flow[0].transpose(1, 2, 0))
    planes = np.stack([*given.flow[0], strain])
    np.testing.assert_allclose(seen[0], planes.reshape(3, 8, 4, 8, 5).mean((2, 4)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [28, 64])
def test_the_image_has_its_size_whatever_the_size_of_the_clip(size: int) -> None:
    for height, width in ((32, 32), (170, 140), (65, 33)):
        given = PreparedClip.from_arrays(flow=np.ones((1, 2, height, width), np.float32))
        seen = flow_image(given, size)
        assert seen.shape == (1, 3, size, size)
        torch.testing.assert_close(seen[0, :2], torch.ones(2, size, size))
        assert not seen[0, 2].any()


@pytest.mark.parametrize("name", ["ststnet", "sssnet"])
def test_an_image_net_refuses_several_fields_and_says_what_to_do(name: str) -> None:
    with pytest.raises(ShapeError, match=r"arrays/subject/clip: one field.* has 2\. .*recipe\.pairs=onset-apex"):
        small(name).tensor(clip(fields=2))


def test_published_settings_are_those_of_the_authors_code() -> None:
    training = ststnet.PAPER.training
    assert (training.optimizer, training.learning_rate, training.epochs) == ("adam", 5e-5, 500)
    assert (training.batch_size, training.weight_decay) == (256, 0.0)
    assert ststnet.PAPER.network == replace(ststnet.COMMON.network, per_image=True)
    training = sssnet.PAPER.training
    assert (training.optimizer, training.learning_rate, training.epochs) == ("adam", 1e-4, 200)
    assert (training.batch_size, training.weight_decay) == (32, 1e-3)
    assert sssnet.PAPER.network == replace(sssnet.COMMON.network, per_image=True)
    for paper in (ststnet.PAPER, sssnet.PAPER):
        assert not paper.training.augmentation.is_on
        assert (paper.recipe.flow, paper.recipe.pairs, paper.recipe.temporal_average) == ("tvl1", "onset-apex", 0.0)


def test_only_3d_fcnn_is_a_re_interpretation() -> None:
    fidelity = {name: small(name).fidelity for name in NAMES}
    assert fidelity == {"3d-fcnn": Fidelity.REINTERPRETATION, "ststnet": Fidelity.MINOR, "sssnet": Fidelity.MINOR}
