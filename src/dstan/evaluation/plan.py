"""What every evaluation begins with and ends on: a folder, clips, folds, and tasks that are run until all are done."""

from __future__ import annotations

import csv
import io
import logging
import re
import shutil
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan import _atomic
from dstan._engine import Engine, usable_cores
from dstan._progress import Progress
from dstan.clips import ClipSet, PreparedClip, Skipped
from dstan.errors import ConfigError, DstanError, RunError, StorageError
from dstan.evaluation.continuing import alone_in, open_run
from dstan.evaluation.folds import FoldTask, run_fold
from dstan.evaluation.inputs import INPUTS, Inputs, forget_inputs, keep_inputs, load_inputs, prepare_inputs
from dstan.evaluation.protocols import ZERO_SHOT, make_folds, with_train_subjects
from dstan.evaluation.results import SKIPPED
from dstan.evaluation.zero_shot import digest_of_model
from dstan.recognizers import Recognizer
from dstan.splits import Fold
from dstan.training.memory import fits_at_once

if TYPE_CHECKING:
    from dstan.preprocessing.cache import Cache
    from dstan.preprocessing.recipe import Recipe

log = logging.getLogger(__name__)

PREPARED = ".prepared"
GPU_MEMORY = "gpu_memory"
"""What a worker of a cluster calls the bytes of a GPU that it may take."""


@dataclass(frozen=True)
class Plan:
    """An evaluation that is ready to begin.

    Parameters
    ----------
    run
        The run's folder.
    inputs
        The clips, prepared.
    folds
        How the protocol splits them.
    protocol, test_corpora
        Which that is.
    seeds
        How many times everything is fitted.
    device
        Where to train.
    train_subjects
        How many people of each training part are learned from; None for all.
    with_faces
        Whether the run's folder may hold what shows people.
    """

    run: Path
    inputs: Inputs
    folds: tuple[Fold, ...]
    protocol: str
    test_corpora: tuple[str, ...]
    seeds: int
    device: str
    train_subjects: int | None = None
    with_faces: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """The task's classes in order."""
        return self.inputs.clips.classes

    @property
    def rounds(self) -> list[tuple[int, Fold]]:
        """Every seed with every fold, its training part as the seed makes it."""
        clips, n = self.inputs.clips, self.train_subjects
        return [(seed, fold) for seed in range(self.seeds) for fold in with_train_subjects(self.folds, clips, n, seed)]

    @property
    def is_zero_shot(self) -> bool:
        """Whether nothing is learned: models are applied as they are."""
        return self.protocol == ZERO_SHOT

    def begin(self, info: Mapping[str, Any]) -> None:
        """Write what a run's folder holds before the first fold, or see that it holds just that.

        Parameters
        ----------
        info
            For ``run.json``.

        Raises
        ------
        RunError
            If the folder belongs to another run.
        """
        _atomic.sweep(self.run)
        open_run(self.run, info)
        _write_skipped(self.run / SKIPPED, self.inputs.clips.skipped)
        self.inputs.write(self.run / INPUTS)

    def task(self, recognizer: Recognizer, seed: int, fold: Fold, *, is_part: bool = False) -> FoldTask:
        """Return the fit of one method in one fold at one seed.

        Parameters
        ----------
        recognizer
            The method, unfitted.
        seed
            The run's seed.
        fold
            What to learn from and what to predict.
        is_part
            Whether another method is made of it, which needs its model.
        """
        known = digest_of_model(recognizer) if self.is_zero_shot else ""
        return FoldTask(
            model=known,
            keeps_model=not known,
            with_faces=self.with_faces or is_part,
            recognizer=recognizer,
            fold=fold,
            seed=seed,
            classes=self.classes,
            device=self.device,
            run=self.run,
            inputs=(self.run / INPUTS, self.inputs.digest, self.inputs.key(recognizer.recipe)),
        )


