"""The page of an ablation: Markdown, a table as CSV, and a plot of the differences around zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan.evaluation.statistics import RESAMPLES, Interval
from dstan.recognizers import DSTANSettings
from dstan.reports.appendix import flat
from dstan.reports.text import csv_text, few_people
from dstan.reproduce.ablation_plot import differences_plot
from dstan.reproduce.ablation_results import FEWEST_PEOPLE, Comparison, Findings, Scores, find
from dstan.reproduce.ablation_words import ends, sentences, words
from dstan.reproduce.ablations import CHOICES, Ablation

NAME = "ablations"
FULL_PROTOCOL = "loso"


@dataclass(frozen=True)
class Setup:
    """What the page tells of a run beside its numbers.

    Parameters
    ----------
    command
        What was typed.
    subjects_found
        How many people the corpus has, where not all were taken.
    """

    command: str
    subjects_found: int


def write_pages(ablation: Ablation, setup: Setup, out: Path, page: Path | None = None) -> dict[str, Path]:
    """Write ``ablations.md``, ``ablations.csv`` and ``images/ablations.{svg,png}``, and the page once more elsewhere.

    Parameters
    ----------
    ablation
        What is finished.
    setup
        What else the page tells.
    out
        The folder of the runs.
    page
        Another place for the page; its plot goes to ``images/`` beside it.

    Returns
    -------
    The files: ``page``, ``csv``, ``svg`` and ``png``.
    """
    findings = find(ablation)
    synthetic = bool(ablation.info.get("synthetic"))
    drawing = differences_plot(findings.comparisons, synthetic=synthetic)
    files = {"csv": out / f"{NAME}.csv"}
    _atomic.write_text(files["csv"], _csv(findings.comparisons))
    for place in [out / f"{NAME}.md", *([page] if page else [])]:
        png, svg = drawing.write(place.parent / "images" / place.stem)
        _atomic.write_text(place, markdown(ablation, findings, setup, f"images/{png.name}", drawing.alt))
        files |= {"page": place, "png": png, "svg": svg}
    return files


def _csv(comparisons: Sequence[Comparison]) -> str:
    rows = [
        {**row, "before": words(row["before"]), "after": words(row["after"])}
        for row in (one.to_dict() for one in comparisons)
    ]
    return csv_text(rows) if rows else "choice\n"


def markdown(ablation: Ablation, findings: Findings, setup: Setup, plot: str, alt: str) -> str:
    """Write the whole page.

    Parameters
    ----------
    ablation
        What is finished.
    findings
        What :func:`dstan.reproduce.ablation_results.find` made of it.
    setup
        What else the page tells.
    plot, alt
        Where the plot is, from the page, and what it shows in words.
    """
    synthetic = bool(ablation.info.get("synthetic"))
    said = [f"- {sentence}" for sentence in sentences(findings, ablation.missing)]
    parts = [
        f"# What the silent choices do{' (SYNTHETIC)' if synthetic else ''}",
        "<!-- Written by dstan ablate: run it again instead of editing this page. -->",
        *([_BANNER] if synthetic else []),
        _INTRODUCTION,
        "## What was found",
        "\n".join(said),
        f"![{alt}]({plot})",
        _caption(findings, synthetic),
        "## Every comparison",
        _table(findings.comparisons),
        "The base, with which everything is compared:",
        _base_table(findings.base),
        "## How it was measured",
        "\n".join(f"- {line}" for line in _measured(ablation, findings, setup)),
        f"```\n{setup.command}\n```",
        _reading(len(findings.comparisons)),
    ]
    return "\n\n".join(parts) + "\n"


_BANNER = (
    "> **SYNTHETIC.** These faces are drawn by a computer. Nothing on this page is a measurement on real people: it\n"
    "> says which choices matter to these networks on this drawing, and which cannot be told apart with so many clips."
)
_INTRODUCTION = """\
The paper leaves open how its networks are sized, fed and trained. Each answer is one setting of `dstan`. Here each is
changed alone, all else as in the base, and scored on people never seen, on the same folds with the same seeds."""


def _caption(findings: Findings, synthetic: bool) -> str:
    faces, rows = "SYNTHETIC faces. " if synthetic else "", len(findings.comparisons)
    return (
        f"*{faces}UF1 of each change less UF1 of the base, on {findings.clips} clips of {findings.subjects} people. "
        "Right of zero the change helps. Thick: 95 % interval over people for this row alone. "
        f"Thin: the interval that holds for all {rows} rows at once; only where it leaves out zero, and every seed "
        f"agrees, and there are at least {FEWEST_PEOPLE} people, is a row called decided.*"
    )


def _table(comparisons: Sequence[Comparison]) -> str:
    lines = [
        "| question | change | method | UF1 | accuracy | difference in UF1 [all rows at once] | seeds of that sign | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for choice, rows in groupby(comparisons, key=lambda one: one.variant.choice):
        for place, one in enumerate(rows):
            question = "" if place else f"{choice.question} `{choice.setting}`"
            change = f"{words(one.variant.before)} → {words(one.variant.after)}"
            verdict = f"**{one.verdict}**" if one.verdict in ("helps", "harms") else one.verdict
            cells = [question, change, *_cells(one.scores), ends(one.together), f"{one.same_sign} of {one.seeds}"]
            lines.append(f"| {' | '.join([*cells, verdict])} |")
    return "\n".join(lines) if comparisons else "None yet."


def _base_table(base: Mapping[str, Scores]) -> str:
    rows = [f"| {' | '.join([*_cells(one), _interval(one.uf1), _interval(one.accuracy)])} |" for one in base.values()]
    return "\n".join(["| method | UF1 | accuracy | UF1, 95 % | accuracy, 95 % |", "|---|---|---|---|---|", *rows])


def _cells(scores: Scores) -> list[str]:
    return [
        scores.method,
        _mean(scores.uf1.value, scores.uf1_deviation),
        _mean(scores.accuracy.value, scores.accuracy_deviation),
    ]


def _mean(value: float, deviation: float | None) -> str:
    return f"{value:.3f}" if deviation is None else f"{value:.3f} ± {deviation:.3f}"


def _interval(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]"


def _measured(ablation: Ablation, findings: Findings, setup: Setup) -> list[str]:
    info, seeds = ablation.info, len(ablation.info["seeds"])
    faces = "a synthetic twin of " if info.get("synthetic") else ""
    lines = [
        f"Clips: {findings.clips} of {findings.subjects} people, {faces}{info['corpus']}, task {info['task'] or '-'}"
        f" ({', '.join(f'{name} {count}' for name, count in info['input']['counts'].items())}).",
        f"Protocol {info['protocol']}, {seeds} seed{'s' * (seeds != 1)}; folds and seeds are the same in every run.",
        f"Not as in the full protocol: {'; '.join(_reduced(ablation, setup, findings)) or 'nothing'}.",
        f"Other settings that are not the defaults: {'; '.join(_departures(ablation.settings)) or 'none'}.",
        f"Machine: {_machine(info)}. Fits and predictions took {_duration(ablation.seconds)}, summed over all folds.",
    ]
    if findings.dropped:
        lines.append(f"{findings.dropped} clips could not be used in some run, so that no run is scored on them.")
    return [*lines, *few_people(findings.subjects)]


_SIZES = ("recipe.size", "recipe.steps", "training.epochs")


def _reduced(ablation: Ablation, setup: Setup, findings: Findings) -> list[str]:
    """Return what was taken smaller than by default, or larger, in words."""
    now, full = flat(ablation.settings.to_dict()), flat(DSTANSettings().to_dict())
    reduced = [f"{name} {now[name]} instead of {full[name]}" for name in _SIZES if now[name] != full[name]]
    if ablation.info["protocol"] != FULL_PROTOCOL:
        reduced.append(f"protocol {ablation.info['protocol']} instead of {FULL_PROTOCOL}")
    if findings.subjects < setup.subjects_found:
        reduced.append(f"the first {findings.subjects} of {setup.subjects_found} people")
    if len(ablation.info["seeds"]) < 3:
        reduced.append("fewer than three seeds")
    if any(variant.choice not in CHOICES for variant in ablation.variants):
        reduced.append("what concerns all networks measured on the motion stream alone")
    return reduced


def _departures(settings: DSTANSettings) -> list[str]:
    now, full = flat(settings.to_dict()), flat(DSTANSettings().to_dict())
    return [
        f"{name} {now[name]} (default {full[name]})" for name in now if now[name] != full[name] and name not in _SIZES
    ]


def _machine(info: Mapping[str, Any]) -> str:
    import torch

    machine, device = info["machine"], str(info["device"])
    if device != "cpu" and torch.cuda.is_available():
        device = f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{machine['processor']}, {machine['cores']} cores, device {device}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _reading(comparisons: int) -> str:
    return f"""## How to read it
