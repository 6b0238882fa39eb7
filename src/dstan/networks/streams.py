"""The two streams of the paper: STAN sees the frames, STMN their optical flow (sections 2.2, 2.3 and 2.5).

They differ in the channels that go in and in LHFN, so one class is both:

========  ============  ======  ===================  ====================
network   input         LHFN    attention in space   attention in time
========  ============  ======  ===================  ====================
STAN      1 (grey)      yes     no                   no
STAN-A    1 (grey)      yes     yes                  yes
STMN      2 (u, v)      no      no                   no
STMN-A    2 (u, v)      no      yes                  yes
========  ============  ======  ===================  ====================
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dstan.config import Settings, setting
from dstan.networks.attention import DualPoolChannelAttention, MultiScaleSpatialAttention, TemporalAttention
from dstan.networks.blocks import Block
from dstan.networks.network import Network, Output, in_float32

SMALLEST_INPUT = 32
"""Least height and width in pixels: five poolings halve it to one."""


@dataclass(frozen=True)
class StreamSettings(Settings):
    """What the paper says of the networks, and what it leaves open."""

    channels: tuple[int, int, int, int, int] = setting(
        (16, 32, 64, 128, 256), "Channels of the five convolutions.", low=1, high=4096
    )
    reduction: int = setting(16, "Compression ratio r of the channel attention.", low=1, high=4096)
    lstm_width: int = setting(128, "Units of the LSTM.", low=1, high=4096)
    lhfn: bool = setting(True, "Join low and high features (LHFN) in the appearance stream.")
    spatial_attention: bool = setting(True, "Spatial and channel attention in both streams.")
    temporal_attention: bool = setting(True, "Temporal attention in both streams.")


class Stream(Network):
    """Five blocks of convolution and pooling, one LSTM, one linear layer.

    Parameters
    ----------
    in_channels
        1 for grey frames (STAN), 2 for optical flow (STMN).
    n_classes
        Classes told apart.
    settings
        Sizes, and which modules are there.
    """

    blocks: nn.ModuleList

    def __init__(self, in_channels: int, n_classes: int, settings: StreamSettings) -> None:
        super().__init__()
        widths = (in_channels, *settings.channels)
        low, high = settings.channels[2], settings.channels[4]
        self.blocks = nn.ModuleList(Block(a, b) for a, b in pairwise(widths))
        self.spatial_attention = MultiScaleSpatialAttention(low) if settings.spatial_attention else None
        self.channel_attention = (
            DualPoolChannelAttention(high, settings.reduction) if settings.spatial_attention else None
        )
        self.mix_low = nn.Linear(low, low) if settings.lhfn else None
        self.mix_high = nn.Linear(high, high) if settings.lhfn else None
        features = low + high if settings.lhfn else high
        self.temporal_attention = TemporalAttention(features) if settings.temporal_attention else None
        self.lstm = nn.LSTM(features, settings.lstm_width, batch_first=True)
        self.head = nn.Linear(settings.lstm_width, n_classes)

    def forward(self, clips: Float[Tensor, "b t c h w"]) -> Output:
        """Classify clips of any length and of at least 32 x 32 pixels."""
        b, t = clips.shape[:2]
        frames, spatial = self.see(clips.flatten(0, 1))
        with in_float32(clips):  # the LSTM
            logits, features, temporal = self.follow(frames.float().view(b, t, -1))
        maps = None if spatial is None else spatial.reshape(b, t, *spatial.shape[2:])
        return Output(logits, features, temporal, maps)

    def see(self, x: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n f"], Float[Tensor, "n 1 h w"] | None]:
        """Return the spatial feature of each frame, and the spatial weights."""
        weights = None
        for block in self.blocks[:3]:
            x = block(x)
        if self.spatial_attention is not None:
            x, weights = self.spatial_attention(x)
        low = x
        for block in self.blocks[3:]:
            x = block(x)
        if self.channel_attention is not None:
            x, _ = self.channel_attention(x)
        features = x.mean((2, 3))
        if self.mix_low is not None and self.mix_high is not None:
            # LHFN: a 1 x 1 convolution is linear, so it may follow the global average that comes after it
            features = torch.cat([self.mix_low(low.mean((2, 3))), self.mix_high(features)], dim=1)
        return features, weights

    def follow(
        self, frames: Float[Tensor, "b t f"]
    ) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b w"], Float[Tensor, "b t"] | None]:
        """Return logits, the feature of the whole sequence (equation 1), and the temporal weights."""
        weights = None
        if self.temporal_attention is not None:
            frames, weights = self.temporal_attention(frames)
        features = self.lstm(frames)[0].mean(1)
        return self.head(features), features, weights
