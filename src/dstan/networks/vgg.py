"""The convolutions that ELRCN-TE and MERTA see with: VGG-16 where its weights are given, a slim VGG where they are not.

VGG-16 here is numbered as torchvision numbers it, so that a state dictionary of torchvision fits.

================  =============================  ==============
SlimVGG           output (from c x h x w)        parameters
================  =============================  ==============
block 1           16 x h/2 x w/2                 144 c + 32
block 2           32 x h/4 x w/4                 4,672
block 3           64 x h/8 x w/8                 18,560
block 4           128 x h/16 x w/16              73,984
block 5, no pool  128 x h/16 x w/16              147,712
total                                            144 c + 244,960
================  =============================  ==============

================  =============================  ==============
VGG-16            output (from 3 x h x w)        parameters
================  =============================  ==============
conv1_1, conv1_2  64 x h x w                     38,720
conv2_1, conv2_2  128 x h/2 x w/2                221,440
conv3_1 to 3_3    256 x h/4 x w/4                1,475,328
conv4_1 to 4_3    512 x h/8 x w/8                5,899,776
conv5_1 to 5_3    512 x h/16 x w/16              7,079,424
total                                            14,714,688
================  =============================  ==============

References
----------
.. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
   configuration D.
"""

from __future__ import annotations

import hashlib
import pickle
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dstan.config import Settings, setting
from dstan.errors import ConfigError
from dstan.networks.blocks import Block
from dstan.networks.network import Backbone, TwoStageNetwork

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the 13 convolutions, in the five groups between which is a pooling."""
SIDE = 7
"""Height and width of the maps that fc6 looks at."""
FC = 4096
"""Units of fc6 and of fc7."""
IMAGENET_MEAN, IMAGENET_SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1]: what the weights were trained with."""


class SlimVGG(nn.Module):
    """Blocks of convolution 3 x 3, batch norm and ReLU; a max pool 2 x 2 after each but the last: stride 16.

    Parameters
    ----------
    in_channels
        Channels of what it looks at.
    widths
        Channels of the blocks.
    """

    def __init__(self, in_channels: int, widths: Sequence[int] = (16, 32, 64, 128, 128)) -> None:
        super().__init__()
        pooled = [Block(a, b) for a, b in pairwise((in_channels, *widths[:-1]))]
        before, last = (in_channels, *widths)[-2:]
        conv = nn.Conv2d(before, last, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList([*pooled, nn.Sequential(conv, nn.BatchNorm2d(last), nn.ReLU())])

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h/16 w/16"]:
        """Return the last block's maps."""
        for block in self.blocks:
            x = block(x)
        return x


def vgg16_convolutions() -> nn.Sequential:
    """Make the 13 convolutions of VGG-16, each with its ReLU, and the four poolings between them: stride 16.

    They carry torchvision's numbers ("0" to "29"). The pooling that follows there ("30") is left to the caller.
    """
    layers: list[nn.Module] = []
    before = 3
    for group in VGG16:
        if layers:
            layers.append(nn.MaxPool2d(2))
        for width in group:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True)]
            before = width
    return nn.Sequential(*layers)


Picture: TypeAlias = Literal["grey", "flow", "strain"]
"""What a picture shows."""
PICTURES: Mapping[Picture, tuple[float, float]] = {"grey": (1.0, 0.0), "flow": (16.0, 128.0), "strain": (255.0, 0.0)}
"""How values become those of a picture of eight bits: what they are multiplied by, and what is added."""


def picture_of(x: Float[Tensor, "..."], kind: Picture) -> Float[Tensor, "..."]:
    """Return values in [0, 255], not rounded: what ELRCN-TE's authors stored in files of eight bits.

    ========  =================================
    kind      picture
    ========  =================================
    grey      the grey value
    flow      16 x + 128, with x in pixels
    strain    255 times the strain
    ========  =================================

    Parameters
    ----------
    x
        Values as they are measured.
    kind
        What they are.
    """
    gain, middle = PICTURES[kind]
    return (gain * x + middle).clamp(0.0, 255.0)


def through_eight_bits(x: Float[Tensor, "..."], kind: Picture) -> Float[Tensor, "..."]:
    """Return values as they come back from a picture of eight bits: rounded, and cut off where it is black or white.

    Motion below 1/32 pixel is lost by that.

    Parameters
    ----------
    x
        Values as they are measured.
    kind
        What they are.
    """
    gain, middle = PICTURES[kind]
    return (picture_of(x, kind).round() - middle) / gain


