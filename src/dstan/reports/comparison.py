"""The tables of a comparison, its picture, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dstan import _atomic
from dstan.evaluation.comparison import COMPARED, Comparison, Pair
from dstan.reports.comparison_words import TITLES, limits, probability, words
from dstan.reports.drawing import SERIES, Drawing, colour, finish, label, style
from dstan.reports.text import MINUS, NOTHING, csv_text, markdown_table, people, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
SYNTHETIC = "SYNTHETIC: the faces are drawn by a computer; nothing here says anything about real faces."
_INCHES = 9.6  # wide: 922 px on screen
_LONGEST = 44  # letters of a line beside the picture


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
        rows.append((one.name, one.fidelity or NOTHING, one.track, str(one.seeds), *cells))
    return ("method", "fidelity", "track", "seeds", *TITLES.values()), rows


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
        tested = f"{found.higher} : {found.same} : {found.lower}", probability(found.p)
        clips = f"{pair.only_one} : {pair.only_other}", probability(pair.mcnemar)
        corrected = [(probability(p),) if several else () for p in (pair.wilcoxon_holm, pair.mcnemar_holm)]
        rows.append((_less(pair), *tested, *corrected[0], *clips, *corrected[1]))
    holm = ("Holm p",) if several else ()
    return ("difference", "people", "Wilcoxon p", *holm, "clips", "McNemar p", *holm), rows


LEGEND = (
    "In brackets: 95 % intervals over people. people: with higher, the same and lower accuracy by the first. "
    "clips: right by the first alone, and by the second alone."
)


UNRANKED = "†: no ranking, for one of the two, or both, has published input and parameters (paper track)."


def legend(comparison: Comparison) -> str:
    """Say how to read the tables.

    Parameters
    ----------
    comparison
        What :func:`dstan.evaluation.compare` returned.
    """
    return f"{LEGEND} {UNRANKED}" if any(pair.unranked for pair in comparison.pairs) else LEGEND


def _less(pair: Pair) -> str:
    return f"{pair.one} {MINUS} {pair.other}{_mark_of(pair)}"


def _mark_of(pair: Pair) -> str:
    return " †" if pair.unranked else ""


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
    _atomic.write_text(table, csv_text([_record(pair, comparison) for pair in comparison.pairs]))
    _atomic.write_text(page, _markdown(comparison))
    return [page, table, *drawn]


def _record(pair: Pair, comparison: Comparison) -> dict[str, object]:
    record: dict[str, object] = {"one": pair.one, "other": pair.other, "is_ranking": not pair.unranked}
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
        f"{len(comparison.methods)} methods on the same {comparison.clips} clips of {people(comparison.people)}."
    )
    parts += [f"> Warning: {text}" for text in comparison.warnings]
    parts.append("## What may be said")
    parts.append("\n".join(f"- {text}" for text in words(comparison)))
    parts += [markdown_table(*scores_table(comparison), words=(0, 1, 2))]
    parts += [markdown_table(*table(comparison)) for table in (differences_table, tests_table)]
    parts.append(legend(comparison))
    parts.append("![Differences with their intervals](comparison.svg)")
    parts.append("## What it rests on")
    parts.append("\n".join(f"- {text}" for text in limits(comparison)))
    return "\n\n".join(parts) + "\n"


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
            panel.set_yticks(range(len(comparison.pairs)), [_tick(pair) for pair in comparison.pairs], ma="left")
            panel.tick_params(axis="y", length=0, pad=7)
            panel.locator_params(axis="x", nbins=6)
            panel.xaxis.set_major_formatter(lambda value, _: signed(round(value, 6), 2))
            panel.grid(axis="x")
        drawn = "SYNTHETIC " if comparison.synthetic else ""
        figure.supxlabel(
            f"{comparison.clips} {drawn}clips of {people(comparison.people)}; lines: 95 % intervals over people. "
            "Filled: may be claimed. Hollow: cannot be decided."
            + " †: no ranking."
            * any(pair.unranked for pair in comparison.pairs),
            size=8.5,
            color=colour("muted"),
        )
        return finish(figure, "comparison", " ".join(words(comparison)))


def _tick(pair: Pair) -> str:
    one, other = label(pair.one, _LONGEST), label(pair.other, _LONGEST)
    between = " " if len(one) + len(other) <= _LONGEST else "\n"
    return f"{one} {MINUS}{between}{other}{_mark_of(pair)}"


def _mark(panel: Axes, pair: Pair, score: str, height: int) -> None:
    gain = pair.differences[score]
    tone = colour(SERIES[0] if pair.higher[score] else "baseline")
    panel.plot([gain.low, gain.high], [height, height], color=tone, linewidth=2.6)
    inside = tone if pair.higher[score] else colour("paper")
    panel.plot(gain.value, height, "o", markersize=7.5, color=tone, markerfacecolor=inside, markeredgewidth=1.6)
