"""STSTNet: three parallel streams of one convolution each over an image of flow from onset to apex [1]_.

"Three-dimensional" are its filters, which see the three channels u, v and strain at once: a convolution in two
dimensions with three input channels.

References
----------
.. [1] S.-T. Liong, Y. S. Gan, J. See, H.-Q. Khor, Y.-C. Huang, "Shallow triple stream three-dimensional CNN (STSTNet)
   for micro-expression recognition", FG 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from dstan.config import Settings, setting
from dstan.networks.image_range import ImageRange
from dstan.networks.network import Network, Output, in_float32
from dstan.networks.scaling import Kind, Scaling

CHANNELS: tuple[Kind, ...] = ("motion", "motion", "motion")
"""Of the image: u, v and strain."""
BYTE = 255.0
"""The authors' images have eight bits."""


@dataclass(frozen=True)
class STSTNetSettings(Settings):
    """Sizes of STSTNet; the defaults are the published ones but for ``per_image``."""

    size: int = setting(28, "Side of the image of flow, in pixels.", low=8, high=512)
    filters: tuple[int, int, int] = setting((3, 5, 8), "Filters of the three streams.", low=1, high=1024)
    dropout: float = setting(0.5, "Share of each stream's values that are dropped in training.", low=0.0, high=0.95)
    per_image: bool = setting(
        False,
        "Each of u, v and strain is stretched to 0 to 255 over its own image, as in the authors' images; otherwise one "
        "scale is measured on all training clips, and faint motion stays faint.",
    )


class STSTNet(Network):
    """Three streams with 3, 5 and 8 filters, one linear layer.

    With images of 28 x 28 and C classes:

    ===============================================  ==========================================  ==========
    layer                                            output                                      parameters
    ===============================================  ==========================================  ==========
    input                                            3 x 28 x 28
    conv 3 x 3 with a border of 2, ReLU, 3 streams   3 x 30 x 30, 5 x 30 x 30, 8 x 30 x 30       448
    batch norm                                       the same                                    32
    max pool 3 x 3 with a border of 1                3 x 10 x 10, 5 x 10 x 10, 8 x 10 x 10
    dropout, side by side                            16 x 10 x 10
    average pool 2 x 2                               16 x 5 x 5
    fully connected                                  C                                           401 C
    ===============================================  ==========================================  ==========

    So there are 480 + 401 C parameters: 1,683 with three classes. That is the net of the authors' code. Another
    implementation is quoted with 162,051: it has no batch norm, and a hidden layer of 400 units before the last.

    Parameters
    ----------
    n_classes
        Classes told apart.
    settings
        Sizes.
    """

    def __init__(self, n_classes: int, settings: STSTNetSettings) -> None:
        super().__init__()
        side = ((settings.size + 1) // 3 + 1) // 2  # conv: + 2; max pool: (side + 2 - 3) // 3 + 1; average pool: // 2
        sides = (settings.size, settings.size)
        self.scaling = ImageRange(BYTE) if settings.per_image else Scaling(CHANNELS, sides)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(len(CHANNELS), filters, 3, padding=2), nn.ReLU()) for filters in settings.filters
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters) for filters in settings.filters)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(sum(settings.filters) * side * side, n_classes)

    def forward(self, clips: Float[Tensor, "b 1 3 h w"]) -> Output:
        """Classify clips of one image each."""
        maps = self.look(clips[:, 0])
        with in_float32(clips):
            features = maps.float().flatten(1)
            return Output(self.head(features), features)

    def look(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d p q"]:
        """Return the maps of the three streams side by side.

        Parameters
        ----------
        images
            Flow and strain, not yet scaled.
        """
        assert self.scaling is not None
        x = self.scaling(images)
        seen = [norm(block(x)) for block, norm in zip(self.blocks, self.norms, strict=True)]
        pooled = [self.dropout(functional.max_pool2d(maps, 3, padding=1)) for maps in seen]
        return functional.avg_pool2d(torch.cat(pooled, dim=1), 2)
