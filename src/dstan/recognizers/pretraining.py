"""A teacher that needs no licence: networks learn drawn facial motion before they see a real clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from dstan.recognizers import recognizer
from dstan.recognizers.contract import OnEpoch, Recognizer, StreamName
from dstan.recognizers.initial import InitSettings
from dstan.recognizers.network import UNIT_NUMBERS, drawing
from dstan.recognizers.one_stage import OneStageRecognizer
from dstan.recognizers.origins import DRAWN
from dstan.recognizers.recognition import RecognitionSettings
from dstan.recognizers.settings import DSTANSettings
from dstan.recognizers.strcn import STRCN
from dstan.synthesis.motion import UNITS, MotionArtist, MotionSettings
from dstan.tasks import Task
from dstan.training import TrainingData, TrainingSettings, fit_network
from dstan.training.data import RenewedData
from dstan.training.losses import unit_objective

TOLD = 0.5
"""From which score an action unit counts as told."""


@dataclass(frozen=True)
class TeacherSettings(Settings):
    """How much is drawn, from which ranges, and how it is learned."""

    clips: int = setting(2000, "Clips drawn for each epoch; none is seen twice.", low=32, high=1_000_000)
    epochs: int = setting(12, "Times that as many are drawn and learned from.", low=1, high=100_000)
    batch_size: int = setting(32, "Clips in a batch.", low=2)
    learning_rate: float = setting(1e-3, "The first step; it falls to a hundredth along a cosine.", low=1e-9, high=10.0)
    unit_share: float = setting(5.0, "How much telling action units counts beside telling classes.", low=0, high=100)
    checked: int = setting(1000, "Clips drawn to see what was learned.", low=10, high=1_000_000)
    motion: MotionSettings = setting(MotionSettings(), "What motion is drawn, and what contaminates it.")

    @property
    def training(self) -> TrainingSettings:
        """The same for the training loop."""
        return TrainingSettings(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate, schedule="cosine"
        )


SMALL = {"recipe": {"size": 64, "pairs": "onset-apex"}}
"""What every method is given to see by default: drawn and learned in minutes."""
NARROW = {"network": {"channels": [8, 16, 32, 64, 64]}, "frames": "differences"}
"""The same for DSTAN and its streams: there is less to learn than the paper's widths are for, and of frames the
appearance stream learns whose they are (docs/pretraining.md)."""


def pupil(method: str, overrides: Mapping[str, Any]) -> tuple[Recognizer, TeacherSettings]:
    """Return a method that is to be taught, and its teacher's settings.

    Parameters
    ----------
    method
        Its name.
    overrides
        Nested settings over the defaults: the group "teacher", and the method's own.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    ConfigError
        If a setting is unknown or out of range, or the method cannot be taught so.
    """
    own = {name: value for name, value in overrides.items() if name != "teacher"}
    made = plain = recognizer(method)
    _check(plain)
    for defaults in (SMALL, NARROW) if isinstance(made.settings, DSTANSettings) else (SMALL,):
        made = made.with_settings(made.settings.replaced(defaults))
    made = made.with_settings(made.settings.replaced(own))
    _check(made)
    if made.settings.value("training") != plain.settings.value("training"):
        raise _is_for_clips("training", made)
    return made, TeacherSettings().replaced(overrides.get("teacher", {}), where="teacher.")


def teach(
    method: Recognizer,
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
    method
        Unfitted; its recipe says how the motion is drawn.
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
    _check(method)
    artist = MotionArtist(task, method.recipe, settings.motion, device)
    about = {
        "clips": settings.clips * settings.epochs,
        "subjects": 0,
        "corpora": [DRAWN],
        "labels": {},
        "seed": seed,
        "device": device,
        "task": task.name,
        "teacher": settings.to_dict(),
    }
    parts = []
    for part in (one.with_settings(one.settings) for one in method.components() or (method,)):
        assert isinstance(part, OneStageRecognizer)
        draw = partial(_draw, artist, part.streams)
        _teach(part, draw, settings, n_classes=len(task.classes), seed=seed, device=device, on_epoch=on_epoch)
        part.classes_, part.trained_ = task.classes, about
        parts.append(part)
    taught: Recognizer = parts[0]
    if method.components():
        drawn = _draw(artist, method.streams, settings.clips, child_seed(seed, "join"))
        taught = method.with_settings(method.settings)
        taught.fit(drawn.clips, classes=task.classes, seed=seed, device=device, fitted=parts)
    drawn = _draw(artist, taught.streams, settings.checked, child_seed(seed, "check"))
    taught.trained_ = {**about, "checked": _checked(taught, drawn)}
    return taught


def _check(method: Recognizer) -> None:
    for part in method.components() or (method,):
        if not isinstance(part, OneStageRecognizer):
            raise ConfigError(
                "drawn motion is taught to networks that can begin from a model afterwards, and it is none of them",
                where=method.name,
                hint="Choose dstan, stmn-a, stan-a, ststnet, sssnet or strcn",
            )
        if part.settings.recognition != RecognitionSettings():
            raise _is_for_clips("recognition", method)
        if part.settings.init != InitSettings():
            raise _is_for_clips("init", method)
        if isinstance(part, STRCN) and not part.sees_flow:
            raise ConfigError(
                "STRCN-A finds its pixels in the clips that it learns from, and drawn ones are others in each epoch",
                where=method.name,
                hint="Teach STRCN-G: leave input.kind out",
            )


def _is_for_clips(group: str, method: Recognizer) -> ConfigError:
    return ConfigError(
        f"settings of {group} are for real clips, and none is there while drawn motion is learned",
        where=method.name,
        hint=f"Leave the settings of {group} out: evaluate and train take them with --init. How drawn motion is "
        "learned say teacher.epochs, teacher.learning_rate and others (docs/pretraining.md)",
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
    part: OneStageRecognizer,
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
    told = {f"units.{name}": value.numpy() for name, value in teller.units.state_dict().items()}
    part.learned = {**told, UNIT_NUMBERS: np.array(UNITS)}
    part.history_ = {part.stage: [vars(record) for record in fit.history]}
    part.dynamics_ = {part.stage: {**fit.dynamics.to_dict(), "inner": None}}


def _teller(network: Network, data: TrainingData, seed: int) -> UnitTeller:
    """Return the network with a layer that tells action units."""
    with torch.no_grad():
        features = network.eval()(data.inputs[:1].float().movedim(-1, 2)).features
    with drawing(seed):
        return UnitTeller(network, features.shape[1], len(UNITS))


def _checked(taught: Recognizer, drawn: Drawn) -> dict[str, Any]:
    """Return how well drawn clips that were not learned from are told apart, and their action units."""
    n, found = len(taught.classes_), taught.infer(drawn.clips)
    counts = np.zeros((1, n, n), dtype=np.int64)
    np.add.at(counts[0], (drawn.labels.numpy(), found.winners), 1)
    assert found.units is not None
    truth, told = drawn.units.numpy(), np.stack(list(found.units.values()), 1) >= TOLD
    hits, either = (truth & told).sum(0), truth.sum(0) + told.sum(0)
    f1 = {
        str(unit): round(float(2 * hit / max(both, 1)), 4) for unit, hit, both in zip(UNITS, hits, either, strict=True)
    }
    scores = {name: round(float(values[0]), 4) for name, values in scores_of_many(counts).items()}
    return {**scores, "units": f1, "units_f1": round(float(np.mean(list(f1.values()))), 4)}
