"""Who takes the steps, and how long they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dstan.training.settings import TrainingSettings

LAST_RATE = 0.01
"""What a cosine ends at, as a share of the rate it begins with."""
DROP_AFTER, DROP = 2 / 3, 0.1
"""After which share of the epochs the rate drops, and to which share of itself."""


def make_optimizer(weights: Sequence[Tensor], settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return Adam, or stochastic gradient descent with Nesterov's momentum.

    Parameters
    ----------
    weights
        What it moves.
    settings
        Which one, and how far it steps.
    """
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "adam":
        return torch.optim.Adam(weights, lr=rate, weight_decay=decay, fused=True)
    momentum = settings.momentum
    return torch.optim.SGD(weights, lr=rate, momentum=momentum, nesterov=momentum > 0, weight_decay=decay, fused=True)


def rate_of(settings: TrainingSettings, epoch: int, epochs: int) -> float:
    """Return the rate of an epoch.

    Parameters
    ----------
    settings
        The rate and its schedule.
    epoch
        Counted from 1.
    epochs
        How many there will be.
    """
    rate, done = settings.learning_rate, (epoch - 1) / epochs
    if settings.schedule == "cosine":
        return rate * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2)
    return rate * DROP if settings.schedule == "steps" and done >= DROP_AFTER else rate


def set_rate(optimizer: torch.optim.Optimizer, settings: TrainingSettings, epoch: int, epochs: int) -> None:
    """Bring an optimizer to the rate of an epoch.

    Parameters
    ----------
    optimizer
        Of :func:`make_optimizer`.
    settings, epoch, epochs
        As in :func:`rate_of`.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate_of(settings, epoch, epochs)
