"""A teacher that needs no licence: networks learn drawn facial motion before they see a real clip."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dstan._random import child_seed
from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.errors import ConfigError
from dstan.metrics import scores_of_many
from dstan.networks.network import Network, UnitTeller
from dstan.recognizers.contract import OnEpoch, Recognizer, StreamName
from dstan.recognizers.network import NetworkRecognizer, drawing
from dstan.recognizers.two_stage import TwoStageRecognizer
from dstan.synthesis.motion import UNITS, MotionArtist, MotionSettings
from dstan.tasks import Task
from dstan.training import TrainingData, TrainingSettings, fit_network
from dstan.training.data import RenewedData
from dstan.training.losses import unit_objective

DRAWN = "drawn"
"""The corpus of drawn clips."""


@dataclass(frozen=True)
class TeacherSettings(Settings):
    """How much is drawn, from which ranges, and how it is learned."""

    clips: int = setting(2000, "Clips drawn for each epoch; none is seen twice.", low=32, high=1_000_000)
    epochs: int = setting(12, "Times that as many are drawn and learned from.", low=1, high=100_000)
    batch_size: int = setting(32, "Clips in a batch.", low=2)
    learning_rate: float = setting(1e-3, "The first step; it falls to a hundredth along a cosine.", low=1e-9, high=10.0)
    unit_share: float = setting(1.0, "How much telling action units counts beside telling classes.", low=0, high=100)
    checked: int = setting(1000, "Clips drawn to see what was learned.", low=10, high=1_000_000)
    motion: MotionSettings = setting(MotionSettings(), "What motion is drawn, and what contaminates it.")

    @property
    def training(self) -> TrainingSettings:
        """The same for the training loop."""
        return TrainingSettings(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate, schedule="cosine"
        )


def teach(
    recognizer: Recognizer,
    task: Task,
    settings: TeacherSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    on_epoch: OnEpoch | None = None,
) -> Recognizer:
    """Return a method fitted on drawn motion alone.

    Parameters
    ----------
    recognizer
        The method, unfitted; its recipe says how the motion is drawn.
    task
        Whose classes.
    settings
        How much is drawn, and how it is learned.
    seed
        Decides everything random.
    device
        Where it is drawn and learned.
    on_epoch
        Called with the name of a training and a record after each epoch.

    Raises
    ------
    ConfigError
        If the method cannot be taught so, or the task has no classes that can be drawn.
    """
    settings = settings or TeacherSettings()
    artist = MotionArtist(task, recognizer.recipe, settings.motion, device)
    taught = copy.deepcopy(recognizer)
    taught._forget()
    _check(taught)
    how: dict[str, Any] = {"seed": seed, "device": device, "on_epoch": on_epoch}
    for part in taught.components() or (taught,):
        assert isinstance(part, NetworkRecognizer)
        _teach(part, partial(_draw, artist, part.streams), settings, n_classes=len(task.classes), **how)
    taught.classes_ = task.classes
    taught.trained_ = {
        "clips": settings.clips * settings.epochs,
        "subjects": 0,
        "corpora": [DRAWN],
        "labels": {},
        "seed": seed,
        "device": device,
        "task": task.name,
        "teacher": settings.to_dict(),
    }
    drawn = _draw(artist, taught.streams, settings.checked, child_seed(seed, "check"))
    taught.trained_["checked"] = _checked(taught, drawn)
    return taught


def _check(recognizer: Recognizer) -> None:
    for part in recognizer.components() or (recognizer,):
        if not isinstance(part, NetworkRecognizer) or isinstance(part, TwoStageRecognizer):
            raise ConfigError(
                "only networks that learn in one stage from flow, frames or both can be taught drawn motion",
                where=recognizer.name,
                hint="For example dstan, stmn-a, stan-a, ststnet or sssnet",
            )


class Drawn(NamedTuple):
    """Clips drawn as a recipe would have prepared them."""

    clips: list[PreparedClip]
    labels: Tensor
    """(n,) the class of each, counted from 0."""
    units: Tensor
    """(n, units) which action units each shows."""


def _draw(artist: MotionArtist, streams: Sequence[StreamName], n: int, seed: int) -> Drawn:
    drawn = artist.draw(n, seed, frames="appearance" in streams)
    flow = drawn.flow.cpu().numpy()
    frames = repeat(None) if drawn.frames is None else drawn.frames.cpu().numpy()
    names = [artist.task.classes[label] for label in drawn.labels.tolist()]
    clips = [
        PreparedClip.from_arrays(
            appearance=seen, flow=motion, label=name, corpus=DRAWN, subject="nobody", clip_id=str(number)
        )
        for number, (seen, motion, name) in enumerate(zip(frames, flow, names, strict=False))
    ]
    return Drawn(clips, drawn.labels, drawn.units)


def _teach(
    part: NetworkRecognizer,
    draw: Callable[[int, int], Drawn],
    settings: TeacherSettings,
    *,
    n_classes: int,
    seed: int,
    device: str,
    on_epoch: OnEpoch | None,
) -> None:
    """Train the network of a method on clips that are drawn anew for each epoch."""
    own = child_seed(seed, "teach", part.stage)

    def renew(epoch: int) -> TrainingData:
        drawn = draw(settings.clips, child_seed(own, "epoch", epoch))
        return replace(part._data(drawn.clips, drawn.labels), units=drawn.units)

    data = RenewedData(**vars(renew(0)), renew=renew)
    network = part._begin(data, None, n_classes, child_seed(own, "weights"))
    teller = _teller(network, data, child_seed(own, "units"))
    fit = fit_network(
        teller,
        data,
        settings.training,
        epochs=settings.epochs,
        seed=own,
        device=device,
        on_epoch=None if on_epoch is None else partial(on_epoch, part.stage),
        objective=unit_objective(settings.unit_share),
    )
    part.network, part.present = network, tuple(range(n_classes))
    part.learned = {f"units.{name}": value.numpy() for name, value in teller.units.state_dict().items()}
    part.history_ = {part.stage: [vars(record) for record in fit.history]}
    part.dynamics_ = {part.stage: {**fit.dynamics.to_dict(), "inner": None}}


def _teller(network: Network, data: TrainingData, seed: int) -> UnitTeller:
    """Return the network with a layer that tells action units."""
    with torch.no_grad():
        features = network.eval()(data.inputs[:1].float().movedim(-1, 2)).features
    with drawing(seed):
        return UnitTeller(network, features.shape[1], len(UNITS))


def _checked(taught: Recognizer, drawn: Drawn) -> dict[str, Any]:
    """Return how well drawn clips that were not learned from are told apart."""
    n = len(taught.classes_)
    counts = np.zeros((1, n, n), dtype=np.int64)
    np.add.at(counts[0], (drawn.labels.numpy(), taught.infer(drawn.clips).winners), 1)
    return {name: round(float(values[0]), 4) for name, values in scores_of_many(counts).items()}
