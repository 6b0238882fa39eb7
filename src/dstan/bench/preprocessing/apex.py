"""The estimated apex against the drawn one, for what dstan does and for what it might do instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan._random import child_seed
from dstan.bench.preprocessing.scene import FPS, HEIGHT, WIDTH
from dstan.bench.tables import Plot, Table
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.alignment import FIRST_FRAMES, fit_first_frames, warp
from dstan.preprocessing.apex import action_regions, estimate_apex, motion_signal, onset_fields, peak
from dstan.preprocessing.strain import strain_magnitude
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import draw_expression
from dstan.synthesis.timeline import MICRO, draw_motion, draw_timeline
from dstan.synthesis.truth import true_landmarks

EMOTIONS = ("happiness", "surprise", "disgust", "repression", "others")
CLIPS = 40
SHAPE = (224, 224)
AT_ONCE = (0.0, 0.0)


def apex_tables(clips: int = CLIPS) -> tuple[Table, ...]:
    """Compare estimates of the apex with the truth of drawn micro-expressions.

    The head drifts and trembles, lamps flicker and some people blink, as in a synthetic corpus; each clip runs from
    onset to offset and is aligned by true landmarks.

    Parameters
    ----------
    clips
        How many are drawn, of as many people.

    Returns
    -------
    One table: error in frames, mean and median, one row a way to estimate.
    """
    errors: dict[str, list[float]] = defaultdict(list)
    lengths: list[int] = []
    with single_thread():
        for number in range(clips):
            frames, apex = draw_clip(number)
            lengths.append(len(frames))
            for name, position in answers(frames).items():
                errors[name].append(abs(position - apex))
    ordered = sorted(errors.items(), key=lambda item: float(np.mean(item[1])))
    rows = tuple((name, float(np.mean(values)), float(np.median(values))) for name, values in ordered)
    what = f"{clips} drawn micro-expressions of {np.mean(lengths):.0f} frames on average at {FPS:g} frames a second"
    columns = ("signal", "mean error, frames", "median")
    return (Table("apex", what, columns, rows, Plot(columns[0], columns[1])),)


def draw_clip(number: int) -> tuple[NDArray[np.float32], int]:
    """Draw one micro-expression and return its aligned frames, (n, 224, 224) in [0, 255], and its apex."""
    cv2 = opencv()
    seed = child_seed(3, "apex", number)
    timeline = draw_timeline([MICRO], FPS, seed, AT_ONCE, AT_ONCE, AT_ONCE)
    motion = draw_motion([draw_expression(EMOTIONS[number % len(EMOTIONS)], seed)], timeline, FPS, seed)
    performance = Performance(portrait_of(seed, WIDTH, HEIGHT), motion, seed)
    landmarks = np.stack([true_landmarks(performance, frame) for frame in range(FIRST_FRAMES)])
    matrix = fit_first_frames(landmarks, SHAPE)
    frames = [warp(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), matrix, SHAPE) for frame in performance.frames()]
    return np.stack(frames), timeline.events[0].apex


def answers(frames: NDArray[np.float32]) -> dict[str, float]:
    """Return the apex that each way finds, counted from the first of (n, H, W) aligned frames."""
    found = {"as dstan estimates it": float(estimate_apex(frames)), "midpoint": float(len(frames) // 2)}
    for name, signal in _signals(frames):
        found[name] = peak(signal)
        if name == "flow without the head's motion, regions":
            for width in (0.0, 0.03, 0.12, 0.25):
                found[f"{name}, smoothed over {width:.0%}"] = peak(signal, width)
    return found


def _signals(frames: NDArray[np.float32]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the candidates by name, each (n,), from every frame."""
    fields = onset_fields(frames)
    strain = np.stack([strain_magnitude(field) for field in fields])
    difference = np.abs(frames - frames[0])
    for where in ("regions", "whole crop"):
        small, full = (
            action_regions((size[1], size[2])) if where == "regions" else np.ones(size[1:3], np.bool_)
            for size in (fields.shape, frames.shape)
        )
        yield f"flow without the head's motion, {where}", motion_signal(fields, small)
        yield f"flow, {where}", np.linalg.norm(fields, axis=-1)[:, small].mean(axis=1)
        yield f"optical strain, {where}", strain[:, small].mean(axis=1)
        yield f"frame difference, {where}", difference[:, full].mean(axis=1)
