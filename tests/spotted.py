"""Findings written by hand: what the files, pictures and tables of spotting are made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dstan.inference import Prediction
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.inference.spotting import Event, Rejected, Spotting, Stretch

CLASSES = ("negative", "positive", "surprise")


def prediction(path: Path, label: str | None, share: float = 0.8, **known: object) -> Prediction:
    """Return what a model of three classes would say."""
    rest = (1 - share) / 2
    likeliest = label or "negative"
    shares = {name: share if name == likeliest else rest for name in CLASSES}
    units = {4: 0.93, 12: 0.2, 7: 0.61}
    about = {"attention": {}, "frames": 12, "seconds": 0.4, "warnings": (SYNTHETIC_ONLY,), "units": units, **known}
    return Prediction(path=path, label=label, probabilities=shares, **about)  # type: ignore[arg-type]


def event(frame: int, *, fps: float = 30.0, length: int = 10, stretch: int = 0, **known: object) -> Event:
    """Return an event that begins at a frame."""
    frames = (frame, frame + length // 2, frame + length)
    about = {"regions": {"left brow": 1.94, "mouth": 0.81}, "confidence": 0.74, **known}
    return Event(*frames, *(number / fps for number in frames), stretch=stretch, **about)  # type: ignore[arg-type]


def rejected(frame: int, reason: str, *, fps: float = 30.0, length: int = 8) -> Rejected:
    """Return motion that was left out."""
    frames = (frame, frame + length // 2, frame + length)
    return Rejected(*frames, *(number / fps for number in frames), reason=reason)


def spotting(path: Path, **known: object) -> Spotting:
    """Return a video of 20 s with three events, one of them undecided, and a face that leaves for 5 s."""
    fps, frames = 30.0, 600
    times = np.arange(frames) / fps
    motion = 0.3 + 0.1 * np.sin(times * 7)
    for peak in (65, 125, 485):
        motion += 2 * np.exp(-(((np.arange(frames) - peak) / 4) ** 2))
    motion[250:400] = np.nan
    about = {
        "path": path,
        "frames": frames,
        "fps": fps,
        "seconds": frames / fps,
        "events": (
            event(60, prediction=prediction(path, "surprise")),
            event(120, prediction=prediction(path, None, 0.4, units=None)),
            event(480, stretch=1, prediction=prediction(path, "positive", 0.61)),
        ),
        "rejected": (rejected(150, "blink"), rejected(154, "mouth", length=30), rejected(430, "blink")),
        "stretches": (Stretch(0, 249, 0.0, 249 / fps), Stretch(400, 599, 400 / fps, 599 / fps)),
        "times": times,
        "motion": motion,
        "model": "stmn-a, synthetic_model",
        "warnings": (SYNTHETIC_ONLY,),
        **known,
    }
    return Spotting(**about)  # type: ignore[arg-type]
