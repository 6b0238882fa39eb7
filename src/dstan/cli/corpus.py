"""Commands about data on disk: corpora, tasks, check, synth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.cli import options, output
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.corpora import Corpus, Report

app = typer.Typer()
PANEL = "Data"
MARKS = {"error": "✗", "warning": "!", "note": "·"}


@app.command(rich_help_panel=PANEL)
def corpora(
    corpus: Annotated[str | None, typer.Argument(metavar="[CORPUS]", help="Tell all about one of them.")] = None,
    as_json: options.Json = False,
) -> None:
    """Say which corpora are supported, where they are got and which of them are found here.

    A copy is looked for where DSTAN_CASME2_ROOT (and so on) says, or else the table [corpora] of
    ~/.config/dstan/config.toml.

    Example: `dstan corpora`, or `dstan corpora samm`
    """
    from dstan._registry import look_up
    from dstan.corpora import CORPORA

    chosen = [look_up("corpus", corpus, CORPORA)] if corpus else list(CORPORA.values())
    rows = [_declared(one) for one in chosen]
    if as_json:
        output.document(rows[0] if corpus else rows)
    elif corpus:
        _show_corpus(rows[0])
    else:
        _show_corpora(rows)


def _declared(corpus: Corpus) -> dict[str, Any]:
    """Return what a corpus declares and whether a copy is here."""
    from dstan.corpora import find_copy
    from dstan.tasks import tasks_of

    shown = {key: value for key, value in vars(corpus).items() if key not in ("survey", "people")}
    copy = find_copy(corpus.name)
    return {**shown, "tasks": tasks_of(corpus.name), "copy": copy}


def _show_corpora(rows: Sequence[Mapping[str, Any]]) -> None:
    from dstan.corpora.whereabouts import settings_file

    columns = ("corpus", "clips", "subjects", "fps", "tasks", "copy here")
    cells = [
        (row["name"], *(_number(row[key]) for key in ("clips", "subjects", "fps")), ", ".join(row["tasks"]),
         row["copy"].text if row["copy"] else "")
        for row in rows
    ]  # fmt: skip
    output.table(columns, cells, numbers=("clips", "subjects", "fps"))
    for row in rows:
        output.say(row["name"], "bold")
        for label, key in (("to cite", "citation"), ("licence", "licence"), ("apply", "access")):
            if row[key]:
                output.say(f"  {label:<8} {row[key]}")
    output.say()
    output.say("All about one: dstan corpora NAME. Where copies lie: DSTAN_<CORPUS>_ROOT, or [corpora] in", "dim")
    output.say(f"{settings_file()}; a command's --root goes before both.", "dim")


def _show_corpus(row: Mapping[str, Any]) -> None:
    output.say(f"{row['name']}: {row['title']}", "bold")
    size = "x".join(map(str, row["size"])) if row["size"] else ""
    numbers = ((_number(row[key]), unit) for key, unit in (("clips", "clips"), ("subjects", "people"), ("fps", "fps")))
    output.say(", ".join([*(f"{number} {unit}" for number, unit in numbers if number), *filter(None, [size])]))
    for label, text in (
        ("tasks", ", ".join(row["tasks"])),
        ("default", row["default_task"]),
        ("cite", row["citation"]),
        ("licence", row["licence"]),
        ("apply", row["access"]),
        ("copy here", row["copy"].text if row["copy"] else "none named"),
    ):
        if text:
            output.say(f"{label:<10} {text}")
    output.say()
    output.say(row["layout"])
    output.say()
    for quirk in row["quirks"]:
        output.say(f"- {quirk}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


@app.command(rich_help_panel=PANEL)
def tasks(as_json: options.Json = False) -> None:
    """List the tasks: which classes, of which corpora, and how many clips a complete copy gives.

    A task of your own is a TOML file, given to --task: see docs/corpora.md.

    Example: `dstan tasks`
    """
    from dstan.tasks import TASKS

    if as_json:
        output.document(TASKS)
        return
    rows = [
        (name, f"{corpus} {edition}".strip(), _number(clips), classes)
        for name, task in TASKS.items()
        for corpus in task.sources
        for edition, clips, classes in task.expects(corpus)
    ]
    output.table(("task", "corpus", "clips", "classes"), rows, numbers=("clips",))


@app.command(rich_help_panel=PANEL)
def check(
    corpus: options.CorpusName,
    root: options.Root = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every frame, instead of reading headers.")] = False,
    task: options.Task = None,
    coding: options.Coding = None,
    frames: options.Frames = None,
    corrections: options.Corrections = True,
    as_json: options.Json = False,
) -> None:
    """Say whether a copy of a corpus is complete and what is wrong with it, file by file.

    Exits with 1 when there are clips that cannot be used.

    Example: `dstan check casme2 --root /data/CASME2`
    """
    from dstan.corpora import check_corpus

    with output.progress_bars() as progress:
        report = check_corpus(
            corpus,
            root,
            deep=deep,
            coding=coding,
            frames=frames,
            task=task,
            corrections=corrections,
            progress=progress,
        )
    if as_json:
        output.document(report.to_dict())
    else:
        show_check(corpus, report)
    raise typer.Exit(0 if report.ok else 1)


def show_check(corpus: str, report: Report) -> None:
    """Print what a check found."""
    for finding in report.findings:
        style = {"error": "red", "warning": "yellow"}.get(finding.severity, "dim")
        output.say(f"{MARKS[finding.severity]} {finding.where}: {finding.what}", style)
        if finding.hint:
            output.say(f"    {finding.hint}", "dim")
    names = {**report.counts, **report.expected}
    rows = [(name, str(report.counts.get(name, 0)), str(report.expected.get(name, ""))) for name in names]
    output.table((f"classes of {report.task}", "found", "expected"), rows, numbers=("found", "expected"))
    output.say(f"read from {report.source}, {report.root}", "dim")
    if report.corrections:
        output.say(f"cells corrected: {report.corrections}; --no-corrections leaves the table as it is", "dim")
    output.say(f"{corpus}: {'can be used' if report.ok else 'has clips that cannot be used'}")


@app.command(rich_help_panel=PANEL)
def synth(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="Whose layout to write, by a name of dstan corpora.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write it.", show_default=False)],
    subjects: Annotated[int | None, typer.Option(min=1, help="People [default: as many as the corpus has].")] = None,
    clips: Annotated[int | None, typer.Option(min=1, help="Clips in all [default: as many as the corpus has].")] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Frame size in pixels [default: the corpus's own].")
    ] = None,
    cropped: Annotated[bool, typer.Option("--cropped", help="Write the corpus's own crops too.")] = False,
    damage: Annotated[
        list[str] | None,
        typer.Option("--damage", metavar="NAME", help="A defect to make on purpose; may be repeated [default: none]."),
    ] = None,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Write a synthetic twin of a corpus: drawn faces in that corpus's own layout.

    Interrupted, the same command goes on. What is true of every clip is written below DIR/truth, and what was damaged
    in DIR/truth/finished.json.

    Example: `dstan synth casme2 --out twin --subjects 8 --clips 45`
    """
    from dstan.synthesis import synthesize

    with output.progress_bars() as progress:
        folder = synthesize(
            corpus,
            out,
            subjects=subjects,
            clips=clips,
            size=_size(size),
            seed=seed,
            workers=workers,
            cropped=cropped,
            damage=damage or (),
            progress=progress,
        )
    if as_json:
        output.document({"corpus": corpus, "folder": folder, "synthetic": True})
        return
    output.say(f"A synthetic twin of {corpus} is in {folder}")
    output.say(f"Next: dstan check {corpus} --root {folder}", "dim")


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise ConfigError(f"--size {text!r} is not WIDTHxHEIGHT", hint="For example --size 320x240")
    return int(found[1]), int(found[2])
