"""The corpora by name, and the one way to load any of them."""

from __future__ import annotations

import logging
from pathlib import Path

from dstan._registry import look_up
from dstan.clips import ClipSet
from dstan.corpora.casme2 import CASME2
from dstan.corpora.corpus import Corpus, Options
from dstan.corpora.folder import FOLDER
from dstan.errors import CorpusError
from dstan.tasks import apply_task

CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in (CASME2, FOLDER)}
"""Every corpus that dstan reads."""

_log = logging.getLogger(__name__)


def load_corpus(
    name: str, root: Path | str, task: str | None = None, coding: str | None = None, frames: str | None = None
) -> ClipSet:
    """Load a corpus from disk; no frame is opened.

    Parameters
    ----------
    name
        One of :data:`CORPORA`.
    root
        The corpus's folder, its parent, or the folder that holds its frames; for ``folder`` a CSV file, or a folder
        with ``clips.csv``.
    task
        The classes wanted; None takes the corpus's default, "" none (clips keep their annotation only).
    coding
        Which coding table, where there are several: a part of its name ("20140508") or its path.
    frames
        ``raw`` or ``cropped``; None takes the raw frames where there are both.

    Returns
    -------
    The clips in the order of the coding table; those left out are in ``skipped`` with their reason.

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
    corpus = look_up("corpus", name, CORPORA)
    survey = corpus.survey(Path(root), Options(coding=coding, frames=frames))
    clips = ClipSet(tuple(survey.clips), skipped=tuple(survey.skipped))
    wanted = corpus.default_task if task is None else task
    clips = apply_task(clips, wanted) if wanted else clips
    if not clips:
        reason = f"; the first of {len(clips.skipped)}: {clips.skipped[0].reason}" if clips.skipped else ""
        raise CorpusError(
            f"no clip can be used{reason}", where=survey.root, hint=f"See all: dstan check {name} --root {root}"
        )
    if survey.skipped:
        _log.warning("%d clips of %s cannot be loaded; dstan check lists them", len(survey.skipped), name)
    return clips
