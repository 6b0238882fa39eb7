"""A twin of CASME II: its folders, frame names and coding table, with drawn people.

The clips per subject are uneven as in the corpus, and so are the quirks of its table: the apex of sub04 EP12_01f is
"/", which makes ApexFrame a column of mixed type; Action Units holds numbers and text; one offset is a decade too
large; clip names end with or without f.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dstan import _atomic
from dstan._random import child_seed
from dstan.synthesis.emotions import Expression, draw_expression
from dstan.synthesis.motion import Motion, draw_motion, draw_phases
from dstan.synthesis.plan import PlannedClip, deal_emotions, how_many

FPS = 200.0
EMOTIONS = {
    "happiness": 32, "others": 99, "disgust": 63, "repression": 27, "surprise": 25, "sadness": 7, "fear": 2,
}  # fmt: skip
"""Clips of each estimated emotion in the table of 2014."""
COMMON = ("happiness", "disgust", "repression", "surprise", "others")
CLIPS_PER_SUBJECT = (9, 13, 7, 5, 19, 5, 9, 3, 14, 14, 10, 12, 8, 4, 3, 4, 36, 3, 16, 11, 2, 2, 12, 11, 7, 16)
FRAMES_FOLDER = "CASME2_RAW_selected"
TABLE = "CASME2-coding-20140508.xlsx"
COLUMNS = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")
_NAMED = {4: "EP12_01f", 5: "EP09_05f", 16: "EP01_08"}
"""Clips that field notes speak of: one without an apex, and two that other lists leave out."""
_NO_APEX = (4, "EP12_01f")


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedClip]:
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
    dealt = deal_emotions(per_subject, EMOTIONS, COMMON, seed)
    planned = []
    for subject, emotions in enumerate(dealt, start=1):
        rng = np.random.default_rng(child_seed(seed, "names", subject))
        names = _names(rng, subject, len(emotions))
        first = (int(n) for n in rng.integers(1, 220, len(names)))
        planned += [PlannedClip(subject, *three) for three in zip(names, emotions, first, strict=True)]
    return planned


def _names(rng: np.random.Generator, subject: int, count: int) -> list[str]:
    """Draw clip names: episode, number, and a trailing f on most."""
    named = [_NAMED[subject]] if subject in _NAMED else []
    choices = [f"EP{episode:02d}_{number:02d}" for episode in range(1, 20) for number in range(1, 2 + count // 8)]
    taken = {name.removesuffix("f") for name in named}
    drawn = rng.choice([name for name in choices if name not in taken], count - len(named), replace=False)
    return sorted(named + [str(name) + "f" * int(rng.uniform() < 0.6) for name in drawn])


def folder_of(clip: PlannedClip) -> Path:
    """Return where a clip's images lie, below the twin's root."""
    return Path(FRAMES_FOLDER, f"sub{clip.subject:02d}", clip.name)


def image_name(clip: PlannedClip, index: int) -> str:
    """Return the name of a clip's image."""
    return f"img{clip.first_frame + index}.jpg"


def performance_of(clip: PlannedClip, seed: int) -> tuple[Expression, Motion]:
    """Draw what the face does in a clip, and when."""
    expression = draw_expression(clip.emotion, child_seed(seed, "expression", clip.subject, clip.name))
    phases = draw_phases(FPS, child_seed(seed, "phases", clip.subject, clip.name))
    return expression, draw_motion(expression, phases, FPS, child_seed(seed, "motion", clip.subject, clip.name))


def write_annotation(out: Path, clips: Sequence[PlannedClip], seed: int) -> None:
    """Write the coding table."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(COLUMNS)
    for row in table_rows(clips, seed):
        sheet.append([row[column] for column in COLUMNS])
    with _atomic.replacing(out / TABLE) as temporary:
        book.save(temporary)


def table_rows(clips: Sequence[PlannedClip], seed: int) -> list[dict[str, int | str]]:
    """Return the coding table's rows, with the corpus's quirks."""
    rows: list[dict[str, int | str]] = []
    for clip in clips:
        expression, motion = performance_of(clip, seed)
        onset, apex, offset = (clip.first_frame + n for n in (motion.onset, motion.apex, motion.offset))
        no_apex = (clip.subject, clip.name) == _NO_APEX
        cells = (clip.subject, clip.name, onset, "/" if no_apex else apex, offset, expression.code(), clip.emotion)
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    if len(rows) >= 100:
        wrong = rows[child_seed(seed, "decade") % len(rows)]
        wrong["OffsetFrame"] = int(wrong["OffsetFrame"]) + 10
    return rows
