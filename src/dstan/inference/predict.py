"""What a trained model says of one video.

A micro-expression lasts at most half a second, so the frames chosen are taken as one clip: the path of evaluation,
``prepare_clip`` and then the recogniser, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan.clips import Clip, PreparedClip
from dstan.errors import FrameError
from dstan.inference.shipped import SHIPPED, SYNTHETIC_ONLY, has_seen_drawn_motion_only
from dstan.video import list_images, video_fps

if TYPE_CHECKING:
    from dstan.recognizers import Maker, Recognizer

LONGEST_CLIP = 1.0
"""Seconds; twice the longest micro-expression. What is longer is answered with a warning."""


@dataclass(frozen=True)
class Prediction:
    """What a model says of one clip.

    Parameters
    ----------
    path
        The video file or image folder.
    label
        The class.
    probabilities
        Of every class, in the model's order; they sum to 1.
    attention
        For each stream with temporal attention, ``(seconds, weight)`` of every step.
    frames
        Frames that were used.
    seconds
        How long they last; None where the frame rate is unknown.
    warnings
        What to know before believing it.
    units
        The score of each action unit, 0 to 1, by its number: from .5 on it is told. Rare units were weighed up when
        they were taught, so it is no probability. None where the model was not taught them.
    """

    path: Path
    label: str
    probabilities: dict[str, float]
    attention: dict[str, list[tuple[float, float]]]
    frames: int
    seconds: float | None
    warnings: tuple[str, ...] = ()
    units: dict[int, float] | None = None


@dataclass(frozen=True)
class Model:
    """A trained recogniser that also takes video.

    Parameters
    ----------
    recognizer
        The fitted recogniser; its ``settings.recipe`` says how video is prepared.
    """

    recognizer: Recognizer

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it knows, in the order of the probabilities."""
        return self.recognizer.classes_

    def predict(self, clips: Sequence[PreparedClip]) -> list[str]:
        """Name the class of prepared clips."""
        return list(self.recognizer.predict(clips))

    def predict_proba(self, clips: Sequence[PreparedClip]) -> NDArray[np.float64]:
        """Return (n, K) probabilities of prepared clips; every row sums to 1."""
        return self.recognizer.predict_proba(clips)

    def predict_video(
        self,
        path: str | os.PathLike[str],
        *,
        onset: int | None = None,
        offset: int | None = None,
        fps: float | None = None,
    ) -> Prediction:
        """Name the expression in a video file or image folder; see :func:`predict_video`."""
        return predict_video(self.recognizer, path, onset=onset, offset=offset, fps=fps)


def load_model(folder: str | os.PathLike[str] | None = None, make: Maker | None = None) -> Model:
    """Read a model folder that ``dstan train`` or :func:`~dstan.recognizers.save_model` wrote.

    Parameters
    ----------
    folder
        The model's folder; the model that comes along if None, which has seen synthetic data only.
    make
        Makes a method that is in no registry: its class, or a function whose one argument is the settings.

    Raises
    ------
    ModelError
        If it is damaged, incomplete or of another version.
    """
    from dstan.recognizers import load_model as load

    return Model(load(SHIPPED if folder is None else Path(folder), make))


def predict_video(
    model: Recognizer | Model,
    path: str | os.PathLike[str],
    *,
    onset: int | None = None,
    offset: int | None = None,
    fps: float | None = None,
) -> Prediction:
    """Name the expression in a video file or image folder, taken as one clip.

    Parameters
    ----------
    model
        A fitted recogniser, or what :func:`load_model` returned.
    path
        A video file or a folder of images.
    onset, offset
        First and last frame used, counted from 0, inclusive; None for the ends.
    fps
        Frames per second of an image folder; a video file knows its own.

    Returns
    -------
    The class, the probabilities and, where the model has it, the attention over time.

    Raises
    ------
    FrameError
        If there is no such video, or a frame cannot be read.
    AnnotationRangeError
        If ``onset`` and ``offset`` do not fit the frames.
    FaceError
        If no face is found.
    NotFittedError
        If the recogniser was never fitted.
    """
    from dstan.preprocessing.pipeline import prepare_clip

    recognizer = model.recognizer if isinstance(model, Model) else model
    clip = _clip(Path(path), onset, offset, fps)
    prepared = prepare_clip(clip, recognizer.recipe)
    (details,) = recognizer.predict_details([prepared])
    frames = int(prepared.done["frames"])
    rate = clip.fps if clip.files else video_fps(clip.path)
    seconds = frames / rate if rate else None
    ignored = () if fps is None or clip.files else ("a video file knows its own frame rate: --fps is ignored",)
    return Prediction(
        path=clip.path,
        label=details["label"],
        probabilities=details["probabilities"],
        attention=_attention(details["attention"], prepared),
        frames=frames,
        seconds=seconds,
        warnings=(
            *((SYNTHETIC_ONLY,) if has_seen_drawn_motion_only(recognizer) else ()),
            *ignored,
            *_doubts(frames, seconds),
            *_disagreement(details),
            *prepared.done["warnings"],
        ),
        units=details["units"],
    )


def _clip(path: Path, onset: int | None, offset: int | None, fps: float | None) -> Clip:
    if not path.exists():
        raise FrameError("there is no such file or folder", where=path, hint="Give a video file or a folder of images")
    files = list_images(path) if path.is_dir() else ()
    return Clip("video", "unknown", path.name, path, files, onset=onset, offset=offset, fps=fps if files else None)


def _doubts(frames: int, seconds: float | None) -> tuple[str, ...]:
    if seconds is None:
        return ("the frame rate is unknown, so there are no times: give --fps",)
    if seconds > LONGEST_CLIP:
        return (
            f"{seconds:.1f} s ({frames} frames) were taken as one clip, but a micro-expression lasts at most half a "
            "second: choose its frames with --onset and --offset",
        )
    return ()


def _disagreement(details: Mapping[str, Any]) -> tuple[str, ...]:
    """Tell when an SVM's vote, which names the class, and its margins, which make the probabilities, differ."""
    label, probabilities = details["label"], details["probabilities"]
    likeliest = max(probabilities, key=probabilities.__getitem__)
    if likeliest == label:
        return ()
    return (f"the vote names {label}, but {likeliest} has the highest probability: take it as undecided",)


def _attention(
    weights: Mapping[str, Sequence[float] | None], prepared: PreparedClip
) -> dict[str, list[tuple[float, float]]]:
    times = {"appearance": prepared.appearance_times, "flow": prepared.flow_times}
    found = {}
    for stream, values in weights.items():
        if values is not None:
            seconds = times[stream]
            known = np.full(len(values), np.nan) if seconds is None else seconds
            found[stream] = [(float(time), float(weight)) for time, weight in zip(known, values, strict=True)]
    return found
