"""SSSNet: a shallow net of a single stream over an image of flow from onset to apex [1]_ [2]_.

References
----------
.. [1] T. Varanka, W. Peng, G. Zhao, "Micro-expression recognition with noisy labels", IS&T Electronic Imaging, 2021.
.. [2] T. Varanka, Y. Li, W. Peng, G. Zhao, "Data leakage and evaluation issues in micro-expression analysis", IEEE
   Transactions on Affective Computing, 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dstan.config import Settings, setting
from dstan.networks.image_range import ImageRange
from dstan.networks.network import Network, Output, in_float32
from dstan.networks.scaling import Kind, Scaling

CHANNELS: tuple[Kind, ...] = ("motion", "motion", "motion")
"""Of the image: u, v and strain."""


@dataclass(frozen=True)
class SSSNetSettings(Settings):
    """Sizes of SSSNet; the defaults are the published ones but for ``per_image``."""

    size: int = setting(64, "Side of the image of flow, in pixels.", low=16, high=512)
    channels: tuple[int, int] = setting((32, 64), "Channels of the two convolutions.", low=1, high=4096)
    hidden: int = setting(256, "Units of the hidden layer.", low=1, high=8192)
    dropout: float = setting(
        0.5,
        "Share that is dropped in training: of the channels of both convolutions, and of units.",
        low=0.0,
        high=0.95,
    )
    per_image: bool = setting(
        False,
        "Each of u, v and strain is stretched to 0 to 1 over its own image, as in the authors' data; otherwise one "
        "scale is measured on all training clips, and faint motion stays faint.",
    )


class SSSNet(Network):
    """Two convolutions, one hidden layer, one linear layer.

    With images of 64 x 64 and C classes:

    ==========================================  ============  ==========
    layer                                       output        parameters
    ==========================================  ============  ==========
    input                                       3 x 64 x 64
    conv 5 x 5 without border, ReLU             32 x 60 x 60  2,432
    max pool 3 x 3                              32 x 20 x 20
    batch norm, dropout of channels             32 x 20 x 20  64
    conv 3 x 3 without border, ReLU             64 x 18 x 18  18,496
    max pool 2 x 2                              64 x 9 x 9
    batch norm, dropout of channels             64 x 9 x 9    128
    fully connected, ReLU                       256           1,327,360
    dropout, fully connected                    C             257 C
    ==========================================  ============  ==========

    Together 1,348,480 + 257 C parameters.

    Parameters
    ----------
    n_classes
        Classes told apart.
    settings
        Sizes.
    """

    def __init__(self, n_classes: int, settings: SSSNetSettings) -> None:
        super().__init__()
        first, second = settings.channels
        side = ((settings.size - 4) // 3 - 2) // 2  # conv: - 4; pool: // 3; conv: - 2; pool: // 2
        sides = (settings.size, settings.size)
        self.scaling = ImageRange(1.0) if settings.per_image else Scaling(CHANNELS, sides)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(len(CHANNELS), first, 5), nn.MaxPool2d(3), nn.ReLU()),
                nn.Sequential(nn.Conv2d(first, second, 3), nn.MaxPool2d(2), nn.ReLU()),
            ]
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in settings.channels)
        self.drop_channels = nn.Dropout2d(settings.dropout)
        self.hidden = nn.Linear(second * side * side, settings.hidden)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden, n_classes)

    def forward(self, clips: Float[Tensor, "b 1 3 h w"]) -> Output:
        """Classify clips of one image each."""
        maps = self.look(clips[:, 0])
        with in_float32(clips):
            features = torch.relu(self.hidden(maps.float().flatten(1)))
            return Output(self.head(self.dropout(features)), features)

    def look(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d p q"]:
        """Return the maps of the second convolution.

        Parameters
        ----------
        images
            Flow and strain, not yet scaled.
        """
        assert self.scaling is not None
        x: Tensor = self.scaling(images)
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x = self.drop_channels(norm(block(x)))
        return x
