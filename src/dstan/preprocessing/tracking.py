"""Following a face from its first frame: how its rigid parts have moved, whatever its expression does.

Motion is four numbers in the face's own units, so that they mean the same at every size: shift right and down in
distances between the eye centres, logarithm of the scale, and angle in radians (clockwise as seen), all about the
middle between the eyes and relative to the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import Matrix
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.landmarks import STABLE
from dstan.preprocessing.template import eye_centres, eye_distance, template_points

Motion = NDArray[np.float64]
"""(4,) or (n, 4): shift right, shift down, logarithm of the scale, angle."""
View = Callable[[Motion], NDArray[np.float32]]
"""Shows a frame in the square crop with a motion undone: (side, side) grey in [0, 255]."""

COARSE = 56
"""Side of the crop in which large motion is found first, pixels."""
PATCH = 0.16
"""Half the side of a patch, in distances between the eye centres."""
NOISE = 2.0
"""Grey levels by which a pixel may differ for no reason."""
LOOSENESS = 0.0015
"""Standard deviation of a patch that is not quite rigid, in distances between the eye centres: .1 px at 224 x 224."""
TOLERANCE = 2.0
"""Standard deviations from which on a patch is believed to move by itself."""
FEWEST = 6.0
"""Sum of the patches' weights below which the face is lost."""
ALIKE = 0.4
"""Correlation with the first frame below which the face is lost."""
SETTLED = 0.0006
"""A step shorter than this ends the search, in distances between the eye centres: .05 px at 224 x 224."""
STEPS = 4
"""Steps at most at each size."""
NEAR, FAR = 0.02, 1.0
"""Motion since the frame before up to which the coarse size is left out, and from which on the face is lost."""
_UNIT = np.array([(point.x, point.y) for point in STABLE])
_PRIOR = np.array([point.weight for point in STABLE])


def motion_matrix(motion: Motion, shape: tuple[int, int]) -> Matrix:
    """Return the (2, 3) matrix by which a motion moves the face in a crop of a height and width."""
    middle, unit = eye_centres(shape).mean(axis=0), eye_distance(shape)
    linear = np.exp(motion[2]) * _rotation(motion[3])
    return np.column_stack([linear, middle + unit * motion[:2] - linear @ middle])


def undo(matrix: Matrix, motion: Motion, shape: tuple[int, int]) -> Matrix:
    """Return ``matrix``, from a frame to the crop, followed by the inverse of the motion in the crop."""
    moved = motion_matrix(motion, shape)
    back = np.linalg.inv(moved[:, :2])
    return np.column_stack([back @ matrix[:, :2], back @ (matrix[:, 2] - moved[:, 2])])


def chain(first: Motion, then: Motion) -> Motion:
    """Return the motion that moves a point as ``then`` and after it as ``first``."""
    shift = first[:2] + np.exp(first[2]) * _rotation(first[3]) @ then[:2]
    return np.array([*shift, *(first[2:] + then[2:])])


def displacements(motions: Motion) -> NDArray[np.float64]:
    """Return how far each motion carries each point of ``STABLE``, (n, points, 2) in distances between the eyes."""
    moved = [np.exp(one[2]) * _UNIT @ _rotation(one[3]).T + one[:2] - _UNIT for one in motions]
    return np.asarray(moved)