class ThreeChannels(nn.Module):
    """Make of raw values the image of three channels that VGG-16 was trained for.

    One channel is repeated; u, v and the length of the flow become red, green and blue. :func:`picture_of` says how
    values become brightness. The picture is divided by 255 and standardised as ImageNet's were.

    Parameters
    ----------
    kind
        What the values are: one channel of "grey" values or of "strain", or three of "flow".
    """

    def __init__(self, kind: Picture) -> None:
        super().__init__()
        self.kind: Picture = kind
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(IMAGENET_SCALE)[:, None, None], persistent=False)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 3 h w"]:
        """Return the standardised image, in float32: bfloat16 tells only whole numbers apart above 128."""
        picture = picture_of(x.float(), self.kind).expand(-1, 3, -1, -1)
        return (picture / 255.0 - self.mean) / self.scale


@dataclass(frozen=True)
class VGGSettings(Settings):
    """What the settings of every network hold that sees with VGGs."""

    weights: str = setting(
        "",
        "A local file: torchvision's state dictionary of VGG-16, or VGG-Face in that form; where empty, small VGGs "
        "learn from scratch.",
    )


class VGGBackbone(Backbone):
    """A backbone that is a VGG-16, or the first part of one."""

    @abstractmethod
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the weights that it has a place for.

        Parameters
        ----------
        weights
            As :func:`read_vgg16` returns them.
        """


class VGGNetwork(TwoStageNetwork):
    """A network whose backbones are each a :class:`VGGBackbone` where weights are given."""

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Begin all backbones with the same weights.

        Parameters
        ----------
        weights
            As :func:`read_vgg16` returns them.
        """
        for backbone in self.backbones.values():
            assert isinstance(backbone, VGGBackbone)
            backbone.load(weights)


def read_vgg16(path: Path) -> dict[str, Tensor]:
    """Read a local VGG-16 in torchvision's form: a file that ``torch.save(vgg16.state_dict(), FILE)`` wrote.

    The classes that it tells apart do not matter, so VGG-Face in that form fits, too. Nothing in the file is executed.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    "features.N.weight" and "features.N.bias" of the 13 convolutions, and those of "classifier.0" (fc6) and
    "classifier.3" (fc7), in float32; its last layer is left out.

    Raises
    ------
    ConfigError
        If there is no such file, it is not such a file, or one of another network.
    """
    given, expected = _read(path), _shapes()
    for name, shape in expected.items():
        if name not in given:
            raise _not_vgg16(path, f"{name} is missing")
        if tuple(given[name].shape) != shape:
            raise _not_vgg16(path, f"{name} has the shape {tuple(given[name].shape)}, not {shape}")
    last = {"classifier.6.weight", "classifier.6.bias"}
    if others := sorted(given.keys() - expected.keys() - last):
        raise _not_vgg16(path, f"{others[0]} is not part of it")
    return {name: given[name].float() for name in expected}


def file_digest(path: Path | str) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Parameters
    ----------
    path
        The file.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def given_weights(path: str) -> dict[str, str]:
    """Return the SHA-256 of a file of weights by its name, once it has been read; nothing where none is named.

    Parameters
    ----------
    path
        The file, or "".

    Raises
    ------
    ConfigError
        As :func:`read_vgg16`.
    """
    if not path:
        return {}
    read_vgg16(Path(path))
    return {Path(path).name: file_digest(path)}


def _read(path: Path) -> dict[str, Tensor]:
    hint = 'Save one with torch.save(vgg16.state_dict(), FILE), or train from scratch: --set network.weights=""'
    try:
        document: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"the weights cannot be read: {error.strerror}", where=path, hint=hint) from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, AttributeError) as error:
        raise ConfigError("not a file of weights that PyTorch wrote", where=path, hint=hint) from error
    if not isinstance(document, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in document.items()
    ):
        raise ConfigError("holds no state dictionary, which names a tensor for each weight", where=path, hint=hint)
    return document


def _shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight by its name in torchvision."""
    shapes = {f"features.{name}": tuple(value.shape) for name, value in _on_paper().state_dict().items()}
    for number, inputs in ((0, VGG16[-1][-1] * SIDE**2), (3, FC)):
        shapes |= {f"classifier.{number}.weight": (FC, inputs), f"classifier.{number}.bias": (FC,)}
    return shapes


def _on_paper() -> nn.Sequential:
    with torch.device("meta"):
        return vgg16_convolutions()


def _not_vgg16(path: Path, why: str) -> ConfigError:
    hint = "Take the VGG-16 without batch norm, with its classifier, of torchvision"
    return ConfigError(f"these are not the weights of a VGG-16: {why}", where=path, hint=hint)
