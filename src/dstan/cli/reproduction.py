"""The command that reproduces the paper's tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.cli import options, output, storage, tracking
from dstan.errors import ConfigError, CorpusNotFoundError, RunError, UnknownNameError

if TYPE_CHECKING:
    from dstan.clips import ClipSet
    from dstan.reproduce.sheet import Sheet

app = typer.Typer()
PANEL = "Evaluation"
PROTOCOLS = ("loso", "kfold-subject")


@app.command(rich_help_panel=PANEL)
def reproduce(
    targets: Annotated[
        list[str], typer.Argument(metavar="WHAT...", help="table1 to table4, figure5 to figure7, or all.")
    ],
    roots: Annotated[
        list[str] | None,
        typer.Option(
            "--root",
            metavar="CORPUS=DIR",
            help="Where smic-hs, casme or casme2 lies; may be repeated [default: as your settings say].",
            show_default=False,
        ),
    ] = None,
    codings: Annotated[
        list[str] | None,
        typer.Option(
            "--coding",
            metavar="CORPUS=TEXT",
            help="Part of the name of the coding table, where there are several.",
            show_default=False,
        ),
    ] = None,
    seeds: options.Seeds = 1,
    method_track: options.MethodTrack = "common",
    protocol: Annotated[
        str, typer.Option(metavar="PROTOCOL", help="loso, as the paper, or kfold-subject for a first look.")
    ] = PROTOCOLS[0],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where runs, tables and figures go.")] = Path(
        "runs/reproduce"
    ),
    config: options.Config = None,
    assignments: options.Set = None,
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    task_limit: options.TaskLimit = None,
    device: options.Device = "auto",
    track: options.Track = None,
    as_json: options.Json = False,
) -> None:
    """Print the paper's tables and figures with ours beside them, from one run a corpus that all of them share.

    A corpus that is neither named nor found is left out. What is finished is kept: stopped at any moment, the same
    command goes on, and others add to the same folder. A setting counts for every method that has it, also on the paper
    track, but for recipe.size and recipe.steps: methods with a crop and a number of frames of their own keep them.
    Captions say what was changed.

    Example: `dstan reproduce table1 figure5 --root casme2=/data/CASME2 --out runs/reproduce`

    Everything, on drawn faces, small: `dstan reproduce all --root casme2=twin --protocol kfold-subject --set
    recipe.size=64 --set training.epochs=10`
    """
    from dstan.reproduce.pages import left_out, sheets_for, write_all
    from dstan.reproduce.runs import read_measured, run_corpus
    from dstan.reproduce.targets import TASKS, check_track, choose, methods_for

    wanted = choose(targets)
    check_track(wanted, method_track)
    if protocol not in PROTOCOLS:
        raise UnknownNameError(
            f"no protocol of one corpus is called {protocol!r}", hint=f"Choose {' or '.join(PROTOCOLS)}"
        )
    needed = {corpus: methods_for(wanted, corpus, method_track) for corpus in TASKS}
    overrides = options.settings(config, assignments)
    engine = options.engine(workers, cluster, task_limit)
    where = options.device(device, cluster)
    tracker = tracking.begin(track)
    loaded = _load([corpus for corpus, methods in needed.items() if methods], roots, codings, out)
    with storage.kept(cache, cluster) as store, output.progress_bars() as progress:
        for corpus, clips in loaded.items():
            run_corpus(
                corpus,
                clips,
                needed[corpus],
                out,
                overrides,
                protocol=protocol,
                seeds=seeds,
                **engine,
                cache=store,
                progress=progress,
                device=where,
            )
    measured = [one for corpus in TASKS if (one := read_measured(out, corpus)) is not None]
    sheets = [sheet for target in wanted for sheet in sheets_for(target, measured, method_track)]
    for text in (text for target in wanted for text in left_out(target, measured, method_track)):
        output.note(text)
    if not sheets:
        raise RunError("nothing that was asked for can be shown", where=out, hint="Name a corpus: --root casme2=DIR")
    files, index = write_all(sheets, out)
    tracking.finish(tracker, out)
    if as_json:
        found = [_plain(*pair) for pair in zip(sheets, files, strict=True)]
        output.document({"out": out, "index": index, "sheets": found})
        return
    said: set[str] = set()
    for sheet in sheets:
        show_sheet(sheet, said)
    output.say(f"All of it on one page, with pictures: {index}")
    output.say(f"Markdown, CSV, LaTeX, PNG and SVG of each: {out / 'tables'} and {out / 'figures'}")


def _load(
    corpora: Sequence[str], roots: Sequence[str] | None, codings: Sequence[str] | None, out: Path
) -> dict[str, ClipSet]:
    """Load every corpus that is named or found; say which is not."""
    from dstan.corpora.whereabouts import known_root
    from dstan.reproduce.runs import is_measured
    from dstan.reproduce.targets import TASKS

    places, tables = _by_corpus("--root", roots), _by_corpus("--coding", codings)
    for corpus in places.keys() - set(corpora):
        output.note(f"{corpus} is not looked at: nothing that was asked for is about it")
    loaded: dict[str, ClipSet] = {}
    earlier: list[str] = []
    for corpus in corpora:
        if corpus in places or known_root(corpus):
            where = [f"{corpus}={places[corpus]}"] if corpus in places else None
            coding = [f"{corpus}={tables[corpus]}"] if corpus in tables else None
            loaded[corpus] = options.load([corpus], where, TASKS[corpus], coding, None, True)
        elif is_measured(out, corpus):
            earlier.append(corpus)
            output.note(f"{corpus}: no folder is named; shown as it was evaluated earlier in {out / corpus}")
        else:
            output.note(f"{corpus} is left out: no folder is named or found (--root {corpus}=DIR)")
    if not loaded and not earlier:
        raise CorpusNotFoundError(
            f"there is no corpus to measure on: {' or '.join(corpora)}",
            hint=f"Type where one lies: --root {corpora[-1]}=DIR. Without one, draw a twin first: "
            f"dstan synth {corpora[-1]} --out twin",
        )
    return loaded


def _by_corpus(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    from dstan.reproduce.targets import TASKS

    found = {}
    for text in texts or ():
        corpus, equals, value = text.partition("=")
        if not equals or corpus not in TASKS:
            raise ConfigError(
                f"{option} {text}: of which corpus of the paper?",
                hint=f"Write {option} CORPUS=..., where CORPUS is {', '.join(TASKS)}",
            )
        found[corpus] = value
    return found


def show_sheet(sheet: Sheet, said: set[str]) -> None:
    """Print a table or figure, data set by data set, and of its caption what was not said already."""
    output.say(sheet.title, "bold yellow" if sheet.synthetic else "bold")
    several = int(sheet.words > 1)  # the name of the data set is the first of several columns of words
    heads = [_narrow_heading(f"{group}\n{name}") for group, name in sheet.columns[several:]]
    numbers = heads[sheet.words - several :]
    notes = sheet.notes or ("",) * len(sheet.rows)
    for name, group in groupby(zip(sheet.rows, notes, strict=True), key=lambda pair: pair[0][0] if several else ""):
        own = list(group)
        if name:
            output.say(name, "bold")
        cells = [[_narrow(cell) for cell in row[several:]] for row, _ in own]
        output.table(heads, cells, numbers=numbers)
        _show_notes(own, sheet.words)
    for sentence in sheet.caption:
        if sentence not in said:
            output.say(sentence, "yellow" if sentence.startswith("SYNTHETIC") else "dim")
    said.update(sheet.caption)
    output.say()


def _narrow_heading(heading: str) -> str:
    return _narrow(heading.replace("-", "-\n").replace("difference", "diff.").replace("Accuracy\n", "Acc.\n").strip())


def _narrow(text: str) -> str:
    """Break a cell into short lines, so that a table of many columns fits a terminal."""
    for mark in ("±", "[", "+", "class"):
        text = text.replace(f" {mark}", f"\n{mark}")
    return text.replace("Precision", "Prec.").replace("re-interpretation", "re-\ninterpretation")


def _show_notes(rows: Sequence[tuple[tuple[str, ...], str]], words: int) -> None:
    """Print what the figures that the paper prints rest on, once for both tracks of a method."""
    from dstan.reports.text import NOTHING
    from dstan.reproduce.tables import PUBLISHED

    said = {f"{row[1].removesuffix(PUBLISHED)}: {note}": None for row, note in rows if note and row[words] != NOTHING}
    for text in said:
        output.say(f"  {text}", "dim")


def _plain(sheet: Sheet, files: Mapping[str, Path]) -> dict[str, Any]:
    about = {"name": sheet.name, "title": sheet.title, "synthetic": sheet.synthetic, "caption": sheet.caption}
    return {**about, "records": sheet.records, "files": files}
