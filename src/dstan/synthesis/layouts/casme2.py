"""A twin of CASME II: its folders, frame names and coding table, with drawn people.

The clips per subject are uneven as in the corpus, and so are the quirks of its table: the apex of sub04 EP12_01f is
"/", which makes ApexFrame a column of mixed type; Action Units holds numbers and text; two columns are empty; one
offset is a decade too large; clip names end with or without f. Two people show others, sadness and fear only, so that
the task of MEGC2019 has 24 subjects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import CodedEvent, Crop, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import Cell, write_workbook
from dstan.synthesis.plan import deal_emotions, how_many

EMOTIONS = {
    "happiness": 32, "others": 99, "disgust": 63, "repression": 27, "surprise": 25, "sadness": 7, "fear": 2,
}  # fmt: skip
"""Clips of each estimated emotion in the table of 2014."""
COMMON = ("happiness", "disgust", "repression", "surprise", "others")
CLIPS_PER_SUBJECT = (9, 13, 7, 5, 19, 5, 9, 3, 14, 14, 10, 12, 8, 4, 3, 4, 36, 3, 16, 11, 2, 2, 12, 11, 7, 16)
FRAMES_FOLDER = "CASME2_RAW_selected"
TABLE = "CASME2-coding-20140508.xlsx"
COLUMNS = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units", "Estimated Emotion",
)  # fmt: skip
MEGC = ("disgust", "repression", "happiness", "surprise")
"""The emotions that MEGC2019 keeps."""
NOT_IN_MEGC = (10, 18)
"""People of whom MEGC2019 has no clip."""
_NAMED = {4: "EP12_01f", 5: "EP09_05f", 16: "EP01_08"}
"""Clips that field notes speak of: one without an apex, and two that other lists leave out."""
_LEFT_OUT = {4: ("disgust", "repression"), 5: ("disgust", "repression")}
"""What the clips show that MEGC2019 leaves out by name, one of each of these subjects."""
_NO_APEX = (4, "EP12_01f")


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide subjects, clip names, emotions and frame numbers of a twin.

    Parameters
    ----------
    subjects, clips
        How many; None for as many as the corpus has.
    seed
        The same seed gives the same plan.

    Raises
    ------
    ConfigError
        If the numbers do not fit.
    """
    per_subject = how_many(subjects, clips, CLIPS_PER_SUBJECT, sum(EMOTIONS.values()))
    if per_subject == CLIPS_PER_SUBJECT:
        others = [name for name in EMOTIONS if name not in MEGC]
        dealt = deal_emotions(
            per_subject, EMOTIONS, COMMON, seed, only=dict.fromkeys(NOT_IN_MEGC, others), accept=_fits_megc
        )
    else:
        dealt = deal_emotions(per_subject, EMOTIONS, COMMON, seed)
    planned = []
    for subject, emotions in enumerate(dealt, start=1):
        rng = np.random.default_rng(child_seed(seed, "names", subject))
        names = _names(rng, subject, len(emotions))
        first = (int(n) for n in rng.integers(1, 220, len(names)))
        shown = _named_first(subject, names, emotions)
        planned += [_video(subject, *three) for three in zip(names, shown, first, strict=True)]
    return planned


def _fits_megc(dealt: Sequence[Sequence[str]]) -> bool:
    """Tell whether all but two people keep a clip for MEGC2019 after the clips that it leaves out by name."""
    for subject, emotions in enumerate(dealt, start=1):
        kept = sum(name in MEGC for name in emotions)
        if subject in _LEFT_OUT and not any(name in _LEFT_OUT[subject] for name in emotions):
            return False
        if subject not in NOT_IN_MEGC and kept <= (subject in _LEFT_OUT):
            return False
    return True


def _named_first(subject: int, names: Sequence[str], emotions: Sequence[str]) -> list[str]:
    """Order a hand of emotions such that the clip that MEGC2019 leaves out shows what it is left out of."""
    hand = list(emotions)
    fitting = [place for place, name in enumerate(hand) if name in _LEFT_OUT.get(subject, ())]
    if fitting:
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
    """Write the coding table."""
    rows = [_row(event) for event in _with_wrong_decade(events, seed)]
    return [write_workbook(out / TABLE, {"Sheet1": [COLUMNS, *rows]})]


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
