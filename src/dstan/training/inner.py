"""The number of epochs, chosen inside a fit by people held out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor

from dstan._random import child_seed
from dstan.errors import DstanError
from dstan.metrics import scores_of_many
from dstan.networks.network import Network
from dstan.splits import Fold, Person, kfold_by_subject
from dstan.training.data import TrainingData
from dstan.training.loop import EpochRecord, fit_network, settle_batch_norm
from dstan.training.losses import MakeObjective, class_objective
from dstan.training.settings import TrainingSettings

Start: TypeAlias = Callable[[int, Sequence[int] | None], tuple[Network, TrainingData]]
"""Given a seed and the positions of the clips that may be learned from (None: all of them), returns a network about to
be trained and all clips as it sees them; weights and scaling of whatever comes before it were learned from those clips
alone."""


@dataclass(frozen=True)
class InnerChoice:
    """What the choice of a number of epochs came to.

    Parameters
    ----------
    epochs
        The candidates, ascending.
    uf1
        The UF1 of each, from one confusion matrix over all people held out; it chose and is no result.
    chosen
        The candidate with the best UF1, of equals the smallest.
    parts
        Into how many parts the people were divided.
    """

    epochs: Sequence[int]
    uf1: Sequence[float]
    chosen: int
    parts: int

    def to_dict(self) -> dict[str, Any]:
        """Return what goes into ``fold.json``."""
        return asdict(self)


def choose_epochs(
    start: Start,
    labels: Int64[Tensor, " n"],
    people: Sequence[Person],
    n_classes: int,
    settings: TrainingSettings,
    *,
    seed: int,
    device: str = "cpu",
    on_epoch: Callable[[EpochRecord], None] | None = None,
    objective: MakeObjective = class_objective,
) -> InnerChoice:
    """Choose among ``inner_epochs`` by people whom a network has not seen.

    The people are divided into ``inner_parts`` parts, or one for each person where there are fewer. Each part is held
    out once: a network learns from all others to the last candidate, and predicts the part at each.

    Parameters
    ----------
    start
        Makes a network and the clips that it sees, in the computer's memory; none is of a person who is tested.
    labels
        The class of each clip, counted from 0.
    people
        Who each clip shows.
    n_classes
        The task's classes.
    settings
        How to train.
    seed
        Decides everything random.
    device
        Where to train.
    on_epoch
        Called after each epoch of each network.
    objective
        Makes what is minimised; that of the settings if not given.

    Raises
    ------
    DstanError
        If all clips are of one person, or a training diverges twice.
    """
    if len(set(people)) < 2:
        raise DstanError(
            'epochs = "inner" holds people out of the training clips, and these are all of one person',
            where="training",
            hint="Add clips of other people, or give a number: --set training.epochs=60",
        )
    candidates = sorted(set(settings.inner_epochs))
    counts = np.zeros((len(candidates), n_classes, n_classes), dtype=np.int64)
    folds = kfold_by_subject(people, min(settings.inner_parts, len(set(people))))
    for fold in folds:
        own = child_seed(seed, "inner", fold.name)
        network, data = start(own, fold.train)
        how: dict[str, Any] = {"seed": own, "device": device, "on_epoch": on_epoch, "objective": objective}
        found = _predictions(network, data, fold, candidates, settings, **how)
        truths = labels[list(fold.test)].numpy()
        for matrix, epoch in zip(counts, candidates, strict=True):
            np.add.at(matrix, (truths, found[epoch]), 1)
    scores = [round(float(score), 12) for score in scores_of_many(counts)["uf1"]]  # so that ties are ties
    return InnerChoice(candidates, scores, candidates[scores.index(max(scores))], len(folds))


def _predictions(
    network: Network,
    data: TrainingData,
    fold: Fold,
    candidates: Sequence[int],
    settings: TrainingSettings,
    *,
    seed: int,
    device: str,
    on_epoch: Callable[[EpochRecord], None] | None,
    objective: MakeObjective,
) -> dict[int, NDArray[np.int64]]:
    """Train on one side of a fold and return the classes predicted on the other after each candidate."""
    learned, held_out = (data.of(torch.tensor(side)).on(torch.device(device)) for side in (fold.train, fold.test))
    present = torch.from_numpy(np.unique(learned.labels.cpu().numpy())).to(learned.labels.device)
    found: dict[int, NDArray[np.int64]] = {}

    def look(record: EpochRecord) -> None:
        if record.epoch in candidates:
            with _settled(network, learned, settings, seed):
                found[record.epoch] = _predict(network, held_out, present, settings.batch_size).cpu().numpy()
        if on_epoch is not None:
            on_epoch(record)

    how: dict[str, Any] = {
        "epochs": candidates[-1],
        "seed": seed,
        "device": device,
        "on_epoch": look,
        "objective": objective,
    }
    fit_network(network, learned, settings, **how)
    return found


def _predict(network: Network, data: TrainingData, present: Int64[Tensor, " p"], size: int) -> Int64[Tensor, " n"]:
    """Return the likeliest of the classes that were learned."""
    with torch.no_grad():
        logits = [network(batch.float().movedim(-1, 2)).logits for batch in torch.split(data.inputs, size)]
    return present[torch.cat(logits)[:, present].argmax(1)]


@contextmanager
def _settled(network: Network, data: TrainingData, settings: TrainingSettings, seed: int) -> Iterator[None]:
    """Let a network predict as if its training ended here; afterwards it goes on as if nothing had been."""
    kept = {name: buffer.clone() for name, buffer in network.named_buffers()}
    settle_batch_norm(network, data, settings, seed)
    network.eval()
    yield
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            buffer.copy_(kept[name])
    network.train()
