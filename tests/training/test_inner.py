"""The choice of a number of epochs by people held out of the training clips."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from dstan._random import child_seed
from dstan.errors import ConfigError, DstanError
from dstan.metrics import scores_of_many
from dstan.networks.streams import Stream, StreamSettings
from dstan.splits import kfold_by_subject
from dstan.training import EpochRecord, InnerChoice, TrainingData, TrainingSettings, choose_epochs, fit_network

TINY = StreamSettings(channels=(4, 4, 4, 8, 8), lstm_width=8, lhfn=False)
PEOPLE = [("x", f"s{number % 4}") for number in range(16)]


def data() -> TrainingData:
    """Draw two classes of clips that a network can tell apart."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(16) // 2 % 2
    inputs = torch.randn(16, 2, 2, 32, 32, generator=generator)
    inputs[labels == 1, :, :, :16] += 1
    return TrainingData.stack(inputs, labels, (-1.0, 1.0))


def build(seed: int) -> Stream:
    """Draw a tiny network."""
    torch.manual_seed(seed % 2**32)
    return Stream(2, 2, TINY)


def settings(*epochs: int, **options: Any) -> TrainingSettings:
    """Choose among some epochs."""
    wanted = {"batch_size": 4, "learning_rate": 5e-3, "inner_parts": 2, "precision": "float32", **options}
    return TrainingSettings(epochs="inner", inner_epochs=epochs, **wanted)


def choose(told: TrainingSettings, seed: int = 0, **options: Any) -> InnerChoice:
    """Choose among the epochs that the settings name."""
    given = data()

    def start(own: int, learned: Sequence[int] | None) -> tuple[Stream, TrainingData]:
        assert learned is not None
        return build(child_seed(own, "weights")), given

    return choose_epochs(start, given.labels, options.pop("people", PEOPLE), 2, told, seed=seed, **options)


def test_the_number_of_epochs_that_learns_is_chosen() -> None:
    choice = choose(settings(12, 1))
    assert choice.epochs == [1, 12]
    assert choice.uf1[1] > 0.9 > choice.uf1[0]
    assert (choice.chosen, choice.parts) == (12, 2)


def test_equal_scores_go_to_fewer_epochs() -> None:
    choice = choose(settings(3, 2, 4, learning_rate=1e-9))
    assert choice.uf1[0] == choice.uf1[1] == choice.uf1[2]
    assert choice.chosen == 2


def test_a_score_is_that_of_networks_trained_for_just_so_long() -> None:
    told, given = settings(1, 2, 3), data()
    choice = choose(told, seed=5)
    for epochs, score in zip(choice.epochs, choice.uf1, strict=True):
        counts = np.zeros((2, 2), dtype=np.int64)
        for fold in kfold_by_subject(PEOPLE, 2):
            own = child_seed(5, "inner", fold.name)
            network = build(child_seed(own, "weights"))
            learned, held_out = (given.of(torch.tensor(side)) for side in (fold.train, fold.test))
            fit_network(network, learned, told, epochs=epochs, seed=own)
            with torch.no_grad():
                winners = network(held_out.inputs.float().movedim(-1, 2)).logits.argmax(1)
            np.add.at(counts, (held_out.labels, winners), 1)
        assert counts.sum() == 16
        assert score == pytest.approx(scores_of_many(counts)["uf1"])


def test_looking_changes_nothing_of_the_training() -> None:
    seen: list[list[EpochRecord]] = []
    for candidates in ((1, 2, 3, 4), (4,)):
        records: list[EpochRecord] = []
        choose(settings(*candidates), on_epoch=records.append)
        seen.append(records)
    assert seen[0] == seen[1]
    assert [record.epoch for record in seen[0]] == [1, 2, 3, 4] * 2


def test_fewer_people_make_fewer_parts() -> None:
    assert choose(settings(1, inner_parts=50)).parts == 4
    with pytest.raises(DstanError, match=r"all of one person\. Add clips of other people, or give a number"):
        choose(settings(1), people=[("x", "s0")] * 16)


def test_a_class_that_nobody_else_shows_is_not_predicted() -> None:
    people = [("x", f"s{number // 2 % 2}") for number in range(16)]  # each of two people shows one class
    assert choose(settings(1, 5), people=people).uf1 == [0.0, 0.0]


def test_a_seed_decides_everything() -> None:
    told = settings(1, 2, 3)
    assert choose(told, seed=1) == choose(told, seed=1)
    assert choose(told, seed=1).uf1 != choose(told, seed=2).uf1


def test_no_epochs_to_choose_from() -> None:
    with pytest.raises(ConfigError, match="inner_epochs must name at least one"):
        TrainingSettings(inner_epochs=())
