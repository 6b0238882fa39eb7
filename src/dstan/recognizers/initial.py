"""Networks that begin from the weights of a fitted model: fine-tuned inside each fold, where not told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.errors import ConfigError, DstanError
from dstan.networks.network import Network
from dstan.recognizers import model_files
from dstan.recognizers.contract import OnEpoch, Recognizer, below
from dstan.recognizers.network import NetworkRecognizer, NetworkSettings, Stage
from dstan.recognizers.origins import check_unseen, corpora_of
from dstan.training import InnerChoice, TrainingData, TrainingSettings, choose_epochs
from dstan.training.settings import INNER

HEAD = "head."
"""Begins the names of the last layer's arrays."""
SCALING = "scaling."
"""Begins the names of what is measured anew on the clips that are learned from."""


@dataclass(frozen=True)
class InitSettings(Settings):
    """Where a network begins, and how it is trained from there; everything else is as in ``training``."""

    weights: str = setting("", "Folder of the fitted model that a network begins from; empty: it is drawn.")
    learning_rates: tuple[float, ...] = setting(
        (3e-4,),
        "The optimizer's step from there; the best of several is chosen by people held out of the training part.",
        low=1e-9,
        high=10.0,
    )
    frozen: tuple[int, ...] = setting(
        (0,), "How many of the first blocks stay as they are; the best of several is chosen likewise.", low=0, high=100
    )
    epochs: int | str = setting(
        30,
        'Passes over the training clips; "inner" chooses among training.inner_epochs likewise.',
        low=1,
        high=100_000,
        choices=(INNER,),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.learning_rates or not self.frozen:
            raise ConfigError("learning_rates and frozen must each name one at least", hint="For example frozen=[0]")

    @property
    def candidates(self) -> tuple[tuple[float, int], ...]:
        """Every learning rate with every number of frozen blocks, each once."""
        return tuple(dict.fromkeys(product(self.learning_rates, self.frozen)))

    @property
    def chooses(self) -> bool:
        """Whether anything is left to an inner choice."""
        return len(self.candidates) > 1 or self.epochs == INNER

    def training(self, training: TrainingSettings, learning_rate: float) -> TrainingSettings:
        """Return how a network is trained from where it begins.

        Parameters
        ----------
        training
            How it would be trained from scratch.
        learning_rate
            One of ``learning_rates``.
        """
        offered = training.inner_epochs if isinstance(self.epochs, str) else (self.epochs,)
        return replace(training, learning_rate=learning_rate, epochs=self.epochs, inner_epochs=offered)


@dataclass(frozen=True)
class OneStageSettings(NetworkSettings):
    """What the settings of networks of one stage hold, besides the group ``network`` of their own."""

    init: InitSettings = setting(
        InitSettings(), "Beginning from a fitted model instead of from scratch (--init).", added=True
    )


@dataclass(frozen=True)
class Initial:
    """A fitted model, or the part of it that serves a network.

    Parameters
    ----------
    folder
        Of the model.
    document
        What its ``model.json`` says.
    part
        The recogniser, unfitted, whose weights serve.
    prefix
        What its arrays begin with; "" where the model is nothing else.
    """

    folder: Path
    document: Mapping[str, Any]
    part: NetworkRecognizer
    prefix: str

    @property
    def name(self) -> str:
        """As tables show it."""
        return self.folder.name

    @property
    def sha256(self) -> str:
        """Of the model's arrays."""
        return str(self.document["digests"][model_files.ARRAYS])

    @property
    def classes(self) -> tuple[str, ...]:
        """What it tells apart."""
        return tuple(self.document["state"]["classes"])

    @property
    def corpora(self) -> tuple[str, ...]:
        """What it was learned from."""
        return corpora_of(self.document["state"]["trained"], self.folder)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the part under its own names."""
        arrays = model_files.read_arrays(self.folder)
        return below(arrays, self.prefix) if self.prefix else arrays


class OneStageRecognizer(NetworkRecognizer):
    """Base of networks of one stage: they may begin from a model that was fitted before (:class:`InitSettings`).

    Every array of the same name and shape is taken over; the last layer only where the classes are the same in the
    same order. What brings inputs to one scale is measured anew, as always. A stream takes its own part of a model of
    two streams; where the model has none, it begins from scratch, and is trained so.
    """

    settings: OneStageSettings
    own_switches: ClassVar[tuple[str, ...]] = ()
    """Settings of ``network`` that make the method what it is, so that they are never taken from a model."""

    def _forget(self) -> None:
        super()._forget()
        self._begun: tuple[Initial, Mapping[str, NDArray[Any]]] | None = None
        self._classes: tuple[str, ...] = ()

    def initial(self) -> Initial | None:
        """Return what it begins from; None where it is drawn.

        Raises
        ------
        ModelError
            If the model is not there, or damaged.
        """
        weights = self.settings.init.weights
        return find_initial(Path(weights), self) if weights else None

    @property
    def weights(self) -> str:
        """Where it begins from a model: "begun from MODEL"."""
        if self.classes_:
            init = self.trained_.get("init", {})
            return f"begun from {init['weights']}" if "sha256" in init else ""
        found = self.initial()
        return f"begun from {found.name}" if found else ""

    def given(self) -> dict[str, str]:
        """Return the digest of the model's arrays, where it begins from one.

        Raises
        ------
        ModelError
            If the model is not there, or damaged.
        ConfigError
            If it was made with other settings than these.
        """
        found = self.initial()
        if found is None:
            return {}
        check_agreement(self, found)
        return {f"{found.name}/{model_files.ARRAYS}": found.sha256}

    def begun_from(self) -> tuple[str, ...]:
        """Return the corpora that the model was learned from which it begins with."""
        found = self.initial()
        return found.corpora if found else ()

    @property
    def epochs(self) -> int:
        """The epochs of its trainings, at most: where something is chosen, those of the inner networks, too."""
        init, training = self.settings.init, self.settings.training
        if self.initial() is None:
            return super().epochs
        most = max(training.inner_epochs) if isinstance(init.epochs, str) else init.epochs
        rounds = 1 + (training.inner_parts * len(init.candidates) if init.chooses else 0)
        return self.settings.recognition.members * rounds * most

    def initialise(self, network: Network) -> None:
        """Put the model's weights in place of drawn ones, and note which stayed drawn.

        Parameters
        ----------
        network
            Just built.
        """
        if self._begun is None:
            return
        found, arrays = self._begun
        state, with_head = network.state_dict(), found.classes == self._classes
        taken = {
            name: torch.from_numpy(np.array(arrays[name]))
            for name, value in state.items()
            if name in arrays and arrays[name].shape == tuple(value.shape) and (with_head or not name.startswith(HEAD))
        }
        network.load_state_dict(taken, strict=False)
        self.trained_["init"] = {
            "weights": found.name,
            "sha256": found.sha256,
            "method": found.document["method"],
            "corpora": list(found.corpora),
            "drawn": sorted(name for name in state if name not in taken and not name.startswith(SCALING)),
        }

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
        found, self._classes = self.initial(), classes
        if found is not None:
            check_agreement(self, found)
            check_unseen(found.corpora, {clip.clip.corpus for clip in clips}, found.folder)
            self._begun = found, found.arrays()
        elif self.settings.init.weights:
            self.trained_["init"] = {"weights": Path(self.settings.init.weights).name, "drawn": "everything"}
        super()._fit(clips, labels, classes, seed=seed, device=device, on_epoch=on_epoch, fitted=fitted)
        self._begun = None

    def _chosen(self, stage: Stage, n_classes: int, *, seed: int, **how: Any) -> tuple[Stage, int, dict[str, Any]]:
        if self._begun is None:
            return super()._chosen(stage, n_classes, seed=seed, **how)
        init = self.settings.init
        stages = {one: _begun_stage(stage, init, *one) for one in init.candidates}
        if not init.chooses:
            ((_, only),) = stages.items()
            assert isinstance(init.epochs, int)
            return only, init.epochs, {"inner": None}
        _check_people(stage)
        found = {
            one: choose_epochs(own.start, own.labels, own.people, n_classes, own.settings, seed=seed, **how)
            for one, own in stages.items()
        }
        best = max(found, key=lambda one: max(found[one].uf1))  # of equals the first
        return stages[best], found[best].chosen, {"inner": found[best].to_dict(), "init": _told(found, best)}


def _begun_stage(stage: Stage, init: InitSettings, learning_rate: float, frozen: int) -> Stage:
    """Return the training of one candidate."""

    def start(seed: int, learned: Sequence[int] | None) -> tuple[Network, TrainingData]:
        network, data = stage.start(seed, learned)
        freeze(network, frozen)
        return network, data

    return replace(stage, start=start, settings=init.training(stage.settings, learning_rate))


def _check_people(stage: Stage) -> None:
    if len(set(stage.people)) < 2:
        raise DstanError(
            "what is chosen inside is chosen by people held out of the training clips, and these are all of one person",
            where="init",
            hint="Add clips of other people, or give one value of each: --set init.learning_rates=[3e-4] and so on",
        )


def _told(found: Mapping[tuple[float, int], InnerChoice], best: tuple[float, int]) -> dict[str, Any]:
    """Return what the choice came to, for ``fold.json``."""
    return {
        "candidates": [
            {"learning_rate": rate, "frozen": frozen, "epochs": list(one.epochs), "uf1": list(one.uf1)}
            for (rate, frozen), one in found.items()
        ],
        "chosen": {"learning_rate": best[0], "frozen": best[1], "epochs": found[best].chosen},
        "parts": found[best].parts,
    }


def freeze(network: Network, n: int) -> None:
    """Leave the first blocks of a network, and the batch norms that follow them, as they are.

    Parameters
    ----------
    network
        Its statistics of batch norm are settled after training all the same.
    n
        How many.

    Raises
    ------
    ConfigError
        If it has fewer.
    """
    blocks = list(network.blocks)
    if n > len(blocks):
        raise ConfigError(
            f"init.frozen names {n} blocks, and the network has {len(blocks)}", hint=f"Give 0 to {len(blocks)}"
        )
    for module in (*blocks[:n], *list(getattr(network, "norms", ()))[:n]):
        module.requires_grad_(False)


def find_initial(folder: Path, own: NetworkRecognizer) -> Initial | None:
    """Return the part of a fitted model that can serve a network: of the same kind, looking at the same streams.

    Parameters
    ----------
    folder
        Of the model.
    own
        What is to begin from it.

    Returns
    -------
    None where the model has no such part.

    Raises
    ------
    ModelError
        If it is not there, or damaged.
    """
    document, made = _read(folder, own)
    components = made.components()
    for part in components or (made,):
        if _are_kin(part, own) and part.streams == own.streams:
            assert isinstance(part, NetworkRecognizer)
            return Initial(folder, document, part, part.streams[0] if components else "")
    return None


def settings_from(folder: Path, method: Recognizer) -> dict[str, Any] | None:
    """Return the settings that a method takes over from the model that it begins from: they are its defaults then.

    Parameters
    ----------
    folder
        Of the model.
    method
        Unfitted.

    Returns
    -------
    Nested settings; None where the model is of another kind of network.

    Raises
    ------
    ModelError
        If the model is not there, or damaged.
    """
    own = method.components() or (method,)
    document, made = _read(folder, own[0])
    theirs = made.components() or (made,)
    if not any(_are_kin(one, other) for one in own for other in theirs):
        return None
    values, (switches,) = document["settings"], {getattr(one, "own_switches", ()) for one in own}
    flow = {name: value for name, value in values.items() if name.startswith("flow_")}
    return {
        "recipe": values["recipe"],
        "network": {name: value for name, value in values["network"].items() if name not in switches},
        **(flow if any("flow" in one.streams for one in theirs) else {}),
        "init": {"weights": str(folder)},
    }


def check_agreement(own: NetworkRecognizer, found: Initial) -> None:
    """See that a network is given what the model was given that it begins from, and has its widths.

    Parameters
    ----------
    own
        What begins.
    found
        What it begins from.

    Raises
    ------
    ConfigError
        Naming the first setting that contradicts the model.
    """
    ours, theirs = own.settings, found.part.settings
    members = theirs.recognition.members
    if members > 1:
        raise ConfigError(
            f"it is {members} networks, and a network begins from one",
            where=found.folder,
            hint="Make weights with --set recognition.members=1; what begins from them may have several",
        )
    switches = getattr(own, "own_switches", ())
    network = [f"network.{name}" for name in theirs.value("network") if name not in switches]
    flow = [name for name in ("flow_strain", "flow_values") if hasattr(theirs, name)]
    for name in ("recipe.size", "recipe.pairs", *flow, *network):
        _check_same(name, ours.value(name), theirs.value(name), found.folder)
    if "flow" in own.streams and hasattr(theirs, "gain") and hasattr(ours, "gain"):
        _check_same("flow_gain", ours.gain, theirs.gain, found.folder)


def _check_same(name: str, ours: object, theirs: object, folder: Path) -> None:
    if ours != theirs:
        raise ConfigError(
            f"{name} is {_typed(ours)} here, and the model that it begins from was made with {_typed(theirs)}",
            where=folder,
            hint=f"Type --set {name}={_typed(theirs)}, or leave it out where --init takes it from the model",
        )


def _typed(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")


def _are_kin(one: Recognizer, other: Recognizer) -> bool:
    """Tell whether two are networks of one kind."""
    if not (isinstance(one, OneStageRecognizer) and isinstance(other, OneStageRecognizer)):
        return False
    kinds = {type(getattr(method.settings, "network", None)) for method in (one, other)}
    return len(kinds) == 1


def _read(folder: Path, own: Recognizer) -> tuple[dict[str, Any], Recognizer]:
    """Return a model's document, after a look at whether its arrays are those, and its recogniser, unfitted."""
    from dstan.recognizers import unfitted

    document = model_files.checked_document(folder)
    if document["method"] == own.name:
        return document, own.with_settings(type(own.settings)().replaced(document["settings"]))
    return document, unfitted(folder, document)
