"""One face, instant after instant: how far its regions have moved since a key picture, the head's motion taken away.

The crop follows the head by the similarity of the stable points (:class:`~dstan.preprocessing.tracking.FaceTracker`).
What is left of the head's motion is a similarity fitted robustly to the flow at these points, and is subtracted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import Matrix
from dstan.inference.spotting.instants import Instant
from dstan.inference.spotting.regions import Layout, lay_out
from dstan.inference.spotting.settings import SpottingSettings
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.alignment import fit_first_frames, transform, warp
from dstan.preprocessing.flow import compute_flow
from dstan.preprocessing.landmarks import STABLE_POINTS
from dstan.preprocessing.template import eye_distance
from dstan.preprocessing.tracking import FaceTracker, Motion, chain, undo

OVERLAP = 5
"""Instants that are measured from the old and from the new key picture, so that the path goes on without a step."""
FARTHEST = 0.3
"""Motion of the head, in distances between the eyes, after which a new key picture is taken."""
ASTRAY, ASTRAY_HELD = 0.25, 0.06
"""Distances between the eyes by which tracker and mesh may differ, and while the tracker does not find the head."""
HELD = 0.6
"""Seconds for which the head is taken to be still where the tracker does not find it, as when eyes and brows move.

The mesh is looked at meanwhile, and ends this where it is elsewhere."""
CONTRAST = 40.0
"""Standard deviation of the skin's brightness in what flow is estimated on, grey levels."""
SPARE = 1.3
"""How much larger than the aligned face a face is kept before it is aligned."""
_HUBER = 0.3

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Measure:
    """What is kept of one instant.

    Parameters
    ----------
    regions
        (regions, 2) float32 how far each has moved since the stretch began, per cent of the distance between the eyes.
    head
        (4,) where the head is, in the numbers of :mod:`dstan.preprocessing.tracking`; NaN where it is not found.
    eyes
        (4,) of the picture within the eyes: brightness, contrast, and the middle of what is dark, across and down in
        distances between the eyes.
    light
        Natural logarithm of the face's brightness.
    """

    regions: NDArray[np.float32]
    head: NDArray[np.float32]
    eyes: NDArray[np.float32]
    light: float


class Face:
    """A face that is followed from one picture on.

    Parameters
    ----------
    points
        (468, 2) its mesh in pixels of the frame.
    instant
        The first one, which the mesh is of.
    settings
        The size of the crop and how long a key picture serves.
    """

    def __init__(self, points: NDArray[np.float32], instant: Instant, settings: SpottingSettings) -> None:
        self.points, self._settings = points, settings
        self._shape = (settings.side, settings.side)
        self._unit = eye_distance(self._shape)
        self._base = self._matrix_at_look = fit_first_frames(points[None], self._shape)
        self._factor = max(1, int(1 / (SPARE * _scale(self._base))))
        self._motion: Motion = np.zeros(4)
        self._before: Motion = np.zeros(4)
        self._key = self._new_key(self._crop(instant), instant.time)
        self._offset = np.zeros((len(self._key.layout.region_places), 2))
        self._followed = self._latest = instant.time
        self._recent: deque[tuple[Image, NDArray[np.float64]]] = deque(maxlen=OVERLAP)

    def measure(self, instant: Instant) -> Measure | None:
        """Measure one instant; None where the face can no longer be followed."""
        crop = self._follow(instant)
        if crop is None:
            return None
        even, light = self._key.evened(crop)
        path = self._offset + self._key.displacement(even)
        self._recent.append((even, path))
        lost = self._followed < self._latest
        head = np.full(4, np.nan) if lost else chain(self._before, self._motion)
        eyes = self._key.eyes(even)
        if not lost and self._is_stale(instant.time):
            self._renew(crop, instant.time)
        return Measure(path.astype(np.float32), head.astype(np.float32), eyes, light)

    def _follow(self, instant: Instant) -> Image | None:
        """Find the head's motion, and return the face with it undone."""
        picture, place = _cut(instant.pictures, self._matrix, self._shape, self._factor)
        base = (_square(self._base) @ _square(place))[:2]

        def view(motion: Motion) -> Image:
            return warp(picture, undo(base, motion, self._shape), self._shape)

        found = self._key.tracker.locate(view, self._motion)
        self._latest = instant.time
        if found is not None:
            self._motion, self._followed = found, instant.time
        return None if instant.time - self._followed > HELD else view(self._motion)

    def _crop(self, instant: Instant) -> Image:
        picture, place = _cut(instant.pictures, self._matrix, self._shape, self._factor)
        return warp(picture, (_square(self._matrix) @ _square(place))[:2], self._shape)

    def expected(self) -> NDArray[np.float32]:
        """Return where the mesh of the last look lies now, by what the tracker says, in pixels of the frame."""
        now, base = _square(self._matrix), _square(self._matrix_at_look)
        return transform(self.points, (np.linalg.inv(now) @ base)[:2])

    def saw(self, points: NDArray[np.float32]) -> bool:
        """Take note of the mesh of a look; tell whether the tracker agrees with it."""
        stable = list(STABLE_POINTS)
        apart = np.median(np.linalg.norm(points[stable] - self.expected()[stable], axis=1))
        self.points, self._matrix_at_look = points, self._matrix
        farthest = ASTRAY if self._followed == self._latest else ASTRAY_HELD
        return bool(apart * _scale(self._matrix) < farthest * self._unit)

    @property
    def _matrix(self) -> Matrix:
        """From pixels of the frame to the crop, now."""
        return undo(self._base, self._motion, self._shape)

    def _new_key(self, crop: Image, time: float) -> _Key:
        points = transform(self.expected(), self._matrix)
        return _Key(crop, lay_out(points, self._shape[0], self._unit), self._unit, time)

    def _is_stale(self, time: float) -> bool:
        far = np.abs(self._motion * (1, 1, 2, 2)).max() > FARTHEST
        return bool(time - self._key.time >= self._settings.key_seconds or (far and len(self._recent) == OVERLAP))

    def _renew(self, crop: Image, time: float) -> None:
        """Measure from a new key picture, with the path going on as it was on the last instants."""
        key = self._new_key(crop, time)
        self._offset = np.mean([path - key.displacement(even) for even, path in self._recent], axis=0)
        self._base, self._before = self._matrix, chain(self._before, self._motion)
        self._motion, self._key = np.zeros(4), key
        self._recent.clear()


