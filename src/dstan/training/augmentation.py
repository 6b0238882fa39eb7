"""Augmentation: each clip of a batch is changed as a whole, on the device, by numbers that a seed draws."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from dstan.config import Settings, setting


@dataclass(frozen=True)
class AugmentationSettings(Settings):
    """How far a clip may be changed; by default not at all."""

    mirror: bool = setting(False, "Half of the clips are mirrored left to right.")
    shift: float = setting(0.0, "Largest shift along each side, as a share of it; the border repeats.", low=0, high=0.5)
    amplitude: float = setting(
        0.0, "Values are multiplied by 1 plus or minus at most this: stronger or fainter motion.", low=0, high=0.9
    )

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return self.mirror or self.shift > 0 or self.amplitude > 0


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
        What a channel is multiplied by when it is mirrored: -1 for motion to the right, 1 for anything else.
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
    return changed * factors.to(device, clips.dtype).view(b, 1, 1, 1, c)


def _positions(
    length: int, share: float, n: int, device: torch.device, generator: torch.Generator
) -> Int64[Tensor, "n length"]:
    """Return where each position of a shifted side is read from, one shift a clip; only the shifts are sent over."""
    most = round(share * length)
    shifts = torch.randint(-most, most + 1, (n, 1), generator=generator)
    return (torch.arange(length, device=device) - shifts.to(device)).clamp_(0, length - 1)
