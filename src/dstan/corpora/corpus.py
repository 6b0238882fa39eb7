"""What every corpus declares, and what reading one brings to light.

A corpus is one file with a :class:`Corpus` and one row of the registry. Its ``survey`` reads the coding table and lists
the frames, but opens none; loader and checker both build on it, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dstan.clips import Clip, Skipped
from dstan.errors import ClipError, ConfigError

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that a reader of the corpus should know.

    Parameters
    ----------
    severity
        ``error``: a clip cannot be used; ``warning``: it can, but not as the table says; ``note``: good to know.
    where
        The clip, file or table row.
    what
        What was found, a phrase without a full stop.
    hint
        What to do about it; empty where nothing need be done.
    """

    severity: Severity
    where: str
    what: str
    hint: str = ""


@dataclass(frozen=True)
class Options:
    """What a user may choose where a copy leaves a choice.

    Parameters
    ----------
    coding
        A part of the coding table's file name ("20140508"), or the path of a table kept elsewhere.
    frames
        ``raw`` or ``cropped``; None takes the raw frames where there are both.
    corrections
        Whether the known errors of the coding table are corrected (:mod:`dstan.corpora.corrections`).

    Raises
    ------
    ConfigError
        If ``frames`` is something else.
    """

    coding: str | None = None
    frames: str | None = None
    corrections: bool = True

    def __post_init__(self) -> None:
        if self.frames not in (None, "raw", "cropped"):
            raise ConfigError(f"frames cannot be {self.frames!r}", hint="Choose raw or cropped")


@dataclass
class Survey:
    """What reading a corpus brings to light; loaders fill it row by row.

    Parameters
    ----------
    corpus
        The corpus's name.
    root
        The folder that the user named.
    edition
        Which edition of the coding table was read ("20140508"), "" where there is but one.
    tables
        The coding tables read.
    clips
        The clips that can be used as far as names and numbers tell.
    skipped
        The clips that cannot.
    findings
        Everything odd, in the order of the table.
    corrections
        How many cells of the coding table were corrected.
    cropped
        Whether the corpus's own crops were read instead of the raw frames.
    """

    corpus: str
    root: Path
    edition: str = ""
    tables: list[Path] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    corrections: int = 0
    cropped: bool = False

    @property
    def source(self) -> str:
        """What was read: "SAMM_Micro_FACS_Codes_v2.xlsx, raw frames"."""
        return ", ".join([*(table.name for table in self.tables), f"{'cropped' if self.cropped else 'raw'} frames"])

    def skip(self, subject: str, clip_id: str, error: ClipError) -> None:
        """Leave a clip out, and say why."""
        self.skipped.append(Skipped(self.corpus, subject, clip_id, stage="load", reason=error.what))
        where = error.where or f"{subject}/{clip_id}"
        self.findings.append(Finding("error", where, error.what, error.hint or ""))

    def tell(self, severity: Severity, where: object, what: str, hint: str = "") -> None:
        """Remember a finding."""
        self.findings.append(Finding(severity, str(where), what, hint))


@dataclass(frozen=True)
class Corpus:
    """The declaration of one corpus: what ``dstan corpora``, its page in the docs and its contract tests read.

    Parameters
    ----------
    name
        What a user types.
    title
        What the field calls it.
    citation
        The publication to cite.
    licence
        Under what terms it is given.
    access
        Where to apply for it.
    default_task
        The task in force unless another is named.
    survey
        Reads a copy: ``survey(root, options)``.
    clips, subjects
        Rows and people of a complete copy, None where there is no such number.
    fps
        Frames per second, None where each clip has its own or none is known.
    size
        Width and height of the raw frames, None where they differ or none is known.
    layout
        The folders and files of a copy, as a drawing of several lines.
    quirks
        What is odd about it and how it is read all the same, a sentence each.
    people
        Corpora that film the same people have the same word here; "" where nobody else does. They are never split
        together, for a person could then be on both sides.
    filmed
        Who was filmed and how, as its paper says; "" where that is not known here. More people are filmed than show
        a micro-expression.
    """

    name: str
    title: str
    citation: str
    licence: str
    access: str
    default_task: str
    survey: Callable[[Path, Options], Survey]
    clips: int | None = None
    subjects: int | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None
    layout: str = ""
    quirks: tuple[str, ...] = ()
    people: str = ""
    filmed: str = ""
