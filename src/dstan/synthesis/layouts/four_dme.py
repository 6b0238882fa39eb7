"""A twin of 4DME: grey videos of one event each, several emotions at once, static action units.

Of the corpus, only the 267 clips are certain. How many show which emotions follows a summary that could not be checked;
41 people, some of whom came twice, 60 frames per second and 640 x 480 are likely but not confirmed. Frames keep the
numbers of the recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import CodedEvent, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import Cell, write_workbook
from dstan.synthesis.plan import deal_emotions, how_many

LABELS = ("Positive", "Negative", "Surprise", "Repression", "Others")
EMOTIONS = {
    "Positive": 34, "Negative": 127, "Surprise": 30, "Repression": 6, "Others": 31, "Surprise+Positive": 13,
    "Surprise+Negative": 8, "Surprise+Repression": 3, "Positive+Repression": 8, "Negative+Repression": 7,
}  # fmt: skip
"""Clips of each text in the column Emotion."""
COMMON = (*LABELS, "Surprise+Positive")
"""What a small twin must have too."""
CLIPS_PER_SUBJECT = (
    9, 14, 3, 22, 1, 6, 5, 11, 2, 8, 17, 4, 1, 7, 3, 12, 2, 9, 6, 1, 5,
    13, 2, 4, 8, 1, 10, 3, 6, 15, 2, 5, 7, 1, 4, 9, 3, 2, 11, 6, 7,
)  # fmt: skip
PEOPLE = (
    8, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 30, 31, 32, 34, 35, 37, 38, 40,
    41, 43, 44, 46, 47, 49, 50, 51, 52, 53, 55, 56, 57, 58, 59, 60, 61, 62, 64, 65,
)  # fmt: skip
"""What the people are numbered."""
TWICE = (13, 30, 58)
"""Those who came twice."""
STATIC = 0.06
"""Share of rows with a unit that does not move."""
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 23, 24, 25, 26, 28, 38, 39, 45)
TREE = "gray_micro"
TABLE = "4DME_Labelling_Micro_release v1.xlsx"
COLUMNS = (
    "sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "fold", "eye blink", *LABELS,
    *(f"AU{unit}" for unit in UNITS),
)  # fmt: skip
_TRIMMED = (0.0, 0.0)


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide who shows what; see :data:`~dstan.synthesis.layouts.layout.Plan`."""
    per_subject = how_many(subjects, clips, CLIPS_PER_SUBJECT, sum(EMOTIONS.values()))
    dealt = deal_emotions(per_subject, EMOTIONS, COMMON, seed)
    return [video for subject, emotions in enumerate(dealt, start=1) for video in _videos(subject, emotions, seed)]


def _videos(subject: int, emotions: Sequence[str], seed: int) -> list[PlannedVideo]:
    """Name a person's clips: visit, film, expression, part of it."""
    rng = np.random.default_rng(child_seed(seed, "names", subject))
    person = f"S{PEOPLE[subject - 1]:02d}"
    films = sorted(int(film) for film in rng.integers(1, 9, len(emotions)))
    seen: Counter[int] = Counter()
    videos = []
    for place, (film, emotion) in enumerate(zip(films, emotions, strict=True)):
        seen[film] += 1
        visit = ("_1st", "_2nd")[2 * place >= len(films)] if PEOPLE[subject - 1] in TWICE else ""
        name = f"{person}{visit}_{film:03d}_{seen[film]:02d}_1"
        folder, first = f"{TREE}/{person}{visit}/{name}", int(rng.integers(100, 8000))
        image = "Frame_{:09d}.jpg"
        videos.append(PlannedVideo(subject, folder, name, (emotion,), first, image, before=_TRIMMED, after=_TRIMMED))
    return videos


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the labelling table."""
    rows = [_row(event, seed) for event in events]
    return [write_workbook(out / TABLE, {"Sheet1": [COLUMNS, *rows]})]


def _row(event: CodedEvent, seed: int) -> tuple[Cell, ...]:
    video = event.video
    words = event.emotion.split("+")
    moving = event.expression.intensities
    return (
        video.folder.split("/")[1],
        video.name,
        event.emotion,
        event.onset,
        event.apex,
        event.offset,
        _units(event, seed),
        video.subject,
        0,
        *(int(label in words) for label in LABELS),
        *(int(unit in moving) for unit in UNITS),
    )


def _units(event: CodedEvent, seed: int) -> str:
    """Write the action units; now and then one that was there all the time comes first."""
    code = str(event.expression.code())
    rng = np.random.default_rng(child_seed(seed, "static", event.video.folder))
    still = [unit for unit in UNITS if unit not in event.expression.intensities]
    if rng.uniform() < STATIC:
        code = f"{rng.choice(still)}(k)+{code}"
    return f"AU{code}"


FOUR_DME = Layout(
    corpus="4dme",
    title="4DME",
    fps=60.0,
    size=(640, 480),
    subjects=41,
    clips=267,
    plan=plan,
    write_tables=write_tables,
    grey=True,
)
