"""CNN-LSTM: a CNN that looks at single frames, and an LSTM that follows what it saw.

Two stages: the CNN learns the classes together with five states of an expression from single steps; then it stays as
it is, and the LSTM learns the classes from its features.

The published text that could be read tells of the two stages, the states and the two kinds of network. The sizes are
recalled or ours, so this is a re-interpretation of [1]_.

====================================  ================  ======================  =====================
layer                                 output            parameters, batch norm  parameters without it
====================================  ================  ======================  =====================
grey frame less the mean image        1 x 64 x 64
conv 5 x 5, pool 2, ReLU              32 x 32 x 32      864                     832
conv 5 x 5, pool 2, ReLU              64 x 16 x 16      51,328                  51,264
conv 5 x 5, pool 2, ReLU              128 x 8 x 8       205,056                 204,928
linear, ReLU: the feature             512               4,195,328               4,194,816
*the CNN*                                               *4,452,576*             *4,451,840*
LSTM over the steps, the last output  512               2,101,248               2,101,248
linear, k = 5 classes                 k                 2,565                   2,565
*in all*                                                *6,556,389*             *6,555,653*
====================================  ================  ======================  =====================

Batch norm comes after each convolution and the linear layer, which then have no bias; without that after the linear
layer nearly all features died within a few steps of Adam at 1e-3. The heads of the first stage, ``513 k`` parameters
for the classes and 2,565 for the states, are not kept. Half of the features are dropped before every last layer.

References
----------
.. [1] D. H. Kim, W. J. Baddar, Y. M. Ro, "Micro-expression recognition with expression-state constrained
   spatio-temporal feature representations", ACM Multimedia 2016, pp. 382-386.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from dstan.config import Settings, setting
from dstan.networks.blocks import Block
from dstan.networks.image_range import ImageRange
from dstan.networks.network import Backbone, Output, StepClassifier, TwoStageNetwork, in_float32
from dstan.networks.scaling import Scaling

FILTER = 5
"""Height and width of the convolutions' filters."""
N_STATES = 5
"""Onset, rise, apex, fall and offset."""


@dataclass(frozen=True)
class CNNLSTMNetworkSettings(Settings):
    """Sizes, none of which could be read in the publication."""

    channels: tuple[int, int, int] = setting((32, 64, 128), "Channels of the three convolutions.", low=1, high=4096)
    width: int = setting(512, "Length of a frame's feature.", low=1, high=4096)
    lstm_width: int = setting(512, "Units of the LSTM.", low=1, high=4096)
    dropout: float = setting(0.5, "Share of the features dropped before every last layer.", low=0, high=0.95)
    batch_norm: bool = setting(True, "Batch norm after each layer of the CNN; networks of 2016 often had none.")


class FeatureNorm(nn.BatchNorm1d):
    """Batch norm; a batch of a single step, which has no variance, is normalised as in prediction."""

    def forward(self, x: Float[Tensor, "n f"]) -> Float[Tensor, "n f"]:
        """Return features with mean 0 and variance 1, scaled and shifted as was learned."""
        if self.training and len(x) == 1:
            mean, variance = self.running_mean, self.running_var
            return functional.batch_norm(x, mean, variance, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)


class FrameCNN(Backbone):
    """Three convolutions and a linear layer.

    Parameters
    ----------
    size
        Height and width of a frame in pixels, at least 8 each: the linear layer is made for them.
    settings
        Sizes.
    """

    channels = (0,)

    def __init__(self, size: tuple[int, int], settings: CNNLSTMNetworkSettings) -> None:
        super().__init__()
        self.width = settings.width
        widths = (1, *settings.channels)
        last = widths[-1] * (size[0] // 8) * (size[1] // 8)
        convolutions = [_convolution(a, b, batch_norm=settings.batch_norm) for a, b in pairwise(widths)]
        linear = [nn.Flatten(), *_linear(last, self.width, batch_norm=settings.batch_norm), nn.ReLU()]
        self.blocks = [*convolutions, nn.Sequential(*linear, nn.Unflatten(1, (self.width, 1, 1)))]
        self.tail = nn.Sequential(*self.blocks)


class StateClassifier(StepClassifier):
    """The CNN with two heads: the class and the state of the expression in a single step.

    Parameters
    ----------
    scaling, backbone, n_classes
        As in :class:`StepClassifier`.
    dropout
        Share of the features dropped before the heads.
    """

    def __init__(
        self, scaling: Scaling | ImageRange | None, backbone: Backbone, n_classes: int, dropout: float
    ) -> None:
        super().__init__(scaling, backbone, n_classes)
        self.dropout = nn.Dropout(dropout)
        self.state_head = nn.Linear(backbone.width, N_STATES)

    def forward(self, clips: Float[Tensor, "b 1 c h w"]) -> Output:
        """Classify single steps; the features are those before dropout."""
        features = self.look(clips)
        with in_float32(clips):
            kept = self.dropout(features)
            return Output(self.head(kept), features, states=self.state_head(kept))


class CNNLSTMNetwork(TwoStageNetwork):
    """CNN-LSTM; the module's table lists its layers.

    Parameters
    ----------
    size
        Height and width of a frame in pixels, at least 8 each.
    n_classes
        Classes told apart.
    settings
        Sizes.
    """

    def __init__(self, size: tuple[int, int], n_classes: int, settings: CNNLSTMNetworkSettings) -> None:
        super().__init__()
        cnn = FrameCNN(size, settings)
        self.scaling = Scaling(("grey",), size)
        self.backbones = nn.ModuleDict({"cnn": cnn})
        self.lstm = nn.LSTM(settings.width, settings.lstm_width, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.lstm_width, n_classes)

    def follow(self, seen: Float[Tensor, "b t f 1 1"]) -> Output:
        """Classify clips by the features of their steps.

        Parameters
        ----------
        seen
            What :meth:`see` returned, clip by clip.
        """
        with in_float32(seen):
            features = self.lstm(seen.float().flatten(2))[0][:, -1]
            return Output(self.head(self.dropout(features)), features)

    def step_classifier(self, name: str, n_classes: int) -> StateClassifier:
        """Return a network for the first stage; it shares the CNN's weights.

        Parameters
        ----------
        name
            "cnn".
        n_classes
            Classes told apart.
        """
        backbone = self.backbones[name]
        assert isinstance(backbone, FrameCNN)
        return StateClassifier(self.scaling, backbone, n_classes, self.dropout.p)


def _convolution(in_channels: int, out_channels: int, *, batch_norm: bool) -> nn.Module:
    if batch_norm:
        return Block(in_channels, out_channels, FILTER)
    conv = nn.Conv2d(in_channels, out_channels, FILTER, padding=FILTER // 2)
    return nn.Sequential(conv, nn.MaxPool2d(2), nn.ReLU())


def _linear(inputs: int, outputs: int, *, batch_norm: bool) -> list[nn.Module]:
    linear = nn.Linear(inputs, outputs, bias=not batch_norm)
    return [linear, FeatureNorm(outputs)] if batch_norm else [linear]
