"""Choosing a variant of the features, C and gamma by people held out of the training clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan.errors import DstanError
from dstan.metrics import scores_of_many
from dstan.splits import Fold, Person, kfold_by_subject
from dstan.svm import Scaler, SVMSettings, compare, gram, machine, width

Fitted: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Variants:
    """What a method does with features before the SVM, where there is something to choose.

    Parameters
    ----------
    values
        The candidates.
    fit
        Of (n, D) features, (n,) labels and a candidate makes what is fitted; nothing where nothing is.
    apply
        Of (n, D) features, the candidate and what was fitted makes (n, E) features.
    """

    values: tuple[float, ...]
    fit: Callable[[NDArray[np.float64], NDArray[np.int64], float], Fitted]
    apply: Callable[[NDArray[np.float64], float, Fitted], NDArray[np.float64]]


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Parameters
    ----------
    variant, C, gamma
        Of the candidates those with the best UF1, of equals the first; gamma None: taken from the clips.
    uf1
        That UF1, of one confusion matrix over all people held out; None where there was nothing to choose. It chose,
        and is no result.
    candidates
        How many there were.
    """

    variant: float
    C: float
    gamma: float | None
    uf1: float | None
    candidates: int

    def to_dict(self) -> dict[str, Any]:
        """Return what goes into ``fold.json``."""
        return asdict(self)


def choose(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    people: Sequence[Person],
    n_classes: int,
    variants: Variants,
    settings: SVMSettings,
) -> Choice:
    """Choose by people whom neither the SVM nor what is fitted of a variant has seen.

    The people are divided into ``settings.parts`` parts, or one for each person where there are fewer; each is
    predicted once by what was fitted on the others.

    Parameters
    ----------
    features
        (n, D) of the training clips; none is of a person who is tested.
    labels
        (n,) classes counted from 0.
    people
        Who each clip shows.
    n_classes
        The task's classes.
    variants
        The candidates besides C and gamma.
    settings
        The classifier, with its candidates.

    Raises
    ------
    DstanError
        If there are several candidates, and all clips are of one person.
    """
    penalties = tuple(sorted(set(settings.C)))
    widths = (None,) if settings.kernel == "linear" else tuple(sorted(set(settings.gamma))) or (None,)
    candidates = list(product(variants.values, widths, penalties))
    if len(candidates) == 1:
        variant, gamma, C = candidates[0]
        return Choice(variant, C, gamma, None, 1)
    if len(set(people)) < 2:
        raise DstanError(
            f"{len(candidates)} candidates are chosen from by people held out of the training clips, and these are all "
            "of one person",
            where="svm",
            hint='Add clips of other people, or give one candidate: --set "svm.C=[1]"',
        )
    counts = np.zeros((len(variants.values), len(widths), len(penalties), n_classes, n_classes), dtype=np.int64)
    folds = kfold_by_subject(people, min(settings.parts, len(set(people))))
    for number, variant in enumerate(variants.values):
        for fold, compared in _compared(features, labels, folds, variants, variant, settings):
            for place, gamma in enumerate(widths):
                _count(counts[number, place], compared, gamma, labels, fold, penalties, settings)
    scores = [round(float(score), 12) for score in scores_of_many(counts.reshape(-1, n_classes, n_classes))["uf1"]]
    variant, gamma, C = candidates[scores.index(max(scores))]
    return Choice(variant, C, gamma, max(scores), len(candidates))


def _compared(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    folds: Sequence[Fold],
    variants: Variants,
    variant: float,
    settings: SVMSettings,
) -> Iterator[tuple[Fold, tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Yield each inner fold with the features of its clips and what compares them; once where no fold changes them."""
    known: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    for fold in folds:
        train = list(fold.train)
        fitted = variants.fit(features[train], labels[train], variant)
        if known is None or fitted or settings.standardise:
            made = variants.apply(features, variant, fitted)
            made = Scaler.of(made[train], settings.standardise)(made)
            known = made, compare(settings.kernel, made, made)
        yield fold, known


def _count(
    counts: NDArray[np.int64],
    known: tuple[NDArray[np.float64], NDArray[np.float64]],
    gamma: float | None,
    labels: NDArray[np.int64],
    fold: Fold,
    penalties: Sequence[float],
    settings: SVMSettings,
) -> None:
    """Predict the people held out for every C, and add to its confusion matrix."""
    features, compared = known
    train, test = np.array(fold.train), np.array(fold.test)
    within, across = compared[np.ix_(train, train)], compared[np.ix_(test, train)]
    gamma = width(settings.kernel, features[train], within) if gamma is None else gamma
    kernel, seen = gram(settings, within, gamma), gram(settings, across, gamma)
    alone = len(np.unique(labels[train])) == 1
    for matrix, C in zip(counts, penalties, strict=True):
        winners = labels[train][:1] if alone else machine(settings, C).fit(kernel, labels[train]).predict(seen)
        np.add.at(matrix, (labels[test], winners), 1)
