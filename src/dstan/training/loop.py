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

from dstan._engine import single_thread
from dstan._random import child_seed
from dstan.errors import DstanError
from dstan.networks.network import Network, Output
from dstan.training.augmentation import augment
from dstan.training.data import TrainingData
from dstan.training.dynamics import Dynamics, Restart, measure_dynamics
from dstan.training.losses import MakeObjective, class_objective, class_weights
from dstan.training.optimizing import make_optimizer, set_rate
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
    network: Network,
    data: TrainingData,
    settings: TrainingSettings,
    *,
    epochs: int,
    seed: int,
    device: str = "cpu",
    on_epoch: Callable[[EpochRecord], None] | None = None,
    objective: MakeObjective = class_objective,
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
    objective
        Makes what is minimised; that of the settings if not given.

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
        start = _loss(network.in_fast_layout().to(place), data, settings, seed, objective)
        try:
            history = _run(network, data, settings, epochs, seed, on_epoch, objective)
            if epochs > 1 and history[-1].loss > RISE * start:
                raise _diverged(f"the loss rose from {start:.3f} to {history[-1].loss:.3f}", epochs)
        except DivergedError as trouble:
            lower = replace(settings, learning_rate=settings.learning_rate * RETRY_RATE)
            restart = Restart(trouble.what, trouble.epoch, settings.learning_rate, lower.learning_rate)
            log.info("training: %s; begun again with a learning rate of %g", trouble.what, lower.learning_rate)
            network.load_state_dict(begun_from)
            history = _run(network, data, lower, epochs, seed, on_epoch, objective)
        settle_batch_norm(network, data, settings, seed)
        network.eval()
        dynamics = measure_dynamics(network, torch.split(data.inputs, settings.batch_size))
    network.to("cpu")
    return Fit(tuple(history), replace(dynamics, restart=restart))


def _run(
    network: Network,
    data: TrainingData,
    settings: TrainingSettings,
    epochs: int,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] | None,
    objective: MakeObjective,
) -> list[EpochRecord]:
    history = []
    for record in train_epochs(network, data, settings, epochs, seed, objective):
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
    return history


def _loss(
    network: Network, data: TrainingData, settings: TrainingSettings, seed: int, objective: MakeObjective
) -> float:
    """Return the loss of all clips before anything is learned, in the batches of the first epoch."""
    network.train()
    half, minimised = uses_bfloat16(settings.precision, data.inputs.device), objective(data, settings)
    total = torch.zeros((), device=data.inputs.device)
    with torch.no_grad(), _dropping(network, seed, data.inputs.device):
        for batch in _batches(data, settings, _order(seed)):
            output = _output(network, data.inputs[batch].float(), half)
            total += minimised(output, data.labels[batch], data.places[batch]) * len(batch)
    return float(total) / len(data)


def _output(network: Network, clips: Float[Tensor, "b t h w c"], half: bool) -> Output:
    """Pass a batch through the network in the arithmetic of training."""
    with torch.autocast(clips.device.type, dtype=torch.bfloat16, enabled=half):
        found: Output = network(clips.movedim(-1, 2))
    return found._replace(logits=found.logits.float())


def _order(seed: int) -> torch.Generator:
    """Return what draws the order of the clips; on the CPU, so that it is the same for every device."""
    return torch.Generator().manual_seed(child_seed(seed, "batches"))


def _diverged(what: str, epoch: int) -> DivergedError:
    hint = "Lower the step (--set training.learning_rate=1e-4) or use --set training.precision=float32"
    error = DivergedError(what, where="training", hint=hint)
    error.epoch = epoch
    return error


def train_epochs(
    network: Network,
    data: TrainingData,
    settings: TrainingSettings,
    epochs: int,
    seed: int,
    objective: MakeObjective = class_objective,
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
        Decides the order of the clips, their augmentation, and what is dropped.
    objective
        Makes what is minimised; that of the settings if not given.

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
    half, minimised = uses_bfloat16(settings.precision, place), objective(data, settings)
    given = torch.bfloat16 if half and network.scaling is None else torch.float32  # raw values need more digits
    order = _order(seed)
    changes = torch.Generator().manual_seed(child_seed(seed, "augmentation"))
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = make_optimizer(weights, settings)
    held = data
    for epoch in range(1, epochs + 1):
        data = held.of_epoch(epoch)
        if data is not held:
            minimised = objective(data, settings)
        set_rate(optimizer, settings, epoch, epochs)
        loss_sum, correct, norms = torch.zeros(3, device=place).unbind()
        batches = _batches(data, settings, order)
        with _dropping(network, child_seed(seed, "dropout", str(epoch)), place):
            for batch in batches:
                clips, labels = data.inputs[batch].to(given), data.labels[batch]
                if settings.augmentation.is_on:
                    clips = augment(clips, settings.augmentation, data.mirrored_signs, changes)
                output = _output(network, clips, half)
                loss = minimised(output, labels, data.places[batch])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                norm = nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
                if settings.gradient_clip:
                    nn.utils.clip_grads_with_norm_(weights, settings.gradient_clip, norm)
                optimizer.step()
                norms += norm
                loss_sum += loss.detach() * len(batch)
                correct += (output.logits.argmax(1) == labels).sum()
        found = torch.stack([loss_sum / len(data), correct / len(data), norms / len(batches)])
        data = held  # what this epoch saw makes room for what the next one sees
        yield _record(epoch, *found.tolist())


def _record(epoch: int, loss: float, accuracy: float, norm: float) -> EpochRecord:
    for name, value in (("loss", loss), ("gradient", norm)):
        if not math.isfinite(value):
            raise _diverged(f"the {name} is {value} in epoch {epoch}", epoch)
    return EpochRecord(epoch, loss, accuracy, norm)


@contextmanager
def _dropping(network: Network, seed: int, device: torch.device) -> Iterator[None]:
    """Let a seed decide what is dropped inside, and leave the generators outside as they were."""
    if not _dropouts(network):
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _dropouts(network: Network) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]


def settle_batch_norm(network: Network, data: TrainingData, settings: TrainingSettings, seed: int) -> None:
    """Measure the batch norms' mean and variance anew, with the weights as they are and nothing dropped.

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
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    kept, dropouts = [norm.momentum for norm in norms], _dropouts(network)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over the batches
    for dropout in dropouts:
        dropout.eval()
    order = torch.Generator().manual_seed(child_seed(seed, "batch norm"))
    with torch.no_grad():
        for batch in _shuffled(len(data), settings.batch_size, order, data.inputs.device):
            network(data.inputs[batch].float().movedim(-1, 2))
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
    for dropout in dropouts:
        dropout.train()


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


def _batches(data: TrainingData, settings: TrainingSettings, generator: torch.Generator) -> Sequence[Tensor]:
    """Return the positions of an epoch's clips in batches: all of them, or as many drawn class by class."""
    if not settings.balanced:
        return _shuffled(len(data), settings.batch_size, generator, data.inputs.device)
    labels = data.labels.cpu()
    drawn = torch.multinomial(class_weights(labels)[labels], len(data), replacement=True, generator=generator)
    return drawn.to(data.inputs.device).tensor_split(math.ceil(len(data) / settings.batch_size))


def _shuffled(n: int, size: int, generator: torch.Generator, device: torch.device) -> Sequence[Int64[Tensor, " b"]]:
    """Return a random order of ``n`` clips in batches of nearly equal size: from 3 on, none is of one clip."""
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
