"""Moving an image of a face: action units, then the head, as one backward map and one interpolation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dstan.arrays import Matrix
from dstan.preprocessing._opencv import opencv
from dstan.synthesis.action_units import UNIT, au_field, expression_field
from dstan.synthesis.canvas import smooth_step
from dstan.synthesis.fields import Array

STEP = 4
"""Fields are computed on a grid this many pixels wide and enlarged: they are smooth."""
FOLD = 0.30
"""How much darker skin gets where a field pushes it together, per unit of divergence."""

Intensities = Mapping[int, tuple[float, float]]


def grid(width: int, height: int) -> tuple[Array, Array]:
    """Return the pixels of the coarse grid, such that enlarging by :data:`STEP` lands on every pixel's centre."""
    columns = (np.arange(-(-width // STEP), dtype=np.float32) + 0.5) * STEP - 0.5
    rows = (np.arange(-(-height // STEP), dtype=np.float32) + 0.5) * STEP - 0.5
    x, y = np.meshgrid(columns, rows)
    return x, y


class FaceWarp:
    """Moves one image.

    Parameters
    ----------
    x, y
        Normalised coordinates of the average face on the coarse grid (see :func:`grid`).
    frame
        (2, 3) similarity from face units to pixels.
    width, height
        Size of the image in pixels.
    """

    def __init__(self, x: Array, y: Array, frame: Matrix, width: int, height: int) -> None:
        self._x, self._y = x, y
        self._axes = np.asarray(frame, np.float32)[:, :2]
        self._centre = np.asarray(frame, np.float32)[:, 2]
        self._size = width, height
        self._pixels = grid(width, height)
        self._units: dict[int, tuple[Array, Array]] = {}
        far = np.hypot(x / 1.2, (y - 0.05) / 1.9)
        self._on_head = 1 - smooth_step(far, 1.0, 1.8)

    def field(self, intensities: Intensities) -> Array:
        """Return the expression's displacement on the coarse grid, (h, w, 2) in pixels of the image."""
        total = np.zeros((*self._x.shape, 2), np.float32)
        for number, (left, right) in intensities.items():
            if number not in self._units:
                sides = (au_field(self._x, self._y, number, *side) for side in ((UNIT, 0.0), (0.0, UNIT)))
                one, other = (np.stack(side, axis=-1) @ self._axes.T for side in sides)
                self._units[number] = one, other
            one, other = self._units[number]
            total += np.float32(left) * one + np.float32(right) * other
        return total

    def maps(self, intensities: Intensities, head: Array) -> tuple[Array, Array]:
        """Return the backward map and the shading.

        Parameters
        ----------
        intensities
            Each AU on the left and the right, in pixels of the 224 x 224 crop.
        head
            Shift right and down in face units, rotation in radians, logarithm of the scale.

        Returns
        -------
        (H, W, 2) where each pixel of the new image comes from, and (H, W) its factor of brightness.
        """
        cv2 = opencv()

        width, height = self._size
        push = self.field(intensities)
        pull = self._sample(push, *(pixel - push[..., axis] for axis, pixel in enumerate(self._pixels)))
        pull = self._sample(push, *(pixel - pull[..., axis] for axis, pixel in enumerate(self._pixels)))
        came_x, came_y = self._undo_head(head)
        shade = 1 + np.float32(FOLD) * np.clip(self._divergence(push), -0.8, 0.8)
        moved = self._sample(np.dstack([pull, shade]), came_x, came_y)
        offset = np.dstack(
            [came_x - self._pixels[0] - moved[..., 0], came_y - self._pixels[1] - moved[..., 1], moved[..., 2]]
        )
        rows, columns = self._x.shape
        full = cv2.resize(offset, (columns * STEP, rows * STEP), interpolation=cv2.INTER_LINEAR)[:height, :width]
        full[..., 0] += np.arange(width, dtype=np.float32)
        full[..., 1] += np.arange(height, dtype=np.float32)[:, None]
        return full[..., :2], full[..., 2]

    def move_points(self, average: Array, pixels: Array, intensities: Intensities, head: Array) -> Array:
        """Move points of the face as the image moves.

        Parameters
        ----------
        average
            (n, 2) their places on the average face.
        pixels
            (n, 2) where they are in the image at rest.
        intensities, head
            As for :meth:`maps`.
        """
        push = np.stack(expression_field(average[:, 0], average[:, 1], intensities), axis=1) @ self._axes.T
        centred = pixels + push - self._centre
        turn, shift = self._head(head)
        return np.asarray(centred @ turn.T + shift + self._centre, np.float32)

    def _head(self, head: Array) -> tuple[Array, Array]:
        dx, dy, angle, log_scale = (float(value) for value in head)
        scale = np.exp(log_scale)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32) * np.float32(
            scale
        )
        return turn, self._axes @ np.array((dx, dy), np.float32)

    def _undo_head(self, head: Array) -> tuple[Array, Array]:
        turn, shift = self._head(head)
        back = np.linalg.inv(turn)
        centred = np.stack(self._pixels, axis=-1) - self._centre
        came = (centred - shift) @ back.T
        blended = centred + (came - centred) * self._on_head[..., None] + self._centre
        return blended[..., 0].astype(np.float32), blended[..., 1].astype(np.float32)

    def _sample(self, values: Array, x: Array, y: Array) -> Array:
        """Read coarse values at pixel places."""
        cv2 = opencv()

        column, row = (x + 0.5) / STEP - 0.5, (y + 0.5) / STEP - 0.5
        border = cv2.BORDER_REPLICATE
        return np.asarray(cv2.remap(values, column, row, cv2.INTER_LINEAR, borderMode=border), np.float32)

    def _divergence(self, push: Array) -> Array:
        along_x = np.gradient(push[..., 0], STEP, axis=1)
        along_y = np.gradient(push[..., 1], STEP, axis=0)
        return np.asarray(along_x + along_y, np.float32)
