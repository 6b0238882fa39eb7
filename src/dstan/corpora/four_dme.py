"""4DME: 267 micro-expressions that may show several emotions at once; the grey videos are read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dstan.corpora.corpus import Corpus, Survey
from dstan.corpora.frames import Span
from dstan.corpora.reading import Columns, Entry
from dstan.corpora.trees import Shape
from dstan.corpora.trimmed import TrimmedReader

LABELS = "Labels"
"""Under this name a clip's annotation holds the emotions whose column is set, joined by "+"."""

_SET = {"1": True, "0": False, "": False}
_EMOTIONS = ("Positive", "Negative", "Surprise", "Repression", "Others")
_PERSON = re.compile(r"s0*(\d+)(?:_\d(?:st|nd|rd)?)?", re.IGNORECASE)
"""A person, and which visit it was: S13_1st, S49_2."""
_SAME = {"other": "others"}


def _person(written: str) -> str:
    match = _PERSON.fullmatch(written)
    return f"S{int(match[1]):02d}" if match else ""


def _labels(cells: Mapping[str, str]) -> list[str]:
    return [name.casefold() for name in _EMOTIONS if _SET.get(cells[name], False)]


class _Reader(TrimmedReader):
    corpus = "4dme"
    title = "4DME"
    shape = Shape(
        levels=(_PERSON, re.compile(r".+")),
        frame=re.compile(r"(?:.*\D)?(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE),
        example="gray_micro/S01/S01_001_01_1/Frame_000000123.jpg",
        second=re.compile(r"(?!gr[ae]y_micro).*", re.IGNORECASE),
    )
    columns = Columns(
        subject="sub_ID",
        name="fold_name",
        onset="Onset",
        apex="Apex",
        offset="Offset",
        units="AUs",
        others=("Emotion", *_EMOTIONS),
    )
    table = re.compile(r"4dme_labelling_micro.*\.(?:xlsx?|csv)", re.IGNORECASE)
    table_example = "4DME_Labelling_Micro_release v1.xlsx"
    fps = None

    def subject(self, cells: Mapping[str, str]) -> str:
        """Return the person: S13_1st and S13_2nd are two visits of S13."""
        return _person(cells["sub_ID"])

    def clip_id(self, cells: Mapping[str, str]) -> str:
        """Return the folder's name, with the visit where the name does not tell it."""
        written, name = cells["sub_ID"], cells["fold_name"]
        if not name or _person(written) in ("", written) or name.casefold().startswith(written.casefold()):
            return name
        return f"{written}_{name}"

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        return cells["sub_ID"], cells["fold_name"]

    def alike(self, name: str) -> str:
        return super().alike(name).rstrip("-_")

    def _annotation(self, survey: Survey, entry: Entry, span: Span) -> dict[str, str]:
        labels = _labels(entry.cells)
        self._tell_emotions(survey, entry, labels)
        return {**super()._annotation(survey, entry, span), LABELS: "+".join(labels)}

    def _tell_emotions(self, survey: Survey, entry: Entry, labels: list[str]) -> None:
        """Tell what is odd about the columns of the emotions, and where the text says otherwise."""
        cells = entry.cells
        for name in _EMOTIONS:
            if cells[name] not in _SET:
                survey.tell("warning", entry, f"{name} is {cells[name]!r}, not 0 or 1", "It counts as 0")
        words = [word.strip().casefold() for word in re.split(r"[+,/&]", cells["Emotion"]) if word.strip()]
        words = [_SAME.get(word, word) for word in words]
        for word in words:
            if word.capitalize() not in _EMOTIONS:
                survey.tell("warning", entry, f"{word!r} in {cells['Emotion']!r} is not a known word")
        if set(words) != set(labels):
            what = f"Emotion is {cells['Emotion']!r}, but the columns say {'+'.join(labels) or 'nothing'}"
            survey.tell("warning", entry, what, "The columns count")


FOUR_DME = Corpus(
    name="4dme",
    title="4DME",
    citation="X. Li et al., 4DME: A spontaneous 4D micro-expression dataset with multimodalities, IEEE Transactions on "
    "Affective Computing, 2022, doi:10.1109/TAFFC.2022.3182342",
    licence="For research, by a signed agreement with the University of Oulu",
    access="From the authors, Center for Machine Vision and Signal Analysis, University of Oulu",
    default_task="4dme-5",
    survey=_Reader().survey,
    clips=267,
    layout="""\
4DME/
  4DME_Labelling_Micro_release v1.xlsx                     267 rows
  gray_micro/S01/S01_001_01_1/Frame_000000123.jpg ...      sub_ID, then fold_name""",
    quirks=(
        "A clip may show several emotions at once. All are kept: in the columns Positive, Negative, Surprise, "
        "Repression and Others, in the text Emotion, and joined as Labels (positive+surprise). The task 4dme-5 takes "
        "the clips with exactly one.",
        "Where the text Emotion and the columns disagree, the columns count, with a warning.",
        "The frames per second are not known with certainty: public notes say 60 and 30. Clips have no times, and what "
        "needs seconds cannot be computed.",
        "The size of the frames is not known with certainty; those of the long grey videos are 640 x 480.",
        "The frames may be numbered as in the recording or from the clip's start: the files of each clip decide, and "
        "where neither fits, that is told.",
        "Some people came twice (S13_1st, S13_2nd): they are one subject, so that no split parts them.",
        "The mark (k) in AUs is a unit that was there all the time; it is read as static.",
        "The table and folders are those that public loaders describe; they were not checked against a copy.",
        "By public notes two neighbouring rows have each other's action units and columns, but only row numbers are "
        "given: they are not corrected. Where it parts the columns from the text Emotion, it is told.",
    ),
)
