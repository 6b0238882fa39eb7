"""The model that comes along: taught by drawn motion alone, for trying the software."""

from __future__ import annotations

from pathlib import Path

from dstan.recognizers import Recognizer
from dstan.recognizers.origins import is_synthetic

SHIPPED = Path(__file__).with_name("synthetic_model")
"""Its folder. ``make model`` makes it anew."""
SYNTHETIC_ONLY = (
    "this model has seen synthetic data only: it is for trying the software, not for conclusions about people"
)


def has_seen_drawn_motion_only(recognizer: Recognizer) -> bool:
    """Tell whether a fitted model has learned from drawn motion or drawn faces, and from nothing else."""
    return is_synthetic(recognizer.trained_)
