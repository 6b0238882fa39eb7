"""Bringing what a network is given to one scale, measured on the clips that it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

Kind: TypeAlias = Literal["grey", "motion"]
WHITE = 255.0
"""The greatest grey value."""
LEAST = 1e-6
"""Motion of clips in which nothing moves is divided by this."""
SHARE = 0.99
"""The share of a motion channel's absolute values that come to lie within -1 and 1."""


class Scaling(nn.Module):
    """Take the mean image from grey channels, and bring motion to about -1 to 1.

    The mean and the scale are buffers: they are saved with a network and not trained.

    Parameters
    ----------
    kinds
        Of each channel: "grey" values in [0, 255] lose the mean image and are divided by 255; "motion" is divided by
        the 99th percentile of its absolute values.
    size
        Height and width in pixels.
    """

    def __init__(self, kinds: Sequence[Kind], size: tuple[int, int]) -> None:
        super().__init__()
        self.kinds = tuple(kinds)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(len(self.kinds), *size))
        self.register_buffer("scale", torch.ones(len(self.kinds), 1, 1))

    def measure(self, clips: Float[Tensor, "n t h w c"]) -> None:
        """Measure both on the clips that are learned from.

        Parameters
        ----------
        clips
            Channels last, as training data are.
        """
        for channel, kind in enumerate(self.kinds):
            values = clips[..., channel]
            if kind == "grey":
                self.mean[channel] = (sum(clip.double().mean(0) for clip in values) / len(values)).float()
                self.scale[channel] = WHITE
            else:
                self.scale[channel] = max(LEAST, _percentile(values.abs().flatten()))

    def forward(self, clips: Float[Tensor, "... c h w"]) -> Float[Tensor, "... c h w"]:
        """Return the clips at one scale."""
        return (clips - self.mean) / self.scale


def _percentile(values: Float[Tensor, " n"]) -> float:
    """Return the least value that the share of all does not exceed; ``torch.quantile`` takes 16 million at most."""
    return float(values.float().kthvalue(max(1, round(SHARE * len(values)))).values)
