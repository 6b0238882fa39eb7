"""When an expression comes and goes in a video, and what else moves while it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dstan.synthesis.emotions import Expression
from dstan.synthesis.fields import single


@dataclass(frozen=True)
class Kind:
    """A kind of expression.

    Parameters
    ----------
    name
        What it is called.
    lasts
        Shortest and longest time from onset to offset, seconds.
    to_apex
        Shortest and longest time from onset to apex, seconds.
    strength
        How much stronger its action units are than those of a micro-expression.
    """

    name: str
    lasts: tuple[float, float]
    to_apex: tuple[float, float]
    strength: float = 1.0


MICRO = Kind("micro", lasts=(0.2, 0.5), to_apex=(1 / 25, 1 / 5))
"""A micro-expression, as CASME II defines its onset phase and its whole."""
MACRO = Kind("macro", lasts=(0.6, 3.0), to_apex=(0.2, 1.2), strength=2.0)
"""An expression that lasts longer than half a second, as CAS(ME)2 defines it."""
HEAD_DRIFT = 0.003
"""Typical drift of the head in a third of a second, face units (about .25 px of the 224 x 224 crop)."""
BLINKS, GLANCES = 0.12, 0.20
"""Shares of clips with a blink and with a shift of gaze; of a longer video, of each :data:`STRETCH`."""
STRETCH = 0.6
"""Seconds: the longest clip of a single micro-expression."""
BOUND = 2.0
"""Seconds after which a drifting head begins to turn back."""
FADE = (0.1, 1.1)
"""Seconds after the offset between which the rest of an expression fades."""


@dataclass(frozen=True)
class Phases:
    """When an expression begins, peaks and ends, in frames counted from 0."""

    onset: int
    apex: int
    offset: int


@dataclass(frozen=True)
class Timeline:
    """The expressions of a video, one after another, and how many frames there are."""

    events: tuple[Phases, ...]
    frames: int


def draw_timeline(
    kinds: Sequence[Kind],
    fps: float,
    seed: int,
    before: tuple[float, float],
    between: tuple[float, float],
    after: tuple[float, float],
) -> Timeline:
    """Draw when each expression of a video comes and goes.

    Parameters
    ----------
    kinds
        The kind of each, in order.
    fps
        Frames per second.
    seed
        The same seed gives the same timeline.
    before, between, after
        Shortest and longest pause before the first onset, from an offset to the next onset and after the last offset,
        seconds.
    """
    rng = np.random.default_rng(seed)
    events: list[Phases] = []
    for kind in kinds:
        rise, lasts = draw_lengths(rng, kind)
        onset = events[-1].offset + 1 + _pause(rng, between, fps) if events else _pause(rng, before, fps)
        events.append(phases_at(onset, rise, lasts, fps))
    return Timeline(tuple(events), events[-1].offset + 1 + _pause(rng, after, fps))


def draw_lengths(rng: np.random.Generator, kind: Kind) -> tuple[float, float]:
    """Draw how long an expression takes from onset to apex and from onset to offset, seconds."""
    lasts = rng.uniform(*kind.lasts)
    return min(rng.uniform(*kind.to_apex), 0.6 * lasts), lasts


def phases_at(onset: int, rise: float, lasts: float, fps: float) -> Phases:
    """Return the frames of an expression that begins at ``onset`` and takes these seconds to its apex and in all."""
    apex = onset + max(round(rise * fps), 1)
    return Phases(onset, apex, max(onset + round(lasts * fps), apex + 1))


def _pause(rng: np.random.Generator, seconds: tuple[float, float], fps: float) -> int:
    """Draw a pause in frames."""
    return int(rng.integers(round(seconds[0] * fps), round(seconds[1] * fps) + 1))


@dataclass(frozen=True, eq=False)
class Motion:
    """All that changes in a video, frame by frame.

    Parameters
    ----------
    fps
        Frames per second.
    events
        When each expression begins, peaks and ends.
    action_units
        The AUs of all events, in the order of ``intensity``.
    intensity
        (frames, AUs, 2) on the subject's left and right, in pixels of the 224 x 224 crop.
    head
        (frames, 4): shift right and down in face units, rotation in radians, logarithm of the scale.
    gaze
        (frames, 3): shift of the irises right and down in face units, opening of the lids.
    light
        (frames,) factor of brightness.
    mouth
        (frames,) how far the mouth stands open, 0 to 1; None where it never does.
    """

    fps: float
    events: tuple[Phases, ...]
    action_units: tuple[int, ...]
    intensity: NDArray[np.float32]
    head: NDArray[np.float32]
    gaze: NDArray[np.float32]
    light: NDArray[np.float32]
    mouth: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.light)

    def at(self, frame: int) -> dict[int, tuple[float, float]]:
        """Return each AU's intensity on the left and the right side in one frame."""
        return {
            number: (float(left), float(right))
            for number, (left, right) in zip(self.action_units, self.intensity[frame], strict=True)
        }


