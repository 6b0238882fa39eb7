"""Who is in view: the mesh of one face, looked for some times a second in small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.landmarks import MOST_FACES, STABLE_POINTS, choose_face, face_mesh, mesh_pixels, quiet

LONGEST_SIDE = 720
"""Pixels of the longer side of the picture in which faces are looked for."""
FARTHEST, LARGEST = 0.75, 1.5
"""A face that is farther than this from where it was, in its own widths, or larger by this factor, is another."""

Points = NDArray[np.float32]


class Watcher:
    """Finds one face after another, staying with one as long as it is there.

    Parameters
    ----------
    mesh
        MediaPipe's face mesh in video mode.
    """

    def __init__(self, mesh: Any) -> None:
        self._mesh = mesh
        self.most = 0
        """Most faces that were seen at once."""

    def look(self, picture: NDArray[np.uint8], before: Points | None) -> Points | None:
        """Return the (468, 2) points of the face in pixels of the picture, None where it is not.

        Parameters
        ----------
        picture
            (H, W) grey.
        before
            Where the face was; None to take the largest.
        """
        small, scale = _reduced(picture)
        faces = [(points + 0.5) / scale - 0.5 for points in self._process(small)]
        self.most = max(self.most, len(faces))
        if not faces:
            return None
        face = choose_face(faces, before)
        return face if before is None or is_same(face, before) else None

    def _process(self, small: NDArray[np.uint8]) -> list[Points]:
        side = max(small.shape)
        square = np.zeros((side, side, 3), np.uint8)  # MediaPipe places turned faces rightly in square pictures only
        square[: small.shape[0], : small.shape[1]] = small[..., None]
        with nullcontext() if self.most else quiet():  # the first face that it sees makes it write a warning
            found = self._mesh.process(square).multi_face_landmarks or ()
        return [mesh_pixels(face, square.shape) for face in found]


@contextmanager
def watching() -> Iterator[Watcher]:
    """Hold MediaPipe's face mesh.

    Raises
    ------
    MissingDependencyError
        If MediaPipe cannot be imported.
    """
    make = face_mesh()
    with quiet():  # the networks are loaded by the first look, and say so
        mesh = make(static_image_mode=False, max_num_faces=MOST_FACES, refine_landmarks=False)
        mesh.process(np.zeros((64, 64, 3), np.uint8))
    try:
        yield Watcher(mesh)
    finally:
        mesh.close()


def is_same(face: Points, before: Points) -> bool:
    """Tell whether a face lies where another was, and is about as large."""
    width, moved = _width(before), np.linalg.norm(_middle(face) - _middle(before))
    larger = _width(face) / max(width, 1e-6)
    return bool(moved < FARTHEST * width and 1 / LARGEST < larger < LARGEST)


def _middle(face: Points) -> NDArray[np.float32]:
    return np.asarray(face[list(STABLE_POINTS)].mean(axis=0))


def _width(face: Points) -> float:
    return float(np.linalg.norm(face[356] - face[127]))


def _reduced(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Return the picture no larger than :data:`LONGEST_SIDE`, and by how much it was reduced."""
    scale = LONGEST_SIDE / max(picture.shape)
    if scale >= 1:
        return picture, 1.0
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return np.asarray(opencv().resize(picture, size, interpolation=opencv().INTER_AREA)), scale
