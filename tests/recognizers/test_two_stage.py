"""Two stages: backbones learn from single steps, then stay as they are while the sequence is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ShapeError
from dstan.networks.network import Backbone, Output, TwoStageNetwork
from dstan.networks.scaling import Scaling
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.network import Shape
from dstan.recognizers.two_stage import TwoStageRecognizer, TwoStageSettings
from dstan.training import AugmentationSettings, MakeObjective, TrainingData, TrainingSettings, class_objective

CLASSES = ("a", "b")
STEPS = 3


class Eye(Backbone):
    """One convolution, on request behind a fixed one."""

    def __init__(self, channels: tuple[int, ...], width: int, frozen: bool) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        n = len(channels)
        if frozen:
            self.frozen = nn.Conv2d(n, n, 3, stride=2, padding=1)
        self.tail = nn.Sequential(nn.Conv2d(n, width, 3, stride=4), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = [self.tail[2]]


class Whole(TwoStageNetwork):
    """Two backbones, and a linear layer on the steps' averages."""

    def __init__(self, n_classes: int, size: tuple[int, int], frozen: bool) -> None:
        super().__init__()
        self.scaling = Scaling(("grey", "motion", "motion"), size)
        self.backbones = nn.ModuleDict({"still": Eye((0,), 4, frozen), "moving": Eye((1, 2), 6, frozen)})
        self.head = nn.Linear(10, n_classes)

    def follow(self, seen: Tensor) -> Output:
        """Classify."""
        features = seen.float().mean((1, 3, 4))
        return Output(self.head(features), features)


class Method(TwoStageRecognizer):
    """The method of these tests."""

    reference: ClassVar[str] = "nowhere"
    fidelity: ClassVar[Fidelity] = Fidelity.EXACT
    what: ClassVar[str] = "two eyes"
    streams: ClassVar[tuple[StreamName, ...]] = ("appearance", "flow")
    frozen = False

    @property
    def backbones(self) -> tuple[str, ...]:
        """Both."""
        return ("still", "moving")

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """Of grey, u and v."""
        return (1.0, -1.0, 1.0)

    def build(self, n_classes: int, shape: Shape) -> Whole:
        """Return the network."""
        return Whole(n_classes, shape[2:], self.frozen)

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        """Return frames and flow."""
        assert clip.appearance is not None
        assert clip.flow is not None
        return torch.from_numpy(np.concatenate([clip.appearance[:, None], clip.flow], axis=1))


class HalfFrozen(Method):
    """The same with a fixed first convolution."""

    frozen = True


def _clips(n: int = 12, people: int = 4) -> list[PreparedClip]:
    made = []
    for i in range(n):
        rng, label = np.random.default_rng(i), i // people % 2
        made.append(
            PreparedClip.from_arrays(
                appearance=rng.uniform(0, 255, (STEPS, 32, 36)).astype(np.float32),
                flow=rng.normal(2 * label - 1, 1, (STEPS, 2, 32, 36)).astype(np.float32),
                label=CLASSES[label],
                subject=f"s{i % people}",
                clip_id=f"c{i}",
            )
        )
    return made


def _settings(**first: Any) -> TwoStageSettings:
    quick = TrainingSettings(epochs=2, batch_size=8, precision="float32")
    return TwoStageSettings(first=replace(quick, **first), training=replace(quick, epochs=3, learning_rate=1e-2))


kinds = pytest.mark.parametrize("kind", [Method, HalfFrozen])


@kinds
def test_backbones_learn_first_then_stay_while_the_sequence_is_learned(kind: type[Method]) -> None:
    fitted = kind("m", _settings()).fit(_clips(), seed=1)
    assert {name: len(curve) for name, curve in fitted.history_.items()} == {
        "still steps": 2,
        "moving steps": 2,
        "sequence": 3,
    }
    longer = replace(_settings(), training=replace(_settings().training, epochs=9))
    other = kind("m", longer).fit(_clips(), seed=1)
    for name in ("backbones", "scaling"):
        one, two = (made.network.get_submodule(name).state_dict() for made in (fitted, other))  # type: ignore[union-attr]
        assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(fitted.network.head.weight, other.network.head.weight)  # type: ignore[union-attr,arg-type]