@contextmanager
def planned(
    clips: ClipSet | Sequence[PreparedClip],
    recipes: Sequence[Recipe],
    *,
    classes: Sequence[str] | None,
    protocol: str,
    test_corpora: Sequence[str],
    seeds: int,
    out: Path | None,
    workers: int | None,
    cluster: str | None,
    task_limit: float | None,
    cache: Cache | None,
    progress: Progress,
    device: str,
    strict: bool,
    train_subjects: int | None = None,
    with_faces: bool = False,
) -> Iterator[Plan]:
    """Prepare clips and split them; nothing stays loaded afterwards, and no clip stays copied.

    Parameters
    ----------
    clips
        A corpus, or clips that are prepared already.
    recipes
        What a corpus is prepared by.
    classes, protocol, test_corpora, seeds, out, workers, cluster, task_limit, cache, progress, device, strict,
    train_subjects
        As in :func:`dstan.evaluation.evaluate`.
    with_faces
        As there.

    Yields
    ------
    The plan; nothing is written into the run's folder yet but copies of prepared clips.
    """
    if seeds < 1:
        raise ConfigError(f"seeds must be 1 or more, not {seeds}")
    labelled = clips if isinstance(clips, ClipSet) else [prepared.clip for prepared in clips]
    with _home(out) as run:
        whole = make_folds(protocol, labelled, test_corpora)  # what cannot be split is said before hours of preparation
        for seed in range(seeds):
            with_train_subjects(whole, labelled, train_subjects, seed)
        if isinstance(clips, ClipSet):
            inputs = prepare_inputs(
                clips,
                recipes,
                classes,
                cache,
                workers=workers,
                cluster=cluster,
                task_limit=task_limit,
                progress=progress,
                strict=strict,
            )
        else:
            inputs = keep_inputs(clips, classes, run / PREPARED)
        folds = make_folds(protocol, inputs.clips, test_corpora)
        _warn_of_missing_classes(inputs.clips, folds)
        plan = Plan(run, inputs, folds, protocol, tuple(test_corpora), seeds, device, train_subjects, with_faces)
        assert plan.rounds  # who is drawn of the clips that could be prepared shows several classes, too
        yield plan


def check_method(recognizer: Recognizer) -> None:
    """Raise ConfigError where a method could never be fitted, hours before it would be: its name, its files."""
    check_name(recognizer)
    recognizer.given()


def check_name(recognizer: Recognizer) -> None:
    """Raise ConfigError where a method's name cannot become a folder."""
    if not re.fullmatch(r"[\w][\w.+-]*", recognizer.name):
        raise ConfigError("a method's name becomes a folder: letters, digits, . + - _", where=recognizer.name)


@contextmanager
def _home(out: Path | None) -> Iterator[Path]:
    """Give the run's folder, or a temporary one; nothing stays loaded and no clip stays copied."""
    try:
        if out is None:
            with tempfile.TemporaryDirectory(prefix="dstan-") as temporary:
                yield Path(temporary)
        else:
            folder = Path(out).absolute()
            with alone_in(folder):
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder / PREPARED, ignore_errors=True)
    finally:
        forget_inputs()


def _warn_of_missing_classes(clips: ClipSet, folds: Sequence[Fold]) -> None:
    """Tell of classes that a tested corpus has no clip of: its means over classes cannot reach 1."""
    seen: dict[str, set[str | None]] = {}
    for index in (index for fold in folds for index in fold.test):
        seen.setdefault(clips[index].corpus, set()).add(clips[index].label)
    for corpus, labels in seen.items():
        missing = [name for name in clips.classes if name not in labels]
        if missing:
            log.warning("%s has no clip of %s, which counts as 0 in its UF1 and UAR", corpus, ", ".join(missing))


def _write_skipped(path: Path, skipped: Sequence[Skipped]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Skipped.__dataclass_fields__)
    writer.writerows((item.corpus, item.subject, item.clip_id, item.stage, item.reason) for item in skipped)
    _atomic.write_text(path, text.getvalue())


def engine_for(
    tasks: Sequence[FoldTask], *, workers: int | None, cluster: str | None, task_limit: float | None
) -> Engine:
    """Return what runs fits, as many at a time as the memory of their device has room for.

    Parameters
    ----------
    tasks
        What is to be run, all on one device.
    workers
        Processes on this machine: see :func:`workers_for`.
    cluster
        A running cluster instead. For fits on a GPU each worker has to say how many bytes of its memory are the
        worker's own: ``dask worker ... --resources gpu_memory=8e9``.
    task_limit
        As in :func:`dstan._engine.run_tasks`.

    Raises
    ------
    ConfigError
        If a GPU has no room for one fit.
    """
    if cluster is None:
        return Engine(workers=workers_for(tasks, workers), task_limit=task_limit, most=len(tasks))
    need = _largest_need(tasks) if tasks[0].device != "cpu" else 0
    resources = {GPU_MEMORY: float(need)} if need else None
    return Engine(cluster=cluster, task_limit=task_limit, most=len(tasks), resources=resources)


