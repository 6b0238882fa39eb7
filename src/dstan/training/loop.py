"""The training loop."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from dstan._engine import single_thread
from dstan._random import child_seed
from dstan.errors import DstanError
from dstan.networks.streams import Stream
from dstan.training.augmentation import augment
from dstan.training.data import TrainingData
from dstan.training.dynamics import Dynamics, Restart, measure_dynamics
from dstan.training.settings import TrainingSettings

log = logging.getLogger(__name__)

RISE = 1.01
"""A last loss more than this many times the first means that a fit has diverged; less is noise."""
RETRY_RATE = 0.1
"""What the learning rate is multiplied by when a fit has diverged."""


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to, measured on its own batches while they were learned from."""

    epoch: int
    loss: float
    accuracy: float
    gradient_norm: float
    """The length of the gradient over all weights, averaged over the epoch's steps."""


@dataclass(frozen=True)
class Fit:
    """What a fit came to: one record an epoch, and what the network looks like inside."""

    history: tuple[EpochRecord, ...]
    dynamics: Dynamics


class DivergedError(DstanError):
    """A training that leads nowhere: the loss or its gradient is no number, or the loss is above where it began."""

    epoch = 0
    """The epoch in which that was noticed."""


def fit_network(
    network: Stream,
    data: TrainingData,
    settings: TrainingSettings,
    *,
    epochs: int,
    seed: int,
    device: str = "cpu",
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> Fit:
    """Train a network in place and leave it on the CPU, ready to predict.

    A training that diverges is begun again once, from the same weights, with a tenth of the learning rate. Who asked
    for it finds that in what is returned, and tells of it.

    Parameters
    ----------
    network
        The network, its weights already drawn.
    data
        What to learn from.
    settings
        How to train.
    epochs
        For how long.
    seed
        Decides the order of the clips and their augmentation.
    device
        Where to train: "cpu", "cuda", "cuda:1" ...
    on_epoch
        Called after each epoch, and so again from the first where a training is begun again.

    Raises
    ------
    DstanError
        If the loss or the gradient is no number the second time, too.
    """
    place = torch.device(device)
    begun_from = copy.deepcopy(network.state_dict())
    restart = None
    with steady(place):
        data = data.on(place)
        start = _loss(network.in_fast_layout().to(place), data, settings, seed)
        try:
            history = _run(network, data, settings, epochs, seed, on_epoch)
            if epochs > 1 and history[-1].loss > RISE * start:
                raise _diverged(f"the loss rose from {start:.3f} to {history[-1].loss:.3f}", epochs)
        except DivergedError as trouble:
            lower = replace(settings, learning_rate=settings.learning_rate * RETRY_RATE)
            restart = Restart(trouble.what, trouble.epoch, settings.learning_rate, lower.learning_rate)
            log.info("training: %s; begun again with a learning rate of %g", trouble.what, lower.learning_rate)
            network.load_state_dict(begun_from)
            history = _run(network, data, lower, epochs, seed, on_epoch)
        settle_batch_norm(network, data, settings, seed)
        network.eval()
        dynamics = measure_dynamics(network, torch.split(data.inputs, settings.batch_size))
    network.to("cpu")
    return Fit(tuple(history), replace(dynamics, restart=restart))


def _run(
    network: Stream,
    data: TrainingData,
    settings: TrainingSettings,
    epochs: int,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] | None,
) -> list[EpochRecord]:
    history = []
    for record in train_epochs(network, data, settings, epochs, seed):
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
    return history


def _loss(network: Stream, data: TrainingData, settings: TrainingSettings, seed: int) -> float:
    """Return the loss of all clips before anything is learned, in the batches of the first epoch."""
    network.train()
    half = uses_bfloat16(settings.precision, data.inputs.device)
    total = torch.zeros((), device=data.inputs.device)
    with torch.no_grad():
        for batch in _batches(len(data), settings.batch_size, _order(seed), data.inputs.device):
            logits = _logits(network, data.inputs[batch].float(), half)
            total += functional.cross_entropy(logits, data.labels[batch], reduction="sum")
    return float(total) / len(data)


