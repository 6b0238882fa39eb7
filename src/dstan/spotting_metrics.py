"""Scores of spotting, and of spotting and then recognising, as the grand challenges on micro-expressions (MEGC) count.

A spotted interval finds a true one if the frames of both are at least half of the frames of either [1]_. Counts are
pooled over all videos before anything is divided. Who then names what was found is scored on the intervals that found
something, and the spot-then-recognise score is the product of the two F1 scores [2]_.

References
----------
.. [1] J. Li et al., "MEGC2022: ACM Multimedia 2022 micro-expression grand challenge", ACM MM 2022.
.. [2] G.-B. Liong, J. See and C. S. Chan, "Spot-then-recognize: A micro-expression analysis network for seamless
   evaluation of long videos", Signal Processing: Image Communication 110, 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.errors import ShapeError

LEAST_IOU = 0.5
"""The overlap from which on an interval counts as found."""

Frames = tuple[int, int]
"""Onset and offset of an interval in frames, both included."""


def interval_iou(true: Sequence[Frames], spotted: Sequence[Frames]) -> NDArray[np.float64]:
    """Compute how far intervals overlap: frames in both over frames in either.

    Parameters
    ----------
    true, spotted
        Intervals of one video.

    Returns
    -------
    (true, spotted) ratios in [0, 1].

    Raises
    ------
    ShapeError
        If an interval ends before it begins.
    """
    one, other = (np.array(intervals, np.float64).reshape(-1, 2) for intervals in (true, spotted))
    for intervals in (one, other):
        if np.any(intervals[:, 1] < intervals[:, 0]):
            raise ShapeError("an interval ends before it begins", hint="Give onset and offset, both included")
    begin = np.maximum(one[:, None, 0], other[None, :, 0])
    end = np.minimum(one[:, None, 1], other[None, :, 1])
    both = np.clip(end - begin + 1, 0, None)
    lengths = (np.diff(one) + 1) + (np.diff(other) + 1).T
    return np.asarray(both / (lengths - both))


def match(
    true: Sequence[Frames], spotted: Sequence[Frames], least: float = LEAST_IOU
) -> tuple[tuple[int, int, float], ...]:
    """Match true and spotted intervals of one video, each with one other at most.

    Of all ways to match that leave the fewest unmatched, the one with the largest overlap in all is taken, so the
    answer does not depend on the order of the intervals. Where no two intervals of a side overlap each other, and
    ``least`` is .5, there is only one way up to ties.

    Parameters
    ----------
    true, spotted
        Intervals of one video.
    least
        The smallest overlap of a match.

    Returns
    -------
    Index of the true interval, index of the spotted one and their overlap, in the order of the true ones.
    """
    from scipy.optimize import linear_sum_assignment

    iou = interval_iou(true, spotted)
    possible = iou >= least
    worth = np.where(possible, 1 + iou / (1 + min(iou.shape)), 0)  # one more match is worth more than all overlap
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return tuple(
        (int(row), int(column), float(iou[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if possible[row, column]
    )


@dataclass(frozen=True)
class SpottingCounts:
    """Intervals that were found, spotted where nothing is, and missed; add those of several videos up.

    Parameters
    ----------
    found
        True positives.
    false
        False positives.
    missed
        False negatives.
    """

    found: int = 0
    false: int = 0
    missed: int = 0

    def __add__(self, other: SpottingCounts) -> SpottingCounts:
        return SpottingCounts(self.found + other.found, self.false + other.false, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """Found over spotted; 0 where nothing was spotted."""
        return _ratio(self.found, self.found + self.false)

    @property
    def recall(self) -> float:
        """Found over true; 0 where nothing is true."""
        return _ratio(self.found, self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where nothing was found."""
        return _ratio(2 * self.found, 2 * self.found + self.false + self.missed)


def count(true: Sequence[Frames], spotted: Sequence[Frames], least: float = LEAST_IOU) -> SpottingCounts:
    """Count what was found, what is false and what was missed in one video.

    Parameters
    ----------
    true, spotted
        Its intervals.
    least
        The smallest overlap that counts.
    """
    found = len(match(true, spotted, least))
    return SpottingCounts(found, len(spotted) - found, len(true) - found)


@dataclass(frozen=True)
class AnalysisScores:
    """How well the intervals that found something were named.

    Parameters
    ----------
    precision, recall
        Means over the classes.
    f1
        Harmonic mean of those two, which is what enters the spot-then-recognise score [2]_ (see the module).
    uf1
        Mean of the classes' own F1.
    """

    precision: float
    recall: float
    f1: float
    uf1: float


def analysis_scores(y_true: Sequence[str], y_pred: Sequence[str], classes: Sequence[str]) -> AnalysisScores:
    """Score the names of what was found.

    Parameters
    ----------
    y_true, y_pred
        The classes of the intervals that found something, as they are and as they were named.
    classes
        All classes that occur in the truth of the videos, found or not: each counts as much as any other.

    Raises
    ------
    ShapeError
        If the lengths differ or there is no class.
    """
    if len(y_true) != len(y_pred):
        raise ShapeError(f"{len(y_true)} truths but {len(y_pred)} predictions")
    if not classes:
        raise ShapeError("there are no classes", hint="Give all classes of the truth")
    true, named = np.array(y_true, str), np.array(y_pred, str)
    right = [int(np.sum((true == name) & (named == name))) for name in classes]
    of_true, of_named = ([int(np.sum(side == name)) for name in classes] for side in (true, named))
    precision = float(np.mean([_ratio(hits, all_) for hits, all_ in zip(right, of_named, strict=True)]))
    recall = float(np.mean([_ratio(hits, all_) for hits, all_ in zip(right, of_true, strict=True)]))
    f1 = [_ratio(2 * hits, one + other) for hits, one, other in zip(right, of_true, of_named, strict=True)]
    return AnalysisScores(precision, recall, _ratio(2 * precision * recall, precision + recall), float(np.mean(f1)))


def strs(spotting: SpottingCounts, analysis: AnalysisScores) -> float:
    """Return the spot-then-recognise score: F1 of spotting times F1 of analysis.

    Parameters
    ----------
    spotting
        Counts of all videos together.
    analysis
        Scores of what was found in them.
    """
    return spotting.f1 * analysis.f1


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
