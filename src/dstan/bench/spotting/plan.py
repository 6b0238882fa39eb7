"""What is drawn for the bench of spotting: which videos, of whom, how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dstan.synthesis.session import FIRST_MEASURED

PLAIN, HARD = 12, 28
"""Quality of H.264: one that keeps subtle motion, and one as messengers and video calls leave it."""
NO_EVENTS = "distractors alone"
COMPRESSED = "30 fps, compressed"


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Parameters
    ----------
    sessions
        People at 30 frames a second; a third of them at other rates.
    seconds
        Of each of their videos; half as long at 60, a quarter as long at 200 frames a second.
    height, width
        Of the frames.
    """

    sessions: int = 9
    seconds: float = 60.0
    height: int = 240
    width: int = 320


@dataclass(frozen=True)
class Video:
    """One session to draw and to spot in.

    Parameters
    ----------
    kind
        Videos of one kind are a row of the tables.
    seed
        Who, and what happens; another person for each.
    seconds, fps, size
        How long, at which rate, height and width.
    crf
        Quality of H.264.
    per_minute
        How often things happen, where not as usual.
    """

    kind: str
    seed: int
    seconds: float
    fps: float
    size: tuple[int, int]
    crf: int = PLAIN
    per_minute: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind.replace(', ', '-').replace(' ', '-')}-{self.seed}"

    def file(self, folder: Path) -> Path:
        """Return where the video lies; its truth lies beside it."""
        return folder / "videos" / f"{self}.mp4"


def plan(size: Size) -> tuple[Video, ...]:
    """Return all videos, those that take longest first.

    Parameters
    ----------
    size
        How much.
    """
    some = max(size.sessions // 3, 1)
    shape = (size.height, size.width)
    kinds: tuple[tuple[str, int, float, float, int, dict[str, float]], ...] = (
        ("30 fps", size.sessions, size.seconds, 30.0, PLAIN, {}),
        (COMPRESSED, some, size.seconds, 30.0, HARD, {}),
        (NO_EVENTS, some, size.seconds, 30.0, PLAIN, {"micro": 0.0}),
        ("60 fps", some, size.seconds / 2, 60.0, PLAIN, {}),
        ("200 fps", some, size.seconds / 4, 200.0, PLAIN, {}),
    )
    return tuple(
        Video(kind, FIRST_MEASURED + person, seconds, fps, shape, crf, per_minute)
        for kind, people, seconds, fps, crf, per_minute in kinds
        for person in range(people)
    )
