"""CASME: 189 clips of 19 people at 60 frames per second, filmed by two cameras."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dstan.corpora.corpus import Corpus
from dstan.corpora.reading import Columns, TableReader, numbered_subject
from dstan.corpora.trees import Shape


class _Reader(TableReader):
    corpus = "casme"
    title = "CASME"
    shape = Shape(
        levels=(re.compile(r"sub\d+", re.IGNORECASE), re.compile(r".+")),
        frame=re.compile(r"(?:reg_)?ep.*-(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE),
        example="CASME_raw_selected/sub01/EP01_12/EP01_12-73.jpg",
        parts=re.compile(r"(?:casme|section)[ _-]*([ab])", re.IGNORECASE),
    )
    columns = Columns(
        subject="Subject",
        name="Filename",
        onset="OnsetF",
        apex="ApexF1",
        offset="OffsetF",
        units="AU",
        others=("Emotion",),
        optional=("ApexF2", "Onset(ms)", "Total(ms)"),
    )
    table = re.compile(r"casme-(?:coded|coding)-.+\.xlsx?", re.IGNORECASE)
    table_example = "CASME-coded-20190721.xls"
    fps = 60.0

    def subject(self, cells: Mapping[str, str]) -> str:
        return numbered_subject(cells["Subject"])


CASME = Corpus(
    name="casme",
    title="CASME",
    citation="W.-J. Yan, Q. Wu, Y.-J. Liu, S.-J. Wang and X. Fu, CASME database: A dataset of spontaneous "
    "micro-expressions collected from neutralized faces, 10th IEEE International Conference on Automatic Face and "
    "Gesture Recognition (FG), 2013, doi:10.1109/FG.2013.6553799",
    licence="For research, by a signed agreement with the Chinese Academy of Sciences",
    access="http://casme.psych.ac.cn/casme/e1",
    default_task="casme-4",
    survey=_Reader().survey,
    clips=189,
    subjects=19,
    fps=60.0,
    filmed="35 people with a mean age of 22.03 years, in a laboratory in China, watching emotional films and told to "
    "keep a neutral face",
    layout="""\
CASME/
  CASME-coded-20190721.xls                 189 rows
  CASME_raw_selected/sub01/EP01_12/EP01_12-73.jpg ...
  Cropped/sub01/EP01_12/reg_EP01_12-73.jpg ...""",
    quirks=(
        "Section A was filmed at 1280 x 720, section B at 640 x 480. Where the sections lie in folders of their own "
        "(Section A and Section B, or CASME_A and CASME_B) and the folder above is named, both are read as one.",
        "Frame numbers are padded to three digits in section B alone: frames are found and ordered by number.",
        "Episodes are numbered without padding (EP01_5, EP13_10), some have no second number (EP11) and some a "
        "third (EP12_2_10): a folder that differs in padding or case alone is found.",
        "The table gives two apexes: ApexF1 is the apex, ApexF2 stays in the annotation. A backslash, or nothing, "
        "stands where there is none; an ApexF1 like that counts as missing.",
        "Two columns of the table have no name; they are passed over.",
        "Some onsets and offsets do not fit the images. Others note them by row number, which names no clip, so "
        "they are not corrected: such a clip is used as far as its images go, with a warning, or left out with the "
        "reason if no image lies between onset and offset.",
        "The emotion of sub01 EP14_1 is spelt 'comtempt'.",
        "Other tables circulate, of 193 and 195 rows, with other emotions for some clips: published counts of the "
        "same four classes are 151, 167, 171 and 172.",
    ),
)
