"""How sure a score is: intervals that resample people, for people, not clips, are what was sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.metrics import confusion_matrix, scores_of_many

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def confusions_by_subject(predictions: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int64]:
    """Count the predictions of each person and seed.

    Parameters
    ----------
    predictions
        One row a clip and seed, with the columns of ``predictions.csv``.
    classes
        The task's classes in order.

    Returns
    -------
    (S, N, K, K) counts for S people in sorted order and N seeds; rows are truths, columns predictions.
    """
    people = sorted(set(zip(predictions["corpus"], predictions["subject"], strict=True)))
    seeds = sorted(predictions["seed"].unique())
    counts = np.zeros((len(people), len(seeds), len(classes), len(classes)), dtype=np.int64)
    for (corpus, subject, seed), rows in predictions.groupby(["corpus", "subject", "seed"], sort=False):
        matrix = confusion_matrix(rows["y_true"].tolist(), rows["y_pred"].tolist(), classes)
        counts[people.index((corpus, subject)), seeds.index(seed)] = matrix
    return counts


def bootstrap_intervals(
    by_subject: NDArray[np.int64], *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Compute percentile intervals of every score by resampling people with replacement.

    All seeds of a person are drawn together, and a resample's score is the mean over seeds of the pooled score of one
    seed. A class that a resample happens to hold no clip of is left out of that resample's means over classes, where
    counting it as 0 would push the interval below the score itself.

    Parameters
    ----------
    by_subject
        (S, N, K, K) counts of S people at N seeds, from :func:`confusions_by_subject`.
    level
        Share of the resampled scores that an interval holds, between 0 and 1.
    resamples
        How many times the people are drawn.
    seed
        Decides the drawing.

    Returns
    -------
    For each score of :func:`dstan.metrics.scores` its lower and upper end.
    """
    n = len(by_subject)
    rng = np.random.default_rng(child_seed(seed, "bootstrap_intervals"))
    draws = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    pooled = np.tensordot(draws, by_subject, axes=1)  # (resamples, N, K, K)
    never = by_subject.sum((0, 1, 3)) == 0
    scores = scores_of_many(pooled, counted=(pooled.sum(-1) > 0) | never)
    ends = (50 * (1 - level), 50 * (1 + level))
    return {name: _ends(np.percentile(value.mean(1), ends)) for name, value in scores.items()}


def _ends(percentiles: NDArray[np.float64]) -> tuple[float, float]:
    low, high = percentiles
    return float(low), float(high)


def resampled(predictions: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int64]:
    """Draw people anew 2000 times, all seeds of one together, and the same ones for every method on the same people.

    Parameters
    ----------
    predictions
        The rows of ``predictions.csv``.
    classes
        The task's classes in order.

    Returns
    -------
    (1 + 2000, N, K, K) pooled confusion matrices at N seeds; the first is that of the people as they are.
    """
    by_subject = confusions_by_subject(predictions, classes)
    n = len(by_subject)
    draws = np.random.default_rng(child_seed(0, "report")).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.tensordot(np.vstack([np.ones((1, n), dtype=np.int64), draws]), by_subject, axes=1)


def difference(score: str, one: NDArray[np.int64], other: NDArray[np.int64]) -> Interval:
    """Return how much higher a score is in one method than in another, on the same draws of people.

    Parameters
    ----------
    score
        A name of :data:`dstan.metrics.SCORES`.
    one, other
        What :func:`resampled` gives for the two methods.
    """
    return interval_of(_score(score, one) - _score(score, other))


def _score(score: str, pooled: NDArray[np.int64]) -> NDArray[np.float64]:
    occurs = pooled.sum(-1) > 0
    never = ~occurs[0]
    found = scores_of_many(pooled, counted=occurs | never)[score]
    return np.asarray(found.mean(axis=1))


def interval_of(values: NDArray[np.float64]) -> Interval:
    """Return a number and the middle 95 % of the draws of it.

    Parameters
    ----------
    values
        (1 + draws) values: that of the people as they are, and that of each draw; NaN where a draw says nothing.
    """
    drawn = values[1:][~np.isnan(values[1:])]
    if not len(drawn):
        return Interval(0.0, 0.0, 0.0)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(values[0]), float(low), float(high))
