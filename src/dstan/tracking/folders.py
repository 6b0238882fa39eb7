"""What a folder that dstan wrote says: a run, a model, or a folder of several runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dstan.errors import RunError
from dstan.evaluation import Result, Run, load_run
from dstan.evaluation.folds import PREDICTIONS
from dstan.evaluation.results import METRICS, RUN, SKIPPED, read_info
from dstan.recognizers import describe_model
from dstan.recognizers.model_files import DOCUMENT
from dstan.tracking.record import Artifact, Point, Record, curves, flat, points, with_ends

SEARCH = "search.json"
_PLAIN = ("task", "protocol", "device", "seeds", "classes", "test_corpora", "train_subjects", "skipped")


def records_of(folder: Path, *, with_faces: bool = False) -> list[Record]:
    """Return the rows of a finished run, one a method; of a model, one; of a folder of runs, those of each.

    The report and the figures of a run are written on the way.

    Parameters
    ----------
    folder
        What evaluate, tune, train, pretrain, reproduce or ablate wrote.
    with_faces
        Whether a report that shows faces is among the files.

    Raises
    ------
    RunError
        If it is none of these, is damaged, or no method is finished.
    ModelError
        If it is a damaged model.
    """
    found = [one.absolute() for one in runs_of(folder)]
    return [
        record
        for one in found
        for record in ([_of_model(one)] if (one / DOCUMENT).is_file() else _of_run(one, with_faces))
    ]


def runs_of(folder: Path) -> list[Path]:
    """Return a run or a model as it is, and of a folder of runs each, finished or not.

    Parameters
    ----------
    folder
        As for :func:`records_of`.

    Raises
    ------
    RunError
        If there is none.
    """
    if (folder / DOCUMENT).is_file() or (folder / RUN).is_file():
        return [folder]
    below = sorted(path.parent for path in folder.glob(f"*/{RUN}")) if folder.is_dir() else []
    if not below:
        raise RunError(
            "there is neither a run nor a model here",
            where=folder,
            hint="Give a folder that dstan evaluate, tune, reproduce, ablate, train or pretrain wrote",
        )
    return below


def _of_run(folder: Path, with_faces: bool) -> list[Record]:
    from dstan.reports import write_report
    from dstan.reports.looks import has_faces, read_looks

    read_info(folder)  # what is wrong with it has a hint of its own
    try:
        run = load_run(folder)
    except RunError as error:
        hint = "Type the dstan evaluate or tune that wrote it again: finished folds are kept"
        raise RunError(error.what, where=error.where, hint=hint) from error
    page = write_report(folder)
    shared = [folder / RUN, folder / SKIPPED]
    if with_faces or not has_faces(read_looks(folder)):
        shared.append(page)
    return [_of_method(folder, run, run.results[name], shared) for name in run.info["methods"] if name in run.results]


def _of_method(folder: Path, run: Run, result: Result, shared: list[Path]) -> Record:
    info, name, own = run.info, result.method, folder / result.method
    about = info["methods"][name]
    corpus = info["corpus"] + " twin" * bool(info.get("synthetic"))
    files = _files([*shared, own / METRICS, own / PREDICTIONS, own / SEARCH])
    figures = _files(sorted((own / "figures").glob("*.svg")))
    return Record(
        experiment=_table(corpus, info["task"], info["protocol"]),
        name=f"{folder.name}/{name}",
        source=(str(folder), info["created"], name),
        created=datetime.fromisoformat(info["created"]),
        seconds=sum(sum(fold["seconds"].values()) for fold in result.folds),
        params={
            "method": name,
            "corpus": info["corpus"],
            **flat({key: info[key] for key in _PLAIN if key in info}),
            **flat({"input": {key: value for key, value in info["input"].items() if key != "counts"}}),
            **flat({key: value for key, value in about.items() if key not in ("settings", "tuned")}),
            **flat(about["settings"]),
            **{key: f"chosen in every fold of {json.dumps(values)}" for key, values in about.get("tuned", {}).items()},
            **flat({"versions": {"dstan": info["dstan"], **info.get("versions", {})}}),
        },
        points=[
            *_scores(result),
            *_steps(result),
            *curves(fold["history"] for fold in result.folds),
            *_costs(run, name),
        ],
        tags={
            **_tags(info["dstan"], "tune" if "tuned" in about else "evaluate", bool(info.get("synthetic")), folder),
            **flat({"machine": info.get("machine", {})}),
        },
        artifacts=[*map(Artifact, files), *(Artifact(path, "figures") for path in figures)],
        note=_note(info, result),
    )


def _table(data: str, task: str | None, kind: str) -> str:
    """Return an experiment's name: rows of one table can be compared with each other."""
    return f"{data}: {task}, {kind}" if task else f"{data}: {kind}"


