"""Is a copy complete? Everything that is missing or odd, file by file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dstan import video
from dstan._progress import Progress, silent
from dstan._registry import look_up
from dstan.clips import Clip, ClipSet
from dstan.corpora.corpus import Corpus, Finding, Options, Survey
from dstan.corpora.frames import image_size
from dstan.corpora.loading import task_for
from dstan.corpora.registry import CORPORA
from dstan.corpora.whereabouts import root_of
from dstan.errors import ClipError, FrameError
from dstan.tasks import Task, apply_task, differences, source_of


@dataclass(frozen=True)
class Report:
    """What a check brought to light.

    Parameters
    ----------
    corpus
        The corpus's name.
    root
        The folder examined.
    tables
        The coding tables read.
    source
        What was read, in words: the coding table, raw or cropped frames.
    findings
        What is missing or odd, in the order of the table.
    task
        The task whose classes are counted.
    counts
        Clips, subjects, frames (those of a video count once, however many clips are in it), and clips of each class.
    expected
        The same of a complete copy, as far as they are known.
    corrections
        Cells of the coding table that were corrected.
    """

    corpus: str
    root: Path
    tables: tuple[Path, ...]
    source: str
    findings: tuple[Finding, ...]
    task: str
    counts: dict[str, int]
    expected: dict[str, int]
    corrections: int = 0

    @property
    def ok(self) -> bool:
        """Whether every clip of the table can be used."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        document = asdict(self)
        document.update(ok=self.ok, root=str(self.root), tables=[str(path) for path in self.tables])
        return document


def check_corpus(
    name: str,
    root: Path | str | None = None,
    deep: bool = False,
    coding: str | None = None,
    frames: str | None = None,
    task: str | None = None,
    corrections: bool = True,
    progress: Progress = silent,
) -> Report:
    """Examine a copy of a corpus.

    Parameters
    ----------
    name, root
        As for :func:`~dstan.corpora.loading.load_corpus`.
    deep
        Decode every frame; otherwise only the header and the end of each file are read.
    coding, frames
        As for :func:`~dstan.corpora.loading.load_corpus`.
    task
        Whose classes are counted; None for the corpus's default.
    corrections
        As for :func:`~dstan.corpora.loading.load_corpus`.
    progress
        Called after each clip.

    Returns
    -------
    What was found, beside what a complete copy holds.

    Raises
    ------
    UnknownNameError, CorpusNotFoundError, AnnotationError, CorpusError
        As :func:`~dstan.corpora.loading.load_corpus`.
    """
    corpus = look_up("corpus", name, CORPORA)
    chosen = task_for(corpus, task)
    survey = corpus.survey(Path(root_of(name) if root is None else root), Options(coding, frames, corrections))
    counts = {"clips": len(survey.clips), "subjects": len({clip.subject for clip in survey.clips}), "frames": 0}
    done = 0
    for clips in _by_source(survey.clips):
        check = _check_images if clips[0].files else _check_video
        counts["frames"] += check(survey, clips, deep)
        for clip in clips:
            done += 1
            progress("check", done, len(survey.clips), str(clip))
    expected = _check_classes(survey, corpus, chosen, counts)
    _check_counts(survey, counts, expected)
    return Report(
        corpus.name,
        survey.root,
        tuple(survey.tables),
        survey.source,
        tuple(survey.findings),
        chosen.name,
        counts,
        expected,
        survey.corrections,
    )


def _by_source(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Put the clips of one folder or one file together, in the order of the first of each."""
    found: defaultdict[Path, list[Clip]] = defaultdict(list)
    for clip in clips:
        found[clip.path].append(clip)
    return list(found.values())


def _check_images(survey: Survey, clips: Sequence[Clip], deep: bool) -> int:
    """Examine every image of a folder; damage outside of onset to offset of all of its clips does no harm."""
    clip = clips[0]
    sizes: Counter[tuple[int, int]] = Counter()
    for position, name in enumerate(clip.files):
        try:
            sizes[image_size(clip.path / name, deep=deep)] += 1
        except FrameError as error:
            if any(_annotates(one, position) for one in clips):
                survey.tell("error", clip.path / name, error.what, "Unpack the file again; its clip cannot be used")
            else:
                survey.tell("warning", clip.path / name, error.what, "It lies outside of the annotated stretch")
    if len(sizes) > 1:
        found = ", ".join(f"{count} of {width} x {height}" for (width, height), count in sizes.most_common())
        survey.tell("warning", clip, f"its frames differ in size: {found}", "Unpack the clip again")
    others = sorted({item.name for item in clip.path.iterdir()}.difference(clip.files))
    if others:
        survey.tell("note", clip.path, f"other things than frames: {', '.join(others[:5])}", "They are not used")
    return len(clip.files)


def _annotates(clip: Clip, position: int) -> bool:
    return (clip.onset or 0) <= position and (clip.offset is None or position <= clip.offset)


def _check_video(survey: Survey, clips: Sequence[Clip], deep: bool) -> int:
    path = clips[0].path
    try:
        frames = sum(1 for _ in video.read_frames(path)) if deep else video.frame_count(path)
    except ClipError as error:
        survey.tell("error", path, error.what, error.hint or "")
        return 0
    for clip in clips:
        last = max(clip.onset or 0, clip.offset or 0)
        if last >= frames:
            what = f"frame {last} is annotated, but the video has {frames}, counted from 0"
            survey.tell("error", clip, what, "Correct the row")
    return frames


def _check_classes(survey: Survey, corpus: Corpus, task: Task, counts: dict[str, int]) -> dict[str, int]:
    """Count the clips of each class of a task, and tell of words that it does not know."""
    source = source_of(survey.clips, task, corpus.name) if survey.clips else task.sources[corpus.name]
    labelled = apply_task(ClipSet(tuple(survey.clips)), task)
    by_key = {clip.key: clip for clip in survey.clips}
    for item in labelled.skipped:
        clip = by_key[item.corpus, item.subject, item.clip_id]
        left = not source.word(clip) and not source.mapping
        if not left and source.word(clip) not in source.dropped and (clip.subject, clip.clip_id) not in source.excluded:
            survey.tell("error", f"{item.subject}/{item.clip_id}", item.reason, "Correct the table")
    counts.update(labelled.counts)
    if unknown := source.unknown_edition(survey.edition):
        survey.tell("note", survey.tables[0].name, f"{task.name} {unknown}")
    complete = {"clips": corpus.clips, "subjects": corpus.subjects, **source.counts_of(survey.edition)}
    return {name: number for name, number in complete.items() if number is not None}


def _check_counts(survey: Survey, counts: dict[str, int], expected: dict[str, int]) -> None:
    if not survey.clips:
        survey.tell(
            "error", survey.root, "there is not one clip that can be used", "See whether this is the whole copy"
        )
    different = differences(counts, expected)
    if different:
        survey.tell("warning", survey.root, f"a complete copy has other counts: {different}")
