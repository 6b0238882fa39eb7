"""ELRCN-TE as a recogniser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ShapeError
from dstan.networks import elrcn, vgg
from dstan.networks.elrcn import ELRCNNetworkSettings
from dstan.networks.vgg import IMAGENET_MEAN, IMAGENET_SCALE, file_digest
from dstan.preprocessing.strain import strain_magnitude
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.elrcn import COMMON, ELRCNTE, PAPER, ELRCNSettings
from dstan.recognizers.model_files import load_model, save_model
from dstan.training import AugmentationSettings, TrainingSettings

SMALL = ELRCNNetworkSettings(widths=(4, 4, 8, 8, 8), fc_width=8, lstm_width=8, hidden=8)


def settings(network: ELRCNNetworkSettings = SMALL, *, epochs: int = 1, **others: Any) -> ELRCNSettings:
    training = TrainingSettings(epochs=epochs, batch_size=8)
    return ELRCNSettings(network=network, first=training, fine_tuning=training, training=training, **others)


def made(network: ELRCNNetworkSettings = SMALL, **others: Any) -> ELRCNTE:
    return ELRCNTE("elrcn-te", settings(network, **others))


def clip(seed: int, *, push: float = 0.0, frames: int = 3, **about: Any) -> PreparedClip:
    rng = np.random.default_rng(seed)
    flow = rng.normal(0, 0.2, (3, 2, 32, 32)).astype(np.float32)
    flow[:, 0, 8:24, 8:24] += push
    return PreparedClip.from_arrays(
        appearance=rng.uniform(0, 255, (frames, 32, 32)).astype(np.float32), flow=flow, clip_id=f"c{seed}", **about
    )


def clips(n: int = 12) -> list[PreparedClip]:
    return [clip(i, push=(-1.0) ** i, label="ab"[i % 2], subject=f"s{i // 4}") for i in range(n)]


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make VGG-16 so narrow that it is quick, and write a file that fits it."""
    for module in (vgg, elrcn):
        monkeypatch.setattr(module, "VGG16", ((2, 2), (3, 3), (3, 3, 4), (4, 4, 4), (4, 4, 5)))
        monkeypatch.setattr(module, "FC", 6)
    torch.manual_seed(0)
    content: dict[str, Tensor] = {}
    for name, shape in vgg._shapes().items():
        content[name] = torch.randn(shape) * (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else torch.ones(shape)
    torch.save(content, tmp_path / "vgg16.pth")
    return tmp_path / "vgg16.pth"


def given(path: Path, **others: Any) -> ELRCNTE:
    return made(replace(SMALL, weights=str(path)), **others)


def test_a_step_is_u_v_their_length_and_strain() -> None:
    one = clip(0)
    seen = made().tensor(one).numpy()
    assert seen.shape == (3, 4, 32, 32)
    assert seen.dtype == np.float32
    flow = np.asarray(one.flow)
    np.testing.assert_array_equal(seen[:, :2], flow)
    np.testing.assert_allclose(seen[:, 2], np.sqrt((flow**2).sum(1)), rtol=1e-6)
    for step, field in zip(seen, flow, strict=True):
        np.testing.assert_array_equal(step[3], strain_magnitude(field.transpose(1, 2, 0)))


def test_three_streams_see_the_frames_too() -> None:
    one, method = clip(0), made(replace(SMALL, streams=3))
    seen = method.tensor(one).numpy()
    assert seen.shape == (3, 5, 32, 32)
    np.testing.assert_array_equal(seen[:, 4], one.appearance)
    assert method.streams == ("appearance", "flow")
    assert made().streams == ("flow",)
    assert method.mirrored_signs == (-1, 1, 1, 1, 1)
    assert made().mirrored_signs == (-1, 1, 1, 1)


def test_three_streams_need_a_frame_for_each_field() -> None:
    with pytest.raises(ShapeError, match="a frame for each field") as caught:
        made(replace(SMALL, streams=3)).fit([clip(0, frames=4, label="a")])
    assert "c0" in str(caught.value)


def test_strain_can_be_of_backward_differences() -> None:
    seen = made(diff="backward").tensor(clip(0))
    field = np.asarray(clip(0).flow)[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(seen[0, 3].numpy(), strain_magnitude(field, diff="backward"))


def test_eight_bits_are_off_unless_asked_for() -> None:
    one = PreparedClip.from_arrays(flow=np.full((1, 2, 32, 32), 0.03, np.float32))
    assert not COMMON.quantize
    assert made().tensor(one)[0, 0].min() > 0.029
    assert made(quantize=True).tensor(one)[0, :2].abs().max() == 0
    levels = made(replace(SMALL, streams=3), quantize=True).tensor(clip(0)).double()
    for channels, gain in ((slice(0, 3), 16), (3, 255), (4, 1)):
        np.testing.assert_allclose(levels[:, channels] * gain, (levels[:, channels] * gain).round(), atol=1e-4)


def test_a_red_image_stays_red_on_its_way_to_the_first_convolution(weights: Path) -> None:
    flow = np.empty((3, 2, 32, 32), np.float32)
    flow[:, 0], flow[:, 1] = 127 / 16, -8
    flow[1, 0, :, 16:] = -8  # one step is red on the left only
    method = given(weights)
    method.fit([PreparedClip.from_arrays(flow=flow, label=label, clip_id=label) for label in "ab"])
    assert method.network is not None
    seen: list[Tensor] = []
    first = method.network.backbones["flow"].frozen[1][0]
    first.register_forward_hook(lambda _module, found, _out: seen.append(found[0]))
    method.predict([PreparedClip.from_arrays(flow=flow)])
    scale, mean = (torch.tensor(values)[:, None, None] for values in (IMAGENET_SCALE, IMAGENET_MEAN))
    red, green, _ = ((seen[0] * scale + mean) * 255).round().unbind(1)
    wanted = torch.full((3, 32, 32), 255.0)
    wanted[1, :, 16:] = 0
    assert torch.equal(red, wanted)
    assert green.abs().max() == 0


def test_it_learns_which_way_a_face_moves() -> None:
    training = TrainingSettings(epochs=20, batch_size=4, learning_rate=0.01)
    plan = replace(settings(), first=training, training=training)
    method = ELRCNTE("elrcn-te", plan).fit(clips())
    assert method.predict(clips()) == [one.label for one in clips()]
    assert method.predict([clip(100, push=1.0), clip(101, push=-1.0)]) == ["a", "b"]


def test_both_stages_last_as_long_as_they_were_told(weights: Path) -> None:
    plan = replace(settings(), training=TrainingSettings(epochs=3, batch_size=8))
    plan = replace(plan, first=TrainingSettings(epochs=2, batch_size=8))
    for begun, first in (("", 2), (str(weights), 1)):
        method = ELRCNTE("elrcn-te", replace(plan, network=replace(SMALL, weights=begun))).fit(clips(4))
        lasted = {name: len(records) for name, records in method.history_.items()}
        assert lasted == {"flow steps": first, "strain steps": first, "sequence": 3}
        assert method.epochs == 2 * first + 3


def test_it_says_where_its_weights_begin(weights: Path) -> None:
    assert ELRCNTE("elrcn-te", COMMON).weights == "from scratch"
    assert given(weights).weights == "weights vgg16.pth"
    assert made().fit(clips(4)).trained_.get("weights") is None
    assert given(weights).fit(clips(4)).trained_["weights"] == {"file": "vgg16.pth", "sha256": file_digest(weights)}


def test_given_convolutions_stay_as_they_are_and_fc7_is_tuned(weights: Path) -> None:
    before, method = torch.load(weights, weights_only=True), given(weights).fit(clips(4))
    assert method.network is not None
    for name in ("flow", "strain"):
        stream = method.network.backbones[name]
        for number, value in stream.frozen[1].state_dict().items():
            assert torch.equal(value, before[f"features.{number}"])
        moved = (stream.tail[4].weight - before["classifier.3.weight"]).abs().max()
        assert 0 < moved < 0.1


def test_a_saved_model_needs_no_file_of_weights(weights: Path, tmp_path: Path) -> None:
    method = given(weights).fit(clips(4))
    save_model(method, tmp_path / "model")
    weights.unlink()
    loaded = load_model(tmp_path / "model", lambda name, values: ELRCNTE(name, ELRCNSettings.from_dict(values)))
    np.testing.assert_array_equal(loaded.predict_proba(clips()), method.predict_proba(clips()))
    assert loaded.trained_["weights"]["file"] == "vgg16.pth"


def test_a_file_of_weights_that_is_not_there_is_named(tmp_path: Path, weights: Path) -> None:
    assert weights.parent == tmp_path  # the small VGG-16 is in place
    with pytest.raises(ConfigError, match=r"gone\.pth: the weights cannot be read"):
        given(tmp_path / "gone.pth").fit(clips(4))


def test_fine_tuning_cannot_augment_what_was_computed_once() -> None:
    with pytest.raises(ConfigError, match="cannot be augmented"):
        replace(COMMON, fine_tuning=TrainingSettings(augmentation=AugmentationSettings(mirror=True)))


def test_the_paper_track_is_what_was_published() -> None:
    assert PAPER.network.lstm_width == 3000
    assert PAPER.network.sigmoid
    assert PAPER.recipe.flow == "tvl1"
    assert PAPER.recipe.shape == (224, 224)
    assert PAPER.quantize
    assert (PAPER.fine_tuning.batch_size, PAPER.fine_tuning.learning_rate) == (1, 1e-5)
    assert COMMON.network.lstm_width == 512
    assert not COMMON.network.sigmoid
    assert ELRCNTE.fidelity is Fidelity.MINOR
