"""A twin of SMIC-E: its videos at high speed and its coding table.

The videos are those of the table of 157 rows. All but three of the 164 moments of SMIC-HS are in them, so four hold
two; which four is chosen here. They last one to two seconds, not six. The quirks of the table: a second sheet about
another camera with the same columns, a third onset that is none, s18_sur_03 labelled against its own name, text below
the last row; people are padded in folders, and not in clips.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from dstan.synthesis.layouts.layout import CodedEvent, Layout, PlannedVideo
from dstan.synthesis.layouts.smic import LATER, PEOPLE, SHORT, first_frames, hands_of
from dstan.synthesis.layouts.workbook import Cell, write_workbook

ROOT = "SMIC-E_raw image/HS_long"
TABLE = "SMIC-HS-E_annotation.xlsx"
COLUMNS = (
    "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F", None, "FirstF",
    "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL", "Emotion",
)  # fmt: skip
LOST = ("s1_ne_02", "s2_sur_05", "s9_sur_02")
"""Clips of SMIC-HS whose videos are lost."""
SECOND = {"s3_ne_03": "s3_ne_02", "s3_ne_20": "s3_ne_19", "s4_ne_05": "s4_ne_04", "s4_ne_06": "s4_ne_07"}
"""Clips of SMIC-HS that are the second event of another's video."""
WRONG = {"s18_sur_03": "negative"}
"""Labels of the table that contradict the clip's name."""
FAR = 6
"""Events from which on a small twin has a video with two, if somebody has two of a class."""
NOTES = (
    ("Frame numbers are those of the image files",),
    ("MF: frames of a micro-expression, VL: frames of the video",),
)
_FPS = 100.0
_PAUSE = (0.2, 0.6)


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide subjects, names, events and frame numbers of a twin."""
    hands = hands_of(_people(), subjects, clips, seed)
    whole = clips is None
    named = {number: _names(number, hand, whole) for number, hand in hands.items()}
    second = SECOND if whole else _second(named, sum(map(len, named.values())))
    planned = []
    for subject, (number, names) in enumerate(named.items(), start=1):
        own = [name for name in names if name not in second]
        for name, first in zip(own, first_frames(number, len(own), _FPS, seed), strict=True):
            planned.append(_video(subject, number, name, first, events=1 + list(second.values()).count(name)))
    return planned


def _people() -> dict[int, tuple[int, ...]]:
    """Return how many events of each class each subject has: those of SMIC-HS without the lost ones."""
    return {
        number: tuple(
            count - sum(name.startswith(f"s{number}_{short}_") for name in LOST)
            for count, short in zip(counts, SHORT.values(), strict=True)
        )
        for number, counts in PEOPLE.items()
    }


def _names(number: int, hand: dict[str, int], whole: bool) -> list[str]:
    """Name a subject's events, with the gaps of the corpus where all of them are drawn."""
    names = []
    for emotion, count in hand.items():
        every = [f"s{number}_{SHORT[emotion]}_{index:02d}" for index in range(1, count + len(LOST) + 1)]
        names += [name for name in every if not (whole and name in LOST)][:count]
    return names


def _second(named: dict[int, list[str]], events: int) -> dict[str, str]:
    """Choose the first two events of one person and class, to be in one video of a twin that is not too small."""
    for names in named.values():
        for one, two in pairwise(names):
            if events >= FAR and one[:-2] == two[:-2]:
                return {two: one}
    return {}


def _video(subject: int, number: int, name: str, first: int, events: int) -> PlannedVideo:
    emotion = next(emotion for emotion, short in SHORT.items() if f"_{short}_" in name)
    return PlannedVideo(
        subject,
        f"{ROOT}/SMIC-HS-E/s{number:02d}/{name}",
        name,
        (emotion,) * events,
        first,
        "image{:06d}.jpg",
        before=_PAUSE,
        between=(0.1, 0.5),
        after=_PAUSE,
    )


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the coding table, a row for each video."""
    rows = [_row(row) for row in _by_row(events)]
    slow = [_slowly(row) for row in rows if row[0] in LATER]
    twice = [row for row in rows if row[5] is not None]
    if twice:
        twice[-1][7:9] = [17, 25]
    sheets = {"HS": [COLUMNS, *rows, (), *NOTES], "VIS": [COLUMNS, *slow]}
    return [write_workbook(out / ROOT / TABLE, sheets)]


def _by_row(events: Sequence[CodedEvent]) -> list[list[CodedEvent]]:
    """Put the events of a video in one row, and in another what is there again."""
    copies: defaultdict[PlannedVideo, defaultdict[int, list[CodedEvent]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        copies[event.video][event.event].append(event)
    return [
        [same[min(again, len(same) - 1)] for _, same in sorted(found.items())]
        for found in copies.values()
        for again in range(max(map(len, found.values())))
    ]


def _row(events: Sequence[CodedEvent]) -> list[Cell]:
    video = events[0].video
    named = next((event.emotion for event in events if event.emotion != video.emotions[event.event]), events[0].emotion)
    spans: list[Cell] = [cell for event in events for cell in (event.onset, event.offset)]
    lengths: list[Cell] = [
        event.offset - event.onset + 1 if isinstance(event.onset, int) and isinstance(event.offset, int) else None
        for event in events
    ]
    return [
        int(video.folder.split("/")[-2].removeprefix("s")),
        video.name,
        None,
        *(spans + [None] * 6)[:6],
        None,
        video.first_frame,
        video.first_frame + events[0].frames - 1,
        *(lengths + [None] * 3)[:3],
        events[0].frames,
        WRONG.get(video.name, named),
    ]


def _slowly(row: Sequence[Cell]) -> list[Cell]:
    """Write a row for a camera of a quarter of the frames."""
    return [*row[:3], *(cell // 4 if isinstance(cell, int) else cell for cell in row[3:])]


SMIC_E = Layout(
    corpus="smic-e",
    title="SMIC-E",
    fps=_FPS,
    size=(640, 480),
    subjects=len(PEOPLE),
    clips=sum(map(sum, PEOPLE.values())) - len(LOST),
    plan=plan,
    write_tables=write_tables,
    second_table="SMIC-HS-E_annotation_2019.xlsx",
    spared=frozenset({"apex-outside", "missing-apex"}),
)
