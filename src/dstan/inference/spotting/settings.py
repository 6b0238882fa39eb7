"""The settings of spotting, each with its meaning."""

from __future__ import annotations

from dataclasses import dataclass

from dstan.config import Settings, setting
from dstan.errors import ConfigError


@dataclass(frozen=True)
class SpottingSettings(Settings):
    """What counts as a micro-expression, and how closely a video is looked at."""

    shortest: float = setting(1 / 25, "Shortest micro-expression from onset to offset, seconds", low=0.0, high=1.0)
    longest: float = setting(0.5, "Longest micro-expression from onset to offset, seconds", low=0.1, high=2.0)
    threshold: float = setting(0.5, "Confidence from which on an event is told, 0 to 1", low=0.0, high=1.0)
    prominence: float = setting(
        4.0,
        "How far a peak of the motion signal has to stand out to be looked at, in its local noise",
        low=1.0,
        high=100.0,
    )
    smallest: float = setting(
        0.3, "Smallest motion of a region, per cent of the distance between the eyes", low=0.0, high=10.0
    )
    side: int = setting(144, "Side of the aligned face in which motion is measured, pixels", low=96, high=320)
    rate: float = setting(60.0, "Instants a second at most; frames of faster videos are averaged", low=10.0, high=240.0)
    looks: float = setting(12.0, "Times a second that the face is looked for", low=2.0, high=60.0)
    key_seconds: float = setting(1.0, "Seconds after which motion is measured from a new picture", low=0.3, high=10.0)
    lost_seconds: float = setting(0.3, "Absence of the face that ends a stretch, seconds", low=0.05, high=5.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shortest >= self.longest:
            raise ConfigError(f"shortest ({self.shortest:g} s) has to be less than longest ({self.longest:g} s)")