@kinds
def test_it_learns_what_moves(kind: type[Method]) -> None:
    told = _settings(epochs=6, learning_rate=1e-2)
    told = replace(told, training=replace(told.training, epochs=20, learning_rate=3e-2))
    fitted = kind("m", told).fit(_clips(), seed=1)
    assert fitted.predict(_clips()) == [clip.label for clip in _clips()]


def test_what_is_frozen_is_never_trained() -> None:
    drawn = HalfFrozen("m", _settings())._drawn(2, (STEPS, 3, 32, 36), 0)
    fitted = HalfFrozen("m", _settings())
    fitted.initialise = lambda network: network.load_state_dict(drawn.state_dict())  # type: ignore[method-assign,assignment]
    fitted.fit(_clips(), seed=1)
    for name, value in drawn.state_dict().items():
        now = fitted.network.state_dict()[name]  # type: ignore[union-attr]
        assert torch.equal(now, value) == ("frozen" in name), name


def test_the_epochs_foretold_are_those_that_come() -> None:
    seen: list[str] = []
    made = Method("m", _settings())
    made.fit(_clips(), on_epoch=lambda stage, record: seen.append(stage))
    assert len(seen) == made.epochs == 2 + 2 + 3
    inner = {"epochs": "inner", "inner_epochs": (1, 2), "inner_parts": 2}
    both = TwoStageSettings(first=TrainingSettings(**inner), training=TrainingSettings(**inner))
    seen.clear()
    made = Method("m", both)
    made.fit(_clips(), on_epoch=lambda stage, record: seen.append(stage))
    assert made.epochs == 3 * 2 * 6 + 6
    assert 0 < len(seen) <= made.epochs
    assert made.dynamics_["sequence"]["inner"]["parts"] == made.dynamics_["still steps"]["inner"]["parts"] == 2


