"""MERTA as a recogniser: what it sees of a clip, its two stages, and weights from a file."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ShapeError
from dstan.networks.merta import MERTANetwork
from dstan.networks.vgg import vgg16_convolutions
from dstan.preprocessing.strain import strain_magnitude
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.merta import COMMON, MERTA, MERTASettings

LABELS = ("above", "below")
STEPS = 3
TINY = COMMON.replaced(
    {
        "network": {"widths": [4, 4, 4, 8, 8], "reduction": 2, "lstm_width": 8, "dropout": 0.2},
        "first": {"epochs": 8, "batch_size": 12, "augmentation": {"rotation": 0.0, "shift": 0.0}},
        "training": {"epochs": 40, "learning_rate": 1e-2},
    }
)
SHORT = TINY.replaced({"first": {"epochs": 1}, "training": {"epochs": 1}})


def clip(number: int, steps: int = STEPS) -> PreparedClip:
    """Return a clip in which the upper or the lower half of the face moves, and everything trembles."""
    source, label = np.random.default_rng(number), LABELS[number % 2]
    frames = source.uniform(90, 110, (steps, 32, 48)).astype(np.float32)
    flow = source.normal(0, 0.1, (steps, 2, 32, 48)).astype(np.float32)
    flow[:, 1, slice(4, 12) if label == "above" else slice(20, 28), 8:40] -= 1
    return PreparedClip.from_arrays(
        appearance=frames, flow=flow, label=label, subject=f"s{number % 3}", clip_id=f"c{number}"
    )


def clips(n: int = 8, steps: int = STEPS) -> list[PreparedClip]:
    return [clip(number, steps) for number in range(n)]


def made(settings: MERTASettings = TINY, **changes: object) -> MERTA:
    return MERTA("merta", settings.replaced(changes))


def weights(method: MERTA, start: str) -> torch.Tensor:
    assert method.network is not None
    state = method.network.state_dict()
    return torch.cat([value.flatten().double() for name, value in state.items() if name.startswith(start)])


def vgg16_file(path: Path) -> Path:
    """Write a VGG-16 whose every layer has one and the same weight; of those only one is in the file."""
    shapes = {f"features.{name}": value.shape for name, value in vgg16_convolutions().state_dict().items()}
    shapes |= {"classifier.0.weight": torch.Size((4096, 25088)), "classifier.3.weight": torch.Size((4096, 4096))}
    shapes |= {f"classifier.{number}.bias": torch.Size((4096,)) for number in (0, 3)}
    values = {name: torch.tensor(1.5 / shape[1:].numel() if len(shape) > 1 else 0.0) for name, shape in shapes.items()}
    torch.save({name: value.expand(shapes[name]) for name, value in values.items()}, path)
    return path


def test_a_step_is_grey_u_v_their_length_and_strain() -> None:
    one = clip(0)
    tensor = made().tensor(one).numpy()
    assert tensor.shape == (STEPS, 5, 32, 48)
    assert tensor.dtype == np.float32
    assert one.appearance is not None
    assert one.flow is not None
    np.testing.assert_array_equal(tensor[:, 0], one.appearance)
    np.testing.assert_array_equal(tensor[:, 1:3], one.flow)
    np.testing.assert_allclose(tensor[:, 3], np.sqrt((one.flow**2).sum(axis=1)), rtol=1e-6)
    for step, field in enumerate(one.flow):
        np.testing.assert_array_equal(tensor[step, 4], strain_magnitude(field.transpose(1, 2, 0)))


def test_mirroring_a_step_is_mirroring_the_face() -> None:
    one = clip(0)
    assert one.appearance is not None
    assert one.flow is not None
    signs = np.float32(made().mirrored_signs)[:, None, None]
    mirrored = replace(one, appearance=one.appearance[..., ::-1], flow=one.flow[..., ::-1] * signs[1:3])
    np.testing.assert_allclose(made().tensor(mirrored), made().tensor(one).numpy()[..., ::-1] * signs, atol=1e-6)


def test_frames_and_fields_of_other_numbers_or_sizes_are_an_error_that_names_the_clip() -> None:
    good = clip(0)
    assert good.flow is not None
    for flow in (good.flow[1:], good.flow[..., 1:]):
        with pytest.raises(ShapeError, match=r"arrays/s0/c0: a step is a frame and a field of flow.*recipe.pairs"):
            made().fit([replace(good, flow=flow)])


def test_eight_clips_are_learned_by_heart_in_less_than_two_hundred_steps() -> None:
    method = made().fit(clips(), seed=1)
    assert set(method.history_) == {"static steps", "dynamic steps", "strain steps", "sequence"}
    assert sum(len(method.history_[f"{name} steps"]) * 2 for name in method.backbones) + 40 < 200
    assert method.predict(clips()) == [one.label for one in clips()]
    new = [clip(number) for number in range(20, 26)]
    assert method.predict(new) == [one.label for one in new]


def test_the_second_stage_leaves_the_backbones_as_they_are() -> None:
    short, long = (made(SHORT, training={"epochs": epochs}).fit(clips(), seed=1) for epochs in (1, 3))
    assert torch.equal(weights(short, "backbones"), weights(long, "backbones"))
    for part in ("static", "dynamic", "channel", "lstm", "head"):
        assert not torch.equal(weights(short, part), weights(long, part))


def test_the_first_stage_trains_every_backbone() -> None:
    one, two = (made(SHORT, first={"epochs": epochs}).fit(clips(), seed=1) for epochs in (1, 2))
    for name in one.backbones:
        assert not torch.equal(weights(one, f"backbones.{name}"), weights(two, f"backbones.{name}"))


def test_what_the_attention_to_positions_does_is_told() -> None:
    method = made(SHORT).fit(clips(), seed=1)
    assert 0 < method.dynamics_["sequence"]["spatial_attention"]["mean"] < 1
    assert len(method.dynamics_["static steps"]["dead_units"]) == 5
    without = made(SHORT, network={"static_attention": False}).fit(clips(), seed=1)
    assert without.dynamics_["sequence"]["spatial_attention"] is None


@pytest.mark.parametrize("network", [{}, {"strain_guide": True}, {"channel_attention": False}])
def test_clips_of_one_step_are_enough(network: dict[str, bool]) -> None:
    method = made(SHORT, network=network).fit(clips(4, 1), seed=1)
    assert np.isfinite(method.predict_proba(clips(4, 1))).all()


def test_a_file_s_weights_begin_the_backbones_and_a_saved_model_needs_no_file(tmp_path: Path) -> None:
    file = vgg16_file(tmp_path / "vgg16.pth")
    settings = SHORT.replaced({"network": {"weights": str(file)}, "fine_tuning": {"epochs": 1, "batch_size": 4}})
    method = made(settings).fit(clips(2, 1), seed=1)
    digest = sha256(file.read_bytes()).hexdigest()
    assert method.trained_["weights"] == {"file": "vgg16.pth", "sha256": digest}
    assert method.weights == "weights vgg16.pth"
    assert method.history_["static steps"] != []
    for name in method.backbones:
        assert (weights(method, f"backbones.{name}.frozen.1.weight") == np.float32(1.5 / 27)).all()
        assert (weights(method, f"backbones.{name}.tail.0.weight") != np.float32(1.5 / (256 * 9))).any()
    file.unlink()
    loaded = made(settings).restore(*method.state())
    np.testing.assert_array_equal(loaded.predict_proba(clips(2, 1)), method.predict_proba(clips(2, 1)))
    assert loaded.trained_ == method.trained_
    with pytest.raises(ConfigError, match=r"vgg16\.pth: the weights cannot be read"):
        made(settings).fit(clips(2, 1))


def test_without_a_file_it_learns_from_scratch_and_says_so() -> None:
    method = made(SHORT).fit(clips(4), seed=1)
    assert method.weights == "from scratch"
    assert "weights" not in method.trained_
    assert method.first_training == SHORT.first
    assert isinstance(method.network, MERTANetwork)
    assert method.network.scaling is not None
    assert method.network.scaling.scale[0] == 255


def test_fine_tuning_cannot_be_augmented() -> None:
    assert made(network={"weights": "vgg16.pth"}).first_training == TINY.fine_tuning
    with pytest.raises(ConfigError, match="fine-tuning learns from what fixed convolutions have seen"):
        made(fine_tuning={"augmentation": {"mirror": True}})


def test_the_settings_are_those_of_the_specification() -> None:
    assert COMMON.recipe.shape == (112, 112)
    assert (COMMON.recipe.steps, COMMON.recipe.pairs) == (9, "adjacent")
    first, tuning, second = COMMON.first, COMMON.fine_tuning, COMMON.training
    assert [(one.epochs, one.learning_rate) for one in (first, tuning, second)] == [(10, 1e-3), (10, 1e-4), (40, 1e-4)]
    assert second.batch_size == 8
    assert all(one.class_weights and one.weight_decay == 1e-4 for one in (first, tuning, second))
    augmentation = first.augmentation
    assert (augmentation.mirror, augmentation.rotation, augmentation.zoom) == (True, 5, 0)
    assert augmentation.shift > 0
    network = COMMON.network
    assert network.static_attention
    assert network.dynamic_attention
    assert network.channel_attention
    assert (network.weights, network.strain_guide) == ("", False)
    assert (network.lstm_width, network.dropout, network.reduction) == (512, 0.5, 16)
    assert MERTA.fidelity is Fidelity.REINTERPRETATION
