"""What an ablation found, in words that say no more than was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dstan.evaluation.statistics import Interval
from dstan.reports.text import signed
from dstan.reproduce.ablation_results import FEWEST_PEOPLE, UNDECIDED, Comparison, Findings
from dstan.reproduce.ablations import Variant


def sentences(findings: Findings, missing: Sequence[Variant] = ()) -> list[str]:
    """Say what was decided, what was not, and how large an effect could have been missed.

    Parameters
    ----------
    findings
        All comparisons.
    missing
        The variants that are not measured yet.
    """
    every = findings.comparisons
    said = [f"Not measured yet: {', '.join(variant.name for variant in missing)}."] if missing else []
    if not every:
        return [*said, "Only the base is finished: there is nothing to compare."]
    decided = [one for one in every if one.verdict != UNDECIDED]
    said.append(
        f"{len(every)} comparisons were made, and {len(decided) or 'none'} of them decided."
        if len(every) > 1
        else f"One comparison was made, and it is {'decided' if decided else 'not decided'}."
    )
    return [*said, *(_effect(one) for one in decided), *_left_open(every), *_doubts(findings)]


def _doubts(findings: Findings) -> list[str]:
    """Return why the comparisons may mean little."""
    doubts = []
    if findings.subjects < FEWEST_PEOPLE:
        doubts.append(
            f"With fewer than {FEWEST_PEOPLE} people nothing is called decided; here there are {findings.subjects}."
        )
    unlearned = [name for name, one in findings.base.items() if one.uf1.low <= findings.guess]
    if unlearned:
        names = ", ".join(unlearned)
        doubts.append(
            f"Always naming the largest class has a UF1 of {findings.guess:.3f}. The base of {names} is not shown to "
            "be above that: what changes a method that has learned little says little about one that has."
        )
    return doubts


def _effect(one: Comparison) -> str:
    return (
        f"{one.variant.choice.setting} = {words(one.variant.after)} {one.verdict} {one.scores.method}: "
        f"{ends(one.together)} in UF1."
    )


def _left_open(every: Iterable[Comparison]) -> list[str]:
    open_ones = [one for one in every if one.verdict == UNDECIDED]
    if not open_ones:
        return []
    names = ", ".join(dict.fromkeys(one.variant.name for one in open_ones))
    most = max(max(abs(one.together.low), abs(one.together.high)) for one in open_ones)
    return [
        f"Not decided ({len(open_ones)}): {names}. Not decided does not mean without effect: "
        f"these intervals allow differences of up to {most:.3f} in UF1."
    ]


def ends(interval: Interval) -> str:
    """Write a difference and its interval, with signs."""
    return f"{signed(interval.value)} [{signed(interval.low)}, {signed(interval.high)}]"


def words(value: Any) -> str:
    """Write a setting's value as TOML does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(words, value))}]"
    return str(value)
