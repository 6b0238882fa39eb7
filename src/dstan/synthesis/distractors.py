"""What a face does in a long recording besides micro-expressions: blinks, gaze, talking, head, light.

Each is drawn in seconds, so that it is the same at any frame rate, and known by name and time. The sizes are those of
people: a blink shuts the eyes for .2 to .4 s, lids follow the eyes up and down, syllables come 3 to 6 times a second,
heads nod and turn by a tenth to a fifth of the distance between the eyes. Turns are similarities: faces are flat here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.synthesis.timeline import Motion, ease

KINDS = ("blink", "gaze", "talking", "head", "macro", "light")
"""Kinds of distractors."""
LENGTHS: Mapping[str, tuple[float, float]] = {"talking": (1.0, 4.0), "head": (0.8, 2.5)}
"""Shortest and longest time of talking and of a movement of the head, seconds."""
SYLLABLES = (3.0, 6.0)
"""Slowest and fastest syllables a second."""
MOUTHS: Sequence[tuple[float, Mapping[int, float]]] = (
    (1.0, {}),
    (0.7, {20: 1.8}),
    (0.6, {23: 1.8}),
    (0.1, {24: 1.6, 17: 1.5}),
)
"""Shapes of the mouth in a syllable: how far open, and AUs in pixels of the 224 x 224 crop."""
WIDE = 4.5
"""The jaw's drop with which the mouth stands wide open, in pixels of the 224 x 224 crop."""
LID_FOLLOWS = 4.0
"""How much the lids open or shut as the eyes look up or down, per face unit."""
BRIGHTNESS = (0.88, 1.08)
"""Between which levels the light changes."""

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Distractor:
    """Motion that is no micro-expression: its kind (one of :data:`KINDS`), its first and its last frame."""

    kind: str
    first: int
    last: int


@dataclass(frozen=True)
class Span:
    """When something happens, seconds."""

    kind: str
    begin: float
    end: float

    def in_frames(self, fps: float, count: int) -> Distractor:
        """Return the frames that it touches."""
        last = min(int(np.ceil(self.end * fps)), count - 1)
        return Distractor(self.kind, min(int(self.begin * fps), last), last)


def add(
    motion: Motion, times: Times, spans: Sequence[Span], per_minute: Mapping[str, float], seed: int
) -> tuple[Motion, list[Span]]:
    """Add distractors to a motion.

    Parameters
    ----------
    motion
        What expressions and a head at rest do.
    times
        Seconds of its frames.
    spans
        When the person talks or moves the head.
    per_minute
        How often the other kinds come.
    seed
        The same seed gives the same distractors.

    Returns
    -------
    The motion with its gaze drawn anew, and all distractors, those of ``spans`` first.
    """
    rngs = {kind: np.random.default_rng(child_seed(seed, kind)) for kind in KINDS}
    talks, moves = ([span for span in spans if span.kind == kind] for kind in ("talking", "head"))
    motion = _talk(motion, rngs["talking"], times, talks)
    gaze, glances = _look(rngs["gaze"], times, per_minute["gaze"])
    shut, blinks = _blink(rngs["blink"], times, per_minute["blink"])
    light, ramps = _shine(rngs["light"], times, per_minute["light"])
    gaze[:, 2] *= 1 - shut
    motion = replace(
        motion,
        head=motion.head + _move(rngs["head"], times, moves),
        gaze=gaze.astype(np.float32),
        light=motion.light * light.astype(np.float32),
    )
    return motion, [*spans, *blinks, *glances, *ramps]


def moments(rng: np.random.Generator, per_minute: float, seconds: float, apart: float) -> list[float]:
    """Draw when something happens at random, at least so many seconds apart."""
    drawn: list[float] = []
    now = 0.0
    while per_minute > 0:
        now += apart + rng.exponential(max(60 / per_minute - apart, 0.0))
        if now >= seconds - apart:
            break
        drawn.append(now)
    return drawn


def _blink(rng: np.random.Generator, times: Times, per_minute: float) -> tuple[Times, list[Span]]:
    """Shut the eyes: down faster than up."""
    shut, spans = np.zeros(len(times)), []
    for begin in moments(rng, per_minute, float(times[-1]), 0.6):
        down, hold, up = rng.uniform(0.06, 0.10), rng.uniform(0.0, 0.05), rng.uniform(0.11, 0.22)
        path = _there_and_back(times, begin, down, hold, up)
        shut = np.maximum(shut, rng.uniform(0.85, 1.0) * path)
        spans.append(Span("blink", begin, begin + down + hold + up))
    return shut, spans


