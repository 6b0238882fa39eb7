"""How a network is trained: one loop, plain to see.

All data is in memory once; batches are chosen by a seed, so the same seed on the same kind of device gives the same
weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from dstan._engine import single_thread
from dstan._random import child_seed
from dstan.config import Settings, setting
from dstan.errors import DstanError
from dstan.networks.streams import Stream


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """Adam on the cross entropy (section 3.2), for a number of epochs fixed beforehand."""

    epochs: int = setting(60, "Passes over the training clips.", low=1, high=100_000)
    batch_size: int = setting(32, "Most clips in a batch; the batches of an epoch are of nearly equal size.", low=1)
    learning_rate: float = setting(1e-3, "Adam's step.", low=1e-9, high=10.0)
    weight_decay: float = setting(0.0, "L2 penalty on the weights.", low=0.0, high=10.0)
    precision: str = setting(
        "auto",
        "Arithmetic of the convolutions in training; auto is bfloat16 where the processor multiplies it faster.",
        choices=("auto", "float32", "bfloat16"),
    )


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to, measured on its own batches while they were learned from."""

    epoch: int
    loss: float
    accuracy: float


def fit_network(
    network: Stream,
    inputs: Float32[Tensor, "n t c h w"],
    labels: Int64[Tensor, " n"],
    settings: TrainingSettings,
    *,
    seed: int,
    device: str = "cpu",
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> list[EpochRecord]:
    """Train a network in place and leave it on the CPU, ready to predict.

    Parameters
    ----------
    network
        The network, its weights already drawn.
    inputs
        All training clips.
    labels
        The class of each clip, counted from 0.
    settings
        How to train.
    seed
        Decides the order of the clips.
    device
        Where to train: "cpu", "cuda", "cuda:1" ...
    on_epoch
        Called after each epoch.

    Returns
    -------
    One record an epoch.

    Raises
    ------
    DstanError
        If the loss stops being a number.
    """
    place = torch.device(device)
    half = uses_bfloat16(settings.precision, place)
    generator = torch.Generator().manual_seed(child_seed(seed, "batches"))
    history = []
    with _steady(place):
        network.in_fast_layout().to(place).train()
        inputs, labels = inputs.movedim(2, -1).contiguous().to(place), labels.to(place)  # channels last, once
        optimizer = torch.optim.Adam(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        for epoch in range(1, settings.epochs + 1):
            loss_sum, correct = torch.zeros((), device=place), torch.zeros((), device=place)
            for batch in _batches(len(labels), settings.batch_size, generator, place):
                with torch.autocast(place.type, dtype=torch.bfloat16, enabled=half):
                    logits = network(inputs[batch].movedim(-1, 2)).logits
                loss = functional.cross_entropy(logits, labels[batch])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                loss_sum += loss.detach() * len(batch)
                correct += (logits.argmax(1) == labels[batch]).sum()
            record = EpochRecord(epoch, float(loss_sum) / len(labels), float(correct) / len(labels))
            if not math.isfinite(record.loss):
                raise DstanError(
                    f"the loss is {record.loss} in epoch {epoch}",
                    where="training",
                    hint="Lower the step (--set training.learning_rate=1e-4) or use --set training.precision=float32",
                )
            history.append(record)
            if on_epoch is not None:
                on_epoch(record)
        again = _batches(len(labels), settings.batch_size, generator, place)
        settle_batch_norm(network, (inputs[batch] for batch in again))
    network.to("cpu").eval()
    return history


def settle_batch_norm(network: Stream, batches: Iterable[Float32[Tensor, "b t h w c"]]) -> None:
    """Measure the batch norms' mean and variance anew, with the final weights.

    The running averages of training lag behind the weights. After a few hundred steps that does not matter; after a
    few dozen (a small corpus, few epochs) it ruins every prediction.

    Parameters
    ----------
    network
        The network in training mode.
    batches
        Training clips in batches like those of training, channels last.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over the batches
    with torch.no_grad():
        for batch in batches:
            network(batch.movedim(-1, 2))
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


def _batches(n: int, size: int, generator: torch.Generator, device: torch.device) -> tuple[Tensor, ...]:
    """Return a random order of ``n`` clips in batches of nearly equal size, so that none is of a single clip."""
    return torch.randperm(n, generator=generator).to(device).tensor_split(math.ceil(n / size))


@contextmanager
def _steady(device: torch.device) -> Iterator[None]:
    """Make training repeatable: one thread on the CPU, deterministic kernels on a GPU."""
    threads = single_thread() if device.type == "cpu" else nullcontext()
    with threads, torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield
