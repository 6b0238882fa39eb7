"""Whether a method is as often right as it says: reliability, calibration error, and what abstaining would bring."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.evaluation.abstention import THRESHOLDS, Speaking, risk_coverage_area, speaking
from dstan.evaluation.answers import Answers, answers_by_seed, drawn_people, mean_over_seeds, pooled, ratio
from dstan.evaluation.statistics import RESAMPLES, Interval, interval_of

if TYPE_CHECKING:
    import pandas as pd

BINS = 10
_EDGES = np.linspace(0, 1, BINS + 1)


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence falls into a part of [0, 1], of all seeds.

    Parameters
    ----------
    low, high
        The part: above ``low``, up to and with ``high``.
    count
        Answers in it.
    confidence
        Their mean confidence.
    accuracy
        The share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: Interval


@dataclass(frozen=True)
class Calibration:
    """How a method's confidence, the probability of the class it answers, goes with being right.

    Intervals are the middle 95 % of 2000 resamples of people; all numbers but ``bins`` are means over seeds of the
    number of one seed.

    Parameters
    ----------
    confidence
        Its mean.
    overconfidence
        The mean confidence less the accuracy: above zero too sure, below zero too modest.
    brier
        The Brier score over all classes [2]_, in [0, 2]: 0 is perfect, 1 - 1 / K is the same probability for each of K
        classes.
    aurc
        Area under the risk-coverage curve: :func:`~dstan.evaluation.abstention.risk_coverage_area`.
    aurc_gain
        The share of wrong answers, which is what confidence that says nothing would have for its area, less ``aurc``:
        above zero where surer answers are better ones.
    ece
        Expected calibration error (equation 3 of [1]_) over ten bins of equal width: the mean distance of a bin's
        accuracy from its mean confidence, weighted by count. In [0, 1].
    ece_equal_counts
        The same over ten bins of equal count [3]_.
    ece_by_chance
        What ``ece`` would be of a perfectly calibrated method with these confidences on as many clips: the mean and
        the middle 95 % of 2000 drawings. An ``ece`` inside it shows no lack of calibration. It stands in the place
        of an interval over people, since resampling adds to a calibration error what chance has added already.
    bins
        The bins of equal width that hold an answer, all seeds pooled.
    abstention
        What is left at each of :data:`~dstan.evaluation.abstention.THRESHOLDS`.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
    .. [2] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
    .. [3] K. Nguyen, B. O'Connor, "Posterior calibration and exploratory analysis for natural language processing
       models", EMNLP 2015.
    """

    confidence: Interval
    overconfidence: Interval
    brier: Interval
    aurc: Interval
    aurc_gain: Interval
    ece: float
    ece_equal_counts: float
    ece_by_chance: Interval
    bins: tuple[Bin, ...]
    abstention: tuple[Speaking, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds: values, and their ends under ``intervals`` as for the scores."""
        by_chance = self.ece_by_chance
        return {
            **_plain(self),
            "ece_by_chance": {"mean": by_chance.value, "low": by_chance.low, "high": by_chance.high},
            "bins": [_plain(one) for one in self.bins],
            "abstention": [_plain(one) for one in self.abstention],
        }


def calibration(predictions: pd.DataFrame) -> Calibration:
    """Measure how well a method knows when it is right, over all folds.

    Parameters
    ----------
    predictions
        One row a clip and seed, with the columns of ``predictions.csv``.

    Raises
    ------
    ShapeError
        If there is none, or probabilities are not such.
    """
    answers = answers_by_seed(predictions)
    people = drawn_people(answers)
    found = [_judged(one, people[:, one.person]) for one in answers]
    by_chance = mean_over_seeds([errors_by_chance(one.confidence) for one in answers])
    errors = [[_error(one, bins(one.confidence)) for one in answers] for bins in (_of_equal_width, _of_equal_count)]
    return Calibration(
        **{name: interval_of(mean_over_seeds([one[name] for one in found])) for name in found[0]},
        ece=float(np.mean(errors[0])),
        ece_equal_counts=float(np.mean(errors[1])),
        ece_by_chance=interval_of(np.array([by_chance.mean(), *by_chance])),
        bins=_bins(pooled(answers), people),
        abstention=tuple(speaking(answers, people, threshold) for threshold in THRESHOLDS),
    )


def errors_by_chance(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw the expected calibration error of answers that are right exactly as often as they say, 2000 times.

    Clips are drawn apart from each other. Those of one person tend to be right together, so errors by chance are rather
    larger than these.

    Parameters
    ----------
    confidence
        (n,) of each answer, in [0, 1].

    Returns
    -------
    (2000,) errors over ten bins of equal width.
    """
    rng = np.random.default_rng(child_seed(0, "by chance"))
    right = rng.random((RESAMPLES, len(confidence))) < confidence
    surplus = (right - confidence) @ np.eye(BINS)[_of_equal_width(confidence)]
    return np.asarray(np.abs(surplus).sum(1) / len(confidence))


def _judged(answers: Answers, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return what is known of one seed for each draw of people, from (D, n) how often each clip is drawn."""
    clips = weights.sum(1)
    area = risk_coverage_area(answers, weights)
    return {
        "confidence": weights @ answers.confidence / clips,
        "overconfidence": weights @ (answers.confidence - answers.right) / clips,
        "brier": weights @ answers.brier / clips,
        "aurc": area,
        "aurc_gain": weights @ (1 - answers.right) / clips - area,
    }


def _of_equal_width(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the (n,) bins of equal width, counted from 0; a bin holds its upper edge."""
    return np.searchsorted(_EDGES[1:-1], confidence)


def _of_equal_count(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the (n,) bins that hold equally many, but that the same confidence is always in one bin."""
    edges = np.quantile(confidence, _EDGES[1:-1], method="inverted_cdf")
    return np.searchsorted(edges, confidence)


def _error(answers: Answers, bins: NDArray[np.int64]) -> float:
    surplus = np.bincount(bins, answers.right - answers.confidence)
    return float(np.abs(surplus).sum() / len(bins))


def _bins(answers: Answers, people: NDArray[np.float64]) -> tuple[Bin, ...]:
    members = np.eye(BINS)[_of_equal_width(answers.confidence)]
    weights = people[:, answers.person]
    counts, confidence = members.sum(0), members.T @ answers.confidence
    accuracy = ratio(weights @ (members * answers.right[:, None]), weights @ members)
    return tuple(
        Bin(
            low=round(number / BINS, 2),
            high=round((number + 1) / BINS, 2),
            count=int(counts[number]),
            confidence=float(confidence[number] / counts[number]),
            accuracy=interval_of(accuracy[:, number]),
        )
        for number in np.flatnonzero(counts).tolist()
    )


def _plain(record: Calibration | Bin | Speaking) -> dict[str, Any]:
    """Return the values of a record, each number without its interval, and the intervals apart."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    intervals = {name: [one.low, one.high] for name, one in values.items() if isinstance(one, Interval)}
    bare = {name: one.value if isinstance(one, Interval) else one for name, one in values.items()}
    return {**bare, "intervals": intervals}
