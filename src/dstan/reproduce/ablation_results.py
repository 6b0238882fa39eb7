"""What an ablation found: every variant against the base on the same people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan.evaluation import Result
from dstan.evaluation.statistics import Interval, deviation, drawn_difference, drawn_score, interval_of, resampled
from dstan.reproduce.ablations import ALL, BASE, Ablation, Variant

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
FEWEST_PEOPLE = 10
"""With fewer, intervals from resampling are so much too narrow that nothing is called decided."""
HELPS, HARMS, UNDECIDED = "helps", "harms", "not decided"


@dataclass(frozen=True)
class Scores:
    """One method's scores in one run.

    Parameters
    ----------
    method
        Its name.
    uf1, accuracy
        The mean over seeds, with its 95 % interval over people.
    uf1_deviation, accuracy_deviation
        The sample deviation over seeds; None for one seed.
    """

    method: str
    uf1: Interval
    uf1_deviation: float | None
    accuracy: Interval
    accuracy_deviation: float | None


@dataclass(frozen=True)
class Comparison:
    """One method in one variant against the same method in the base.

    Parameters
    ----------
    variant
        What was changed.
    scores
        The variant's.
    difference
        UF1 of the variant less that of the base, with its 95 % interval over people as if it were the only one.
    together
        The same with the interval that holds for all comparisons at once.
    same_sign
        In how many seeds the difference has the sign of the mean.
    seeds, subjects
        How many seeds and people there are.
    """

    variant: Variant
    scores: Scores
    difference: Interval
    together: Interval
    same_sign: int
    seeds: int
    subjects: int

    @property
    def verdict(self) -> str:
        """``helps`` or ``harms`` where the joint interval leaves out zero, seeds agree and people are not too few."""
        if self.same_sign < self.seeds or self.subjects < FEWEST_PEOPLE:
            return UNDECIDED
        return HELPS if self.together.low > 0 else HARMS if self.together.high < 0 else UNDECIDED

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, one name a column of the CSV."""
        choice, uf1, accuracy = self.variant.choice, self.scores.uf1, self.scores.accuracy
        return {
            "choice": choice.name,
            "question": choice.question,
            "run": self.variant.name,
            "setting": choice.setting,
            "before": self.variant.before,
            "after": self.variant.after,
            "method": self.scores.method,
            "uf1": uf1.value,
            "uf1_deviation": self.scores.uf1_deviation,
            "uf1_low": uf1.low,
            "uf1_high": uf1.high,
            "accuracy": accuracy.value,
            "accuracy_deviation": self.scores.accuracy_deviation,
            "accuracy_low": accuracy.low,
            "accuracy_high": accuracy.high,
            "difference": self.difference.value,
            "difference_low": self.difference.low,
            "difference_high": self.difference.high,
            "joint_low": self.together.low,
            "joint_high": self.together.high,
            "seeds_of_same_sign": self.same_sign,
            "seeds": self.seeds,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Findings:
    """All comparisons, in the order of the page, and the base's own scores.

    Parameters
    ----------
    base
        By method.
    comparisons
        Every variant on every method that it concerns.
    guess
        UF1 of naming the largest class always.
    clips, subjects
        On how many all runs are scored.
    dropped
        Clips that some run could not use, so that none is scored on them.
    """

    base: Mapping[str, Scores]
    comparisons: tuple[Comparison, ...]
    guess: float
    clips: int
    subjects: int
    dropped: int


def find(ablation: Ablation) -> Findings:
    """Score every run on the clips that all of them have, and compare it with the base.

    Parameters
    ----------
    ablation
        What is finished.
    """
    runs = {BASE: ablation.base, **{variant.name: results for variant, results in ablation.found}}
    clips = [_clips(result.predictions) for results in runs.values() for result in results.values()]
    common = set.intersection(*clips)
    subjects = len({key[:2] for key in common})
    drawn = {
        run: {method: _Drawn.of(method, result, common) for method, result in results.items()}
        for run, results in runs.items()
    }
    return Findings(
        {method: one.scores for method, one in drawn[BASE].items()},
        _compare(ablation.variants, drawn, subjects),
        guess=_guess(next(iter(drawn[BASE].values())).pooled[0].sum(0)),
        clips=len(common),
        subjects=subjects,
        dropped=len(set.union(*clips) - common),
    )


def _guess(confusion: NDArray[np.int64]) -> float:
    share = float(confusion.sum(axis=1).max() / confusion.sum())
    return 2 * share / (1 + share) / len(confusion)


def _compare(
    order: Sequence[Variant], drawn: Mapping[str, Mapping[str, _Drawn]], subjects: int
) -> tuple[Comparison, ...]:
    pairs = [
        (variant, method)
        for variant in order
        if variant.name in drawn
        for method in ALL
        if method in drawn[variant.name]
    ]
    ours = [drawn[variant.name][method] for variant, method in pairs]
    theirs = [drawn[BASE][method] for _, method in pairs]
    draws = [drawn_difference("uf1", one.pooled, other.pooled) for one, other in zip(ours, theirs, strict=True)]
    return tuple(
        Comparison(
            variant,
            one.scores,
            interval_of(values),
            joint,
            same_sign=_agreeing(one.per_seed - other.per_seed, values[0]),
            seeds=len(one.per_seed),
            subjects=subjects,
        )
        for (variant, _), one, other, values, joint in zip(
            pairs, ours, theirs, draws, joint_intervals(draws), strict=True
        )
    )


def _agreeing(gains: NDArray[np.float64], gain: float) -> int:
    """Count the seeds whose difference has the sign of the mean; none where that is zero."""
    return int((np.round(gains, 10) * gain > 0).sum())


def joint_intervals(draws: Sequence[NDArray[np.float64]], level: float = LEVEL) -> list[Interval]:
    """Compute intervals that hold for all of several numbers at once, so that looking at many proves nothing by chance.

    Each number's distance from its draws is measured in its own deviation; the widest of them in each draw, over all
    numbers, is what chance alone brings, and its ``level`` quantile is how many deviations every interval extends
    (single-step max-t of [1]_). Numbers that move together widen the intervals less than Bonferroni's rule does.

    Parameters
    ----------
    draws
        For each number an array (1 + R,): its value, and its values on R draws, the same ones for all.
    level
        In which share of cases all intervals hold together.

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young, "Resampling-based multiple testing", Wiley, 1993.
    """
    if not draws:
        return []
    values = np.stack(list(draws))
    centre, apart = values[:, :1], np.abs(values[:, 1:] - values[:, :1])
    scale = values[:, 1:].std(axis=1, keepdims=True)
    widest = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0).max(axis=0)
    reach = float(np.quantile(widest, level)) * scale
    return [
        Interval(float(value), float(value - far), float(value + far))
        for value, far in zip(centre[:, 0], reach[:, 0], strict=True)
    ]


@dataclass(frozen=True)
class _Drawn:
    """One method of one run: its scores, UF1 of each seed, and what ``resampled`` gives for it."""

    scores: Scores
    per_seed: NDArray[np.float64]
    pooled: NDArray[np.int64]

    @classmethod
    def of(cls, method: str, result: Result, clips: set[tuple[str, ...]]) -> _Drawn:
        rows = result.predictions
        kept = replace(result, predictions=rows[[key in clips for key in _keys(rows)]])
        pooled = resampled(kept.predictions, kept.classes)
        uf1, accuracy = drawn_score("uf1", pooled), drawn_score("accuracy", pooled)
        seeds = {name: np.array([one[name] for one in kept.per_seed]) for name in ("uf1", "accuracy")}
        deviations = {name: deviation(each) for name, each in seeds.items()}
        return cls(
            Scores(method, interval_of(uf1), deviations["uf1"], interval_of(accuracy), deviations["accuracy"]),
            seeds["uf1"],
            pooled,
        )


def _keys(predictions: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(zip(predictions["corpus"], predictions["subject"], predictions["clip_id"], strict=True))


def _clips(predictions: pd.DataFrame) -> set[tuple[str, ...]]:
    return set(_keys(predictions))
