"""What a task is, and how it gives clips their classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dstan._registry import nearest_first
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
        Clips of each class in a complete copy, for each edition of the coding table; "" stands for any edition.
    excluded
        Clips that the task leaves out by name, (subject, clip id), and why.
    origin
        Where the column comes from, if not from the coding table as it is.
    """

    column: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    expected: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    excluded: Mapping[tuple[str, str], str] = field(default_factory=dict)
    origin: str = ""

    def counts_of(self, edition: str) -> Mapping[str, int]:
        """Return the clips of each class in a complete copy; empty where they are not known for that edition."""
        return self.expected.get(edition) or self.expected.get("", {})

    def unknown_edition(self, edition: str) -> str:
        """Say if the counts are known for other editions of the coding table only; "" if not."""
        if not self.expected or self.counts_of(edition):
            return ""
        return f"knows the counts of a complete copy for the coding table of {', '.join(self.expected)}, not {edition}"

    def word(self, clip: Clip) -> str:
        """Return what the table says about a clip, in lower case and with single spaces."""
        return " ".join(clip.annotation.get(self.column, "").split()).casefold()

    def class_of(self, clip: Clip) -> str:
        """Return a clip's class.

        Raises
        ------
        ClipError
            If the clip is left out by name, has no word, or has one that the task leaves out or does not know.
        """
        if (clip.subject, clip.clip_id) in self.excluded:
            raise ClipError(f"left out by name: {self.excluded[clip.subject, clip.clip_id]}", where=clip)
        written = clip.annotation.get(self.column, "").strip()
        row = f" ({clip.annotation['Row']})" if "Row" in clip.annotation else ""
        word = self.word(clip)
        if not word:
            origin = f", which comes from {self.origin}" if self.origin else ""
            raise ClipError(f"has no {self.column}{origin}{row}", where=clip)
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
    together
        The corpora that it is defined on as one set; empty where it serves one at a time.
    """

    name: str
    classes: tuple[str, ...]
    sources: Mapping[str, Source]
    together: tuple[str, ...] = ()

    def expects(self, corpus: str) -> Iterator[tuple[str, int | None, str]]:
        """Yield for each edition of a corpus's coding table: its name, how many clips, and the classes in words."""
        for edition, counts in (self.sources[corpus].expected or {"": {}}).items():
            classes = ", ".join(f"{label} {counts[label]}" if counts else label for label in self.classes)
            yield edition, sum(counts.values()) or None, classes or "the labels that occur"


def apply_task(clips: ClipSet, task: Task) -> ClipSet:
    """Give each clip its class under a task.

    Parameters
    ----------
    clips
        Clips with their annotation, as a loader returns them.
    task
        The task.

    Returns
    -------
    The labelled clips in the same order, with the task's classes; clips without a class are among ``skipped`` at
    stage ``task``.

    Raises
    ------
    ConfigError
        If the task does not serve one of the corpora, or its annotation does not have the column that the task reads.
    """
    sources = {corpus: source_of(clips, task, corpus) for corpus in dict.fromkeys(clip.corpus for clip in clips)}
    labelled: list[Clip] = []
    skipped: list[Skipped] = []
    for clip in clips:
        try:
            labelled.append(replace(clip, label=sources[clip.corpus].class_of(clip)))
        except ClipError as error:
            skipped.append(Skipped(*clip.key, stage="task", reason=error.what))
    classes = task.classes or tuple(sorted({clip.label for clip in labelled if clip.label is not None}))
    return replace(
        clips, clips=tuple(labelled), classes=classes, skipped=clips.skipped + tuple(skipped), task=task.name
    )


def source_of(clips: Iterable[Clip], task: Task, corpus: str) -> Source:
    """Return how a task reads a corpus, its column spelt as the annotation spells it.

    Parameters
    ----------
    clips
        Clips with their annotation, some of them of the corpus.
    task, corpus
        Which.

    Raises
    ------
    ConfigError
        If the task does not serve the corpus, or no annotation has the column.
    """
    if corpus not in task.sources:
        raise ConfigError(f"task {task.name} does not serve the corpus {corpus}, only {', '.join(task.sources)}")
    source = task.sources[corpus]
    columns = dict.fromkeys(name for clip in clips if clip.corpus == corpus for name in clip.annotation)
    for name in columns:
        if _plain(name) == _plain(source.column):
            return replace(source, column=name)
    raise ConfigError(
        f"task {task.name} reads the column {source.column!r} of {corpus}, which is not there, only "
        f"{', '.join(map(repr, columns))}",
        hint=f"It comes from {source.origin}: put that into the corpus's folder" if source.origin else None,
    )


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def differences(counts: Mapping[str, int], expected: Mapping[str, int]) -> str:
    """Say which counts differ from those of a complete copy: "98 others of 99, 24 surprise of 25"; "" if none does."""
    return ", ".join(
        f"{counts.get(name, 0)} {name} of {number}"
        for name, number in expected.items()
        if counts.get(name, 0) != number
    )
