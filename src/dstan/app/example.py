"""The example: ten seconds of a drawn face, so that nobody needs a video to see what the page does."""

from __future__ import annotations

from pathlib import Path

from dstan.synthesis.session import Session, draw_session
from dstan.video import write_video

EXAMPLE = Path(__file__).with_name("example.mp4")
"""It comes along; :func:`write_example` made it."""
SEED, SECONDS, FPS, SIZE = 457, 10.0, 60.0, (360, 480)
PER_MINUTE = {"micro": 18, "macro": 0, "talking": 0, "head": 6, "blink": 12, "gaze": 6, "light": 0}


def example() -> Session:
    """Return what happens in the example, with its truth."""
    return draw_session(SEED, SECONDS, FPS, SIZE, PER_MINUTE)


def write_example(out: Path) -> None:
    """Draw the example.

    Parameters
    ----------
    out
        Where to, ``.mp4``.
    """
    write_video(out, example().frames(), FPS, crf=17)
