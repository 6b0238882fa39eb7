"""The two streams against a NumPy transcription of sections 2.2 and 2.3."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dstan.networks.streams import Stream, StreamSettings

TINY = StreamSettings(channels=(2, 3, 4, 5, 6), lstm_width=7, reduction=2)


def _stream(settings: StreamSettings, in_channels: int = 1) -> Stream:
    torch.manual_seed(0)
    network = Stream(in_channels, 3, settings)
    network.train()(torch.randn(2, 2, in_channels, 32, 32))  # moves the running statistics away from 0 and 1
    return network.eval()


@pytest.mark.parametrize("in_channels", [1, 2])
@pytest.mark.parametrize("lhfn", [False, True])
@pytest.mark.parametrize("spatial", [False, True])
@pytest.mark.parametrize("temporal", [False, True])
def test_modules_are_there_when_switched_on(in_channels: int, lhfn: bool, spatial: bool, temporal: bool) -> None:
    network = _stream(
        replace(TINY, lhfn=lhfn, spatial_attention=spatial, temporal_attention=temporal), in_channels=in_channels
    )
    output = network(torch.randn(2, 3, in_channels, 40, 33))
    assert output.logits.shape == (2, 3)
    assert output.features.shape == (2, 7)
    assert network.lstm.input_size == (10 if lhfn else 6)
    assert (output.temporal is None) == (not temporal)
    assert (output.spatial is None) == (not spatial)
    if output.temporal is not None:
        assert output.temporal.shape == (2, 3)
    if output.spatial is not None:
        assert output.spatial.shape == (2, 3, 5, 4)
    output.logits.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_stream_is_sections_2_2_and_2_3_written_out() -> None:
    network = _stream(TINY)
    clips = torch.randn(2, 3, 1, 40, 48)
    with torch.no_grad():
        x = clips.reshape(6, 1, 40, 48)
        for index, block in enumerate(network.blocks):
            conv, norm = block.conv, block.norm
            z = nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1)), conv.weight)
            mean, var = norm.running_mean[:, None, None], norm.running_var[:, None, None]
            z = (z - mean) / torch.sqrt(var + norm.eps) * norm.weight[:, None, None] + norm.bias[:, None, None]
            z = torch.clamp(z, min=0)  # the paper's order: ReLU, then pooling
            h, w = z.shape[2] // 2 * 2, z.shape[3] // 2 * 2
            x = z[:, :, :h, :w].reshape(6, z.shape[1], h // 2, 2, w // 2, 2).amax((3, 5))
            if index == 2:
                x, _ = network.spatial_attention(x)
                low = x
        high, _ = network.channel_attention(x)
        pooled = []
        for mix, maps in ((network.mix_low, low), (network.mix_high, high)):
            mixed = nn.functional.conv2d(maps, mix.weight[:, :, None, None], mix.bias)  # LHFN's 1 x 1 convolution
            pooled.append(mixed.mean((2, 3)))
        frames, _ = network.temporal_attention(torch.cat(pooled, dim=1).reshape(2, 3, -1))
        outputs, _ = network.lstm(frames)
        features = (outputs[:, 0] + outputs[:, 1] + outputs[:, 2]) / 3  # equation 1
        found = network(clips)
    torch.testing.assert_close(found.features, features, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.logits, network.head(features), atol=1e-5, rtol=1e-4)


def test_lstm_is_the_textbook_s() -> None:
    network = _stream(TINY)
    lstm, frames = network.lstm, torch.randn(1, 4, 10)
    w_in, w_h, b = (p.detach().double().numpy() for p in (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0))
    b = b + lstm.bias_hh_l0.detach().double().numpy()
    h = c = np.zeros(7)
    outputs = []
    for x in frames[0].double().numpy():
        i, f, g, o = np.split(w_in @ x + w_h @ h + b, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        outputs.append(h)
    with torch.no_grad():
        features = network.lstm(frames)[0].mean(1)[0].numpy()
    np.testing.assert_allclose(features, np.mean(outputs, axis=0), atol=1e-6)


def test_the_paper_s_networks_are_lightweight() -> None:
    sizes = {c: sum(p.numel() for p in Stream(c, 5, StreamSettings(lhfn=c == 1)).parameters()) for c in (1, 2)}
    assert all(600_000 < size < 800_000 for size in sizes.values())


def test_the_layout_changes_nothing_but_the_last_bits() -> None:
    network, clips = _stream(TINY), torch.randn(1, 2, 1, 32, 32)
    with torch.no_grad():
        before = network(clips).logits
        after = network.in_fast_layout()(clips).logits
    torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-4)
    assert network.blocks[1].conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_half_precision_stops_before_the_lstm() -> None:
    network = _stream(TINY)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(torch.randn(1, 2, 1, 32, 32))
    assert output.logits.dtype == torch.float32
    assert output.features.dtype == torch.float32
