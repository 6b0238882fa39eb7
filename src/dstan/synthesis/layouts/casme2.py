"""A twin of CASME II: its folders, frame names and coding table, with drawn people.

A full twin has each subject's clips and emotions of the table of 2014, and so the 24 subjects of MEGC2019. The quirks
are the corpus's: the apex of sub04 EP12_01f is "/", which makes ApexFrame a column of mixed type; Action Units holds
numbers and text; two columns are empty; one offset is a decade too large; clip names end with or without f. Objective
classes lie in a table of their own; they do not follow from the drawn action units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import CodedEvent, Crop, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import Cell, write_workbook
from dstan.synthesis.plan import deal_classes, deal_emotions, how_many

EMOTIONS = ("happiness", "disgust", "repression", "surprise", "others", "sadness", "fear")
COMMON = ("happiness", "disgust", "repression", "surprise", "others")
PEOPLE = (
    (1, 2, 0, 0, 6, 0, 0), (1, 0, 5, 3, 4, 0, 0), (0, 4, 0, 1, 2, 0, 0), (0, 3, 0, 0, 2, 0, 0),
    (1, 1, 0, 5, 12, 0, 0), (1, 1, 0, 2, 1, 0, 0), (0, 5, 0, 0, 4, 0, 0), (0, 0, 1, 0, 2, 0, 0),
    (5, 0, 5, 0, 3, 0, 1), (0, 0, 0, 0, 13, 0, 1), (0, 4, 0, 0, 6, 0, 0), (2, 5, 0, 4, 1, 0, 0),
    (2, 0, 0, 0, 6, 0, 0), (3, 0, 0, 0, 1, 0, 0), (1, 1, 0, 1, 0, 0, 0), (2, 0, 1, 0, 1, 0, 0),
    (7, 14, 9, 1, 3, 2, 0), (0, 0, 0, 0, 3, 0, 0), (3, 3, 0, 5, 4, 1, 0), (0, 2, 0, 0, 9, 0, 0),
    (0, 0, 1, 0, 1, 0, 0), (0, 0, 2, 0, 0, 0, 0), (1, 4, 3, 0, 4, 0, 0), (0, 2, 0, 1, 4, 3, 0),
    (0, 3, 0, 2, 2, 0, 0), (2, 9, 0, 0, 5, 1, 0),
)  # fmt: skip
"""Clips of each estimated emotion of each subject, by the table of 2014."""
OBJECTIVE = {
    "happiness": {1: 23, 7: 9}, "disgust": {3: 33, 4: 26, 7: 4}, "repression": {1: 2, 5: 13, 7: 12},
    "surprise": {2: 15, 7: 10}, "others": {3: 62, 5: 5, 7: 32}, "sadness": {3: 4, 5: 2, 7: 1}, "fear": {6: 1, 7: 1},
}  # fmt: skip
"""Clips of each objective class: as many as in the corpus; how they fall on the emotions is made up."""
FRAMES_FOLDER = "CASME2_RAW_selected"
TABLE = "CASME2-coding-20140508.xlsx"
CLASSES = "CASME2-ObjectiveClasses.xlsx"
COLUMNS = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units", "Estimated Emotion",
)  # fmt: skip
_NAMED = {4: "EP12_01f", 5: "EP09_05f", 16: "EP01_08"}
"""Clips that other lists name: one without an apex, one whose apex is its onset, one with lost crops."""
_IN_MEGC = ("disgust", "repression")
"""What the clips show that MEGC2019 leaves out by name."""
_NO_APEX = (4, "EP12_01f")


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide subjects, clip names, emotions and frame numbers of a twin."""
    whole = tuple(map(sum, PEOPLE))
    per_subject = how_many(subjects, clips, whole, sum(whole))
    if per_subject == whole[: len(per_subject)]:
        hands = [[name for name, n in zip(EMOTIONS, row, strict=True) for _ in range(n)] for row in PEOPLE]
    else:
        totals = dict(zip(EMOTIONS, map(sum, zip(*PEOPLE, strict=True)), strict=True))
        hands = deal_emotions(per_subject, totals, COMMON, seed)
    planned = []
    for subject, emotions in enumerate(hands[: len(per_subject)], start=1):
        rng = np.random.default_rng(child_seed(seed, "names", subject))
        names = _names(rng, subject, len(emotions))
        first = (int(n) for n in rng.integers(1, 220, len(names)))
        shown = _named_first(subject, names, [str(name) for name in rng.permutation(emotions)])
        planned += [_video(subject, *three) for three in zip(names, shown, first, strict=True)]
    return planned


def _named_first(subject: int, names: Sequence[str], emotions: Sequence[str]) -> list[str]:
    """Order the emotions of a person such that a clip that MEGC2019 leaves out shows what the challenge has."""
    hand = list(emotions)
    fitting = [place for place, name in enumerate(hand) if name in _IN_MEGC]
    if subject in _NAMED and fitting:
        place = names.index(_NAMED[subject])
        hand[place], hand[fitting[0]] = hand[fitting[0]], hand[place]
    return hand


def _names(rng: np.random.Generator, subject: int, count: int) -> list[str]:
    """Draw clip names: episode, number, and a trailing f on most."""
    named = [_NAMED[subject]] if subject in _NAMED else []
    choices = [f"EP{episode:02d}_{number:02d}" for episode in range(1, 20) for number in range(1, 2 + count // 8)]
    taken = {name.removesuffix("f") for name in named}
    drawn = rng.choice([name for name in choices if name not in taken], count - len(named), replace=False)
    return sorted(named + [str(name) + "f" * int(rng.uniform() < 0.6) for name in drawn])


def _video(subject: int, name: str, emotion: str, first_frame: int) -> PlannedVideo:
    folder = f"{FRAMES_FOLDER}/sub{subject:02d}/{name}"
    return PlannedVideo(subject, folder, name, (emotion,), first_frame, "img{}.jpg")


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the coding table, and that of the objective classes."""
    rows = [_row(event) for event in _with_wrong_decade(events, seed)]
    classes = deal_classes({event.video.folder: event.emotion for event in events}, OBJECTIVE, seed)
    named = {(event.video.subject, event.video.name): classes[event.video.folder] for event in events}
    objective = [(*clip, number) for clip, number in named.items()]
    return [
        write_workbook(out / TABLE, {"Sheet1": [COLUMNS, *rows]}),
        write_workbook(out / CLASSES, {"Sheet1": [("Subject", "Filename", "Objective Class"), *objective]}),
    ]


def _row(event: CodedEvent) -> tuple[Cell, ...]:
    video = event.video
    apex = "/" if (video.subject, video.name) == _NO_APEX else event.apex
    code, emotion = event.expression.code(), event.emotion
    return video.subject, video.name, None, event.onset, apex, event.offset, None, code, emotion


def _with_wrong_decade(events: Sequence[CodedEvent], seed: int) -> list[CodedEvent]:
    """Make one offset of a large table ten frames too late."""
    coded = list(events)
    place = child_seed(seed, "decade") % len(coded)
    offset = coded[place].offset
    if len(coded) >= 100 and isinstance(offset, int):
        coded[place] = replace(coded[place], offset=offset + 10)
    return coded


CASME2 = Layout(
    corpus="casme2",
    title="CASME II",
    fps=200.0,
    size=(640, 480),
    subjects=26,
    clips=255,
    plan=plan,
    write_tables=write_tables,
    crop=Crop(
        folder=lambda video: video.folder.replace(FRAMES_FOLDER, "Cropped", 1),
        image=lambda video: f"reg_{video.image}",
        size=(280, 340),
    ),
    second_table="CASME2-coding-20190701.xlsx",
)
