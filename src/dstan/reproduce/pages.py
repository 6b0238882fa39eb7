"""From runs to tables, figures and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dstan.recognizers import METHODS
from dstan.reproduce.figures import figure_sheets
from dstan.reproduce.files import write_index, write_sheet
from dstan.reproduce.runs import Measured
from dstan.reproduce.sheet import Sheet
from dstan.reproduce.tables import table_sheet
from dstan.reproduce.targets import Target


def sheets_for(target: Target, measured: Sequence[Measured]) -> list[Sheet]:
    """Build what a target shows.

    Parameters
    ----------
    target
        A table or a figure.
    measured
        What was measured on each corpus; those that the target is not about are left aside.

    Returns
    -------
    One sheet for a table, one a data set for a figure; nothing where there is nothing to show.
    """
    own = [one for one in measured if one.corpus in target.corpora]
    if not own:
        return []
    return [table_sheet(target, own)] if target.scores else figure_sheets(target, own)


def left_out(target: Target, measured: Sequence[Measured]) -> list[str]:
    """Say which part of a target cannot be shown, and why.

    Parameters
    ----------
    target
        A table or a figure.
    measured
        What was measured on each corpus.
    """
    own = [one for one in measured if one.corpus in target.corpora]
    if not own:
        return [f"{target.number} is left out: it needs {' or '.join(target.corpora)}"]
    lacking = [(one, [name for name in target.methods if name in METHODS and name not in one.results]) for one in own]
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
