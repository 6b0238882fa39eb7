"""Time: when expressions, lids, gaze, lips and the head move, and what flow sees of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float32
from torch import Generator, Tensor

from dstan.synthesis.motion.settings import MotionSettings

TO_APEX = (0.2, 0.65)
"""Where the apex lies between onset (0) and offset (1): from the earliest to the latest."""
REST = 0.3
"""Most that is left of an expression at its offset."""
LASTS = (0.5, 0.15, 0.9)
"""How long lids, gaze and lips take, the clip being 1."""

Times = Float32[Tensor, "n f"]


@dataclass(frozen=True)
class Course:
    """What moves when, in n clips; 0 is the onset and 1 the offset.

    Parameters
    ----------
    apex, sharpness, rest
        (n, 1) when expressions are strongest, the exponent of their rise, and what is left of them at the end.
    begin, lasting
        (n, 1, 3) when lids, gaze and lips move, and how long.
    drift
        (n, 1, 6) by how much each of six numbers of the head goes from onset to offset.
    sways, phases
        (n, 1, 6, 3) amplitude and phase of three slow sways.
    """

    apex: Float32[Tensor, "n 1"]
    sharpness: Float32[Tensor, "n 1"]
    rest: Float32[Tensor, "n 1"]
    begin: Float32[Tensor, "n 1 3"]
    lasting: Float32[Tensor, "n 1 3"]
    drift: Float32[Tensor, "n 1 6"]
    sways: Float32[Tensor, "n 1 6 3"]
    phases: Float32[Tensor, "n 1 6 3"]

    @classmethod
    def draw(cls, n: int, generator: Generator) -> Self:
        """Draw when things move.

        Parameters
        ----------
        n
            How many clips.
        generator
            On the CPU.
        """

        def uniform(*size: int) -> Tensor:  # numpydoc ignore=GL08
            return torch.rand(n, *size, generator=generator)

        def normal(*size: int) -> Tensor:  # numpydoc ignore=GL08
            return torch.randn(n, *size, generator=generator)

        low, high = TO_APEX
        heavy = torch.exp(0.6 * normal(1, 1))  # some hold still, some do not
        return cls(
            apex=low + (high - low) * uniform(1),
            sharpness=0.8 + 0.5 * uniform(1),
            rest=REST * uniform(1) * (uniform(1) < 0.5),
            begin=1.2 * uniform(1, 3) - 0.3,
            lasting=torch.tensor(LASTS) * (0.6 + 0.8 * uniform(1, 3)),
            drift=heavy * normal(1, 6),
            sways=0.3 * heavy[..., None] * normal(1, 6, 3),
            phases=uniform(1, 6, 3),
        )

    def times(self, steps: int, pairs: str, settings: MotionSettings, generator: Generator) -> Times:
        """Return when the frames are that flow is taken between.

        Parameters
        ----------
        steps, pairs
            As in a recipe. For "onset-apex" they are the onset and an apex that is missed a little.
        settings
            ``apex_error``.
        generator
            On the CPU.
        """
        if pairs != "onset-apex":
            return torch.linspace(0, 1, steps + 1).expand(len(self.apex), -1)
        missed = settings.apex_error * torch.randn(len(self.apex), 1, generator=generator) / 2
        return torch.cat([torch.zeros_like(self.apex), (self.apex * (1 + missed)).clamp(0.05, 1)], 1)

    def expression(self, times: Times) -> Float32[Tensor, "n f"]:
        """Return how much of the expression there is: a rise with minimum jerk to the apex, and a fall."""
        rise = _ease((times / self.apex).clamp(0, 1)) ** self.sharpness
        fall = 1 - (1 - self.rest) * _ease(((times - self.apex) / (1 - self.apex)).clamp(0, 1))
        return torch.where(times <= self.apex, rise, fall)

    def events(self, times: Times) -> Float32[Tensor, "n f 3"]:
        """Return how far lids, gaze and lips have moved; lids and lips come back."""
        since = (times[..., None] - self.begin) / self.lasting
        there = _ease(since.clamp(0, 1))
        back = 4 * there * (1 - there)
        return torch.where(torch.tensor([False, True, False]), there, back)

    def head(self, times: Times) -> Float32[Tensor, "n f 6"]:
        """Return six numbers of the head, each changing from onset to offset with a deviation of about 1.2.

        Clips differ: that is one in the middle, and over all it is 1.9.
        """
        rates = torch.tensor([0.5, 1.0, 2.0])
        waves = self.sways / rates * torch.sin(2 * math.pi * (rates * times[..., None, None] + self.phases))
        return times[..., None] * self.drift + waves.sum(-1)


def paired(frames: Float32[Tensor, "n f ..."], pairs: str) -> Float32[Tensor, "n t ..."]:
    """Turn displacements in f = t + 1 frames into what t fields of flow hold.

    Parameters
    ----------
    frames
        Displacement since some time, in each frame.
    pairs
        "adjacent" takes each frame from its neighbour; the others from the first.
    """
    return frames.diff(dim=1) if pairs == "adjacent" else frames[:, 1:] - frames[:, :1]


def _ease(t: Tensor) -> Tensor:
    return t**3 * (10 - 15 * t + 6 * t * t)
