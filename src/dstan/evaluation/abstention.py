"""What a method is worth that speaks only when it is sure: coverage, and how often it is right then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.evaluation.answers import Answers, answers_by_seed, mean_over_seeds, pooled, ratio
from dstan.evaluation.statistics import Interval, interval_of
from dstan.metrics import scores_of_many

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Speaking:
    """What is left of a method that answers only what it gives at least a certain probability.

    Parameters
    ----------
    threshold
        That probability.
    coverage
        Share of the clips that are answered.
    accuracy
        Share of the answers that are right; None without an answer.
    uf1
        The mean of all classes' F1 over the clips answered; a class of which none is answered counts as 0. None without
        an answer.
    """

    threshold: float
    coverage: Interval
    accuracy: Interval | None
    uf1: Interval | None


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """Coverage and accuracy at every threshold that makes a difference, the strictest first.

    Parameters
    ----------
    threshold, coverage, accuracy
        (m,) each, in [0, 1]; thresholds fall, coverage rises to 1.
    """

    threshold: NDArray[np.float64]
    coverage: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def coverage_curve(predictions: pd.DataFrame) -> CoverageCurve:
    """Return how often a method is right that answers only the clips it is surest of, all seeds pooled.

    Parameters
    ----------
    predictions
        One row a clip and seed, with the columns of ``predictions.csv``.

    Raises
    ------
    ShapeError
        If there is none, or probabilities are not such.
    """
    answers = pooled(answers_by_seed(predictions))
    order, last = _surest_first(answers.confidence)
    ends = np.unique(last)
    right = np.cumsum(answers.right[order])[ends]
    return CoverageCurve(answers.confidence[order][ends], (ends + 1) / len(order), right / (ends + 1))


def risk_coverage_area(answers: Answers, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area under the risk-coverage curve (AURC [1]_).

    It is the share of wrong answers among the clips answered, averaged over all thresholds, each clip's confidence
    being one. Clips of the same confidence are answered together, so their order does not matter.

    Parameters
    ----------
    answers
        Of one seed.
    weights
        (D, n) how often each clip counts.

    Returns
    -------
    (D,) areas in [0, 1]; the share of wrong answers where confidence says nothing, and less the better it tells.

    References
    ----------
    .. [1] Y. Geifman, G. Uziel, R. El-Yaniv, "Bias-reduced uncertainty estimation for deep neural classifiers", ICLR
       2019, section 2.
    """
    order, last = _surest_first(answers.confidence)
    ordered = weights[:, order]
    wrong = np.cumsum(ordered * (1 - answers.right[order]), axis=1)[:, last]
    counted = np.cumsum(ordered, axis=1)[:, last]
    risk = np.divide(wrong, counted, out=np.zeros_like(wrong), where=counted > 0)
    return np.asarray((ordered * risk).sum(1) / ordered.sum(1))


def speaking(answers: Sequence[Answers], people: NDArray[np.float64], threshold: float) -> Speaking:
    """Return what is left at a threshold, each score the mean over seeds that answer anything.

    Parameters
    ----------
    answers
        One a seed.
    people
        (1 + D, S) how often each person is drawn, the first row being the people as they are.
    threshold
        The least probability with which the method speaks.
    """
    found = [_speaking(one, people[:, one.person], threshold) for one in answers]
    coverage, accuracy, uf1 = (mean_over_seeds(values) for values in zip(*found, strict=True))
    spoke = not np.isnan(accuracy[0])
    return Speaking(
        threshold,
        interval_of(coverage),
        interval_of(accuracy) if spoke else None,
        interval_of(uf1) if spoke else None,
    )


def _speaking(
    answers: Answers, weights: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    k = answers.probabilities.shape[1]
    answered = answers.confidence >= threshold
    counted = weights[:, answered].sum(1)
    cells = np.eye(k * k)[answers.truth * k + answers.said]
    confusions = (weights[:, answered] @ cells[answered]).reshape(-1, k, k)
    held = weights @ np.eye(k)[answers.truth] > 0  # the classes of the clips drawn, answered or not
    uf1 = np.where(counted > 0, scores_of_many(confusions, counted=held | ~held[0])["uf1"], np.nan)
    right = weights[:, answered] @ answers.right[answered]
    return counted / weights.sum(1), ratio(right, counted), uf1


def _surest_first(confidence: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the (n,) order of falling confidence, and for each place in it the last one of the same confidence."""
    order = np.argsort(-confidence, kind="stable")
    fallen = -confidence[order]
    return order, np.searchsorted(fallen, fallen, side="right") - 1
