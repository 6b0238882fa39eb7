"""What every network offers to training and recognisers: clips in, scores and features out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dstan.networks.image_range import ImageRange
from dstan.networks.scaling import Scaling


class Output(NamedTuple):
    """What a network returns for a batch of clips."""

    logits: Float[Tensor, "b k"]
    features: Float[Tensor, "b f"]
    """What the last layer sees."""
    temporal: Float[Tensor, "b t"] | None = None
    """Weight of each frame; None without attention in time."""
    spatial: Float[Tensor, "b t h w"] | None = None
    """Weight of each position; None without attention in space."""
    states: Float[Tensor, "b s"] | None = None
    """Scores of the states of an expression; None where they are not told apart."""
    units: Float[Tensor, "b u"] | None = None
    """Scores of action units, each by itself; None where they are not told."""


class Network(nn.Module):
    """Base of every network.

    Attributes
    ----------
    blocks
        Modules whose outputs (n, c, ...), after ReLU, are watched for channels that died. A plain list where they are
        part of another module, so that no weight has two names.
    scaling
        Measured on the training clips before a fit, and applied by the network itself, which is given raw values; None
        where it has none.
    """

    blocks: Iterable[nn.Module]
    scaling: Scaling | ImageRange | None

    def __init__(self) -> None:
        super().__init__()
        self.blocks = ()
        self.scaling = None  # not in the class, where it would hide the module of that name

    def in_fast_layout(self) -> Self:
        """Keep the weights of convolutions channels-last, the faster layout on CPU and GPU alike.

        The last bits of the outputs depend on the layout, so networks that are to agree must share it.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
            elif isinstance(module, nn.Conv3d):
                module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        return self

    @abstractmethod
    def forward(self, clips: Float[Tensor, "b t c h w"]) -> Output:
        """Classify clips."""


