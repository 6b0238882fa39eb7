"""Methods that look at one image: flow from onset to apex and its strain, small and square."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dstan.clips import PreparedClip
from dstan.errors import ShapeError
from dstan.recognizers.contract import StreamName
from dstan.recognizers.flow_values import PIXELS, flow_values_setting, motion_channels
from dstan.recognizers.initial import OneStageSettings
from dstan.recognizers.one_stage import OneStageRecognizer


@dataclass(frozen=True)
class FlowImageSettings(OneStageSettings):
    """What the settings of every such net hold, besides the group ``network`` of its own."""

    flow_values: str = flow_values_setting()


class FlowImageRecognizer(OneStageRecognizer):
    """Base of the shallow nets that look at :func:`flow_image`."""

    settings: FlowImageSettings
    streams: ClassVar[tuple[StreamName, ...]] = ("flow",)

    @property
    @abstractmethod
    def size(self) -> int:
        """Side of the image, in pixels."""

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """Those of u, v and strain."""
        return (-1.0, 1.0, 1.0)

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "1 3 h w"]:
        """Return flow and strain as one small image.

        Parameters
        ----------
        clip
            With one field of flow, from onset to apex.

        Raises
        ------
        ShapeError
            If it has more fields.
        """
        return flow_image(clip, self.size, self.settings.flow_values)


def one_field(clip: PreparedClip, demand: str) -> NDArray[np.float32]:
    """Return the (1, 2, H, W) flow of a clip in pixels, after a look at whether it is one field.

    Parameters
    ----------
    clip
        With flow.
    demand
        How the error begins.

    Raises
    ------
    ShapeError
        If it has more fields.
    """
    flow = np.asarray(clip.flow)
    if len(flow) != 1:
        raise ShapeError(
            f"{demand}, from onset to apex, and this clip has {len(flow)}",
            where=clip.clip,
            hint="Prepare the clips with --set recipe.pairs=onset-apex",
        )
    return flow


def flow_image(clip: PreparedClip, size: int, values: str = PIXELS) -> Float32[Tensor, "1 3 size size"]:
    """Return horizontal flow, vertical flow and strain as one image.

    Strain is that of the clip, or taken at the size that the clip was prepared in; then each becomes its average over
    areas. Displacements stay in pixels of the prepared clip, or each channel is made relative before it is averaged.

    Parameters
    ----------
    clip
        With one field of flow, from onset to apex.
    size
        Side of the image, in pixels.
    values
        "pixels" or "relative"; see :func:`dstan.recognizers.flow_values.motion_channels`.

    Raises
    ------
    ShapeError
        If the clip has more fields.
    """
    one_field(clip, "one field of flow is needed")
    image = torch.from_numpy(motion_channels(clip, values, strain=1.0))
    return functional.interpolate(image, (size, size), mode="area")
