"""A twin of MMEW: folders by emotion, clips trimmed to onset and offset, frames numbered from 1.

Clips per person are those of the corpus for its six emotions; of "others" everyone has a few. Frame numbers in the
table count in the clip for people of even number and in the whole recording for the rest, as public notes speak of
both. In a large table apex and offset of 16 clips of "others" are a hundred frames too late. The side of an action
unit stands before its number or behind it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import CodedEvent, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import Cell, write_workbook
from dstan.synthesis.plan import deal_emotions, how_many

EMOTIONS = {
    "happiness": 36, "surprise": 89, "disgust": 72, "others": 66, "fear": 16, "sadness": 13, "anger": 8,
}  # fmt: skip
"""Clips of each estimated emotion."""
CODES = {"happiness": 1, "surprise": 2, "disgust": 3, "others": 4, "fear": 5, "sadness": 6, "anger": 7}
"""The second number of a clip's name."""
CLIPS_PER_SUBJECT = (
    8, 7, 9, 10, 11, 10, 5, 12, 18, 15, 15, 8, 20, 3, 12, 15, 6, 14, 4, 8, 13, 8, 3, 6, 6, 3, 4, 5, 6, 36,
)  # fmt: skip
TREE = "Micro_Expression"
TABLE = "MMEW_Micro_Exp.xlsx"
COLUMNS = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion", "remarks",
)  # fmt: skip
WRONG = 16
"""Rows of a large table with a wrong apex and offset."""
_TOO_FAR = 100
_TRIMMED = (0.0, 0.0)


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide who shows what; see :data:`~dstan.synthesis.layouts.layout.Plan`."""
    per_subject = how_many(subjects, clips, CLIPS_PER_SUBJECT, sum(EMOTIONS.values()))
    dealt = deal_emotions(per_subject, EMOTIONS, tuple(EMOTIONS), seed)
    return [video for subject, emotions in enumerate(dealt, start=1) for video in _videos(subject, emotions)]


def _videos(subject: int, emotions: Sequence[str]) -> list[PlannedVideo]:
    """Name a person's clips, in the order of the emotions' codes."""
    seen: Counter[str] = Counter()
    videos = []
    for emotion in sorted(emotions, key=CODES.__getitem__):
        seen[emotion] += 1
        name = f"S{subject:02d}-{CODES[emotion]:02d}-{seen[emotion]:03d}"
        folder = f"{TREE}/{emotion}/{name}"
        videos.append(PlannedVideo(subject, folder, name, (emotion,), 1, "{}.jpg", before=_TRIMMED, after=_TRIMMED))
    return videos


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the coding table."""
    rows = [_row(event, seed) for event in _with_wrong_ends(events)]
    return [write_workbook(out / TABLE, {"Sheet1": [COLUMNS, *rows]})]


def _row(event: CodedEvent, seed: int) -> tuple[Cell, ...]:
    video = event.video
    rng = np.random.default_rng(child_seed(seed, "recording", video.folder))
    ahead, behind = int(rng.integers(200, 3000)), rng.uniform() < 0.5
    shift = ahead * (video.subject % 2)
    numbers = [
        number + shift if isinstance(number, int) else number for number in (event.onset, event.apex, event.offset)
    ]
    code = event.expression.code()
    if behind and isinstance(code, str):
        code = re.sub(r"\b([LR])(\d+)", r"\2\1", code)
    return video.subject, video.name, *numbers, code, event.emotion, None


def _with_wrong_ends(events: Sequence[CodedEvent]) -> list[CodedEvent]:
    """Make apex and offset of some clips of a large table too large."""
    coded = list(events)
    others = [place for place, event in enumerate(coded) if event.emotion == "others"]
    for place in others[:WRONG] if len(coded) >= 100 else ():
        apex, offset = coded[place].apex, coded[place].offset
        if isinstance(apex, int) and isinstance(offset, int):
            coded[place] = replace(coded[place], apex=apex + _TOO_FAR, offset=offset + _TOO_FAR)
    return coded


MMEW = Layout(
    corpus="mmew",
    title="MMEW",
    fps=90.0,
    size=(1920, 1080),
    subjects=30,
    clips=300,
    plan=plan,
    write_tables=write_tables,
    second_table="MMEW_Micro_Exp_v2.xlsx",
)
