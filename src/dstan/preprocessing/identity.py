"""What tells the frames of one clip from any others, without opening them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dstan.clips import Clip
from dstan.config import digest_of
from dstan.errors import FrameError
from dstan.preprocessing.landmark_files import landmark_file
from dstan.preprocessing.landmarks import truth_path
from dstan.preprocessing.recipe import FITTED, READ, Recipe
from dstan.video import check_range, list_images


def identity_of(clip: Clip) -> list[Any]:
    """Return what tells one stretch of frames from any other: path, annotation, and each file's size and time.

    Raises
    ------
    ClipError
        If a frame is missing, or the annotation does not fit the frames.
    """
    check_range(clip)
    about = [str(clip.path.absolute()), clip.onset, clip.offset, clip.fps, clip.cropped]
    if not clip.files and not clip.path.is_dir():
        return [*about, _stamp(clip, clip.path)]
    files = clip.files or list_images(clip.path)
    stop = len(files) if clip.offset is None else clip.offset + 1
    return [*about, [[name, *_stamp(clip, clip.path / name)] for name in files[clip.onset or 0 : stop]]]


def identity_of_truth(clip: Clip, recipe: Recipe, stage: str) -> list[Any]:
    """Return what tells the landmarks that a stage reads from a file from others: the user's, or synthesis's.

    Parameters
    ----------
    clip, recipe
        The clip and its recipe.
    stage
        ``aligned`` reads them where the face is fitted to the template, ``prepared`` also where points are asked for.
    """
    fitted = recipe.alignment in FITTED and not clip.cropped
    if recipe.landmarks not in READ or not (fitted or (recipe.face_points and stage == "prepared")):
        return []
    if recipe.landmarks == "truth":
        return _stamp(clip, truth_path(clip))
    path = landmark_file(clip, Path(recipe.landmark_folder) if recipe.landmark_folder else None)
    return [str(path), *_stamp(clip, path)]


def owner_of(clip: Clip) -> str:
    """Return 16 digits for the folder or the video that a clip's frames lie in."""
    return digest_of(str(clip.path.absolute()))


def _stamp(clip: Clip, path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise FrameError(f"{path} cannot be read: {error.strerror}", where=clip, hint="Restore the file") from error
    return [status.st_size, status.st_mtime_ns]
