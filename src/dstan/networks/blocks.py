"""A block of the streams: convolution, batch norm, max pooling, ReLU, and its training made cheap on a CPU.

Batch norm with a positive scale and max pooling commute. So in float32 on a CPU the statistics are taken first, the
convolution's output is pooled, and only the quarter of it that is left, or less, is scaled; and one gradient is
written where batch norm, pooling and ReLU would write one each. The numbers are those of the plain order, up to
rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Block(nn.Module):
    """Convolution, batch norm, max pool, ReLU.

    The paper's ReLU comes before the pooling; both orders give the same numbers, and this one touches a quarter of
    the pixels.

    Parameters
    ----------
    in_channels, out_channels
        Of the convolution, which has no bias of its own: batch norm has it.
    size
        Height and width of its filters, odd.
    pool
        Height and width of what becomes one pixel.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int = 3, pool: int = 2) -> None:
        super().__init__()
        self.conv: nn.Conv2d | nn.Conv3d = nn.Conv2d(in_channels, out_channels, size, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.pool = pool

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h/p w/p"]:
        """Return maps of half the height and width, or of what the pooling leaves of them."""
        fused = self.training and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        if fused:
            return self._train_fused(x)
        return functional.max_pool2d(self.norm(self.filtered(x, self.conv.weight)), self.pool).relu_()

    def filtered(self, x: Float[Tensor, "n c h w"], weight: Float[Tensor, "d c k k"]) -> Float[Tensor, "n d h w"]:
        """Return what filters make of maps.

        Parameters
        ----------
        x
            The maps.
        weight
            The filters: the block's own, some of them turned round while it is trained.
        """
        return functional.conv2d(x, weight, padding=self.conv.padding)

    def _train_fused(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h/2 w/2"]:
        norm = self.norm
        sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0)  # filters are turned round where the scale is negative
        weight = self.conv.weight
        filtered = self.filtered(x, weight * sign.view(-1, *(1,) * (weight.dim() - 1)))
        filtered = filtered.contiguous(memory_format=torch.channels_last)
        pooled: Tensor
        pooled, mean, variance = _NormPoolReLU.apply(  # type: ignore[no-untyped-call]
            filtered, norm.weight * sign, norm.bias, norm.eps, self.pool
        )
        self._follow(mean * sign, variance, filtered.numel() // len(sign))
        return pooled

    def _follow(self, mean: Float[Tensor, " d"], variance: Float[Tensor, " d"], n: int) -> None:
        """Bring the running statistics up to date, as batch norm does."""
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked += 1
        share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean, share)
        norm.running_var.lerp_(variance * (n / (n - 1)), share)


class _NormPoolReLU(torch.autograd.Function):
    """Batch norm with a scale that is not negative, max pool and ReLU, of a map that lies channels-last."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "n c h w"],
        scale: Float[Tensor, " c"],
        bias: Float[Tensor, " c"],
        eps: float,
        pool: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
        pooled, places = functional.max_pool2d(x, pool, return_indices=True)
        inverse = torch.rsqrt(variance + eps)
        gain = scale * inverse
        rows = _rows(pooled)
        out = torch.addcmul(_along(bias - mean * gain, rows), rows, _along(gain, rows)).relu_()
        out = out.view(pooled.movedim(1, -1).shape).movedim(-1, 1)
        ctx.save_for_backward(x, places, pooled, out, mean, inverse, scale)
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Return the gradients; that of ``x`` is ``a x + b`` everywhere and more where a maximum was taken."""
        x, places, pooled, out, mean, inverse, scale = ctx.saved_tensors
        n, c, h, w = x.shape
        gradient = _rows(torch.where(out > 0, gradients[0], 0.0))
        of_bias = gradient.view(-1, c).sum(0)
        of_scale = ((gradient * _rows(pooled)).view(-1, c).sum(0) - mean * of_bias) * inverse
        gain, count = scale * inverse, n * h * w
        a = -gain * inverse * of_scale / count
        b = -gain * of_bias / count - a * mean
        rows = _rows(x)
        of_x = torch.addcmul(_along(b, rows), rows, _along(a, rows)).view(n, h * w, c)
        of_x.scatter_add_(
            1, places.movedim(1, -1).reshape(n, -1, c), (gradient * _along(gain, gradient)).view(n, -1, c)
        )
        return of_x.view(n, h, w, c).movedim(-1, 1), of_scale, of_bias, None, None


def _rows(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n*h w*c"]:
    """Return a channels-last map as rows of memory, long enough for fast sums and products."""
    n, c, h, w = x.shape
    return x.movedim(1, -1).reshape(n * h, w * c)


def _along(values: Float[Tensor, " c"], rows: Float[Tensor, "r w*c"]) -> Float[Tensor, " w*c"]:
    """Repeat one value a channel along a row."""
    return values.repeat(rows.shape[1] // len(values))
