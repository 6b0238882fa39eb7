"""CAS(ME)^2: 57 micro-expressions among 300 macro-expressions in long videos of 22 people at 30 frames per second."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dstan.corpora import places
from dstan.corpora.corpus import Corpus, Survey
from dstan.corpora.reading import Columns, Entry
from dstan.corpora.recordings import RecordingReader, survey_by
from dstan.corpora.tables import Row, Table, read_sheets
from dstan.corpora.trees import Shape, Tree
from dstan.errors import AnnotationError, ClipError

_COLUMNS = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Emotion", "Type",
    "Self-reported Emotion",
)  # fmt: skip
"""What the columns of the coding sheet hold; it has no header."""
_FOLDER, _VIDEO = "Folder", "Video"
"""What the naming rules make of a row: the person's folder ("s15") and the video's number ("0101")."""
_CUT_OUT = r"[a-z]+\d+_\d+"
"""What the folder of an event is called that was cut out of its video: anger1_1."""
_KIND = re.compile(r"(micro|macro)\W*expressions?", re.IGNORECASE)
_VIDEOS = {
    "0101": "disgustingteeth",
    "0102": "eatingworms",
    "0401": "girlcrashing",
    "0402": "beatingpregnantwoman",
    "0502": "funnyerrors",
    "0503": "unnyfarting",
    "0505": "funnyinnovations",
    "0507": "climbingthewall",
    "0508": "funnydunkey",
}
"""What the folder of a video is called after its number, letter by letter."""


class _Recordings(RecordingReader):
    corpus = "cas-me-2"
    title = "CAS(ME)^2"
    shape = Shape(
        levels=(re.compile(r"s?\d+", re.IGNORECASE), re.compile(rf"(?!{_CUT_OUT}$).+", re.IGNORECASE)),
        frame=re.compile(r"img(\d+)(?:\.jpg)?\.(?:jpe?g|png|bmp)", re.IGNORECASE),
        example="rawpic/s15/15_0101disgustingteeth/img001.jpg",
    )
    columns = Columns(
        subject="Subject",
        name="Filename",
        onset="OnsetFrame",
        apex="ApexFrame",
        offset="OffsetFrame",
        units="Action Units",
        others=("Emotion", "Type"),
    )
    table = re.compile(r"cas\(me\)\^?2[ _]?code_?final.*\.xlsx?", re.IGNORECASE)
    table_example = "CAS(ME)^2code_final.xlsx"
    fps = 30.0

    def read(self, path: Path) -> Table:
        """Read the coding sheet by position and the two sheets of naming rules, whichever comes first."""
        sheets = read_sheets(path)
        coding = next((lines for lines in sheets if any(_KIND.fullmatch(_cell(line, 7)) for line in lines)), None)
        if coding is None:
            raise AnnotationError(
                "no sheet has micro-expression or macro-expression in its eighth column",
                where=path,
                hint="The sheet CASFEcode_final has no header and is read by position; take the table as published",
            )
        people = _rule(path, sheets, _person_rule, "which folder (s15) a person's number means", "naming rule1")
        videos = _rule(path, sheets, _video_rule, "which video (0101) a name such as disgust1 means", "naming rule2")
        rows = tuple(_row(number, line, people, videos) for number, line in enumerate(coding, start=1) if any(line))
        return Table(path, (*_COLUMNS, _FOLDER, _VIDEO), rows)

    def subject(self, cells: Mapping[str, str]) -> str:
        return cells[_FOLDER]

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        number = cells[_VIDEO]
        return subject, f"{subject.lstrip('sS')}_{number}{_VIDEOS.get(number, '')}"

    def alike(self, name: str) -> str:
        """Reduce the folder of a video to the video's number."""
        match = re.fullmatch(r"\d+_(\d{4}).*", name)
        return match[1] if match else super().alike(name)

    def _entries(self, survey: Survey, table: Table) -> Iterable[Entry]:
        rows = tuple(row for row in table.rows if _kind(row.cells) != "macro")
        if macro := len(table.rows) - len(rows):
            survey.tell("note", table.path.name, f"{macro} rows are macro-expressions: they are no clips")
        return super()._entries(survey, replace(table, rows=rows))

    def _check_names(self, entry: Entry) -> None:
        super()._check_names(entry)
        if not _kind(entry.cells):
            what = f"is neither a micro- nor a macro-expression, but {entry.cells['Type']!r}"
            raise ClipError(what, where=entry, hint="Correct the eighth column of its row")
        if not entry.cells[_VIDEO]:
            what = f"no video is called {_word(entry.clip_id)!r} in the sheet of naming rules"
            raise ClipError(what, where=entry, hint="Correct the row, or add the name to the sheet naming rule2")


