"""A twin of SAMM: its folders, frame names and coding table, with drawn people seen in grey.

The numbers of people, their clips, emotions and objective classes are the corpus's. The table lies below 13 rows of
explanation; it writes people as text, action units with intensities, sides, alternatives and references, and in a full
twin an apex after the offset (028_4_1), one before the onset (032_3_1) and an offset that Duration contradicts
(013_1_9). Frame numbers have five digits in the clips of the first inducement and four in the others. One person shows
nothing but "Other", so that the task of MEGC2019 has 28 people.

Objective classes are dealt among the clips of each emotion as in the corpus; they do not follow from the drawn action
units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import CodedEvent, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import Cell, write_workbook
from dstan.synthesis.plan import deal_classes, deal_emotions, how_many

OBJECTIVE = {
    "Anger": {3: 20, 7: 37}, "Other": {7: 26}, "Happiness": {1: 23, 7: 3}, "Surprise": {2: 13, 7: 2},
    "Contempt": {1: 1, 7: 11}, "Disgust": {4: 8, 7: 1}, "Fear": {6: 7, 7: 1}, "Sadness": {5: 3, 7: 3},
}  # fmt: skip
"""Clips of each emotion in each objective class."""
EMOTIONS = {emotion: sum(classes.values()) for emotion, classes in OBJECTIVE.items()}
"""Clips of each estimated emotion."""
COMMON = ("Anger", "Other", "Happiness", "Surprise", "Contempt")
PEOPLE = {
    6: 11, 7: 10, 9: 4, 10: 4, 11: 20, 12: 3, 13: 6, 14: 11, 15: 3, 16: 5, 17: 6, 18: 4, 19: 3, 20: 9, 21: 2, 22: 5,
    23: 1, 24: 1, 25: 4, 26: 13, 28: 3, 30: 3, 31: 1, 32: 6, 33: 5, 34: 3, 35: 9, 36: 1, 37: 3,
}  # fmt: skip
"""Clips of each person by the corpus's number."""
NUMBERS = tuple(PEOPLE)
CLIPS_PER_SUBJECT = tuple(PEOPLE.values())
NOT_IN_MEGC = 25
"""The person of whom MEGC2019 has no clip."""
NAMED = {13: "013_1_9", 28: "028_4_1", 32: "032_3_1"}
"""Clips with a mistake: an offset that Duration contradicts, an apex after the offset, an apex before the onset."""
FIRST = {"028_4_1": 1020, "032_3_1": 4891}
"""Where these clips begin, so that the wrong apexes of the table lie outside of them."""
WRONG_APEX = {"028_4_1": 1143, "032_3_1": 1930}
TABLE = "SAMM_Micro_FACS_Codes_v2.xlsx"
SHEET = "MICRO_ONLY"
COLUMNS = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
    "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
EXPLANATION = (
    "Synthetic twin of SAMM: drawn people, no data of the corpus", None,
    "Emotions and objective classes are named as in the corpus", None, None,
    "Symbols:", '"/" or "or": either of two', '"?": unclear', None,
    "Action units:", '"L2", "R2": on the left or on the right side only', '"A2": stronger on one side', None,
)  # fmt: skip
"""The rows above the header."""
NOTES = (None, None, None, "Blinks", "Eye movement", "Slight head movement")
_ALTERNATIVES = {12: 14, 14: 12, 24: 17, 17: 24, 10: 9, 6: 12}


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """Decide people, clip names, emotions and frame numbers of a twin."""
    per_subject = how_many(subjects, clips, CLIPS_PER_SUBJECT, sum(EMOTIONS.values()))
    if per_subject == CLIPS_PER_SUBJECT:
        only = {NUMBERS.index(NOT_IN_MEGC) + 1: ["Other"]}
        dealt = deal_emotions(per_subject, EMOTIONS, COMMON, seed, only=only, accept=_fits_megc)
    else:
        dealt = deal_emotions(per_subject, EMOTIONS, COMMON, seed)
    planned = []
    for subject, emotions in enumerate(dealt, start=1):
        rng = np.random.default_rng(child_seed(seed, "names", subject))
        names = _names(rng, NUMBERS[subject - 1], len(emotions))
        first = (int(number) for number in rng.integers(80, 12500, len(names)))
        planned += [_video(subject, *three) for three in zip(names, emotions, first, strict=True)]
    return planned


