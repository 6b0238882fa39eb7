"""What is minimised: the cross entropy, or the focal loss, of classes that may be weighted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from dstan.networks.network import Output
from dstan.training.data import TrainingData
from dstan.training.settings import TrainingSettings

Objective: TypeAlias = Callable[[Output, Tensor, Tensor], Tensor]
"""Given a batch's output, its labels (b,) and its places (b,) among all clips; returns the loss, a mean."""
MakeObjective: TypeAlias = Callable[[TrainingData, TrainingSettings], Objective]
"""Makes the objective of one run over the data, on their device."""


def focal_loss(
    logits: Float[Tensor, "b k"],
    labels: Int64[Tensor, " b"],
    gamma: float,
    weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    r"""Return the focal loss, which counts clips less the better they are known already.

    .. math:: -\alpha_c (1 - p_c)^\gamma \log p_c

    averaged over the batch, with p the probability of the clip's class c. With gamma 0 and no weights it is the cross
    entropy. With weights it is the sum over clips divided by the sum of their weights, as torch's cross entropy is.

    Parameters
    ----------
    logits
        Scores of the classes.
    labels
        Classes counted from 0.
    gamma
        At least 0; the published one is 2.
    weights
        Of each class, alpha; None for 1.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017, equation 5.
    """
    logs = functional.log_softmax(logits, dim=1).gather(1, labels[:, None])[:, 0]
    losses = -((1 - logs.exp()).clamp_min(0) ** gamma) * logs if gamma else -logs
    if weights is None:
        return losses.mean()
    shares = weights[labels]
    return (shares * losses).sum() / shares.sum()


def class_weights(labels: Int64[Tensor, " n"]) -> Float[Tensor, " k"]:
    """Return weights inverse to how often each class occurs, with mean 1 over the clips.

    Parameters
    ----------
    labels
        Of all clips that are learned from, counted from 0. A class below the last that does not occur has the weight 0.
    """
    counts = torch.bincount(labels)
    return torch.where(counts > 0, len(labels) / ((counts > 0).sum() * counts.clamp_min(1)), 0.0)


def class_objective(data: TrainingData, settings: TrainingSettings) -> Objective:
    """Return the loss that the settings name.

    Parameters
    ----------
    data
        What is learned from.
    settings
        ``loss``, ``focal_gamma`` and ``class_weights``.
    """
    gamma = settings.focal_gamma if settings.loss == "focal" else 0.0
    weights = class_weights(data.labels.cpu()).to(data.labels.device) if settings.class_weights else None
    return lambda output, labels, places: focal_loss(output.logits, labels, gamma, weights)


def unit_objective(share: float) -> MakeObjective:
    r"""Return what makes the loss of a network that tells action units beside classes.

    It is the loss of the classes plus ``share`` times the binary cross entropy of the units, averaged over all of them.
    A unit that is shown in the share q of the clips counts :math:`\sqrt{(1 - q) / q}` times more where it is shown, so
    that rare ones are told at all; q is taken to be .01 at least and .5 at most.

    Parameters
    ----------
    share
        How much the units count.
    """

    def make(data: TrainingData, settings: TrainingSettings) -> Objective:  # numpydoc ignore=GL08
        classes, units = class_objective(data, settings), data.units
        assert units is not None
        often = units.float().mean(0).clamp(1e-2, 0.5)
        rare = ((1 - often) / often).sqrt()

        def objective(output: Output, labels: Tensor, places: Tensor) -> Tensor:  # numpydoc ignore=GL08
            assert output.units is not None
            told = functional.binary_cross_entropy_with_logits(output.units, units[places].float(), pos_weight=rare)
            return classes(output, labels, places) + share * told

        return objective

    return make
