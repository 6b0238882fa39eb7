"""The states of an expression, and the five terms that the first stage of CNN-LSTM minimises."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from dstan.networks.network import Output
from dstan.training import TrainingData, TrainingSettings
from dstan.training.expression_states import (
    SLACK,
    ExpressionStates,
    ExpressionStateSettings,
    MovingMeans,
    discontinuity,
    expression_states,
    group_means,
    spread,
    state_of_steps,
)
from dstan.training.losses import class_objective

CLASSES = 3


def steps(labels: torch.Tensor) -> TrainingData:
    return TrainingData.stack(torch.zeros(len(labels), 1, 1, 1, 1), labels, (1.0,))


def output(n: int, seed: int = 0, width: int = 4) -> Output:
    generator = torch.Generator().manual_seed(seed)
    logits, features, states = (torch.randn(n, size, generator=generator) for size in (CLASSES, width, 5))
    return Output(logits, features, states=states)


def objective(labels: torch.Tensor, states: torch.Tensor, **weights: float) -> ExpressionStates:
    made = expression_states(states, ExpressionStateSettings(**weights))(steps(labels), TrainingSettings())
    assert isinstance(made, ExpressionStates)
    return made


def test_onset_apex_offset_and_the_frames_halfway_are_the_five_states() -> None:
    onset, apex, offset = 0, 10, 20
    states = state_of_steps((apex - onset) / (offset - onset), offset - onset + 1)
    assert [int(states[frame]) + 1 for frame in (0, 5, 10, 15, 20)] == [1, 2, 3, 4, 5]
    assert states.tolist() == [0] * 3 + [1] * 5 + [2] * 5 + [3] * 5 + [4] * 3


@pytest.mark.parametrize(
    ("apex", "expected"),
    [
        (0.5, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
        (0.25, [0, 1, 2, 2, 3, 3, 3, 3, 4, 4]),
        (0.8, [0, 0, 1, 1, 1, 1, 2, 2, 3, 4]),
        (0.0, [2, 2, 2, 3, 3, 3, 3, 4, 4, 4]),
        (1.0, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]),
    ],
)
def test_a_step_has_the_state_of_its_nearest_anchor_and_states_that_a_clip_lacks_are_skipped(
    apex: float, expected: list[int]
) -> None:
    assert state_of_steps(apex, 10).tolist() == expected


@pytest.mark.parametrize("apex", [0.0, 0.1, 0.37, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_states_never_go_back(apex: float, n: int) -> None:
    states = state_of_steps(apex, n)
    assert len(states) == n
    assert (states.diff() >= 0).all()
    assert set(states.tolist()) <= set(range(5))


def test_a_single_step_lies_halfway() -> None:
    assert state_of_steps(0.5, 1).tolist() == [2]
    assert state_of_steps(1.0, 1).tolist() == [1]
    assert state_of_steps(0.0, 1).tolist() == [3]


def test_the_mean_of_a_group_is_that_of_its_members() -> None:
    means, present = group_means(torch.tensor([[1.0, 2], [3, 4], [10, 20]]), torch.tensor([2, 2, 0]), 4)
    assert means.tolist() == [[10, 20], [0, 0], [2, 3], [0, 0]]
    assert present.tolist() == [True, False, True, False]


def test_spread_is_half_the_mean_squared_distance_and_nothing_where_all_are_equal() -> None:
    features = torch.tensor([[1.0, 0], [0, 1]])
    assert float(spread(features, torch.zeros(2, 2))) == 0.5
    assert float(spread(features, torch.tensor([[4.0, 4], [0, 1]]))) == 25 / 4
    assert float(spread(features, features)) == 0


def test_neighbouring_states_within_the_slack_cost_nothing() -> None:
    means, known = torch.zeros(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    means[0, :, 0] = 0.9 * math.sqrt(SLACK) * torch.arange(5)
    assert float(discontinuity(means, known)) == 0
    means[1, 4, 0] = 1.0
    assert float(discontinuity(means, known)) == pytest.approx((1 - SLACK) / 8)  # one of two times four pairs


def test_pairs_of_states_of_which_one_is_unknown_do_not_count() -> None:
    means, known = torch.zeros(1, 5, 1), torch.tensor([[True, True, False, True, False]])
    means[0, 1], means[0, 2], means[0, 4] = 2.0, 100.0, 100.0
    assert float(discontinuity(means, known)) == pytest.approx(4 - SLACK)
    assert float(discontinuity(means, torch.zeros(1, 5, dtype=torch.bool))) == 0


def test_a_mean_moves_half_the_way_to_that_of_a_batch() -> None:
    means = MovingMeans(3)
    zero, one = torch.tensor([0]), torch.tensor([1])
    assert means.move(torch.tensor([[4.0]]), zero).tolist() == [[4], [0], [0]]
    assert means.move(torch.tensor([[8.0]]), zero).tolist() == [[6], [0], [0]]
    assert means.move(torch.tensor([[2.0]]), one).tolist() == [[6], [2], [0]]
    assert means.known.tolist() == [True, True, False]


def test_the_cross_entropies_are_those_of_the_class_and_of_the_state() -> None:
    labels, states = torch.tensor([0, 1, 2, 0]), torch.tensor([4, 3, 0, 1])
    given, positions = output(2), torch.tensor([3, 1])
    made = objective(labels, states, within_class=0.0, within_state=0.0, continuity=0.0)
    terms = made.terms(given, labels[positions], positions)
    torch.testing.assert_close(terms.expression, functional.cross_entropy(given.logits, torch.tensor([0, 1])))
    torch.testing.assert_close(terms.state, functional.cross_entropy(given.states, torch.tensor([1, 3])))
    torch.testing.assert_close(made(given, labels[positions], positions), terms.expression + terms.state)


def test_distances_vanish_where_all_features_of_a_class_are_equal_whatever_their_lengths() -> None:
    labels, states = torch.tensor([0, 0, 2, 2, 0]), torch.tensor([0, 1, 3, 4, 2])
    features = torch.eye(4)[labels] * torch.tensor([[1.0], [2.0], [5.0], [0.5], [3.0]])
    made, everything = objective(labels, states), torch.arange(5)
    for _ in range(2):
        terms = made.terms(output(5)._replace(features=features), labels, everything)
        assert [float(term) for term in (terms.within_class, terms.within_state, terms.discontinuity)] == [0, 0, 0]


def test_features_of_a_class_that_differ_with_the_state_alone_are_within_their_state() -> None:
    labels, states = torch.zeros(4, dtype=torch.int64), torch.tensor([0, 0, 1, 1])
    features = torch.eye(2)[states]
    terms = objective(labels, states).terms(output(4)._replace(features=features), labels, torch.arange(4))
    assert float(terms.within_state) == 0
    assert float(terms.within_class) == pytest.approx(0.25)  # half of the squared distance to (1/2, 1/2), which is 1/2
    assert float(terms.discontinuity) == pytest.approx(2 - SLACK)


def test_every_loss_is_a_number_with_a_class_or_all_but_one_state_missing_in_a_batch() -> None:
    labels, states = torch.tensor([0, 2, 2, 1]), torch.tensor([0, 0, 1, 4])
    made = objective(labels, states)
    for batch in ([0], [1, 2], [0, 1], [3]):
        given = output(len(batch), seed=batch[0])
        given = given._replace(features=given.features.requires_grad_())
        terms = made.terms(given, labels[batch], torch.tensor(batch))
        assert all(math.isfinite(float(term.detach())) for term in terms)
        sum(terms).backward()
        assert given.features.grad.isfinite().all()


def test_a_feature_of_nothing_but_zeros_is_no_trouble() -> None:
    labels = torch.zeros(2, dtype=torch.int64)
    features = torch.zeros(2, 4, requires_grad=True)
    given = output(2)._replace(features=features)
    loss = objective(labels, labels)(given, labels, torch.arange(2))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert features.grad.isfinite().all()


def test_the_loss_is_the_weighted_sum_of_its_terms() -> None:
    labels, states = torch.tensor([0, 1, 0, 1, 0]), torch.tensor([0, 1, 1, 2, 0])
    weights = {"within_class": 0.5, "within_state": 0.25, "continuity": 2.0}
    everything = torch.arange(5)
    terms = objective(labels, states, **weights).terms(output(5), labels, everything)
    expected = terms.expression + terms.state + 0.5 * terms.within_class + 0.25 * terms.within_state
    found = objective(labels, states, **weights)(output(5), labels, everything)
    assert all(float(term) > 0 for term in terms)
    torch.testing.assert_close(found, expected + 2 * terms.discontinuity)


@pytest.mark.parametrize("term", ["within_class", "within_state", "discontinuity"])
def test_each_distance_falls_along_its_gradient(term: str) -> None:
    labels, states = torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 1, 1])
    given, everything = output(4), torch.arange(4)
    features = given.features.clone().requires_grad_()

    def value(of: torch.Tensor) -> torch.Tensor:
        return getattr(objective(labels, states).terms(given._replace(features=of), labels, everything), term)

    before = value(features)
    before.backward()
    assert float(value(features.detach() - 0.1 * features.grad)) < float(before.detach())


def test_without_states_the_loss_is_that_of_the_classes_alone() -> None:
    labels = torch.tensor([0, 1, 2])
    data, settings = steps(labels), TrainingSettings(loss="focal", class_weights=True)
    alone = expression_states(torch.zeros(3, dtype=torch.int64), ExpressionStateSettings(states=False))(data, settings)
    given = output(3)
    expected = class_objective(data, settings)(given, labels, torch.arange(3))
    torch.testing.assert_close(alone(given._replace(states=None), labels, torch.arange(3)), expected)


def test_a_part_of_the_clips_finds_its_own_states() -> None:
    labels, states = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1, 2, 3])
    part = steps(labels).of(torch.tensor([3, 2]))
    made = expression_states(states, ExpressionStateSettings())(part, TrainingSettings())
    given = output(2)
    found = made.terms(given, part.labels, part.places).state
    torch.testing.assert_close(found, functional.cross_entropy(given.states, torch.tensor([3, 2])))
