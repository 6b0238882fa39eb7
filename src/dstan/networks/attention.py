"""The three attention mechanisms of the paper (sections 2.4 and 2.5).

Each module returns what it refined and the weights it refined it with, so that whoever wants to draw the weights needs
no hook.

References
----------
.. [1] Y. Wang et al., "Micro expression recognition via dual-stream spatiotemporal attention network", Journal of
   Healthcare Engineering, 2021.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class MultiScaleSpatialAttention(nn.Module):
    """Weigh every position of a low-level feature map (equations 2 to 4).

    Three convolutions of 1 x 1, 3 x 3 and 5 x 5 make one map each; a fourth of 1 x 1 fuses them, and a sigmoid turns
    the result into a weight in (0, 1) for each position, shared by all channels.

    Parameters
    ----------
    channels
        Channels of the feature map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(nn.Conv2d(channels, 1, size, padding=size // 2) for size in (1, 3, 5))
        self.fuse = nn.Conv2d(len(self.scales), 1, 1)

    def forward(self, low: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n 1 h w"]]:
        """Return the refined map and the weights."""
        maps = torch.cat([conv(low) for conv in self.scales], dim=1)  # (n, 3, h, w)      equation 2
        weights = torch.sigmoid(self.fuse(maps))  # (n, 1, h, w)                          equation 3
        return weights * low, weights  #                                                  equation 4


class DualPoolChannelAttention(nn.Module):
    """Weigh every channel of a high-level feature map (equations 5 to 7).

    The global average and the global maximum of each channel pass through the same two layers; the sigmoid of their
    sum is a weight in (0, 1) for each channel.

    Parameters
    ----------
    channels
        Channels of the feature map.
    reduction
        The compression ratio r: the first layer has ``channels / r`` units, at least one.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, high: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n c"]]:
        """Return the refined map and the weights."""
        average, peak = high.mean((2, 3)), high.amax((2, 3))  # (n, c) each
        scores = self.fc2(torch.relu(self.fc1(average))) + self.fc2(torch.relu(self.fc1(peak)))  # equation 5
        weights = torch.sigmoid(scores)  #                                                         equation 6
        return weights[:, :, None, None] * high, weights  #                                        equation 7


class TemporalAttention(nn.Module):
    """Weigh every frame of a sequence by what is seen in it (equation 8).

    Parameters
    ----------
    features
        Length of a frame's feature vector.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1)

    def forward(self, frames: Float[Tensor, "b t f"]) -> tuple[Float[Tensor, "b t f"], Float[Tensor, "b t"]]:
        """Return the weighted features and the weights r in (0, 1)."""
        weights = torch.sigmoid(self.score(frames))  # (b, t, 1)
        return weights * frames, weights[:, :, 0]
