"""Dense face landmarks: who finds them, which are rigid, and which stand for the usual 68 points.

The 468 points are those of MediaPipe's face mesh. Coordinates are pixels (x, y) of the image, (0, 0) being the centre
of its first pixel. "Right" and "left" are the person's.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dstan._registry import look_up
from dstan.clips import Clip
from dstan.errors import FaceError, FrameError, MissingDependencyError

log = logging.getLogger(__name__)

MESH_POINTS = 468
MOST_FACES = 5
"""Faces that are looked for in a frame, so that the largest is among them."""


class StablePoint(NamedTuple):
    """A mesh point that an expression hardly moves.

    ``mesh`` is its index. ``x`` and ``y`` (down) are its place on an average face seen from the front at 80 cm, from
    the middle between the eye centres, in units of the distance between them; an eye's centre is halfway between its
    corners.
    """

    mesh: int
    name: str
    weight: float
    x: float
    y: float


STABLE: tuple[StablePoint, ...] = (
    StablePoint(33, "right eye, outer corner", 1.0, -0.7035, -0.006),
    StablePoint(133, "right eye, inner corner", 1.0, -0.2965, 0.006),
    StablePoint(362, "left eye, inner corner", 1.0, 0.2965, 0.006),
    StablePoint(263, "left eye, outer corner", 1.0, 0.7035, -0.006),
    StablePoint(168, "root of the nose, between the eyes", 1.0, 0.0, -0.105),
    StablePoint(6, "bridge of the nose, upper", 1.0, 0.0, 0.025),
    StablePoint(197, "bridge of the nose, middle", 1.0, 0.0, 0.148),
    StablePoint(195, "bridge of the nose, lower", 1.0, 0.0, 0.2595),
    StablePoint(127, "right temple, before the ear", 0.5, -1.146, 0.038),
    StablePoint(356, "left temple, before the ear", 0.5, 1.146, 0.038),
    StablePoint(162, "right temple, middle", 0.5, -1.133, -0.222),
    StablePoint(389, "left temple, middle", 0.5, 1.133, -0.222),
    StablePoint(21, "right temple, upper", 0.5, -1.076, -0.427),
    StablePoint(251, "left temple, upper", 0.5, 1.076, -0.427),
    StablePoint(67, "forehead, right of the middle", 0.5, -0.561, -0.8565),
    StablePoint(10, "forehead, middle", 0.5, 0.0, -0.906),
    StablePoint(297, "forehead, left of the middle", 0.5, 0.561, -0.8565),
)
"""The points that alignment is fitted on; no brow, lid, mouth or jaw is among them."""

STABLE_POINTS: tuple[int, ...] = tuple(point.mesh for point in STABLE)

MESH_TO_68: tuple[int, ...] = (
    *(127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356),  # 0-16 jaw, right to left
    *(70, 63, 105, 66, 107),  # 17-21 right brow
    *(336, 296, 334, 293, 300),  # 22-26 left brow
    *(168, 197, 195, 4),  # 27-30 bridge to tip of the nose
    *(98, 97, 2, 326, 327),  # 31-35 base of the nose
    *(33, 160, 158, 133, 153, 144),  # 36-41 right eye
    *(362, 385, 387, 263, 373, 380),  # 42-47 left eye
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # 48-59 outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # 60-67 inner lips
)
"""For each of the 68 points of the iBUG scheme, counted from 0, the mesh point nearest to it."""


@dataclass(frozen=True)
class Landmarks:
    """What was found: ``points`` (n, 468, 2) float32 pixels, NaN where unknown, and how many ``faces`` were seen."""

    points: NDArray[np.float32]
    faces: int


class LandmarkSource(Protocol):
    """Whoever knows where a face is."""

    def landmarks(self, clip: Clip, frames: Sequence[NDArray[np.uint8]]) -> Landmarks:
        """Find the mesh in the first frames of a clip.

        Parameters
        ----------
        clip
            The clip, for messages and for what is written beside it.
        frames
            (H, W, 3) RGB, in order, from the clip's onset on.

        Raises
        ------
        FaceError
            If no face is known in any of the frames.
        """


class MediapipeSource:
    """MediaPipe's face mesh in video mode, one instance per clip; of several faces the largest is followed."""

    def landmarks(self, clip: Clip, frames: Sequence[NDArray[np.uint8]]) -> Landmarks:
        """Find the mesh in each frame, by tracking from the one before."""
        points = np.full((len(frames), MESH_POINTS, 2), np.nan, dtype=np.float32)
        most, before = 0, None
        with quiet(), face_mesh()(static_image_mode=False, max_num_faces=MOST_FACES, refine_landmarks=False) as mesh:
            for index, frame in enumerate(frames):
                found = mesh.process(np.ascontiguousarray(frame)).multi_face_landmarks or ()
                faces = [mesh_pixels(face, frame.shape) for face in found]
                most = max(most, len(faces))
                if faces:
                    before = choose_face(faces, before)
                    points[index] = before
        if most == 0:
            raise FaceError(
                f"no face was found in its first {len(frames)} frames",
                where=clip,
                hint="The face should be upright, in view and at least a fifth as high as the frame; crop closer. "
                "Frames that are faces already need recipe.alignment=none in the recipe that they are prepared by",
            )
        if most > 1:
            log.warning("%s: %d faces in view, the largest is used", clip, most)
        return Landmarks(points, most)


