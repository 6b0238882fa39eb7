"""Twins of CAS(ME)^3: part A, several micro-expressions in each video of a person, and part C, one video a person.

Videos last a few seconds instead of minutes; depth images and macro-expressions are left out. How many clips each
person of part A has, and the emotions of part C, are not published: they are uneven, and in the proportions of part A.

The quirks. Part A: people's numbers have gaps, up to 217; some folders are in other letters than the table (spNo), and
"others" is written in two ways; in a large twin one apex lies before its onset, and one offset past the end of its
video. The two offsets of 0 of the corpus are left out, for a twin has not the clips by which they are corrected. Part
C: no apex, action units joined by commas, some of them Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import CodedEvent, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import Cell, write_workbook
from dstan.synthesis.plan import deal_emotions, how_many, share_out

EMOTIONS = {"disgust": 250, "surprise": 187, "others": 161, "fear": 86, "anger": 64, "sad": 57, "happy": 55}
"""Clips of each emotion in part A."""
NUMBERS = (
    *range(1, 16), 17, *range(39, 43), 77, 138, 139, *range(142, 151), *range(152, 164), *range(165, 191),
    *range(192, 199), *range(200, 205), *range(206, 218),
)  # fmt: skip
"""What the people of part A are called: spNO.1 to spNO.217, with gaps."""
PEOPLE_A, PEOPLE_C = len(NUMBERS), 31
CLIPS_C = 165
VIDEOS_A = 462
"""Videos of part A that hold a micro-expression."""
LETTERS = "abcdefghijklm"
"""What the 13 videos of a person are called."""
TABLE_A = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
TABLE_C = "CAS(ME)3_part_C_ME.xlsx"
COLUMNS_A = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
COLUMNS_C = ("sub", "count", "onset", "offset", "au", "emotion", "PHY")
OTHER_CASE = 7
"""Every which person's folder is called spNo."""
MANY = 100
"""Events from which on a table has wrong numbers."""
_CLASSES = {"I": {6, 12}, "II": {1, 2, 5, 25, 26}, "III": {4, 7, 23}, "IV": {9, 10}, "V": {15, 17}, "VI": {20, 24}}
"""Objective classes by the action units that lead to them, roughly; whatever else is coded is class VII."""


@cache
def clips_of(people: int, clips: int) -> tuple[int, ...]:
    """Share clips unevenly among people."""
    return tuple(share_out(clips, [1 / (8 + place) for place in range(people)], [1] * people))


def plan_a(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide who shows what in which video of part A."""
    total = sum(EMOTIONS.values())
    dealt = deal_emotions(how_many(subjects, clips, clips_of(PEOPLE_A, total), total), EMOTIONS, tuple(EMOTIONS), seed)
    return [video for subject, hand in enumerate(dealt, start=1) for video in _videos_a(subject, hand, seed)]


def _videos_a(subject: int, hand: Sequence[str], seed: int) -> list[PlannedVideo]:
    rng = np.random.default_rng(child_seed(seed, "names", subject))
    count = min(len(LETTERS), -(-len(hand) * VIDEOS_A // sum(EMOTIONS.values())))
    letters = sorted(str(letter) for letter in rng.choice(list(LETTERS), count, replace=False))
    person = f"{'spNo' if subject % OTHER_CASE == 0 else 'spNO'}.{NUMBERS[subject - 1]}"
    return [
        _video(subject, f"part_A/{person}/{letter}/color", letter, hand[place::count])
        for place, letter in enumerate(letters)
    ]


def plan_c(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide what each person of part C shows; as :func:`plan_a`."""
    per_subject = how_many(subjects, clips, clips_of(PEOPLE_C, CLIPS_C), CLIPS_C)
    dealt = deal_emotions(per_subject, EMOTIONS, tuple(EMOTIONS), seed)
    return [_video(subject, f"part_C/{subject:02d}/a/color", "a", hand) for subject, hand in enumerate(dealt, start=1)]


def _video(subject: int, folder: str, name: str, emotions: Sequence[str]) -> PlannedVideo:
    pause = (0.3, 0.7)
    return PlannedVideo(
        subject, folder, name, tuple(emotions), 1, "{}.jpg", before=pause, between=(0.3, 0.8), after=pause
    )


def write_table_a(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the table of part A."""
    rows = [_row_a(event) for event in _with_wrong_numbers(events, seed)]
    return [write_workbook(out / TABLE_A, {"label": [COLUMNS_A, *rows]})]


def _row_a(event: CodedEvent) -> tuple[Cell, ...]:
    units = set(event.expression.intensities)
    objective = next((name for name, leading in _CLASSES.items() if units and units <= leading), "VII")
    return (
        f"spNO.{NUMBERS[event.video.subject - 1]}",
        event.video.name,
        event.onset,
        event.apex,
        event.offset,
        event.expression.code(),
        objective,
        "Others" if event.emotion == "others" and event.event == 0 else event.emotion,
    )


def _with_wrong_numbers(events: Sequence[CodedEvent], seed: int) -> list[CodedEvent]:
    """Put one apex of a large table before its onset, and the last offset of one video past its end."""
    coded = list(events)
    if len(coded) < MANY:
        return coded
    early = child_seed(seed, "apex") % len(coded)
    if isinstance(onset := coded[early].onset, int):
        coded[early] = replace(coded[early], apex=max(1, onset - 5))
    last = [place for place, event in enumerate(coded) if event.event == len(event.video.emotions) - 1]
    late = last[child_seed(seed, "offset") % len(last)]
    if isinstance(coded[late].offset, int):
        coded[late] = replace(coded[late], offset=coded[late].video.first_frame + coded[late].frames + 2)
    return coded


def write_table_c(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the table of part C."""
    return [write_workbook(out / TABLE_C, {"mockCrimeME": [COLUMNS_C, *(_row_c(event, seed) for event in events)]})]


def _row_c(event: CodedEvent, seed: int) -> tuple[Cell, ...]:
    subject, count = event.video.subject, event.event + 1
    chinese = child_seed(seed, "comma", event.video.folder, event.event) % 10 == 0
    code = event.expression.code()
    if isinstance(code, str):
        code = code.replace("+", "，" if chinese else ",")  # noqa: RUF001
    return subject, count, event.onset, event.offset, code, event.emotion, f"{subject}_{count}"


def _layout(
    part: str,
    people: int,
    clips: int,
    plan: Callable[[int | None, int | None, int], list[PlannedVideo]],
    write: Callable[[Path, Sequence[CodedEvent], int], list[Path]],
    second_table: str | None,
    spared: Sequence[str],
) -> Layout:
    return Layout(
        corpus=f"cas-me-3-{part.lower()}",
        title=f"CAS(ME)^3 part {part}",
        fps=30.0,
        size=(1280, 720),
        subjects=people,
        clips=clips,
        plan=plan,
        write_tables=write,
        second_table=second_table,
        spared=frozenset(spared),
    )


CAS_ME_3_A = _layout(
    "A", PEOPLE_A, sum(EMOTIONS.values()), plan_a, write_table_a, TABLE_A.replace("v2", "v2_20250903"), ()
)
CAS_ME_3_C = _layout(
    "C", PEOPLE_C, CLIPS_C, plan_c, write_table_c, None, ("apex-outside", "missing-apex", "escaping-path")
)
