"""Evaluation: fit and predict every fold, so that nobody is judged by a model that has seen them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from dstan._progress import Progress, silent
from dstan.clips import ClipSet, PreparedClip
from dstan.errors import ConfigError
from dstan.evaluation.folds import FoldTask
from dstan.evaluation.information import describe
from dstan.evaluation.plan import check_method, check_name, engine_for, planned, run_all
from dstan.evaluation.protocols import ZERO_SHOT
from dstan.evaluation.results import Result, collect
from dstan.evaluation.zero_shot import check_zero_shot
from dstan.recognizers import Recognizer
from dstan.recognizers.origins import check_unseen

if TYPE_CHECKING:
    from dstan.preprocessing.cache import Cache


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
    task_limit: float | None = None,
    cache: Cache | None = None,
    progress: Progress = silent,
    device: str = "cpu",
    strict: bool = False,
    train_subjects: int | None = None,
    with_faces: bool = False,
) -> Result | dict[str, Result]:
    """Score methods on people whom they have not seen.

    What a method is made of (the streams of DSTAN) is fitted once per fold, shared, and kept in the run beside the
    methods asked for.

    Parameters
    ----------
    recognizers
        One method or several, unfitted; they are copied and fitted anew in every fold. For ``"zero-shot"`` fitted
        ones, which are applied as they are.
    clips
        A corpus, prepared on the way, or clips that are prepared already. All must be labelled.
    classes
        The classes in order; those of the corpus where not given, or else the labels present, sorted.
    protocol
        ``"loso"`` leaves every person out once, ``"kfold-subject"`` a fifth of them at a time, ``"cde"`` every person
        of several corpora once, ``"hde"`` a whole corpus at a time, ``"zero-shot"`` nobody: models that were fitted
        before predict every clip.
    test_corpora
        For ``"hde"``: the corpora to test on; the others are learned from only. Each in turn where none is named.
    seeds
        How many times everything is fitted, with the seeds 0, 1, ...
    out
        The run's folder; a run that was stopped goes on there. Without one nothing is kept but what is returned.
    workers
        Processes on this machine; 0 works in this process, None takes one per usable core.
    cluster
        Address of a running Dask scheduler instead, or the file that it wrote it to; ``out`` and the cache must be on
        storage that it shares.
    task_limit
        Seconds that a clip's preparation or a fold may take: what takes longer is stopped, tried once more, and then
        named. Not set: an hour for a clip, no limit for a fold. In this process there is none.
    cache
        Where prepared clips are kept; the user's own cache where not given.
    progress
        Called as folds finish.
    device
        Where to train: "cpu", "cuda", "cuda:1" ...
    strict
        Whether a clip that cannot be prepared is an error instead of being skipped and counted.
    train_subjects
        How many people of each training part are learned from, at least 2: drawn by seed and fold, the same for every
        method and run. All where not given, and where there are no more.
    with_faces
        Whether the models of folds are kept also where they hold the mean picture of the people learned from; that of
        a person can be computed from those of several folds.

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
        If two methods have one name, a number is out of range, or the protocol takes no ``test_corpora``. If a model
        is to be applied as it is that is not fitted, or has other classes.
    ModelError
        If a model, or the weights that a method begins from, was learned from a corpus that is evaluated.
    RunError
        If ``out`` belongs to other settings (the message names the first difference), or some folds failed; the
        other folds are finished and kept all the same.
    """
    methods, components = _by_name(_listed(recognizers), check_name if protocol == ZERO_SHOT else check_method)
    corpora = {clip.corpus for clip in (clips if isinstance(clips, ClipSet) else (one.clip for one in clips))}
    if protocol == ZERO_SHOT:
        components = {}
        check_zero_shot(methods.values(), clips, classes, seeds=seeds, train_subjects=train_subjects)
    else:
        for one in methods.values():
            check_unseen(one.begun_from(), corpora, f"the weights that {one.name} begins from")
    everyone = components | methods
    with planned(
        clips,
        [recognizer.recipe for recognizer in everyone.values()],
        classes=classes,
        protocol=protocol,
        test_corpora=test_corpora,
        seeds=seeds,
        out=out,
        workers=workers,
        cluster=cluster,
        task_limit=task_limit,
        cache=cache,
        progress=progress,
        device=device,
        strict=strict,
        train_subjects=train_subjects,
        with_faces=with_faces,
    ) as plan:
        plan.begin(describe(methods, components, plan))
        ordered = sorted(everyone.values(), key=lambda recognizer: bool(recognizer.components()))
        parts = {part.name for one in ordered for part in one.components()}
        tasks = [
            plan.task(recognizer, seed, fold, is_part=recognizer.name in parts)
            for recognizer in ordered
            for seed, fold in plan.rounds
        ]
        with engine_for(tasks, workers=workers, cluster=cluster, task_limit=task_limit) as engine:
            run_all(tasks, engine, progress)
        results = _collect(tasks, plan.classes)
    return (
        results[recognizers.name] if isinstance(recognizers, Recognizer) else {name: results[name] for name in methods}
    )


def _listed(recognizers: Any) -> list[Recognizer]:
    """Return one or several as a list, after a look at whether they are recognisers."""
    several = isinstance(recognizers, Iterable) and not isinstance(recognizers, str)
    listed = list(recognizers) if several else [recognizers]
    for one in listed:
        if not isinstance(one, Recognizer):
            raise ConfigError(
                f"{one!r} is not a recogniser",
                hint="Make one: of a class by calling it, of a name by dstan.recognizers.recognizer(NAME)",
            )
    return listed


def _by_name(
    recognizers: Sequence[Recognizer], check: Callable[[Recognizer], None]
) -> tuple[dict[str, Recognizer], dict[str, Recognizer]]:
    """Return the methods asked for and what else they are made of, and see that a name means one thing."""
    methods: dict[str, Recognizer] = {}
    for recognizer in recognizers:
        if recognizer.name in methods:
            raise ConfigError("two methods have this name", where=recognizer.name, hint="Evaluate them in two runs")
        check(recognizer)
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


def _collect(tasks: Sequence[FoldTask], classes: tuple[str, ...]) -> dict[str, Result]:
    by_method: dict[str, list[FoldTask]] = {}
    for task in tasks:
        by_method.setdefault(task.recognizer.name, []).append(task)
    return {name: collect(own[0].run, name, classes, [task.folder for task in own]) for name, own in by_method.items()}
