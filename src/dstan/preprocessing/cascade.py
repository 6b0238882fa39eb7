"""A box around the face, by OpenCV's cascade: a coarse stand-in for landmarks where it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.clips import Clip
from dstan.errors import FaceError, MissingDependencyError
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.landmarks import MESH_POINTS, STABLE, STABLE_POINTS, Landmarks, choose_face

log = logging.getLogger(__name__)

MODEL = "haarcascade_frontalface_default.xml"
EYES_X, EYES_Y, EYES_APART = 0.5, 0.41, 0.40
"""Where the middle between the eyes lies in a box, and how far they are apart, in sides of the box."""
_SMALLEST = 0.15


class CascadeSource:
    """OpenCV's cascade of Haar features [1]_: an upright, frontal face is where its box says, to some hundredths.

    Only the points of ``STABLE`` are filled, each where an average face has it in the box; of several the largest
    box is used. The face's tilt is not found, and the box wanders by a few pixels from frame to frame.

    References
    ----------
    .. [1] P. Viola, M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001.
    """

    def landmarks(self, clip: Clip, frames: Sequence[NDArray[np.uint8]]) -> Landmarks:
        """Find the box in each frame."""
        cv2, cascade = opencv(), _cascade()
        points = np.full((len(frames), MESH_POINTS, 2), np.nan, dtype=np.float32)
        most, before = 0, None
        for index, frame in enumerate(frames):
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            side = round(_SMALLEST * min(grey.shape))
            boxes = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=6, minSize=(side, side))
            most = max(most, len(boxes))
            if len(boxes):
                before = choose_face([points_in_box(box) for box in boxes], before)
                points[index, list(STABLE_POINTS)] = before
        if most == 0:
            raise FaceError(
                f"the cascade found no face in its first {len(frames)} frames",
                where=clip,
                hint="It knows upright, frontal faces only; --set recipe.landmarks=mediapipe finds more",
            )
        if most > 1:
            log.warning("%s: %d faces in view, the largest is used", clip, most)
        return Landmarks(points, most)


def points_in_box(box: Sequence[float]) -> NDArray[np.float32]:
    """Return where an average face has the points of ``STABLE``, (n, 2) pixels, in a box of x, y, width and height."""
    x, y, width, height = (float(value) for value in box)
    middle = np.array([x + EYES_X * width, y + EYES_Y * height]) - 0.5
    return (middle + EYES_APART * width * np.array([(point.x, point.y) for point in STABLE])).astype(np.float32)


def _cascade() -> Any:
    cv2 = opencv()
    path = Path(cv2.data.haarcascades) / MODEL
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise MissingDependencyError(
            f"OpenCV's cascade {path} cannot be read",
            hint="pip install opencv-contrib-python==4.11.0.86, or use --set recipe.landmarks=mediapipe",
        )
    return cascade
