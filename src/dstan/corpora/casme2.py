"""CASME II: 255 clips of 26 people at 200 frames per second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dstan.corpora.corpus import Corpus
from dstan.corpora.reading import Columns, TableReader, numbered_subject
from dstan.corpora.tables import Table, read_table
from dstan.corpora.trees import Shape

_CLASS = "Objective Classes"
_OBJECTIVE = re.compile(r"casme2-objectiveclasses\.xlsx?", re.IGNORECASE)


class _Reader(TableReader):
    corpus = "casme2"
    title = "CASME II"
    shape = Shape(
        levels=(re.compile(r"sub\d+", re.IGNORECASE), re.compile(r".+")),
        frame=re.compile(r"(?:reg_)?img(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE),
        example="CASME2_RAW_selected/sub01/EP02_01f/img46.jpg",
        second=re.compile(r"casme2[-_]raw", re.IGNORECASE),
    )
    columns = Columns(
        subject="Subject",
        name="Filename",
        onset="OnsetFrame",
        apex="ApexFrame",
        offset="OffsetFrame",
        units="Action Units",
        others=("Estimated Emotion",),
        optional=(_CLASS,),
    )
    table = re.compile(r"casme2-coding-.+\.xlsx?", re.IGNORECASE)
    table_example = "CASME2-coding-20140508.xlsx"
    fps = 200.0

    def subject(self, cells: Mapping[str, str]) -> str:
        return numbered_subject(cells["Subject"])

    def read(self, path: Path) -> Table:
        """Join the coding table with the table of objective classes that lies beside it."""
        table = super().read(path)
        beside = [file for file in sorted(path.parent.iterdir()) if _OBJECTIVE.fullmatch(file.name)]
        if not beside or _CLASS in table.columns:
            return table
        classes = read_table(beside[0], ("Subject", "Filename", "Objective Class"))
        known = {(self.subject(row.cells), row.cells["Filename"]): row.cells["Objective Class"] for row in classes.rows}
        rows = tuple(
            replace(row, cells={**row.cells, _CLASS: known.get((self.subject(row.cells), row.cells["Filename"]), "")})
            for row in table.rows
        )
        return replace(table, columns=(*table.columns, _CLASS), rows=rows)

    def alike(self, name: str) -> str:
        return super().alike(name).removesuffix("f")


CASME2 = Corpus(
    name="casme2",
    title="CASME II",
    citation="W.-J. Yan et al., CASME II: An improved spontaneous micro-expression database and the baseline "
    "evaluation, PLoS ONE 9(1), e86041, 2014",
    licence="For research, by a signed agreement with the Chinese Academy of Sciences",
    access="http://casme.psych.ac.cn/casme/e2",
    default_task="casme2-5",
    survey=_Reader().survey,
    clips=255,
    subjects=26,
    fps=200.0,
    filmed="35 people with a mean age of 22.03 years, in a laboratory in China with steady light, watching emotional "
    "films and told to keep a neutral face or to suppress what shows",
    size=(640, 480),
    layout="""\
CASME2/
  CASME2-coding-20140508.xlsx              255 rows; or CASME2-coding-20190701.xlsx
  CASME2-ObjectiveClasses.xlsx             for the task casme2-7
  CASME2_RAW_selected/sub01/EP02_01f/img46.jpg ...
  Cropped/sub01/EP02_01f/reg_img46.jpg ...""",
    quirks=(
        "The archive unpacks into CASME2_RAW_selected/CASME2_RAW_selected; the doubled folder is found. Where the "
        "whole recordings (CASME2_RAW) lie beside it, the selected frames are used.",
        "The apex of sub04 EP12_01f is '/': it counts as missing.",
        "Cropped/sub16/EP01_08 ends at frame 96 of 110: the clip is used up to there, with a warning.",
        "Some clip folders end with f and some do not, and not always as in the table: a folder that differs in that "
        "alone is found.",
        "Frame numbers are not padded: frames are ordered by number, not by name.",
        "Two coding tables are in use, of 2014 (surprise 25, sadness 7) and of 2019 (surprise 28, sadness 4). Where "
        "both are there, --coding 20140508 or --coding 20190701 chooses.",
        "Objective classes, which follow from the action units and not from the emotion, come in a table of their own.",
    ),
)
