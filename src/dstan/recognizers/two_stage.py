"""Methods that learn in two stages: what is in a single step of a clip, then how the steps follow each other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dstan._random import child_seed
from dstan.clips import PreparedClip
from dstan.config import setting
from dstan.errors import ConfigError
from dstan.networks.network import Backbone, Follower, Network, StepClassifier, TwoStageNetwork
from dstan.recognizers.contract import OnEpoch
from dstan.recognizers.network import NetworkRecognizer, NetworkSettings, Shape, Stage, drawing, most_epochs
from dstan.training import MakeObjective, TrainingData, TrainingSettings, class_objective, steady
from dstan.training.memory import memory_of_a_fit

SECOND = "sequence"
"""The name of the second stage."""


@dataclass(frozen=True)
class TwoStageSettings(NetworkSettings):
    """What the settings of every method of two stages hold, besides the group ``network`` of its own."""

    first: TrainingSettings = setting(
        TrainingSettings(), "Training of the first stage: backbones, on single steps with the label of their clip."
    )
    training: TrainingSettings = setting(
        TrainingSettings(), "Training of the second stage, on what the backbones see; they stay as they are."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.training.augmentation.is_on:
            raise ConfigError(
                "the second stage learns from what the backbones have seen, which cannot be augmented any more",
                hint="Use --set first.augmentation.mirror=true and so on",
            )


class TwoStageRecognizer(NetworkRecognizer):
    """Base of the methods of two stages.

    In the first stage each backbone learns to classify single steps. Then all backbones are fixed, what they see of
    every step is computed once, and the second stage learns from that. Where the number of epochs of the second stage
    is chosen by inner people, the backbones are learned anew without these people.
    """

    settings: TwoStageSettings

    @abstractmethod
    def build(self, n_classes: int, shape: Shape) -> TwoStageNetwork:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """

    @property
    @abstractmethod
    def backbones(self) -> tuple[str, ...]:
        """The names of its backbones."""

    @property
    def first_training(self) -> TrainingSettings:
        """How the first stage is trained."""
        return self.settings.first

    def first_objective(self, name: str, clips: Sequence[PreparedClip]) -> MakeObjective:
        """Return what makes the loss of the first stage.

        Parameters
        ----------
        name
            Of the backbone.
        clips
            All training clips. Step s of clip i has the place i T + s, with T steps a clip.
        """
        return class_objective

    @property
    def epochs(self) -> int:
        """The epochs of both stages, at most."""
        first, second = self.first_training, self.settings.training
        rounds = 1 if isinstance(second.epochs, int) else second.inner_parts + 1
        return self.settings.recognition.members * (
            rounds * len(self.backbones) * most_epochs(first) + most_epochs(second)
        )

    def memory(self, clip: PreparedClip, n: int, device: str) -> int:
        """Estimate the bytes of a device's memory that :meth:`fit` takes: those of the stage that needs most.

        Parameters
        ----------
        clip
            One clip, as prepared as the others.
        n
            How many are learned from.
        device
            "cuda", "cuda:1" ...
        """
        steps = self.tensor(clip)
        network = self._built(2, self._shape_of(steps)).in_fast_layout().eval()
        with torch.no_grad():
            sequence = (len(steps), *network.see(steps[:1]).shape[1:])
        needs = [memory_of_a_fit(Follower(network), sequence, n, self.settings.training, device)]
        for name in self.backbones:
            t, c, h, w = _given(network, name)(steps[:1]).shape
            classifier = network.step_classifier(name, 2)
            needs.append(memory_of_a_fit(classifier, (t, c, h, w), n * len(steps), self.first_training, device))
        return max(needs) + self._waiting(network, device)

    def _train(
        self,
        clips: Sequence[PreparedClip],
        data: TrainingData,
        n_classes: int,
        *,
        seed: int,
        device: str,
        on_epoch: OnEpoch | None,
    ) -> Network:
        how: dict[str, Any] = {"device": device, "on_epoch": on_epoch}
        people = [clip.clip.person for clip in clips]

        def start(own: int, learned: Sequence[int] | None) -> tuple[Follower, TrainingData]:
            known = list(range(len(data)) if learned is None else learned)
            network = self._two_stages(data, known, n_classes, own)
            for name in self.backbones:
                self._learn_backbone(network, name, clips, data, known, n_classes, seed=child_seed(own, name), **how)
            return Follower(network), _passed(data, network.see, network, device)

        trained = self._run(
            Stage(SECOND, start, data.labels, people, self.settings.training), n_classes, seed=seed, **how
        )
        assert isinstance(trained, Follower)
        return trained.whole.in_fast_layout().eval()

    def _learn_backbone(
        self,
        network: TwoStageNetwork,
        name: str,
        clips: Sequence[PreparedClip],
        data: TrainingData,
        known: Sequence[int],
        n_classes: int,
        *,
        seed: int,
        device: str,
        on_epoch: OnEpoch | None,
    ) -> None:
        """Train one backbone of a network in place, on single steps of the clips that may be learned from."""
        part = data.of(torch.tensor(known))
        t = part.inputs.shape[1]

        def start(own: int, learned: Sequence[int] | None) -> tuple[StepClassifier, TrainingData]:
            mine = network
            if learned is not None:
                mine = self._two_stages(data, sorted({known[step // t] for step in learned}), n_classes, own)
            seen = part
            if _backbone(mine, name).is_partly_frozen:
                self._check_augmentation(name)
                seen = _passed(part, _given(mine, name), mine, device)
            with drawing(child_seed(own, "head")):
                return mine.step_classifier(name, n_classes), seen.steps()

        people = [clips[clip].clip.person for clip in known for _ in range(t)]
        make, settings = self.first_objective(name, clips), self.first_training
        stage = Stage(f"{name} steps", start, part.steps().labels, people, settings, make)
        self._run(stage, n_classes, seed=seed, device=device, on_epoch=on_epoch)

    def _check_augmentation(self, name: str) -> None:
        if self.first_training.augmentation.is_on:
            raise ConfigError(
                f"a part of its backbone {name} is frozen: what that sees is computed once and cannot be augmented",
                where=self.name,
                hint="Switch augmentation off: --set first.augmentation.mirror=false and so on",
            )

    def _built(self, n_classes: int, shape: Shape) -> TwoStageNetwork:
        network = self._drawn(n_classes, shape, 0)
        assert isinstance(network, TwoStageNetwork)
        return network

    def _two_stages(self, data: TrainingData, known: Sequence[int], n_classes: int, seed: int) -> TwoStageNetwork:
        network = self._begin(data, known, n_classes, child_seed(seed, "weights"))
        assert isinstance(network, TwoStageNetwork)
        return network.in_fast_layout()


def _backbone(network: TwoStageNetwork, name: str) -> Backbone:
    backbone = network.backbones[name]
    assert isinstance(backbone, Backbone)
    return backbone


def _given(network: TwoStageNetwork, name: str) -> Callable[[Tensor], Tensor]:
    """Return what makes of steps what is trained on in the first stage, but for the scaling of what is not frozen."""
    backbone = _backbone(network, name)
    if not backbone.is_partly_frozen:
        return lambda steps: steps
    return lambda steps: backbone.given(network.scaled(steps))


def _passed(data: TrainingData, see: Callable[[Tensor], Tensor], network: TwoStageNetwork, device: str) -> TrainingData:
    """Return the clips as a fixed part of a network sees their steps, clip by clip as in prediction."""
    place = torch.device(device)
    network.eval().to(place)
    inputs = torch.empty(0)
    n, t = data.inputs.shape[:2]
    with steady(place), torch.inference_mode():
        for clip, steps in enumerate(data.inputs):
            seen = see(steps.to(place).float().movedim(-1, 1)).movedim(1, -1)
            if not clip:
                inputs = torch.empty(n, t, *seen.shape[1:], dtype=torch.float16)
            inputs[clip] = seen
    network.to("cpu")
    return replace(data, inputs=inputs)