class _Events(_Recordings):
    """The events cut out of the videos, whole (``selectedpic``) or cropped (``cropped``); frames keep their numbers."""

    shape = replace(
        _Recordings.shape,
        levels=(re.compile(r"s?\d+", re.IGNORECASE), re.compile(_CUT_OUT, re.IGNORECASE)),
        example="selectedpic/s15/anger1_1/img557.jpg",
    )

    def _read_rows(self, survey: Survey, tree: Tree, table: Table) -> None:
        self._letter = any(folder.name[0] in "sS" for folder in places.folders(tree.path))
        super()._read_rows(survey, tree, table)

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        """Return s15/anger1_1, or 15/anger1_1 as among the cropped frames."""
        return subject if self._letter else subject.lstrip("sS"), cells["Filename"]


def _cell(line: Sequence[str], place: int) -> str:
    return line[place] if place < len(line) else ""


def _word(name: str) -> str:
    """Return what a name says of the video: disgust1 of disgust1_5."""
    return name.rpartition("_")[0].casefold()


def _kind(cells: Mapping[str, str]) -> str:
    match = _KIND.fullmatch(cells["Type"])
    return match[1].casefold() if match else ""


def _row(number: int, line: Sequence[str], people: Mapping[str, str], videos: Mapping[str, str]) -> Row:
    cells = {name: _cell(line, place) for place, name in enumerate(_COLUMNS)}
    return Row(
        number, {**cells, _FOLDER: people.get(cells["Subject"], ""), _VIDEO: videos.get(_word(cells["Filename"]), "")}
    )


def _person_rule(line: Sequence[str]) -> tuple[str, str] | None:
    """Read "15, s15, 1": the person whom the coding sheet calls 1 has the folder s15."""
    folder, number = _cell(line, 1), _cell(line, 2)
    return (number, folder) if re.fullmatch(r"[sS]\d+", folder) and number.isdigit() else None


def _video_rule(line: Sequence[str]) -> tuple[str, str] | None:
    """Read "101, disgust1": the video disgust1 has the number 0101."""
    number, word = _cell(line, 0), _cell(line, 1)
    fits = re.fullmatch(r"\d{3,4}", number) and re.fullmatch(r"[a-z]+\d+", word, re.IGNORECASE)
    return (word.casefold(), number.zfill(4)) if fits and not _person_rule(line) else None


def _rule(
    path: Path,
    sheets: Sequence[Sequence[Sequence[str]]],
    read: Callable[[Sequence[str]], tuple[str, str] | None],
    what: str,
    example: str,
) -> Mapping[str, str]:
    """Read a sheet of naming rules; it is known by its content."""
    found = dict(pair for lines in sheets for line in lines if (pair := read(line)) is not None)
    if not found:
        raise AnnotationError(
            f"no sheet says {what}", where=path, hint=f"The published workbook has a sheet {example!r}; take it whole"
        )
    return found


CAS_ME_2 = Corpus(
    name="cas-me-2",
    title="CAS(ME)^2",
    citation="F. Qu et al., CAS(ME)^2: A database for spontaneous macro-expression and micro-expression spotting and "
    "recognition, IEEE Transactions on Affective Computing 9(4), 2018, doi:10.1109/TAFFC.2017.2654440",
    licence="For research, by a signed agreement with the Chinese Academy of Sciences",
    access="http://fu.psych.ac.cn/CASME/cas(me)2-en.php",
    default_task="cas-me-2-4",
    survey=survey_by(_Recordings, _Events),
    clips=57,
    subjects=14,
    fps=30.0,
    filmed="22 people with a mean age of 22.59 years, in a laboratory in China, watching emotional films and told to "
    "keep a neutral face",
    size=(640, 480),
    layout="""\
CAS(ME)2/
  CAS(ME)^2code_final.xlsx                 sheets CASFEcode_final, naming rule1, naming rule2
  rawpic/s15/15_0101disgustingteeth/img001.jpg ...        whole videos
  selectedpic/s15/anger1_1/img557.jpg ...                 the events cut out
  cropped/15/anger1_1/img557.jpg ...                      the same, cropped""",
    quirks=(
        "Only the 57 micro-expressions are clips; the rows of the 300 macro-expressions are counted in a note. Of the "
        "22 people, 14 show a micro-expression.",
        "The coding sheet has no header: it is read by position. The eighth column says which rows are "
        "micro-expressions.",
        "The coding sheet calls people 1 to 22 and videos disgust1, while folders are called s15 and "
        "15_0101disgustingteeth. Two further sheets say what belongs together; they are known by their content, since "
        "the order of the sheets varies.",
        "A video holds several events: the clip disgust2_3 is the third one coded in the video disgust2.",
        "A folder is found by the number of its video, for its name may be wrong: s19 holds one called "
        "23_0502funnyerrors.",
        "Whole videos (rawpic) are used where they are there, else the events cut out of them (selectedpic), else "
        "cropped ones; their frames have the same numbers. --frames cropped asks for the last.",
        "The cropped frames lie in folders called 15, not s15, and some images are called img2977.jpg.jpg: both are "
        "read. Some events were never cropped: they are left out with that reason where cropped frames are asked for.",
        "The emotion is one of four words (negative, positive, surprise, others); what the people said themselves is "
        "in Self-reported Emotion.",
        "Action Units holds NULL where nothing was coded, and alternatives such as 14or23.",
    ),
)
