"""The losses are what their formulas say, and the loop minimises the one that is named."""

import math

import pytest
import torch
from torch.nn import functional

from dstan.networks.network import Output
from dstan.training import TrainingData, TrainingSettings, class_objective, focal_loss
from dstan.training.losses import class_weights

LOGITS = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 3, 3, 1, 0, 3])
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.1])


def test_at_gamma_zero_the_focal_loss_is_the_cross_entropy() -> None:
    assert focal_loss(LOGITS, LABELS, 0.0) == pytest.approx(functional.cross_entropy(LOGITS, LABELS).item())
    weighted = functional.cross_entropy(LOGITS, LABELS, WEIGHTS).item()
    assert focal_loss(LOGITS, LABELS, 0.0, WEIGHTS) == pytest.approx(weighted)


def test_the_focal_loss_of_one_clip_by_hand() -> None:
    logits = torch.tensor([[math.log(0.8), math.log(0.2)]])
    assert focal_loss(logits, torch.tensor([0]), 2.0).item() == pytest.approx(-(0.2**2) * math.log(0.8), rel=1e-5)
    assert focal_loss(logits, torch.tensor([1]), 2.0).item() == pytest.approx(-(0.8**2) * math.log(0.2), rel=1e-5)


def test_weights_divide_by_their_own_sum() -> None:
    each = torch.stack([focal_loss(LOGITS[i : i + 1], LABELS[i : i + 1], 2.0) for i in range(9)])
    shares = WEIGHTS[LABELS]
    expected = (shares * each).sum() / shares.sum()
    assert focal_loss(LOGITS, LABELS, 2.0, WEIGHTS).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_clip_that_is_known_for_sure_costs_nothing_and_has_a_finite_gradient() -> None:
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([0]), 2.0)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_each_class_counts_alike_and_a_clip_one_on_average() -> None:
    labels = torch.tensor([0, 0, 0, 0, 2, 2])
    weights = class_weights(labels)
    assert weights[0] * 4 == pytest.approx(weights[2] * 2)
    assert weights[1] == 0
    assert weights[labels].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (TrainingSettings(), functional.cross_entropy(LOGITS, LABELS)),
        (
            TrainingSettings(class_weights=True),
            functional.cross_entropy(LOGITS, LABELS, class_weights(torch.tensor([0, 1, 1, 2, 3]))),
        ),
        (TrainingSettings(loss="focal", focal_gamma=1.5), focal_loss(LOGITS, LABELS, 1.5)),
    ],
)
def test_the_settings_name_the_loss_and_weights_are_those_of_all_clips(
    settings: TrainingSettings, expected: torch.Tensor
) -> None:
    data = TrainingData.stack(torch.zeros(5, 1, 1, 1, 1), torch.tensor([0, 1, 1, 2, 3]), (1.0,))
    objective = class_objective(data, settings)
    output = Output(LOGITS, torch.zeros(9, 1))
    assert objective(output, LABELS, torch.arange(9)).item() == pytest.approx(expected.item(), rel=1e-5)
