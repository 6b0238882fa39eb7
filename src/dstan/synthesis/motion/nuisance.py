"""What moves beside the expression: the head, lids, gaze and lips."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float32, Int64
from torch import Generator, Tensor

from dstan.preprocessing.template import eye_distance
from dstan.synthesis.action_units import scaled_bumps
from dstan.synthesis.fields import Bump
from dstan.synthesis.motion.pushes import CROP, Crop, Pushes
from dstan.synthesis.motion.settings import MotionSettings

LID = Bump(0.49, -0.06, 0.20, 0.06, 0.07, 0.0, 1.0)
IRIS = Bump(0.495, 0.0, 0.11, 0.08, 0.08, 0.0, 1.0)
LID_MOTION, IRIS_MOTION, LIP_MOTION = 2.5, 2.0, 2.0
"""How far lids, irises and lips are seen to move, pixels of the 224 x 224 crop: lids up to 1.4 times that, irises up to
1.5 times. Lids that shut move farther, but no estimator follows them."""
LIPS = (25, 26, 24)
"""Action units that talking, breathing and swallowing show."""
HEAD = (1.2, 1.9)
"""Half of a head's width and height, face units; its middle lies .45 below the eyes."""


def push_others(n: int, settings: MotionSettings, generator: Generator) -> tuple[Pushes, Int64[Tensor, " k"]]:
    """Draw the motion of lids, irises and lips.

    Parameters
    ----------
    n
        How many clips.
    settings
        ``blinks``, ``glances`` and ``mouth``.
    generator
        On the CPU.

    Returns
    -------
    The pushes, and for each which of the three it moves.
    """
    mouth = [bump for unit in LIPS for bump in scaled_bumps(unit)]
    of_lips = torch.tensor([place for place, unit in enumerate(LIPS) for _ in scaled_bumps(unit)]).repeat(2)
    pushes = Pushes.of_bumps([LID, IRIS, *mouth], n)
    k, lips = len(mouth) + 2, torch.randint(len(LIPS), (n, 1), generator=generator)
    both = torch.tensor([0, 1, *[2] * len(mouth)]).repeat(2)
    lid = LID_MOTION * (2 * torch.rand(n, 1, generator=generator) - 0.6)
    gaze = IRIS_MOTION * torch.randn(2, n, 1, generator=generator).clamp(-1.5, 1.5)
    lip = LIP_MOTION * torch.rand(n, 1, generator=generator)
    strength = torch.cat([lid, torch.ones_like(lid), lip], 1)[:, both]
    other = torch.zeros(n, 2 * k, dtype=torch.bool)
    other[:, torch.cat([torch.arange(2, k), torch.arange(k + 2, 2 * k)])] = of_lips != lips
    strength = torch.where(other, 0.0, strength)
    glance = both == 1
    dx, dy = torch.where(glance, gaze[0], pushes.dx), torch.where(glance, gaze[1], pushes.dy)
    chances = torch.tensor([settings.blinks, settings.glances, settings.mouth])
    strength = strength * (torch.rand(n, 3, generator=generator) < chances)[:, both]
    return replace(pushes, dx=dx, dy=dy, left=strength, right=strength), both


def head_motion(path: Float32[Tensor, "n t 6"], crop: Crop, settings: MotionSettings) -> Float32[Tensor, "n t 2 h w"]:
    """Return the motion of a head that shifts, turns and changes its size, in the plane of the image and out of it.

    Parameters
    ----------
    path
        Its six numbers, in deviations: shift right and down, turn, size, turn to the side and up.
    crop
        Where the pixels lie.
    settings
        ``head_shift``, ``head_turn``, ``head_scale`` and ``head_out``: the deviations.

    Returns
    -------
    In pixels of the crop of 224 x 224. It fades outside of the head, to nothing at 1.8 times its size.
    """
    unit = eye_distance(CROP)
    turn, scale = math.radians(settings.head_turn) * unit, settings.head_scale * unit
    spread = torch.tensor([settings.head_shift, settings.head_shift, turn, scale, settings.head_out, settings.head_out])
    right, down, turns, grows, aside, up = (spread * path).unbind(2)
    amounts = torch.stack([right, grows, -turns, aside, down, turns, grows, up], 2).to(crop.x.device)
    x, y = crop.places
    y = y - 0.45
    away = (x / HEAD[0]).square() + (y / HEAD[1]).square()
    on_head = ((1.8 - torch.sqrt(away)) / 0.8).clamp(0, 1)
    basis = torch.stack([on_head, on_head * x, on_head * y, on_head * (1 - away)], 1).flatten(2)
    return torch.bmm(amounts.view(len(x), -1, 4), basis).view(*path.shape[:2], 2, *crop.shape)
