"""The command that compares methods: compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output

if TYPE_CHECKING:
    from dstan.evaluation import Comparison

app = typer.Typer()


@app.command(rich_help_panel="Evaluation")
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="RUN stands for every method that it was asked for, RUN/METHOD for one; two methods or more in all.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write comparison.md, .csv, .svg and .png into this folder."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say which method is better on the same clips, and whether chance could be the reason.

    Differences have intervals over people; Wilcoxon's test is over people, McNemar's over clips, and Holm's correction
    is for more than two methods.

    Example: `dstan compare run/dstan run/stan-a`

    Every method of two runs: `dstan compare first second --out comparison`
    """
    from dstan.evaluation import compare as run_comparison
    from dstan.reports.comparison import write_comparison
    from dstan.reports.comparison_words import limits, words

    found = run_comparison(*runs)
    files = write_comparison(found, out) if out else []
    if as_json:
        said = [{**output.plain(pair), "words": text} for pair, text in zip(found.pairs, words(found), strict=True)]
        output.document({**output.plain(found), "pairs": said, "limits": limits(found), "files": files})
        return
    for text in found.warnings:
        output.warn(text)
    show_comparison(found)
    if out:
        output.say(f"Written to {out}: {', '.join(file.name for file in files)}")


def show_comparison(comparison: Comparison) -> None:
    """Print scores, differences, tests, and what may be said."""
    from dstan.reports import comparison as report
    from dstan.reports.comparison_words import limits, words
    from dstan.reports.text import people

    if comparison.synthetic:
        output.say(report.SYNTHETIC, "bold")
    output.say(f"The same {comparison.clips} clips of {people(comparison.people)}.")
    for table in (report.scores_table, report.differences_table, report.tests_table):
        columns, rows = table(comparison)
        output.table(columns, rows, numbers=[name for name in columns[1:] if name not in ("fidelity", "track")])
    output.say(report.legend(comparison), "dim")
    output.say()
    for text in words(comparison):
        output.say(f"- {text}")
    output.say()
    for text in limits(comparison):
        output.say(text, "dim")