def draw_motion(expressions: Sequence[Expression], timeline: Timeline, fps: float, seed: int) -> Motion:
    """Draw all that moves in a video.

    Parameters
    ----------
    expressions
        The peaks of each event.
    timeline
        When they are reached.
    fps
        Frames per second.
    seed
        The same seed gives the same motion.
    """
    rng = np.random.default_rng(seed)
    seconds = np.arange(timeline.frames) / fps
    numbers = tuple(dict.fromkeys(number for one in expressions for number in one.intensities))
    intensity = np.zeros((timeline.frames, len(numbers), 2), np.float32)
    for expression, phases in zip(expressions, timeline.events, strict=True):
        for number, peaks in expression.intensities.items():
            shown = _course(rng, phases, seconds, fps)[:, None] * np.array(peaks, np.float32)
            at = numbers.index(number)
            intensity[:, at] = np.maximum(intensity[:, at], shown)
    return Motion(
        fps=fps,
        events=timeline.events,
        action_units=numbers,
        intensity=intensity,
        head=_head(rng, seconds),
        gaze=_gaze(rng, seconds),
        light=_flicker(rng, seconds),
    )


def _course(rng: np.random.Generator, phases: Phases, seconds: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """Rise with minimum jerk, then fade; the rest of an expression may outlast its offset for a second."""
    frames = np.arange(len(seconds))
    rest = float(rng.choice([0.0, 0.0, rng.uniform(0.05, 0.3)]))
    sharp = rng.uniform(0.8, 1.3)
    up = ease(np.clip((frames - phases.onset) / (phases.apex - phases.onset), 0, 1)) ** sharp
    fallen = ease(np.clip((frames - phases.apex) / (phases.offset - phases.apex), 0, 1))
    past = seconds - phases.offset / fps
    gone = ease(np.clip((past - FADE[0]) / (FADE[1] - FADE[0]), 0, 1))
    return np.where(frames <= phases.apex, up, (1 - rest) * (1 - fallen) + rest * (1 - gone))


def ease(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Go from 0 to 1 with minimum jerk, for ``t`` from 0 to 1."""
    return t**3 * (10 - 15 * t + 6 * t * t)


def _head(rng: np.random.Generator, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """A pose held through the video, a slow drift that turns back, and a tremble."""
    pose = rng.normal(size=4) * (0.05, 0.03, 0.012, 0.012)
    drift = rng.normal(size=4) * (HEAD_DRIFT, HEAD_DRIFT, 0.3 * HEAD_DRIFT, 0.2 * HEAD_DRIFT)
    path: NDArray[np.float64] = pose + drift * 3 * BOUND * np.sin(seconds[:, None] / BOUND)
    for rate in rng.uniform(0.7, 5.0, 3):
        sway = rng.normal(size=4) * (0.4, 0.4, 0.15, 0.08) * HEAD_DRIFT
        path = path + sway * np.sin(2 * np.pi * (rate * seconds[:, None] + rng.uniform(size=4)))
    return path.astype(np.float32)


def _gaze(rng: np.random.Generator, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Where the eyes look; in each stretch one glance aside perhaps (30 ms), one blink perhaps (120 to 220 ms)."""
    home = rng.normal(size=2) * (0.010, 0.006)
    path = np.tile(np.array([*home, 1.0]), (len(seconds), 1))
    look, stretches = home, max(1, int(seconds[-1] / STRETCH))
    limits = np.linspace(seconds[0], seconds[-1], stretches + 1)
    for begin, end in pairwise(limits):
        if rng.uniform() < GLANCES:
            moment = rng.uniform(begin, end)
            aside = home + rng.normal(size=2) * (0.035, 0.012)
            path[:, :2] += (aside - look) * ease(np.clip((seconds[:, None] - moment) / 0.03, 0, 1))
            look = aside
        if rng.uniform() < BLINKS:
            moment, half = rng.uniform(begin - 0.05, end), rng.uniform(0.06, 0.11)
            shut = np.clip(1 - np.abs(seconds - moment - half) / half, 0, 1)
            path[:, 2] = np.minimum(path[:, 2], 1 - rng.uniform(0.8, 1.0) * np.clip(1.3 * ease(shut), 0, 1))
    return path.astype(np.float32)


def _flicker(rng: np.random.Generator, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Lamps on alternating current flicker at 100 Hz, not quite in step with the camera; the level wanders too."""
    strength = rng.uniform(0.001, 0.006)
    mains = strength * np.sin(2 * np.pi * (100.3 * seconds + rng.uniform()))
    wander = rng.normal() * 0.004 * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * seconds + rng.uniform()))
    return single(rng.uniform(0.95, 1.05) + mains + wander)
