"""MERTA, re-interpreted: three backbones with an attention each, and one LSTM [1]_.

Only the abstract and what others quote of it could be read: three VGGNets, still and moving information, three kinds
of attention learned together, an LSTM. Which attention is where, and every formula here, is this library's.

References
----------
.. [1] B. Yang, J. Cheng, Y. Yang, B. Zhang, J. Li, "MERTA: micro-expression recognition with ternary attentions",
   Multimedia Tools and Applications 80, 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from dstan.config import setting
from dstan.errors import ConfigError
from dstan.networks.network import Backbone, Output, in_float32
from dstan.networks.scaling import Kind, Scaling
from dstan.networks.vgg import (
    VGG16,
    Picture,
    SlimVGG,
    ThreeChannels,
    VGGBackbone,
    VGGNetwork,
    VGGSettings,
    vgg16_convolutions,
)

SEEN: Mapping[str, tuple[Picture, tuple[int, ...]]] = {
    "static": ("grey", (0,)),
    "dynamic": ("flow", (1, 2, 3)),
    "strain": ("strain", (4,)),
}
"""What each backbone looks at, and which channels of a step that is."""
KINDS: tuple[Kind, ...] = ("grey", "motion", "motion", "motion", "motion")
"""Of the channels of a step: grey, u, v, the length of (u, v), strain."""
LEAST_STRAIN = 1e-12
"""A step in which nothing is stretched more than this guides attention nowhere."""
FROZEN_LAYERS = 17
"""Of VGG-16: conv1 to conv3, the pooling after them included."""


@dataclass(frozen=True)
class MERTANetworkSettings(VGGSettings):
    """Sizes of the network, where its weights begin, and which attentions are there."""

    widths: tuple[int, int, int, int, int] = setting(
        (16, 32, 64, 128, 128), "Channels of the five convolutions of a backbone from scratch.", low=1, high=4096
    )
    static_attention: bool = setting(True, "Attention to positions in the frames.")
    dynamic_attention: bool = setting(True, "Attention to positions in the flow.")
    channel_attention: bool = setting(True, "Attention to channels of what is seen of the strain.")
    strain_guide: bool = setting(False, "The strain itself weighs the attention to positions in the flow, too.")
    reduction: int = setting(16, "Compression ratio of the attention to channels.", low=1, high=4096)
    lstm_width: int = setting(512, "Units of the LSTM.", low=1, high=4096)
    dropout: float = setting(0.5, "Share of the LSTM's last output that is left out in training.", low=0, high=0.95)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strain_guide and not self.dynamic_attention:
            raise ConfigError(
                "strain_guide guides the dynamic attention, which is off",
                hint="--set network.dynamic_attention=true, or --set network.strain_guide=false",
            )


class StaticSpatialAttention(nn.Module):
    """Weigh every position of what is seen of a frame: the sigmoid of a 1 x 1 convolution.

    Parameters
    ----------
    channels
        Channels of the maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, 1)

    def forward(self, maps: Float[Tensor, "n c p q"]) -> tuple[Float[Tensor, "n c p q"], Float[Tensor, "n 1 p q"]]:
        """Return the weighted maps and the weights in (0, 1)."""
        weights = torch.sigmoid(self.score(maps))
        return weights * maps, weights


class DynamicSpatialAttention(nn.Module):
    """Weigh every position of what is seen of the flow: the sigmoid of a 7 x 7 convolution.

    The convolution sees two maps, the mean and the maximum over all channels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(2, 1, 7, padding=3)

    def forward(
        self, maps: Float[Tensor, "n c p q"], guide: Float[Tensor, "n 1 p q"] | None = None
    ) -> tuple[Float[Tensor, "n c p q"], Float[Tensor, "n 1 p q"]]:
        """Return the weighted maps and the weights: in (0, 1), or in [0, 1) where a guide in [0, 1] is given."""
        pooled = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], dim=1)
        weights = torch.sigmoid(self.score(pooled))
        if guide is not None:
            weights = weights * guide
        return weights * maps, weights


class DynamicChannelAttention(nn.Module):
    """Weigh every channel of what is seen of the strain, by two layers on the mean of each.

    Parameters
    ----------
    channels
        Channels of the maps.
    reduction
        The first layer has ``channels / reduction`` units, at least one.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, maps: Float[Tensor, "n c p q"]) -> tuple[Float[Tensor, "n c p q"], Float[Tensor, "n c"]]:
        """Return the weighted maps and the weights in (0, 1)."""
        weights = torch.sigmoid(self.fc2(torch.relu(self.fc1(maps.mean((2, 3))))))
        return weights[:, :, None, None] * maps, weights


