"""Optimizers, schedules, class-balanced batches and clipped gradients do what their names say."""

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from dstan.networks.network import Network, Output
from dstan.networks.scaling import Scaling
from dstan.training import MakeObjective, TrainingData, TrainingSettings, fit_network
from dstan.training.losses import class_objective
from dstan.training.optimizing import make_optimizer, rate_of


class Plain(Network):
    """A linear layer, on request behind dropout, batch norm or a scaling."""

    def __init__(self, drop: float = 0.0, kinds: Sequence[str] = ()) -> None:
        super().__init__()
        self.scaling = Scaling(kinds, (4, 4)) if kinds else None  # type: ignore[arg-type]
        self.blocks = nn.ModuleList([nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(drop), nn.ReLU())])
        self.head = nn.Linear(32, 2)
        self.seen: list[Tensor] = []

    def forward(self, clips: Tensor) -> Output:
        self.seen.append(clips.detach().clone())
        scaled = clips[:, 0] if self.scaling is None else self.scaling(clips[:, 0])
        features = self.blocks[0](scaled).flatten(1)
        return Output(self.head(features), features)


def _network(**options: object) -> Plain:
    torch.manual_seed(0)
    return Plain(**options)  # type: ignore[arg-type]


def _data(labels: Sequence[int] = (0, 1, 0, 1, 0, 1)) -> TrainingData:
    inputs = torch.randn(len(labels), 1, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    inputs[:, 0, 0, 0, 0] = torch.arange(len(labels)).float()  # so that each can be told by its first number
    return TrainingData.stack(inputs, torch.tensor(labels), (-1.0, 1.0))


def _settings(**options: object) -> TrainingSettings:
    return TrainingSettings(precision="float32", **options)  # type: ignore[arg-type]


def _step(settings: TrainingSettings, steps: int = 1) -> Tensor:
    """Take steps along a gradient of one and return the weight, which began at 1."""
    weight = nn.Parameter(torch.ones(1))
    optimizer = make_optimizer([weight], settings)
    for _ in range(steps):
        weight.grad = torch.ones(1)
        optimizer.step()
    return weight.detach()


def test_sgd_follows_nesterov_s_formula() -> None:
    plain = _step(_settings(optimizer="sgd", learning_rate=0.1, momentum=0.0), steps=2)
    assert plain.item() == pytest.approx(1 - 0.2)
    # v1 = 1, step 1 + .9 v1 = 1.9; v2 = .9 + 1 = 1.9, step 1 + .9 v2 = 2.71
    fast = _step(_settings(optimizer="sgd", learning_rate=0.1, momentum=0.9), steps=2)
    assert fast.item() == pytest.approx(1 - 0.1 * (1.9 + 2.71))
    decayed = _step(_settings(optimizer="sgd", learning_rate=0.1, momentum=0.0, weight_decay=0.5))
    assert decayed.item() == pytest.approx(1 - 0.1 * 1.5)


def test_adam_s_first_step_is_the_rate() -> None:
    assert _step(_settings(learning_rate=0.01)).item() == pytest.approx(0.99)


def test_schedules() -> None:
    rates = {
        name: [rate_of(_settings(learning_rate=1.0, schedule=name), epoch, 60) for epoch in (1, 31, 40, 41, 60)]
        for name in ("constant", "cosine", "steps")
    }
    assert rates["constant"] == [1.0] * 5
    assert rates["steps"] == pytest.approx([1, 1, 1, 0.1, 0.1])
    assert rates["cosine"][:2] == pytest.approx([1, 0.505])
    assert 0.01 < rates["cosine"][-1] < 0.012


def test_a_schedule_reaches_the_weights() -> None:
    kept, dropped = _network(), _network()
    for network, schedule in ((kept, "constant"), (dropped, "steps")):
        fit_network(network, _data(), _settings(optimizer="sgd", schedule=schedule), epochs=3, seed=0)
    assert not torch.equal(kept.head.weight, dropped.head.weight)
    two = _network()
    fit_network(two, _data(), _settings(optimizer="sgd"), epochs=2, seed=0)
    last = [(network.head.weight - two.head.weight).norm() for network in (kept, dropped)]
    assert last[1] < last[0] / 3


def test_balanced_batches_bring_every_class_equally_often() -> None:
    network, labels = _network(), [0] * 36 + [1] * 4
    fit_network(network, _data(labels), _settings(balanced=True, batch_size=8), epochs=40, seed=0)
    first = torch.cat([batch[:, 0, 0, 0, 0] for batch in network.seen if len(batch) == 8])
    share = (first[40 : 40 + 40 * 40] >= 36).float().mean()
    assert 0.45 < share < 0.55


def test_gradients_are_clipped_but_their_true_length_is_told() -> None:
    free, held = _network(), _network()
    settings = _settings(optimizer="sgd", momentum=0.0, learning_rate=1.0)
    begun = copy.deepcopy(free.state_dict())
    (loose,) = fit_network(free, _data(), settings, epochs=1, seed=0).history
    clipped = _settings(optimizer="sgd", momentum=0.0, learning_rate=1.0, gradient_clip=1e-3)
    (tight,) = fit_network(held, _data(), clipped, epochs=1, seed=0).history
    assert tight.gradient_norm == pytest.approx(loose.gradient_norm)
    moved = [(value.detach() - begun[name]).norm() for name, value in held.named_parameters()]
    assert torch.stack(moved).norm() == pytest.approx(1e-3, rel=1e-3)


def test_frozen_weights_stay_and_have_no_part_in_the_gradient() -> None:
    network = _network()
    norm = network.get_submodule("blocks.0.0")
    for weight in norm.parameters():
        weight.requires_grad_(False)
    begun = copy.deepcopy(norm.state_dict())["weight"]
    fit_network(network, _data(), _settings(), epochs=3, seed=0)
    assert torch.equal(norm.state_dict()["weight"], begun)
    assert all(weight.grad is None for weight in norm.parameters())


def test_dropout_is_decided_by_the_seed_and_leaves_the_global_generator_alone() -> None:
    first, second, other = _network(drop=0.5), _network(drop=0.5), _network(drop=0.5)
    state = torch.random.get_rng_state()
    for network, seed in ((first, 3), (second, 3), (other, 4)):
        fit_network(network, _data(), _settings(batch_size=64), epochs=2, seed=seed)
        torch.rand(1)
    torch.random.set_rng_state(state)
    assert torch.equal(first.head.weight, second.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_nothing_is_dropped_while_batch_norm_is_settled() -> None:
    class Counting(nn.Dropout):
        dropped = 0

        def forward(self, x: Tensor) -> Tensor:
            Counting.dropped += self.training
            return super().forward(x)

    network = _network()
    network.blocks[0][1] = Counting(0.5)  # type: ignore[index]
    fit_network(network, _data(), _settings(batch_size=3), epochs=1, seed=0)
    assert Counting.dropped == 2 + 2  # two batches for the loss at the start, and two of an epoch


def test_raw_values_keep_their_digits_in_bfloat16() -> None:
    scaled, plain = _network(kinds=("grey", "motion")), _network()
    for network in (scaled, plain):
        fit_network(network, _data(), TrainingSettings(precision="bfloat16"), epochs=1, seed=0)
    assert scaled.seen[1].dtype == torch.float32
    assert plain.seen[1].dtype == torch.bfloat16


def test_an_objective_is_told_the_places_of_the_clips_among_all_even_in_a_part() -> None:
    places: list[Tensor] = []

    def watching(data: TrainingData, settings: TrainingSettings):  # type: ignore[no-untyped-def]
        objective = class_objective(data, settings)

        def look(output: Output, labels: Tensor, found: Tensor) -> Tensor:
            places.append(found)
            return objective(output, labels, found)

        return look

    make: MakeObjective = watching
    part, network = _data().of(torch.tensor([4, 1, 2])), _network()
    fit_network(network, part, _settings(batch_size=2), epochs=1, seed=0, objective=make)
    for batch, found in zip(network.seen, places, strict=False):
        assert batch[:, 0, 0, 0, 0].tolist() == found.tolist()
    assert sorted(torch.cat(places).tolist()) == [1, 1, 2, 2, 4, 4]


def test_steps_of_clips_keep_label_and_place() -> None:
    inputs = torch.arange(12).float().view(3, 4, 1, 1, 1)
    steps = TrainingData.stack(inputs, torch.tensor([5, 6, 7]), (1.0,)).of(torch.tensor([0, 2])).steps()
    assert steps.inputs.flatten().tolist() == steps.places.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert steps.labels.tolist() == [5] * 4 + [7] * 4
    assert steps.inputs.shape == (8, 1, 1, 1, 1)
