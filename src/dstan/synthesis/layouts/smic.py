"""Twins of SMIC: its folders and frame names at high speed (HS), in visual (VIS) and in near infrared light (NIR).

There is no coding table: a folder is a micro-expression from its onset to its offset, and its place says of what class.
The numbers of the subjects have gaps, and each has as many clips of each class as in the corpus. Frame numbers go on
through a person's whole recording. The folders non_micro are not drawn. The cropped faces of the corpus differ in size;
here all have that which others scale them to. What NIR shows is grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dstan._random import child_seed
from dstan.synthesis.layouts.layout import Crop, Layout, PlannedVideo
from dstan.synthesis.plan import deal_emotions, how_many

SHORT = {"negative": "ne", "positive": "po", "surprise": "sur"}
"""The classes, and what the name of a clip calls them."""
PEOPLE = {
    1: (3, 2, 1), 2: (0, 1, 5), 3: (22, 11, 6), 4: (10, 4, 5), 5: (1, 0, 1), 6: (2, 0, 2), 8: (9, 4, 0), 9: (0, 1, 3),
    11: (3, 3, 1), 12: (0, 8, 1), 13: (0, 10, 0), 14: (3, 2, 5), 15: (1, 1, 2), 18: (2, 0, 5), 19: (0, 1, 1),
    20: (14, 3, 5),
}  # fmt: skip
"""Negative, positive and surprised clips of each subject, by the list of MEGC 2019."""
LATER = {number: counts for number, counts in PEOPLE.items() if number > 10}
"""Those whom the two slower cameras filmed too."""
RAW, CROPPED = "SMIC_all_raw", "SMIC_all_cropped"
FACE = (140, 170)


def hands_of(
    people: Mapping[int, Sequence[int]], subjects: int | None, clips: int | None, seed: int
) -> dict[int, dict[str, int]]:
    """Decide how many clips of each class each subject has.

    Parameters
    ----------
    people
        Those of the corpus by their number.
    subjects, clips
        How many; None for as many as the corpus has.
    seed
        The same seed gives the same numbers.

    Raises
    ------
    ConfigError
        If the numbers do not fit.
    """
    totals = tuple(sum(counts) for counts in people.values())
    per_subject = how_many(subjects, clips, totals, sum(totals))
    if per_subject == totals[: len(per_subject)]:
        hands = [list(counts) for counts in people.values()][: len(per_subject)]
    else:
        emotions = dict(zip(SHORT, (sum(column) for column in zip(*people.values(), strict=True)), strict=True))
        dealt = deal_emotions(per_subject, emotions, tuple(SHORT), seed)
        hands = [[hand.count(name) for name in SHORT] for hand in dealt]
    return {number: dict(zip(SHORT, hand, strict=True)) for number, hand in zip(people, hands, strict=False)}


def first_frames(number: int, count: int, fps: float, seed: int) -> list[int]:
    """Draw where in a subject's recording the clips begin, at least ten seconds apart.

    Parameters
    ----------
    number
        That of the subject.
    count
        Clips.
    fps
        Frames per second.
    seed
        The same seed gives the same numbers.
    """
    rng = np.random.default_rng(child_seed(seed, "names", number))
    begin = int(10 ** rng.uniform(3.0, 7.3))
    return [begin + int(place) for place in np.cumsum(rng.integers(round(10 * fps), round(60 * fps), count))]


def _plan(
    camera: str, people: Mapping[int, Sequence[int]], fps: float, subjects: int | None, clips: int | None, seed: int
) -> list[PlannedVideo]:
    planned = []
    for subject, (number, hand) in enumerate(hands_of(people, subjects, clips, seed).items(), start=1):
        named = [(name, index) for name, count in hand.items() for index in range(1, count + 1)]
        for (emotion, index), first in zip(named, first_frames(number, len(named), fps, seed), strict=True):
            name = f"s{number}_{SHORT[emotion]}_{index:02d}"
            folder = f"{RAW}/{camera}/s{number}/micro/{emotion}/{name}"
            planned.append(
                PlannedVideo(
                    subject, folder, name, (emotion,), first, "image{:06d}.bmp", before=(0.0, 0.0), after=(0.0, 0.0)
                )
            )
    return planned


def _layout(camera: str, people: Mapping[int, Sequence[int]], fps: float, *, grey: bool = False) -> Layout:
    return Layout(
        corpus=f"smic-{camera.lower()}",
        title=f"SMIC-{camera}",
        fps=fps,
        size=(640, 480),
        subjects=len(people),
        clips=sum(map(sum, people.values())),
        plan=lambda subjects, clips, seed: _plan(camera, people, fps, subjects, clips, seed),
        grey=grey,
        crop=Crop(
            folder=lambda video: video.folder.replace(RAW, CROPPED, 1),
            image=lambda video: f"reg_{video.image}",
            size=FACE,
        ),
    )


SMIC_HS = _layout("HS", PEOPLE, 100.0)
SMIC_VIS = _layout("VIS", LATER, 25.0)
SMIC_NIR = _layout("NIR", LATER, 25.0, grey=True)
