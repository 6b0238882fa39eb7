"""What every recogniser offers: evaluation, prediction and model files see nothing else.

A recogniser is made from settings, learns from prepared clips in :meth:`Recognizer.fit`, and forgets at the next
``fit``. Whatever is fitted is fitted there, so inside the fold.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.errors import DstanError, NotFittedError, ShapeError
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.origins import drawn_clips
from dstan.training import EpochRecord

StreamName: TypeAlias = Literal["appearance", "flow"]
STREAMS: tuple[StreamName, ...] = ("appearance", "flow")
OnEpoch: TypeAlias = Callable[[str, EpochRecord], None]
"""Called with the name of a training (a stream, a stage) and a record of its epoch."""


PAPER_ENDING = "-paper"
"""Ends the name of a method with the parameters and the input that were published for it."""


class Fidelity(StrEnum):
    """How near an implementation can be to what was published."""

    EXACT = "exact"
    """Everything that decides a number is known."""
    MINOR = "minor choices"
    """The formulas are known, some parameters are ours."""
    STRUCTURE = "structure known"
    """What follows what is known, many details are ours."""
    REINTERPRETATION = "re-interpretation"
    """The idea is known, the formulas are ours."""


@dataclass(frozen=True)
class MethodSettings(Settings):
    """What the settings of every method begin with."""

    recipe: Recipe = setting(Recipe(), "Preprocessing (section 2.1).")


@dataclass(frozen=True)
class Inference:
    """What a recogniser finds in some clips."""

    winners: NDArray[np.int64]
    """(n,) the class of each clip, counted from 0."""
    probabilities: NDArray[np.float64]
    """(n, k), each row with the sum 1."""
    attention: Mapping[str, Sequence[NDArray[np.float32]] | None]
    """For each stream the (T,) weight of each frame of each clip; None for a stream without temporal attention."""
    units: Mapping[int, NDArray[np.float64]] | None = None
    """For each action unit its (n,) score, 0 to 1: from .5 on it is told. Rare ones were weighed up when they were
    taught, so it is no probability. None where the method was not taught them."""
    maps: Mapping[StreamName, Sequence[NDArray[np.float32]] | None] = field(default_factory=dict)
    """For each stream the (T, h, w) weight, 0 to 1, of each position of each step of each clip; None, or not there, for
    a stream without spatial attention. A map covers the whole of the arrays that were looked at, in fewer pixels."""


class Recognizer(ABC):
    """A way to tell expressions apart.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    reference: ClassVar[str] = ""
    fidelity: ClassVar[Fidelity]

    def __init__(self, name: str, settings: MethodSettings) -> None:
        self.name = name
        self.settings = settings
        self._forget()

    def _forget(self) -> None:
        self.classes_: tuple[str, ...] = ()
        self.history_: dict[str, list[dict[str, float]]] = {}
        self.dynamics_: dict[str, dict[str, Any]] = {}
        self.trained_: dict[str, Any] = {}
        self.choice_: dict[str, Any] = {}

    @property
    def track(self) -> str:
        """ "paper" where parameters and input are those published for the method, "common" where they are shared."""
        return "paper" if self.name.endswith(PAPER_ENDING) else "common"

    @property
    def recipe(self) -> Recipe:
        """How its clips are to be prepared."""
        return self.settings.recipe

    @property
    @abstractmethod
    def description(self) -> str:
        """What it is, in a few words."""

    @property
    @abstractmethod
    def streams(self) -> tuple[StreamName, ...]:
        """What it needs of a prepared clip."""

    @property
    def epochs(self) -> int:
        """How many times :meth:`fit` will call ``on_epoch``, at most; more where one is begun again."""
        return sum(part.epochs for part in self.components())

    @property
    def parameters(self) -> int:
        """Trained numbers of its networks after :meth:`fit`; 0 where there is none."""
        return sum(part.parameters for part in self.components())

    @property
    def remembers_faces(self) -> bool:
        """Whether what it has learned shows people, as a mean of frames does; none where not said otherwise."""
        return any(part.remembers_faces for part in self.components())

    @property
    def weights(self) -> str:
        """Where the published method rests on pretrained weights, which ones are here: "from scratch", or a file."""
        return ""

    def given(self) -> dict[str, str]:
        """Return what a fit reads besides clips: the SHA-256 of each file by its name.

        An evaluation asks before anything is prepared, and does not go on with folds that began with other files.

        Raises
        ------
        ConfigError
            If a file is not there, or not what it should be.
        """
        return {name: digest for part in self.components() for name, digest in part.given().items()}

    def begun_from(self) -> tuple[str, ...]:
        """Return the corpora that the weights were learned from which a fit begins with; none where it draws its own.

        Raises
        ------
        ModelError
            If the weights are not there, or do not say.
        """
        return tuple(sorted({corpus for part in self.components() for corpus in part.begun_from()}))

    def begun_from_drawn(self) -> bool:
        """Tell whether the weights that a fit begins with have seen nothing but what was drawn; so where it has none.

        Raises
        ------
        ModelError
            If the weights are not there.
        """
        return all(part.begun_from_drawn() for part in self.components())

    def memory(self, clip: PreparedClip, n: int, device: str) -> int:
        """Estimate the bytes of a device's memory that :meth:`fit` takes; 0 where it does not use the device.

        Parameters
        ----------
        clip
            One clip, as prepared as the others.
        n
            How many are learned from.
        device
            "cuda", "cuda:1" ...
        """
        return 0

    def components(self) -> tuple[Recognizer, ...]:
        """Return the recognisers that it is made of, unfitted; none where it stands alone."""
        return ()

    def with_settings(self, settings: MethodSettings) -> Self:
        """Return the same method, unfitted, with other settings.

        Parameters
        ----------
        settings
            All of them, of the method's own kind.
        """
        other = copy.copy(self)
        other.settings = settings
        other._forget()
        return other

    def fit(
        self,
        clips: Sequence[PreparedClip],
        *,
        classes: Sequence[str] | None = None,
        seed: int = 0,
        device: str = "cpu",
        on_epoch: OnEpoch | None = None,
        fitted: Sequence[Recognizer] | None = None,
    ) -> Self:
        """Learn from labelled clips; what was known before is forgotten.

        Parameters
        ----------
        clips
            At least one, all labelled, all of one length and size.
        classes
            All classes in the order of the probabilities, also those without a clip here; None: the labels, sorted.
        seed
            Decides everything random.
        device
            Where to train: "cpu", "cuda", "cuda:1" ...
        on_epoch
            Called with the name of a training (a stream, a stage) and a record after each epoch.
        fitted
            The :meth:`components`, already fitted on these very clips, to be used and not fitted again.

        Raises
        ------
        DstanError
            If there are no clips, or a label is missing or not among the classes.
        ShapeError
            If a clip lacks a stream, is too small, or has another shape than the first.
        """
        self._forget()
        if not clips:
            raise DstanError("there are no clips to learn from", where=self.name)
        self._check(clips)
        self._check_alike(clips)
        names = tuple(classes) if classes is not None else tuple(sorted({str(clip.label) for clip in clips}))
        labels = _indices(clips, names)
        self._fit(clips, labels, names, seed=seed, device=device, on_epoch=on_epoch, fitted=fitted)
        self.classes_ = names
        self.trained_ |= {
            "clips": len(clips),
            "subjects": len({clip.clip.person for clip in clips}),
            "corpora": sorted({clip.clip.corpus for clip in clips}.union(self.begun_from())),
            "labels": dict(Counter(names[label] for label in labels)),
            "seed": seed,
            "device": device,
        }
        if all(drawn_clips(clip.clip for clip in clips)) and self.begun_from_drawn():
            self.trained_["synthetic"] = True
        return self

    def predict(self, clips: Sequence[PreparedClip]) -> list[str]:
        """Return the label of each clip.

        Parameters
        ----------
        clips
            Any number, of any length and size that the method takes.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        return [self.classes_[winner] for winner in self.infer(clips).winners]

    def predict_proba(self, clips: Sequence[PreparedClip]) -> NDArray[np.float64]:
        """Return (n, k) probabilities; every row sums to 1.

        Parameters
        ----------
        clips
            Any number, of any length and size that the method takes.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        return self.infer(clips).probabilities

    def predict_details(self, clips: Sequence[PreparedClip]) -> list[dict[str, Any]]:
        """Return label, probabilities by class, and temporal attention by stream, of each clip.

        The score of each action unit is there, too (:class:`Inference`); None where the method was not taught them.

        Parameters
        ----------
        clips
            Any number, of any length and size that the method takes.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        return self.details(self.infer(clips))

    def details(self, found: Inference) -> list[dict[str, Any]]:
        """Return for each clip what :meth:`predict_details` does, of what is inferred already.

        Parameters
        ----------
        found
            What :meth:`infer` returned.
        """
        return [
            {
                "label": self.classes_[winner],
                "probabilities": dict(zip(self.classes_, map(float, row), strict=True)),
                "attention": {
                    stream: None if weights is None else [float(weight) for weight in weights[index]]
                    for stream, weights in found.attention.items()
                },
                "units": found.units and {unit: float(told[index]) for unit, told in found.units.items()},
            }
            for index, (winner, row) in enumerate(zip(found.winners, found.probabilities, strict=True))
        ]

    def infer(self, clips: Sequence[PreparedClip]) -> Inference:
        """Return winners, probabilities and attention at once, for one pass through the networks.

        Parameters
        ----------
        clips
            Any number, of any length and size that the method takes.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if not self.classes_:
            raise NotFittedError("this recogniser is not fitted", where=self.name, hint="Call fit or load_model first")
        if not clips:
            return Inference(np.zeros(0, dtype=np.int64), np.zeros((0, len(self.classes_))), {})
        self._check(clips)
        return self._infer(clips)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return what was fitted, as named arrays and a JSON-like document.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if not self.classes_:
            raise NotFittedError("this recogniser is not fitted", where=self.name, hint="Call fit first")
        arrays, document = self._state()
        common = {"classes": list(self.classes_), "trained": self.trained_}
        learned = {"history": self.history_, "dynamics": self.dynamics_, "choice": self.choice_}
        return arrays, {**common, **learned, **document}

    def restore(self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any]) -> Self:
        """Take over what :meth:`state` returned from a recogniser with the same settings.

        Parameters
        ----------
        arrays, document
            The two parts of the state.

        Raises
        ------
        KeyError, ValueError
            If they are of another recogniser.
        """
        self._forget()
        classes = tuple(document["classes"])
        if not classes or not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
            raise ValueError(f"its classes are {document['classes']!r:.80}, and not different words")
        self._restore(arrays, document, classes)
        self.classes_ = classes
        self.history_, self.trained_ = dict(document["history"]), dict(document["trained"])
        self.dynamics_, self.choice_ = dict(document.get("dynamics", {})), dict(document.get("choice", {}))
        return self

    @abstractmethod
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
    ) -> None: ...

    @abstractmethod
    def _infer(self, clips: Sequence[PreparedClip]) -> Inference: ...

    @abstractmethod
    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]: ...

    @abstractmethod
    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any], classes: tuple[str, ...]
    ) -> None: ...

    def _check(self, clips: Sequence[PreparedClip]) -> None:
        """Raise ShapeError where a clip lacks a stream that is needed."""
        for clip in clips:
            for stream in self.streams:
                if getattr(clip, stream) is None:
                    raise ShapeError(f"{self.name} needs {stream}, which this clip does not have", where=clip.clip)

    def _check_alike(self, clips: Sequence[PreparedClip]) -> None:
        for clip in clips if "flow" in self.streams else ():
            if (clip.strain is None) != (clips[0].strain is None):
                raise ShapeError(
                    "strain is given with some training clips and not with others",
                    where=clip.clip,
                    hint="Give it with all of them, or with none: it is then computed from the flow",
                )
        for stream in self.streams:
            first = getattr(clips[0], stream).shape
            for clip in clips:
                shape = getattr(clip, stream).shape
                if shape != first:
                    raise ShapeError(
                        f"its {stream} is {shape}, but that of the first training clip is {first}",
                        where=clip.clip,
                        hint="Prepare all clips with one recipe",
                    )


def below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with a prefix and a dot, without these.

    Parameters
    ----------
    arrays
        By name.
    prefix
        What comes before the dot.
    """
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}


def _indices(clips: Sequence[PreparedClip], classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Return each clip's class, counted from 0."""
    for clip in clips:
        if clip.label is None:
            raise DstanError("a clip without a label cannot be learned from", where=clip.clip)
        if clip.label not in classes:
            raise DstanError(f"its label {clip.label!r} is not one of {', '.join(classes)}", where=clip.clip)
    return np.array([classes.index(str(clip.label)) for clip in clips], dtype=np.int64)
