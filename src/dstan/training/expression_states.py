"""The first stage of CNN-LSTM: classes learned together with the states of an expression.

From onset to offset an expression passes five states. Beside the class (E1) the state of a step is learned (E3);
features are drawn to the mean of their class (E2) and of their class in their state (E4), and neighbouring states of a
class are kept from lying far apart (E5). The publication's abstract names what the terms are for; their forms, their
weights and the way the means are kept are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from dstan.config import Settings, setting
from dstan.networks.cnn_lstm import N_STATES
from dstan.networks.network import Output
from dstan.training.data import TrainingData
from dstan.training.losses import MakeObjective, Objective, class_objective
from dstan.training.settings import TrainingSettings

APEX = 2
"""The state of the apex; 0 and 1 come before it, 3 and 4 after it."""
MOMENTUM = 0.5
"""Share of a mean that stays when a batch moves it."""
SLACK = 0.1
"""Squared distance between the means of neighbouring states that costs nothing: a tenth of a feature's squared length,
which is 1 after normalisation."""


@dataclass(frozen=True)
class ExpressionStateSettings(Settings):
    """What the first stage minimises: E1 + E3 + three weighted terms."""

    states: bool = setting(True, "The states are learned, too; without them only the classes are (E1).")
    within_class: float = setting(0.01, "Weight of E2: how far features lie from their class's mean.", low=0, high=100)
    within_state: float = setting(
        0.01, "Weight of E4: how far features lie from the mean of their class in their state.", low=0, high=100
    )
    continuity: float = setting(
        0.001, "Weight of E5: how far apart the means of neighbouring states of a class lie.", low=0, high=100
    )


def state_of_steps(apex: float, n_steps: int) -> Int64[Tensor, " t"]:
    """Tell which of the five states each step of a clip is: that of the nearest of five anchors.

    The anchors are the onset, the middle between onset and apex, the apex, the middle between apex and offset, and the
    offset; of two that are equally near the earlier one counts. A clip that begins with its apex has no state before
    it, one that ends with its apex has none after it.

    Parameters
    ----------
    apex
        Where the apex lies: 0 at the clip's first frame, 1 at its last.
    n_steps
        Steps at equal distances from the first frame to the last; a single one lies halfway, as TIM has it.

    Returns
    -------
    (t,) states counted from 0: onset, rise, apex, fall, offset.
    """
    places = torch.linspace(0, 1, n_steps, dtype=torch.float64) if n_steps > 1 else torch.full((1,), 0.5).double()
    anchors = torch.tensor([0, apex / 2, apex, (apex + 1) / 2, 1], dtype=torch.float64)
    first = APEX if apex == 0 else 0
    end = APEX + 1 if apex == 1 else N_STATES
    distances = torch.round((places[:, None] - anchors[first:end]).abs(), decimals=9)
    return first + distances.argmin(1)


def group_means(
    features: Float[Tensor, "b f"], groups: Int64[Tensor, " b"], n_groups: int
) -> tuple[Float[Tensor, "g f"], Bool[Tensor, " g"]]:
    """Return the mean feature of each group, and which groups have one.

    Parameters
    ----------
    features
        One row a member.
    groups
        The group of each, counted from 0.
    n_groups
        How many there are; one without a member has the mean 0.
    """
    members = functional.one_hot(groups, n_groups).to(features.dtype)
    counts = members.sum(0)
    return members.T @ features / counts.clamp_min(1)[:, None], counts > 0


def spread(features: Float[Tensor, "b f"], means: Float[Tensor, "b f"]) -> Float[Tensor, ""]:
    """Return half the mean squared distance of features from their means: E2 and E4.

    Parameters
    ----------
    features
        Of a batch.
    means
        For each feature that of its group.
    """
    return (features - means).square().sum(1).mean() / 2


def discontinuity(means: Float[Tensor, "k s f"], known: Bool[Tensor, "k s"], slack: float = SLACK) -> Float[Tensor, ""]:
    """Return by how much neighbouring states lie farther apart than they may: E5.

    Parameters
    ----------
    means
        Of each class in each state.
    known
        Which of them are known; a pair counts where both are.
    slack
        Squared distance that costs nothing, so that the states do not fall together.

    Returns
    -------
    The mean over pairs; 0 where there is none.
    """
    pairs = known[:, 1:] & known[:, :-1]
    excess = ((means[:, 1:] - means[:, :-1]).square().sum(2) - slack).clamp_min(0)
    return torch.where(pairs, excess, 0.0).sum() / pairs.sum().clamp_min(1)


class MovingMeans:
    """The mean feature of each group, moved towards that of every batch.

    Parameters
    ----------
    n_groups
        How many there are.
    """

    def __init__(self, n_groups: int) -> None:
        self.known = torch.zeros(n_groups, dtype=torch.bool)
        self.means = torch.zeros(n_groups, 1)

    def move(self, features: Float[Tensor, "b f"], groups: Int64[Tensor, " b"]) -> Float[Tensor, "g f"]:
        """Move the means by a batch, and return them with the batch's share in the gradient.

        A group that is not in the batch stays; the first mean of a group is taken as it is.

        Parameters
        ----------
        features
            Of a batch.
        groups
            The group of each.
        """
        found, present = group_means(features, groups, len(self.known))
        known = self.known.to(features.device)
        stays = torch.where(known, torch.where(present, MOMENTUM, 1.0), 0.0)[:, None]
        moved = stays * self.means.to(features.device) + (1 - stays) * found
        self.means, self.known = moved.detach(), known | present
        return moved


class Terms(NamedTuple):
    """The five terms for a batch."""

    expression: Float[Tensor, ""]
    """E1: cross entropy of the class."""
    within_class: Float[Tensor, ""]
    """E2"""
    state: Float[Tensor, ""]
    """E3: cross entropy of the state."""
    within_state: Float[Tensor, ""]
    """E4"""
    discontinuity: Float[Tensor, ""]
    """E5"""


class ExpressionStates:
    """What the first stage minimises: E1 + E3 and E2, E4 and E5 times their weights.

    Distances are taken between features of length 1, so that they have no scale of their own. E2 and E4 draw features
    to means that they take as given; E5 moves the features that the means are made of.

    Parameters
    ----------
    states
        (n,) state of each step of all clips, on the device of the data.
    expression
        E1, as the settings of the training have it.
    n_classes
        One more than the greatest label.
    weights
        Of the terms.
    """

    def __init__(
        self, states: Int64[Tensor, " n"], expression: Objective, n_classes: int, weights: ExpressionStateSettings
    ) -> None:
        self.states, self.expression, self.weights = states, expression, weights
        self.of_classes = MovingMeans(n_classes)
        self.of_states = MovingMeans(n_classes * N_STATES)

    def terms(self, output: Output, labels: Int64[Tensor, " b"], places: Int64[Tensor, " b"]) -> Terms:
        """Move the means by a batch and return its terms.

        Parameters
        ----------
        output
            Of a network that tells states apart.
        labels
            Class of each step.
        places
            Of the steps among those of all clips.
        """
        assert output.states is not None
        states = self.states[places]
        groups = labels * N_STATES + states
        features = functional.normalize(output.features.float(), dim=1)
        class_means = self.of_classes.move(features, labels)
        state_means = self.of_states.move(features, groups)
        shape = (-1, N_STATES, features.shape[1])
        return Terms(
            expression=self.expression(output, labels, places),
            within_class=spread(features, class_means.detach()[labels]),
            state=functional.cross_entropy(output.states.float(), states),
            within_state=spread(features, state_means.detach()[groups]),
            discontinuity=discontinuity(state_means.view(shape), self.of_states.known.view(-1, N_STATES)),
        )

    def __call__(self, output: Output, labels: Int64[Tensor, " b"], places: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        terms, weights = self.terms(output, labels, places), self.weights
        within = weights.within_class * terms.within_class + weights.within_state * terms.within_state
        return terms.expression + terms.state + within + weights.continuity * terms.discontinuity


def expression_states(states: Int64[Tensor, " n"], weights: ExpressionStateSettings) -> MakeObjective:
    """Return what makes the objective of the first stage.

    Parameters
    ----------
    states
        State of each step of all clips, clip after clip; ``places`` of the training data point into it.
    weights
        Of the terms; without states the objective is that of the training's settings alone.
    """

    def make(data: TrainingData, settings: TrainingSettings) -> Objective:  # numpydoc ignore=GL08
        expression = class_objective(data, settings)
        if not weights.states:
            return expression
        return ExpressionStates(states.to(data.labels.device), expression, int(data.labels.max()) + 1, weights)

    return make
