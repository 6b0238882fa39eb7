"""STRCN: recurrent convolutions, unrolled, over one field of flow or over a matrix of moving pixels [1]_.

With C classes and 128 maps, of a field of flow of 224 x 184 and, in brackets, of the published 300 x 245:

====================================  ================================  ==============
layer                                 output                            parameters
====================================  ================================  ==============
input, at one scale                   2 x 224 x 184 (2 x 300 x 245)
conv 3 x 3, batch norm, ReLU, pool 4  128 x 56 x 46 (128 x 75 x 61)     2,560
section 2, pool 4                     128 x 14 x 11 (128 x 18 x 15)     312,064
section 3, pool 2                     128 x 7 x 5   (128 x 9 x 7)       312,064
section 4, pool 2                     128 x 3 x 2   (128 x 4 x 3)       312,064
mean over positions                   128
linear                                C                                 129 C
*in all, C = 3*                                                         *939,139*
====================================  ================================  ==============

A section of input z, each convolution without a bias, each batch norm its own:

=====================================  ==========  =======================
step                                   parameters  shared
=====================================  ==========  =======================
z1 = ReLU(norm(conv 1 x 1 (z))) + z    16,640      16,640
z2 = ReLU(norm(conv 3 x 3 (z1))) + z   147,712     147,712
ReLU(norm(conv 3 x 3 (z2))), pool      147,712     256, the filters of z2
=====================================  ==========  =======================

With 256 and 512 maps there are 3,746,051 and 14,963,203 parameters. Of a matrix of pixels and time the input has one
channel, and the first convolution half as many weights.

References
----------
.. [1] Z. Xia, X. Hong, X. Gao, X. Feng, G. Zhao, "Spatiotemporal recurrent convolutional networks for recognizing
   spontaneous micro-expressions", IEEE Transactions on Multimedia 22(3), 2020, pp. 626-640.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dstan.config import Settings, setting
from dstan.errors import ShapeError
from dstan.networks.blocks import Block
from dstan.networks.network import Network, Output, in_float32
from dstan.networks.scaling import Kind, Scaling

POOLS = (4, 2, 2)
"""Height and width of what becomes one pixel at the end of each section; 4 also after the first convolution."""
SMALLEST_INPUT = 64
"""Least height and width in pixels: of them the poolings leave one."""


@dataclass(frozen=True)
class STRCNNetworkSettings(Settings):
    """The size of the network, and what its steps share."""

    maps: int = setting(
        128, "Channels of every convolution; the authors used 512, and 128 across corpora.", low=1, high=2048
    )
    share: bool = setting(
        False, "Both 3 x 3 convolutions of a section are one, as recurrence has it; the authors' code has two."
    )


class Step(nn.Module):
    """Convolution, batch norm, ReLU: a step of a section, of one height and width.

    Parameters
    ----------
    maps
        Channels in and out.
    size
        Height and width of the filters, odd.
    """

    def __init__(self, maps: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(maps, maps, size, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(maps)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return maps of the same size."""
        found: Tensor = self.norm(self.conv(x))
        return found.relu_()


class Section(nn.Module):
    """A recurrent convolution, unrolled to three steps, and max pooling.

    The first two steps add the section's input to what they found; the last does not, so nothing goes round it.

    Parameters
    ----------
    maps
        Channels in and out.
    pool
        Height and width of what becomes one pixel.
    share
        Whether the second and the third step have one convolution; each has a batch norm of its own.
    """

    def __init__(self, maps: int, pool: int, *, share: bool) -> None:
        super().__init__()
        self.first, self.second = Step(maps, 1), Step(maps, 3)
        self.third = Block(maps, maps, pool=pool)
        if share:
            self.third.conv = self.second.conv

    def forward(self, z: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h/p w/p"]:
        """Return the maps of the third step, pooled."""
        found = self.first(z) + z
        found = self.second(found) + z
        pooled: Tensor = self.third(found)
        return pooled


class STRCNNetwork(Network):
    """A convolution and three sections; the module's tables list the layers.

    Parameters
    ----------
    n_classes
        Classes told apart.
    shape
        (T, C, H, W) of a clip: one step, 2 channels of flow or 1 of grey values, at least 64 x 64.
    settings
        Its size.

    Raises
    ------
    ShapeError
        If there are more steps, or less pixels.
    """

    def __init__(self, n_classes: int, shape: tuple[int, int, int, int], settings: STRCNNetworkSettings) -> None:
        super().__init__()
        t, c, h, w = shape
        if t != 1 or min(h, w) < SMALLEST_INPUT:
            raise ShapeError(
                f"STRCN takes one step of at least {SMALLEST_INPUT} x {SMALLEST_INPUT}, not {t} of {h} x {w}",
                hint="Prepare the clips with --set recipe.pairs=onset-apex and a larger recipe.size",
            )
        kind: Kind = "grey" if c == 1 else "motion"
        self.scaling = Scaling((kind,) * c, (h, w))
        maps = settings.maps
        sections = [Section(maps, pool, share=settings.share) for pool in POOLS]
        self.blocks = nn.ModuleList([Block(c, maps, pool=4), *sections])
        self.head = nn.Linear(maps, n_classes)

    def forward(self, clips: Float[Tensor, "b 1 c h w"]) -> Output:
        """Classify clips."""
        assert self.scaling is not None
        x = self.scaling(clips[:, 0])
        for block in self.blocks:
            x = block(x)
        with in_float32(x):
            features = torch.mean(x.float(), dim=(2, 3))
            return Output(self.head(features), features)
