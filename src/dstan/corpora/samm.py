"""SAMM: 159 clips of 29 people at 200 frames per second, in grey."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dstan.corpora.corpus import Corpus, Survey
from dstan.corpora.frames import Span
from dstan.corpora.reading import Columns, Entry, TableReader
from dstan.corpora.tables import whole_number
from dstan.corpora.trees import Shape

_SUBJECT = re.compile(r"0*(\d{1,3})")
_DURATION = "Duration"


class _Reader(TableReader):
    corpus = "samm"
    title = "SAMM"
    shape = Shape(
        levels=(re.compile(r"\d{1,3}"), re.compile(r"\d{1,3}_\d+_\d+\w*")),
        frame=re.compile(r"(?:reg_)?(?:\d{1,3}_)?(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE),
        example="SAMM/006/006_1_2/006_05562.jpg",
    )
    columns = Columns(
        subject="Subject",
        name="Filename",
        onset="Onset Frame",
        apex="Apex Frame",
        offset="Offset Frame",
        units="Action Units",
        others=("Estimated Emotion",),
        optional=("Inducement Code", _DURATION, "Micro", "Objective Classes", "Notes"),
    )
    table = re.compile(r"samm_micro_facs_codes.*\.xlsx?", re.IGNORECASE)
    table_example = "SAMM_Micro_FACS_Codes_v2.xlsx"
    sheet = "MICRO_ONLY"
    fps = 200.0

    def subject(self, cells: Mapping[str, str]) -> str:
        match = _SUBJECT.fullmatch(cells["Subject"])
        return f"{int(match[1]):03d}" if match else ""

    def _tell_span(self, survey: Survey, entry: Entry, span: Span, numbers: Sequence[int]) -> None:
        super()._tell_span(survey, entry, span, numbers)
        duration = whole_number(entry.cells.get(_DURATION, ""))
        onset, offset = (whole_number(entry.cells[name]) for name in (self.columns.onset, self.columns.offset))
        if duration is None or onset is None or offset is None or duration == offset - onset + 1:
            return
        survey.tell(
            "warning",
            entry,
            f"onset {onset} to offset {offset} is {offset - onset + 1} frames, but {_DURATION} says {duration}",
            "Onset and offset are used; see which is right, and correct the row",
        )


SAMM = Corpus(
    name="samm",
    title="SAMM",
    citation="A. K. Davison, C. Lansley, N. Costen, K. Tan and M. H. Yap, SAMM: A spontaneous micro-facial movement "
    "dataset, IEEE Transactions on Affective Computing 9(1), 116-129, 2018, doi:10.1109/TAFFC.2016.2573832; the "
    "objective classes: A. K. Davison, W. Merghani and M. H. Yap, Objective classes for micro-facial expression "
    "recognition, Journal of Imaging 4(10), 119, 2018, doi:10.3390/jimaging4100119",
    licence="For research, by a signed agreement with Manchester Metropolitan University",
    access="From the authors at Manchester Metropolitan University: http://www2.docm.mmu.ac.uk/STAFF/m.yap/dataset.php",
    default_task="samm-5",
    survey=_Reader().survey,
    clips=159,
    subjects=29,
    fps=200.0,
    filmed="32 people of 13 ethnicities with a mean age of 33.24 years, in a laboratory in the United Kingdom, "
    "watching films chosen for each person",
    size=(960, 650),
    layout="""\
SAMM/
  SAMM_Micro_FACS_Codes_v2.xlsx            sheet MICRO_ONLY, 159 rows below 13 of explanation
  SAMM/006/006_1_2/006_05562.jpg ...""",
    quirks=(
        "The images are grey, of 960 x 650 pixels, cut from a camera of 2040 x 1088.",
        "Frame numbers are padded to five digits in some clips, to four in others: frames are found by number.",
        "The table has 13 rows of explanation above its header, in row 14; the header is found wherever it stands.",
        "Subjects are 006 to 037 with gaps, as text or as numbers; a folder called 6 is found too.",
        "The apex of 028_4_1 (1143) lies after its offset (1134), that of 032_3_1 (1930) before its onset (4896). "
        "Published repairs disagree (1105, 1100 or the middle; 4945, 4930 or the middle), so both count as missing.",
        "Others give the offset of 013_1_9 as 5739 or as 5793. Wherever the column Duration is not offset - onset + "
        "1, a warning says so.",
        "Action units have intensities (7B, 10A/B), sides (L12, A12, T23, B18), alternatives (L12 or L14) and "
        "references (ref(7B)); all of these are read, and the text is kept.",
        "Objective Classes follow from the action units and are not the emotion: class VII holds more than half of "
        "the clips. The table gives them as numbers, 1 to 7.",
    ),
)
