"""SMIC-E: the moments of SMIC-HS in the videos around them, about six seconds each, sometimes several in one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dstan.clips import Clip
from dstan.corpora.corpus import Corpus, Survey
from dstan.corpora.reading import Columns, Entry, TableReader
from dstan.corpora.smic import ACCESS, FILMED, LICENCE, PEOPLE, tell_name, unpadded
from dstan.corpora.tables import Row, Table, whole_number
from dstan.corpora.trees import Shape, Tree

_EVENT = "Event"
_FURTHER = {"2": ("Onset2F", "Offset2F"), "3": ("Onset3F", "Offset3F")}
"""The columns of the second and the third micro-expression of a video."""
_SUBJECT = re.compile(r"s?0*(\d{1,3})", re.IGNORECASE)


class _Reader(TableReader):
    corpus = "smic-e"
    title = "SMIC-E"
    shape = Shape(
        levels=(re.compile(r"s\d+", re.IGNORECASE), re.compile(r"(?!(?:non_)?micro$).+", re.IGNORECASE)),
        frame=re.compile(r"(?:reg_)?image(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE),
        example="SMIC-E_raw image/HS_long/SMIC-HS-E/s03/s3_ne_01/image257600.jpg",
        tree=re.compile(r"(?!.*(?:VIS|NIR)).*HS.*", re.IGNORECASE),
    )
    columns = Columns(
        subject="Subject",
        name="Filename",
        onset="OnsetF",
        apex=None,
        offset="OffsetF",
        units=None,
        others=("Emotion",),
        optional=("FirstF", "LastF", *(name for pair in _FURTHER.values() for name in pair)),
    )
    table = re.compile(r"smic[-_](?:hs[-_])?e[-_]annotation.*\.(?:xlsx?|csv)", re.IGNORECASE)
    table_example = "SMIC-HS-E_annotation.xlsx"
    sheet = "HS"
    fps = 100.0

    def subject(self, cells: Mapping[str, str]) -> str:
        match = _SUBJECT.fullmatch(cells["Subject"])
        return f"s{int(match[1])}" if match else ""

    def clip_id(self, cells: Mapping[str, str]) -> str:
        """Return the video's name, and from the second event on its number: s3_ne_01-2."""
        name = unpadded(cells["Filename"])
        return f"{name}-{cells[_EVENT]}" if name and cells.get(_EVENT, "1") != "1" else name

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        number = subject.removeprefix("s")
        return f"s{number.zfill(2)}" if number.isdigit() else subject, cells["Filename"]

    def _entries(self, survey: Survey, table: Table) -> Iterable[Entry]:
        rows = tuple(event for row in table.rows for event in self._events(survey, table, row))
        return super()._entries(survey, replace(table, rows=rows))

    def _events(self, survey: Survey, table: Table, row: Row) -> Iterator[Row]:
        """Yield a row for each micro-expression of a video; bogus further ones are told and left out."""
        if not row.cells["Filename"]:
            yield row
            return
        yield replace(row, cells={**row.cells, _EVENT: "1"})
        taken = [(whole_number(row.cells["OnsetF"]), whole_number(row.cells["OffsetF"]))]
        for number, names in _FURTHER.items():
            written = [row.cells.get(name, "") for name in names]
            onset, offset = (whole_number(text) for text in written)
            if not any(text not in ("", "0") for text in written):
                continue
            if what := _bogus(row, onset, offset, taken):
                where = f"{row.cells['Filename']} ({table.where(row)})"
                survey.tell("warning", where, f"event {number} {what}", "It is left out; the others are used")
                continue
            taken.append((onset, offset))
            yield replace(row, cells={**row.cells, "OnsetF": written[0], "OffsetF": written[1], _EVENT: number})

    def _clip(self, survey: Survey, tree: Tree, entry: Entry, used: dict[Path, Entry]) -> Clip:
        clip = super()._clip(survey, tree, entry, used)
        tell_name(survey, entry, clip.subject, clip.clip_id, entry.cells["Emotion"])
        return clip


def _bogus(
    row: Row, onset: int | None, offset: int | None, taken: Iterable[tuple[int | None, int | None]]
) -> str | None:
    """Say why a further event cannot be one; None if it can."""
    if onset is None or offset is None:
        return f"has no {'onset' if onset is None else 'offset'}"
    if onset > offset:
        return f"has an onset {onset} after its offset {offset}"
    first, last = (whole_number(row.cells.get(name, "")) for name in ("FirstF", "LastF"))
    if (first is not None and onset < first) or (last is not None and offset > last):
        return f"({onset}-{offset}) lies outside of the video's frames {first}-{last}"
    for begin, end in taken:
        if begin is not None and end is not None and onset <= end and begin <= offset:
            return f"({onset}-{offset}) is at the same time as another, {begin}-{end}"
    return None


SMIC_E = Corpus(
    name="smic-e",
    title="SMIC-E",
    citation="X. Li et al., Towards reading hidden emotions: A comparative study of spontaneous micro-expression "
    "spotting and recognition methods, IEEE Transactions on Affective Computing 9(4), 2018, "
    "doi:10.1109/TAFFC.2017.2667642",
    licence=LICENCE,
    access=ACCESS,
    default_task="smic-3",
    survey=_Reader().survey,
    subjects=16,
    fps=100.0,
    size=(640, 480),
    layout="""\
SMIC-E_raw image/
  HS_long/
    SMIC-HS-E_annotation.xlsx                              157 rows, or 162
    SMIC-HS-E/s03/s3_ne_01/image257600.jpg ...             157 videos
  VIS_long/, NIR_long/                                     not read""",
    quirks=(
        "A clip is one micro-expression of a video. Where a row has a second or a third, their ids have a number "
        "(s4_ne_04-2). All of a row have its emotion.",
        "The videos of the high-speed camera are read; those of VIS_long and NIR_long are not.",
        "Of the 164 moments of SMIC-HS the videos of three are lost, and some videos hold two or more: there are 157.",
        "Two tables circulate, of 162 and of 157 rows; --coding NAME chooses where both are there. s3_ne_03, s3_ne_20, "
        "s4_ne_05, s4_ne_06 and s9_sur_02 have no folder in the archive: where a table names them, they are skipped, "
        "each with its reason.",
        "s18_sur_03 is negative in the table, against its own name and the list of MEGC 2019: it is read as surprise.",
        "Text below the last row is told and left out.",
        "Some further onsets have no offset, or lie outside of the video: those events are left out, with a warning.",
        "Frame numbers are those of the file names, 6 to 8 digits, and go on through a whole recording.",
        "Nobody coded an apex.",
        "The folder of a person has a zero (s03), that of a video has none (s3_ne_01); either is found.",
    ),
    people=PEOPLE,
    filmed=FILMED,
)