class _Key:
    """A picture that others are compared with."""

    def __init__(self, crop: Image, layout: Layout, unit: float, time: float) -> None:
        self.tracker, self.layout, self.time, self._unit = FaceTracker(crop), layout, time, unit
        self._image = self.evened(crop)[0]
        at = (np.arange(crop.shape[0]) - crop.shape[0] / 2) / unit
        self._x, self._y = np.meshgrid(at, at)

    def evened(self, crop: Image) -> tuple[Image, float]:
        """Return a crop with the skin's brightness and contrast fixed, and the logarithm of its brightness."""
        skin = crop[self.layout.skin]
        mean, spread = float(skin.mean()), float(skin.std())
        even = np.asarray((crop - mean) * (CONTRAST / max(spread, 1.0)) + 128, dtype=np.float32)
        return even, float(np.log(max(mean, 1.0)))

    def displacement(self, image: Image) -> NDArray[np.float64]:
        """Return how far each region lies from where it is in the key picture, (regions, 2) per cent."""
        eyes = self.layout.eyes
        flow = compute_flow(self._image, image + eyes * (self._image - image)).reshape(-1, 2)
        moved = 100 / self._unit * (self.layout.regions @ flow)
        rigid = 100 / self._unit * (self.layout.rigid @ flow)
        return np.asarray(moved - _rigid_part(rigid, self.layout.places, self.layout.region_places), dtype=np.float64)

    def eyes(self, image: Image) -> NDArray[np.float32]:
        """Describe the picture within the eyes."""
        weights = self.layout.eyes / self.layout.eyes.sum()
        mean = float((weights * image).sum())
        dark = weights * np.maximum(mean - image, 0)
        total = max(float(dark.sum()), 1e-6)
        spread = float(np.sqrt((weights * (image - mean) ** 2).sum()))
        return np.array([mean, spread, (dark * self._x).sum() / total, (dark * self._y).sum() / total], np.float32)


def _rigid_part(
    moved: NDArray[np.floating[Any]], places: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a small similarity to moved points, trusting the odd ones less, and return how it moves other places."""
    weights = np.ones(len(moved))
    fitted = np.zeros(4)
    for _ in range(4):
        rows = _similarity(places) * np.repeat(np.sqrt(weights), 2)[:, None]
        fitted = np.linalg.lstsq(rows, (moved * np.sqrt(weights)[:, None]).ravel(), rcond=None)[0]
        rest = np.linalg.norm(moved - (_similarity(places) @ fitted).reshape(-1, 2), axis=1)
        weights = np.minimum(1, _HUBER / np.maximum(rest, 1e-6)) ** 2
    return np.asarray((_similarity(wanted) @ fitted).reshape(-1, 2))


def _similarity(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (2 n, 4): how shift right, shift down, growth and rotation move places."""
    x, y = places.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.stack([np.stack([one, zero, x, -y], 1), np.stack([zero, one, y, x], 1)], axis=1)
    return np.asarray(rows.reshape(-1, 4), dtype=np.float64)


def _cut(
    pictures: tuple[NDArray[np.uint8], ...], matrix: Matrix, shape: tuple[int, int], factor: int
) -> tuple[Image, Matrix]:
    """Cut out the face, reduce it and average: return the picture and the matrix from its pixels to the frame's."""
    (left, top), (right, bottom) = _box(matrix, shape, pictures[0].shape, factor)
    total: Any = np.zeros(((bottom - top) // factor, (right - left) // factor), np.float32)
    cv2 = opencv()
    for picture in pictures:
        part = picture[top : top + total.shape[0] * factor, left : left + total.shape[1] * factor]
        if factor > 1:
            part = cv2.resize(part, total.shape[::-1], interpolation=cv2.INTER_AREA)
        cv2.accumulate(part, total)
    place = np.array([[factor, 0, (factor - 1) / 2 + left], [0, factor, (factor - 1) / 2 + top]], np.float64)
    return np.asarray(total / np.float32(len(pictures)), dtype=np.float32), place


def _box(
    matrix: Matrix, shape: tuple[int, int], frame: tuple[int, ...], factor: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the corners of the part of the frame that the crop and some of its surroundings need."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * 1.3 - 0.15
    seen = (corners * shape[::-1] - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    size = np.array(frame[1::-1])
    low = np.clip(np.floor(seen.min(axis=0)), 0, size - 4 * factor).astype(np.int64) // factor * factor
    high = np.clip(np.ceil(seen.max(axis=0)), low + 4 * factor, size).astype(np.int64)
    return low, high


def _scale(matrix: Matrix) -> float:
    """Return by how much a matrix enlarges."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _square(matrix: Matrix) -> NDArray[np.float64]:
    return np.asarray(np.vstack([matrix, [0.0, 0.0, 1.0]]), dtype=np.float64)
