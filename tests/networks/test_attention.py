"""The attention equations against a plain NumPy transcription."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dstan.networks.attention import DualPoolChannelAttention, MultiScaleSpatialAttention, TemporalAttention

Array = NDArray[np.float64]


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _values(parameter: Tensor) -> Array:
    return parameter.detach().double().numpy()


def _convolve(maps: Array, conv: nn.Conv2d) -> Array:
    """Convolve (n, c, h, w) with zero padding, written out."""
    weight, bias = _values(conv.weight), _values(conv.bias)
    size = weight.shape[-1]
    padded = np.pad(maps, ((0, 0), (0, 0), (size // 2,) * 2, (size // 2,) * 2))
    out = np.zeros((len(maps), len(weight), *maps.shape[2:]))
    for y in range(maps.shape[2]):
        for x in range(maps.shape[3]):
            out[:, :, y, x] = np.einsum("nchw,dchw->nd", padded[:, :, y : y + size, x : x + size], weight) + bias
    return out


def test_spatial_attention_is_equations_2_to_4() -> None:
    torch.manual_seed(0)
    module = MultiScaleSpatialAttention(6)
    low = torch.randn(3, 6, 7, 5)
    refined, weights = module(low)
    f = _values(low)
    assert [conv.kernel_size for conv in module.scales] == [(1, 1), (3, 3), (5, 5)]
    maps = np.concatenate([_convolve(f, conv) for conv in module.scales], axis=1)  # equation 2
    wanted = _sigmoid(_convolve(maps, module.fuse))  # equation 3
    np.testing.assert_allclose(_values(weights), wanted, atol=1e-6)
    np.testing.assert_allclose(_values(refined), wanted * f, atol=1e-5)  # equation 4


def test_channel_attention_is_equations_5_to_7() -> None:
    torch.manual_seed(1)
    module = DualPoolChannelAttention(32, reduction=16)
    high = torch.randn(3, 32, 4, 5)
    refined, weights = module(high)
    f = _values(high)
    w1, b1, w2, b2 = map(_values, (module.fc1.weight, module.fc1.bias, module.fc2.weight, module.fc2.bias))
    assert w1.shape == (2, 32)
    scores = [np.maximum(pool @ w1.T + b1, 0) @ w2.T + b2 for pool in (f.mean((2, 3)), f.max((2, 3)))]  # equation 5
    wanted = _sigmoid(scores[0] + scores[1])  # equation 6
    np.testing.assert_allclose(_values(weights), wanted, atol=1e-6)
    np.testing.assert_allclose(_values(refined), wanted[:, :, None, None] * f, atol=1e-5)  # equation 7


def test_temporal_attention_is_equation_8() -> None:
    torch.manual_seed(2)
    module = TemporalAttention(10)
    frames = torch.randn(3, 4, 10)
    refined, weights = module(frames)
    s = _values(frames)
    wanted = _sigmoid(s @ _values(module.score.weight)[0] + _values(module.score.bias))
    np.testing.assert_allclose(_values(weights), wanted, atol=1e-6)
    np.testing.assert_allclose(_values(refined), wanted[:, :, None] * s, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 15])
def test_the_bottleneck_keeps_at_least_one_unit(channels: int) -> None:
    assert DualPoolChannelAttention(channels, reduction=16).fc1.out_features == 1
