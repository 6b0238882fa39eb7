"""A network as a recogniser: what all methods that learn by epochs have in common."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor

from dstan._random import child_seed
from dstan.arrays import check_array
from dstan.clips import PreparedClip
from dstan.config import setting
from dstan.errors import NotFittedError, ShapeError, naming
from dstan.networks.ensemble import Ensemble
from dstan.networks.network import Network, Output, count_parameters
from dstan.networks.scaling import Scaling
from dstan.recognizers.contract import Inference, MethodSettings, OnEpoch, Recognizer, StreamName, below
from dstan.recognizers.recognition import RecognitionSettings, member_name, member_seed, seen_with_mirror_image
from dstan.splits import Person
from dstan.svm import SVM
from dstan.training import MakeObjective, TrainingData, TrainingSettings, choose_epochs, class_objective, fit_network
from dstan.training.data import LARGEST
from dstan.training.inner import Start
from dstan.training.memory import memory_of_a_fit

Shape = tuple[int, int, int, int]
"""(T, C, H, W) of a clip as a network sees it."""
LARGEST_CLIP = 2**31
"""Numbers of a clip as a network sees it, at most; a minute of 224 x 224 at 200 frames a second has as many."""
UNIT_NUMBERS = "units.numbers"
"""Among what was learned: which action units the layer tells whose arrays are units.weight and units.bias."""
Attention = Mapping[str, Sequence[NDArray[np.float32]] | None]
Maps = Mapping[StreamName, Sequence[NDArray[np.float32]] | None]
"""Both as in :class:`Inference`."""


@dataclass(frozen=True)
class NetworkSettings(MethodSettings):
    """What the settings of every network hold, besides the group ``network`` of its own."""

    training: TrainingSettings = setting(TrainingSettings(), "Training.")
    recognition: RecognitionSettings = setting(
        RecognitionSettings(),
        "Recognition: what is made of trained networks beyond one look through one of them.",
        added=True,
    )


@dataclass(frozen=True)
class Stage:
    """One training within a fit: the same for a method of one stage, and for each of several.

    Parameters
    ----------
    name
        Under which its curves are kept.
    start
        Makes the network that is trained, and the clips that it sees.
    labels
        (n,) the class of each of those clips.
    people
        Who each of them shows.
    settings
        How it is trained.
    objective
        Makes what is minimised.
    """

    name: str
    start: Start
    labels: Tensor
    people: Sequence[Person]
    settings: TrainingSettings
    objective: MakeObjective = class_objective


class NetworkRecognizer(Recognizer):
    """Base of the methods that are a network.

    A method says what its network is (:meth:`build`) and what it sees of a clip (:meth:`tensor`). Clips are predicted
    one by one in float32, so a clip's numbers do not depend on its neighbours.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: NetworkSettings
    what: ClassVar[str]
    smallest: ClassVar[int] = 32
    """Least height and width of the arrays that it is given, in pixels."""

    def _forget(self) -> None:
        super()._forget()
        self.network: Network | None = None
        self.present: tuple[int, ...] = ()
        self.shape: Shape | None = None
        self.learned: Mapping[str, NDArray[Any]] = {}
        self.svm = SVM.linear(self.settings.recognition.C)

    @abstractmethod
    def build(self, n_classes: int, shape: Shape) -> Network:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """

    @abstractmethod
    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        """Return what the network sees of a clip: grey values in [0, 255] and motion in pixels, not yet scaled.

        Parameters
        ----------
        clip
            With the streams that are needed.
        """

    @property
    @abstractmethod
    def mirrored_signs(self) -> tuple[float, ...]:
        """For each channel, what mirroring multiplies it by: -1 for motion to the right, 1 for anything else."""

    @property
    def description(self) -> str:
        """What it looks at."""
        return f"{self.what}, published settings" if self.track == "paper" else self.what

    @property
    def epochs(self) -> int:
        """The epochs of its trainings, at most: where their number is chosen, those of the inner networks, too."""
        return self.settings.recognition.members * most_epochs(self.settings.training)

    @property
    def parameters(self) -> int:
        """Weights of its networks, learned or given; 0 before :meth:`fit`."""
        return 0 if self.network is None else count_parameters(self.network)

    @property
    def remembers_faces(self) -> bool:
        """Whether its network takes a mean image from frames: that is a picture of those whom it learned from."""
        return self.network is not None and any(
            isinstance(part, Scaling) and "grey" in part.kinds for part in self.network.modules()
        )

    def learn(self, clips: Sequence[PreparedClip]) -> Mapping[str, NDArray[Any]]:
        """Fit what :meth:`tensor` needs; it is then in ``learned``, and kept with the model.

        It is fitted once, on all training clips: also on those of people whom an inner choice of epochs holds out.

        Parameters
        ----------
        clips
            The training clips.
        """
        return {}

    def views(self, clip: PreparedClip) -> Sequence[Float32[Tensor, "t c h w"]]:
        """Return what is learned from a clip: what the network sees of it, or several variants of that.

        Parameters
        ----------
        clip
            A training clip; every one has as many views.
        """
        return (self.tensor(clip),)

    def initialise(self, network: Network) -> None:
        """Put given weights in place of drawn ones; called before a fit, not when a model is loaded.

        Parameters
        ----------
        network
            Just built.
        """

    def memory(self, clip: PreparedClip, n: int, device: str) -> int:
        """Estimate the bytes of a device's memory that :meth:`fit` takes.

        Parameters
        ----------
        clip
            One clip, as prepared as the others.
        n
            How many are learned from.
        device
            "cuda", "cuda:1" ...
        """
        shape = self._shape_of(self.tensor(clip))
        network = self._drawn(2, shape, 0).in_fast_layout()
        need = memory_of_a_fit(network, shape, n * len(self.views(clip)), self.settings.training, device)
        return need + self._waiting(network, device)

    def _waiting(self, network: Network, device: str) -> int:
        """Return the bytes of members that are trained already: they wait in the computer's memory."""
        others = self.settings.recognition.members - 1
        return 4 * others * count_parameters(network) if device == "cpu" else 0

    def see(self, clips: Sequence[PreparedClip]) -> list[Output]:
        """Pass each clip through the network by itself, in float32; its mirror image, too, where that is asked for.

        Parameters
        ----------
        clips
            Any number of clips.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ShapeError
            If a clip has another shape than those that were learned.
        """
        if self.network is None:
            raise NotFittedError("this recogniser is not fitted", where=self.name, hint="Call fit first")
        with torch.inference_mode():
            return [self._look(self.network, self._known(clip)[None]) for clip in clips]

    def _look(self, network: Network, clip: Float32[Tensor, "1 t c h w"]) -> Output:
        if self.settings.recognition.mirror:
            return seen_with_mirror_image(network, clip, self.mirrored_signs)
        found: Output = network(clip)
        return found

    def features(self, seen: Sequence[Output]) -> NDArray[np.float64]:
        """Return the (n, f) features that the last layer sees; those of several members stand side by side.

        Parameters
        ----------
        seen
            What :meth:`see` returned, of one clip at least.
        """
        return np.array([output.features[0].numpy() for output in seen], dtype=np.float64)

    def interpret(self, seen: Sequence[Output]) -> Inference:
        """Turn what the network returned into winners, probabilities and attention in time and space.

        Where an SVM is the classifier, it answers in place of the last layer.

        Parameters
        ----------
        seen
            What :meth:`see` returned.
        """
        weights = [output.temporal[0].numpy() for output in seen if output.temporal is not None] or None
        attention: Attention = dict.fromkeys(self.streams, weights)
        if self.settings.recognition.classifier == "svm":
            return Inference(*self.svm.infer(self.features(seen)), attention, self._units(seen), self._maps(seen))
        probabilities = np.zeros((len(seen), len(self.classes_)))
        present = list(self.present)
        for row, output in zip(probabilities, seen, strict=True):
            row[present] = torch.softmax(output.logits[0, present].double(), dim=0).numpy()
        return Inference(probabilities.argmax(1), probabilities, attention, self._units(seen), self._maps(seen))

    @property
    def mapped(self) -> tuple[StreamName, ...]:
        """The streams that its spatial attention is of, where it has one."""
        return self.streams

    def _maps(self, seen: Sequence[Output]) -> Maps:
        """Return the weight of each position."""
        maps = [output.spatial[0].numpy() for output in seen if output.spatial is not None] or None
        return {stream: maps if stream in self.mapped else None for stream in self.streams}

    def _units(self, seen: Sequence[Output]) -> dict[int, NDArray[np.float64]] | None:
        """Return the score of each action unit, where a teacher taught them."""
        if not seen or UNIT_NUMBERS not in self.learned:
            return None
        weight, bias = self.learned["units.weight"], self.learned["units.bias"]
        scores = np.stack([output.features[0].numpy() for output in seen]).astype(np.float64) @ weight.T + bias
        told = torch.sigmoid(torch.from_numpy(scores)).numpy()
        return dict(zip(map(int, self.learned[UNIT_NUMBERS]), told.T, strict=True))

    def _fit(
        self,
        clips: Sequence[PreparedClip],
        labels: NDArray[np.int64],
        classes: tuple[str, ...],
        *,
        seed: int,
        device: str,
        on_epoch: OnEpoch | None,
        fitted: Sequence[Recognizer] | None,
    ) -> None:
        self.learned = self.learn(clips)
        data = self._data(clips, torch.from_numpy(labels))
        self.network = self._train_all(clips, data, len(classes), seed=seed, device=device, on_epoch=on_epoch)
        self.present = tuple(int(label) for label in np.unique(labels))
        if self.settings.recognition.classifier == "svm":
            self.svm.fit(self.features(self.see(clips)), labels, len(classes))

    def _data(self, clips: Sequence[PreparedClip], labels: Tensor) -> TrainingData:
        """Return all views of all clips, clip by clip."""
        first = self._views(clips[0])
        tensors = chain(first, chain.from_iterable(map(self._views, clips[1:])))
        data = TrainingData.stack(tensors, labels.repeat_interleave(len(first)), self.mirrored_signs)
        t, h, w, c = data.inputs.shape[1:]
        self.shape = (t, c, h, w)
        return data

    def _views(self, clip: PreparedClip) -> Sequence[Float32[Tensor, "t c h w"]]:
        with naming(clip.clip):
            return [_checked(view) for view in self.views(clip)]

    def _train_all(
        self,
        clips: Sequence[PreparedClip],
        data: TrainingData,
        n_classes: int,
        *,
        seed: int,
        device: str,
        on_epoch: OnEpoch | None,
    ) -> Network:
        """Train each member by itself, its number of epochs included, and keep the curves of all."""
        networks = []
        for number in range(1, self.settings.recognition.members + 1):
            one = copy.copy(self)
            one.history_, one.dynamics_ = {}, {}
            own, told = member_seed(seed, number), _told_of(number, on_epoch)
            networks.append(one._train(clips, data, n_classes, seed=own, device=device, on_epoch=told))
            self.history_ |= {member_name(name, number): curve for name, curve in one.history_.items()}
            self.dynamics_ |= {member_name(name, number): found for name, found in one.dynamics_.items()}
        return Ensemble(networks) if len(networks) > 1 else networks[0]

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
        def start(own: int, learned: Sequence[int] | None) -> tuple[Network, TrainingData]:
            return self._begin(data, learned, n_classes, child_seed(own, "weights")), data

        people = [clip.clip.person for clip in clips for _ in range(len(data) // len(clips))]
        stage = Stage(self.stage, start, data.labels, people, self.settings.training)
        return self._run(stage, n_classes, seed=seed, device=device, on_epoch=on_epoch)

    @property
    def stage(self) -> str:
        """Under which name the curves of its training are kept."""
        return self.name

    def _run(self, stage: Stage, n_classes: int, *, seed: int, device: str, on_epoch: OnEpoch | None) -> Network:
        """Train the network of a stage, after a choice of epochs where that is asked for, and keep its curves."""
        report = None if on_epoch is None else partial(on_epoch, stage.name)
        how: dict[str, Any] = {"device": device, "on_epoch": report, "objective": stage.objective}
        stage, epochs, found = self._chosen(stage, n_classes, seed=seed, **how)
        network, data = stage.start(seed, None)
        fit = fit_network(network, data, stage.settings, epochs=epochs, seed=seed, **how)
        self.history_[stage.name] = [vars(record) for record in fit.history]
        self.dynamics_[stage.name] = {**fit.dynamics.to_dict(), **found}
        return network

    def _chosen(self, stage: Stage, n_classes: int, *, seed: int, **how: Any) -> tuple[Stage, int, dict[str, Any]]:
        """Return how a stage is trained, for how many epochs, and what was found where that is chosen inside."""
        epochs = stage.settings.epochs
        if isinstance(epochs, int):
            return stage, epochs, {"inner": None}
        inner = choose_epochs(stage.start, stage.labels, stage.people, n_classes, stage.settings, seed=seed, **how)
        return stage, inner.chosen, {"inner": inner.to_dict()}

    def _begin(self, data: TrainingData, learned: Sequence[int] | None, n_classes: int, seed: int) -> Network:
        """Return a network whose weights are drawn or given, and whose scaling is that of the clips learned from."""
        assert self.shape is not None
        network = self._drawn(n_classes, self.shape, seed)
        self.initialise(network)
        if network.scaling is not None:
            network.scaling.measure(data.inputs if learned is None else data.inputs[list(learned)])
        return network

    def _drawn(self, n_classes: int, shape: Shape, seed: int) -> Network:
        with drawing(seed):
            return self.build(n_classes, shape)

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        return self.interpret(self.see(clips))

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        if self.network is None:
            raise NotFittedError("this recogniser is not fitted", where=self.name)
        arrays = {name: value.contiguous().numpy() for name, value in self.network.state_dict().items()}
        learned = {f"learned.{name}": value for name, value in self.learned.items()}
        svm = {f"svm.{name}": value for name, value in self.svm.arrays.items()}
        return {**arrays, **learned, **svm}, {"present": list(self.present), "shape": self.shape}

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any], classes: tuple[str, ...]
    ) -> None:
        t, c, h, w = (int(side) for side in document["shape"])
        if min(t, c, h, w) < 1 or t * c * h * w > LARGEST_CLIP:
            raise ValueError(f"its clips are of {_sides((t, c, h, w))}")
        self.shape = (t, c, h, w)
        self.learned = below(arrays, "learned")
        if own := below(arrays, "svm"):
            self.svm.restore(own, len(classes))
        given = {name: value for name, value in arrays.items() if not name.startswith(("learned.", "svm."))}
        with torch.device("meta"):  # a file may ask for a network that no memory holds
            expected = {name: tuple(value.shape) for name, value in self._unlearned(classes).state_dict().items()}
        found = {name: tuple(value.shape) for name, value in given.items()}
        if expected != found:
            different = sorted(name for name in expected | found if expected.get(name) != found.get(name))
            raise ValueError(f"the arrays do not fit the network: {', '.join(different[:3])}")
        network = self._unlearned(classes)
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in given.items()})
        self.network = network.in_fast_layout().eval()
        self.present = tuple(document["present"])
        if not set(self.present) <= set(range(len(classes))):
            raise ValueError(f"the classes present are {self.present}, but there are only {len(classes)}")

    def _unlearned(self, classes: tuple[str, ...]) -> Network:
        """Return the network whose weights are taken over."""
        assert self.shape is not None
        members = [self._drawn(len(classes), self.shape, 0) for _ in range(self.settings.recognition.members)]
        return Ensemble(members) if len(members) > 1 else members[0]

    def _known(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        """Return what the network sees, after a look at whether it is of the shape that was learned."""
        with naming(clip.clip):
            tensor = self.tensor(clip)
        if tuple(tensor.shape) != self.shape:
            raise ShapeError(
                f"it is {_sides(tensor.shape)} to {self.name}, which learned clips of {_sides(self.shape or ())}",
                where=clip.clip,
                hint="Prepare it as the training clips were",
            )
        return tensor

    def _shape_of(self, tensor: Tensor) -> Shape:
        t, c, h, w = tensor.shape
        return t, c, h, w

    def _check(self, clips: Sequence[PreparedClip]) -> None:
        super()._check(clips)
        for clip in clips:
            for stream in self.streams:
                array = getattr(clip, stream)
                check_array(f"{stream} of {clip.clip}", array, ndim=array.ndim, smallest=self.smallest)


def _sides(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _told_of(number: int, on_epoch: OnEpoch | None) -> OnEpoch | None:
    """Return what tells of the epochs of a member."""
    if on_epoch is None:
        return None
    return lambda name, record: on_epoch(member_name(name, number), record)


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Let a seed decide the weights that are drawn inside, and leave torch's generator as it was.

    Parameters
    ----------
    seed
        Zero or more.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def most_epochs(training: TrainingSettings) -> int:
    """Return how many epochs one training may have, those of inner networks included.

    Parameters
    ----------
    training
        Its settings.
    """
    if isinstance(training.epochs, int):
        return training.epochs
    return (training.inner_parts + 1) * max(training.inner_epochs)


def _checked(tensor: Float32[Tensor, "t c h w"]) -> Float32[Tensor, "t c h w"]:
    """Return what the network sees, after a look at whether half precision holds it."""
    peak = float(tensor.abs().amax())
    if not peak <= LARGEST:
        raise ShapeError(
            f"what the network sees of it reaches {peak:,.0f}, and training holds at most {LARGEST:,.0f}",
            hint="Look at how the clip was prepared, and at factors in the settings",
        )
    return tensor