class Backbone(nn.Module):
    """The part of a two-stage network that looks at one step of a clip.

    Attributes
    ----------
    channels
        Which channels of a step it looks at.
    width
        Channels of the maps that it returns.
    blocks
        As in :class:`Network`; those of ``tail``.
    frozen
        Applied first and never trained. What it returns is computed once and kept, so nothing is augmented before it.
    tail
        What the first stage trains.
    """

    channels: tuple[int, ...]
    width: int
    blocks: Iterable[nn.Module]
    frozen: nn.Module
    tail: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Identity()

    @property
    def is_partly_frozen(self) -> bool:
        """Whether something comes before what is trained."""
        return not isinstance(self.frozen, nn.Identity)

    def given(self, steps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d p q"]:
        """Return what ``tail`` sees of steps with all their channels."""
        own = torch.stack([steps[:, channel] for channel in self.channels], dim=1)  # no indices that must be sent over
        found: Tensor = self.frozen(own)
        return found

    def forward(self, steps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n width p q"]:
        """Return the maps of steps with all their channels."""
        found: Tensor = self.tail(self.given(steps))
        return found


class StepClassifier(Network):
    """A backbone that learns to classify single steps: the first stage of a two-stage network.

    Its clips are single steps (b, 1, c, h, w) with all their channels or, where a part of the backbone is frozen, what
    that part returned of them. Maps are averaged over positions.

    Parameters
    ----------
    scaling
        Of the two-stage network.
    backbone
        Shared with the two-stage network.
    n_classes
        Classes told apart.
    """

    def __init__(self, scaling: Scaling | ImageRange | None, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        self.scaling = None if backbone.is_partly_frozen else scaling
        self.backbone, self.blocks = backbone, backbone.blocks
        self.head = nn.Linear(backbone.width, n_classes)

    def look(self, clips: Float[Tensor, "b 1 c h w"]) -> Float[Tensor, "b width"]:
        """Return the feature of each step."""
        steps = clips[:, 0] if self.scaling is None else self.scaling(clips[:, 0])
        maps = self.backbone.tail(steps) if self.backbone.is_partly_frozen else self.backbone(steps)
        found: Tensor = maps.float().mean((2, 3))
        return found

    def forward(self, clips: Float[Tensor, "b 1 c h w"]) -> Output:
        """Classify single steps."""
        features = self.look(clips)
        with in_float32(clips):
            return Output(self.head(features), features)


class TwoStageNetwork(Network):
    """Backbones that look at single steps, and a part that follows what they saw through time.

    The backbones learn first, each by itself (:meth:`step_classifier`); then they stay as they are, and
    :meth:`follow` learns from what they see.

    Attributes
    ----------
    backbones
        By name, each a :class:`Backbone`; their maps have one height and width.
    """

    backbones: nn.ModuleDict

    def see(self, steps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n f p q"]:
        """Return the maps of all backbones side by side.

        Parameters
        ----------
        steps
            Any number, with all their channels.
        """
        scaled = self.scaled(steps)
        return torch.cat([backbone(scaled) for backbone in self.backbones.values()], dim=1)

    def scaled(self, steps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return steps as the backbones are given them.

        Parameters
        ----------
        steps
            Any number, with all their channels.
        """
        return steps if self.scaling is None else self.scaling(steps)

    @abstractmethod
    def follow(self, seen: Float[Tensor, "b t f p q"]) -> Output:
        """Classify clips by what was seen of their steps.

        Parameters
        ----------
        seen
            What :meth:`see` returned, clip by clip.
        """

    def step_classifier(self, name: str, n_classes: int) -> StepClassifier:
        """Return a network for the first stage of a backbone; it shares the backbone's weights.

        Parameters
        ----------
        name
            Of the backbone.
        n_classes
            Classes told apart.
        """
        backbone = self.backbones[name]
        assert isinstance(backbone, Backbone)
        return StepClassifier(self.scaling, backbone, n_classes)

    def forward(self, clips: Float[Tensor, "b t c h w"]) -> Output:
        """Classify clips."""
        seen = self.see(clips.flatten(0, 1))
        return self.follow(seen.view(*clips.shape[:2], *seen.shape[1:]))


class Follower(Network):
    """What the second stage of a two-stage network trains: it is given what the backbones saw.

    Parameters
    ----------
    network
        The whole; its backbones get no gradient.
    """

    def __init__(self, network: TwoStageNetwork) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(
            {name: part for name, part in network.named_children() if name not in ("backbones", "scaling")}
        )
        self._network = (network,)  # in a tuple, so that its backbones are no part of this one

    @property
    def whole(self) -> TwoStageNetwork:
        """The network that it is a part of."""
        return self._network[0]

    def forward(self, clips: Float[Tensor, "b t f p q"]) -> Output:
        """Classify clips by what was seen of their steps."""
        return self._network[0].follow(clips)


class UnitTeller(Network):
    """A network and, on the features that its last layer sees, a second layer that tells action units.

    Parameters
    ----------
    network
        Any.
    width
        Of its features.
    n_units
        Action units told, each by itself.
    """

    def __init__(self, network: Network, width: int, n_units: int) -> None:
        super().__init__()
        self.network, self.units = network, nn.Linear(width, n_units)
        self.blocks, self.scaling = list(network.blocks), network.scaling

    def forward(self, clips: Float[Tensor, "b t c h w"]) -> Output:
        """Classify clips and tell their action units."""
        found: Output = self.network(clips)
        with in_float32(clips):
            return found._replace(units=self.units(found.features.float()))


def in_float32(x: Tensor) -> AbstractContextManager[Any]:
    """Return a context in which nothing is computed in less than single precision.

    Parameters
    ----------
    x
        A tensor of the device in question.
    """
    return torch.autocast(x.device.type, enabled=False)


def count_parameters(module: nn.Module) -> int:
    """Return how many numbers of a network are learned or were given, without its buffers.

    Parameters
    ----------
    module
        Any.
    """
    return sum(parameter.numel() for parameter in module.parameters())
