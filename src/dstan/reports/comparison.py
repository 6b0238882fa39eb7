"""What a comparison allows one to say, its tables and its picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dstan import _atomic
from dstan.evaluation.comparison import COMPARED, LEVEL, Comparison, Pair
from dstan.evaluation.statistics import Interval
from dstan.reports.drawing import SERIES, Drawing, colour, finish, label, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
SYNTHETIC = "SYNTHETIC: the faces are drawn by a computer; nothing here says anything about real faces."
TITLES = {"uf1": "UF1", "accuracy": "accuracy"}
_MINUS = "\N{MINUS SIGN}"
_FEWEST = 6  # people: 2 / 2 ** 5 is above .05
_FEW_PEOPLE = 15
_INCHES = 9.6  # wide: 922 px on screen


def words(comparison: Comparison) -> list[str]:
    """Return for each pair what may be said of it.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    return [" ".join(_sentences(pair, len(comparison.pairs))) for pair in comparison.pairs]


def _sentences(pair: Pair, pairs: int) -> Iterator[str]:
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
        yield f"Accuracy differs for {_people(differ)}; with fewer than {_FEWEST} Wilcoxon cannot reach {LEVEL}."
    else:
        yield _why(pair, pairs)
    if pair.mcnemar_holm < LEVEL:
        tested = f"McNemar's test of clips ({_p(pair.mcnemar, pair.mcnemar_holm, pairs)})"
        yield f"{tested} by itself supports no claim about new people: clips of one person resemble each other."


def _why(pair: Pair, pairs: int) -> str:
    apart = [TITLES[score] for score in COMPARED if _clear(pair.differences[score])]
    tested = _wilcoxon(pair, pairs)
    if pair.wilcoxon_holm >= LEVEL:
        but = (
            f"The interval of {' and '.join(apart)} leaves zero out, but "
            if apart
            else "Zero lies in both intervals, and "
        )
        return f"{but}{tested} does not reach {LEVEL}."
    if not apart:
        return f"{tested} leans one way, but zero lies in both intervals, and either by itself supports no claim."
    return f"{tested} and the interval of {' and '.join(apart)} point to different sides."


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
    people = _people(found.higher + found.same + found.lower)
    return f"Wilcoxon over {people} ({_p(found.p, pair.wilcoxon_holm, pairs)})"


def _people(n: int) -> str:
    return "one person" if n == 1 else f"{n} people"


def _p(p: float, adjusted: float, pairs: int) -> str:
    value = adjusted if pairs > 1 else p
    return f"{'Holm ' if pairs > 1 else ''}p {probability(value) if value < 0.001 else f'= {probability(value)}'}"


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign; what rounds to zero has none.

    Parameters
    ----------
    value
        The difference.
    digits
        Decimals.
    """
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", _MINUS)


def probability(p: float) -> str:
    """Write a p value with as many digits as matter.

    Parameters
    ----------
    p
        In [0, 1].
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


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
    if len(comparison.pairs) > 1:
        found.append(f"p values marked Holm are corrected for {len(comparison.pairs)} pairs; intervals are not.")
    once = [method.name for method in comparison.methods if method.seeds == 1]
    if once:
        found.append(f"One seed only: {', '.join(once)}. The luck of training is not covered (--seeds 3 shows it).")
    if any(method.seeds > 1 for method in comparison.methods):
        found.append("With several seeds a clip counts as right for McNemar where more than half of them are right.")
    if comparison.people < _FEWEST:
        found.append(
            f"There are {_people(comparison.people)}: with fewer than {_FEWEST} Wilcoxon cannot reach {LEVEL}, so "
            "nothing can be claimed."
        )
    elif comparison.people < _FEW_PEOPLE:
        found.append(f"From {comparison.people} people intervals are rough, and rather too narrow.")
    return found


def scores_table(comparison: Comparison) -> Table:
    """Return headings and rows: each method's scores on the clips in common.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    rows = []
    for one in comparison.methods:
        scores = [one.scores[score] for score in COMPARED]
        cells = [f"{score.value:.3f} [{score.low:.2f}, {score.high:.2f}]" for score in scores]
        rows.append((one.name, str(one.seeds), *cells))
    return ("method", "seeds", *TITLES.values()), rows


def differences_table(comparison: Comparison) -> Table:
    """Return headings and rows: each pair's differences.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    rows = []
    for pair in comparison.pairs:
        gains = [pair.differences[score] for score in COMPARED]
        cells = [f"{signed(gain.value)} [{signed(gain.low, 2)}, {signed(gain.high, 2)}]" for gain in gains]
        rows.append((_less(pair), *cells))
    return ("difference", *TITLES.values()), rows


