"""Long recordings of a drawn person: micro-expressions among all that a face does besides, and the truth about both.

A session is what spotting is asked to read: minutes of one face at rest, micro-expressions at random with pauses, and
distractors, which are motion that is no micro-expression (see :mod:`dstan.synthesis.distractors`). Whoever tunes
anything on sessions uses the seeds below :data:`FIRST_MEASURED`; ``dstan bench spotting`` measures on those from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan._random import child_seed
from dstan._registry import look_up
from dstan.errors import ConfigError
from dstan.synthesis import distractors
from dstan.synthesis.distractors import Distractor, Span
from dstan.synthesis.emotions import Expression, draw_expression
from dstan.synthesis.timeline import MACRO, MICRO, Kind, Motion, Phases, Timeline, draw_lengths, draw_motion, phases_at

FIRST_MEASURED = 1000
"""Seeds from here on are those that the bench measures on; what is tuned is tuned on smaller ones."""
EMOTIONS: Mapping[str, str] = {
    "happiness": "positive",
    "surprise": "surprise",
    "disgust": "negative",
    "anger": "negative",
    "sadness": "negative",
    "fear": "negative",
}
"""The emotions that are shown, and their class of three."""
PER_MINUTE: Mapping[str, float] = {"micro": 6, "macro": 2, "talking": 3, "head": 3, "blink": 15, "gaze": 12, "light": 1}
"""How often each happens in a minute unless told otherwise; blinks and shifts of gaze as people at rest have them."""
APART = 0.7
"""Seconds between two events that are not to touch: micro, macro, talking, head."""
IN_TURN = ("micro", "macro", "talking", "head")


@dataclass(frozen=True)
class Shown(Phases):
    """A micro-expression of a session, in frames counted from 0, onset and offset included.

    Parameters
    ----------
    emotion
        What is shown (a key of :data:`EMOTIONS`).
    label
        Its class of three: negative, positive or surprise.
    action_units
        For each AU its peak on the subject's left and right side, in pixels of the 224 x 224 crop.
    """

    emotion: str
    label: str
    action_units: Mapping[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class SessionTruth:
    """What happens in a session: its micro-expressions and its distractors, each in order."""

    events: tuple[Shown, ...]
    distractors: tuple[Distractor, ...]


@dataclass(frozen=True, eq=False)
class Session:
    """A long recording of one drawn person.

    Parameters
    ----------
    seed
        Who, and what happens.
    size
        Height and width of the frames.
    motion
        All that moves.
    truth
        What it is.
    """

    seed: int
    size: tuple[int, int]
    motion: Motion
    truth: SessionTruth

    def __len__(self) -> int:
        return len(self.motion)

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.motion.fps

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames as the camera records them, (H, W, 3) uint8 RGB, one at a time."""
        from dstan.synthesis.animation import Performance, portrait_of

        height, width = self.size
        portrait = portrait_of(child_seed(self.seed, "person"), width, height)
        yield from Performance(portrait, self.motion, child_seed(self.seed, "camera")).frames()


def draw_session(
    seed: int,
    seconds: float,
    fps: float,
    size: tuple[int, int] = (480, 640),
    per_minute: Mapping[str, float] | None = None,
) -> Session:
    """Draw what happens in a long recording.

    The same seed shows the same person doing the same things at the same seconds at any frame rate and size.

    Parameters
    ----------
    seed
        Who, and what happens.
    seconds
        How long.
    fps
        Frames per second.
    size
        Height and width of the frames.
    per_minute
        How often things happen, where other than :data:`PER_MINUTE`; 0 leaves one out.

    Raises
    ------
    ConfigError
        If there is no such thing, or not enough time for all of it.
    """
    often = _often(per_minute or {})
    rng = np.random.default_rng(child_seed(seed, "session"))
    count = max(round(seconds * fps), 1)
    acts = _in_turn(rng, often, seconds)
    shown = [act for act in acts if isinstance(act, _Expression)]
    timeline = Timeline(tuple(act.phases(fps) for act in shown), count)
    motion = draw_motion([act.expression for act in shown], timeline, fps, child_seed(seed, "motion"))
    others = [act.span for act in acts if not isinstance(act, _Expression)]
    motion, spans = distractors.add(motion, np.arange(count) / fps, others, often, seed)
    spans += [act.span for act in shown if act.kind is MACRO]
    known = [span.in_frames(fps, count) for span in sorted(spans, key=lambda span: span.begin)]
    micro = [act.truth(fps) for act in shown if act.kind is MICRO]
    return Session(seed, size, motion, SessionTruth(tuple(micro), tuple(known)))


