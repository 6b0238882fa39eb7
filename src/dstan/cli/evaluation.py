"""Commands about scores: evaluate, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.cli import options, output, storage, tracking
from dstan.cli.preparation import show_skipped
from dstan.errors import ConfigError, RunError

if TYPE_CHECKING:
    from dstan.evaluation import Result
    from dstan.evaluation.standing import Standing
    from dstan.recognizers import Recognizer

app = typer.Typer()
PANEL = "Evaluation"
HEADLINES = {"accuracy": "accuracy", "f1_le_ngo": "F1", "uf1": "UF1", "uar": "UAR"}


@app.command(rich_help_panel=PANEL)
def evaluate(
    methods: Annotated[
        list[str] | None, typer.Argument(metavar="[METHOD...]", help="One or more of: dstan methods.")
    ] = None,
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
    init: options.Init = None,
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    task_limit: options.TaskLimit = None,
    device: options.Device = "auto",
    method_track: options.MethodTrack = "common",
    train_subjects: Annotated[
        int | None,
        typer.Option(
            "--train-subjects",
            metavar="K",
            min=2,
            help="Learn from K people of each training part only, the same for every method [default: from all].",
        ),
    ] = None,
    zero_shot: Annotated[
        Path | None,
        typer.Option(
            "--zero-shot",
            metavar="WEIGHTS",
            help="Instead of METHOD: a fitted model, applied as it is; every clip is a test clip.",
        ),
    ] = None,
    with_faces: options.WithFaces = False,
    track: options.Track = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Score methods on a corpus or on several together, no test subject ever seen in training.

    A fold that is finished is kept: stopped at any moment, the same command goes on, and methods may be added to a run
    later. A setting counts for every method named that has it.

    Example: `dstan evaluate dstan stan-a stmn-a majority --corpus casme2 --root twin --out run`

    Compared methods on equal terms and as published: `dstan evaluate lbp-top mdmo --method-track both --corpus casme2`

    Three corpora as one: `dstan evaluate dstan --task megc2019-3 --protocol cde --root smic-hs=A --root casme2=B --root
    samm=C`

    How good with only five people to learn from: `dstan evaluate stmn-a --train-subjects 5 --corpus casme2 --root twin`

    Begun from a model that saw drawn motion, and fine-tuned in every fold: `dstan evaluate stmn-a --init weights --task
    megc2019-3 --corpus casme2 --root twin`

    A model as it is, made of other people: `dstan evaluate --zero-shot weights --corpus casme2 --root twin --task
    megc2019-3`
    """
    from dstan.evaluation import evaluate as run_evaluation
    from dstan.evaluation import load_run
    from dstan.reports.looks import save_looks

    overrides = options.settings(config, assignments, init)
    made = (
        _made(methods or (), overrides, method_track)
        if zero_shot is None
        else [_as_it_is(zero_shot, methods, overrides)]
    )
    protocol = protocol if zero_shot is None else _protocol_of_zero_shot(protocol)
    engine = options.engine(workers, cluster, task_limit)
    where = options.device(device, cluster)
    tracker = tracking.begin(track)
    clips = options.load(corpora, roots, task, coding, frames, corrections)
    folder = out or Path("runs") / "+".join(dict.fromkeys(clip.corpus for clip in clips))
    with storage.kept(cache, cluster) as store:
        with output.progress_bars() as progress:
            results = run_evaluation(
                made,
                clips,
                protocol=protocol,
                test_corpora=tuple(test or ()),
                seeds=seeds,
                out=folder,
                **engine,
                cache=store,
                progress=progress,
                device=where,
                strict=strict,
                train_subjects=train_subjects,
                with_faces=with_faces,
            )
        run = load_run(folder)
        save_looks(folder, clips, made[0].recipe, store, with_faces=with_faces)
    tracking.finish(tracker, folder, with_faces=with_faces)
    if as_json:
        found = _standings(made, protocol)
        scores = {one.method: {**one.to_dict(), **results[one.method].to_dict()} for one in found}
        costs = {one.name: run.costs.get(one.name) for one in made}
        few = {"train_subjects": train_subjects} if train_subjects else {}
        output.document({"run": folder, **few, "results": scores, "costs": costs, "skipped": run.skipped})
        return
    show_results(results, made, protocol)
    if train_subjects:
        output.say(
            f"Of each training part {train_subjects} people were learned from, the same for every method.", "dim"
        )
    show_skipped(run.skipped)
    left = [one.name for one in made if not any(folder.glob(f"{one.name}/folds/*/model.json"))]
    if left and not zero_shot:
        how = "finished without --with-faces: give another --out" if with_faces else "--with-faces keeps them"
        output.note(
            f"{', '.join(left)}: models of folds hold the mean picture of the people learned from and are not kept; "
            + how
        )
    output.say(f"Predictions{' and scores' if zero_shot else ', scores and models of every fold'}: {folder}")
    output.say(f"Next: dstan report {folder}", "dim")


