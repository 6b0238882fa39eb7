"""Drawn people at rest as an aligned crop shows them: what an estimator of flow has to go by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from dstan._random import child_seed
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.alignment import warp
from dstan.preprocessing.template import eye_centres, eye_distance
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.identity import Identity, draw_identity
from dstan.synthesis.motion.pushes import Crop
from dstan.synthesis.portrait import Placement, draw_portrait

MARGIN = 0.2
"""How much wider than the crop a picture is on each side, as a share of it: faces lie in different places."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Pictures of people, wider than their crops.

    Parameters
    ----------
    pictures
        (m, h, w) grey in [0, 255], of the crop's resolution.
    shape
        Height and width of the crop.
    """

    pictures: Float32[Tensor, "m h w"]
    shape: tuple[int, int]

    @classmethod
    def draw(cls, m: int, shape: tuple[int, int], seed: int) -> Faces:
        """Draw people.

        Parameters
        ----------
        m
            How many.
        shape
            Height and width of the crop.
        seed
            The same seed draws the same people.
        """
        wide, tall = _portrait_size(shape)
        margins = np.array([round(MARGIN * side) for side in shape])
        centre = eye_centres(shape).mean(0) + margins[::-1]
        place = Placement.in_image(wide, tall)
        scale = eye_distance(shape) / place.scale
        matrix = np.array([[scale, 0, centre[0] - scale * place.x], [0, scale, centre[1] - scale * place.y]])
        size = (shape[0] + 2 * int(margins[0]), shape[1] + 2 * int(margins[1]))
        pictures = [
            warp(_grey(draw_identity(child_seed(seed, "person", number)), wide, tall), matrix, size)
            for number in range(m)
        ]
        return cls(torch.from_numpy(np.stack(pictures)), shape)

    def choose(self, crop: Crop, generator: Generator) -> Float32[Tensor, "n h w"]:
        """Return a picture drawn by lot for each crop, with a contrast of its own; half of them are mirrored.

        Parameters
        ----------
        crop
            Where faces lie.
        generator
            On the CPU.
        """
        n, device = len(crop.x), crop.x.device
        who = torch.randint(len(self.pictures), (n,), generator=generator)
        flipped = torch.rand(n, 1, 1, generator=generator) < 0.5
        contrast = (0.6 + 0.6 * torch.rand(n, 1, 1, generator=generator)).to(device)
        pictures = self.pictures[who]
        pictures = torch.where(flipped, pictures.flip(2), pictures).to(device)
        return pictures * contrast

    def seen(
        self, pictures: Float32[Tensor, "n h w"], crop: Crop, moved: Float32[Tensor, "n f 2 h w"]
    ) -> Float32[Tensor, "n f h w"]:
        """Return what is seen in the crop when the face has moved; each frame is interpolated once.

        Parameters
        ----------
        pictures
            What :meth:`choose` returned.
        crop
            Where faces lie.
        moved
            Displacement in pixels of the crop.
        """
        (x, y), (u, v) = crop.places, moved.unbind(2)
        cos, sin = (part[:, None, None, None] / crop.scale[:, None, None, None] for part in _cos_sin(crop.turn))
        unit, centre = eye_distance(self.shape), eye_centres(self.shape).mean(0)
        high, wide = pictures.shape[1:]
        columns = (x * unit)[:, None] + float(centre[0]) + (wide - self.shape[1]) / 2 - (cos * u + sin * v)
        rows = (y * unit)[:, None] + float(centre[1]) + (high - self.shape[0]) / 2 - (cos * v - sin * u)
        grid = torch.stack([2 * (columns + 0.5) / wide - 1, 2 * (rows + 0.5) / high - 1], -1)
        n, f, h, w = columns.shape
        found = functional.grid_sample(
            pictures[:, None], grid.view(n, f * h, w, 2), mode="bicubic", padding_mode="border", align_corners=False
        )
        return found.view(n, f, h, w)


def _cos_sin(angle: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cos(angle), torch.sin(angle)


def _portrait_size(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height of a portrait that is at least as fine as the crop."""
    times = 1
    while Placement.in_image(320 * times, 240 * times).scale < eye_distance(shape):
        times += 1
    return 320 * times, 240 * times


def _grey(identity: Identity, width: int, height: int) -> NDArray[np.float32]:
    portrait = draw_portrait(identity, width, height)
    cv2 = opencv()
    return np.asarray(cv2.cvtColor(EyePainter(portrait).draw(Gaze()), cv2.COLOR_RGB2GRAY), np.float32)
