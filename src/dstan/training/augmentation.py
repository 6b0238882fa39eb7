"""Augmentation: each clip of a batch is changed as a whole, on the device, by numbers that a seed draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from dstan.config import Settings, setting


@dataclass(frozen=True)
class AugmentationSettings(Settings):
    """How far a clip may be changed; by default not at all."""

    mirror: bool = setting(False, "Half of the clips are mirrored left to right.")
    shift: float = setting(0.0, "Largest shift along each side, as a share of it; the border repeats.", low=0, high=0.5)
    amplitude: float = setting(
        0.0, "Values are multiplied by 1 plus or minus at most this: stronger or fainter motion.", low=0, high=0.9
    )

    rotation: float = setting(0.0, "Largest turn about the middle, in degrees; the border repeats.", low=0, high=180)
    zoom: float = setting(0.0, "Largest change of size, as a share of it; the border repeats.", low=0, high=0.9)

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return self.mirror or self.shift > 0 or self.amplitude > 0 or self.is_affine

    @property
    def is_affine(self) -> bool:
        """Whether clips are interpolated anew."""
        return self.rotation > 0 or self.zoom > 0


def augment(
    clips: Float[Tensor, "b t h w c"],
    settings: AugmentationSettings,
    mirrored_signs: Float[Tensor, " c"],
    generator: torch.Generator,
) -> Float[Tensor, "b t h w c"]:
    """Change each clip, all of its frames alike.

    Parameters
    ----------
    clips
        A batch, channels last, on any device.
    settings
        How far.
    mirrored_signs
        What a channel is multiplied by when it is mirrored: -1 for motion to the right, 1 for anything else. The
        channel after one with -1 is motion downwards: both are turned and scaled with the clip.
    generator
        On the CPU; always the same draws for the same number of clips.

    Returns
    -------
    A new batch.
    """
    b, t, h, w, c = clips.shape
    device = clips.device
    flips = (torch.rand(b, 1, generator=generator) < 0.5) & settings.mirror
    rows, columns = (_positions(side, settings.shift, b, device, generator) for side in (h, w))
    columns = torch.where(flips.to(device), columns.flip(1), columns)
    places = (rows[:, :, None] * w + columns[:, None, :]).view(b, 1, h * w, 1)
    changed = clips.reshape(b, t, h * w, c).gather(2, places.expand(b, t, h * w, c)).view(b, t, h, w, c)
    strength = 1 + settings.amplitude * (2 * torch.rand(b, 1, generator=generator) - 1)
    factors = strength * torch.where(flips, mirrored_signs.cpu(), torch.ones(c))
    changed = changed * factors.to(device, clips.dtype).view(b, 1, 1, 1, c)
    return _turned(changed, settings, mirrored_signs, generator) if settings.is_affine else changed


def _turned(
    clips: Float[Tensor, "b t h w c"],
    settings: AugmentationSettings,
    mirrored_signs: Float[Tensor, " c"],
    generator: torch.Generator,
) -> Float[Tensor, "b t h w c"]:
    """Turn and scale each clip about its middle, and its motion with it."""
    b, t, h, w, c = clips.shape
    draws = 2 * torch.rand(2, b, generator=generator) - 1
    angles, sizes = math.radians(settings.rotation) * draws[0], 1 + settings.zoom * draws[1]
    cos, sin = torch.cos(angles), torch.sin(angles)
    zero, aspect = torch.zeros(b), h / w
    rows = torch.stack([cos, sin * aspect, zero, -sin / aspect, cos, zero]) / sizes  # from where each pixel is read
    grid = functional.affine_grid(rows.T.reshape(b, 2, 3).to(clips.device), [b, c, h, w], align_corners=False)
    frames = clips.permute(0, 1, 4, 2, 3).reshape(b, t * c, h, w).float()
    found = functional.grid_sample(frames, grid, padding_mode="border", align_corners=False)
    found = found.view(b, t, c, h, w).permute(0, 1, 3, 4, 2)
    return (found @ _vectors(mirrored_signs, cos, sin, sizes).to(clips.device)[:, None, None]).to(clips.dtype)


def _vectors(
    mirrored_signs: Float[Tensor, " c"], cos: Float[Tensor, " b"], sin: Float[Tensor, " b"], sizes: Float[Tensor, " b"]
) -> Float[Tensor, "b c c"]:
    """Return what the channels of each clip are multiplied by from the right: motion turns and grows with the face."""
    matrices = torch.eye(len(mirrored_signs)).repeat(len(cos), 1, 1)
    for u in [index for index, sign in enumerate(mirrored_signs.tolist()) if sign < 0]:
        v = u + 1
        matrices[:, u, u] = matrices[:, v, v] = cos * sizes
        matrices[:, u, v], matrices[:, v, u] = sin * sizes, -sin * sizes
    return matrices


def _positions(
    length: int, share: float, n: int, device: torch.device, generator: torch.Generator
) -> Int64[Tensor, "n length"]:
    """Return where each position of a shifted side is read from, one shift a clip; only the shifts are sent over."""
    most = round(share * length)
    shifts = torch.randint(-most, most + 1, (n, 1), generator=generator)
    return (torch.arange(length, device=device) - shifts.to(device)).clamp_(0, length - 1)
