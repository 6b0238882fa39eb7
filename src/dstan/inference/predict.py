"""What a trained model says of one video.

A micro-expression lasts at most half a second, so the frames chosen are taken as one clip: the path of evaluation,
``prepare_clip`` and then the recogniser, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan._progress import Progress, silent
from dstan.clips import Clip, PreparedClip
from dstan.errors import ClipError, ConfigError, FrameError
from dstan.inference.doubts import nothing_told, stillness
from dstan.inference.shipped import SHIPPED, SYNTHETIC_ONLY, has_seen_drawn_motion_only
from dstan.preprocessing.recipe import Recipe
from dstan.video import list_images, video_fps

if TYPE_CHECKING:
    from dstan.inference.spotting import Spotting, SpottingSettings
    from dstan.recognizers import Maker, Recognizer
    from dstan.recognizers.contract import StreamName

RUNTIMES = ("torch", "onnx")
"""What a model's networks run on."""
TOLD = 0.5
"""From which score on an action unit is told."""
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
        The class; None where the model abstains, for it is less sure than ``min_confidence`` asks for.
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
    min_confidence
        What was asked for, 0 to 1; None where a class is always named.

    Attributes
    ----------
    likeliest
        The class of the highest probability, which ``label`` is in all but rare cases (see ``warnings``).
    confidence
        Its probability.
    """

    path: Path
    label: str | None
    probabilities: dict[str, float]
    attention: dict[str, list[tuple[float, float]]]
    frames: int
    seconds: float | None
    warnings: tuple[str, ...] = ()
    units: dict[int, float] | None = None
    min_confidence: float | None = None
    likeliest: str = field(init=False)
    confidence: float = field(init=False)

    def __post_init__(self) -> None:
        likeliest = max(self.probabilities, key=self.probabilities.__getitem__)
        object.__setattr__(self, "likeliest", likeliest)
        object.__setattr__(self, "confidence", self.probabilities[likeliest])

    @property
    def units_told(self) -> list[tuple[int, float]]:
        """The action units that are told and their scores, the likeliest first."""
        told = [(unit, score) for unit, score in (self.units or {}).items() if score >= TOLD]
        return sorted(told, key=lambda item: -item[1])

    @property
    def verdict(self) -> str:
        """The class in words, or why none is named."""
        if self.label is not None:
            return self.label
        least = self.min_confidence or 0.0
        digits = next((n for n in (2, 3, 4) if round(self.confidence, n) != round(least, n)), 5)
        sure = f"undecided: the likeliest, {self.likeliest}, has {decimals(self.confidence, digits)}"
        below = self.confidence < least
        return f"{sure}, below {decimals(least, digits)}" if below else f"{sure}, and the vote is for another"


@dataclass(frozen=True, eq=False)
class Look:
    """A prediction and all that it was made from, for drawing.

    Parameters
    ----------
    clip
        Which frames of which video.
    prepared
        What the model saw of them.
    prediction
        What it says.
    maps
        For each stream with spatial attention the (T, h, w) weight, 0 to 1, of each position of each step. A map covers
        the whole of the prepared arrays, in fewer pixels; its steps are those of ``prepared``.
    recipe
        How the clip was prepared.
    """

    clip: Clip
    prepared: PreparedClip
    prediction: Prediction
    maps: Mapping[StreamName, NDArray[np.float32]]
    recipe: Recipe


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
        apex: int | None = None,
        offset: int | None = None,
        fps: float | None = None,
        min_confidence: float | None = None,
    ) -> Prediction:
        """Name the expression in a video file or image folder; see :func:`predict_video`."""
        look = self.look(path, onset=onset, apex=apex, offset=offset, fps=fps, min_confidence=min_confidence)
        return look.prediction

    def look(
        self,
        path: str | os.PathLike[str],
        *,
        onset: int | None = None,
        apex: int | None = None,
        offset: int | None = None,
        fps: float | None = None,
        min_confidence: float | None = None,
    ) -> Look:
        """Name the expression as :func:`predict_video` does, and keep what it was told by."""
        check_confidence(min_confidence)
        clip = _clip(Path(path), onset, apex, offset, fps)
        return _look(self.recognizer, clip, fps, min_confidence)

    def spot_video(
        self,
        path: str | os.PathLike[str],
        *,
        settings: SpottingSettings | None = None,
        fps: float | None = None,
        min_confidence: float | None = None,
        progress: Progress = silent,
    ) -> Spotting:
        """Find the micro-expressions in a video of any length and name them; see :func:`~.spotting.spot_video`."""
        from dstan.inference.spotting import spot_video

        return spot_video(path, self, settings=settings, fps=fps, min_confidence=min_confidence, progress=progress)


def load_model(
    folder: str | os.PathLike[str] | None = None, make: Maker | None = None, runtime: str = "torch"
) -> Model:
    """Read a model folder that ``dstan train`` or :func:`~dstan.recognizers.save_model` wrote.

    Parameters
    ----------
    folder
        The model's folder; the model that comes along if None, which has seen synthetic data only.
    make
        Makes a method that is in no registry: its class, or a function whose one argument is the settings.
    runtime
        "torch", or "onnx" for onnxruntime: through ``model.onnx`` in the folder, or else a file in the user's cache,
        which is made once (:func:`dstan.inference.export.export_onnx`).

    Raises
    ------
    ConfigError
        If there is no such runtime, or the method cannot be exported to ONNX.
    MissingDependencyError
        If a package of ``dstan[onnx]`` is missing.
    ModelError
        If it is damaged, incomplete or of another version; or its ONNX file is of another model.
    """
    from dstan.recognizers import load_model as load

    if runtime not in RUNTIMES:
        raise ConfigError(f"no runtime is called {runtime!r}", hint=f"Choose {' or '.join(RUNTIMES)}")
    place = SHIPPED if folder is None else Path(folder)
    recognizer = load(place, make)
    if runtime == "onnx":
        from dstan.inference.onnx_model import through_onnx

        recognizer = through_onnx(recognizer, place)
    return Model(recognizer)


def predict_video(
    model: Recognizer | Model,
    path: str | os.PathLike[str],
    *,
    onset: int | None = None,
    apex: int | None = None,
    offset: int | None = None,
    fps: float | None = None,
    min_confidence: float | None = None,
) -> Prediction:
    """Name the expression in a video file or image folder, taken as one clip.

    Parameters
    ----------
    model
        A fitted recogniser, or what :func:`load_model` returned.
    path
        A video file or a folder of images.
    onset, apex, offset
        First frame used, that of the strongest expression, and last frame used, counted from 0. None for the ends of
        the video, and for an apex that the recipe is to find.
    fps
        Frames per second of an image folder; a video file knows its own.
    min_confidence
        From 0 to 1: where even the likeliest class has a lower probability, no class is named. None names one always.

    Returns
    -------
    The class, the probabilities and, where the model has it, the attention over time.

    Raises
    ------
    ConfigError
        If ``min_confidence`` is not in [0, 1].
    FrameError
        If there is no such video, or a frame cannot be read.
    AnnotationRangeError
        If ``onset``, ``apex`` and ``offset`` do not fit the frames.
    FaceError
        If no face is found.
    NotFittedError
        If the recogniser was never fitted.
    """
    if not isinstance(model, Model):
        model = Model(model)
    return model.predict_video(path, onset=onset, apex=apex, offset=offset, fps=fps, min_confidence=min_confidence)


def _look(recognizer: Recognizer, clip: Clip, fps: float | None, min_confidence: float | None) -> Look:
    from dstan.preprocessing.pipeline import prepare_clip

    try:
        prepared = prepare_clip(clip, recognizer.recipe)
    except ClipError as error:  # who gave a file knows no clip
        error.where = str(clip.path) if error.where == str(clip) else error.where
        raise
    found = recognizer.infer([prepared])
    (details,) = recognizer.details(found)
    frames = int(prepared.done["frames"])
    rate = clip.fps if clip.files else video_fps(clip.path)
    seconds = frames / rate if rate else None
    ignored = () if fps is None or clip.files else ("a video file knows its own frame rate: --fps is ignored",)
    prediction = Prediction(
        path=clip.path,
        label=_told(details, min_confidence),
        probabilities=details["probabilities"],
        attention=_attention(details["attention"], prepared),
        frames=frames,
        seconds=seconds,
        warnings=(
            *((SYNTHETIC_ONLY,) if has_seen_drawn_motion_only(recognizer) else ()),
            *ignored,
            *_doubts(frames, seconds),
            *stillness(prepared, recognizer.recipe),
            *nothing_told(details["units"], TOLD),
            *_disagreement(details),
            *prepared.done["warnings"],
        ),
        units=details["units"],
        min_confidence=min_confidence,
    )
    maps = {stream: weights[0] for stream, weights in found.maps.items() if weights is not None}
    return Look(clip, prepared, prediction, maps, recognizer.recipe)


def check_confidence(least: float | None) -> None:
    """See that what is asked for is a probability, or nothing.

    Raises
    ------
    ConfigError
        If it is not.
    """
    if least is not None and not 0 <= least <= 1:
        raise ConfigError(f"min_confidence is {least}, not 0 to 1", hint="It is a probability: .6, for example")


def decimals(share: float, digits: int = 2) -> str:
    """Write a share as the field does: .48, and 1.00."""
    return f"{share:.{digits}f}".removeprefix("0")


def _told(details: Mapping[str, Any], least: float | None) -> str | None:
    """Return the class; None where it is less sure than was asked for, or vote and probabilities disagree."""
    label, probabilities = str(details["label"]), details["probabilities"]
    if least is None or probabilities[label] == max(probabilities.values()) >= least:
        return label
    return None


def _clip(path: Path, onset: int | None, apex: int | None, offset: int | None, fps: float | None) -> Clip:
    if not path.exists():
        raise FrameError("there is no such file or folder", where=path, hint="Give a video file or a folder of images")
    files = list_images(path) if path.is_dir() else ()
    rate = fps if files else None
    return Clip("video", "unknown", path.name, path, files, onset=onset, apex=apex, offset=offset, fps=rate)


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