class SlimBackbone(Backbone):
    """A slim VGG from scratch.

    Parameters
    ----------
    channels
        Which channels of a step it looks at.
    widths
        Channels of its five blocks.
    """

    def __init__(self, channels: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.channels, self.width = channels, widths[-1]
        self.tail = seeing = SlimVGG(len(channels), widths)
        self.blocks = list(seeing.blocks)


class VGG16Backbone(VGGBackbone):
    """The 13 convolutions of VGG-16; conv1 to conv3 are never trained.

    Parameters
    ----------
    picture
        What it looks at.
    channels
        Which channels of a step that is.
    """

    def __init__(self, picture: Picture, channels: tuple[int, ...]) -> None:
        super().__init__()
        layers = list(vgg16_convolutions().children())
        self.channels, self.width = channels, VGG16[-1][-1]
        self.frozen = nn.Sequential(ThreeChannels(picture), *layers[:FROZEN_LAYERS]).requires_grad_(False)
        self.tail = nn.Sequential(*layers[FROZEN_LAYERS:])
        self.blocks = [layer for layer in layers[FROZEN_LAYERS:] if isinstance(layer, nn.ReLU)]

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights in torchvision's numbering.

        Parameters
        ----------
        weights
            "features.N.weight" and "features.N.bias" of the 13 convolutions; others are left out.
        """
        _, *layers = self.frozen.children()
        own = nn.Sequential(*layers, *self.tail.children())
        own.load_state_dict({name: weights[f"features.{name}"] for name in own.state_dict()})


class MERTANetwork(VGGNetwork):
    """Three backbones, three attentions, one LSTM.

    With ``c`` channels of a backbone's maps (128 from scratch, 512 of VGG-16) and five classes:

    ======================================  ====================  =================  ===================
    layer                                   output                from scratch       VGG-16
    ======================================  ====================  =================  ===================
    static: grey, backbone                  T x c x h/16 x w/16   245,104            14,714,688
    dynamic: u, v, length, backbone         T x c x h/16 x w/16   245,392            14,714,688
    strain: strain, backbone                T x c x h/16 x w/16   245,104            14,714,688
    static attention: 1 x 1                 T x 1 x h/16 x w/16   129                513
    dynamic attention: 7 x 7                T x 1 x h/16 x w/16   99                 99
    channel attention: c, c/16, c           T x c                 2,184              33,312
    means over positions, side by side      T x 3 c
    LSTM 512, last output                   512                   1,839,104          4,198,400
    dropout, linear                         5                     2,565              2,565
    total                                                         2,579,681          48,378,953
    ======================================  ====================  =================  ===================

    Parameters
    ----------
    n_classes
        Classes told apart.
    size
        Height and width of a step in pixels, at least 32.
    settings
        Sizes, where its weights begin, and which attentions are there.
    """

    def __init__(self, n_classes: int, size: tuple[int, int], settings: MERTANetworkSettings) -> None:
        super().__init__()
        backbones = {name: _backbone(*seen, settings) for name, seen in SEEN.items()}
        self.backbones = nn.ModuleDict(backbones)
        self.scaling = None if settings.weights else Scaling(KINDS, size)
        self.guided, self.width = settings.strain_guide, next(iter(backbones.values())).width
        self.static = StaticSpatialAttention(self.width) if settings.static_attention else None
        self.dynamic = DynamicSpatialAttention() if settings.dynamic_attention else None
        self.channel = DynamicChannelAttention(self.width, settings.reduction) if settings.channel_attention else None
        self.lstm = nn.LSTM(3 * self.width, settings.lstm_width, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.lstm_width, n_classes)

    def see(self, steps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n f p q"]:
        """Return the maps of all backbones side by side, and the guide after them where there is one.

        Parameters
        ----------
        steps
            Any number, with all their channels, as they are measured: grey in [0, 255], motion in pixels.
        """
        maps = super().see(steps)
        if not self.guided:
            return maps
        strain = functional.adaptive_avg_pool2d(steps[:, 4:5], (maps.shape[2], maps.shape[3]))
        guide = strain / strain.amax((2, 3), keepdim=True).clamp(min=LEAST_STRAIN)
        return torch.cat([maps, guide.to(maps.dtype)], dim=1)

    def attend(self, maps: Float[Tensor, "n f p q"]) -> tuple[Float[Tensor, "n 3*c"], Float[Tensor, "n 1 p q"] | None]:
        """Return the feature of each step, and the static weights.

        Parameters
        ----------
        maps
            What :meth:`see` returned.
        """
        still, moving, strain, guide = torch.tensor_split(maps, [self.width * part for part in (1, 2, 3)], dim=1)
        weights = None
        if self.static is not None:
            still, weights = self.static(still)
        if self.dynamic is not None:
            moving, _ = self.dynamic(moving, guide if self.guided else None)
        if self.channel is not None:
            strain, _ = self.channel(strain)
        return torch.cat([part.mean((2, 3)) for part in (still, moving, strain)], dim=1), weights

    def follow(self, seen: Float[Tensor, "b t f p q"]) -> Output:
        """Classify clips by what was seen of their steps; its spatial weights are the static ones.

        Parameters
        ----------
        seen
            What :meth:`see` returned, clip by clip.
        """
        with in_float32(seen):
            steps, weights = self.attend(seen.flatten(0, 1).float())
            features = self.lstm(steps.view(*seen.shape[:2], -1))[0][:, -1]
            logits = self.head(self.dropout(features))
        maps = None if weights is None else weights.reshape(*seen.shape[:2], *weights.shape[2:])
        return Output(logits, features, spatial=maps)


def _backbone(picture: Picture, channels: tuple[int, ...], settings: MERTANetworkSettings) -> Backbone:
    return VGG16Backbone(picture, channels) if settings.weights else SlimBackbone(channels, settings.widths)
