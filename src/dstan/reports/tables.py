"""The numbers of a report, computed from the predictions of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan import metrics
from dstan.evaluation.standing import COMMON, Standing
from dstan.evaluation.statistics import Interval, interval_of

if TYPE_CHECKING:
    import pandas as pd

    from dstan.evaluation import Result

SCORES = {
    "uf1": "UF1",
    "accuracy": "Accuracy",
    "uar": "UAR",
    "f1_le_ngo": "F1 (Le Ngo)",
    "precision": "Precision",
}


@dataclass(frozen=True)
class ScoreRow:
    """One method's scores.

    Parameters
    ----------
    method
        Its name.
    scores
        Under the names of :mod:`dstan.metrics`.
    paper
        What the paper prints for it on this task.
    baseline
        Whether it is the majority baseline.
    fidelity, track, weights
        How its scores are to be taken, as in :class:`~dstan.evaluation.standing.Standing`.
    """

    method: str
    scores: Mapping[str, Interval]
    paper: Mapping[str, float] = field(default_factory=dict)
    baseline: bool = False
    fidelity: str = ""
    track: str = COMMON
    weights: str = ""

    @property
    def standing(self) -> Standing:
        """How its scores are to be taken."""
        return Standing(self.method, self.fidelity, self.track, self.weights)

    @property
    def name(self) -> str:
        """Its name as it is shown."""
        return self.standing.shown


@dataclass(frozen=True)
class SubjectRate:
    """How many predictions for one subject were right; with several seeds, over all of them."""

    subject: str
    right: int
    total: int


@dataclass(frozen=True)
class CorpusRow:
    """One corpus of several.

    Parameters
    ----------
    corpus
        Its name.
    clips, subjects
        How many were tested.
    rows
        The methods' scores on it, in the order of the whole, the baseline last.
    """

    corpus: str
    clips: int
    subjects: int
    rows: Sequence[ScoreRow]


def score_row(
    result: Result, standing: Standing, paper: Mapping[str, float] | None = None, *, baseline: bool = False
) -> ScoreRow:
    """Return one method's scores with their intervals.

    Parameters
    ----------
    result
        What the method scored.
    standing
        How that is to be taken.
    paper
        What the paper prints for it.
    baseline
        Whether it is the majority baseline.
    """
    scores = {name: Interval(value, *result.intervals[name]) for name, value in result.scores.items()}
    return ScoreRow(result.method, scores, paper or {}, baseline, **standing.to_dict())


def by_corpus(results: Sequence[Result], standings: Mapping[str, Standing]) -> list[CorpusRow]:
    """Return every method's scores on each corpus; nothing where predictions are of one corpus.

    Parameters
    ----------
    results
        The methods, the majority baseline last.
    standings
        How the scores of each are to be taken.
    """
    return [
        CorpusRow(
            corpus,
            clips=int((part.predictions["seed"] == part.predictions["seed"].min()).sum()),
            subjects=part.predictions["subject"].nunique(),
            rows=[
                score_row(one.per_corpus[corpus], standings[one.method], baseline=one is results[-1]) for one in results
            ],
        )
        for corpus, part in results[-1].per_corpus.items()
    ]


def majority_predictions(predictions: pd.DataFrame, classes: Sequence[str], counts: Mapping[str, int]) -> pd.DataFrame:
    """Return the same clips with, as prediction, the most frequent class of what each fold was fitted on.

    Parameters
    ----------
    predictions
        The rows of ``predictions.csv``.
    classes
        The classes; the first of equally frequent ones is taken.
    counts
        Clips of each class in the whole input; all but those of a fold's test part are what it was fitted on. Where
        there are no others, the commonest class of all is taken.
    """
    rows = predictions.copy()
    for _, test in rows.groupby(["seed", "fold"], sort=False):
        rows.loc[test.index, "y_pred"] = classes[int(np.argmax(_learned_from(test, classes, counts)))]
    return rows


def majority_shares(predictions: pd.DataFrame, classes: Sequence[str], counts: Mapping[str, int]) -> dict[str, float]:
    """Return for each fold the share of the most frequent class among the clips that it was fitted on.

    Parameters
    ----------
    predictions, classes, counts
        As for :func:`majority_predictions`.
    """
    first = predictions[predictions["seed"] == predictions["seed"].min()]
    others = {str(fold): _learned_from(test, classes, counts) for fold, test in first.groupby("fold", sort=False)}
    return {fold: max(found) / max(1, sum(found)) for fold, found in others.items()}


def _learned_from(test: pd.DataFrame, classes: Sequence[str], counts: Mapping[str, int]) -> list[int]:
    others = [counts[name] - int((test["y_true"] == name).sum()) for name in classes]
    return others if any(others) else [counts[name] for name in classes]


def subject_rates(predictions: pd.DataFrame) -> list[SubjectRate]:
    """Return how many predictions were right for each subject, in the order of the table."""
    several = predictions["corpus"].nunique() > 1
    rates = []
    for (corpus, subject), rows in predictions.groupby(["corpus", "subject"], sort=False):
        name = f"{corpus}/{subject}" if several else str(subject)
        rates.append(SubjectRate(name, int((rows["y_true"] == rows["y_pred"]).sum()), len(rows)))
    return rates


def recalls(pooled: NDArray[np.int64]) -> list[Interval]:
    """Return the share of the clips of each class that was recognised, over all seeds.

    Parameters
    ----------
    pooled
        What :func:`dstan.evaluation.statistics.resampled` gives; a draw without a class says nothing about it.
    """
    summed = pooled.sum(axis=1)
    recall = np.where(summed.sum(-1) > 0, metrics.per_class(summed)["recall"], np.nan)
    return [interval_of(column) for column in recall.T]
