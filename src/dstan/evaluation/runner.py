"""Evaluation: fit and predict every fold, so that nobody is judged by a model that has seen them."""

from __future__ import annotations

import csv
import io
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from dstan import _atomic
from dstan._engine import Engine
from dstan._progress import Progress, silent
from dstan.clips import ClipSet, PreparedClip, Skipped
from dstan.errors import ConfigError, DstanError, RunError
from dstan.evaluation.folds import FoldTask, run_fold
from dstan.evaluation.information import check_folder, describe, open_run
from dstan.evaluation.inputs import Inputs, keep_inputs, load_inputs, prepare_inputs
from dstan.evaluation.protocols import make_folds
from dstan.evaluation.results import SKIPPED, Result, collect
from dstan.recognizers import Recognizer
from dstan.splits import Fold

if TYPE_CHECKING:
    from dstan.preprocessing.cache import Cache

log = logging.getLogger(__name__)

INPUTS, PREPARED = "inputs.json", ".prepared"


@overload
def evaluate(  # numpydoc ignore=GL08
    recognizers: Recognizer, clips: ClipSet | Sequence[PreparedClip], **options: Any
) -> Result: ...
@overload
def evaluate(  # numpydoc ignore=GL08
    recognizers: Sequence[Recognizer], clips: ClipSet | Sequence[PreparedClip], **options: Any
) -> dict[str, Result]: ...
def evaluate(  # type: ignore[misc]  # the overloads leave the options to this signature
    recognizers: Recognizer | Sequence[Recognizer],
    clips: ClipSet | Sequence[PreparedClip],
    *,
    classes: Sequence[str] | None = None,
    protocol: str = "loso",
    test_corpora: Sequence[str] = (),
    seeds: int = 1,
    out: Path | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    cache: Cache | None = None,
    progress: Progress = silent,
    device: str = "cpu",
    strict: bool = False,
) -> Result | dict[str, Result]:
    """Score methods on people whom they have not seen.

    What a method is made of (the streams of DSTAN) is fitted once per fold, shared, and kept in the run beside the
    methods asked for.

    Parameters
    ----------
    recognizers
        One method or several, unfitted; they are copied and fitted anew in every fold.
    clips
        A corpus, prepared on the way, or clips that are prepared already. All must be labelled.
    classes
        The classes in order; those of the corpus where not given, or else the labels present, sorted.
    protocol
        ``"loso"`` leaves every person out once, ``"kfold-subject"`` a fifth of them at a time, ``"cde"`` every person
        of several corpora once, ``"hde"`` a whole corpus at a time.
    test_corpora
        For ``"hde"``: the corpora to test on; the others are learned from only. Each in turn where none is named.
    seeds
        How many times everything is fitted, with the seeds 0, 1, ...
    out
        The run's folder; a run that was stopped goes on there. Without one nothing is kept but what is returned.
    workers
        Processes on this machine; 0 works in this process, None takes one per usable core.
    cluster
        Address of a running Dask scheduler instead; ``out`` and the cache must be on storage that it shares.
    cache
        Where prepared clips are kept; the user's own cache where not given.
    progress
        Called as folds finish.
    device
        Where to train: "cpu", "cuda", "cuda:1" ...
    strict
        Whether a clip that cannot be prepared is an error instead of being skipped and counted.

    Returns
    -------
    The result, or for several methods a dictionary of results by name.

    Raises
    ------
    CorpusError
        If a clip has no label, some fold could not be learned from, or the protocol needs several corpora.
    UnknownNameError
        If there is no such protocol, or no clip of a corpus to test on.
    ConfigError
        If two methods have one name, a number is out of range, or the protocol takes no ``test_corpora``.
    RunError
        If ``out`` belongs to other settings (the message names the first difference), or some folds failed; the
        other folds are finished and kept all the same.
    """
    methods, components = _by_name([recognizers] if isinstance(recognizers, Recognizer) else recognizers)
    everyone = components | methods
    if seeds < 1:
        raise ConfigError(f"seeds must be 1 or more, not {seeds}")
    labelled = clips if isinstance(clips, ClipSet) else [prepared.clip for prepared in clips]
    with _home(out) as run:
        make_folds(protocol, labelled, test_corpora)  # what cannot be split is said before hours of preparation
        if isinstance(clips, ClipSet):
            recipes = [recognizer.recipe for recognizer in everyone.values()]
            inputs = prepare_inputs(
                clips, recipes, classes, cache, workers=workers, cluster=cluster, progress=progress, strict=strict
            )
        else:
            inputs = keep_inputs(clips, classes, run / PREPARED)
        folds = make_folds(protocol, inputs.clips, test_corpora)
        _warn_of_missing_classes(inputs.clips, folds)
        info = describe(
            methods, components, inputs, protocol=protocol, test_corpora=test_corpora, seeds=seeds, device=device
        )
        open_run(run, info)
        _write_skipped(run / SKIPPED, inputs.clips.skipped)
        tasks = _plan(everyone, inputs, run, [(seed, fold) for seed in range(seeds) for fold in folds], device)
        with Engine(workers=workers, cluster=cluster, most=len(tasks)) as engine:
            _run_all(tasks, engine, progress)
        results = _collect(tasks, inputs.clips.classes)
    return (
        results[recognizers.name] if isinstance(recognizers, Recognizer) else {name: results[name] for name in methods}
    )


