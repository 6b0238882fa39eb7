"""How sure a score or a difference is: people, not clips, are what was sampled, so intervals resample people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.metrics import confusion_matrix, scores_of_many

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 2000
_DIGITS = 10  # differences of scores that agree so far are the same, whatever the last bits say


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
    return interval_of(drawn_difference(score, one, other))


def drawn_difference(score: str, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much higher a score is in one method than in another, for each draw of people.

    Parameters
    ----------
    score
        A name of :data:`dstan.metrics.SCORES`.
    one, other
        What :func:`resampled` gives for the two methods.

    Returns
    -------
    (1 + 2000,) differences in [-1, 1], exactly zero where the two differ by no more than rounding.
    """
    return np.round(drawn_score(score, one) - drawn_score(score, other), _DIGITS)


def drawn_score(score: str, pooled: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a score, the mean over seeds, for each draw of people.

    A class that a draw happens to hold no clip of is left out of that draw's means over classes.

    Parameters
    ----------
    score
        A name of :data:`dstan.metrics.SCORES`.
    pooled
        What :func:`resampled` gives.

    Returns
    -------
    (1 + 2000,) scores in [0, 1]; the first is that of the people as they are.
    """
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


def deviation(values: Sequence[float] | NDArray[np.float64]) -> float | None:
    """Return the standard deviation of a sample, such as a score of several seeds; None of fewer than two values.

    Parameters
    ----------
    values
        Numbers in any order.
    """
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


@dataclass(frozen=True)
class SignedRanks:
    """What Wilcoxon's signed-rank test found.

    Parameters
    ----------
    higher, same, lower
        People with a difference above, of and below zero.
    lean
        The sum of the ranks of the differences above zero less that of those below.
    p
        Two-sided, exact.
    """

    higher: int
    same: int
    lower: int
    lean: float
    p: float


def wilcoxon(differences: Sequence[float] | NDArray[np.float64]) -> SignedRanks:
    """Test by signed ranks whether differences lie around zero [1]_.

    Differences of zero are dropped before ranking, as Wilcoxon did; alike sizes share the mean of their ranks. The p
    value is exact, with such ties too: each sign is flipped or not, all 2 ** n ways being equally likely, and the ways
    are counted for each sum of ranks. Where nothing but zeros is given, p is 1.

    Parameters
    ----------
    differences
        One number a person; numbers that agree in their first ten decimals are alike.

    References
    ----------
    .. [1] F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945.
    """
    values = np.round(np.asarray(differences, dtype=np.float64), _DIGITS)
    apart = values[values != 0]
    _, size, alike = np.unique(np.abs(apart), return_inverse=True, return_counts=True)
    ranks = (2 * np.cumsum(alike) - alike + 1)[size]  # twice the mean rank: a whole number
    above = int(ranks[apart > 0].sum())
    below = int(ranks.sum()) - above
    share = np.zeros(above + below + 1)
    share[0] = 1.0
    for rank in ranks:
        share[rank:] += share[:-rank].copy()
        share /= 2
    return SignedRanks(
        higher=int((apart > 0).sum()),
        same=len(values) - len(apart),
        lower=int((apart < 0).sum()),
        lean=(above - below) / 2,
        p=min(1.0, 2 * float(share[: min(above, below) + 1].sum())),
    )


def mcnemar(only_one: int, only_other: int) -> float:
    """Return the two-sided p value of McNemar's exact test of clips that one alone has right [1]_.

    Were both methods as good, each such clip would fall to either side like a fair coin.

    Parameters
    ----------
    only_one, only_other
        How many clips the one has right and the other wrong, and the other way round.

    References
    ----------
    .. [1] Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
       Psychometrika 12, 1947.
    """
    n, fewer = only_one + only_other, min(only_one, only_other)
    ways = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, float(Fraction(2 * ways, 1 << n)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for being several, so that all of them together err with the level of one [1]_.

    Parameters
    ----------
    p_values
        In any order.

    Returns
    -------
    The adjusted values in the same order: the least times how many there are, the next times one less, and so on,
    none below the one before and none above 1.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
       1979.
    """
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted
