"""What a corpus is to synthesis: a plan of folders to draw, and a writer of its coding table.

To add a corpus, write ``layouts/NAME.py`` with one :class:`Layout` and add it to :data:`~dstan.synthesis.LAYOUTS`. The
engine (:mod:`dstan.synthesis.corpus`) draws the people, writes the images, the truth and the crops, goes on after an
interruption and does damage on request; a layout never touches an image. It has two functions of its own:

``plan``
    decides who shows what in which folder, by the helpers of :mod:`dstan.synthesis.plan`: ``how_many`` clips each
    person has, ``deal_emotions`` among them (its ``only`` and ``accept`` say what a task needs of the whole corpus),
    and names drawn with ``child_seed(seed, "names", subject)``. One event is one clip in the sense of ``--clips``; a
    video may hold several.
``write_tables``
    turns :class:`CodedEvent` records into rows, one each, or one for each video, with the quirks of the real table,
    and writes them by :func:`dstan.synthesis.layouts.workbook.write_workbook`. It takes the records as they come, in
    any order and number: damage has been done to some (an offset past the end, the same record twice, a text for an
    apex, a name that is a path), and belongs in the table as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dstan.synthesis.emotions import Expression
from dstan.synthesis.timeline import MICRO, Kind


@dataclass(frozen=True)
class PlannedVideo:
    """One folder of images to draw.

    Parameters
    ----------
    subject
        Number of the person, from 1 and without gaps; the face follows from it and the corpus. How the corpus calls the
        person (SAMM's "006") is the layout's business.
    folder
        Where the images lie, below the root, with slashes: "CASME2_RAW_selected/sub01/EP02_01f". No two videos share
        one: it seeds the motion and the camera. If the table's name of the video is a part of the path, it is a whole
        part ("part_A/spNO.1/a/color" for "a"), for damage looks for it there.
    name
        What the coding table calls it: "EP02_01f".
    emotions
        The corpus's own word for each event, in the order of time; each must be known to
        :func:`dstan.synthesis.emotions.draw_expression`.
    first_frame
        Number of the first image.
    image
        An image's name with a place for its number: "img{}.jpg", "image{:06d}.bmp", "006_{:05d}.jpg". The suffix says
        the format: .jpg, .bmp or .png.
    before, between, after
        Shortest and longest pause, in seconds, before the first event's onset, from an offset to the next onset, and
        after the last offset. The defaults are those of a clip cut at its onset and offset, give or take five frames at
        200 frames per second; a long video has its own. Each second costs fps images to draw.
    kinds
        The kind of each event (:data:`~dstan.synthesis.timeline.MICRO`, :data:`~dstan.synthesis.timeline.MACRO` or
        one's own); none for micro-expressions throughout.
    size
        Width and height in pixels; None for the layout's. ``--size`` overrules it.
    """

    subject: int
    folder: str
    name: str
    emotions: tuple[str, ...]
    first_frame: int
    image: str
    before: tuple[float, float] = (0.0, 0.025)
    between: tuple[float, float] = (0.5, 2.0)
    after: tuple[float, float] = (0.0, 0.025)
    kinds: tuple[Kind, ...] = ()
    size: tuple[int, int] | None = None

    def image_name(self, index: int) -> str:
        """Return the name of the image at a position counted from 0."""
        return self.image.format(self.first_frame + index)

    def kind(self, event: int) -> Kind:
        """Return the kind of an event."""
        return self.kinds[event] if self.kinds else MICRO


@dataclass(frozen=True)
class CodedEvent:
    """What a coder knows of one event, before a corpus writes it down in its own way.

    Parameters
    ----------
    video
        Where it happens. A table names it by ``video.name``, and the person by ``video.subject`` or by what the layout
        makes of it.
    event
        Which of the video's events, from 0.
    onset, apex, offset
        Frame numbers as in the images' names. A layout whose table counts otherwise adds its own difference to those
        that are ints. A text ("/") is damage and is written as it is; None is a cell left empty.
    frames
        Images of the whole video; the last has the number ``video.first_frame + frames - 1``.
    expression
        The action units shown; :meth:`~dstan.synthesis.emotions.Expression.code` writes them as CASME II does.
    emotion
        The corpus's word for it.
    kind
        "micro", "macro" or the name of the layout's own kind.
    """

    video: PlannedVideo
    event: int
    onset: int | str | None
    apex: int | str | None
    offset: int | str | None
    frames: int
    expression: Expression
    emotion: str
    kind: str


@dataclass(frozen=True)
class Crop:
    """The corpus's own crops: the frames of each event, cut out by one similarity for the whole video.

    Parameters
    ----------
    folder
        Where a video's crops lie, below the root.
    image
        A crop's name with a place for the frame's number, which is that of the whole image: "reg_img{}.jpg".
    size
        Width and height in pixels; ``--size`` does not change it.
    """

    folder: Callable[[PlannedVideo], str]
    image: Callable[[PlannedVideo], str]
    size: tuple[int, int]


Plan = Callable[[int | None, int | None, int], list[PlannedVideo]]
"""From how many people and events are wanted (None for as many as the corpus has) and the seed to what is drawn; raises
ConfigError if the numbers do not fit."""
WriteTables = Callable[[Path, Sequence[CodedEvent], int], list[Path]]
"""From the root, the events and the seed to the coding tables written, the one with the events first."""


@dataclass(frozen=True)
class Layout:
    """How a corpus lies on disk.

    Parameters
    ----------
    corpus
        The name under which :data:`dstan.corpora.CORPORA` has its loader ("smic-e", "casme2").
    title
        The name in print: "CASME II".
    fps
        Frames per second.
    size
        Width and height of the corpus's images in pixels.
    subjects, clips
        How many people and events a whole copy has.
    plan
        Given how many people and events are asked for (None for as many as the corpus has) and the seed, what to draw.
    write_tables
        Given the root, the events and the seed, writes the coding tables and returns their paths; None where the
        folders are all the annotation there is.
    grey
        Whether the images have one channel.
    crop
        The corpus's own crops, drawn with ``--cropped``; None where it has none.
    second_table
        File name of a coding table of another edition, which ``--damage two-tables`` lays beside the first; None
        where no other circulates.
    spared
        Names of damages (:data:`dstan.synthesis.damage.DAMAGES`) that make no sense here: those of the apex in a corpus
        without one, ``renamed-column`` in a table without a header, ``repeated-row`` where a row is a whole video,
        ``other-case`` where names have no letters.
    """

    corpus: str
    title: str
    fps: float
    size: tuple[int, int]
    subjects: int
    clips: int
    plan: Plan
    write_tables: WriteTables | None = None
    grey: bool = False
    crop: Crop | None = None
    second_table: str | None = None
    spared: frozenset[str] = frozenset()
