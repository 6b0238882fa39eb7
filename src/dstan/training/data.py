"""What a fit learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from jaxtyping import Bool, Float16, Float32, Int64
from torch import Tensor

LARGEST = torch.finfo(torch.float16).max
"""The greatest value that an input may have: 65,504."""


@dataclass(frozen=True)
class TrainingData:
    """Everything that a fit learns from, in memory once.

    Parameters
    ----------
    inputs
        The clips as the network sees them, channels last, in half precision.
    labels
        The class of each clip, counted from 0.
    mirrored_signs
        What each channel is multiplied by when a clip is mirrored: -1 for motion to the right, 1 for anything else.
    places
        The position of each clip among all that were put side by side; parts of the data keep it.
    units
        Which action units each of those clips shows, by place; None where that is not learned.
    """

    inputs: Float16[Tensor, "n t h w c"]
    labels: Int64[Tensor, " n"]
    mirrored_signs: Float32[Tensor, " c"]
    places: Int64[Tensor, " n"]
    units: Bool[Tensor, "m units"] | None = None

    @classmethod
    def stack(
        cls, clips: Iterable[Float32[Tensor, "t c h w"]], labels: Int64[Tensor, " n"], mirrored_signs: Sequence[float]
    ) -> Self:
        """Put clips of one shape side by side, one after the other, so that all of them are never there twice.

        Parameters
        ----------
        clips
            As many as there are labels.
        labels, mirrored_signs
            As above.
        """
        inputs = torch.empty(0)
        for index, clip in enumerate(clips):
            if not index:
                t, c, h, w = clip.shape
                inputs = torch.empty(len(labels), t, h, w, c, dtype=torch.float16)
            inputs[index] = clip.movedim(1, -1)
        return cls(inputs, labels, torch.tensor(mirrored_signs), torch.arange(len(labels)))

    def __len__(self) -> int:
        return len(self.labels)

    def on(self, device: torch.device) -> Self:
        """Return the same on a device."""
        units = None if self.units is None else self.units.to(device)
        return replace(self._each(lambda tensor: tensor.to(device)), units=units)

    def of_epoch(self, epoch: int) -> TrainingData:
        """Return what is learned from in an epoch.

        Parameters
        ----------
        epoch
            Counted from 1.
        """
        return self

    def of(self, clips: Int64[Tensor, " m"]) -> Self:
        """Return some of the clips."""
        return self._each(lambda tensor: tensor[clips])

    def steps(self) -> Self:
        """Return every step of every clip as a clip of its own, clip after clip."""
        t = self.inputs.shape[1]
        labels = self.labels.repeat_interleave(t)
        places = (self.places[:, None] * t + torch.arange(t)).flatten()
        return replace(self, inputs=self.inputs.flatten(0, 1)[:, None], labels=labels, places=places)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        inputs, labels, places = (change(tensor) for tensor in (self.inputs, self.labels, self.places))
        return replace(self, inputs=inputs, labels=labels, places=places)


@dataclass(frozen=True)
class RenewedData(TrainingData):
    """Data of which each epoch sees others, never the same twice.

    Parameters
    ----------
    renew
        Given an epoch, counted from 1, returns what is learned from in it. What the object itself holds stands for all
        of them wherever the data is only measured.
    """

    renew: Callable[[int], TrainingData] = field(kw_only=True)

    def of_epoch(self, epoch: int) -> TrainingData:
        """Return what is learned from in an epoch.

        Parameters
        ----------
        epoch
            Counted from 1.
        """
        return self.renew(epoch).on(self.inputs.device)
