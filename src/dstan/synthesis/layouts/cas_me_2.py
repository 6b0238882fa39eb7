"""A twin of CAS(ME)^2: long videos with micro- and macro-expressions, and a coding sheet without a header.

All 57 micro-expressions of 14 people are in it; in a twin with all of them, 8 further people show macro-expressions
only. Videos last a few seconds instead of minutes, and hold one macro-expression each besides the micro-expressions,
for there is no use in drawing all 300. The events that the corpus cuts out of its videos (``selectedpic``, ``cropped``)
are not written.

The quirks: people are called 1 to 22 in the sheet and s15 to s40 on disk, videos disgust1 and 0101, and two further
sheets say so; numbers in them are not padded; the video happy1 of s19 bears another person's number; action units are
NULL or alternatives such as 14or23; the offset of some macro-expressions is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import CodedEvent, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import Cell, write_workbook
from dstan.synthesis.plan import deal_emotions, how_many
from dstan.synthesis.timeline import MACRO, MICRO

EMOTIONS = {"negative": 21, "others": 19, "surprise": 9, "positive": 8}
"""Micro-expressions of each class."""
MICRO_OF = {1: 2, 2: 8, 3: 1, 7: 3, 8: 8, 9: 4, 11: 11, 12: 1, 13: 2, 14: 6, 15: 6, 18: 2, 20: 2, 21: 1}
"""Micro-expressions of each person who shows any, by the sheet's number."""
FOLDERS = (15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40)
"""The number on disk of the person whom the sheet calls 1, and so on."""
VIDEOS = {
    "disgust1": "0101disgustingteeth",
    "disgust2": "0102eatingworms",
    "anger1": "0401girlcrashing",
    "anger2": "0402beatingpregnantwoman",
    "happy1": "0502funnyerrors",
    "happy2": "0503unnyfarting",
    "happy3": "0505funnyinnovations",
    "happy4": "0507climbingthewall",
    "happy5": "0508funnydunkey",
}
"""What the sheet calls a video, and the disk."""
FELT = {"disgust": "disgust", "anger": "anger", "happy": "happiness"}
"""What people say that they felt, by the video's word."""
SHOWN = {"disgust": "negative", "anger": "negative", "happy": "positive"}
"""The class of a macro-expression, by the video's word."""
TABLE = "CAS(ME)^2code_final.xlsx"
MISNAMED = (3, "happy1", 23)
"""Person and video whose folder bears another person's number."""
TOGETHER = 2
"""Micro-expressions in one video, about."""


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide who shows what in which video of a twin."""
    per_subject = how_many(subjects, clips, tuple(MICRO_OF.values()), sum(EMOTIONS.values()))
    dealt = deal_emotions(per_subject, EMOTIONS, tuple(EMOTIONS), seed)
    people = [(number, list(hand)) for number, hand in zip(MICRO_OF, dealt, strict=False)]
    if per_subject == tuple(MICRO_OF.values()):
        people += [(number, []) for number in range(1, len(FOLDERS) + 1) if number not in MICRO_OF]
    return [
        video
        for subject, (number, hand) in enumerate(people, start=1)
        for video in _videos(subject, number, hand, seed)
    ]


def _videos(subject: int, number: int, hand: Sequence[str], seed: int) -> list[PlannedVideo]:
    """Spread a person's micro-expressions over videos."""
    rng = np.random.default_rng(child_seed(seed, "names", subject))
    count = min(len(VIDEOS), max(1, -(-len(hand) // TOGETHER)))
    words = [str(word) for word in rng.choice(list(VIDEOS), count, replace=False)]
    if number == MISNAMED[0] and MISNAMED[1] not in words:
        words[0] = MISNAMED[1]
    order = [word for word in VIDEOS if word in words]
    return [_video(rng, subject, number, word, hand[place::count]) for place, word in enumerate(order)]


def _video(rng: np.random.Generator, subject: int, number: int, word: str, micro: Sequence[str]) -> PlannedVideo:
    """Put one macro-expression among the micro-expressions of a video."""
    events = [(emotion, MICRO) for emotion in micro]
    events.insert(int(rng.integers(len(events) + 1)), (SHOWN[word[:-1]], MACRO))
    folder = FOLDERS[number - 1]
    named = MISNAMED[2] if (number, word) == MISNAMED[:2] else folder
    return PlannedVideo(
        subject,
        f"rawpic/s{folder}/{named}_{VIDEOS[word]}",
        word,
        tuple(emotion for emotion, _ in events),
        1,
        "img{:03d}.jpg",
        before=(0.5, 1.2),
        between=(0.4, 1.0),
        after=(0.4, 0.8),
        kinds=tuple(kind for _, kind in events),
    )


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the workbook: the coding sheet and the two naming rules."""
    sheets: dict[str, list[tuple[Cell, ...]]] = {
        "CASFEcode_final": [_row(event, seed) for event in events],
        "naming rule1": [(folder, f"s{folder}", number) for number, folder in enumerate(FOLDERS, start=1)],
        "naming rule2": [(int(name[:4]), word) for word, name in VIDEOS.items()],
    }
    return [write_workbook(out / TABLE, sheets)]


def _row(event: CodedEvent, seed: int) -> tuple[Cell, ...]:
    video = event.video
    number = FOLDERS.index(int(video.folder.split("/")[1].removeprefix("s"))) + 1
    chance = child_seed(seed, "quirk", video.folder, event.event)
    macro = event.kind == MACRO.name
    code = str(event.expression.code())
    if chance % 12 == 0:
        code = "NULL"
    elif chance % 12 == 1:
        code = code.replace("+", "or", 1)
    return (
        number,
        f"{video.name}_{event.event + 1}",
        event.onset,
        event.apex,
        0 if macro and chance % 5 == 0 else event.offset,
        code,
        event.emotion,
        f"{event.kind}-expression",
        next((felt for word, felt in FELT.items() if video.name.startswith(word)), "confused"),
    )


CAS_ME_2 = Layout(
    corpus="cas-me-2",
    title="CAS(ME)^2",
    fps=30.0,
    size=(640, 480),
    subjects=len(MICRO_OF),
    clips=sum(EMOTIONS.values()),
    plan=plan,
    write_tables=write_tables,
    second_table="CAS(ME)^2code_final(Updated).xlsx",
    spared=frozenset({"renamed-column"}),
)
