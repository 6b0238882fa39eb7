"""Options of recognition: mirror images, several members, an SVM on the features."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dstan.clips import PreparedClip
from dstan.errors import ConfigError
from dstan.fusion import average
from dstan.networks.ensemble import Ensemble
from dstan.networks.network import Network, Output
from dstan.recognizers import DSTAN, METHODS, PAPER_TRACK, Recognizer, load_model, recognizer, save_model
from dstan.recognizers.network import NetworkRecognizer, NetworkSettings
from dstan.recognizers.recognition import RecognitionSettings, common_name, member_name
from dstan.reports.dynamics import fits_by_network
from dstan.svm import SVM

CLASSES = ("a", "b", "c")
STREAM: dict[str, Any] = {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2}
SMALL: dict[str, dict[str, Any]] = {
    "ststnet": {},
    "strcn": {"maps": 4},
    "3d-fcnn": {"channels": [2, 2, 4], "hidden": 4},
    "cnn-lstm": {"channels": [2, 2, 4], "width": 8, "lstm_width": 4},
}
TRAINING = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2}
ALL = {"mirror": True, "members": 3, "classifier": "svm"}


def made(name: str, recognition: dict[str, Any] | None = None, **settings: Any) -> Recognizer:
    own = {"training": TRAINING, "network": SMALL.get(name, STREAM), "recognition": recognition or {}, **settings}
    return recognizer(name, {**own, **({"first": TRAINING} if name == "cnn-lstm" else {})})


def network_of(name: str, recognition: dict[str, Any] | None = None, **settings: Any) -> NetworkRecognizer:
    found = made(name, recognition, **settings)
    assert isinstance(found, NetworkRecognizer)
    return found


def clips(name: str, n: int = 7, seed: int = 0) -> list[PreparedClip]:
    rng = np.random.default_rng(seed)
    size = (64, 65) if name == "strcn" else (32, 33)
    steps, fields = (4, 4) if name == "3d-fcnn" else (2, 1)
    return [
        PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (steps, *size)).astype(np.float32),
            flow=rng.normal(i % 3, 1, (fields, 2, *size)).astype(np.float32),
            label=CLASSES[i % 3],
            subject=f"s{i % 3}",
            clip_id=f"c{i}",
        )
        for i in range(n)
    ]


def mirrored(clip: PreparedClip) -> PreparedClip:
    """Return what a mirror would show: everything turned round, and motion to the right becomes motion to the left."""
    assert clip.flow is not None
    assert clip.appearance is not None
    signs = np.array([-1, 1], np.float32)[:, None, None]
    return replace(clip, appearance=clip.appearance[..., ::-1], flow=clip.flow[..., ::-1] * signs)


@pytest.mark.parametrize("name", ["stmn-a", "stan-a", "ststnet", "strcn", "3d-fcnn", "cnn-lstm", "dstan"])
@pytest.mark.parametrize("options", [{"mirror": True}, ALL], ids=["mirror", "all"])
def test_a_clip_and_its_mirror_image_are_one_to_a_method_that_looks_at_both(name: str, options: dict[str, Any]) -> None:
    train, new = clips(name), clips(name, 3, seed=5)
    both = made(name, options).fit(train, seed=1)
    turned = [mirrored(clip) for clip in new]
    np.testing.assert_allclose(both.predict_proba(turned), both.predict_proba(new), atol=1e-6)
    assert both.predict(turned) == both.predict(new)
    plain = made(name, {**options, "mirror": False}).fit(train, seed=1)
    assert np.abs(plain.predict_proba(turned) - plain.predict_proba(new)).max() > 1e-4


def test_logits_and_features_are_means_over_both_and_attention_is_that_of_the_clip() -> None:
    train = clips("stmn-a")
    plain, both = (network_of("stmn-a", {"mirror": on}).fit(train, seed=1) for on in (False, True))
    (own,), (other,), (joined,) = (
        plain.see(train[:1]),
        plain.see([mirrored(train[0])]),
        both.see(train[:1]),
    )
    torch.testing.assert_close(joined.logits, (own.logits + other.logits) / 2)
    torch.testing.assert_close(joined.features, (own.features + other.features) / 2)
    assert own.temporal is not None
    assert own.spatial is not None
    assert joined.temporal is not None
    assert joined.spatial is not None
    assert torch.equal(joined.temporal, own.temporal)
    assert torch.equal(joined.spatial, own.spatial)
    assert not torch.equal(own.logits, other.logits)


def test_the_first_member_is_the_network_that_is_trained_alone_and_no_other_is() -> None:
    train = clips("stmn-a")
    alone = network_of("stmn-a").fit(train, seed=1)
    several = network_of("stmn-a", {"members": 3}).fit(train, seed=1)
    assert isinstance(several.network, Ensemble)
    assert alone.network is not None
    first, second, third = (member.state_dict() for member in several.network.members)
    for name, value in alone.network.state_dict().items():
        assert torch.equal(first[name], value)
    assert not all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(second[name], third[name]) for name in first)
    assert several.parameters == 3 * alone.parameters
    assert not any(name.startswith("members") for name in alone.state()[0])


def test_members_answer_with_their_mean_and_keep_their_features_side_by_side() -> None:
    one = Output(torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0]]), torch.tensor([[0.2, 0.4]]))
    two = Output(torch.tensor([[3.0, 5.0]]), torch.tensor([[2.0]]), torch.tensor([[0.4, 0.8]]))
    found = Ensemble([Fixed(one), Fixed(two)])(torch.zeros(1, 2, 1, 3, 3))
    torch.testing.assert_close(found.logits, torch.tensor([[2.0, 4.0]]))
    torch.testing.assert_close(found.features, torch.tensor([[1.0, 2.0]]))
    torch.testing.assert_close(found.temporal, torch.tensor([[0.3, 0.6]]))
    assert found.spatial is None
    assert found.states is None


class Fixed(Network):
    """Finds the same in every clip."""

    def __init__(self, found: Output) -> None:
        super().__init__()
        self.found = found

    def forward(self, clips: torch.Tensor) -> Output:
        return self.found


@pytest.mark.parametrize(
    ("name", "trainings"),
    [
        ("ststnet", ["ststnet", "ststnet 2"]),
        ("stmn-a", ["flow", "flow 2"]),
        ("dstan", ["appearance", "appearance 2", "flow", "flow 2"]),
        ("cnn-lstm", ["cnn steps", "sequence", "cnn steps 2", "sequence 2"]),
    ],
)
@pytest.mark.parametrize("epochs", [2, "inner"])
def test_each_member_has_curves_of_its_own_and_chooses_its_own_epochs(
    name: str, trainings: list[str], epochs: int | str
) -> None:
    training = {**TRAINING, "epochs": epochs, "inner_epochs": [1, 2], "inner_parts": 2}
    told: list[str] = []
    method = made(name, {"members": 2}, training=training)
    most = method.epochs
    method.fit(clips(name), seed=1, on_epoch=lambda stage, record: told.append(stage))
    assert list(method.history_) == list(method.dynamics_) == trainings
    assert list(dict.fromkeys(told)) == trainings
    restarted = sum(found["restart"] is not None for found in method.dynamics_.values())
    inner = {stage for stage, found in method.dynamics_.items() if found["inner"]}
    assert inner == (set() if epochs == 2 else {stage for stage in trainings if "steps" not in stage})
    if epochs == 2 and not restarted:
        assert len(told) == most


def test_members_that_are_trained_wait_in_the_memory_of_the_computer_and_not_of_a_gpu() -> None:
    (clip,) = clips("ststnet", 1)
    plain = {"training": {**TRAINING, "precision": "float32"}}
    one, three = (network_of("ststnet", {"members": members}, **plain) for members in (1, 3))
    two_classes = [clip for clip in clips("ststnet") if clip.label != "c"]
    weights = 4 * made("ststnet").fit(two_classes).parameters  # as many classes as memory is counted with
    assert three.memory(clip, 7, "cuda") == one.memory(clip, 7, "cuda")
    assert three.memory(clip, 7, "cpu") - one.memory(clip, 7, "cpu") == 2 * weights


@pytest.mark.parametrize("members", [1, 2])
def test_the_svm_is_a_linear_one_on_the_features_of_the_training_clips(members: int) -> None:
    train, new = clips("stmn-a"), clips("stmn-a", 4, seed=5)
    plain, method = (
        network_of("stmn-a", {"members": members, "classifier": kind, "C": 0.3}).fit(train, seed=1)
        for kind in ("softmax", "svm")
    )
    labels = np.array([CLASSES.index(str(clip.label)) for clip in train])
    features = plain.features(plain.see(train))
    assert features.shape == (7, 4 * members)
    svm = SVM.linear(0.3).fit(features, labels, 3)
    np.testing.assert_array_equal(method.predict_proba(new), svm.predict_proba(plain.features(plain.see(new))))
    assert [CLASSES.index(label) for label in method.predict(new)] == list(svm.predict(plain.features(plain.see(new))))
    assert np.abs(method.predict_proba(new) - plain.predict_proba(new)).max() > 1e-6
    assert method.history_ == plain.history_
    assert not any(name.startswith("svm.") for name in plain.state()[0])


def test_who_answers_for_a_stream_changes_nothing_of_dstan_and_what_dstan_average_is_the_mean_of() -> None:
    train, new = clips("dstan"), clips("dstan", 3, seed=5)
    one, two = (made("dstan", {"classifier": kind}).fit(train, seed=1) for kind in ("softmax", "svm"))
    np.testing.assert_array_equal(two.predict_proba(new), one.predict_proba(new))
    joined = made("dstan-average", {"classifier": "svm"}).fit(train, seed=1)
    assert isinstance(joined, DSTAN)
    alone = [made(part.name, {"classifier": "svm"}).fit(train, seed=1) for part in joined.parts]
    np.testing.assert_array_equal(joined.predict_proba(new), average([part.predict_proba(new) for part in alone]))


def test_a_matrix_of_pixels_and_time_has_no_mirror_image() -> None:
    with pytest.raises(ConfigError, match=r"cannot be mirrored.*recognition\.mirror off"):
        recognizer("strcn", {"input": {"kind": "appearance"}, "recognition": {"mirror": True}})


def test_a_model_of_before_there_were_options_is_loaded_as_one_without_any(tmp_path: Path) -> None:
    fitted = made("stmn-a").fit(clips("stmn-a"), seed=1)
    save_model(fitted, tmp_path)
    document = json.loads((tmp_path / "model.json").read_text())
    for name in ("recognition", "flow_values"):
        document["settings"].pop(name, None)
    (tmp_path / "model.json").write_text(json.dumps(document))
    new = clips("stmn-a", 3, seed=5)
    np.testing.assert_array_equal(load_model(tmp_path).predict_proba(new), fitted.predict_proba(new))


def test_options_are_off_in_every_track_and_shown_with_what_they_do() -> None:
    networks = [
        made for make in {**METHODS, **PAPER_TRACK}.values() if isinstance((made := make()).settings, NetworkSettings)
    ]
    assert len(networks) > 15
    assert {one.settings.recognition for one in networks} == {RecognitionSettings()}  # type: ignore[attr-defined]
    shown = recognizer("stmn-a").settings.to_toml()
    assert "[recognition]\n# Each clip and its mirror image" in shown
    assert 'classifier = "softmax"' in shown
    assert 'flow_values = "pixels"' in shown


def test_members_are_fits_of_one_network_to_a_report() -> None:
    curve = [{"loss": 1.0, "accuracy": 0.5}]
    fold = {"fold": "s0", "seed": 0, "history": {member_name("flow", number): curve for number in (1, 2, 11)}}
    assert {name: len(fits) for name, fits in fits_by_network([fold]).items()} == {"flow": 3}
    assert [common_name(name) for name in ("flow", "cnn steps 12", "3d-fcnn", "3d-fcnn 2")] == [
        "flow",
        "cnn steps",
        "3d-fcnn",
        "3d-fcnn",
    ]
