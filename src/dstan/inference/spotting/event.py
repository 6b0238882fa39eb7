"""What spotting finds in a video, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan.inference.predict import Prediction


@dataclass(frozen=True)
class Interval:
    """A stretch of a video: frames counted from 0, both ends included, and their seconds from the first frame."""

    onset: int
    apex: int
    offset: int
    onset_seconds: float
    apex_seconds: float
    offset_seconds: float


@dataclass(frozen=True)
class Event(Interval):
    """A micro-expression that was found.

    Parameters
    ----------
    regions
        How far each region of the face that moved had moved at the apex, in per cent of the distance between the eyes,
        the farthest first.
    confidence
        How sure it is that a micro-expression is here at all, 0 to 1.
    stretch
        In which of :attr:`Spotting.stretches` it lies, counted from 0.
    prediction
        Which expression it is; None where no model was asked.
    """

    regions: dict[str, float]
    confidence: float
    stretch: int
    prediction: Prediction | None = None


@dataclass(frozen=True)
class Rejected(Interval):
    """Motion that was seen and is no micro-expression, and why: "blink", "gaze", "head", "mouth", "too long" ..."""

    reason: str


@dataclass(frozen=True)
class Stretch:
    """Frames, both ends included, through which one face was followed without a break, and their seconds."""

    first: int
    last: int
    first_seconds: float
    last_seconds: float


@dataclass(frozen=True, eq=False)
class Spotting:
    """What was found in one video.

    Parameters
    ----------
    path
        The video file or image folder.
    frames
        Frames that were read.
    fps
        Frames per second on average.
    seconds
        How long they last.
    events
        The micro-expressions, in order.
    rejected
        What moved and was left out, in order.
    stretches
        When a face was followed.
    times, motion
        (n,) seconds, and the motion signal there in per cent of the distance between the eyes; NaN where no face was
        followed. What :attr:`events` were found in, for drawing.
    model
        Who named the events: the method and its folder; "" where nobody did.
    warnings
        What to know before believing it.
    """

    path: Path
    frames: int
    fps: float
    seconds: float
    events: tuple[Event, ...]
    rejected: tuple[Rejected, ...]
    stretches: tuple[Stretch, ...]
    times: NDArray[np.float64]
    motion: NDArray[np.float64]
    model: str = ""
    warnings: tuple[str, ...] = ()
