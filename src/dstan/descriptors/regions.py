"""The 36 facial regions of MDMO: quadrilaterals between landmarks, each tied to action units."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dstan.descriptors.compiling import compiled
from dstan.errors import ShapeError
from dstan.preprocessing.landmarks import MESH_POINTS, MESH_TO_68

LIFT = 0.2
"""How far the brows' helper points lie above them, in distances between the outer corners of the eyes."""
MOST_EMPTY = 6
"""Regions that may lie outside of the frame: as many as lie above the brows."""
_LANDMARKS = 60
"""Of the 68 landmarks only these are used: the inner lips are not."""


class Region(NamedTuple):
    """One region: its four ``corners`` in order, and the action units that the paper ties it to.

    A corner is one of the 68 landmarks by its number from 0, or one of :func:`helper_points`, as "t7".
    """

    corners: str
    action_units: str


REGIONS: tuple[Region, ...] = (
    Region("17 t0 t1 19", "2"),
    Region("19 t1 t2 21", "1, 4"),
    Region("21 t2 t3 27", "1, 4"),
    Region("27 t3 t4 22", "1, 4"),
    Region("22 t4 t5 24", "1, 4"),
    Region("24 t5 t6 26", "2"),
    Region("1 0 17 36", "6"),
    Region("36 17 19 38", "2, 5"),
    Region("38 19 21 39", "1, 4"),
    Region("39 21 27 28", "9"),
    Region("28 27 22 42", "9"),
    Region("42 22 24 43", "1, 4"),
    Region("43 24 26 45", "2, 5"),
    Region("45 26 16 15", "6"),
    Region("3 2 t15 t7", "6"),
    Region("t7 t15 41 39", "6, 7"),
    Region("t7 39 28 29", "9"),
    Region("29 28 42 t8", "9"),
    Region("t8 42 46 t16", "6, 7"),
    Region("t8 t16 14 13", "6"),
    Region("4 3 t7 t11", "6"),
    Region("t11 t7 29 33", "10, 11, 12"),
    Region("33 29 t8 t12", "10, 11, 12"),
    Region("t12 t8 13 12", "6"),
    Region("5 4 t9 t13", "12, 15"),
    Region("t13 t9 33 59", "10, 12-15, 18, 23, 24"),
    Region("55 33 t10 t14", "10, 12-15, 18, 23, 24"),
    Region("t14 t10 12 11", "12, 15"),
    Region("t18 t17 59 58", "16, 18, 20, 23, 24"),
    Region("t19 t18 58 57", "18, 23, 24"),
    Region("t20 t19 57 56", "18, 23, 24"),
    Region("t21 t20 56 55", "16, 18, 20, 23, 24"),
    Region("6 5 t17 t18", "16, 20"),
    Region("8 6 t18 t19", "17"),
    Region("10 8 t19 t20", "17"),
    Region("11 10 t20 t21", "16, 20"),
)
"""The regions in the paper's order; region k of the paper is ``REGIONS[k - 1]``."""


def face_points(landmarks: NDArray[Any]) -> NDArray[np.float64]:
    """Return (68, 2) the landmarks of the iBUG scheme after a look at them.

    Parameters
    ----------
    landmarks
        (468, 2) points of the face mesh, or (68, 2) of the iBUG scheme, in pixels (x, y).

    Raises
    ------
    ShapeError
        If they are neither, or one that is used is NaN or infinite.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape == (MESH_POINTS, 2):
        points = points[list(MESH_TO_68)]
    if points.shape != (68, 2):
        raise ShapeError(f"landmarks must be ({MESH_POINTS}, 2) or (68, 2), not {points.shape}")
    unknown = ~np.isfinite(points[:_LANDMARKS]).all(axis=1)
    if unknown.any():
        raise ShapeError(
            f"{unknown.sum()} of the {_LANDMARKS} landmarks that the regions need are unknown",
            hint="A source that finds only a box does not do: --set recipe.landmarks=mediapipe",
        )
    return points


_MIDDLES = (
    *((3, 29), (13, 29), (4, 33), (12, 33), (4, 33), (12, 33), (5, 59), (11, 55)),  # t7 to t14
    *((2, 41), (14, 46), (5, 59), (6, 58), (8, 57), (10, 56), (11, 55)),  # t15 to t21
)


def helper_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (22, 2) the corners t0 to t21 that are no landmarks themselves.

    t0 to t6 lie above the brows; t7 to t21 halfway between two landmarks.

    Parameters
    ----------
    points
        (68, 2) landmarks.
    """
    up = np.array([0.0, LIFT * np.linalg.norm(points[36] - points[45])])
    t0, t1, t2, t4, t5, t6 = points[[17, 19, 21, 22, 24, 26]] - up
    middles = points[np.array(_MIDDLES)].mean(axis=1)
    return np.vstack([t0, t1, t2, (t2 + t4) / 2, t4, t5, t6, middles])


def region_corners(landmarks: NDArray[Any]) -> NDArray[np.float64]:
    """Return (36, 4, 2) the corners of each region, in order around it, in pixels (x, y).

    Parameters
    ----------
    landmarks
        (468, 2) points of the face mesh, or (68, 2) of the iBUG scheme, in pixels.

    Raises
    ------
    ShapeError
        If they are neither, or one that is used is NaN.
    """
    points = face_points(landmarks)
    corners: NDArray[np.float64] = np.vstack([points, helper_points(points)])[_CORNERS]
    return corners


def _row(corner: str) -> int:
    return 68 + int(corner[1:]) if corner.startswith("t") else int(corner)


_CORNERS = np.array([[_row(corner) for corner in region.corners.split()] for region in REGIONS])


def region_masks(landmarks: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (36, H, W) which pixels belong to each region: those whose centre lies inside of it.

    A centre on an edge belongs to one of the two sides only, so neighbours share no pixel.

    Parameters
    ----------
    landmarks
        (468, 2) points of the face mesh, or (68, 2) of the iBUG scheme, in pixels of the frame.
    shape
        Height and width of the frame; what lies outside of it is cut off.

    Raises
    ------
    ShapeError
        If the landmarks do not do, or more than :data:`MOST_EMPTY` regions have no pixel in the frame: a brow or the
        chin may be cut off, a face may not.
    """
    masks = np.zeros((len(REGIONS), *shape), dtype=np.bool_)
    _fill(region_corners(landmarks), masks)
    empty = np.flatnonzero(~masks.any(axis=(1, 2)))
    if len(empty) > MOST_EMPTY:
        raise ShapeError(
            f"{len(empty)} of its {len(REGIONS)} regions have no pixel in the frame of {shape[0]} x {shape[1]}: "
            f"{', '.join(str(index + 1) for index in empty)}",
            hint="Landmarks must be in pixels of these very frames, and the whole face in view and some 60 pixels wide",
        )
    return masks


@compiled
def _fill(corners: NDArray[np.float64], masks: NDArray[np.bool_]) -> None:
    """Mark what is inside: a pixel from which a ray to the right crosses the outline an odd number of times."""
    height, width = masks.shape[1:]
    for region in range(len(corners)):
        for y in range(height):
            for edge in range(4):
                x0, y0 = corners[region, edge]
                x1, y1 = corners[region, (edge + 1) % 4]
                if (y0 <= y) != (y1 <= y):
                    crossing = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
                    for x in range(min(max(int(np.ceil(crossing)), 0), width)):
                        masks[region, y, x] = not masks[region, y, x]
