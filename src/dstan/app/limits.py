"""How large and how long a video may be, looked at before any work begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dstan.errors import ConfigError, FrameError
from dstan.video import VideoInfo, video_info

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """What one video may be.

    Parameters
    ----------
    megabytes
        Its file's size at most, in units of 1,048,576 bytes.
    seconds
        Its length at most.

    Raises
    ------
    ConfigError
        If one is not above 0.
    """

    megabytes: float = 500.0
    seconds: float = 600.0

    def __post_init__(self) -> None:
        for name, value in (("--max-size", self.megabytes), ("--max-length", self.seconds)):
            if not value > 0:
                raise ConfigError(f"{name} is {value:g}, but has to be above 0")

    @property
    def bytes(self) -> int:
        """The size in bytes."""
        return int(self.megabytes * MEGABYTE)

    def __str__(self) -> str:
        return f"up to {length(self.seconds)} and {self.megabytes:g} MB"

    def check(self, path: Path) -> VideoInfo:
        """See that a video file is within the limits, without decoding it.

        Raises
        ------
        FrameError
            If it is too large or too long, is damaged, or holds no video.
        """
        size = path.stat().st_size
        if size > self.bytes:
            raise FrameError(
                f"this file is {size / MEGABYTE:.0f} MB, and at most {self.megabytes:g} MB are taken",
                hint="Cut out the part that matters, or start the page with a larger --max-size",
            )
        info = video_info(path)
        if info.duration > self.seconds:
            raise FrameError(
                f"this video lasts {length(info.duration)}, and at most {length(self.seconds)} are taken",
                hint="Cut out the part that matters, or start the page with a larger --max-length; "
                "dstan spot takes videos of any length",
            )
        return info


def length(seconds: float) -> str:
    """Say a length: "0.4 s", "12 s", "2 min", "2 min 5 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
