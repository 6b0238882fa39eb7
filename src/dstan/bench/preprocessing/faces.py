"""Drawn faces whose displacement is known in every pixel, at any strength, to a hundredth of a pixel.

OpenCV interpolates in steps of 1/32 px, and expressions here may be smaller than that, so each portrait is enlarged
four times by splines, and read linearly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.bench.preprocessing.scene import HEIGHT, WIDTH
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.alignment import fit_first_frames, warp
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.fields import Array
from dstan.synthesis.timeline import Motion
from dstan.synthesis.truth import true_landmarks
from dstan.synthesis.warp import STEP

FINER = 4
CLIP_FRAMES, APEX = 51, 20
"""At 200 frames a second: a quarter of a second, the apex after .1 s."""


def course(frame: float) -> float:
    """Return the share of its peak that an expression has reached: it rises and falls with minimum jerk."""
    return _ease(frame / APEX) * (1 - _ease((frame - APEX) / (CLIP_FRAMES - 1 - APEX)))


def _ease(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t**3 * (10 - 15 * t + 6 * t * t)


@dataclass(frozen=True, eq=False)
class Moved:
    """A face at one strength of its expression.

    Parameters
    ----------
    push
        (480, 640, 2) where each pixel of the face at rest goes, pixels of the image.
    source
        (480, 640, 2) which pixel of the face at rest is seen.
    shade
        (480, 640) factor of brightness.
    """

    push: Array
    source: Array
    shade: Array


class Face:
    """A person at 640 x 480 who shows one expression, the head held still.

    Parameters
    ----------
    person
        Who, by number.
    expression
        For each AU its share on the left and the right.
    size
        Side of the aligned crop.
    """

    def __init__(self, person: int, expression: Mapping[int, tuple[float, float]], size: int = 224) -> None:
        from scipy.ndimage import map_coordinates

        cv2 = opencv()
        portrait = portrait_of(child_seed(0, "person", person), WIDTH, HEIGHT)
        grey = cv2.cvtColor(EyePainter(portrait).draw(Gaze()), cv2.COLOR_RGB2GRAY).astype(np.float32)
        places = np.mgrid[: FINER * HEIGHT, : FINER * WIDTH].astype(np.float32) / FINER
        self._fine = map_coordinates(grey, places, order=3, mode="nearest", output=np.float32)
        performance = Performance(portrait, _still(), 0)
        self._warp, self.shape = performance.warp, (size, size)
        self.matrix = fit_first_frames(true_landmarks(performance, 0)[None], self.shape)
        self._expression = dict(expression)
        longest = np.linalg.norm(self._in_crop(self._full(self._warp.field(self._expression))), axis=2).max()
        self._unit = size / 224 / float(longest)

    def moved(self, strength: float) -> Moved:
        """Move the face until it is ``strength`` from rest where it moves most, pixels of a crop of 224 x 224."""
        factor = strength * self._unit
        intensities = {number: (factor * left, factor * right) for number, (left, right) in self._expression.items()}
        source, shade = self._warp.maps(intensities, np.zeros(4, np.float32))
        return Moved(self._full(self._warp.field(intensities)), np.ascontiguousarray(source), shade)

    def record(self, moved: Moved, noise: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the aligned crop of one frame, as preparation makes it of what a camera of 8 bits saw."""
        cv2 = opencv()
        clean = cv2.remap(self._fine, moved.source * FINER, None, cv2.INTER_LINEAR) * moved.shade
        seen = clean + np.float32(noise) * rng.standard_normal(clean.shape, dtype=np.float32)
        frame = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
        return warp(frame, self.matrix, self.shape).astype(np.float16).astype(np.float32)

    def flow(self, first: Moved, second: Moved) -> NDArray[np.float32]:
        """Return the true field from one frame to another, (size, size, 2) in pixels of the crop."""
        cv2 = opencv()
        here = np.dstack(np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)))
        field = first.source + cv2.remap(second.push, first.source, None, cv2.INTER_LINEAR) - here
        for _ in range(2):
            there = here + field
            source = there + cv2.remap(second.source - here, there, None, cv2.INTER_LINEAR)
            field = field - (source - first.source)
        return self._in_crop(field)

    def _full(self, coarse: Array) -> Array:
        rows, columns = coarse.shape[:2]
        return np.asarray(opencv().resize(coarse, (columns * STEP, rows * STEP))[:HEIGHT, :WIDTH], np.float32)

    def _in_crop(self, field: Array) -> Array:
        cv2 = opencv()
        seen = cv2.warpAffine(field, self.matrix, self.shape[::-1], flags=cv2.INTER_LINEAR)
        return np.asarray(seen @ self.matrix[:, :2].T, np.float32)


def _still() -> Motion:
    return Motion(
        fps=200.0,
        events=(),
        action_units=(),
        intensity=np.zeros((1, 0, 2), np.float32),
        head=np.zeros((1, 4), np.float32),
        gaze=np.array([[0.0, 0.0, 1.0]], np.float32),
        light=np.ones(1, np.float32),
    )
