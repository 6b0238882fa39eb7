"""The command that chooses settings: tune."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.cli import options, output, storage, tracking
from dstan.cli.evaluation import PANEL, show_results
from dstan.cli.preparation import show_skipped
from dstan.config import below, parse_assignment
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.evaluation import Search

app = typer.Typer()


@app.command(rich_help_panel=PANEL)
def tune(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="One of: dstan methods.")],
    tries: Annotated[
        list[str],
        typer.Option("--try", metavar="NAME=VALUE,VALUE...", help="Values of a setting to choose from; repeatable."),
    ],
    corpora: options.Corpora = None,
    roots: options.Roots = None,
    task: options.Task = None,
    protocol: Annotated[
        str, typer.Option(metavar="PROTOCOL", help="Who is held out together: loso, kfold-subject, cde or hde.")
    ] = "loso",
    test: options.Test = None,
    parts: Annotated[
        int, typer.Option(metavar="N", min=2, help="Inner folds in every fold, each of different people.")
    ] = 5,
    seeds: options.Seeds = 1,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="The run's folder [default: runs/CORPUS-METHOD-tuned].")
    ] = None,
    coding: options.Codings = None,
    frames: options.Frames = None,
    corrections: options.Corrections = True,
    config: options.Config = None,
    assignments: options.Set = None,
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    task_limit: options.TaskLimit = None,
    device: options.Device = "auto",
    with_faces: options.WithFaces = False,
    track: options.Track = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Score a method whose settings are chosen in every fold, by people of its training part only.

    Every combination of the values is a candidate. In each fold the training people are split once more; the candidate
    with the best UF1 on these inner folds is fitted on all of them and predicts the test person. Stopped at any moment,
    the same command goes on.

    Example: `dstan tune dstan --corpus casme2 --root twin --try training.learning_rate=1e-3,3e-4 --try
    recipe.pairs=adjacent,onset --protocol kfold-subject --out tuned`
    """
    from dstan.evaluation import load_run
    from dstan.evaluation import tune as run_tuning
    from dstan.evaluation.candidates import make_candidates
    from dstan.evaluation.standing import Standing
    from dstan.reports.looks import save_looks

    (base,) = options.recognizers([method], options.settings(config, assignments))
    grid = values_to_try(tries)
    candidates = make_candidates(base, grid)
    engine = options.engine(workers, cluster, task_limit)
    where = options.device(device, cluster)
    tracker = tracking.begin(track)
    clips = options.load(corpora, roots, task, coding, frames, corrections)
    folder = out or Path("runs") / "-".join(["+".join(dict.fromkeys(clip.corpus for clip in clips)), method, "tuned"])
    with storage.kept(cache, cluster) as store:
        with output.progress_bars() as progress:
            tuned = run_tuning(
                base,
                grid,
                clips,
                parts=parts,
                protocol=protocol,
                test_corpora=tuple(test or ()),
                seeds=seeds,
                out=folder,
                **engine,
                cache=store,
                progress=progress,
                device=where,
                strict=strict,
                with_faces=with_faces,
            )
        skipped = load_run(folder).skipped
        save_looks(folder, clips, candidates[0].recognizer.recipe, store, with_faces=with_faces)
    results = {method: tuned.result}
    tracking.finish(tracker, folder, with_faces=with_faces)
    if as_json:
        scores = {name: {**Standing.of(base).to_dict(), **result.to_dict()} for name, result in results.items()}
        output.document({"run": folder, "results": scores, "search": tuned.search.to_dict(), "skipped": skipped})
        return
    show_results(results, [base])
    _show_search(tuned.search)
    show_skipped(skipped)
    output.say(f"Predictions, scores, models and the search of every fold: {folder}")
    output.say(f"Next: dstan report {folder}", "dim")


def values_to_try(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Turn every NAME=VALUE,VALUE into the values of a setting; commas inside brackets separate nothing.

    Raises
    ------
    ConfigError
        If a text is not of that form, a value is missing, or a setting is named twice.
    """
    grid: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = (part.strip() for part in text.partition("="))
        pieces = re.split(r",(?![^\[]*\])", values)
        if not (name and equals and all(piece.strip() for piece in pieces)):
            raise ConfigError(
                f"{text!r} is not NAME=VALUE,VALUE", hint="For example --try training.learning_rate=1e-3,3e-4"
            )
        if name in grid:
            raise ConfigError(f"{name} is tried twice", hint=f"Write --try {name}=VALUE,VALUE once")
        grid[name] = [below(parse_assignment(f"{name}={piece}"), name) for piece in pieces]
    return grid


def _show_search(search: Search) -> None:
    """Print what was tried, what it scored inside, and how often it was chosen."""
    names = list(search.candidates[0])
    rows = [
        (*(str(values[name]) for name in names), f"{mean:.3f}", f"{times} of {len(search.choices)}")
        for values, mean, times in zip(search.candidates, search.mean_scores, search.times_chosen, strict=True)
    ]
    output.table((*names, "inner UF1", "chosen"), rows, numbers=("inner UF1", "chosen"))
    output.say(
        "Inner UF1, a mean over folds, is measured on training people and chose the settings: it is not a result. "
        "Only the scores above are one: they are of people who had no say in any choice.",
        "dim",
    )
