"""C, gamma and a variant are chosen by people held out of the training clips."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dstan.errors import DstanError
from dstan.metrics import scores_of_many
from dstan.recognizers.choice import Variants, choose
from dstan.splits import kfold_by_subject
from dstan.svm import SVM, SVMSettings


def _keep(features: NDArray[np.float64], variant: float, fitted: Mapping[str, Any]) -> NDArray[np.float64]:
    return features


PLAIN = Variants((0.0,), lambda features, labels, variant: {}, _keep)


def _problem(people: int = 7) -> tuple[NDArray[np.float64], NDArray[np.int64], list[tuple[str, str]]]:
    """Four clips of each person; a person shifts all features, the class only the first two."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 4 * people)
    who = np.repeat(np.arange(people), 4)
    features = rng.uniform(0, 1, (4 * people, 6)) + rng.uniform(0, 1, (people, 6))[who]
    features[:, :2] += np.array([[0, 0], [1, 0], [0, 1]])[labels]
    return features, labels, [("corpus", f"s{one}") for one in who]


@pytest.mark.parametrize(
    ("kernel", "standardise"),
    [*product(("linear", "poly", "rbf"), (False, True)), ("chi2", False)],  # chi2 takes no negative features
)
@pytest.mark.parametrize("gamma", [(), (0.05, 0.5)])
def test_the_choice_is_that_of_fitting_every_candidate_on_every_part(
    kernel: str, standardise: bool, gamma: tuple[float, ...]
) -> None:
    features, labels, people = _problem()
    settings = SVMSettings(kernel=kernel, C=(0.01, 0.5, 20.0), gamma=gamma, standardise=standardise, parts=3)
    chosen = choose(features, labels, people, 3, PLAIN, settings)
    widths = (None,) if kernel == "linear" else gamma or (None,)
    candidates = list(product(widths, settings.C))
    scores = []
    for width, C in candidates:
        matrix = np.zeros((3, 3), dtype=np.int64)
        for fold in kfold_by_subject(people, 3):
            train, test = list(fold.train), list(fold.test)
            fitted = SVM(C, width, settings).fit(features[train], labels[train], 3)
            np.add.at(matrix, (labels[test], fitted.predict(features[test])), 1)
        scores.append(float(scores_of_many(matrix[None])["uf1"][0]))
    assert chosen.uf1 == pytest.approx(max(scores))
    assert (chosen.gamma, chosen.C) == candidates[int(np.argmax(np.round(scores, 12)))]
    assert chosen.candidates == len(candidates)


def test_a_variant_is_fitted_on_the_inner_training_part_only_and_the_better_one_is_chosen() -> None:
    features, labels, people = _problem()
    features[:, 5] = np.arange(len(features))
    seen: list[set[int]] = []

    def fit(some: NDArray[np.float64], own: NDArray[np.int64], variant: float) -> dict[str, NDArray[np.float64]]:
        rows = some[:, 5].astype(int)
        assert (labels[rows] == own).all()
        seen.append(set(rows.tolist()))
        return {"mean": some.mean(axis=0)}

    def use(some: NDArray[np.float64], variant: float, fitted: Mapping[str, Any]) -> NDArray[np.float64]:
        centred: NDArray[np.float64] = some - fitted["mean"]
        return centred[:, :2] if variant == 7 else centred[:, 2:5]

    chosen = choose(features, labels, people, 3, Variants((3.0, 7.0), fit, use), SVMSettings(C=(1.0,)))
    parts = [set(fold.train) for fold in kfold_by_subject(people, 5)]
    assert seen == parts + parts
    assert (chosen.variant, chosen.candidates) == (7.0, 2)


def test_what_is_fitted_in_one_part_is_not_used_in_another() -> None:
    features, labels, people = _problem()

    def fit(some: NDArray[np.float64], own: NDArray[np.int64], variant: float) -> dict[str, NDArray[np.float64]]:
        means = np.array([some[own == label].mean(axis=0) for label in range(3)])
        return {"axes": means[1:] - means[0]}

    def use(some: NDArray[np.float64], variant: float, fitted: Mapping[str, Any]) -> NDArray[np.float64]:
        return np.asarray(some @ fitted["axes"].T)

    settings = SVMSettings(C=(0.05, 2.0), parts=3)
    chosen = choose(features, labels, people, 3, Variants((0.0,), fit, use), settings)
    scores = []
    for C in settings.C:
        matrix = np.zeros((3, 3), dtype=np.int64)
        for fold in kfold_by_subject(people, 3):
            train, test = list(fold.train), list(fold.test)
            made = use(features, 0.0, fit(features[train], labels[train], 0.0))
            fitted = SVM(C, None, settings).fit(made[train], labels[train], 3)
            np.add.at(matrix, (labels[test], fitted.predict(made[test])), 1)
        scores.append(float(scores_of_many(matrix[None])["uf1"][0]))
    assert chosen.uf1 == pytest.approx(max(scores))
    assert settings.C[int(np.argmax(scores))] == chosen.C


def test_of_equals_the_first_is_chosen_and_order_does_not_matter() -> None:
    features, labels, people = _problem()
    features[:] = labels[:, None]  # every penalty separates the classes
    for C in ((100.0, 10.0, 1e3), (1e3, 100.0, 10.0, 10.0)):
        assert choose(features, labels, people, 3, PLAIN, SVMSettings(C=C)).C == 10.0


def test_one_candidate_needs_no_other_people() -> None:
    features, labels, _ = _problem()
    alone = [("corpus", "s0")] * len(labels)
    chosen = choose(features, labels, alone, 3, PLAIN, SVMSettings(C=(2.0,)))
    assert (chosen.C, chosen.uf1, chosen.candidates) == (2.0, None, 1)
    with pytest.raises(DstanError, match=r"of one person.*svm\.C=\[1\]"):
        choose(features, labels, alone, 3, PLAIN, SVMSettings())


def test_an_inner_part_that_leaves_one_class_predicts_it() -> None:
    features, people = np.eye(4), [("c", "a"), ("c", "a"), ("c", "b"), ("c", "b")]
    labels = np.array([0, 0, 0, 1])  # without b there is only class 0
    chosen = choose(features, labels, people, 2, PLAIN, SVMSettings(C=(1.0, 2.0)))
    assert chosen.C == 1.0
    assert chosen.uf1 is not None