def tests_table(comparison: Comparison) -> Table:
    """Return headings and rows: each pair's tests, with Holm's correction where there are several pairs.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    several = len(comparison.pairs) > 1
    rows = []
    for pair in comparison.pairs:
        found = pair.wilcoxon
        people = f"{found.higher} : {found.same} : {found.lower}", probability(found.p)
        clips = f"{pair.only_one} : {pair.only_other}", probability(pair.mcnemar)
        corrected = [(probability(p),) if several else () for p in (pair.wilcoxon_holm, pair.mcnemar_holm)]
        rows.append((_less(pair), *people, *corrected[0], *clips, *corrected[1]))
    holm = ("Holm p",) if several else ()
    return ("difference", "people", "Wilcoxon p", *holm, "clips", "McNemar p", *holm), rows


LEGEND = (
    "In brackets: 95 % intervals over people. people: with higher, the same and lower accuracy by the first. "
    "clips: right by the first alone, and by the second alone."
)


def _less(pair: Pair) -> str:
    return f"{pair.one} {_MINUS} {pair.other}"


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``comparison.md``, ``.csv``, ``.svg`` and ``.png`` into a folder, which is made where it is not there.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    folder
        Where to; files of the same names are replaced.

    Returns
    -------
    The four files.
    """
    page, table = folder / "comparison.md", folder / "comparison.csv"
    drawn = comparison_figure(comparison).write(folder / "comparison")
    _atomic.write_text(table, _csv(comparison))
    _atomic.write_text(page, _markdown(comparison))
    return [page, table, *drawn]


def _csv(comparison: Comparison) -> str:
    rows = [_record(pair, comparison) for pair in comparison.pairs]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _record(pair: Pair, comparison: Comparison) -> dict[str, object]:
    record: dict[str, object] = {"one": pair.one, "other": pair.other}
    record |= {"synthetic": comparison.synthetic, "clips": comparison.clips, "people": comparison.people}
    for score, gain in pair.differences.items():
        record |= {score: gain.value, f"{score}_low": gain.low, f"{score}_high": gain.high}
        record[f"{score}_is_higher_in"] = pair.higher[score] or "cannot decide"
    found = pair.wilcoxon
    record |= {"people_higher": found.higher, "people_same": found.same, "people_lower": found.lower}
    record |= {"wilcoxon_p": found.p, "wilcoxon_holm_p": pair.wilcoxon_holm}
    record |= {"only_one_right": pair.only_one, "only_other_right": pair.only_other}
    return record | {"mcnemar_p": pair.mcnemar, "mcnemar_holm_p": pair.mcnemar_holm}


def _markdown(comparison: Comparison) -> str:
    parts = ["# Comparison"]
    if comparison.synthetic:
        parts.append(f"**{SYNTHETIC}**")
    parts.append(
        f"{len(comparison.methods)} methods on the same {comparison.clips} clips of {_people(comparison.people)}."
    )
    parts += [f"> Warning: {text}" for text in comparison.warnings]
    parts.append("## What may be said")
    parts.append("\n".join(f"- {text}" for text in words(comparison)))
    parts += [_markdown_table(scores_table(comparison)), _markdown_table(differences_table(comparison))]
    parts += [_markdown_table(tests_table(comparison)), LEGEND]
    parts.append("![Differences with their intervals](comparison.svg)")
    parts.append("## What it rests on")
    parts.append("\n".join(f"- {text}" for text in limits(comparison)))
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    columns, rows = table
    lines = [columns, ("---", *["---:"] * (len(columns) - 1)), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def comparison_figure(comparison: Comparison) -> Drawing:
    """Draw each pair's differences with their intervals beside the line of no difference.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(_INCHES, 1.35 + 0.36 * len(comparison.pairs)), layout="constrained")
        panels = figure.subplots(1, len(COMPARED), sharey=True)
        for panel, score in zip(panels, COMPARED, strict=True):
            panel.axvline(0, color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.4)
            for height, pair in enumerate(comparison.pairs):
                _mark(panel, pair, score, height)
            panel.set(title=f"Difference in {TITLES[score]}", ylim=(len(comparison.pairs) - 0.4, -0.6))
            panel.set_yticks(range(len(comparison.pairs)), [_tick(pair) for pair in comparison.pairs])
            panel.tick_params(axis="y", length=0, pad=7)
            panel.xaxis.set_major_formatter(lambda value, _: signed(value, 2))
            panel.grid(axis="x")
        drawn = "SYNTHETIC " if comparison.synthetic else ""
        figure.supxlabel(
            f"{comparison.clips} {drawn}clips of {_people(comparison.people)}; lines: 95 % intervals over people. "
            "Filled: may be claimed. Hollow: cannot be decided.",
            size=8.5,
            color=colour("muted"),
        )
        return finish(figure, "comparison", " ".join(words(comparison)))


def _tick(pair: Pair) -> str:
    return f"{label(pair.one, 24)} {_MINUS} {label(pair.other, 24)}"


def _mark(panel: Axes, pair: Pair, score: str, height: int) -> None:
    gain = pair.differences[score]
    tone = colour(SERIES[0] if pair.higher[score] else "baseline")
    panel.plot([gain.low, gain.high], [height, height], color=tone, linewidth=2.6)
    inside = tone if pair.higher[score] else colour("paper")
    panel.plot(gain.value, height, "o", markersize=7.5, color=tone, markerfacecolor=inside, markeredgewidth=1.6)
