"""3D-FCNN: three streams of 3-D convolutions over grey frames, horizontal flow and vertical flow [1]_.

What is published is the three streams, their input, and that fully connected layers join them. Sizes are ours.

References
----------
.. [1] J. Li, Y. Wang, J. See, W. Liu, "Micro-expression recognition based on 3D flow convolutional neural network",
   Pattern Analysis and Applications 22(4), 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dstan.config import Settings, setting
from dstan.errors import ShapeError
from dstan.networks.blocks import Block
from dstan.networks.network import Network, Output, in_float32
from dstan.networks.scaling import Scaling

STREAMS = ("grey", "u", "v")
"""What the streams look at, in the order of the channels."""
LEAST_STEPS = 4
"""Two poolings halve the time: of fewer steps nothing is left."""
PADDED_STEPS = 2
"""So many steps get an empty third one: the weights' gradient in bfloat16 of just two is infinite or wrong on a CPU
(torch 2.13)."""
LEAST_SIDE = 8
"""Three poolings halve height and width."""


@dataclass(frozen=True)
class Flow3DSettings(Settings):
    """Sizes of the three streams; nothing is published about them."""

    channels: tuple[int, int, int] = setting((16, 32, 64), "Channels of the three convolutions.", low=1, high=1024)
    hidden: int = setting(128, "Units of each stream's fully connected layer.", low=1, high=4096)
    gap: bool = setting(
        True,
        "Maps are averaged over time and positions before that layer; without, it sees every position, as a network "
        "for more than 300 clips might.",
    )
    dropout: float = setting(0.5, "Share of the joined features that are dropped in training.", low=0.0, high=0.95)


class Block3D(Block):
    """Convolution 3 x 3 x 3, batch norm, ReLU, max pool of time, height and width.

    Parameters
    ----------
    in_channels, out_channels
        Of the convolution, which has no bias of its own: batch norm has it.
    halves_time
        Whether the pooling is 2 x 2 x 2 and not 1 x 2 x 2.
    """

    def __init__(self, in_channels: int, out_channels: int, *, halves_time: bool) -> None:
        super().__init__(in_channels, out_channels)
        self.conv = nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)
        self.halves_time = halves_time

    def forward(self, x: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b d s h/2 w/2"]:
        """Return maps of half the height and width, and of half the steps where time is halved."""
        steps = x.shape[2]
        found = super().forward(x)  # frame by frame: (b * t, d, h/2, w/2)
        found = found.view(-1, steps, *found.shape[1:])
        if self.halves_time:
            found = torch.maximum(found[:, : steps - 1 : 2], found[:, 1::2])
        return found.transpose(1, 2)

    def filtered(self, x: Float[Tensor, "b c t h w"], weight: Float[Tensor, "d c 3 3 3"]) -> Float[Tensor, "n d h w"]:
        """Return what filters make of clips, frame by frame.

        Parameters
        ----------
        x
            The clips.
        weight
            The filters: the block's own, some of them turned round while it is trained.
        """
        steps = x.shape[2]
        if steps == PADDED_STEPS:
            x = nn.functional.pad(x, (0, 0, 0, 0, 0, 1))  # by the zeros that the padding would put there
        return nn.functional.conv3d(x, weight, padding=1)[:, :, :steps].transpose(1, 2).flatten(0, 1)


class Flow3D(Network):
    """Three streams that share nothing, joined before the last layer.

    With 16 steps of 64 x 64 and C classes:

    =========================================  ================  ============  ==============
    layer, of each stream                      output            parameters    without ``gap``
    =========================================  ================  ============  ==============
    input                                      1 x 16 x 64 x 64
    conv 3 x 3 x 3, batch norm, ReLU, pool     16 x 16 x 32 x 32  464          464
    conv 3 x 3 x 3, batch norm, ReLU, pool     32 x 8 x 16 x 16   13,888       13,888
    conv 3 x 3 x 3, batch norm, ReLU, pool     64 x 4 x 8 x 8     55,424       55,424
    mean over time and positions, or all       64, or 16,384
    fully connected, ReLU                      128               8,320         2,097,280
    **three streams**                          384               234,288       6,501,168
    dropout, fully connected                   C                 385 C         385 C
    =========================================  ================  ============  ==============

    The first pooling leaves the steps as they are, the other two halve them.

    Parameters
    ----------
    n_classes
        Classes told apart.
    shape
        (T, C, H, W) of a clip: at least 4 steps, the 3 channels grey, u and v, at least 8 x 8 pixels.
    settings
        Sizes.

    Raises
    ------
    ShapeError
        If the clips are shorter or smaller, or have other channels.
    """

    blocks: nn.ModuleList

    def __init__(self, n_classes: int, shape: tuple[int, int, int, int], settings: Flow3DSettings) -> None:
        super().__init__()
        t, c, h, w = shape
        if t < LEAST_STEPS or min(h, w) < LEAST_SIDE or c != len(STREAMS):
            raise ShapeError(
                f"the network takes at least {LEAST_STEPS} steps of {LEAST_SIDE} x {LEAST_SIDE} pixels with "
                f"{len(STREAMS)} channels, not {t} steps of {h} x {w} with {c}",
                hint="Prepare the clips with --set recipe.steps=16",
            )
        widths, width = (1, *settings.channels), settings.channels[2]
        seen = width if settings.gap else width * (t // 4) * (h // 8) * (w // 8)
        self.gap = settings.gap
        self.scaling = Scaling(("grey", "motion", "motion"), (h, w))
        self.blocks = nn.ModuleList(
            Block3D(*pair, halves_time=layer > 0) for _ in STREAMS for layer, pair in enumerate(pairwise(widths))
        )
        self.join = nn.ModuleList(nn.Linear(seen, settings.hidden) for _ in STREAMS)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(len(STREAMS) * settings.hidden, n_classes)

    def forward(self, clips: Float[Tensor, "b t 3 h w"]) -> Output:
        """Classify clips."""
        assert self.scaling is not None
        channels = self.scaling(clips).unbind(2)
        features = torch.cat([self.look(channel, stream) for stream, channel in enumerate(channels)], dim=1)
        with in_float32(clips):
            return Output(self.head(self.dropout(features)), features)

    def look(self, channel: Float[Tensor, "b t h w"], stream: int) -> Float[Tensor, "b f"]:
        """Return the feature of one stream.

        Parameters
        ----------
        channel
            What it looks at, scaled.
        stream
            Which it is: 0 for grey, 1 for u, 2 for v.
        """
        x = channel[:, None]
        for block in self.blocks[3 * stream : 3 * stream + 3]:
            x = block(x)
        with in_float32(x):
            seen = x.float().mean((2, 3, 4)) if self.gap else x.float().flatten(1)
            return torch.relu(self.join[stream](seen))