- A score is the mean over seeds of the UF1 of all clips together, ± the deviation over seeds. UF1 weighs every class
  the same.
- A difference is paired: change and base are scored on the same people, drawn anew {RESAMPLES} times, all seeds of a
  person together.
- Of twenty comparisons in which nothing changes, one lies outside its own 95 % interval by chance. So the intervals in
  the table are widened by one common factor, until all {comparisons} of them hold at once in 95 % of the draws
  (single-step max-t; Westfall and Young 1993). What is called decided has zero outside that wider interval, and every
  seed on the same side.
- The intervals cover the choice of people. They do not cover the luck of training beyond the few seeds that were run;
  that every seed must agree is a guard against it, no more.
- "Not decided" is not "without effect": look how far the interval reaches.
- Each choice is changed alone. Two that help apart need not help together; and where half the epochs or half the width
  cannot be told from the base, it may still be the better choice, for it is quicker.

## How to run it
`dstan ablate --help` lists the options. Each change has a run folder of its own below `--out`, beside `{NAME}.md`,
`{NAME}.csv` and the plot, and is an ordinary run (`dstan report OUT/pairs-onset`); what changes only the SVM stands in
the base's folder and shares its fits. The base comes first, the quick changes before the slow ones, and the page is
written anew after each; stopped at any moment, the same command goes on. `--subjects N` takes the first N people, and
`--only` some of the choices: {", ".join(choice.name for choice in CHOICES)}."""
