"""A user's own landmarks: one CSV file a clip, as OpenFace writes it or 68 points a line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan._foreign import is_plain_name, read_text
from dstan.clips import Clip
from dstan.errors import FaceError, FrameError
from dstan.preprocessing.landmarks import MESH_POINTS, MESH_TO_68, Landmarks, choose_face
from dstan.video import is_video

MOST_BYTES = 512 * 2**20
"""Of a file of landmarks: OpenFace writes six kilobytes a frame."""
_COLUMNS = (*(f"x_{k}" for k in range(68)), *(f"y_{k}" for k in range(68)))
_FORMS = (
    "It wants a header with frame, x_0 to x_67 and y_0 to y_67, as OpenFace writes it, or no header and on each "
    "line 136 numbers: x and y of point 0, of point 1, and so on"
)


class FileSource:
    """Landmarks that the user found by other means: 68 points a frame, in pixels.

    A clip's file is named after its folder of images or its video, with ``.csv`` at the end, and lies beside it; or,
    where a folder of files is given, in that folder or in the one there that has the subject's name.

    Parameters
    ----------
    folder
        The folder of files; None for beside the clips.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def landmarks(self, clip: Clip, frames: Sequence[NDArray[np.uint8]]) -> Landmarks:
        """Read the points of the frames from the clip's onset on; of several faces the largest is followed."""
        path, onset = landmark_file(clip, self.folder), clip.onset or 0
        faces: list[list[NDArray[np.float32]]] = [[] for _ in frames]
        for position, face in read_landmarks(path):
            if 0 <= position - onset < len(frames):
                faces[position - onset].append(face)
        points = np.full((len(frames), MESH_POINTS, 2), np.nan, dtype=np.float32)
        before = None
        for mine, seen in zip(points, faces, strict=True):
            if seen:
                before = choose_face(seen, before)
                mine[list(MESH_TO_68)] = before
        if before is None:
            raise FaceError(
                f"{path} holds no face in frames {onset} to {onset + len(frames) - 1}, counted from 0",
                where=clip,
                hint="Frames are counted as in the whole folder or video, the first being 1 in the column frame",
            )
        return Landmarks(points, max(map(len, faces)))


def landmark_file(clip: Clip, folder: Path | None = None) -> Path:
    """Return a clip's file of landmarks.

    Parameters
    ----------
    clip
        The clip.
    folder
        Where to look; beside the clip's images or video if None.

    Raises
    ------
    FaceError
        If there is none.
    """
    source = clip.path.absolute()
    name = f"{source.stem if is_video(source) else source.name}.csv"
    own = [folder / clip.subject] if folder is not None and is_plain_name(clip.subject) else []
    places = [source.parent] if folder is None else [*own, folder]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise FaceError(
        f"there is no file of landmarks {' nor '.join(str(place / name) for place in places)}",
        where=clip,
        hint="Name it after the folder of images or the video; recipe.landmark_folder says where such files are. "
        "Without one use --set recipe.landmarks=mediapipe",
    )


def read_landmarks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Read a file of landmarks.

    With a header it needs ``x_0`` to ``x_67`` and ``y_0`` to ``y_67``, in any order and spacing and among any others;
    ``frame`` counts from 1 (from 0 where it is ever 0), and rows whose ``success`` is 0 hold no face. Without a header,
    each line is the next frame, an empty one a frame without a face: x and y of point 0, of point 1, and so on,
    separated by commas, semicolons or spaces. Points that all coincide are no face.

    Parameters
    ----------
    path
        The file.

    Yields
    ------
    Positions of frames, counted from 0, and (68, 2) points in pixels; frames without a face are left out.

    Raises
    ------
    FrameError
        If the file cannot be read or understood; the message names the line.
    """
    try:
        lines = read_text(path, MOST_BYTES, "utf-8-sig").rstrip().splitlines()
        rows = [(number, _cells(line)) for number, line in enumerate(lines, start=1)]
    except (OSError, ValueError, csv.Error) as error:
        raise FrameError(f"cannot be read: {error}", where=path, hint="Restore the file") from error
    if not rows:
        raise FrameError("is empty", where=path, hint=_FORMS)
    names = [name.lower() for name in rows[0][1]]
    headed = any(name and name[0].isalpha() and name != "nan" for name in names)
    faces = _headed(path, names, [row for row in rows[1:] if row[1]]) if headed else _plain(path, rows)
    yield from ((position, face) for position, face in faces if np.isfinite(face).all() and _extent(face) > 0)


def _cells(line: str) -> list[str]:
    if not line.strip():
        return []
    separator = next((mark for mark in (",", ";", "\t") if mark in line), None)
    cells = next(csv.reader([line], delimiter=separator)) if separator else line.split()
    return [cell.strip() for cell in cells]


def _headed(path: Path, names: list[str], rows: list[tuple[int, list[str]]]) -> Iterator[tuple[int, Any]]:
    missing = [name for name in ("frame", *_COLUMNS) if name not in names]
    if missing:
        raise FrameError(f"has no column {missing[0]} ({len(missing)} are missing)", where=path, hint=_FORMS)
    at = [names.index(name) for name in _COLUMNS]
    frame, success = names.index("frame"), names.index("success") if "success" in names else None
    values = [(number, _numbers(path, number, row, len(names))) for number, row in rows]
    first = 0 if any(row[frame] == 0 for _, row in values) else 1
    for number, row in values:
        if not row[frame].is_integer():
            raise FrameError(f"line {number}: frame {row[frame]} is not a whole number", where=path, hint=_FORMS)
        if success is None or row[success] > 0:
            yield int(row[frame]) - first, np.array([row[k] for k in at], np.float32).reshape(2, 68).T


def _plain(path: Path, rows: list[tuple[int, list[str]]]) -> Iterator[tuple[int, Any]]:
    for position, (number, row) in enumerate(rows):
        if row:
            yield position, np.array(_numbers(path, number, row, 2 * 68), np.float32).reshape(68, 2)


def _numbers(path: Path, line: int, cells: list[str], wanted: int) -> list[float]:
    if len(cells) != wanted:
        raise FrameError(f"line {line} holds {len(cells)} values, not {wanted}", where=path, hint=_FORMS)
    try:
        return [float(cell) if cell else math.nan for cell in cells]
    except ValueError as error:
        raise FrameError(f"line {line}: {error}", where=path, hint=_FORMS) from error


def _extent(face: NDArray[np.float32]) -> float:
    """Return the area that a face takes; NaN where it is unknown."""
    return float(np.prod(np.ptp(face, axis=0)))
