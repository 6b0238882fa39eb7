"""Hair and glasses: they hide skin, and an estimator follows them in place of the face."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float32
from torch import Generator, Tensor

from dstan.synthesis.motion.pushes import Crop
from dstan.synthesis.motion.settings import MotionSettings

SPOTS = 4
"""Most outliers of a clip."""
OUTLIER = 0.6
"""Deviation of an outlier's length, pixels of the 224 x 224 crop."""
LENS = (0.5, 0.05, 0.36, 0.28)
"""A lens: how far from the middle and how far down it lies, half its width and height, face units."""


@dataclass(frozen=True)
class Occlusion:
    """What hides faces.

    Parameters
    ----------
    hidden
        (n, h, w) how far the skin's own motion is hidden, 0 to 1.
    dark
        (n, h, w) how dark what hides it is, 0 to 1.
    outliers
        (n, 2, h, w) motion that is none, pixels of the crop.
    """

    hidden: Float32[Tensor, "n h w"]
    dark: Float32[Tensor, "n h w"]
    outliers: Float32[Tensor, "n 2 h w"]

    @classmethod
    def draw(cls, crop: Crop, settings: MotionSettings, generator: Generator) -> Self:
        """Draw hair that falls over the forehead, glasses, and spots at the edges of both.

        Parameters
        ----------
        crop
            Where the pixels lie.
        settings
            ``hair`` and ``glasses``.
        generator
            On the CPU.
        """
        n, device = len(crop.x), crop.x.device
        x, y = crop.places()

        def some(low: float, high: float) -> Tensor:
            return (low + (high - low) * torch.rand(n, 1, 1, generator=generator)).to(device)

        has_hair, has_glasses = (some(0, 1) < settings.hair).float(), (some(0, 1) < settings.glasses).float()
        line, strands = some(-1.0, -0.6), some(0.15, 0.4)
        fringe = line + 0.06 * torch.sin(x / strands * 2 * math.pi)
        hair = torch.sigmoid((fringe - y) / 0.03) * has_hair
        away, low, wide, tall = LENS
        round_lens = torch.sqrt(((x.abs() - away) / wide).square() + ((y - low) / tall).square())
        rim = torch.exp(-0.5 * ((round_lens - 1) / 0.08).square()) * has_glasses
        hidden = torch.maximum(hair, rim)
        dark = torch.maximum(some(0.2, 0.9) * hair, some(0.1, 0.8) * rim)
        outliers = torch.zeros(n, 2, *crop.shape, device=device)
        for _ in range(SPOTS):
            around = some(0, 2 * math.pi)
            on_rim = has_glasses * (some(0, 1) < 0.5).float()
            side = some(-1.1, 1.1)
            at_x = on_rim * (away * side.sign() + wide * torch.cos(around)) + (1 - on_rim) * side
            at_y = on_rim * (low + tall * torch.sin(around)) + (1 - on_rim) * line
            spot = torch.exp(-0.5 * ((x - at_x).square() + (y - at_y).square()) / some(0.05, 0.17).square())
            arrow = OUTLIER * crop.pixels * torch.randn(n, 2, 1, 1, generator=generator).to(device)
            outliers += arrow * (spot * torch.maximum(has_hair, on_rim))[:, None]
        return cls(hidden, dark, outliers)

    def on(self, pictures: Float32[Tensor, "n f h w"]) -> Float32[Tensor, "n f h w"]:
        """Return pictures of faces with what hides them."""
        return pictures * (1 - self.dark)[:, None]

    def of(self, motion: Float32[Tensor, "n t 2 h w"]) -> Float32[Tensor, "n t 2 h w"]:
        """Return the motion of what is seen: hidden skin does not move."""
        return motion * (1 - self.hidden)[:, None, None]
