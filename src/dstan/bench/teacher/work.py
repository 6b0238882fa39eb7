"""The work behind the measurement: weights and runs, each made once, in parallel, by processes of one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dstan._engine import Engine
from dstan._progress import Progress
from dstan.bench.teacher.plan import METHOD, Run, Size, Weights
from dstan.clips import ClipSet
from dstan.errors import DstanError, ModelError, RunError
from dstan.evaluation import evaluate
from dstan.preprocessing.cache import Cache, prepare_clips
from dstan.recognizers import Recognizer, load_model, save_model
from dstan.recognizers.model_files import DOCUMENT, checked_document
from dstan.recognizers.pretraining import pupil, teach
from dstan.tasks import find_task

Job = TypeVar("Job")


@dataclass(frozen=True)
class Teaching:
    """One teacher's work.

    Parameters
    ----------
    weights
        Who is taught what.
    task
        Whose classes.
    folder
        Where the weights go.
    """

    weights: Weights
    task: str
    folder: Path

    def __str__(self) -> str:
        return self.weights.name

    def is_done(self) -> bool:
        """Whether whole weights are there.

        Raises
        ------
        RunError
            If they were made with other settings.
        """
        if not (self.folder / DOCUMENT).is_file():
            return False
        try:
            document = checked_document(self.folder)
        except ModelError:
            return False
        method, settings = pupil(self.weights.method, self.weights.overrides)
        trained = document["state"]["trained"]
        ours = (method.settings.to_dict(), settings.to_dict(), self.weights.seed, self.task)
        if ours != (document["settings"], trained["teacher"], trained["seed"], trained["task"]):
            raise RunError(
                "these weights were made with other settings than this dstan asks for",
                where=self.folder,
                hint="Give another --out, or remove the folder and the runs that rest on it",
            )
        return True


def taught(job: Teaching) -> None:
    """Teach and write the weights."""
    method, settings = pupil(job.weights.method, job.weights.overrides)
    save_model(teach(method, find_task(job.task), settings, seed=job.weights.seed), job.folder)


@dataclass(frozen=True)
class Evaluation:
    """One run's work.

    Parameters
    ----------
    run
        What is evaluated.
    clips
        Of its corpus; prepared.
    size
        Of the measurement.
    folder
        Where all weights and runs are.
    cache
        Where the prepared clips are.
    """

    run: Run
    clips: ClipSet
    size: Size
    folder: Path
    cache: Cache

    def __str__(self) -> str:
        return str(self.run)


def evaluated(job: Evaluation) -> None:
    """Evaluate; folds that are there already are kept."""
    run, size, out = job.run, job.size, run_folder(job.folder, job.run)
    if run.zero_shot:
        assert run.weights is not None
        model = load_model(weights_folder(job.folder, run.weights))
        model.settings = model.settings.replaced(run.overrides)
        evaluate(model, job.clips, protocol="zero-shot", out=out, workers=0, cache=job.cache)
        return
    evaluate(
        _fitted_anew(run, size, job.folder),
        job.clips,
        protocol=size.protocol,
        seeds=size.seeds,
        train_subjects=run.people,
        out=out,
        workers=0,
        cache=job.cache,
    )


def _fitted_anew(run: Run, size: Size, folder: Path) -> Recognizer:
    """Return what every fold of a run fits."""
    method, _ = pupil(METHOD, {})
    method = method.with_settings(method.settings.replaced({"training": {"epochs": size.epochs}}))
    if run.weights is not None:
        begin = {"weights": str(weights_folder(folder, run.weights)), "epochs": size.epochs}
        method = method.with_settings(method.settings.replaced({"init": begin}))
    return method.with_settings(method.settings.replaced(run.overrides))


def run_folder(folder: Path, run: Run) -> Path:
    """Return where a run is."""
    return folder / "runs" / run.corpus / run.name


def weights_folder(folder: Path, weights: Weights) -> Path:
    """Return where weights are."""
    return folder / "weights" / weights.name


def prepare(
    corpora: Mapping[str, ClipSet], runs: Iterable[Run], cache: Cache, *, workers: int | None, progress: Progress
) -> dict[str, ClipSet]:
    """Prepare every corpus by the recipes of all runs, so that all of them have the same clips.

    Parameters
    ----------
    corpora
        The clips of each corpus.
    runs
        All that there may ever be in a folder.
    cache
        Where prepared clips go.
    workers, progress
        As in :func:`carry_out`.

    Returns
    -------
    The clips that every recipe could prepare.
    """
    taught = {run.weights.name: run.weights for run in runs if run.weights is not None}.values()
    recipes = {made.recipe.digest(): made.recipe for made, _ in (pupil(one.method, one.overrides) for one in taught)}
    prepared = dict(corpora)
    for name, clips in prepared.items():
        for recipe in recipes.values():
            clips = prepare_clips(clips, recipe, cache, workers=workers, progress=progress)
        prepared[name] = clips
    return prepared


def carry_out(
    runs: Iterable[Run],
    prepared: Mapping[str, ClipSet],
    size: Size,
    folder: Path,
    cache: Cache,
    *,
    workers: int | None,
    progress: Progress,
) -> None:
    """Make what weights are missing, and evaluate.

    Parameters
    ----------
    runs
        What is to be there in the end; equal names count once.
    prepared
        The clips of each corpus.
    size
        Of the measurement.
    folder
        Where weights and runs go.
    cache
        Where prepared clips are.
    workers
        Processes; 0 works in this one, None takes one per usable core.
    progress
        Called as parts finish.

    Raises
    ------
    RunError
        If something failed; everything else is done by then.
    """
    wanted = list({(run.corpus, run.name): run for run in runs}.values())
    weights = {run.weights.name: run.weights for run in wanted if run.weights is not None}
    teachings = [Teaching(one, size.task, weights_folder(folder, one)) for one in weights.values()]
    missing = [one for one in teachings if not one.is_done()]
    with Engine(workers=workers, most=max(len(missing), len(wanted))) as engine:
        _all(engine, "teach", taught, missing, progress)
        jobs = [Evaluation(run, prepared[run.corpus], size, folder, cache) for run in wanted]
        _all(engine, "evaluate", evaluated, sorted(jobs, key=lambda job: -_cost(job.run, size)), progress)


def _cost(run: Run, size: Size) -> float:
    """Return roughly how long a run takes beside the others: the longest begin first."""
    if run.zero_shot:
        return 0
    init: Mapping[str, Any] = run.overrides.get("init", {})
    members = run.overrides.get("recognition", {}).get("members", 1)
    inner = 10 if init.get("epochs") == "inner" else 1
    return float(inner * members * (run.people or max([20, *filter(None, size.people)])))


def _all(engine: Engine, stage: str, function: Callable[[Job], None], jobs: Sequence[Job], progress: Progress) -> None:
    """Do all jobs, and tell of the first that failed when the others are done."""
    failed: list[tuple[Job, DstanError]] = []
    progress(stage, 0, len(jobs))
    for done, (index, outcome) in enumerate(engine.run(function, jobs), 1):
        progress(stage, done, len(jobs), str(jobs[index]))
        if isinstance(outcome, DstanError):
            failed.append((jobs[index], outcome))
    if failed:
        job, error = failed[0]
        others = f"{len(failed)} failed, the first of them with: " if len(failed) > 1 else ""
        raise RunError(
            f"{others}{error}", where=str(job), hint="The others are kept; the same command runs only what failed"
        ) from error
