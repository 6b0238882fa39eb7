"""CAS(ME)^3: part A, 860 clips of people who watch videos; part C, 165 clips of people asked about a mock crime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dstan.corpora.corpus import Corpus
from dstan.corpora.reading import Columns
from dstan.corpora.recordings import EVENT, RecordingReader, survey_by, with_events
from dstan.corpora.tables import Table
from dstan.corpora.trees import Shape

_COLOUR = re.compile(r"colou?r", re.IGNORECASE)
_FRAME = re.compile(r"(\d+)\.(?:jpe?g|bmp)", re.IGNORECASE)
"""A colour image; those of depth are .png."""
_CITATION = (
    "J. Li et al., CAS(ME)^3: A third generation facial spontaneous micro-expression database with depth information "
    "and high ecological validity, IEEE Transactions on Pattern Analysis and Machine Intelligence 45(3), 2023, "
    "doi:10.1109/TPAMI.2022.3174895"
)
_LICENCE = "For research, by a signed agreement with the Chinese Academy of Sciences"
_ACCESS = "http://casme.psych.ac.cn/casme/e4"


class _PartA(RecordingReader):
    corpus = "cas-me-3-a"
    title = "CAS(ME)^3 part A"
    shape = Shape(
        levels=(re.compile(r"spno\.?\d+", re.IGNORECASE), re.compile(".+"), _COLOUR),
        frame=_FRAME,
        example="part_A/spNO.1/a/color/1.jpg",
    )
    columns = Columns(
        subject="Subject",
        name="Filename",
        onset="Onset",
        apex="Apex",
        offset="Offset",
        units="AU",
        others=("emotion",),
        optional=("Objective class",),
    )
    table = re.compile(r"cas\(me\)\^?3_part_a_me_label_jpgindex.*\.xlsx?", re.IGNORECASE)
    table_example = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    sheet = "label"
    fps = 30.0

    def read(self, path: Path) -> Table:
        """Name each clip as the corpus names those that it cuts out: by the video's letter and the onset."""
        return with_events(
            super().read(path), lambda cells: f"{cells['Filename'].casefold()}_{cells['Onset']}".lstrip("_")
        )

    def subject(self, cells: Mapping[str, str]) -> str:
        match = re.fullmatch(r"spno\.?\s*0*(\d{1,4})", cells["Subject"], re.IGNORECASE)
        return f"spNO.{match[1]}" if match else ""

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        return subject, cells["Filename"], "color"


class _CutOut(_PartA):
    """The micro-expressions cut out of the videos; frames keep their numbers."""

    shape = Shape(
        levels=(re.compile(r"spno\.?\d+_[a-z]_\d+", re.IGNORECASE),),
        frame=_FRAME,
        example="Part_A_ME_clip/frame/spNO.1_a_355/355.jpg",
    )

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        return (f"{subject}_{cells[EVENT]}",)


class _PartC(RecordingReader):
    corpus = "cas-me-3-c"
    title = "CAS(ME)^3 part C"
    shape = Shape(
        levels=(re.compile(r"\d{1,3}"), re.compile(".+"), _COLOUR),
        frame=_FRAME,
        example="part_C/01/a/color/1.jpg",
    )
    columns = Columns(
        subject="sub",
        name="count",
        onset="onset",
        apex=None,
        offset="offset",
        units="au",
        others=("emotion",),
    )
    table = re.compile(r"cas\(me\)\^?3_part_c_me.*\.xlsx?", re.IGNORECASE)
    table_example = "CAS(ME)3_part_C_ME.xlsx"
    sheet = "mockCrimeME"
    fps = 30.0

    def read(self, path: Path) -> Table:
        """Name each clip by its count and its onset."""
        return with_events(super().read(path), lambda cells: f"{cells['count']}_{cells['onset']}".lstrip("_"))

    def subject(self, cells: Mapping[str, str]) -> str:
        match = re.fullmatch(r"0*(\d{1,3})", cells["sub"])
        return match[1].zfill(2) if match else ""

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        return subject, "a", "color"


CAS_ME_3_A = Corpus(
    name="cas-me-3-a",
    title="CAS(ME)^3 part A",
    citation=_CITATION,
    licence=_LICENCE,
    access=_ACCESS,
    default_task="cas-me-3-a-7",
    survey=survey_by(_PartA, _CutOut),
    clips=860,
    subjects=94,
    fps=30.0,
    filmed="100 people, in a laboratory in China, watching emotional films and told to keep a neutral face",
    size=(1280, 720),
    layout="""\
CAS(ME)3/
  cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx          sheet label, 860 rows
  part_A/spNO.1/a/color/1.jpg ...                    whole videos; depth lies beside color
  Part_A_ME_clip/frame/spNO.1_a_355/355.jpg ...      the micro-expressions cut out""",
    quirks=(
        "A video, called by a letter, holds several micro-expressions: the clip a_355 is the one of video a whose "
        "onset is 355 in the published table.",
        "Whole videos (part_A) are used where they are there, else the micro-expressions cut out of them "
        "(Part_A_ME_clip/frame); their frames have the same numbers.",
        "People and letters are in lower or upper case, and not always as in the table (spNO and spNo, J and j): they "
        "are found all the same.",
        "Depth images are no frames and are left alone.",
        'The emotion "others" is written in two ways, with a small letter and a large one.',
        "Five rows have numbers that cannot be right, among them two offsets of 0: they are corrected. Without the "
        "corrections the two clips without an offset cannot be used.",
        "Frames are lost, and some offsets lie past the end of the video: the frames that are there are used, with a "
        "warning. Images 498 to 576 of spNO.3 J and 568 to 609 of spNO.4 j cannot be opened, say the authors.",
        "The objective classes, I to VII, follow from the action units and are not the emotions.",
        "The table of macro-expressions (part_A_MaE) is another one and is not read.",
    ),
)

CAS_ME_3_C = Corpus(
    name="cas-me-3-c",
    title="CAS(ME)^3 part C",
    citation=_CITATION,
    licence=_LICENCE,
    access=_ACCESS,
    default_task="cas-me-3-a-7",
    survey=survey_by(_PartC),
    clips=165,
    fps=30.0,
    filmed="31 people, in a laboratory in China, questioned about a mock crime",
    size=(1280, 720),
    layout="""\
CAS(ME)3/
  CAS(ME)3_part_C_ME.xlsx                  sheet mockCrimeME, 165 rows
  part_C/01/a/color/1.jpg ...              one long video a person; depth lies beside color""",
    quirks=(
        "There is no apex: the recipe's apex policy says what is taken.",
        "Each of the 31 people is in one video of about eight minutes: the clip 3_1204 is the third of a person, with "
        "the onset 1204.",
        "The action units of a row have a Chinese comma between them.",
        "Depth images are no frames and are left alone.",
    ),
)