def test_an_inner_choice_learns_backbones_and_scaling_without_those_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[set[int]] = []
    begin = Method._begin

    def watched(made: Method, data: TrainingData, clips: Sequence[int] | None, n: int, seed: int) -> Any:
        assert clips is not None
        learned.append(set(clips))
        return begin(made, data, clips, n, seed)

    monkeypatch.setattr(Method, "_begin", watched)
    told = TrainingSettings(epochs="inner", inner_epochs=(1, 2), inner_parts=2)
    places: dict[int, set[int]] = {}

    class Watching(Method):
        def first_objective(self, name: str, clips: Sequence[PreparedClip]) -> MakeObjective:
            def make(data: TrainingData, settings: TrainingSettings):  # type: ignore[no-untyped-def]
                objective = class_objective(data, settings)

                def look(output: Output, labels: Tensor, found: Tensor) -> Tensor:
                    places.setdefault(len(learned), set()).update(int(place) // STEPS for place in found)
                    return objective(output, labels, found)

                return look

            return make

    Watching("m", replace(_settings(), training=told)).fit(_clips())
    assert len(learned) == 3
    assert learned[0] | learned[1] == learned[2] == set(range(12))
    assert not learned[0] & learned[1]
    assert places == {1: learned[0], 2: learned[1], 3: learned[2]}


def test_an_inner_choice_of_the_first_stage_begins_anew_without_those_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[set[int]] = []
    minimised: list[set[int]] = []
    begin = Method._begin

    def watched(made: Method, data: TrainingData, clips: Sequence[int] | None, n: int, seed: int) -> Any:
        assert clips is not None
        begun.append(set(clips))
        return begin(made, data, clips, n, seed)

    class Watching(Method):
        def first_objective(self, name: str, clips: Sequence[PreparedClip]) -> MakeObjective:
            def make(data: TrainingData, settings: TrainingSettings):  # type: ignore[no-untyped-def]
                minimised.append({place // STEPS for place in data.places.tolist()})
                return class_objective(data, settings)

            return make

    monkeypatch.setattr(Method, "_begin", watched)
    Watching("m", _settings(epochs="inner", inner_epochs=(1, 2), inner_parts=2)).fit(_clips())
    whole, *parts = begun
    assert whole == set(range(12))
    assert len(parts) == 2 * 2
    for one, other in (parts[:2], parts[2:]):
        assert one | other == whole
        assert not one & other
    assert all(part in minimised for part in begun)


def test_single_steps_are_scaled_as_those_of_clips_are() -> None:
    torch.manual_seed(0)
    network, steps = Whole(2, (32, 36), frozen=False).eval(), 50 * torch.rand(4, 3, 32, 36)
    assert network.scaling is not None
    network.scaling.measure(steps[:, None].movedim(2, -1))
    features = [network.step_classifier(name, 2).eval()(steps[:, None]).features for name in network.backbones]
    torch.testing.assert_close(torch.cat(features, dim=1), network.see(steps).mean((2, 3)))


def test_steps_reach_the_objective_by_their_place_among_all() -> None:
    found: list[tuple[float, int]] = []

    class Watching(Method):
        def first_objective(self, name: str, clips: Sequence[PreparedClip]) -> MakeObjective:
            def make(data: TrainingData, settings: TrainingSettings):  # type: ignore[no-untyped-def]
                by_place = dict(zip(data.places.tolist(), data.inputs[:, 0, 0, 0, 0].tolist(), strict=True))
                for place, grey in by_place.items():
                    clip = clips[place // STEPS]
                    assert clip.appearance is not None
                    found.append((grey, place))
                    assert grey == pytest.approx(float(clip.appearance[place % STEPS, 0, 0]), abs=0.1)
                return class_objective(data, settings)

            return make

    Watching("m", _settings()).fit(_clips())
    assert len({place for _, place in found}) == 12 * STEPS


def test_a_clip_of_another_shape_is_named() -> None:
    fitted = Method("m", _settings()).fit(_clips())
    other = _clips()[0]
    assert other.appearance is not None
    assert other.flow is not None
    larger = replace(
        other, appearance=np.zeros((STEPS, 40, 40), np.float32), flow=np.zeros((STEPS, 2, 40, 40), np.float32)
    )
    with pytest.raises(ShapeError, match=r"c0.*3 x 3 x 40 x 40 to m, which learned clips of 3 x 3 x 32 x 36"):
        fitted.predict([larger])


def test_a_second_stage_cannot_augment() -> None:
    with pytest.raises(ConfigError, match="second stage"):
        TwoStageSettings(training=TrainingSettings(augmentation=AugmentationSettings(mirror=True)))


def test_what_comes_after_a_frozen_part_cannot_be_augmented_either() -> None:
    changed = _settings(augmentation=AugmentationSettings(mirror=True))
    with pytest.raises(ConfigError, match=r"still.*frozen"):
        HalfFrozen("m", changed).fit(_clips())


def test_memory_grows_with_the_pixels() -> None:
    made, clip = Method("m", _settings()), _clips()[0]
    assert made.memory(clip, 1000, "cpu") > made.memory(clip, 10, "cpu") > 0
    assert HalfFrozen("m", _settings()).memory(clip, 10, "cpu") > 0


def test_memory_is_that_of_the_stage_that_needs_most() -> None:
    class Wide(Method):
        def build(self, n_classes: int, shape: Shape) -> Whole:
            network = super().build(n_classes, shape)
            network.head = nn.Sequential(nn.Linear(10, 100_000), nn.Linear(100_000, n_classes))  # type: ignore[assignment]
            return network

    clip = _clips()[0]
    narrow, wide = (kind("m", _settings()).memory(clip, 10, "cpu") for kind in (Method, Wide))
    assert wide - narrow > 16 * 1_000_000
