"""What networks see of prepared arrays, on batches and in torch: the counterpart of ``tensor()`` of recognisers.

Recognisers look at one clip at a time, in numpy. What they compute in double precision, or sum over a whole clip, is
done in double precision here. Every export compares both (:mod:`dstan.inference.export`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from dstan.recognizers.contract import StreamName
from dstan.recognizers.flow_values import RELATIVE
from dstan.recognizers.settings import GREY
from dstan.recognizers.stream import DIFFERENCE_GAIN

LEAST_SPREAD = 1e-6
"""Added to the deviation of a clip's grey values before these are divided by it."""


@dataclass(frozen=True)
class Given:
    """The shape of an array that a graph takes: steps, height and width.

    Parameters
    ----------
    least
        How many of each are needed.
    fixed
        How many of each there must be; None where any number from the least one will do.
    """

    least: tuple[int, int, int] = (1, 1, 1)
    fixed: tuple[int | None, int | None, int | None] = (None, None, None)


class Input(nn.Module):
    """Makes what a network sees (b, t, c, h, w) of prepared arrays.

    Parameters
    ----------
    given
        The arrays that it takes, in the order of its arguments.
    """

    def __init__(self, given: dict[StreamName, Given]) -> None:
        super().__init__()
        self.given = given


class Frames(Input):
    """Frames or their differences from the first, standardised by their own clip.

    Parameters
    ----------
    given
        The frames.
    frames
        "grey" or "differences".
    """

    def __init__(self, given: Given, frames: str) -> None:
        super().__init__({"appearance": given})
        self.frames = frames

    def forward(self, appearance: Float32[Tensor, "b t h w"]) -> Float32[Tensor, "b t 1 h w"]:
        """Return what STAN sees."""
        clip = appearance.double()
        mean = clip.mean((1, 2, 3), keepdim=True)
        spread = (clip - mean).square().mean((1, 2, 3), keepdim=True).sqrt() + LEAST_SPREAD
        moved = clip - mean if self.frames == GREY else float(DIFFERENCE_GAIN) * (clip - clip[:, :1])
        return (moved / spread).float()[:, :, None]


class Motion(Input):
    """Flow in pixels or relative to its own clip, with or without its strain.

    Parameters
    ----------
    given
        The flow.
    values
        "pixels" or "relative".
    strain
        A factor on the strain; None for no such channel.
    gain
        A factor on everything.
    """

    def __init__(self, given: Given, values: str, strain: float | None = None, gain: float = 1.0) -> None:
        super().__init__({"flow": given})
        self.values, self.strain, self.gain = values, strain, gain

    def forward(self, flow: Float32[Tensor, "b t 2 h w"]) -> Float32[Tensor, "b t c h w"]:
        """Return u, v and, where asked for, strain."""
        channels = flow
        if self.strain is not None:
            channels = torch.cat([flow, self.strain * strain_of(flow).float()], dim=2)
        if self.values == RELATIVE:
            channels = relative(channels.double()).float()
        return channels if self.gain == 1 else channels * self.gain


class Image(Motion):
    """Flow and strain of one field as one small square image: each the average over areas.

    Parameters
    ----------
    given
        The flow.
    values
        "pixels" or "relative".
    size
        Side of the image.
    """

    def __init__(self, given: Given, values: str, size: int) -> None:
        super().__init__(given, values, strain=1.0)
        self.size = size

    def forward(self, flow: Float32[Tensor, "b 1 2 h w"]) -> Float32[Tensor, "b 1 3 size size"]:
        """Return the image."""
        whole = super().forward(flow)
        rows, columns = areas(whole.shape[3], self.size), areas(whole.shape[4], self.size)
        return rows @ whole @ columns.T


class FramesAndMotion(Input):
    """Frames and flow as they are, step by step: grey, u and v.

    Parameters
    ----------
    frames, flow
        As many of one as of the other, of one size.
    """

    def __init__(self, frames: Given, flow: Given) -> None:
        super().__init__({"appearance": frames, "flow": flow})

    def forward(
        self, appearance: Float32[Tensor, "b t h w"], flow: Float32[Tensor, "b t 2 h w"]
    ) -> Float32[Tensor, "b t 3 h w"]:
        """Return them side by side."""
        return torch.cat([appearance[:, :, None], flow], dim=2)


def strain_of(flow: Float32[Tensor, "b t 2 h w"]) -> Float64[Tensor, "b t 1 h w"]:
    """Return the magnitude of the strain; see :func:`dstan.preprocessing.strain.strain_magnitude`.

    Parameters
    ----------
    flow
        (u, v) in pixels.
    """
    u, v = flow.double().chunk(2, dim=2)
    u_y, u_x = _slope(u, -2), _slope(u, -1)
    v_y, v_x = _slope(v, -2), _slope(v, -1)
    return (u_x.square() + v_y.square() + (u_y + v_x).square() / 2).sqrt()


def _slope(plane: Float64[Tensor, "*n h w"], dim: int) -> Float64[Tensor, "*n h w"]:
    """Return central differences along an axis, one-sided ones at both ends."""
    n = plane.shape[dim]
    first = plane.narrow(dim, 1, 1) - plane.narrow(dim, 0, 1)
    inner = (plane.narrow(dim, 2, n - 2) - plane.narrow(dim, 0, n - 2)) / 2
    last = plane.narrow(dim, n - 1, 1) - plane.narrow(dim, n - 2, 1)
    return torch.cat([first, inner, last], dim=dim)


def relative(channels: Float64[Tensor, "b t c h w"]) -> Float64[Tensor, "b t c h w"]:
    """Return each channel of a clip minus its median, over its range; 0 where it is constant.

    See :func:`dstan.recognizers.flow_values.relative`.

    Parameters
    ----------
    channels
        Of whole clips.
    """
    values = channels.transpose(1, 2).flatten(2)
    n = values.shape[2]
    upper_half = values.topk(n // 2 + 1, dim=2).values  # in falling order, the median last
    middle = (upper_half[..., n // 2] + upper_half[..., (n - 1) // 2]) / 2
    extent = values.amax(2) - values.amin(2)
    scale = torch.where(extent > 0, extent, torch.ones_like(extent))
    found = (values - middle[..., None]) / scale[..., None]
    found = torch.where(extent[..., None] > 0, found, torch.zeros_like(found))
    return found.view(channels.transpose(1, 2).shape).transpose(1, 2)


def areas(n: int, size: int) -> Float[Tensor, "size n"]:
    """Return the weights that average n pixels over areas, as ``interpolate`` of the mode "area" does.

    Parameters
    ----------
    n
        Pixels given.
    size
        Pixels wanted.
    """
    place, pixel = torch.arange(size)[:, None], torch.arange(n)
    start = torch.div(place * n, size, rounding_mode="floor")
    end = torch.div((place + 1) * n + size - 1, size, rounding_mode="floor")
    inside = (pixel >= start) & (pixel < end)
    return inside.float() / (end - start).float()