def _by_name(recognizers: Sequence[Recognizer]) -> tuple[dict[str, Recognizer], dict[str, Recognizer]]:
    """Return the methods asked for and what else they are made of, and see that a name means one thing."""
    methods: dict[str, Recognizer] = {}
    for recognizer in recognizers:
        if recognizer.name in methods:
            raise ConfigError("two methods have this name", where=recognizer.name, hint="Evaluate them in two runs")
        if not re.fullmatch(r"[\w][\w.+-]*", recognizer.name):
            raise ConfigError("a method's name becomes a folder: letters, digits, . + - _", where=recognizer.name)
        methods[recognizer.name] = recognizer
    if not methods:
        raise ConfigError("there is no method to evaluate", hint="Name at least one: dstan methods")
    components: dict[str, Recognizer] = {}
    for recognizer in recognizers:
        for part in recognizer.components():
            other = methods.get(part.name) or components.setdefault(part.name, part)
            if other.settings != part.settings:
                raise ConfigError(
                    f"{recognizer.name} is made of another {part.name} than that of this run",
                    where=recognizer.name,
                    hint="Give both the same settings, or evaluate them in two runs",
                )
    return methods, components


@contextmanager
def _home(out: Path | None) -> Iterator[Path]:
    """Give the run's folder, or a temporary one; nothing stays loaded and no clip stays copied."""
    try:
        if out is None:
            with tempfile.TemporaryDirectory(prefix="dstan-") as temporary:
                yield Path(temporary)
        else:
            folder = Path(out).absolute()
            check_folder(folder)
            yield folder
            shutil.rmtree(folder / PREPARED, ignore_errors=True)
    finally:
        load_inputs.cache_clear()


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


def _plan(
    recognizers: Mapping[str, Recognizer],
    inputs: Inputs,
    run: Path,
    folds: Sequence[tuple[int, Fold]],
    device: str,
) -> list[FoldTask]:
    """List every fit of the run: what others are made of comes first."""
    inputs.write(run / INPUTS)
    ordered = sorted(recognizers.values(), key=lambda recognizer: bool(recognizer.components()))
    return [
        FoldTask(
            recognizer=recognizer,
            fold=fold,
            seed=seed,
            classes=inputs.clips.classes,
            device=device,
            run=run,
            inputs=(run / INPUTS, inputs.digest, inputs.key(recognizer.recipe)),
        )
        for recognizer in ordered
        for seed, fold in folds
    ]


def _run_all(tasks: Sequence[FoldTask], engine: Engine, progress: Progress) -> None:
    """Run what is not finished, the parts before the whole.

    Raises
    ------
    RunError
        If some failed; all others have been finished by then.
    """
    done = sum(task.is_finished() for task in tasks)
    progress("evaluate", done, len(tasks), "already finished" if done else "")
    failed: dict[str, DstanError] = {}
    for joined in (False, True):
        waiting = [task for task in tasks if bool(task.components) == joined and not task.is_finished()]
        ready = [task for task in waiting if not failed.keys() & set(map(str, task.components))]
        for index, outcome in engine.run(run_fold, ready):
            done += 1
            progress("evaluate", done, len(tasks), str(ready[index]))
            if isinstance(outcome, DstanError):
                failed[str(ready[index])] = outcome
    if failed:
        name, error = next(iter(failed.items()))
        others = f"{len(failed)} folds failed, the first of them with: " if len(failed) > 1 else ""
        raise RunError(
            f"{others}{error}",
            where=name,
            hint="The other folds are finished and kept; the same command runs only what failed",
        ) from error


def _collect(tasks: Sequence[FoldTask], classes: tuple[str, ...]) -> dict[str, Result]:
    by_method: dict[str, list[FoldTask]] = {}
    for task in tasks:
        by_method.setdefault(task.recognizer.name, []).append(task)
    return {name: collect(own[0].run, name, classes, [task.folder for task in own]) for name, own in by_method.items()}
