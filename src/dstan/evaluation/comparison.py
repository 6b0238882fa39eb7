"""Whether one method is better than another, on the same clips of the same people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan.errors import ConfigError
from dstan.evaluation.contenders import CLIP, PERSON, Contender, join, read_contenders
from dstan.evaluation.statistics import (
    Interval,
    SignedRanks,
    difference,
    drawn_score,
    holm,
    interval_of,
    mcnemar,
    resampled,
    wilcoxon,
)

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
"""A p value below this counts against chance."""

COMPARED = ("uf1", "accuracy")
"""The scores whose differences are taken."""


@dataclass(frozen=True)
class Method:
    """One method that was compared.

    Parameters
    ----------
    name
        What it is called here: its name, after that of its run where there are several runs.
    run
        The folder of its run.
    method
        Its name in that run.
    seeds
        How many times it was trained.
    scores
        Its scores on the clips in common, with intervals over people.
    fidelity
        How near it is to its publication; "" where the run does not say.
    track
        "common", or "paper": then it has published input and parameters, and is not ranked.
    weights
        Where its publication starts from pretrained weights, those of this run: "from scratch" or "weights FILE".
    """

    name: str
    run: Path
    method: str
    seeds: int
    scores: Mapping[str, Interval]
    fidelity: str
    track: str
    weights: str


@dataclass(frozen=True)
class Pair:
    """One method against another.

    Parameters
    ----------
    one, other
        Their names.
    differences
        For each score that of ``one`` less that of ``other``, with its interval over people.
    wilcoxon
        Wilcoxon's test on the differences of each person's accuracy.
    wilcoxon_holm
        Its p value after Holm's correction for all pairs.
    only_one, only_other
        Clips that one has right and the other wrong; with several seeds a clip is right where more than half of them
        are, wrong where fewer are, and counts on neither side at exactly half.
    mcnemar, mcnemar_holm
        McNemar's exact p value on these clips, and after Holm's correction for all pairs.
    higher
        For each score the method that may be said to have the higher one: the interval lies on its side of zero, and
        Wilcoxon's corrected test leans to the same side. None where this comparison cannot decide.
    unranked
        Those of the two that are not of the common track: with any of them, a difference ranks no methods.
    """

    one: str
    other: str
    differences: Mapping[str, Interval]
    wilcoxon: SignedRanks
    wilcoxon_holm: float
    only_one: int
    only_other: int
    mcnemar: float
    mcnemar_holm: float
    higher: Mapping[str, str | None]
    unranked: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Methods compared on the clips that all of them predicted.

    Parameters
    ----------
    synthetic
        Whether all faces are drawn.
    classes
        The classes in order.
    clips, people
        How many are in common.
    methods
        What was compared.
    pairs
        Each method against every later one.
    warnings
        What makes the sides less alike than they should be, in words.
    """

    synthetic: bool
    classes: tuple[str, ...]
    clips: int
    people: int
    methods: tuple[Method, ...]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Side:
    name: str
    is_ranked: bool
    pooled: NDArray[np.int64]  # (1 + draws, N, K, K)
    right: pd.Series[float]  # of each clip, the share of seeds that have it right
    people: pd.Series[float]  # of each person, the share of clips and seeds that are right


def compare(*runs: str | Path) -> Comparison:
    """Compare methods on the same clips: paired differences, Wilcoxon's and McNemar's tests, Holm's correction.

    Clips are joined by corpus, subject and clip id; only those that all methods predicted count.

    Parameters
    ----------
    *runs
        ``RUN`` for all methods that a run was asked for, ``RUN/METHOD`` for one, also for a component. A method that
        is named twice counts once.

    Returns
    -------
    Scores, differences, p values, and what may be said.

    Raises
    ------
    RunError
        If a folder is no run or is damaged, classes or a clip's truth differ, or no clip is in common.
    UnknownNameError
        If a run has no such method.
    ConfigError
        If fewer than two methods are named.
    """
    named, unfinished = read_contenders(runs)
    if len(named) < 2:
        raise ConfigError(
            f"two methods or more can be compared, and here is {named[0].name if named else 'none'}",
            hint="Name another run, or methods of one: dstan compare RUN/dstan RUN/stan-a",
        )
    contenders, warnings = join(named)
    classes = contenders[0].classes
    sides = [_side(one, classes) for one in contenders]
    return Comparison(
        synthetic=all(one.info.get("synthetic") for one in contenders),
        classes=classes,
        clips=len(sides[0].right),
        people=len(sides[0].people),
        methods=tuple(_method(one, side) for one, side in zip(contenders, sides, strict=True)),
        pairs=_pairs(sides),
        warnings=(*unfinished, *warnings),
    )


def _side(contender: Contender, classes: Sequence[str]) -> _Side:
    table = contender.predictions
    hits = table.assign(right=table["y_true"] == table["y_pred"])
    return _Side(
        contender.name,
        contender.standing.is_ranked,
        resampled(table, classes),
        right=hits.groupby(CLIP)["right"].mean(),
        people=hits.groupby(PERSON)["right"].mean(),
    )


def _method(contender: Contender, side: _Side) -> Method:
    scores = {name: interval_of(drawn_score(name, side.pooled)) for name in COMPARED}
    about = contender.standing.to_dict()
    return Method(contender.name, contender.run, contender.method, contender.seeds, scores, **about)


def _pairs(sides: Sequence[_Side]) -> tuple[Pair, ...]:
    found = [_pair(one, other) for one, other in combinations(sides, 2)]
    by_people = holm([pair["wilcoxon"].p for pair in found])
    by_clips = holm([pair["mcnemar"] for pair in found])
    return tuple(
        Pair(**pair, wilcoxon_holm=people, mcnemar_holm=clips, higher=_higher(pair, people))
        for pair, people, clips in zip(found, by_people, by_clips, strict=True)
    )


def _pair(one: _Side, other: _Side) -> dict[str, Any]:
    alone = [int(((ours.right > 0.5) & (theirs.right < 0.5)).sum()) for ours, theirs in ((one, other), (other, one))]
    return {
        "one": one.name,
        "other": other.name,
        "differences": {score: difference(score, one.pooled, other.pooled) for score in COMPARED},
        "wilcoxon": wilcoxon((one.people - other.people).to_numpy()),
        "only_one": alone[0],
        "only_other": alone[1],
        "mcnemar": mcnemar(*alone),
        "unranked": tuple(side.name for side in (one, other) if not side.is_ranked),
    }


def _higher(pair: Mapping[str, Any], p: float) -> dict[str, str | None]:
    return {score: _who(pair, gain, p) for score, gain in pair["differences"].items()}


def _who(pair: Mapping[str, Any], gain: Interval, p: float) -> str | None:
    lean = pair["wilcoxon"].lean if p < LEVEL else 0
    if gain.low > 0 and lean > 0:
        return str(pair["one"])
    if gain.high < 0 and lean < 0:
        return str(pair["other"])
    return None
