"""Answers with the probability that the method itself gives each of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.errors import ShapeError
from dstan.evaluation.folds import COLUMNS
from dstan.evaluation.statistics import RESAMPLES

if TYPE_CHECKING:
    import pandas as pd

_PREFIX = "p_"
_CLOSE = 1e-3


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one method at one seed.

    Parameters
    ----------
    person
        (n,) whose clip each is, people counted from 0 in sorted order.
    truth, said
        (n,) the class that it was and the class answered, counted from 0.
    probabilities
        (n, K), each row with the sum 1.
    """

    person: NDArray[np.int64]
    truth: NDArray[np.int64]
    said: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @functools.cached_property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) the probability given to the class answered."""
        return np.asarray(self.probabilities[np.arange(len(self.said)), self.said])

    @functools.cached_property
    def right(self) -> NDArray[np.float64]:
        """(n,) 1 where the answer is right, else 0."""
        return np.asarray(self.truth == self.said, dtype=np.float64)

    @property
    def brier(self) -> NDArray[np.float64]:
        """(n,) each clip's squared distance of the probabilities from the truth, in [0, 2]."""
        return np.asarray(((self.probabilities - np.eye(self.probabilities.shape[1])[self.truth]) ** 2).sum(1))


def answers_by_seed(predictions: pd.DataFrame) -> list[Answers]:
    """Return the answers of each seed, in the order of the seeds.

    Parameters
    ----------
    predictions
        One row a clip and seed, with the columns of ``predictions.csv``.

    Raises
    ------
    ShapeError
        If there is none, or probabilities are not such.
    """
    classes = [name.removeprefix(_PREFIX) for name in predictions.columns[len(COLUMNS) :]]
    keys = list(zip(predictions["corpus"], predictions["subject"], strict=True))
    people = {key: number for number, key in enumerate(sorted(set(keys)))}
    person = np.array([people[key] for key in keys], dtype=np.int64)
    truth, said = (_numbers(predictions[column].tolist(), classes) for column in ("y_true", "y_pred"))
    probabilities = predictions[[f"{_PREFIX}{name}" for name in classes]].to_numpy(dtype=np.float64)
    _check(probabilities)
    seeds = predictions["seed"].to_numpy()
    parts = [seeds == seed for seed in np.unique(seeds)]
    return [Answers(person[rows], truth[rows], said[rows], probabilities[rows]) for rows in parts]


def pooled(answers: Sequence[Answers]) -> Answers:
    """Return the answers of all seeds as one.

    Parameters
    ----------
    answers
        What :func:`answers_by_seed` returned.
    """
    parts = ("person", "truth", "said", "probabilities")
    return Answers(*(np.concatenate([getattr(one, part) for one in answers]) for part in parts))


def drawn_people(answers: Sequence[Answers]) -> NDArray[np.float64]:
    """Draw people anew 2000 times.

    Parameters
    ----------
    answers
        What :func:`answers_by_seed` returned.

    Returns
    -------
    (1 + 2000, S) how often each of S people is drawn; the first row is ones, the people as they are.
    """
    n = 1 + max(int(one.person.max()) for one in answers)
    draws = np.random.default_rng(child_seed(0, "calibration")).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.vstack([np.ones((1, n)), draws])


def mean_over_seeds(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of arrays of one shape over those that are not NaN; NaN where all are.

    Parameters
    ----------
    values
        One array a seed.
    """
    stacked = np.stack(list(values))
    known = (~np.isnan(stacked)).sum(0)
    return np.asarray(np.where(known > 0, np.nansum(stacked, axis=0) / np.maximum(known, 1), np.nan))


def ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, with NaN where the denominator is 0: nothing was answered there."""
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)


def _numbers(words: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index[word] for word in words], dtype=np.int64)


def _check(probabilities: NDArray[np.float64]) -> None:
    if not len(probabilities):
        raise ShapeError("there are no predictions to judge", hint="Evaluate on at least one clip")
    wrong = ~(np.abs(probabilities.sum(1) - 1) < _CLOSE) | (probabilities < 0).any(1)
    if wrong.any():
        raise ShapeError(
            f"{int(wrong.sum())} of {len(wrong)} predictions have no probabilities: they are negative, not numbers or "
            f"do not sum to 1, the first {probabilities[wrong][0].tolist()}",
            hint="See what the method returns: dstan.checking has the checks that every method has to pass",
        )