def _scores(result: Result) -> list[Point]:
    """Return the scores, also of each corpus where there are several, and how sure the method is."""
    found = with_ends(result.scores, result.intervals)
    for corpus, part in result.per_corpus.items():
        found += with_ends(part.scores, part.intervals, f"corpus/{corpus}/")
    return [*found, *points(result.calibration.to_dict(), "calibration/")]


def _steps(result: Result) -> list[Point]:
    """Return the scores of each seed, and the share that is right in each fold, all seeds together."""
    seeds = [one for scores in result.per_seed for one in points(scores, "seed/", int(scores["seed"]))]
    table = result.predictions
    right = (table["y_true"] == table["y_pred"]).groupby(table["fold"]).mean()
    folds = [Point("fold/accuracy", float(share), step) for step, share in enumerate(right.sort_index())]
    return [one for one in seeds if one.name != "seed/seed"] + folds


def _costs(run: Run, method: str) -> list[Point]:
    cost = run.costs.get(method)
    return points(vars(cost), "cost/") if cost else []


def _note(info: Mapping[str, Any], result: Result) -> str:
    low, high = result.intervals["uf1"]
    people = f"{result.predictions['subject'].nunique()} {'drawn people' if info.get('synthetic') else 'people'}"
    return (
        f"UF1 {result.scores['uf1']:.3f} [{low:.2f}, {high:.2f}] on {people} never seen. "
        "`report.html` among the artifacts says what may be claimed."
    )


def _of_model(folder: Path) -> Record:
    document = describe_model(folder)
    state, about, made_by = document["state"], document.get("about", {}), document["made_by"]
    trained = state.get("trained", {})
    corpora = about.get("data", {}).get("corpora", {})
    drawn = [name + " twin" * bool(one.get("synthetic")) for name, one in corpora.items()]
    data = ", ".join(drawn) or "drawn motion"
    task = about.get("data", {}).get("task") or trained.get("task")
    return Record(
        experiment=_table(data, task, "models"),
        name=f"{folder.name}/{document['method']}",
        source=(str(folder), document["created"], *document["digests"].values()),
        created=datetime.fromisoformat(document["created"]),
        seconds=0.0,
        params={
            "method": document["method"],
            **flat({"task": task or "", "classes": document["classes"], "digests": document["digests"]}),
            **flat({"trained": {key: value for key, value in trained.items() if key != "checked"}}),
            **flat(document["settings"]),
            **flat({"versions": made_by}),
        },
        points=[*_of_trained(trained, about), *curves([state.get("history", {})])],
        tags=_tags(
            made_by["dstan"],
            "pretrain" if "teacher" in trained else "train",
            all(one.get("synthetic") for one in corpora.values()),
            folder,
        ),
        artifacts=[Artifact(path, "model") for path in _files(sorted(folder.iterdir()))],
        note="A model folder of dstan: download the artifacts' folder `model` and give it to `dstan predict --model`.",
    )


def _files(paths: Iterable[Path]) -> list[Path]:
    """Return those that are files; what a link leads to is somebody's who may not want it to leave."""
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def _of_trained(trained: Mapping[str, Any], about: Mapping[str, Any]) -> list[Point]:
    """Return what a taught model scored on drawn clips, and the scores of the run that the card names."""
    checked = trained.get("checked", {})
    scores = about.get("scores") or {}
    return [*points(checked, "checked/"), *points(scores, "evaluated/")]


def _tags(version: str, command: str, synthetic: bool, folder: Path) -> dict[str, str]:
    return {
        "dstan.version": version,
        "dstan.command": command,
        "dstan.folder": str(folder),
        "synthetic": "yes" if synthetic else "no",
        "mlflow.source.name": f"dstan {command}",
        "mlflow.source.type": "LOCAL",
    }
