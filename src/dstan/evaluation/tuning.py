"""Tuning: any settings chosen by an inner search, afresh in every fold, so that nobody tested has a say in it.

In each fold the people of the training part are split once more. Every candidate is fitted and scored on these inner
folds; the best one is fitted on the whole training part and predicts the test part. The inner scores choose and are
no results: the largest of several scores is too good.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan import _atomic
from dstan._progress import Progress, silent
from dstan.clips import Clip, ClipSet, PreparedClip
from dstan.errors import ConfigError, CorpusError
from dstan.evaluation.candidates import SCORE, Candidate, Choice, Search, make_candidates, values_tried
from dstan.evaluation.continuing import TUNED
from dstan.evaluation.folds import PREDICTIONS, FoldTask
from dstan.evaluation.information import describe
from dstan.evaluation.plan import Plan, check_method, engine_for, planned, run_all
from dstan.evaluation.protocols import ZERO_SHOT, make_folds
from dstan.evaluation.results import Result, collect
from dstan.metrics import confusion_matrix, scores_of_many
from dstan.recognizers import Recognizer
from dstan.recognizers.origins import check_unseen
from dstan.splits import Fold, kfold_by_subject

if TYPE_CHECKING:
    from dstan.preprocessing.cache import Cache

SEARCH = "search"


@dataclass(frozen=True)
class Tuned:
    """What tuning gives: an honest result, and the search behind it.

    Parameters
    ----------
    result
        The scores on people who had no part in any choice.
    search
        What was tried and chosen.
    """

    result: Result
    search: Search


def tune(
    recognizer: Recognizer,
    grid: Mapping[str, Sequence[Any]],
    clips: ClipSet | Sequence[PreparedClip],
    *,
    parts: int = 5,
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
    with_faces: bool = False,
) -> Tuned:
    """Score a method whose settings are chosen in every fold by the people of its training part.

    Parameters
    ----------
    recognizer
        The method, unfitted, with the settings that are not chosen.
    grid
        The values to try of each setting, by its name with dots; every combination is a candidate.
    clips
        A corpus, prepared on the way, or clips that are prepared already. All must be labelled.
    parts
        Inner folds, at least 2; where a training part has fewer people, each is an inner fold of their own.
    classes, protocol, test_corpora, seeds, out, workers, cluster, task_limit, cache, progress, device, strict
        As in :func:`dstan.evaluation.evaluate`.
    with_faces
        As there.

    Returns
    -------
    The result and the search; in the run's folder they are as those of :func:`dstan.evaluation.evaluate`, and
    ``search.json``.

    Raises
    ------
    ConfigError
        If a setting is unknown, a value does not fit, there is nothing to choose from, or a number is out of range.
    CorpusError
        If a fold's training part cannot be split again, and as in :func:`dstan.evaluation.evaluate`.
    UnknownNameError, RunError
        As in :func:`dstan.evaluation.evaluate`.
    """
    candidates = make_candidates(recognizer, grid)
    for candidate in candidates:
        check_method(candidate.recognizer)
    if protocol == ZERO_SHOT:
        raise ConfigError("nothing is learned, so nothing can be chosen", where=protocol, hint="Use dstan evaluate")
    if parts < 2:
        raise ConfigError(f"parts must be 2 or more, not {parts}", hint="People of one part are scored by the others")
    labelled = clips if isinstance(clips, ClipSet) else [prepared.clip for prepared in clips]
    for candidate in candidates:
        begun = candidate.recognizer.begun_from()
        check_unseen(begun, {clip.corpus for clip in labelled}, f"the weights that {recognizer.name} begins from")
    for fold in make_folds(protocol, labelled, test_corpora):
        inner_folds(labelled, fold, parts)  # what cannot be split is said before hours of preparation
    with planned(
        clips,
        [candidate.recognizer.recipe for candidate in candidates],
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
        with_faces=with_faces,
    ) as plan:
        how = dict(zip(TUNED, (values_tried(candidates), parts), strict=True))
        plan.begin(describe({recognizer.name: recognizer}, {}, plan, how))
        search, last = _searched(plan, candidates, parts, progress, workers, cluster, task_limit)
        return Tuned(collect(plan.run, recognizer.name, plan.classes, last), search)


def inner_folds(clips: Sequence[Clip], fold: Fold, parts: int) -> tuple[Fold, ...]:
    """Split the people of a fold's training part once more.

    Parameters
    ----------
    clips
        All clips, labelled.
    fold
        The outer fold; its test part is left alone.
    parts
        Inner folds; where the training part has fewer people, one for each of them.

    Returns
    -------
    The inner folds, "sub01 part1" and so on; positions are those of ``clips``.

    Raises
    ------
    CorpusError
        If the training part is of one person, or an inner training part has one class only.
    """
    people = [clips[index].person for index in fold.train]
    if len(set(people)) < 2:
        raise CorpusError(
            "its training part is of one person, whom no inner fold can hold out",
            where=f"fold {fold.name}",
            hint="Tune on three people or more",
        )
    found = []
    for inner in kfold_by_subject(people, min(parts, len(set(people)))):
        train, test = (tuple(fold.train[index] for index in side) for side in (inner.train, inner.test))
        labels = {clips[index].label for index in train}
        if len(labels) < 2:
            raise CorpusError(
                f"without the inner {inner.name} all training clips are {labels.pop()!r}, so nothing can be learned",
                where=f"fold {fold.name}",
                hint="Use another number of --parts, or add people who show the other classes",
            )
        found.append(Fold(f"{fold.name} {inner.name}", train, test))
    return tuple(found)


def _searched(
    plan: Plan,
    candidates: Sequence[Candidate],
    parts: int,
    progress: Progress,
    workers: int | None,
    cluster: str | None,
    task_limit: float | None,
) -> tuple[Search, list[Path]]:
    """Search in every fold, then fit and predict with what was chosen; return the folders of these last fits."""
    home = plan.run / candidates[0].recognizer.name
    tried = _inner_tasks(plan, candidates, home / SEARCH, parts)
    inner = _with_components(task for own in tried.values() for tasks in own for task in tasks)
    possible = [_with_components(_last_tasks(plan, [one] * len(tried), home / SEARCH)) for one in candidates]
    total = len(inner) + len(possible[0])
    every = [*inner, *itertools.chain(*possible)]
    with engine_for(every, workers=workers, cluster=cluster, task_limit=task_limit) as engine:
        run_all(inner, engine, _one_part(progress, 0, total))
        for task in inner:
            task.forget_model()
        choices = [
            Choice(fold.name, seed, tuple(_score(tasks, plan.classes) for tasks in tried[seed, fold]))
            for seed, fold in plan.rounds
        ]
        search = Search(tuple(candidate.values for candidate in candidates), parts, tuple(choices))
        _atomic.write_json(home / f"{SEARCH}.json", search.to_dict())
        last = _last_tasks(plan, [candidates[choice.chosen] for choice in choices], home / SEARCH)
        run_all(_with_components(last), engine, _one_part(progress, len(inner), total))
    for task in last:
        for component in task.components:
            component.forget_model()
    return search, [task.folder for task in last]


def _inner_tasks(
    plan: Plan, candidates: Sequence[Candidate], home: Path, parts: int
) -> dict[tuple[int, Fold], list[list[FoldTask]]]:
    """List, for each seed and fold, the inner fits of every candidate; candidates share equal components."""
    tried: dict[tuple[int, Fold], list[list[FoldTask]]] = {key: [] for key in plan.rounds}
    first: dict[tuple[str, str], int] = {}
    for number, candidate in enumerate(candidates):
        made_of = candidate.recognizer.components()
        owners = [first.setdefault((part.name, part.settings.digest()), number) for part in made_of]
        for (seed, fold), own in tried.items():
            tasks = [
                replace(
                    plan.task(candidate.recognizer, seed, inner),
                    run=home / f"candidate{number}",
                    parts=tuple(home / f"candidate{owner}" for owner in owners),
                    keeps_model=False,
                    about=str(candidate),
                )
                for inner in inner_folds(plan.inputs.clips, fold, parts)
            ]
            own.append(tasks)
    return tried


def _last_tasks(plan: Plan, chosen: Sequence[Candidate], home: Path) -> list[FoldTask]:
    """List the fits that are scored, one a seed and fold; what they are made of stays with the search."""
    return [
        replace(
            plan.task(candidate.recognizer, seed, fold),
            parts=(home / "final",) * len(candidate.recognizer.components()),
            about=str(candidate),
        )
        for (seed, fold), candidate in zip(plan.rounds, chosen, strict=True)
    ]


def _with_components(tasks: Iterable[FoldTask]) -> list[FoldTask]:
    return list({one.folder: one for task in tasks for one in (*task.components, task)}.values())


def _score(tasks: Sequence[FoldTask], classes: Sequence[str]) -> float:
    """Pool the predictions of all inner folds; equal scores are equal to the last digit, so that ties are ties."""
    rows: list[dict[str, str]] = []
    for task in tasks:
        with (task.folder / PREDICTIONS).open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    pooled = confusion_matrix([row["y_true"] for row in rows], [row["y_pred"] for row in rows], classes)
    return round(float(scores_of_many(pooled)[SCORE]), 12)


def _one_part(progress: Progress, before: int, total: int) -> Progress:
    """Count the fits of one round among those of all."""
    return lambda stage, done, of, note="": progress("tune", before + done, total, note)
