"""A quick recogniser that fulfils the contract, one made of it, and clips for both."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dstan._random import child_seed
from dstan.clips import PreparedClip
from dstan.errors import FaceError
from dstan.fusion import FusionSettings
from dstan.recognizers import DSTANSettings, Inference, Recognizer

CLASSES = ("happiness", "disgust", "others")


def make_clips(subjects: int = 5, per_subject: int = 3, seed: int = 0, size: int = 4) -> list[PreparedClip]:
    """Flow whose strength tells the class, more or less; subjects s0, s1 ... hold the classes in turn."""
    rng = np.random.default_rng(seed)
    clips = []
    for subject in range(subjects):
        for number in range(per_subject):
            index = (subject + number) % len(CLASSES)
            flow = rng.normal(index, 1.0, (2, 2, size, size)).astype(np.float32)
            frames = rng.uniform(0, 255, (2, size, size)).astype(np.float32)
            clips.append(
                PreparedClip.from_arrays(
                    appearance=frames, flow=flow, label=CLASSES[index], subject=f"s{subject}", clip_id=f"c{number}"
                )
            )
    return clips


class Nearest(Recognizer):
    """The class whose mean flow is nearest, with a little of the seed's noise."""

    description = "a fake"

    def __init__(
        self,
        name: str = "nearest",
        *,
        noise: float = 0.1,
        sick: str = "",
        pause: float = 0.0,
        die: str = "",
        settings: DSTANSettings | None = None,
    ) -> None:
        self.noise, self.sick, self.pause, self.die = noise, sick, pause, die
        super().__init__(name, settings or DSTANSettings())

    @property
    def streams(self) -> tuple[Any, ...]:
        return ("flow",)

    def _fit(self, clips: Sequence[PreparedClip], labels: Any, classes: Any, *, seed: int, **_: Any) -> None:
        time.sleep(self.pause)
        if self.sick and self.sick not in {clip.clip.subject for clip in clips}:
            raise FaceError("this fold makes it sick", where=self.sick)
        if self.die and not Path(self.die).exists():
            Path(self.die).touch()
            os._exit(1)
        values = np.array([clip.flow.mean() for clip in clips if clip.flow is not None])
        noise = np.random.default_rng(child_seed(seed, "noise")).normal(0, self.noise, len(classes))
        means = [values[labels == i].mean() if (labels == i).any() else 1e3 for i in range(len(classes))]
        self.means = np.array(means, dtype=np.float64) + noise
        self.history_ = {"flow": [{"epoch": 1, "loss": 1.0, "accuracy": 0.5}]}

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        assert all(clip.label is None for clip in clips), "a label of the test part was shown"
        values = np.array([clip.flow.mean() for clip in clips if clip.flow is not None])
        weights = np.exp(-np.abs(values[:, None] - self.means[None]))
        probabilities = weights / weights.sum(1, keepdims=True)
        return Inference(probabilities.argmax(1), probabilities, {"flow": None})

    def _state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"means": self.means}, {}

    def _restore(self, arrays: Any, document: Any, classes: Any) -> None:
        self.means = arrays["means"]


class Joined(Nearest):
    """Takes over what its one component knows."""

    def components(self) -> tuple[Recognizer, ...]:
        return (Nearest("part", sick=self.sick),)

    def _fit(self, clips: Any, labels: Any, classes: Any, *, fitted: Any = None, **options: Any) -> None:
        assert fitted is not None, "the part was fitted twice"
        (part,) = fitted
        self.means = part.means
        self.history_ = dict(part.history_)


class Tunable(Nearest):
    """Sees the flow times its gain: at a gain of 0 it learns nothing, and beyond that every gain is as good."""

    def __init__(self, name: str = "tunable", **options: Any) -> None:
        super().__init__(name, noise=0.0, **options)

    def _louder(self, clips: Sequence[PreparedClip]) -> list[PreparedClip]:
        gain = np.float32(self.settings.gain)
        return [replace(clip, flow=clip.flow * gain) for clip in clips if clip.flow is not None]

    def _fit(self, clips: Sequence[PreparedClip], labels: Any, classes: Any, **options: Any) -> None:
        super()._fit(self._louder(clips), labels, classes, **options)

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        return super()._infer(self._louder(clips))


class TunableJoined(Tunable):
    """Takes over what its one component knows, whose settings are its own but for the fusion."""

    def components(self) -> tuple[Recognizer, ...]:
        return (Tunable("part", settings=replace(self.settings, fusion=FusionSettings())),)

    def _fit(self, clips: Any, labels: Any, classes: Any, *, fitted: Any = None, **options: Any) -> None:
        assert fitted is not None, "the part was fitted twice"
        time.sleep(self.pause)
        self.means = fitted[0].means
