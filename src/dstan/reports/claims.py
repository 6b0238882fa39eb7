"""What a run allows one to say, in words for a person in a hurry, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dstan.evaluation.statistics import Interval, difference
from dstan.recognizers.origins import DRAWN
from dstan.reports.tables import ScoreRow
from dstan.reports.text import FEW_PEOPLE, signed

_STREAMS = ("stan-a", "stmn-a")

_FEW_CLIPS = 10


@dataclass(frozen=True)
class Facts:
    """What the claims are drawn from.

    Parameters
    ----------
    rows
        The methods that may be ranked, the best UF1 first, without the baseline.
    baseline
        The majority baseline.
    guess
        What the baseline answers, in words.
    over_baseline
        Accuracy of the best method less the baseline's, paired by subject.
    over_second
        UF1 of the best method less the second's, paired by subject; None where there is one method.
    class_counts
        Clips of each class.
    subjects, clips, unusable, seeds
        How many of each; unusable are the clips of the task that had to be left out.
    synthetic
        Whether the faces are drawn.
    paper_clips
        Clips that the paper counts for this task; None where it is none of the paper's.
    departures
        Where the settings leave the paper's, in words.
    published
        The methods that may not be ranked: with the input and the parameters published for each.
    zero_shot
        Whether models were applied as they are.
    learned_before
        Of each method whose weights were learned before the run, as it is shown: the corpora behind them.
    """

    rows: Sequence[ScoreRow]
    baseline: ScoreRow
    guess: str
    over_baseline: Interval | None
    over_second: Interval | None
    class_counts: Mapping[str, int]
    subjects: int
    clips: int
    unusable: int
    seeds: int
    synthetic: bool
    paper_clips: int | None
    departures: Sequence[str]
    published: Sequence[ScoreRow] = ()
    zero_shot: bool = False
    learned_before: Mapping[str, Sequence[str]] = field(default_factory=dict)


def verdict(facts: Facts) -> list[str]:
    """Return the sentences that stand at the top of the report."""
    base = facts.baseline.scores["accuracy"].value
    guess = f"{facts.guess}, which is right for {base:.1%}"
    if facts.over_baseline is None and facts.published:
        return [f"{_unranked(facts)} Beside them the majority baseline: {guess} of {facts.clips} clips."]
    if facts.over_baseline is None:
        return [f"Only the majority baseline was run: {guess} of {facts.clips} clips."]
    best, gain = facts.rows[0], facts.over_baseline
    uf1, accuracy = best.scores["uf1"], best.scores["accuracy"]
    faces = "drawn people" if facts.synthetic else "people"
    return [
        f"{_first_place(facts)} named the right class for {accuracy.value:.1%} of {facts.clips} clips of {faces} "
        f"it had never seen (95% interval {accuracy.low:.1%} to {accuracy.high:.1%}); UF1 {uf1.value:.3f} "
        f"({uf1.low:.2f} to {uf1.high:.2f}).",
        f"That is {_more_or_less(gain)} {guess} "
        f"(95% interval of the difference {signed(gain.low * 100, 1)} to {signed(gain.high * 100, 1)}). "
        f"{_beyond_guessing(gain)}",
        *_runner_up(facts),
        *_most_accurate(facts),
        *([_unranked(facts)] if facts.published else []),
    ]


def _unranked(facts: Facts) -> str:
    names = ", ".join(row.name for row in facts.published)
    return f"Not ranked, for their input and parameters are those published for each: {names}."


def _first_place(facts: Facts) -> str:
    best = facts.rows[0].name
    if facts.over_second is None:
        return best
    if facts.over_second.value == 0:
        return f"{best} and {facts.rows[1].name} share the first place of {len(facts.rows)} by UF1. {best}"
    return f"{best} is the best of {len(facts.rows)} methods by UF1. It"


def _more_or_less(gain: Interval) -> str:
    if gain.value == 0:
        return "as many as by"
    return f"{abs(gain.value) * 100:.1f} points {'more' if gain.value > 0 else 'less'} than"


def _ends(difference: Interval) -> str:
    low, high = signed(difference.low), signed(difference.high)
    return f"{signed(difference.value)} in UF1, 95% interval {low} to {high}"


def _beyond_guessing(difference: Interval) -> str:
    if difference.low > 0:
        return "The interval lies above zero: what was learned carries over to new people."
    if difference.high < 0:
        return "The interval lies below zero: in accuracy the method is worse than looking at nothing."
    return "The interval includes zero: this run does not show that the method is right more often than that."


def _runner_up(facts: Facts) -> list[str]:
    if facts.over_second is None or facts.over_second.value == 0:
        return []
    second = facts.rows[1].name
    if facts.over_second.low > 0:
        return [f"It is ahead of {second}, the next best ({_ends(facts.over_second)})."]
    return [f"Between it and {second}, the next best, this run cannot decide ({_ends(facts.over_second)})."]


def _most_accurate(facts: Facts) -> list[str]:
    top = max(facts.rows, key=lambda row: row.scores["accuracy"].value)
    if top.scores["accuracy"].value <= facts.rows[0].scores["accuracy"].value:
        return []
    return [f"By accuracy alone {top.name} comes first ({top.scores['accuracy'].value:.1%})."]


def may_claim(facts: Facts) -> list[str]:
    """Return statements that the run supports."""
    said = ["Nobody was judged by a model fitted on clips of the same person."]
    if facts.zero_shot:
        said += [
            f"No clip here was learned from: {name} learned from {_behind(corpora)} alone."
            for name, corpora in facts.learned_before.items()
        ]
    if facts.over_baseline is None:
        return said
    name = facts.rows[0].name
    whose = "on these drawn faces" if facts.synthetic else "under this protocol, on these clips"
    if facts.over_baseline.low > 0:
        said.append(f"{name} beats the majority baseline in accuracy {whose}.")
    if facts.over_second is not None and facts.over_second.low > 0:
        said.append(f"{name} has a higher UF1 than {facts.rows[1].name} {whose}.")
    return said


def _behind(corpora: Sequence[str]) -> str:
    return " and ".join("drawn motion" if corpus == DRAWN else corpus for corpus in corpora)


def may_not_claim(facts: Facts) -> list[str]:
    """Return statements that a reader may be tempted to make and that the run does not support."""
    limits = []
    if facts.synthetic:
        limits.append(
            "Anything about real faces. The faces are drawn by a computer; the figures show that the pipeline works "
            "and how methods compare on this drawing, no more."
        )
        taught = [name for name, corpora in facts.learned_before.items() if DRAWN in corpora]
        if taught:
            limits.append(
                f"That drawn motion teaches how people move: these faces move by the same fields of action units that "
                f"{' and '.join(taught)} learned from. It is on real clips that this shows."
            )
    if facts.over_baseline is not None and facts.over_baseline.low <= 0:
        limits.append(f"That {facts.rows[0].name} is more often right than the majority baseline.")
    if facts.over_second is not None and facts.over_second.low <= 0:
        limits.append(f"That {facts.rows[0].name} is better than {facts.rows[1].name}.")
    if facts.published:
        limits.append(
            "That a method with published settings is better or worse than another: they differ in input and "
            "parameters."
        )
    if facts.paper_clips is not None:
        limits.append(_against_the_paper(facts))
    return limits + _weaknesses(facts)


def _against_the_paper(facts: Facts) -> str:
    reasons = ["its clips are recordings of real people"] if facts.synthetic else []
    if facts.clips != facts.paper_clips:
        reasons.append(f"it counts {facts.paper_clips} clips, here there are {facts.clips}")
    reasons += [*facts.departures, "it does not say how the number of epochs was chosen"]
    return f"That the paper's figures are, or are not, reproduced: {'; '.join(reasons)}."


def _weaknesses(facts: Facts) -> list[str]:
    limits = []
    if facts.zero_shot:
        limits.append(
            "That another model, made in the same way, would give the same figures: the intervals cover the choice of "
            "people, not the luck of training (models made with other seeds show it)."
        )
    elif facts.seeds == 1 and facts.rows:
        limits.append(
            "That training again would give the same figures: one seed was run, and the intervals cover the choice of "
            "people, not the luck of training (--seeds 3 shows it)."
        )
    if facts.subjects < FEW_PEOPLE:
        limits.append(
            f"That the intervals are exact: from {facts.subjects} people they are rough, and rather too narrow."
        )
    rare = [f"{name} ({count})" for name, count in facts.class_counts.items() if count < _FEW_CLIPS]
    if rare:
        limits.append(f"Much about classes with fewer than {_FEW_CLIPS} clips: {', '.join(rare)}.")
    if facts.unusable:
        limits.append(
            f"That these are all the clips: {facts.unusable} could not be used (“What was left out” names them), and "
            "they may be harder than the rest."
        )
    return limits


def fusion_words(draws: Mapping[str, NDArray[np.int64]]) -> str | None:
    """Say whether joining the streams earns its keep, where dstan and both of its streams were run.

    Parameters
    ----------
    draws
        What :func:`dstan.evaluation.statistics.resampled` gives for each method.
    """
    if not {"dstan", *_STREAMS} <= set(draws):
        return None
    gains = {stream: difference("uf1", draws["dstan"], draws[stream]) for stream in _STREAMS}
    stream, gain = min(gains.items(), key=lambda item: item[1].value)
    if gain.low > 0:
        found = "Joining the two streams earns its keep"
    elif gain.high < 0:
        found = "Joining the two streams does harm here"
    else:
        found = "Whether joining the two streams earns its keep, this run does not show"
    return f"{found}: dstan against the better stream, {stream}, is {_ends(gain)}."