def _look(rng: np.random.Generator, times: Times, per_minute: float) -> tuple[Times, list[Span]]:
    """Move the eyes in jumps of 30 to 50 ms, half of them home again; the lids follow up and down."""
    home = rng.normal(size=2) * (0.010, 0.006)
    path, look, spans = np.tile(home, (len(times), 1)), home, []
    for begin in moments(rng, per_minute, float(times[-1]), 0.3):
        away = bool(np.any(look != home)) and rng.uniform() < 0.5
        there = home if away else home + rng.normal(size=2) * (0.040, 0.015)
        lasts = rng.uniform(0.03, 0.05)
        path += (there - look) * _step(times, begin, lasts)[:, None]
        look = there
        spans.append(Span("gaze", begin, begin + lasts))
    opening = np.clip(1 - LID_FOLLOWS * (path[:, 1] - home[1]), 0.6, 1.25)
    return np.column_stack([path, opening]), spans


def _shine(rng: np.random.Generator, times: Times, per_minute: float) -> tuple[Times, list[Span]]:
    """Change the level of the light now and then within some seconds."""
    level, now, spans = np.ones(len(times)), 1.0, []
    for begin in moments(rng, per_minute, float(times[-1]), 4.0):
        then, lasts = rng.uniform(*BRIGHTNESS), rng.uniform(0.5, 3.0)
        level += (then - now) * _step(times, begin, lasts)
        now = then
        spans.append(Span("light", begin, begin + lasts))
    return level, spans


def _move(rng: np.random.Generator, times: Times, spans: Sequence[Span]) -> NDArray[np.float32]:
    """Nod, or turn aside and back: shift right and down, rotation, logarithm of the scale."""
    path = np.zeros((len(times), 4))
    for span in spans:
        lasts, sign = span.end - span.begin, rng.choice([-1.0, 1.0])
        if rng.uniform() < 0.5:
            beats = max(round(lasts * rng.uniform(1.2, 2.2)), 1)
            size = rng.uniform(0.04, 0.12) * np.array([0.1 * sign, 1.0, 0.0, 0.15])
            there = np.sin(np.pi * beats * np.clip((times - span.begin) / lasts, 0, 1)) ** 2
        else:
            size = sign * np.array([rng.uniform(0.08, 0.22), rng.normal() * 0.03, rng.uniform(0.0, 0.10), 0.02])
            move = min(rng.uniform(0.25, 0.6), lasts / 2)
            there = _there_and_back(times, span.begin, move, lasts - 2 * move, move)
        path += size * there[:, None]
    return path.astype(np.float32)


def _talk(motion: Motion, rng: np.random.Generator, times: Times, spans: Sequence[Span]) -> Motion:
    """Open the mouth in syllables of changing shape, a little open between them."""
    courses: dict[int, Times] = {}
    for span in spans:
        jaw, lips = rng.uniform(3.0, 6.0), rng.uniform(1.0, 2.5)
        ends = _syllables(rng, span)
        between = 0.25 * _there_and_back(times, span.begin, 0.15, span.end - span.begin - 0.3, 0.15)
        _raise(courses, 26, jaw * between)
        for begin, end in pairwise(ends):
            turn = 2 * np.pi * np.clip((times - begin) / (end - begin), 0, 1)
            pulse = rng.uniform(0.4, 1.0) * (1 - np.cos(turn)) / 2
            wide, shape = MOUTHS[int(rng.integers(len(MOUTHS)))]
            for number, size in {26: jaw * wide, 25: lips * wide, **shape}.items():
                _raise(courses, number, size * pulse)
    open_wide = courses.get(26, np.zeros(len(times))) / WIDE
    return replace(_with_units(motion, courses), mouth=np.clip(open_wide, 0, 1).astype(np.float32))


def _syllables(rng: np.random.Generator, span: Span) -> Times:
    """Return where one syllable ends and the next begins."""
    lengths = 1 / rng.uniform(*SYLLABLES, max(round((span.end - span.begin) * np.mean(SYLLABLES)), 2))
    ends = np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum()
    return np.asarray(span.begin + (span.end - span.begin) * ends)


def _raise(courses: dict[int, Times], number: int, course: Times) -> None:
    courses[number] = np.maximum(courses[number], course) if number in courses else course


def _with_units(motion: Motion, courses: Mapping[int, Times]) -> Motion:
    """Return the motion with more action units, each as strong as the stronger of the two."""
    numbers = tuple(dict.fromkeys((*motion.action_units, *courses)))
    intensity = np.zeros((len(motion), len(numbers), 2), np.float32)
    intensity[:, : len(motion.action_units)] = motion.intensity
    for number, course in courses.items():
        at = numbers.index(number)
        intensity[:, at] = np.maximum(intensity[:, at], course[:, None].astype(np.float32))
    return replace(motion, action_units=numbers, intensity=intensity)


def _step(times: Times, begin: float, lasts: float) -> Times:
    return ease(np.clip((times - begin) / lasts, 0, 1))


def _there_and_back(times: Times, begin: float, there: float, hold: float, back: float) -> Times:
    return _step(times, begin, there) - _step(times, begin + there + hold, back)
