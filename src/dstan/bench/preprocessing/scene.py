"""A fixed set of drawn clips in which all that alignment should find is known.

A few people at 640 x 480, a head that moves along a smooth path, one action unit, and a camera's noise; everything is
drawn on the fly, the same each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.clips import Clip
from dstan.preprocessing._opencv import opencv
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.fields import Array
from dstan.synthesis.timeline import Motion, Phases
from dstan.synthesis.truth import true_landmarks

WIDTH, HEIGHT, FPS = 640, 480, 200.0
PEOPLE = (1, 3, 6)
"""Who is drawn, by number."""
UNIT = 1 / (0.34 * 224)
"""One pixel of the aligned 224 x 224 crop in face units."""


@dataclass(frozen=True)
class Shot:
    """What happens in one drawn clip.

    Parameters
    ----------
    person
        Who.
    shift, turn
        How far the head goes from its first place, in pixels of the 224 x 224 crop and in degrees.
    action_unit, strength
        What the face shows, and how strongly: pixels of the 224 x 224 crop where it moves most; None for nothing.
    noise
        Standard deviation of the camera's noise in grey levels.
    frames
        How many; the apex is in the middle.
    """

    person: int
    shift: float = 0.0
    turn: float = 0.0
    action_unit: int | None = None
    strength: float = 2.0
    noise: float = 1.5
    frames: int = 41

    @property
    def apex(self) -> int:
        """The frame of the strongest expression."""
        return self.frames // 2


def motion_of(shot: Shot) -> Motion:
    """Return the motion of a shot: the head goes out along an arc and half of the way back, the face to its apex."""
    course = np.linspace(0, 1, shot.frames)
    away = np.sin(0.75 * np.pi * course) ** 2
    along = child_seed(7, "direction", shot.person) % 360 * np.pi / 180
    head = np.zeros((shot.frames, 4))
    head[:, 0] = shot.shift * UNIT * np.cos(along + 0.6 * course) * away
    head[:, 1] = shot.shift * UNIT * np.sin(along + 0.6 * course) * away
    head[:, 2] = np.radians(shot.turn) * np.sin(0.75 * np.pi * course)
    numbers = () if shot.action_unit is None else (shot.action_unit,)
    rise = shot.strength * np.sin(np.pi * course) ** 2
    return Motion(
        fps=FPS,
        events=(Phases(0, shot.apex, shot.frames - 1),),
        action_units=numbers,
        intensity=np.repeat(rise[:, None, None], 2, axis=2).repeat(len(numbers), axis=1).astype(np.float32),
        head=head.astype(np.float32),
        gaze=np.tile(np.array([0.0, 0.0, 1.0], np.float32), (shot.frames, 1)),
        light=np.ones(shot.frames, np.float32),
    )


@lru_cache(maxsize=len(PEOPLE))
def _at_rest(person: int) -> NDArray[np.uint8]:
    return EyePainter(portrait_of(child_seed(0, "person", person), WIDTH, HEIGHT)).draw(Gaze())


class Scene:
    """A shot, its frames and what is true of it."""

    def __init__(self, shot: Shot) -> None:
        self.shot, self.motion = shot, motion_of(shot)
        portrait = portrait_of(child_seed(0, "person", shot.person), WIDTH, HEIGHT)
        self._performance = Performance(portrait, self.motion, 0)
        self._known: dict[tuple[bool, bool], Array] = {}

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames, (480, 640, 3) RGB."""
        cv2 = opencv()
        rng = np.random.default_rng(child_seed(11, *(str(part) for part in vars(self.shot).values())))
        face, warp = _at_rest(self.shot.person).astype(np.float32), self._performance.warp
        for index in range(self.shot.frames):
            maps, shade = warp.maps(self.motion.at(index), self.motion.head[index])
            drawn = cv2.remap(face, maps, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
            noise = self.shot.noise * rng.standard_normal(drawn.shape[:2], dtype=np.float32)
            yield np.clip(np.rint(drawn * shade[..., None] + noise[..., None]), 0, 255).astype(np.uint8)

    def landmarks(self, *, head: bool = True, expression: bool = True) -> Array:
        """Return the 468 true points of every frame, (n, 468, 2) in pixels of the frame.

        Parameters
        ----------
        head, expression
            Whether each moves; what does not is held as in the first frame.
        """
        if (head, expression) not in self._known:
            self._known[head, expression] = self._landmarks(head, expression)
        return self._known[head, expression]

    def _landmarks(self, head: bool, expression: bool) -> Array:
        still = replace(
            self.motion,
            head=self.motion.head if head else np.zeros_like(self.motion.head),
            intensity=self.motion.intensity if expression else np.zeros_like(self.motion.intensity),
        )
        performance = Performance(self._performance.portrait, still, 0)
        return np.stack([true_landmarks(performance, frame) for frame in range(self.shot.frames)])

    def write(self, folder: Path) -> Clip:
        """Write the frames as lossless images and return the clip."""
        cv2 = opencv()
        folder.mkdir(parents=True)
        names = []
        for index, frame in enumerate(self.frames()):
            names.append(f"{index:03d}.png")
            cv2.imwrite(str(folder / names[-1]), frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        return Clip("scene", str(self.shot.person), folder.name, folder, tuple(names), fps=FPS)
