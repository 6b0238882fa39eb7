"""Landmarks of a face in frames that were only resized: a corpus's own crops, or whole frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import Matrix
from dstan.clips import Clip
from dstan.errors import FaceError
from dstan.preprocessing.alignment import FIRST_FRAMES, first_face, transform, warp
from dstan.preprocessing.landmarks import Landmarks, LandmarkSource

LARGER = 2.0
"""How much frames are enlarged before a face is looked for; detectors are made for larger ones than crops are."""
MARGIN = 0.2
"""What is added on each side by repeating the border, as a fraction of the frame; a crop leaves none."""


def points_in_crop(
    frames: NDArray[np.float32], matrix: Matrix, clip: Clip, source: LandmarkSource, *, reads: bool
) -> tuple[NDArray[np.float32], int]:
    """Find or read the mesh of a clip's first frames, where they were resized by one matrix.

    A source that looks for the face sees the resized frames twice as large, in the proportions of the frames as they
    were read, and with a margin. A source that reads knows the places in the frames as they were read.

    Parameters
    ----------
    frames
        (n, H, W) grey, resized, in [0, 255].
    matrix
        (2, 3) from pixels of the frames as they were read to pixels of the resized ones, along the axes.
    clip
        The clip.
    source
        Who knows where the face is.
    reads
        Whether the source reads what it knows, and does not look at the frames.

    Returns
    -------
    (468, 2) float32 pixels of the resized frames, the median over the first ones, NaN where unknown; and how many
    faces were seen.

    Raises
    ------
    FaceError
        If there is no face, or it lies outside of the frames.
    """
    shape, first = (frames.shape[1], frames.shape[2]), frames[:FIRST_FRAMES]
    if reads:
        found = source.landmarks(clip, [_colour(frame) for frame in first])
        points = transform(first_face(found.points), matrix)
    else:
        enlarge, size = _enlarged(matrix, shape)
        found = _look(source, clip, [_colour(warp(frame, enlarge, size)) for frame in first])
        points = ((first_face(found.points) - enlarge[:, 2]) / np.diag(enlarge[:, :2])).astype(np.float32)
    _check_inside(points, shape, clip)
    return points, found.faces


def _enlarged(matrix: Matrix, shape: tuple[int, int]) -> tuple[Matrix, tuple[int, int]]:
    """Return the matrix from resized frames to enlarged ones with their margins, and the height and width of these."""
    stretched = np.abs(np.diag(matrix[:, :2]))
    across, down = LARGER * np.sqrt(stretched.prod()) / stretched
    height, width = shape[0] * down, shape[1] * across
    corner = np.array([MARGIN * width + (across - 1) / 2, MARGIN * height + (down - 1) / 2])
    size = round((1 + 2 * MARGIN) * height), round((1 + 2 * MARGIN) * width)
    return np.column_stack([np.diag([across, down]), corner]), size


def _look(source: LandmarkSource, clip: Clip, pictures: list[NDArray[np.uint8]]) -> Landmarks:
    try:
        return source.landmarks(clip, pictures)
    except FaceError as error:
        raise FaceError(
            f"{error.what}, and the recipe asks for points of the face (face_points)",
            where=clip,
            hint="The face should be upright, in view and at least a fifth as high as the frame; or bring points of "
            "your own: --set recipe.landmarks=file",
        ) from error


def _check_inside(points: NDArray[Any], shape: tuple[int, int], clip: Clip) -> None:
    """See that the middle of the face lies in the frame: points of a file may be those of other frames."""
    x, y = np.nanmedian(points, axis=0)
    if not (0 <= x < shape[1] and 0 <= y < shape[0]):
        raise FaceError(
            f"the face lies at ({x:.0f}, {y:.0f}), outside of frames resized to {shape[1]} x {shape[0]}",
            where=clip,
            hint="Landmarks must be in pixels of these very frames",
        )


def _colour(frame: NDArray[np.float32]) -> NDArray[np.uint8]:
    grey = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)