def _logits(network: Stream, clips: Float[Tensor, "b t h w c"], half: bool) -> Float[Tensor, "b k"]:
    """Pass a batch through the network in the arithmetic of training."""
    with torch.autocast(clips.device.type, dtype=torch.bfloat16, enabled=half):
        logits: Tensor = network(clips.movedim(-1, 2)).logits
    return logits


def _order(seed: int) -> torch.Generator:
    """Return what draws the order of the clips; on the CPU, so that it is the same for every device."""
    return torch.Generator().manual_seed(child_seed(seed, "batches"))


def _diverged(what: str, epoch: int) -> DivergedError:
    hint = "Lower the step (--set training.learning_rate=1e-4) or use --set training.precision=float32"
    error = DivergedError(what, where="training", hint=hint)
    error.epoch = epoch
    return error


def train_epochs(
    network: Stream, data: TrainingData, settings: TrainingSettings, epochs: int, seed: int
) -> Iterator[EpochRecord]:
    """Train epoch by epoch; between two of them the caller may look at the network, but must leave it as it was.

    Parameters
    ----------
    network
        Trained in place, on the device of the data.
    data
        What to learn from, on its device.
    settings
        How to train.
    epochs
        For how long.
    seed
        Decides the order of the clips and their augmentation.

    Yields
    ------
    A record of each epoch.

    Raises
    ------
    DstanError
        If the loss or the gradient stops being a number.
    """
    place = data.inputs.device
    network.in_fast_layout().to(place).train()
    half = uses_bfloat16(settings.precision, place)
    order = _order(seed)
    changes = torch.Generator().manual_seed(child_seed(seed, "augmentation"))
    weights = list(network.parameters())
    optimizer = torch.optim.Adam(weights, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    for epoch in range(1, epochs + 1):
        loss_sum, correct, norms = torch.zeros(3, device=place).unbind()
        batches = _batches(len(data), settings.batch_size, order, place)
        for batch in batches:
            clips, labels = data.inputs[batch].to(torch.bfloat16 if half else torch.float32), data.labels[batch]
            if settings.augmentation.is_on:
                clips = augment(clips, settings.augmentation, data.mirrored_signs, changes)
            logits = _logits(network, clips, half)
            loss = functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            norms += nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
            optimizer.step()
            loss_sum += loss.detach() * len(batch)
            correct += (logits.argmax(1) == labels).sum()
        loss_mean, accuracy, norm = torch.stack(
            [loss_sum / len(data), correct / len(data), norms / len(batches)]
        ).tolist()
        for name, value in (("loss", loss_mean), ("gradient", norm)):
            if not math.isfinite(value):
                raise _diverged(f"the {name} is {value} in epoch {epoch}", epoch)
        yield EpochRecord(epoch, loss_mean, accuracy, norm)


def settle_batch_norm(network: Stream, data: TrainingData, settings: TrainingSettings, seed: int) -> None:
    """Measure the batch norms' mean and variance anew, with the weights as they are.

    The running averages of training lag behind the weights. After a few hundred steps that does not matter; after a
    few dozen (a small corpus, few epochs) it ruins every prediction.

    Parameters
    ----------
    network
        The network in training mode.
    data
        What it learned from, on its device.
    settings
        Their batch size is that of training.
    seed
        Decides which clips are in a batch together.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over the batches
    order = torch.Generator().manual_seed(child_seed(seed, "batch norm"))
    with torch.no_grad():
        for batch in _batches(len(data), settings.batch_size, order, data.inputs.device):
            network(data.inputs[batch].float().movedim(-1, 2))
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Tell whether the convolutions are trained in bfloat16.

    Parameters
    ----------
    precision
        "auto", "float32" or "bfloat16".
    device
        Where the training happens.
    """
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_amx_tile_supported())


def _batches(n: int, size: int, generator: torch.Generator, device: torch.device) -> Sequence[Int64[Tensor, " b"]]:
    """Return a random order of ``n`` clips in batches of nearly equal size, so that none is of a single clip."""
    return torch.randperm(n, generator=generator).to(device).tensor_split(math.ceil(n / size))


@contextmanager
def steady(device: torch.device) -> Iterator[None]:
    """Make what is computed inside repeatable: one thread on the CPU, deterministic kernels on a GPU.

    Parameters
    ----------
    device
        Where it is computed.
    """
    threads = single_thread() if device.type == "cpu" else nullcontext()
    with threads, torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield
