"""What is drawn over and beside the frames of one look: landmarks, where the model looked, a cursor in its curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import Matrix
from dstan.preprocessing.alignment import warp
from dstan.reports.panel import Panel, draw_panel
from dstan.reports.pen import Pen, tone
from dstan.reports.sight import (
    STREAM_ROLES,
    apex_frame,
    chained,
    corners,
    crop_shape,
    face_lines,
    inverse,
    map_to_crop,
    matrix_at,
    spatial_maps,
)
from dstan.video import Frame

if TYPE_CHECKING:
    from dstan.inference import Look

OPACITY = 0.45
"""Of the heat where the weight is greatest."""
_FINER = 12


class View:
    """Draws the frames of one look.

    Parameters
    ----------
    look
        What a model saw and said.
    begins
        Seconds of its first frame.
    scale
        Pixels of a unit.
    larger
        How much larger than the video the picture is.
    """

    def __init__(self, look: Look, begins: float, scale: float, larger: int) -> None:
        self.look, self._begins, self._scale = look, begins, scale
        self._enlarge = np.array([[larger, 0, (larger - 1) / 2], [0, larger, (larger - 1) / 2]])
        self._maps = spatial_maps(look)
        times = look.prepared.appearance_times
        self._panel: Panel = draw_panel(look, 0.0 if times is None else float(times[-1]), scale, tuple(self._maps))
        self._legend = _legend(
            scale,
            [stream for stream, one in self._maps.items() if not one.is_flat],
            has_landmarks=look.prepared.landmarks is not None,
        )
        self._apex = _tag("apex", scale)

    def draw(self, frame: Frame, picture: NDArray[np.uint8], seconds: float) -> NDArray[np.uint8]:
        """Draw in the enlarged picture in place, and return the panel beside it."""
        matrix = matrix_at(self.look, frame.index)
        shown = chained(self._enlarge_back(), matrix)  # from the enlarged picture to the crop
        maps = {stream: one.at(seconds - self._begins) for stream, one in self._maps.items()}
        for stream, weights in maps.items():
            lay_heat(picture, weights, tone(STREAM_ROLES[stream]), shown, crop_shape(self.look))
        self._draw_face(picture, shown, frame.index == apex_frame(self.look))
        panel = self._panel.pixels.copy()
        self._draw_cursor(panel, seconds - self._begins)
        for stream, weights in maps.items():
            self._draw_map(panel, frame.pixels, matrix, weights, stream)
        return panel

    def _enlarge_back(self) -> Matrix:
        return inverse(self._enlarge)

    def _draw_face(self, picture: NDArray[np.uint8], shown: Matrix, is_apex: bool) -> None:
        import cv2

        outline = corners(crop_shape(self.look), shown)
        side = float(np.ptp(outline[:, 0]))
        thin, thick = max(1, round(side / 450)), max(2, round(side / 150))
        if self.look.prepared.landmarks is not None:
            for points, closed in face_lines(self.look.prepared.landmarks, shown):
                cv2.polylines(picture, [_fixed(points)], closed, (255, 255, 255), thin, cv2.LINE_AA, 4)
                for point in _fixed(points):
                    cv2.circle(picture, point.tolist(), round(side / 300 * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
        cv2.polylines(picture, [_fixed(outline)], True, (255, 255, 255), thick if is_apex else thin, cv2.LINE_AA, 4)
        left, top = outline.min(axis=0)
        if self._legend is not None:
            _paste(picture, self._legend, left, top - len(self._legend))
        if is_apex:
            right, bottom = outline.max(axis=0)
            _paste(picture, self._apex, right - self._apex.shape[1], bottom)

    def _draw_cursor(self, panel: NDArray[np.uint8], seconds: float) -> None:
        if self._panel.plot is None:
            return
        left, top, right, bottom = (side * self._scale for side in self._panel.plot)
        x = left + min(max(seconds / self._panel.end, 0.0), 1.0) * (right - left)
        half = max(1, round(0.7 * self._scale))
        panel[round(top) - 2 * half : round(bottom) + 2 * half, round(x) - half : round(x) + half] = 255

    def _draw_map(
        self,
        panel: NDArray[np.uint8],
        frame: NDArray[np.uint8],
        matrix: Matrix,
        weights: NDArray[np.float32],
        stream: str,
    ) -> None:
        import cv2

        left, top, right, bottom = (round(side * self._scale) for side in self._panel.maps[stream])
        crop = crop_shape(self.look)
        factor = min((bottom - top) / crop[0], (right - left) / crop[1])
        shape = max(1, round(crop[0] * factor)), max(1, round(crop[1] * factor))
        to_small = chained(matrix, inverse(map_to_crop(shape, crop)))
        face = warp(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), to_small, shape)
        small = np.repeat(np.rint(face).astype(np.uint8)[..., None], 3, axis=2)
        lay_heat(small, weights, tone(STREAM_ROLES[stream]), map_to_crop(shape, crop), crop, 0.7)
        panel[top : top + shape[0], left : left + shape[1]] = small


def lay_heat(
    picture: NDArray[np.uint8],
    weights: NDArray[np.float32],
    colour: str,
    shown: Matrix,
    crop: tuple[int, int],
    opacity: float = OPACITY,
) -> None:
    """Tint a picture where the weights are great, in place.

    ``shown`` leads from the picture to the crop, which the weights cover.
    """
    import cv2

    if not weights.any():
        return
    fine = cv2.resize(weights, None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_CUBIC)
    place = chained(map_to_crop(fine.shape, crop), inverse(shown))
    low, high = (edge(corners(crop, shown), axis=0) for edge in (np.min, np.max))
    left, top = (int(max(math.floor(side), 0)) for side in low)
    right, bottom = min(math.ceil(high[0]) + 1, picture.shape[1]), min(math.ceil(high[1]) + 1, picture.shape[0])
    if left >= right or top >= bottom:
        return
    place[:, 2] -= (left, top)
    size = right - left, bottom - top
    alpha = cv2.warpAffine(opacity * np.clip(fine, 0, 1) ** 1.5, place, size, flags=cv2.INTER_LINEAR)
    part = picture[top:bottom, left:right]
    paint = np.empty_like(part)
    paint[:] = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    part[:] = cv2.blendLinear(np.ascontiguousarray(part), paint, 1 - alpha, alpha)


def _fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    """Return points in sixteenths of a pixel, as OpenCV draws them."""
    return np.asarray(np.rint(points * 16), dtype=np.int32)


def _legend(scale: float, streams: Sequence[str], *, has_landmarks: bool) -> NDArray[np.uint8] | None:
    """Draw what the tints mean, and whether landmarks are missing; None where there is nothing to say."""
    words = [("attention:", "muted"), *((stream, STREAM_ROLES[stream]) for stream in streams)] if streams else []
    words += [] if has_landmarks else [("no landmarks were needed", "muted")]
    if not words:
        return None
    ruler = Pen(1, 1, scale)
    pen = Pen(sum(ruler.length(text, 12) + 7 for text, _ in words) + 5, 18, scale)
    x = 6.0
    for text, role in words:
        pen.text(x, 13, text, 12, role)
        x += pen.length(text, 12) + 7
    return pen.pixels()


def _tag(text: str, scale: float) -> NDArray[np.uint8]:
    pen = Pen(Pen(1, 1, scale).length(text, 13) + 12, 18, scale)
    pen.text(6, 13, text, 13, "ink")
    return pen.pixels()


def _paste(picture: NDArray[np.uint8], patch: NDArray[np.uint8], left: float, top: float) -> None:
    """Lay a patch over a picture, moved inside where it would stick out."""
    height, width = picture.shape[:2]
    patch = patch[:height, :width]
    x = int(min(max(left, 0), width - patch.shape[1]))
    y = int(min(max(top, 0), height - len(patch)))
    picture[y : y + len(patch), x : x + patch.shape[1]] = patch
