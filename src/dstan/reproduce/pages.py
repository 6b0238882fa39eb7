"""From runs to tables, figures and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dstan.evaluation.standing import COMMON
from dstan.recognizers import METHODS, PAPER_TRACK
from dstan.reproduce.figures import figure_sheets
from dstan.reproduce.files import write_index, write_sheet
from dstan.reproduce.runs import Measured
from dstan.reproduce.sheet import Sheet
from dstan.reproduce.tables import table_sheet
from dstan.reproduce.targets import Target, shown_methods


def sheets_for(target: Target, measured: Sequence[Measured], track: str = COMMON) -> list[Sheet]:
    """Build what a target shows.

    Parameters
    ----------
    target
        A table or a figure.
    measured
        What was measured on each corpus; those that the target is not about are left aside.
    track
        Of the compared methods: "common", "paper" or "both".

    Returns
    -------
    One sheet for a table, one a data set for a figure; nothing where there is nothing to show.
    """
    own = [one for one in measured if one.corpus in target.corpora]
    if not own:
        return []
    return [table_sheet(target, own, track)] if target.scores else figure_sheets(target, own)


def left_out(target: Target, measured: Sequence[Measured], track: str = COMMON) -> list[str]:
    """Say which part of a target cannot be shown, and why.

    Parameters
    ----------
    target
        A table or a figure.
    measured
        What was measured on each corpus.
    track
        Of the compared methods: "common", "paper" or "both".
    """
    own = [one for one in measured if one.corpus in target.corpora]
    if not own:
        return [f"{target.number} is left out: it needs {' or '.join(target.corpora)}"]
    known = [name for name in shown_methods(target, track) if name in {**METHODS, **PAPER_TRACK}]
    lacking = [(one, [name for name in known if name not in one.results]) for one in own]
    what = "has gaps" if target.scores else "is left out"
    return [
        f"{target.number} {what} for {one.name}: {' and '.join(names)} not run there "
        f"(--root {one.corpus}=DIR runs them)"
        for one, names in lacking
        if names
    ]


def write_all(sheets: Sequence[Sheet], out: Path) -> tuple[list[dict[str, Path]], Path]:
    """Write the files of every sheet and the page that shows them together.

    Parameters
    ----------
    sheets
        The tables and figures.
    out
        The folder of the reproduction.

    Returns
    -------
    The files of each sheet by kind, and the page.
    """
    files = [write_sheet(sheet, out) for sheet in sheets]
    return files, write_index(out)
