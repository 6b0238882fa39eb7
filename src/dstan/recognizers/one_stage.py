"""Networks of one stage: they learn from scratch, or begin from a fitted model and are fine-tuned in every fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, DstanError
from dstan.networks.network import Network
from dstan.recognizers import model_files
from dstan.recognizers.contract import OnEpoch, Recognizer
from dstan.recognizers.initial import Initial, InitSettings, OneStageSettings, check_agreement, find_initial, typed
from dstan.recognizers.network import NetworkRecognizer, Stage
from dstan.recognizers.origins import check_unseen, is_synthetic
from dstan.training import InnerChoice, TrainingData, choose_epochs

HEAD = "head."
"""Begins the names of the last layer's arrays."""
SCALING = "scaling."
"""Begins the names of what is measured anew on the clips that are learned from."""


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

    def begun_from_drawn(self) -> bool:
        """Tell whether the model that it begins with has seen nothing but what was drawn."""
        found = self.initial()
        return found is None or is_synthetic(found.document["state"]["trained"])

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
        sides = (self.shape or ())[2:]
        if sides != found.sides:
            ours, theirs = (" x ".join(map(str, size)) for size in (sides, found.sides))
            raise ConfigError(
                f"clips are {ours} here, and the model that it begins from learned clips of {theirs}",
                where=found.folder,
                hint=f"Take clips of {theirs}, or teach clips of this size: dstan pretrain {self.name} "
                f"--set recipe.size={typed(list(sides))}",
            )
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
