"""The model that a network begins from: what is asked of it, which part of it serves, and what must agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dstan.config import Settings, setting
from dstan.errors import ConfigError
from dstan.recognizers import model_files
from dstan.recognizers.contract import Recognizer, StreamName, below
from dstan.recognizers.network import NetworkRecognizer, NetworkSettings
from dstan.recognizers.origins import corpora_of
from dstan.training import TrainingSettings
from dstan.training.settings import INNER

_CONCERNS: Mapping[StreamName, str] = {"appearance": "frames", "flow": "flow_"}
"""How the names of settings begin that say what is seen of a stream."""


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

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of what it learned."""
        state = self.document["state"]
        _, _, height, width = (state["streams"][self.prefix] if self.prefix else state)["shape"]
        return height, width

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the part under its own names."""
        arrays = model_files.read_arrays(self.folder)
        return below(arrays, self.prefix) if self.prefix else arrays


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
    seen = tuple(_CONCERNS[stream] for one in theirs for stream in one.streams)
    return {
        "recipe": values["recipe"],
        "network": {name: value for name, value in values["network"].items() if name not in switches},
        **{name: value for name, value in values.items() if name.startswith(seen)},
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
    seen = [name for name in ("flow_strain", "flow_values") if hasattr(theirs, name)]
    if "appearance" in own.streams and hasattr(theirs, "frames"):
        seen.append("frames")
    for name in ("recipe.size", "recipe.pairs", *seen, *network):
        _check_same(name, ours.value(name), theirs.value(name), found.folder)
    if "flow" in own.streams and hasattr(theirs, "gain") and hasattr(ours, "gain"):
        _check_same("flow_gain", ours.gain, theirs.gain, found.folder)


def _check_same(name: str, ours: object, theirs: object, folder: Path) -> None:
    if ours != theirs:
        raise ConfigError(
            f"{name} is {typed(ours)} here, and the model that it begins from was made with {typed(theirs)}",
            where=folder,
            hint=f"Type --set {name}={typed(theirs)}, or leave it out where --init takes it from the model",
        )


def typed(value: object) -> str:
    """Return a value as it is typed after ``--set NAME=``."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")


def _are_kin(one: Recognizer, other: Recognizer) -> bool:
    """Tell whether two are networks of one kind."""
    for method in (one, other):
        if not (isinstance(method, NetworkRecognizer) and isinstance(method.settings, OneStageSettings)):
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
