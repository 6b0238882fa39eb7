"""Commands about scores: evaluate, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output
from dstan.cli.preparation import show_skipped
from dstan.errors import RunError

if TYPE_CHECKING:
    from dstan.evaluation import Result
    from dstan.evaluation.standing import Standing
    from dstan.recognizers import Recognizer

app = typer.Typer()
PANEL = "Evaluation"
HEADLINES = {"accuracy": "accuracy", "f1_le_ngo": "F1", "uf1": "UF1", "uar": "UAR"}


@app.command(rich_help_panel=PANEL)
def evaluate(
    methods: Annotated[list[str], typer.Argument(metavar="METHOD...", help="One or more of: dstan methods.")],
    corpora: options.Corpora = None,
    roots: options.Roots = None,
    task: options.Task = None,
    protocol: Annotated[
        str,
        typer.Option(
            metavar="PROTOCOL",
            help="loso leaves out one person at a time, kfold-subject a fifth; over several corpora, cde leaves out "
            "one person of any, and hde one corpus at a time.",
        ),
    ] = "loso",
    test: options.Test = None,
    seeds: options.Seeds = 1,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="The run's folder [default: runs/CORPUS].")
    ] = None,
    coding: options.Codings = None,
    frames: options.Frames = None,
    corrections: options.Corrections = True,
    config: options.Config = None,
    assignments: options.Set = None,
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    device: options.Device = "auto",
    track: options.Track = "common",
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Score methods on a corpus or on several together, no test subject ever seen in training.

    A fold that is finished is kept: stopped at any moment, the same command goes on, and methods may be added to a run
    later. A setting counts for every method named that has it.

    Example: `dstan evaluate dstan stan-a stmn-a majority --corpus casme2 --root twin --out run`

    Compared methods on equal terms and as published: `dstan evaluate lbp-top mdmo --track both --corpus casme2`

    Three corpora as one: `dstan evaluate dstan --task megc2019-3 --protocol cde --root smic-hs=A --root casme2=B --root
    samm=C`
    """
    from dstan.evaluation import evaluate as run_evaluation
    from dstan.evaluation import load_run
    from dstan.preprocessing.cache import Cache
    from dstan.reports.looks import save_looks

    made = options.recognizers(methods, options.settings(config, assignments), track)
    where = options.device(device)
    clips = options.load(corpora, roots, task, coding, frames, corrections)
    folder = out or Path("runs") / "+".join(dict.fromkeys(clip.corpus for clip in clips))
    store = Cache(cache)
    with output.progress_bars() as progress:
        results = run_evaluation(
            made,
            clips,
            protocol=protocol,
            test_corpora=tuple(test or ()),
            seeds=seeds,
            out=folder,
            workers=workers,
            cluster=cluster,
            cache=store,
            progress=progress,
            device=where,
            strict=strict,
        )
    run = load_run(folder)
    save_looks(folder, clips, made[0].recipe, store)
    if as_json:
        scores = {one.method: {**one.to_dict(), **results[one.method].to_dict()} for one in _standings(made)}
        costs = {one.name: run.costs.get(one.name) for one in made}
        output.document({"run": folder, "results": scores, "costs": costs, "skipped": run.skipped})
        return
    show_results(results, made)
    show_skipped(run.skipped)
    output.say(f"Predictions, scores and models of every fold: {folder}")
    output.say(f"Next: dstan report {folder}", "dim")


def show_results(results: Mapping[str, Result], methods: Sequence[Recognizer]) -> None:
    """Print the headline scores of every method with their intervals, and where there are several, by corpus."""
    from dstan.evaluation.standing import RANKING, WEIGHTS

    standings = _standings(methods)
    rows = []
    for one in standings:
        result = results[one.method]
        cells = [f"{result.scores[key]:.3f}\n{_interval(result.intervals[key])}" for key in HEADLINES]
        rows.append((f"{one.shown}\n  {one.words}", *cells))
    output.table(("method", *HEADLINES.values()), rows, numbers=HEADLINES.values())
    _show_by_corpus(results, standings)
    some = next(iter(results.values()))
    share = some.confusion.sum(axis=1).max() / some.confusion.sum()
    output.say(
        f"In brackets: 95 % intervals over subjects. The largest class alone is {share:.3f} of the clips: "
        "what always naming it would score.",
        "dim",
    )
    if not all(one.is_ranked for one in standings):
        output.say(RANKING, "dim")
    if any(one.weights for one in standings):
        output.say(WEIGHTS, "dim")


def _standings(methods: Sequence[Recognizer]) -> list[Standing]:
    """Return how each method's scores are to be taken; those that are ranked come first."""
    from dstan.evaluation.standing import Standing

    return sorted(map(Standing.of, methods), key=lambda one: not one.is_ranked)


def _show_by_corpus(results: Mapping[str, Result], standings: Sequence[Standing]) -> None:
    rows = []
    for one in standings:
        for corpus, part in results[one.method].per_corpus.items():
            cells = [f"{part.scores[key]:.3f} {_interval(part.intervals[key])}" for key in ("uf1", "uar")]
            rows.append((one.shown, corpus, str(len(part.predictions) // len(part.per_seed)), *cells))
    if rows:
        output.table(("method", "corpus", "clips", "UF1", "UAR"), rows, numbers=("clips", "UF1", "UAR"))


def _interval(bounds: tuple[float, float]) -> str:
    return f"[{bounds[0]:.2f}, {bounds[1]:.2f}]"


@app.command(rich_help_panel=PANEL)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that dstan evaluate wrote.")],
    as_json: options.Json = False,
) -> None:
    """Write the run's report: one HTML page that opens with no network.

    Example: `dstan report run`
    """
    from dstan.evaluation import load_run
    from dstan.reports import write_report

    if not run.is_dir():
        raise RunError("there is no such run", where=run, hint="Give a folder that dstan evaluate wrote")
    page = write_report(run)
    if as_json:
        output.document({"run": run, "report": page, "costs": load_run(run).costs})
        return
    output.say(f"The report is in {page}")
