"""ELRCN-TE: what VGGs see of flow, of strain and of the frames, side by side, and an LSTM over the steps [1]_.

References
----------
.. [1] H.-Q. Khor, J. See, R. C.-W. Phan, W. Lin, "Enriched long-term recurrent convolutional network for facial
   micro-expression recognition", FG 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from dstan.config import setting
from dstan.networks.network import Backbone, Output, in_float32
from dstan.networks.scaling import Kind, Scaling
from dstan.networks.vgg import (
    FC,
    SIDE,
    VGG16,
    Picture,
    SlimVGG,
    ThreeChannels,
    VGGBackbone,
    VGGNetwork,
    VGGSettings,
    vgg16_convolutions,
)

STREAMS: Mapping[Picture, tuple[int, ...]] = {"flow": (0, 1, 2), "strain": (3,), "grey": (4,)}
"""The channels of a step that each stream looks at: u, v and their length; strain; grey value."""
KINDS: tuple[Kind, ...] = ("motion", "motion", "motion", "motion", "grey")
"""Of the channels of a step."""


@dataclass(frozen=True)
class ELRCNNetworkSettings(VGGSettings):
    """Sizes of the network, and where its weights begin."""

    streams: int = setting(2, "2: flow and strain, of which the published table is; 3: the frames, too.", low=2, high=3)
    widths: tuple[int, int, int, int, int] = setting(
        (16, 32, 64, 128, 128), "Channels of the five convolutions of a stream from scratch.", low=1, high=4096
    )
    fc_width: int = setting(512, "Features of a step in a stream from scratch; VGG-16 has 4096.", low=1, high=8192)
    dropout: float = setting(0.5, "Share of fc6 and fc7 left out in training.", low=0.0, high=0.95)
    lstm_width: int = setting(512, "Units of the LSTM.", low=1, high=8192)
    hidden: int = setting(128, "Units of the layer after the LSTM.", low=1, high=8192)
    sigmoid: bool = setting(
        False, "Probabilities are sigmoids divided by their sum, as in the authors' code; otherwise the softmax."
    )

    @property
    def seen(self) -> tuple[Picture, ...]:
        """The streams, in the order of their features."""
        return tuple(STREAMS)[: self.streams]


class SlimStream(Backbone):
    """A slim VGG from scratch, the mean over all positions, one fully connected layer.

    Parameters
    ----------
    channels
        Which channels of a step it looks at.
    settings
        Its sizes.
    """

    def __init__(self, channels: tuple[int, ...], settings: ELRCNNetworkSettings) -> None:
        super().__init__()
        vgg, self.channels, self.width = SlimVGG(len(channels), settings.widths), channels, settings.fc_width
        fc = nn.Conv2d(settings.widths[-1], self.width, 1)  # of one position: fully connected
        self.tail = nn.Sequential(vgg, nn.AdaptiveAvgPool2d(1), fc, nn.ReLU(), nn.Dropout(settings.dropout))
        self.blocks = list(vgg.blocks)


class VGG16Stream(VGGBackbone):
    """VGG-16 up to fc7; its convolutions are never trained.

    Parameters
    ----------
    kind
        What it looks at.
    channels
        Which channels of a step that is.
    settings
        Its dropout.
    """

    frozen: nn.Sequential
    tail: nn.Sequential

    def __init__(self, kind: Picture, channels: tuple[int, ...], settings: ELRCNNetworkSettings) -> None:
        super().__init__()
        self.channels, self.width = channels, FC
        before = [ThreeChannels(kind), vgg16_convolutions(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(SIDE)]
        self.frozen = nn.Sequential(*before).requires_grad_(False)
        fc6, fc7 = nn.Linear(VGG16[-1][-1] * SIDE**2, FC), nn.Linear(FC, FC)
        self.blocks = first, second = nn.ReLU(), nn.ReLU()
        drop = nn.Dropout(settings.dropout)
        self.tail = nn.Sequential(nn.Flatten(), fc6, first, drop, fc7, second, drop, nn.Unflatten(1, (FC, 1, 1)))

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights in torchvision's numbering.

        Parameters
        ----------
        weights
            What :func:`dstan.networks.vgg.read_vgg16` returned.
        """
        parts = {"features": self.frozen[1], "classifier.0": self.tail[1], "classifier.3": self.tail[4]}
        for part, module in parts.items():
            module.load_state_dict({name: weights[f"{part}.{name}"] for name in module.state_dict()})


class ELRCN(VGGNetwork):
    """One VGG a stream, an LSTM over what they see, two fully connected layers.

    With flow and strain, T steps and C classes:

    ======================================  ============  =================  ===================
    layer                                   output        from scratch       VGG-16
    ======================================  ============  =================  ===================
    flow: convolutions                      T x d x p x q 245,392            14,714,688
    strain: convolutions                    T x d x p x q 245,104            14,714,688
    fc6 of both                             T x 4096                         2 x 102,764,544
    fc7 of both                             T x f         2 x 66,048         2 x 16,781,312
    side by side (TE)                       T x 2 f
    LSTM, last output                       512           3,149,824          17,829,888
    fully connected, ReLU                   128           65,664             65,664
    fully connected                         C             129 C              129 C
    total, without the 129 C                              3,838,080          286,416,640
    ======================================  ============  =================  ===================

    From scratch f is 512, d x p x q is 128 x h/16 x w/16 and its mean 128; with VGG-16 f is 4096 and d x p x q
    512 x 7 x 7.

    Parameters
    ----------
    n_classes
        Classes told apart.
    size
        Height and width of a step in pixels, at least 32.
    settings
        Sizes, and where its weights begin.
    """

    def __init__(self, n_classes: int, size: tuple[int, int], settings: ELRCNNetworkSettings) -> None:
        super().__init__()
        self.backbones = nn.ModuleDict({kind: _stream(kind, settings) for kind in settings.seen})
        channels = sum(len(STREAMS[kind]) for kind in settings.seen)
        self.scaling = None if settings.weights else Scaling(KINDS[:channels], size)
        width = FC if settings.weights else settings.fc_width
        self.lstm = nn.LSTM(settings.streams * width, settings.lstm_width, batch_first=True)
        self.hidden = nn.Linear(settings.lstm_width, settings.hidden)
        self.head = nn.Linear(settings.hidden, n_classes)
        self.sigmoid = settings.sigmoid

    def follow(self, seen: Float[Tensor, "b t f 1 1"]) -> Output:
        """Classify clips by what was seen of their steps.

        With ``sigmoid`` the scores are the logarithms of sigmoids: their softmax is a sigmoid over the sum of all.

        Parameters
        ----------
        seen
            What :meth:`see` returned, clip by clip: the streams' features side by side.
        """
        with in_float32(seen):
            last = self.lstm(seen.float().flatten(2))[0][:, -1]
            features = torch.relu(self.hidden(last))
            scores = self.head(features)
            return Output(functional.logsigmoid(scores) if self.sigmoid else scores, features)


def _stream(kind: Picture, settings: ELRCNNetworkSettings) -> Backbone:
    channels = STREAMS[kind]
    return VGG16Stream(kind, channels, settings) if settings.weights else SlimStream(channels, settings)
