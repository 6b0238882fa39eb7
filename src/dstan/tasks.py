"""Tasks: which annotated emotions make which classes.

A task names its classes in the order of every table, and for each corpus that it serves the column that it reads, the
class of each word in it, the words that it leaves out on purpose, and the counts that a complete copy must give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dstan._registry import look_up, nearest_first
from dstan.clips import Clip, ClipSet, Skipped
from dstan.errors import ClipError, ConfigError


@dataclass(frozen=True)
class Source:
    """How a task reads one corpus.

    Parameters
    ----------
    column
        The key of ``Clip.annotation`` that holds the emotion.
    mapping
        The class of each word, lower case; empty where every word is a class of its own.
    dropped
        Words that the task knows and leaves out.
    expected
        Clips of each class in a complete copy, for each edition of the coding table.
    """

    column: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    expected: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def word(self, clip: Clip) -> str:
        """Return what the table says about a clip, in lower case and with single spaces."""
        return " ".join(clip.annotation.get(self.column, "").split()).casefold()

    def class_of(self, clip: Clip) -> str:
        """Return a clip's class.

        Raises
        ------
        ClipError
            If the clip has no word for it, or one that the task leaves out or does not know.
        """
        written = clip.annotation.get(self.column, "").strip()
        row = f" ({clip.annotation['Row']})" if "Row" in clip.annotation else ""
        word = self.word(clip)
        if not word:
            raise ClipError(f"has no {self.column}{row}", where=clip)
        if not self.mapping:
            return written
        if word in self.mapping:
            return self.mapping[word]
        if word in self.dropped:
            raise ClipError(f"{word} is not part of the task", where=clip)
        nearest = nearest_first(word, (*self.mapping, *self.dropped))[0]
        raise ClipError(f"{self.column} {written!r} is not a known word (the nearest is {nearest!r}){row}", where=clip)


@dataclass(frozen=True)
class Task:
    """A classification task.

    Parameters
    ----------
    name
        Its name, ``casme2-5``.
    classes
        The classes in the order of every table; empty where they are the labels present, sorted.
    sources
        How each corpus that it serves is read.
    """

    name: str
    classes: tuple[str, ...]
    sources: Mapping[str, Source]


_CASME2_5 = ("happiness", "disgust", "repression", "surprise", "others")

TASKS: dict[str, Task] = {
    "casme2-5": Task(
        name="casme2-5",
        classes=_CASME2_5,
        sources={
            "casme2": Source(
                column="Estimated Emotion",
                mapping={**{name: name for name in _CASME2_5}, "other": "others"},
                dropped=("sadness", "fear"),
                expected={
                    "20140508": {"happiness": 32, "disgust": 63, "repression": 27, "surprise": 25, "others": 99},
                    "20190701": {"happiness": 32, "disgust": 63, "repression": 27, "surprise": 28, "others": 99},
                },
            )
        },
    ),
    "as-labelled": Task(name="as-labelled", classes=(), sources={"folder": Source(column="label")}),
}
"""The known tasks by name; ``as-labelled`` makes a class of every label of the user's own data."""


def apply_task(clips: ClipSet, task: Task | str) -> ClipSet:
    """Give each clip its class under a task.

    Parameters
    ----------
    clips
        Clips with their annotation, as a loader returns them.
    task
        A task or the name of one.

    Returns
    -------
    The labelled clips in the same order, with the task's classes; clips without a class are among ``skipped`` at
    stage ``task``.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    ConfigError
        If the task does not serve one of the corpora.
    """
    task = look_up("task", task, TASKS) if isinstance(task, str) else task
    _check_served(clips, task)
    labelled: list[Clip] = []
    skipped: list[Skipped] = []
    for clip in clips:
        try:
            labelled.append(replace(clip, label=task.sources[clip.corpus].class_of(clip)))
        except ClipError as error:
            skipped.append(Skipped(*clip.key, stage="task", reason=error.what))
    classes = task.classes or tuple(sorted({clip.label for clip in labelled if clip.label is not None}))
    return ClipSet(tuple(labelled), classes=classes, skipped=clips.skipped + tuple(skipped), task=task.name)


def _check_served(clips: ClipSet, task: Task) -> None:
    for corpus in dict.fromkeys(clip.corpus for clip in clips):
        if corpus not in task.sources:
            others = [name for name, other in TASKS.items() if corpus in other.sources]
            raise ConfigError(
                f"task {task.name} does not serve the corpus {corpus}, only {', '.join(task.sources)}",
                hint=f"Tasks of {corpus}: {', '.join(others) or 'none'}",
            )
