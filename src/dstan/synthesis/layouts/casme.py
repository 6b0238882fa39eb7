"""A twin of CASME: its two sections, frame names and coding table, with drawn people.

Section A (people 1 to 7, 92 clips) is drawn at 1280 x 720 with plain frame numbers, section B (people 8 to 19, 97
clips) at 640 x 480 with numbers of three digits. The clips per person are as uneven as in another table of the corpus;
of the emotions outside of the paper's four classes only the sum, 17, is certain. The table has two columns without a
name, two apexes with a backslash or nothing where there is none, and the misspelt "comtempt" of sub01 EP14_1; a full
one has an apex that is missing and two offsets that are too late.

The corpus's table is an .xls workbook; the twin's has the same name and is an .xlsx. The pauses around an expression
are shorter than the corpus's.
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
    "tense": 70, "disgust": 44, "repression": 38, "surprise": 20,
    "happiness": 9, "sadness": 5, "fear": 2, "contempt": 1,
}  # fmt: skip
"""Clips of each emotion."""
COMMON = ("tense", "disgust", "repression", "surprise")
CLIPS_PER_SUBJECT = (33, 2, 4, 5, 2, 15, 31, 26, 7, 6, 1, 3, 10, 10, 3, 4, 6, 15, 6)
SECTION_B = 8
"""The first person of section B."""
FRAMES_FOLDER = "CASME_raw_selected"
TABLE = "CASME-coded-20190721.xlsx"
COLUMNS = (
    "Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None,
    "Onset(ms)", "Total(ms)", "AU", "Emotion",
)  # fmt: skip
FPS = 60.0
NO_APEX = "\\"
MISSPELT = (1, "EP14_1", "contempt", "comtempt")
"""Whose clip, what it shows, and how the table spells it."""
_LARGE = 100


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide subjects, clip names and emotions of a twin."""
    per_subject = how_many(subjects, clips, CLIPS_PER_SUBJECT, sum(EMOTIONS.values()))
    whole = per_subject == CLIPS_PER_SUBJECT
    dealt = deal_emotions(per_subject, EMOTIONS, COMMON, seed, accept=_has_misspelt if whole else None)
    planned = []
    for subject, emotions in enumerate(dealt, start=1):
        rng = np.random.default_rng(child_seed(seed, "names", subject))
        planned += [_video(subject, *pair) for pair in _named(rng, subject, emotions)]
    return planned


def _has_misspelt(dealt: Sequence[Sequence[str]]) -> bool:
    return MISSPELT[2] in dealt[MISSPELT[0] - 1]


def _named(rng: np.random.Generator, subject: int, emotions: Sequence[str]) -> list[tuple[str, str]]:
    """Name the clips of one person: episode and number, either alone, or with one number more."""
    person, name, emotion, _ = MISSPELT
    if subject == SECTION_B:
        choices = [f"EP12_{part}_{number}" for part in (2, 4, 11) for number in range(1, 13)]
    else:
        choices = [
            f"EP{episode:02d}_{number}" for episode in range(1, 18) for number in range(1, 3 + len(emotions) // 8)
        ]
        choices += [f"EP{episode:02d}" for episode in range(1, 18)]
        choices.remove("EP14_1")
    pairs = list(zip((str(one) for one in rng.choice(choices, len(emotions), replace=False)), emotions, strict=True))
    if subject == person and emotion in emotions:
        pairs[emotions.index(emotion)] = (name, emotion)
    return sorted(pairs)


def _video(subject: int, name: str, emotion: str) -> PlannedVideo:
    padded = subject >= SECTION_B
    return PlannedVideo(
        subject=subject,
        folder=f"{FRAMES_FOLDER}/sub{subject:02d}/{name}",
        name=name,
        emotions=(emotion,),
        first_frame=1,
        image=f"{name}-{{:03d}}.jpg" if padded else f"{name}-{{}}.jpg",
        before=(0.1, 0.4),
        after=(0.05, 0.3),
        size=(640, 480) if padded else None,
    )


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the coding table."""
    rows = [_row(event, seed) for event in _with_mistakes(events, seed)]
    return [write_workbook(out / TABLE, {"Sheet1": [COLUMNS, *rows]})]


def _row(event: CodedEvent, seed: int) -> tuple[Cell, ...]:
    video, onset, apex, offset = event.video, event.onset, event.apex, event.offset
    person, name, emotion, misspelt = MISSPELT
    word = misspelt if (video.subject, video.name, event.emotion) == (person, name, emotion) else event.emotion
    times = (_milliseconds(onset, apex), _milliseconds(onset, offset))
    second = _second_apex(event, seed)
    return video.subject, video.name, None, onset, apex, second, offset, None, *times, event.expression.code(), word


def _milliseconds(first: int | str | None, last: int | str | None) -> int | None:
    """Return how long two frames and all between them last."""
    if not isinstance(first, int) or not isinstance(last, int):
        return None
    return round((last - first + 1) * 1000 / FPS)


def _second_apex(event: CodedEvent, seed: int) -> Cell:
    """Return a frame soon after the apex, or what stands where there is none."""
    rng = np.random.default_rng(child_seed(seed, "second apex", event.video.folder))
    kind, later = rng.uniform(), int(rng.integers(1, 7))
    if kind < 0.55 and isinstance(event.apex, int) and isinstance(event.offset, int):
        return min(event.apex + later, max(event.apex, event.offset))
    return NO_APEX if kind < 0.9 else None


def _with_mistakes(events: Sequence[CodedEvent], seed: int) -> list[CodedEvent]:
    """Give a large table a clip without an apex and two offsets that are too late."""
    coded = list(events)
    if len(coded) < _LARGE:
        return coded
    rng = np.random.default_rng(child_seed(seed, "mistakes"))
    missing, *late = (int(place) for place in rng.choice(len(coded), 3, replace=False))
    coded[missing] = replace(coded[missing], apex=NO_APEX)
    for place in late:
        offset = coded[place].offset
        coded[place] = replace(coded[place], offset=offset + 10 if isinstance(offset, int) else offset)
    return coded


CASME = Layout(
    corpus="casme",
    title="CASME",
    fps=FPS,
    size=(1280, 720),
    subjects=19,
    clips=189,
    plan=plan,
    write_tables=write_tables,
    crop=Crop(
        folder=lambda video: video.folder.replace(FRAMES_FOLDER, "Cropped", 1),
        image=lambda video: f"reg_{video.image}",
        size=(150, 190),
    ),
)