class TruthSource:
    """The landmarks that synthesis wrote beside its corpus, under ``truth/``."""

    def landmarks(self, clip: Clip, frames: Sequence[NDArray[np.uint8]]) -> Landmarks:
        """Read the mesh of the frames from the clip's onset on."""
        from safetensors import SafetensorError, safe_open

        path = truth_path(clip)
        try:
            with safe_open(path, framework="numpy") as file:
                known = np.asarray(file.get_tensor("landmarks"), dtype=np.float32)
        except (OSError, SafetensorError) as error:
            raise FrameError(f"damaged truth: {error}", where=path, hint="Draw the corpus again") from error
        onset = clip.onset or 0
        points = known[onset : onset + len(frames)]
        if len(points) < len(frames) or np.isnan(points).all():
            raise FaceError(f"the truth holds no landmarks for frames {onset} on", where=clip)
        return Landmarks(points, 1)


def truth_path(clip: Clip) -> Path:
    """Return where synthesis wrote the truth of a clip: ``P/truth/clips/X.safetensors`` for images in ``P/X``.

    Raises
    ------
    FaceError
        If no folder above the clip's images holds it.
    """
    images = clip.path.absolute()
    for folder in images.parents:
        path = folder / "truth" / "clips" / f"{images.relative_to(folder)}.safetensors"
        if path.is_file():
            return path
    raise FaceError(
        f"no folder above {clip.path} holds its truth (truth/clips/.../{images.name}.safetensors)",
        where=clip,
        hint="Only synthetic corpora carry it; for real faces use --set recipe.landmarks=mediapipe",
    )


def _cascade(folder: Path | None) -> LandmarkSource:
    from dstan.preprocessing.cascade import CascadeSource

    return CascadeSource()


def _file(folder: Path | None) -> LandmarkSource:
    from dstan.preprocessing.landmark_files import FileSource

    return FileSource(folder)


SOURCES: dict[str, Callable[[Path | None], LandmarkSource]] = {
    "mediapipe": lambda folder: MediapipeSource(),
    "file": _file,
    "cascade": _cascade,
    "truth": lambda folder: TruthSource(),
}
"""Every source by its name, made from the folder of the user's own files."""


def landmark_source(name: str, folder: Path | None = None) -> LandmarkSource:
    """Return a source of landmarks by name.

    Parameters
    ----------
    name
        ``mediapipe`` finds them in the frames, ``cascade`` only a box there; ``file`` reads the user's own, ``truth``
        what synthesis wrote.
    folder
        Of the user's own files; beside the clips if None.

    Raises
    ------
    UnknownNameError
        If there is no such source.
    """
    return look_up("landmark source", name, SOURCES)(folder)


def face_mesh() -> Any:
    """Return MediaPipe's class of face meshes.

    Raises
    ------
    MissingDependencyError
        If MediaPipe cannot be imported.
    """
    try:
        from mediapipe.python.solutions.face_mesh import FaceMesh
    except ImportError as error:
        raise MissingDependencyError(
            f"MediaPipe cannot be imported: {error}",
            hint="pip install mediapipe==0.10.21, or use --set recipe.alignment=none where no points are asked for "
            "(recipe.face_points), or, for a synthetic corpus, --set recipe.landmarks=truth",
        ) from error
    return FaceMesh


def mesh_pixels(face: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the (468, 2) points of a face that MediaPipe found, in pixels of a picture of a height and width."""
    unit = np.array([(point.x, point.y) for point in face.landmark])
    return (unit * (shape[1], shape[0]) - 0.5).astype(np.float32)


def choose_face(faces: Sequence[NDArray[np.float32]], before: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Take the largest of several faces, or later the one nearest to where it was.

    Parameters
    ----------
    faces
        (n, 2) points of each, at least one face.
    before
        The points of the face in an earlier frame; None in the first.
    """
    if before is None:
        return max(faces, key=lambda points: float(np.prod(np.ptp(points, axis=0))))
    return min(faces, key=lambda points: float(np.linalg.norm(points.mean(axis=0) - before.mean(axis=0))))


_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what MediaPipe's C++ parts write on standard error from the terminal; no setting of theirs does."""
    with _ONE_AT_A_TIME:
        sys.stderr.flush()
        saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(nowhere)
