"""Where a model looked, ready to be drawn: maps through time, points and maps back in the frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import Matrix
from dstan.preprocessing.alignment import transform
from dstan.preprocessing.landmarks import MESH_TO_68
from dstan.reports.drawing import SERIES

if TYPE_CHECKING:
    from dstan.inference import Look

STREAM_ROLES = {"appearance": "series1", "flow": "series2"}
"""The colour of each stream."""
_CLASS_ROLES = tuple(role for role in SERIES if role not in STREAM_ROLES.values())
FLAT = 0.01
"""Span of a stream's weights up to which it hardly tells one place from another, and nothing is drawn."""
_PARTS = ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36), (36, 42), (42, 48), (48, 60), (60, 68))
_CLOSED = {36, 42, 48, 60}


def class_role(name: str, classes: Iterable[str]) -> str:
    """Return the colour of a class among those of its model, in their order: the same in every picture."""
    return _CLASS_ROLES[list(classes).index(name) % len(_CLASS_ROLES)]


@dataclass(frozen=True, eq=False)
class SpatialMap:
    """The spatial attention of one stream.

    Parameters
    ----------
    weights
        (T, h, w), 0 to 1.
    times
        (T,) seconds from the clip's first frame.
    low, mean, high
        The least of the weights, their mean and the greatest.
    """

    weights: NDArray[np.float32]
    times: NDArray[np.float64]
    low: float
    mean: float
    high: float

    @property
    def is_flat(self) -> bool:
        """Whether it hardly tells one place from another."""
        return self.high - self.low <= FLAT

    def at(self, seconds: float) -> NDArray[np.float32]:
        """Return what is drawn of the map at some time: (h, w), how far each weight is above the mean.

        1 stands for the greatest weight of the whole clip, 0 for the mean of all and what is below it. Between two
        steps the map is mixed of both; a flat one is 0 everywhere.
        """
        place = float(np.interp(seconds, self.times, np.arange(len(self.times))))
        before = int(place)
        after = min(before + 1, len(self.weights) - 1)
        mixed = (1 - place + before) * self.weights[before] + (place - before) * self.weights[after]
        if self.is_flat:
            return np.zeros_like(mixed, dtype=np.float32)
        return np.asarray(np.clip((mixed - self.mean) / (self.high - self.mean), 0, 1), dtype=np.float32)


def spatial_maps(look: Look) -> dict[str, SpatialMap]:
    """Return the map of each stream that has one; where times are unknown, frames stand for seconds.

    Parameters
    ----------
    look
        What a model saw and said.
    """
    known = {"appearance": look.prepared.appearance_times, "flow": look.prepared.flow_times}
    found = {}
    for stream, weights in look.maps.items():
        times = known[stream]
        steps = np.linspace(0, look.prepared.done["frames"] - 1, len(weights)) if times is None else times
        found[str(stream)] = SpatialMap(
            weights, steps, *(float(value) for value in (weights.min(), weights.mean(), weights.max()))
        )
    return found


def first_frame(look: Look) -> int:
    """Return the position in the video of the first frame of a look."""
    return int(look.prepared.done["first_frame"])


def last_frame(look: Look) -> int:
    """Return the position in the video of the last frame of a look."""
    return int(look.prepared.done["last_frame"])


def apex_frame(look: Look) -> int:
    """Return the position in the video of the apex of a look."""
    return first_frame(look) + int(look.prepared.done["apex"]["frame"])


def crop_shape(look: Look) -> tuple[int, int]:
    """Return height and width of the crop in which the model saw the face."""
    arrays = [array for array in (look.prepared.appearance, look.prepared.flow) if array is not None]
    return arrays[0].shape[-2], arrays[0].shape[-1]


def matrix_at(look: Look, index: int) -> Matrix:
    """Return the (2, 3) matrix from the frame at a position of the video to the crop.

    Where one matrix serves the whole clip, that is it: what is drawn by it stays where the first frames had the face.
    """
    done = look.prepared.done
    if "matrices" in done:
        return np.array(done["matrices"][index - first_frame(look)])
    return np.array(done["matrix"])


def inverse(matrix: Matrix) -> Matrix:
    """Return the (2, 3) matrix that undoes another."""
    (a, b), (c, d) = matrix[:, :2]
    back = np.array([[d, -b], [-c, a]]) / (a * d - b * c)
    return np.column_stack([back, -back @ matrix[:, 2]])


def map_to_crop(size: tuple[int, int], crop: tuple[int, int]) -> Matrix:
    """Return the matrix from pixels of a map of height and width ``size`` to those of the crop that it covers."""
    down, across = crop[0] / size[0], crop[1] / size[1]
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2]])


def chained(first: Matrix, then: Matrix) -> Matrix:
    """Return the (2, 3) matrix that does one and then the other."""
    return np.column_stack([then[:, :2] @ first[:, :2], then[:, :2] @ first[:, 2] + then[:, 2]])


def corners(crop: tuple[int, int], matrix: Matrix) -> NDArray[np.float32]:
    """Return (4, 2): the crop's corners in the frame."""
    height, width = crop
    edge = np.array([(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)])
    return transform(edge, inverse(matrix))


def face_lines(landmarks: NDArray[Any], matrix: Matrix) -> list[tuple[NDArray[np.float32], bool]]:
    """Return brows, eyes, nose, lips and jaw as points in the frame, each (n, 2), and whether it is closed.

    Parameters
    ----------
    landmarks
        (468, 2) mesh points in the crop; what is unknown is left out.
    matrix
        From the frame to the crop.
    """
    points = transform(landmarks[list(MESH_TO_68)], inverse(matrix))
    lines = []
    for start, stop in _PARTS:
        part = points[start:stop]
        known = part[np.isfinite(part).all(axis=1)]
        if len(known):
            lines.append((known, start in _CLOSED and len(known) == len(part)))
    return lines