@dataclass(frozen=True)
class _Act:
    """What is done in turn, and when, seconds."""

    span: Span


@dataclass(frozen=True)
class _Expression(_Act):
    kind: Kind
    rise: float
    emotion: str
    expression: Expression

    def phases(self, fps: float) -> Phases:
        return phases_at(round(self.span.begin * fps), self.rise, self.span.end - self.span.begin, fps)

    def truth(self, fps: float) -> Shown:
        return Shown(
            **asdict(self.phases(fps)),
            emotion=self.emotion,
            label=EMOTIONS[self.emotion],
            action_units=self.expression.intensities,
        )


def _often(per_minute: Mapping[str, float]) -> dict[str, float]:
    for name in per_minute:
        look_up("thing in a session", name, PER_MINUTE)
    return {**PER_MINUTE, **per_minute}


def _in_turn(rng: np.random.Generator, often: Mapping[str, float], seconds: float) -> list[_Act]:
    """Draw what happens in turn: in random order, with random pauses that fill the time."""
    wanted = [name for name in IN_TURN for _ in range(int(often[name] * seconds / 60 + rng.uniform()))]
    drawn = [_draw_act(rng, str(name)) for name in rng.permutation(wanted)]
    taken = sum(act.span.end for act in drawn) + APART * (len(drawn) + 1)
    if taken > seconds:
        raise ConfigError(
            f"{len(drawn)} events need {taken:.0f} s, but there are {seconds:g}",
            hint="Give more seconds, or fewer events a minute",
        )
    pauses = APART + (seconds - taken) * rng.dirichlet(np.ones(len(drawn) + 1))
    begins = np.cumsum(pauses)[:-1] + np.cumsum([0.0, *(act.span.end for act in drawn)])[:-1]
    return [
        replace(act, span=Span(act.span.kind, float(begin), float(begin) + act.span.end))
        for act, begin in zip(drawn, begins, strict=True)
    ]


def _draw_act(rng: np.random.Generator, name: str) -> _Act:
    """Draw what is done and how long, beginning at 0."""
    if name in distractors.LENGTHS:
        return _Act(Span(name, 0.0, rng.uniform(*distractors.LENGTHS[name])))
    kind = {one.name: one for one in (MICRO, MACRO)}[name]
    rise, lasts = draw_lengths(rng, kind)
    label = str(rng.choice(sorted(set(EMOTIONS.values()))))
    emotion = str(rng.choice([word for word, one in EMOTIONS.items() if one == label]))
    expression = draw_expression(emotion, int(rng.integers(2**62)), kind.strength)
    return _Expression(Span(name, 0.0, lasts), kind, rise, emotion, expression)


def write_session(path: Path, session: Session, *, crf: int = 12) -> None:
    """Write a session as a video, then its truth as JSON beside it.

    Parameters
    ----------
    path
        The video; its suffix chooses the container. The truth is :func:`truth_beside` it.
    session
        What to write.
    crf
        Quality of H.264, 0 to 51, lower is better; from about 18 on it removes what is subtle.
    """
    from dstan.video import write_video

    write_video(path, session.frames(), session.fps, crf=crf)
    document = {
        "seed": session.seed,
        "fps": session.fps,
        "frames": len(session),
        "height": session.size[0],
        "width": session.size[1],
        **asdict(session.truth),
    }
    _atomic.write_json(truth_beside(path), document)


def truth_beside(path: Path) -> Path:
    """Return where the truth of a session's video lies: ``session.mp4`` has ``session.truth.json``."""
    return path.with_suffix(".truth.json")


def read_truth(path: Path) -> SessionTruth:
    """Read the truth that :func:`write_session` has written.

    Parameters
    ----------
    path
        The JSON file.
    """
    document = json.loads(path.read_text())
    events = (
        Shown(**{**one, "action_units": {int(unit): tuple(peak) for unit, peak in one["action_units"].items()}})
        for one in document["events"]
    )
    return SessionTruth(tuple(events), tuple(Distractor(**one) for one in document["distractors"]))