def workers_for(tasks: Sequence[FoldTask], workers: int | None) -> int | None:
    """Return how many processes to start: one a core, but no more than the device's memory has room for.

    Parameters
    ----------
    tasks
        What is to be run, all on one device.
    workers
        As many as were asked for. On a CPU they are started; on a GPU only those for which there is room.

    Raises
    ------
    ConfigError
        If a GPU has no room for one fit.
    """
    if workers == 0 or (tasks[0].device == "cpu" and workers is not None) or not (need := _largest_need(tasks)):
        return workers
    most = usable_cores() if workers is None else workers
    room = fits_at_once(tasks[0].device, need)
    if room < most:
        log.warning("memory for %d fits at a time, of %.1f GiB each, where %d could run", room, need / 2**30, most)
    return min(room, most)


def _largest_need(tasks: Sequence[FoldTask]) -> int:
    """Return the bytes that the largest of the fits takes; 0 where none is known to take any."""
    alone = sorted((task for task in tasks if not task.components and not task.model), key=_learned_clips)
    fits = {(task.recognizer.name, task.recognizer.settings.digest()): task for task in alone}  # the largest of each
    needs = [
        task.recognizer.memory(load_inputs(*task.inputs)[task.fold.train[0]], len(task.fold.train), task.device)
        for task in fits.values()
    ]
    forget_inputs()
    return max(needs, default=0)


def _learned_clips(task: FoldTask) -> int:
    return len(task.fold.train)


def run_all(tasks: Sequence[FoldTask], engine: Engine, progress: Progress) -> None:
    """Run what is not finished, the parts before the whole.

    Parameters
    ----------
    tasks
        All of them, also those that others need.
    engine
        Where they run.
    progress
        Called as they finish.

    Raises
    ------
    RunError
        If some failed; all others have been finished by then.
    StorageError
        If one could not be written: the next could not either.
    """
    needed = {part.folder for task in tasks if not task.is_finished() for part in task.components}
    done = sum(_is_done(task, needed) for task in tasks)
    progress("evaluate", done, len(tasks), "already finished" if done else "")
    failed: dict[Path, tuple[str, DstanError]] = {}
    for joined in (False, True):
        waiting = [task for task in tasks if bool(task.components) == joined and not _is_done(task, needed)]
        ready = [task for task in waiting if not failed.keys() & {part.folder for part in task.components}]
        for index, outcome in engine.run(run_fold, ready):
            done += 1
            progress("evaluate", done, len(tasks), str(ready[index]))
            if isinstance(outcome, StorageError):
                raise outcome
            if isinstance(outcome, DstanError):
                failed[ready[index].folder] = str(ready[index]), outcome
            else:
                _warn_of_restarts(ready[index], outcome)
    if failed:
        name, error = next(iter(failed.values()))
        others = f"{len(failed)} folds failed, the first of them with: " if len(failed) > 1 else ""
        raise RunError(
            f"{others}{error}",
            where=name,
            hint="The other folds are finished and kept; the same command runs only what failed",
        ) from error


def _warn_of_restarts(task: FoldTask, dynamics: Mapping[str, Mapping[str, Any]]) -> None:
    """Tell of a fit that diverged and was begun again; a joined fit's are told of where they were made."""
    for found in () if task.components else dynamics.values():
        restart = found["restart"]
        if restart is not None:
            log.warning(
                "%s: %s; begun again with a learning rate of %g", task, restart["reason"], restart["retried_with"]
            )


def _is_done(task: FoldTask, needed: Container[Path]) -> bool:
    """Tell whether a fit is finished, with its model where an unfinished one is made of it."""
    return task.is_finished() and (task.folder not in needed or task.has_model())
