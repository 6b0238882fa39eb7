"""Data that is renewed in each epoch, and what a network learns that tells action units beside classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dstan.networks.network import Network, Output, UnitTeller, count_parameters
from dstan.networks.ststnet import STSTNet, STSTNetSettings
from dstan.training import TrainingData, TrainingSettings, fit_network
from dstan.training.data import RenewedData
from dstan.training.losses import unit_objective

SETTINGS = TrainingSettings(batch_size=4, learning_rate=1e-3)


def _data(seed: int = 0, n: int = 8) -> TrainingData:
    drawn = torch.Generator().manual_seed(seed)
    labels, units = torch.arange(n) % 3, torch.rand(n, 2, generator=drawn) < 0.5
    clips = list(torch.randn(n, 1, 3, 28, 28, generator=drawn))
    return replace(TrainingData.stack(clips, labels, (-1.0, 1.0, 1.0)), units=units)


def _teller() -> UnitTeller:
    torch.manual_seed(0)
    network = STSTNet(3, STSTNetSettings())
    network.scaling.measure(_data().inputs)  # type: ignore[union-attr]
    width = network.eval()(torch.zeros(1, 1, 3, 28, 28)).features.shape[1]
    return UnitTeller(network, width, 2)


def test_the_loss_of_units_is_that_by_hand() -> None:
    units = torch.tensor([[True, False], [False, True]])  # each in half of the clips, so that none counts more
    data = replace(_data(n=2), units=units, labels=torch.tensor([0, 1]))
    scores = torch.tensor([[0.0, 2.0], [-1.0, 3.0]])
    logits = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    output = Output(logits, torch.zeros(2, 1), units=scores)
    classes = -np.mean([np.log(np.e / (np.e + 2)), np.log(1 / (2 + np.e**2))])
    right = [0.5, 1 - 1 / (1 + np.exp(-2)), 1 - 1 / (1 + np.exp(1)), 1 / (1 + np.exp(-3))]
    for share in (0.0, 1.0, 2.5):
        found = unit_objective(share)(data, SETTINGS)(output, data.labels, torch.tensor([0, 1]))
        assert found.item() == pytest.approx(classes - share * np.mean(np.log(right)), rel=1e-5)


def test_units_are_found_by_the_places_of_a_batch_and_not_by_its_order() -> None:
    data = _data()
    assert data.units is not None
    order = torch.tensor([5, 2, 7])
    sure = 50 * (2.0 * data.units[order] - 1)
    objective = unit_objective(1.0)(data, SETTINGS)
    output = Output(torch.zeros(3, 3), torch.zeros(3, 1), units=sure)
    classes = np.log(3)
    assert objective(output, data.labels[order], order).item() == pytest.approx(classes, rel=1e-5)
    other = (order + 1) % len(data)
    if not torch.equal(data.units[order], data.units[other]):
        assert objective(output, data.labels[order], other).item() > classes + 1


def test_a_rare_unit_counts_more_where_it_is_shown() -> None:
    units = torch.zeros(100, 1, dtype=torch.bool)
    units[:10] = True
    data = replace(_data(n=100), units=units)
    objective = unit_objective(1.0)(data, SETTINGS)
    silent = Output(torch.zeros(1, 3), torch.zeros(1, 1), units=torch.zeros(1, 1))
    shown, not_shown = (
        objective(silent, data.labels[:1], torch.tensor([place])).item() - np.log(3) for place in (0, 99)
    )
    assert shown / not_shown == pytest.approx(3.0, rel=1e-4)  # the root of .9 / .1


def test_a_teller_tells_units_from_what_the_last_layer_sees_and_classes_as_before() -> None:
    teller = _teller().eval()
    clips = torch.randn(3, 1, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    alone: Output = teller.network(clips)
    found: Output = teller(clips)
    assert torch.equal(found.logits, alone.logits)
    assert found.units is not None
    assert torch.equal(found.units, alone.features @ teller.units.weight.T + teller.units.bias)
    assert alone.units is None
    assert count_parameters(teller) == count_parameters(teller.network) + 2 * (alone.features.shape[1] + 1)


def test_training_a_teller_trains_the_network_and_keeps_its_blocks_watched() -> None:
    teller, data = _teller(), _data()
    before = {name: value.clone() for name, value in teller.state_dict().items()}
    fit = fit_network(teller, data, SETTINGS, epochs=2, seed=0, objective=unit_objective(1.0))
    after = teller.state_dict()
    for name in ("network.head.weight", "units.weight"):
        assert not torch.equal(before[name], after[name])
    alone: Network = teller.network
    assert len(fit.dynamics.dead_units) == len(list(alone.blocks)) > 0
    assert not teller.training


def _renewed(seen: list[int]) -> RenewedData:
    def renew(epoch: int) -> TrainingData:
        seen.append(epoch)
        return _data(epoch)

    return RenewedData(**vars(_data()), renew=renew)


def test_renewed_data_is_asked_for_each_epoch_and_measures_as_what_stands_for_it() -> None:
    seen: list[int] = []
    data = _renewed(seen)
    assert len(data) == 8
    assert torch.equal(data.of_epoch(3).inputs, _data(3).inputs)
    assert isinstance(data.on(torch.device("cpu")), RenewedData)
    plain = _data()
    assert plain.of_epoch(3) is plain
    seen.clear()
    fit_network(_teller(), data, SETTINGS, epochs=3, seed=0, objective=unit_objective(1.0))
    assert seen == [1, 2, 3]


def test_what_an_epoch_sees_is_learned_from_with_its_own_labels_and_units() -> None:
    told: list[tuple[Tensor | None, Tensor]] = []
    objective = unit_objective(1.0)

    def make(data: TrainingData, settings: TrainingSettings):  # type: ignore[no-untyped-def]
        told.append((data.units, data.labels))
        return objective(data, settings)

    data = _renewed([])
    fit_network(_teller(), data, SETTINGS, epochs=2, seed=0, objective=make)
    last = [units for units, _ in told][-2:]
    for epoch, units in enumerate(last, start=1):
        expected = _data(epoch).units
        assert units is not None
        assert expected is not None
        assert torch.equal(units, expected)
