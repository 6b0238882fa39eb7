"""MMEW: 300 micro-expressions of 30 people at 90 frames per second."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from dstan.clips import Clip
from dstan.corpora.corpus import Corpus, Options, Survey
from dstan.corpora.reading import Columns, Entry
from dstan.corpora.trees import Shape, Tree
from dstan.corpora.trimmed import TrimmedReader
from dstan.errors import CorpusNotFoundError

_EMOTION = "Estimated Emotion"
_EMOTIONS = re.compile(r"anger|disgust|fear|happiness|happy|sadness|sad|surprise|others?|repression", re.IGNORECASE)
_SAME = {"repression": "others", "other": "others", "happy": "happiness", "sad": "sadness"}
_CLIP = re.compile(r"s(\d+)-\d+-\d+", re.IGNORECASE)
_PERSON = re.compile(r"s?0*(\d+)", re.IGNORECASE)
_FRAME = re.compile(r"(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE)
_NOT_A_TREE = re.compile(r"(?!macro|s\d+$).*", re.IGNORECASE)
"""Macro-expressions lie in folders of the same names, but are single images."""


def _kind(word: str) -> str:
    return _SAME.get(word.casefold(), word.casefold())


class _ByEmotion(TrimmedReader):
    corpus = "mmew"
    title = "MMEW"
    shape = Shape(
        levels=(_EMOTIONS, re.compile(r".+")),
        frame=_FRAME,
        example="Micro_Expression/happiness/S01-01-001/1.jpg",
        tree=_NOT_A_TREE,
    )
    columns = Columns(
        subject="Subject",
        name="Filename",
        onset="OnsetFrame",
        apex="ApexFrame",
        offset="OffsetFrame",
        units="Action Units",
        others=(_EMOTION,),
        optional=("remarks",),
    )
    table = re.compile(r"mmew_micro_exp.*\.(?:xlsx?|csv)", re.IGNORECASE)
    table_example = "MMEW_Micro_Exp.xlsx"
    fps = 90.0

    def survey(self, root: Path, options: Options) -> Survey:
        """Read a copy, and tell which folders are called otherwise than the emotion."""
        survey = super().survey(root, options)
        other = Counter((clip.path.parent.name, clip.annotation[_EMOTION]) for clip in survey.clips)
        for (folder, word), count in other.items():
            if folder.casefold() != word.casefold() and _kind(folder) == _kind(word):
                survey.tell("note", folder, f"{count} clips of {word} lie in this folder")
        return survey

    def subject(self, cells: Mapping[str, str]) -> str:
        """Return the person whom the clip's name tells, or else the column."""
        match = _CLIP.fullmatch(cells["Filename"]) or _PERSON.fullmatch(cells["Subject"])
        return f"S{int(match[1]):02d}" if match else ""

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        """Return where a clip ought to lie; an emotion that cannot be a folder's name leads nowhere."""
        return re.sub(r"[^\w ]+", " ", cells[_EMOTION]).strip() or "-", cells["Filename"]

    def _tell_folder(self, survey: Survey, entry: Entry, found: str) -> None:
        """Tell that the folder says another emotion than the table; other words for the same are told together."""
        *_, folder, name = found.split("/")
        word = entry.cells[_EMOTION]
        if _kind(folder) != _kind(word):
            survey.tell(
                "warning", entry, f"lies in the folder {folder}, but is {word!r} by the table", "The table counts"
            )
        if name != entry.cells["Filename"]:
            super()._tell_folder(survey, entry, found)

    def _clip(self, survey: Survey, tree: Tree, entry: Entry, used: dict[Path, Entry]) -> Clip:
        clip = super()._clip(survey, tree, entry, used)
        column = _PERSON.fullmatch(entry.cells["Subject"])
        if column is None or int(column[1]) != int(entry.subject[1:]):
            written = entry.cells["Subject"]
            survey.tell("warning", entry, f"the column Subject says {written!r}", "The clip's name is believed")
        return clip


class _BySubject(_ByEmotion):
    """Reads the layout of the corpus's page, with a folder for each person."""

    shape = Shape(
        levels=(re.compile(r"s\d+", re.IGNORECASE), _EMOTIONS, re.compile(r".+")),
        frame=_FRAME,
        example="Micro_Expression/S01/happiness/S01-01-001/1.jpg",
        tree=_NOT_A_TREE,
    )

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        return subject, *super().folder(subject, cells)


def _survey(root: Path, options: Options) -> Survey:
    try:
        return _ByEmotion().survey(root, options)
    except CorpusNotFoundError as error:
        try:
            return _BySubject().survey(root, options)
        except CorpusNotFoundError:
            raise error from None


MMEW = Corpus(
    name="mmew",
    title="MMEW",
    citation="X. Ben et al., Video-based facial micro-expression analysis: A survey of datasets, features and "
    "algorithms, IEEE Transactions on Pattern Analysis and Machine Intelligence 44(9), 5826-5846, 2022, "
    "doi:10.1109/TPAMI.2021.3067464",
    licence="For research, by a signed agreement with the authors",
    access="http://www.dpailab.com/database.html",
    default_task="mmew-7",
    survey=_survey,
    clips=300,
    subjects=30,
    fps=90.0,
    filmed="36 people with a mean age of 22.35 years, in a laboratory in China, watching emotional films",
    layout="""\
MMEW_Final/
  MMEW_Micro_Exp.xlsx                                  300 rows
  Micro_Expression/happiness/S01-01-001/1.jpg ...      emotion, then person-emotion-number
  Macro_Expression/S01/happiness/S01-01-001.jpg ...    not read""",
    quirks=(
        "The clips are trimmed to onset and offset and numbered from 1. Tables count in the clip or in the whole "
        "recording: the files of each clip decide, and where neither fits, that is told.",
        "The frames are those of the camera, 1920 x 1080, or faces of 400 x 400 or 231 x 231 pixels: all are read.",
        "The corpus's page describes a folder for each person above those of the emotions; both layouts are read.",
        "The folder of the clips that the table calls others is called others or repression.",
        "Where a clip's folder says another emotion than the table, the table counts, with a warning.",
        "The person is taken from the clip's name; where the column Subject disagrees, that is told.",
        "The code of the side stands before or behind an action unit (R12, 12L).",
        "The paper speaks of 36 people; the table has 30.",
        "Apex and offset of 16 rows are wrong by public notes, which name row numbers only: they are not corrected, "
        "but numbers that do not fit the clip are told.",
    ),
)
