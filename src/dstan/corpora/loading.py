"""The one way to load any corpus, or several as one set."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dstan._registry import look_up
from dstan.clips import ClipSet
from dstan.corpora.corpus import Corpus, Options, Survey
from dstan.corpora.registry import CORPORA
from dstan.corpora.whereabouts import root_of
from dstan.errors import ConfigError, CorpusError
from dstan.tasks import TASKS, Task, apply_task, differences, find_task, tasks_of

_log = logging.getLogger(__name__)


def load_corpus(
    name: str,
    root: Path | str | None = None,
    task: str | None = None,
    coding: str | None = None,
    frames: str | None = None,
    corrections: bool = True,
) -> ClipSet:
    """Load a corpus from disk; no frame is opened.

    Parameters
    ----------
    name
        One of :data:`CORPORA`.
    root
        The corpus's folder, its parent, or the folder that holds its frames; for ``folder`` a CSV file, or a folder
        with ``clips.csv``. None takes what the user's settings name.
    task
        The classes wanted: a name of :data:`dstan.tasks.TASKS` or a TOML file. None takes the corpus's default, "" none
        (clips keep their annotation only).
    coding
        Which coding table, where there are several: a part of its name ("20140508") or its path.
    frames
        ``raw`` or ``cropped``; None takes the raw frames where there are both.
    corrections
        Whether known errors of the coding table are corrected.

    Returns
    -------
    The clips in the order of the coding table; those left out are in ``skipped`` with their reason, and what differs
    from a complete copy is in ``notes``.

    Raises
    ------
    UnknownNameError
        If there is no such corpus or task.
    CorpusNotFoundError
        If the folder, its frames or its coding table are not there.
    AnnotationError
        If the coding table cannot be understood.
    CorpusError
        If several tables or frame folders leave a choice, or no clip can be used.
    """
    return load_corpora({name: root}, task, {name: coding} if coding else {}, frames, corrections)


def load_corpora(
    roots: Mapping[str, Path | str | None],
    task: str | None = None,
    coding: Mapping[str, str] | None = None,
    frames: str | None = None,
    corrections: bool = True,
) -> ClipSet:
    """Load several corpora as one set, in which a person is ``(corpus, subject)``.

    Parameters
    ----------
    roots
        The folder of each corpus; None takes what the user's settings name. Where it is empty, the task says which
        corpora it is defined on.
    task
        As for :func:`load_corpus`; where none is given for several corpora, it is the one that serves them all.
    coding
        The coding table of each corpus that has several.
    frames, corrections
        As for :func:`load_corpus`.

    Returns
    -------
    The clips of one corpus after the other.

    Raises
    ------
    ConfigError
        If no task or more than one serves all of the corpora.
    DstanError
        As :func:`load_corpus`.
    """
    chosen, corpora = _choose(roots, task)
    surveys = []
    for corpus in corpora:
        root = roots.get(corpus.name)
        options = Options((coding or {}).get(corpus.name), frames, corrections)
        surveys.append(corpus.survey(Path(root_of(corpus.name) if root is None else root), options))
    clips = ClipSet(
        tuple(clip for survey in surveys for clip in survey.clips),
        skipped=tuple(item for survey in surveys for item in survey.skipped),
    )
    for survey in surveys:
        if survey.skipped:
            _log.warning("%d clips of %s cannot be loaded; dstan check lists them", len(survey.skipped), survey.corpus)
    clips = apply_task(clips, chosen) if chosen else clips
    for survey in surveys:
        _check_usable(survey, clips)
    return replace(clips, notes=tuple(note for survey in surveys for note in _notes(survey, clips, chosen)))


def _choose(roots: Mapping[str, object], task: str | None) -> tuple[Task | None, list[Corpus]]:
    """Return the task, None where none is wanted, and the corpora."""
    names = list(roots) or list(find_task(task).together if task else ())
    if not names:
        raise ConfigError("no corpus is named", hint="Give --corpus, or a task of several corpora such as megc2019-3")
    corpora = [look_up("corpus", name, CORPORA) for name in names]
    if task == "":
        return None, corpora
    if task is None and len(corpora) > 1:
        task = _common_task(names)
    tasks = [task_for(corpus, task) for corpus in corpora]
    return tasks[0], corpora


def _common_task(names: Sequence[str]) -> str:
    serving = [name for name, task in TASKS.items() if set(names) <= set(task.sources)]
    if len(serving) != 1:
        found = f"these do: {', '.join(serving)}" if serving else "no known task does"
        raise ConfigError(
            f"a task must serve all of {', '.join(names)}; {found}", hint="Give --task, a name or your own TOML file"
        )
    return serving[0]


def task_for(corpus: Corpus, task: str | None) -> Task:
    """Return the task that is named, or the corpus's default.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    ConfigError
        If it does not serve the corpus.
    """
    chosen = TASKS[corpus.default_task] if task is None else find_task(task)
    if corpus.name not in chosen.sources:
        raise ConfigError(
            f"task {chosen.name} does not serve the corpus {corpus.name}, only {', '.join(chosen.sources)}",
            hint=f"Tasks of {corpus.name}: {', '.join(tasks_of(corpus.name)) or 'none'}",
        )
    return chosen


def _check_usable(survey: Survey, clips: ClipSet) -> None:
    if not any(clip.corpus == survey.corpus for clip in clips):
        own = [item for item in clips.skipped if item.corpus == survey.corpus]
        reason = f"; the first of {len(own)}: {own[0].reason}" if own else ""
        raise CorpusError(
            f"no clip can be used{reason}",
            where=survey.root,
            hint=f"See all: dstan check {survey.corpus} --root {survey.root}",
        )


def _notes(survey: Survey, clips: ClipSet, task: Task | None) -> list[str]:
    notes = [f"{survey.corpus}: read from {survey.source}"]
    if survey.corrections:
        notes.append(
            f"{survey.corpus}: {_cells(survey.corrections)} of the coding table corrected "
            "(dstan check names them, --no-corrections leaves the table as it is)"
        )
    if task:
        own = ClipSet(tuple(clip for clip in clips if clip.corpus == survey.corpus), classes=task.classes)
        different = differences(own.counts, task.sources[survey.corpus].counts_of(survey.edition))
        if unknown := task.sources[survey.corpus].unknown_edition(survey.edition):
            notes.append(f"{survey.corpus}: {task.name} {unknown}")
        if different:
            notes.append(f"{survey.corpus}: {task.name} expects other counts of a complete copy: {different}")
    return notes


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"
