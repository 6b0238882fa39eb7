"""Displacement fields of a batch of clips: sums of Gaussian pushes, each a profile along x times one along y.

The pushes of an action unit are the bumps of :mod:`dstan.synthesis.action_units`, the same that move drawn faces.
Because a push is a product, a field is one product of matrices, and thousands are drawn in a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from jaxtyping import Float32, Int64
from torch import Generator, Tensor

from dstan.preprocessing.template import eye_centres, eye_distance
from dstan.synthesis.action_units import scaled_bumps
from dstan.synthesis.fields import MIDDLE, Bump
from dstan.synthesis.motion.classes import UNITS
from dstan.synthesis.motion.expressions import log_uniform
from dstan.synthesis.motion.settings import MotionSettings

CROP = (224, 224)
"""Height and width of the crop whose pixels measure displacements."""

WRONG_SHIFT, WRONG_WIDTH, WRONG_TURN, WRONG_STRENGTH = 0.1, 1.4, 25.0, 2.0
"""Of wrong anatomy: shift in face units, factor on the widths or its inverse, degrees, factor on the strength or its
inverse."""


def turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Return places or arrows turned about the origin, clockwise as it is seen, by radians."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


@dataclass(frozen=True)
class Crop:
    """Where the pixels of an aligned crop lie in face coordinates, one face a clip.

    Parameters
    ----------
    shape
        Height and width in pixels.
    x, y
        (n, W) and (n, H) places of the columns and rows on the average face.
    turn
        (n,) radians by which the face is turned in the crop, clockwise.
    scale
        (n,) size of the face over that of the average crop.
    """

    shape: tuple[int, int]
    x: Float32[Tensor, "n w"]
    y: Float32[Tensor, "n h"]
    turn: Float32[Tensor, " n"]
    scale: Float32[Tensor, " n"]

    @property
    def pixels(self) -> float:
        """Pixels of this crop in one pixel of the crop of 224 x 224."""
        return eye_distance(self.shape) / eye_distance(CROP)

    @classmethod
    def draw(
        cls, n: int, shape: tuple[int, int], settings: MotionSettings, generator: Generator, device: torch.device
    ) -> Self:
        """Draw where faces lie in their crops.

        Parameters
        ----------
        n
            How many.
        shape
            Height and width in pixels.
        settings
            ``crop_shift``, ``crop_scale`` and ``crop_turn``.
        generator
            On the CPU.
        device
            Where the tensors are to be.
        """
        height, width = shape
        centre, unit = eye_centres(shape).mean(0), eye_distance(shape)
        scale = log_uniform((n,), settings.crop_scale, generator)
        shift = settings.crop_shift * (2 * torch.rand(n, 2, generator=generator) - 1)
        turn = math.radians(settings.crop_turn) * (2 * torch.rand(n, generator=generator) - 1)
        x = ((torch.arange(width) - centre[0]) / unit - shift[:, :1]) / scale[:, None]
        y = ((torch.arange(height) - centre[1]) / unit - shift[:, 1:]) / scale[:, None]
        return cls(shape, *(part.float().to(device) for part in (x, y, turn, scale)))

    @cached_property
    def places(self) -> tuple[Float32[Tensor, "n h w"], Float32[Tensor, "n h w"]]:
        """Places on the average face of every pixel, x and y, the turn undone."""
        return turned(self.x[:, None, :], self.y[:, :, None], -self.turn[:, None, None])


@dataclass(frozen=True)
class Pushes:
    """Gaussian pushes, k in each of n clips; all tensors (n, k), in face coordinates.

    Parameters
    ----------
    x, y
        Centres.
    width, up, down
        Standard deviations along x, and along y above and below the centre.
    dx, dy
        Displacement at the centre for a strength of 1, before the sides are weighed.
    left, right
        Strength on the subject's left and right, pixels of the 224 x 224 crop.
    """

    x: Float32[Tensor, "n k"]
    y: Float32[Tensor, "n k"]
    width: Float32[Tensor, "n k"]
    up: Float32[Tensor, "n k"]
    down: Float32[Tensor, "n k"]
    dx: Float32[Tensor, "n k"]
    dy: Float32[Tensor, "n k"]
    left: Float32[Tensor, "n k"]
    right: Float32[Tensor, "n k"]

    @classmethod
    def of_bumps(cls, bumps: list[Bump], n: int) -> Self:
        """Return bumps and their mirror images, the same in every clip, with the strength 1.

        Parameters
        ----------
        bumps
            Any number b: the pushes are 2 b.
        n
            How many clips.
        """
        names = ("x", "y", "width", "up", "down", "dx", "dy")
        right = {name: torch.tensor([getattr(bump, name) for bump in bumps]) for name in names}
        left = {**right, "x": -right["x"], "dx": -right["dx"]}
        both = {name: torch.cat([right[name], left[name]]).expand(n, -1) for name in names}
        ones = torch.ones(n, 2 * len(bumps))
        return cls(**both, left=ones, right=ones)

    def joined(self, other: Self) -> Self:
        """Return these and others of the same clips."""
        return replace(self, **{name: torch.cat([part, vars(other)[name]], 1) for name, part in vars(self).items()})

    def acting(self) -> tuple[Self, Int64[Tensor, "n j"]]:
        """Return as many pushes of each clip as act in any, those first that act, and which they are."""
        act = (self.left != 0) | (self.right != 0)
        most = max(int(act.sum(1).max()), 1)
        kept = act.byte().argsort(dim=1, descending=True, stable=True)[:, :most]
        return replace(self, **{name: part.gather(1, kept) for name, part in vars(self).items()}), kept

    def fields(self, courses: Float32[Tensor, "n t k"], crop: Crop) -> Float32[Tensor, "n t 2 h w"]:
        """Return the displacement, in pixels of the crop of 224 x 224.

        Parameters
        ----------
        courses
            How much of each push there is in each field.
        crop
            Where the pixels lie.
        """
        some, kept = self.acting()
        courses = courses.gather(2, kept[:, None].expand(-1, courses.shape[1], -1))
        own = [part.to(crop.x.device) for part in vars(some).values()]
        x, y, width, up, down, dx, dy, left, right = own
        x, y = turned(x, y, crop.turn[:, None])
        dx, dy = turned(dx, dy, crop.turn[:, None])
        across = crop.x[:, None, :] - x[..., None]
        share = 0.5 + 0.5 * torch.tanh(crop.x / MIDDLE)[:, None]
        strength = right[..., None] + (left - right)[..., None] * share
        columns = torch.exp(-0.5 * (across / width[..., None]).square()) * strength
        along = crop.y[:, None, :] - y[..., None]
        rows = torch.exp(-0.5 * (along / torch.where(along < 0, up[..., None], down[..., None])).square())
        arrows = torch.stack([dx, dy], 1)[:, None] * courses.to(dx.device)[:, :, None]  # n t 2 k
        tall = (arrows[..., None, :] * rows.mT[:, None, None]).flatten(1, 3)  # n (t 2 h) k
        height, across_all = crop.shape
        return torch.bmm(tall, columns).view(*arrows.shape[:3], height, across_all)


def push_units(sides: Float32[Tensor, "n units 2"], settings: MotionSettings, generator: Generator) -> Pushes:
    """Return the pushes of action units, each face having them a little elsewhere, wider or narrower, and turned.

    Parameters
    ----------
    sides
        Strength on the left and the right, pixels of the 224 x 224 crop.
    settings
        ``field_shift``, ``field_width`` and ``field_turn``; what is drawn is mirrored on the other side.
    generator
        On the CPU.
    """
    n = len(sides)
    bumps = [(place, bump) for place, unit in enumerate(UNITS) for bump in scaled_bumps(unit)]
    units = torch.tensor([place for place, _ in bumps]).repeat(2)
    mirrored = torch.tensor([1.0, -1.0]).repeat_interleave(len(bumps))
    pushes = Pushes.of_bumps([bump for _, bump in bumps], n)
    size = (n, len(UNITS))
    shift = settings.field_shift * (2 * torch.rand(2, *size, generator=generator) - 1)[:, :, units]
    widths = log_uniform(size, settings.field_width, generator)[:, units]
    heights = log_uniform(size, settings.field_width, generator)[:, units]
    turn = settings.field_turn * (2 * torch.rand(size, generator=generator) - 1)[:, units]
    strengths = sides[:, units]
    if settings.wrong_anatomy:
        wrong = torch.Generator().manual_seed(settings.wrong_anatomy)
        size = (1, len(UNITS))
        shift = shift + WRONG_SHIFT * (2 * torch.rand(2, *size, generator=wrong) - 1)[:, :, units]
        widths = widths * log_uniform(size, WRONG_WIDTH, wrong)[:, units]
        heights = heights * log_uniform(size, WRONG_WIDTH, wrong)[:, units]
        turn = turn + WRONG_TURN * (2 * torch.rand(size, generator=wrong) - 1)[:, units]
        strengths = strengths * log_uniform(size, WRONG_STRENGTH, wrong)[:, units, None]
    dx, dy = turned(pushes.dx, pushes.dy, torch.deg2rad(turn) * mirrored)
    return Pushes(
        x=pushes.x + mirrored * shift[0],
        y=pushes.y + shift[1],
        width=pushes.width * widths,
        up=pushes.up * heights,
        down=pushes.down * heights,
        dx=dx,
        dy=dy,
        left=strengths[..., 0],
        right=strengths[..., 1],
    )