def _fits_megc(dealt: Sequence[Sequence[str]]) -> bool:
    """Tell whether everybody but one shows something besides "Other"."""
    return sum(set(emotions) != {"Other"} for emotions in dealt) == len(dealt) - 1


def _names(rng: np.random.Generator, number: int, count: int) -> list[str]:
    """Draw clip names of one person: number, inducement, running number; sorted as text, as in the table."""
    named = [NAMED[number]] if number in NAMED else []
    choices = [f"{number:03d}_{inducement}_{running}" for inducement in range(1, 8) for running in range(1, 14)]
    drawn = rng.choice([name for name in choices if name not in named], count - len(named), replace=False)
    return sorted([*named, *(str(name) for name in drawn)])


def _video(subject: int, name: str, emotion: str, first_frame: int) -> PlannedVideo:
    person, inducement, _ = name.split("_")
    digits = 5 if inducement == "1" else 4
    folder, image = f"SAMM/{person}/{name}", f"{person}_{{:0{digits}d}}.jpg"
    return PlannedVideo(subject, folder, name, (emotion,), FIRST.get(name, first_frame), image)


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    """Write the coding table."""
    classes = deal_classes({event.video.folder: event.emotion for event in events}, OBJECTIVE, seed)
    rows = [_row(event, classes[event.video.folder], seed) for event in events]
    return [write_workbook(out / TABLE, {SHEET: [*((line,) for line in EXPLANATION), COLUMNS, *rows]})]


def _row(event: CodedEvent, objective: int, seed: int) -> tuple[Cell, ...]:
    video = event.video
    rng = np.random.default_rng(child_seed(seed, "row", video.folder))
    _, inducement, _ = video.folder.rpartition("/")[2].split("_")
    coded = _with_mistake(event)
    frames = (coded.onset, coded.apex, coded.offset, _duration(event))
    units, note = _units(event, rng), NOTES[int(rng.integers(len(NOTES)))]
    person = f"{NUMBERS[video.subject - 1]:03d}"
    return person, video.name, int(inducement), *frames, "Micro - 1/2", units, event.emotion, objective, note


def _with_mistake(event: CodedEvent) -> CodedEvent:
    """Write down wrongly what the corpus has wrongly."""
    if not isinstance(event.onset, int) or not isinstance(event.offset, int):
        return event
    if event.video.name == NAMED[13]:
        return replace(event, offset=event.offset + 54)
    return replace(event, apex=WRONG_APEX.get(event.video.name, event.apex))


def _duration(event: CodedEvent) -> int | None:
    if not isinstance(event.onset, int) or not isinstance(event.offset, int):
        return None
    return event.offset - event.onset + 1


def _units(event: CodedEvent, rng: np.random.Generator) -> Cell:
    """Write action units as SAMM's coders do; a single number is an int, as in Excel."""
    parts = [_unit(number, *sides, rng) for number, sides in sorted(event.expression.intensities.items())]
    number = min(event.expression.intensities)
    if len(parts) == 1 and number in _ALTERNATIVES and rng.uniform() < 0.2:
        side = parts[0][0] if parts[0][0] in "LR" else ""
        parts = [f"{side}{number} or {side}{_ALTERNATIVES[number]}"]
    text = "+".join(parts)
    return int(text) if text.isdigit() else text


def _unit(number: int, left: float, right: float, rng: np.random.Generator) -> str:
    """Write one unit: its side, or that it is uneven; its number; perhaps its intensity; perhaps as a reference."""
    weaker, stronger = sorted((left, right))
    side = "" if weaker > 0.6 * stronger else "A" if weaker > 0.35 * stronger else "L" if left > right else "R"
    grade = int(np.clip(stronger / 0.7, 0, 3))
    chance = rng.uniform()
    intensity = "" if chance < 0.6 else f"{'ABCD'[grade]}/{'BCDE'[grade]}" if chance < 0.63 else "ABCD"[grade]
    code = f"{side}{number}{intensity}"
    return f"ref({code})" if rng.uniform() < 0.03 else code


SAMM = Layout(
    corpus="samm",
    title="SAMM",
    fps=200.0,
    size=(960, 650),
    subjects=29,
    clips=159,
    plan=plan,
    write_tables=write_tables,
    grey=True,
    spared=frozenset({"other-case"}),
)
