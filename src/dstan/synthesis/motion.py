"""Time: when an expression comes and goes, and what else moves while it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.synthesis.emotions import Expression
from dstan.synthesis.fields import single

TO_APEX = (1 / 25, 1 / 5)
"""Shortest and longest time from onset to apex, seconds [CASME II: onset phase]."""
LASTS = (0.2, 0.5)
"""Shortest and longest time from onset to offset, seconds."""
HEAD_DRIFT = 0.003
"""Typical drift of the head in a third of a second, face units (about .25 px of the 224 x 224 crop)."""
BLINKS, GLANCES = 0.12, 0.20
"""Shares of clips with a blink and with a shift of gaze."""


@dataclass(frozen=True, eq=False)
class Motion:
    """All that changes in a clip, frame by frame.

    Parameters
    ----------
    fps
        Frames per second.
    onset, apex, offset
        Positions among the frames, counted from 0.
    action_units
        The AUs in the order of ``intensity``.
    intensity
        (frames, AUs, 2) on the subject's left and right, in pixels of the 224 x 224 crop.
    head
        (frames, 4): shift right and down in face units, rotation in radians, logarithm of the scale.
    gaze
        (frames, 3): shift of the irises right and down in face units, opening of the lids.
    light
        (frames,) factor of brightness.
    """

    fps: float
    onset: int
    apex: int
    offset: int
    action_units: tuple[int, ...]
    intensity: NDArray[np.float32]
    head: NDArray[np.float32]
    gaze: NDArray[np.float32]
    light: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.light)

    def at(self, frame: int) -> dict[int, tuple[float, float]]:
        """Return each AU's intensity on the left and the right side in one frame."""
        return {
            number: (float(left), float(right))
            for number, (left, right) in zip(self.action_units, self.intensity[frame], strict=True)
        }


@dataclass(frozen=True)
class Phases:
    """When an expression begins, peaks and ends, in frames counted from 0, and how many frames there are."""

    onset: int
    apex: int
    offset: int
    frames: int


def draw_phases(fps: float, seed: int) -> Phases:
    """Draw the phases of a micro-expression, with up to five frames before and after.

    Parameters
    ----------
    fps
        Frames per second.
    seed
        The same seed gives the same phases.
    """
    rng = np.random.default_rng(seed)
    lasts = rng.uniform(*LASTS)
    rise = min(rng.uniform(*TO_APEX), 0.6 * lasts)
    onset, after = (int(n) for n in rng.integers(0, 6, 2))
    apex = onset + max(round(rise * fps), 1)
    offset = max(onset + round(lasts * fps), apex + 1)
    return Phases(onset, apex, offset, offset + after + 1)


def draw_motion(expression: Expression, phases: Phases, fps: float, seed: int) -> Motion:
    """Draw all that moves in a clip.

    Parameters
    ----------
    expression
        The peaks.
    phases
        When they are reached.
    fps
        Frames per second.
    seed
        The same seed gives the same motion.
    """
    rng = np.random.default_rng(seed)
    seconds = np.arange(phases.frames) / fps
    peaks = np.array(list(expression.intensities.values()), np.float32)
    courses = np.stack([_course(rng, phases) for _ in expression.intensities], axis=1)
    return Motion(
        fps=fps,
        onset=phases.onset,
        apex=phases.apex,
        offset=phases.offset,
        action_units=tuple(expression.intensities),
        intensity=single(courses[..., None] * peaks),
        head=_head(rng, seconds),
        gaze=_gaze(rng, seconds),
        light=_flicker(rng, seconds),
    )


def _course(rng: np.random.Generator, phases: Phases) -> NDArray[np.float64]:
    """Rise with minimum jerk, then fade; the rest of an expression may outlast its offset."""
    frames = np.arange(phases.frames)
    rest = float(rng.choice([0.0, 0.0, rng.uniform(0.05, 0.3)]))
    sharp = rng.uniform(0.8, 1.3)
    up = _ease(np.clip((frames - phases.onset) / (phases.apex - phases.onset), 0, 1)) ** sharp
    down = 1 - (1 - rest) * _ease(np.clip((frames - phases.apex) / (phases.offset - phases.apex), 0, 1))
    return np.where(frames <= phases.apex, up, down)


def _ease(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return t**3 * (10 - 15 * t + 6 * t * t)


def _head(rng: np.random.Generator, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """A pose held through the clip, a slow drift, and a tremble."""
    pose = rng.normal(size=4) * (0.05, 0.03, 0.012, 0.012)
    drift = rng.normal(size=4) * (HEAD_DRIFT, HEAD_DRIFT, 0.3 * HEAD_DRIFT, 0.2 * HEAD_DRIFT)
    path = pose + drift * 3 * seconds[:, None]
    for rate in rng.uniform(0.7, 5.0, 3):
        sway = rng.normal(size=4) * (0.4, 0.4, 0.15, 0.08) * HEAD_DRIFT
        path = path + sway * np.sin(2 * np.pi * (rate * seconds[:, None] + rng.uniform(size=4)))
    return path.astype(np.float32)


def _gaze(rng: np.random.Generator, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Where the eyes look, one glance aside perhaps (30 ms), one blink perhaps (120 to 220 ms)."""
    look = rng.normal(size=2) * (0.010, 0.006)
    path = np.tile(np.array([*look, 1.0]), (len(seconds), 1))
    if rng.uniform() < GLANCES:
        moment = rng.uniform(seconds[0], seconds[-1])
        path[:, :2] += rng.normal(size=2) * (0.035, 0.012) * _ease(np.clip((seconds[:, None] - moment) / 0.03, 0, 1))
    if rng.uniform() < BLINKS:
        moment, half = rng.uniform(seconds[0] - 0.05, seconds[-1]), rng.uniform(0.06, 0.11)
        shut = np.clip(1 - np.abs(seconds - moment - half) / half, 0, 1)
        path[:, 2] -= rng.uniform(0.8, 1.0) * np.clip(1.3 * _ease(shut), 0, 1)
    return path.astype(np.float32)


def _flicker(rng: np.random.Generator, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Lamps on alternating current flicker at 100 Hz, not quite in step with the camera; the level wanders too."""
    strength = rng.uniform(0.001, 0.006)
    mains = strength * np.sin(2 * np.pi * (100.3 * seconds + rng.uniform()))
    wander = rng.normal() * 0.004 * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * seconds + rng.uniform()))
    return single(rng.uniform(0.95, 1.05) + mains + wander)