def _made(methods: Sequence[str], overrides: Mapping[str, Any], track: str) -> list[Recognizer]:
    """Make the methods named."""
    if not methods:
        raise ConfigError(
            "there is no method to evaluate",
            hint="Name one or more (dstan methods), or a fitted model: dstan evaluate --zero-shot WEIGHTS",
        )
    return options.recognizers(methods, overrides, track)


def _as_it_is(weights: Path, methods: Sequence[str] | None, overrides: Mapping[str, Any]) -> Recognizer:
    """Load the model that is applied as it is."""
    from dstan.recognizers import load_model

    if methods:
        raise ConfigError(
            f"--zero-shot {weights} applies that model as it is, and {' '.join(methods)} would be fitted",
            hint=f"Leave one out, or let them begin from it: --init {weights}",
        )
    if overrides:
        raise ConfigError(
            "a model that is applied as it is has the settings that it was made with",
            hint="Leave out --set, --config and --init",
        )
    return load_model(weights)


def _protocol_of_zero_shot(named: str) -> str:
    from dstan.evaluation.protocols import ZERO_SHOT

    if named not in ("loso", ZERO_SHOT):
        raise ConfigError(f"--zero-shot holds nobody out, as --protocol {named} would", hint="Leave --protocol out")
    return ZERO_SHOT


def show_results(results: Mapping[str, Result], methods: Sequence[Recognizer], protocol: str = "loso") -> None:
    """Print the headline scores of every method with their intervals, and where there are several, by corpus."""
    from dstan.evaluation.standing import RANKING, WEIGHTS

    standings = _standings(methods, protocol)
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


def _standings(methods: Sequence[Recognizer], protocol: str) -> list[Standing]:
    """Return how each method's scores are to be taken; those that are ranked come first."""
    from dstan.evaluation.protocols import ZERO_SHOT
    from dstan.evaluation.standing import Standing

    found = [Standing.of(one, is_zero_shot=protocol == ZERO_SHOT) for one in methods]
    return sorted(found, key=lambda one: not one.is_ranked)


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
    with_faces: Annotated[
        bool,
        typer.Option("--with-faces", help="Show frames of the corpus: faces of people [default: as it was evaluated]."),
    ] = False,
    without_faces: Annotated[bool, typer.Option("--without-faces", help="Take them out.")] = False,
    cache: options.CacheRoot = None,
    as_json: options.Json = False,
) -> None:
    """Write the run's report: one HTML page that opens with no network.

    It shows how the faces of a few clips move, and the faces themselves only where asked for.

    Example: `dstan report run`
    """
    from dstan.evaluation import load_run
    from dstan.reports import write_report
    from dstan.reports.looks import save_looks_of_run

    if with_faces and without_faces:
        raise ConfigError("--with-faces and --without-faces contradict each other", hint="Type one of them")
    if not run.is_dir():
        raise RunError("there is no such run", where=run, hint="Give a folder that dstan evaluate wrote")
    if with_faces or without_faces:
        with storage.kept(cache) as store:
            save_looks_of_run(run, store, with_faces=with_faces)
    page = write_report(run)
    if as_json:
        output.document({"run": run, "report": page, "costs": load_run(run).costs})
        return
    output.say(f"The report is in {page}")
