"""Drawing one video to disk: its images, its crops, its truth."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan._random import child_seed
from dstan.arrays import Matrix
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.alignment import fit_first_frames, transform, warp
from dstan.synthesis.coding import motion_of
from dstan.synthesis.fields import Array
from dstan.synthesis.layouts import LAYOUTS, Crop, PlannedVideo
from dstan.synthesis.sensor import encode
from dstan.synthesis.timeline import Motion


@dataclass(frozen=True)
class Task:
    """One video to draw and where to."""

    out: Path
    corpus: str
    video: PlannedVideo
    size: tuple[int, int]
    seed: int
    cropped: bool

    def __str__(self) -> str:
        return f"{self.corpus}/{self.video.folder}"

    @property
    def truth(self) -> Path:
        """The file that is written last: where it is, the video is done."""
        return truth_file(self.out, self.video.folder)


def truth_file(out: Path, folder: str) -> Path:
    """Return where the truth of a folder of images lies."""
    return out / "truth" / "clips" / f"{folder}.safetensors"


def draw_video(task: Task) -> int:
    """Draw one video: its images, its crops if they are wanted, then its truth.

    Returns
    -------
    The number of images.
    """
    from dstan.synthesis.animation import Performance, portrait_of
    from dstan.synthesis.truth import true_landmarks, write_truth

    layout, video = LAYOUTS[task.corpus], task.video
    portrait = portrait_of(child_seed(task.seed, "person", task.corpus, video.subject), *task.size)
    motion = motion_of(layout, video, task.seed)
    performance = Performance(portrait, motion, child_seed(task.seed, "camera", video.subject, video.folder))
    landmarks = np.stack([true_landmarks(performance, frame) for frame in range(len(motion))])
    places = [_whole(task, len(motion))]
    if layout.crop is not None and task.cropped:
        places.append(_cropped(task, layout.crop, motion, landmarks))
    with ExitStack() as stack:
        folders = [stack.enter_context(_folder(task.out, place.folder)) for place in places]
        for index, frame in enumerate(performance.frames()):
            seen = opencv().cvtColor(frame, opencv().COLOR_RGB2GRAY) if layout.grey else frame
            for place, folder in zip(places, folders, strict=True):
                place.write(folder, index, seen, performance.sensor.quality)
    for place in places[1:]:
        _write_landmarks(truth_file(task.out, place.folder), place.seen(landmarks))
    write_truth(task.truth, performance, landmarks)
    return len(motion)


@dataclass(frozen=True)
class _Place:
    """A folder of images: the whole ones, or crops of ``shape`` by ``matrix``."""

    folder: str
    image: str
    first_frame: int
    frames: tuple[int, ...]
    matrix: Matrix | None = None
    shape: tuple[int, int] = (0, 0)

    def write(self, folder: Path, index: int, frame: NDArray[np.uint8], quality: int) -> None:
        """Write a frame if it belongs here."""
        if index not in self.frames:
            return
        name = self.image.format(self.first_frame + index)
        if self.matrix is not None:
            frame = np.rint(warp(frame, self.matrix, self.shape)).astype(np.uint8)
        (folder / name).write_bytes(encode(frame, Path(name).suffix, quality))

    def seen(self, landmarks: Array) -> Array:
        """Return the landmarks of the images that are here, in their own pixels."""
        here = landmarks[list(self.frames)]
        return here if self.matrix is None else transform(here, self.matrix)


def _whole(task: Task, frames: int) -> _Place:
    return _Place(task.video.folder, task.video.image, task.video.first_frame, tuple(range(frames)))


def _cropped(task: Task, crop: Crop, motion: Motion, landmarks: Array) -> _Place:
    """Place the crops by the landmarks of the first onset."""
    video, shape = task.video, crop.size[::-1]
    frames = tuple(frame for event in motion.events for frame in range(event.onset, event.offset + 1))
    matrix = fit_first_frames(landmarks[list(frames[:1])], shape)
    return _Place(crop.folder(video), crop.image(video), video.first_frame, frames, matrix, shape)


@contextmanager
def _folder(out: Path, name: str) -> Iterator[Path]:
    """Give a folder that takes the place of ``out / name`` when the block ends well."""
    target, unfinished = out / name, out / "truth" / "unfinished"
    unfinished.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.name}.", dir=unfinished) as temporary:
        images = Path(temporary) / target.name
        images.mkdir()
        yield images
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        images.rename(target)


def _write_landmarks(path: Path, landmarks: Array) -> None:
    from safetensors.numpy import save_file

    with _atomic.replacing(path) as temporary:
        save_file({"landmarks": landmarks}, temporary)