def _rotation(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


class FaceTracker:
    """Finds a face's motion since its first frame from patches around the points of ``STABLE``.

    Each patch is matched by Lucas and Kanade's least squares [1]_, compositional and with the gradients of the first
    frame [2]_; an even change of its brightness or contrast does not matter. The similarity that fits the patches is
    estimated by reweighted least squares: a patch counts by how well it is textured in each direction, and loses its
    weight when it moves otherwise than the rest, as a wrinkled nose, raised forehead or blinking lid does.

    Parameters
    ----------
    first
        (side, side) grey in [0, 255]: the first frame, aligned.

    References
    ----------
    .. [1] B. D. Lucas, T. Kanade, "An iterative image registration technique with an application to stereo vision",
       IJCAI 1981.
    .. [2] S. Baker, I. Matthews, "Lucas-Kanade 20 years on: a unifying framework", IJCV 56(3), 2004.
    """

    def __init__(self, first: NDArray[np.float32]) -> None:
        self._levels = (_Patches(_resized(first, COARSE)), _Patches(first))

    def locate(self, view: View, start: Motion) -> Motion | None:
        """Find the motion in one frame.

        Parameters
        ----------
        view
            Shows the frame with a motion undone.
        start
            Where to begin: the motion in the frame before.

        Returns
        -------
        (4,) the motion; None where the face is not to be found.
        """
        near = self._search(view, start, self._levels[1:], NEAR)
        return self._search(view, start, self._levels, FAR) if near is None else near

    def _search(self, view: View, start: Motion, levels: Sequence[_Patches], reach: float) -> Motion | None:
        """Step towards the motion at one size after another; None where that fails or leads too far."""
        motion, found = start, False
        for patches in levels:
            settled = SETTLED * self._levels[-1].side / patches.side
            for _ in range(STEPS):
                step = patches.step(_resized(view(motion), patches.side))
                motion, found = chain(motion, step.motion), step.found
                if not np.abs(motion - start).max() < reach:
                    return None
                if np.abs(step.motion).max() < settled:
                    break
        return motion if found else None


@dataclass(frozen=True)
class _Step:
    motion: Motion
    found: bool


class _Patches:
    """The patches of a first frame at one size."""

    def __init__(self, first: NDArray[np.float32]) -> None:
        cv2 = opencv()
        self.side = first.shape[0]
        shape = (self.side, self.side)
        unit, reach = eye_distance(shape), max(2, round(PATCH * eye_distance(shape)))
        image = _smooth(first)
        slopes = [cv2.Scharr(image, cv2.CV_32F, dx, 1 - dx, scale=unit / 32) for dx in (1, 0)]
        corner = np.rint(template_points(shape)).astype(np.int64) - reach
        corner = np.clip(corner, 1, self.side - 2 * reach - 2)
        inside = np.arange(2 * reach + 1)
        self._rows = (corner[:, 1, None, None] + inside[:, None]) + 0 * inside
        self._columns = (corner[:, 0, None, None] + inside) + 0 * inside[:, None]
        pixels = self._cut(image)
        slope = np.stack([self._cut(plane) for plane in slopes], axis=2)
        self._first = pixels - pixels.mean(axis=1, keepdims=True)
        self._slope = _without(slope, self._first)
        texture = np.einsum("pni,pnj->pij", self._slope, self._slope) + 1e-3 * unit**2 * np.eye(2)
        self._solve = np.linalg.inv(texture)
        self._certainty = np.linalg.inv(NOISE**2 * self._solve + LOOSENESS**2 * np.eye(2))
        middle = eye_centres(shape).mean(axis=0)
        x, y = ((corner + reach - middle) / unit).T
        one, zero = np.ones_like(x), np.zeros_like(x)
        self._basis = np.stack([np.stack([one, zero, x, -y], axis=1), np.stack([zero, one, y, x], axis=1)], axis=1)

    def step(self, image: NDArray[np.float32]) -> _Step:
        """Return the motion that is left in a frame."""
        now = self._cut(_smooth(image))
        now = now - now.mean(axis=1, keepdims=True)
        pushed = -np.einsum("pni,pn->pi", self._slope, now - self._first)
        shifts = np.einsum("pij,pj->pi", self._solve, pushed)
        motion, weights = self._fit(shifts)
        alike = (now * self._first).sum() / np.sqrt((now**2).sum() * (self._first**2).sum() + 1e-12)
        return _Step(motion, bool(weights.sum() >= FEWEST and alike >= ALIKE))

    def _fit(self, shifts: NDArray[np.float64]) -> tuple[Motion, NDArray[np.float64]]:
        """Fit a small similarity to the patches' shifts, trusting the odd ones less and less."""
        weights, rest = np.ones(len(shifts)), shifts
        motion = np.zeros(4)
        for tolerance in TOLERANCE * np.array([16.0, 8.0, 4.0, 2.0, 1.0, 1.0, 1.0]):
            certainty = (weights * _PRIOR)[:, None, None] * self._certainty
            left = np.einsum("pki,pkl,plj->ij", self._basis, certainty, self._basis)
            right = np.einsum("pki,pkl,pl->i", self._basis, certainty, shifts)
            motion = np.linalg.solve(left + 1e-9 * np.trace(left) * np.eye(4), right)
            rest = shifts - self._basis @ motion
            strange = np.einsum("pi,pij,pj->p", rest, self._certainty, rest)
            weights = (1 + strange / tolerance**2) ** -2.0
        return motion, weights

    def _cut(self, plane: NDArray[Any]) -> NDArray[np.float64]:
        """Return the patches, (points, pixels)."""
        return np.asarray(plane[self._rows, self._columns].reshape(len(self._rows), -1), np.float64)


def _without(slope: NDArray[np.float64], image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take from the slopes what a change of brightness or contrast would explain."""
    slope = slope - slope.mean(axis=1, keepdims=True)
    share = np.einsum("pn,pni->pi", image, slope) / ((image**2).sum(axis=1)[:, None] + 1e-6)
    return np.asarray(slope - image[..., None] * share[:, None, :])


def _smooth(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(opencv().GaussianBlur(image, (0, 0), 1.0), dtype=np.float32)


def _resized(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    cv2 = opencv()
    if image.shape[0] == side:
        return image
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)
