"""What a comparison allows one to say, in words, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from dstan.evaluation.comparison import COMPARED, LEVEL, Comparison, Pair
from dstan.evaluation.standing import AS_IT_IS, COMMON, RANKING, WEIGHTS
from dstan.evaluation.statistics import Interval
from dstan.reports.text import few_people, people, signed

TITLES = {"uf1": "UF1", "accuracy": "accuracy"}
_FEWEST = 6  # people: 2 / 2 ** 5 is above .05


def words(comparison: Comparison) -> list[str]:
    """Return for each pair what may be said of it.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    return [" ".join(_sentences(pair, len(comparison.pairs))) for pair in comparison.pairs]


def _sentences(pair: Pair, pairs: int) -> Iterator[str]:
    if pair.unranked:
        have = "have" if len(pair.unranked) > 1 else "has"
        names = " and ".join(pair.unranked)
        yield f"No ranking of methods: {names} {have} published input and parameters (paper track)."
    decided = [score for score in COMPARED if pair.higher[score]]
    if not decided:
        yield from _undecided(pair, pairs)
        return
    best = pair.higher[decided[0]]
    worse = pair.other if best == pair.one else pair.one
    gains = " and ".join(f"a higher {TITLES[score]} ({_gain(pair, score, best)})" for score in decided)
    what = "the intervals over people lie" if len(decided) > 1 else "the interval over people lies"
    yield f"{best} has {gains} than {worse} on these clips: {what} above zero and {_wilcoxon(pair, pairs)} agrees."
    for score in COMPARED:
        if score not in decided:
            yield f"In {TITLES[score]} this comparison cannot decide ({_gain(pair, score, best)})."


def _undecided(pair: Pair, pairs: int) -> Iterator[str]:
    gains = "; ".join(f"{TITLES[score]} {_gain(pair, score, pair.one)}" for score in COMPARED)
    yield f"Between {pair.one} and {pair.other} this comparison cannot decide (the first less the second: {gains})."
    differ = pair.wilcoxon.higher + pair.wilcoxon.lower
    if not differ:
        yield "Each person's accuracy is the same with both, so Wilcoxon has nothing to test (p = 1)."
    elif differ < _FEWEST:
        yield f"Accuracy differs for {people(differ)}; with fewer than {_FEWEST} Wilcoxon cannot reach {LEVEL}."
    else:
        yield _why(pair, pairs)
    if pair.mcnemar_holm < LEVEL:
        tested = f"McNemar's test of clips ({_p(pair.mcnemar, pair.mcnemar_holm, pairs)})"
        yield f"{tested} by itself supports no claim about new people: clips of one person resemble each other."


def _why(pair: Pair, pairs: int) -> str:
    apart = [TITLES[score] for score in COMPARED if _clear(pair.differences[score])]
    tested = _wilcoxon(pair, pairs)
    if pair.wilcoxon_holm < LEVEL and apart:
        return f"{tested} and the difference in {' and '.join(apart)} point to different sides."
    if pair.wilcoxon_holm < LEVEL:
        return f"{tested} leans to one side, but zero lies in both intervals, and one of the two is not enough."
    if apart:
        return f"The difference in {' and '.join(apart)} is clear of zero, but {tested} does not reach {LEVEL}."
    return f"Zero lies in both intervals, and {tested} does not reach {LEVEL}."


def _clear(gain: Interval) -> bool:
    return gain.low > 0 or gain.high < 0


def _gain(pair: Pair, score: str, of: str | None) -> str:
    gain = pair.differences[score]
    value, low, high = gain.value, gain.low, gain.high
    if of == pair.other:
        value, low, high = -value, -high, -low
    return f"{signed(value)}, 95 % interval {signed(low)} to {signed(high)}"


def _wilcoxon(pair: Pair, pairs: int) -> str:
    found = pair.wilcoxon
    tested = people(found.higher + found.same + found.lower)
    return f"Wilcoxon over {tested} ({_p(found.p, pair.wilcoxon_holm, pairs)})"


def _p(p: float, adjusted: float, pairs: int) -> str:
    value = adjusted if pairs > 1 else p
    return f"{'Holm ' if pairs > 1 else ''}p {probability(value) if value < 0.001 else f'= {probability(value)}'}"


def probability(p: float) -> str:
    """Write a p value with as many digits as matter, more of them where 0.05 is near.

    Parameters
    ----------
    p
        In [0, 1].
    """
    if p < 0.001:
        return "< 0.001"
    digits = 2 if p >= 0.1 else 3
    return f"{p:.{digits if round(p, digits) != LEVEL else 5}f}"


def limits(comparison: Comparison) -> list[str]:
    """Return what no comparison of this kind, and not this one, can show.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    found = [
        "A claim needs both: an interval over people beside zero, and Wilcoxon's test over people on the same side. "
        "McNemar's test takes clips for independent, but clips of one person resemble each other."
    ]
    published = [one.name for one in comparison.methods if one.track != COMMON]
    if published:
        found.append(f"{RANKING} Here that is {', '.join(published)}.")
    if any(one.weights for one in comparison.methods):
        found.append(WEIGHTS)
    if len(comparison.pairs) > 1:
        found.append(f"p values marked Holm are corrected for {len(comparison.pairs)} pairs; intervals are not.")
    once = [method.name for method in comparison.methods if method.seeds == 1 and method.weights != AS_IT_IS]
    if once:
        found.append(f"One seed only: {', '.join(once)}. The luck of training is not covered (--seeds 3 shows it).")
    as_they_are = [method.name for method in comparison.methods if method.weights == AS_IT_IS]
    if as_they_are:
        found.append(
            f"One model only: {', '.join(as_they_are)}. Models made with other seeds show the luck of training."
        )
    if any(method.seeds > 1 for method in comparison.methods):
        found.append(
            "With several seeds McNemar takes a clip for right where more than half of them are, for wrong where fewer "
            "are, and leaves it out at exactly half."
        )
    if comparison.people < _FEWEST:
        found.append(
            f"There are {people(comparison.people)}: with fewer than {_FEWEST} Wilcoxon cannot reach {LEVEL}, so "
            "nothing can be claimed."
        )
        return found
    return [*found, *few_people(comparison.people)]
