"""SSSNet, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dstan.networks.network import count_parameters
from dstan.networks.sssnet import SSSNet, SSSNetSettings

TINY = SSSNetSettings(size=22, channels=(4, 6), hidden=10, dropout=0.0)


def drawn(k: int = 3, settings: SSSNetSettings = TINY) -> SSSNet:
    torch.manual_seed(0)
    return SSSNet(k, settings)


def clips(n: int = 2, size: int = 22) -> Tensor:
    return torch.randn(n, 1, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_the_layer_table_holds_for_images_of_64_x_64() -> None:
    network, shapes = drawn(5, SSSNetSettings()).eval(), []
    for layer in (*network.blocks[0], *network.blocks[1]):
        layer.register_forward_hook(lambda _layer, _given, found: shapes.append(tuple(found.shape[1:])))
    output = network(clips(2, 64))
    assert shapes[0::3] == [(32, 60, 60), (64, 18, 18)]
    assert shapes[1::3] == shapes[2::3] == [(32, 20, 20), (64, 9, 9)]
    assert network.look(clips(2, 64)[:, 0]).shape == (2, 64, 9, 9)
    assert output.features.shape == (2, 256)
    assert output.logits.shape == (2, 5)


@pytest.mark.parametrize(("k", "total"), [(3, 1_349_251), (5, 1_349_765)])
def test_parameters_are_those_of_the_table(k: int, total: int) -> None:
    network = drawn(k, SSSNetSettings())
    assert [count_parameters(block) for block in network.blocks] == [2_432, 18_496]
    assert [count_parameters(norm) for norm in network.norms] == [64, 128]
    assert count_parameters(network.hidden) == 1_327_360
    assert count_parameters(network) == 1_348_480 + 257 * k == total


def test_batch_norm_comes_after_relu_and_pooling() -> None:
    network = drawn().eval()
    with torch.no_grad():
        x = clips()[:, 0]
        for block, norm, side in zip(network.blocks, network.norms, (3, 2), strict=True):
            norm.running_mean.uniform_(-1, 1)
            norm.weight.uniform_(-1, 1)
            x = nn.functional.conv2d(x, block[0].weight, block[0].bias).clamp(min=0)
            x = norm(nn.functional.max_pool2d(x, side))
        hidden = (x.flatten(1) @ network.hidden.weight.T + network.hidden.bias).clamp(min=0)
        found = network(clips())
    torch.testing.assert_close(found.features, hidden)
    torch.testing.assert_close(found.logits, hidden @ network.head.weight.T + network.head.bias)


@pytest.mark.parametrize("size", [16, 28, 63, 65])
def test_images_of_other_sizes_are_taken(size: int) -> None:
    network = drawn(3, SSSNetSettings(size=size, channels=(2, 3), hidden=4)).eval()
    assert network(clips(2, size)).logits.shape == (2, 3)


def test_whole_channels_are_dropped_in_training() -> None:
    network = drawn(3, SSSNetSettings(size=22, channels=(16, 16), hidden=10)).train()
    maps = network.look(clips()[:, 0])
    is_zero = (maps == 0).all((2, 3))
    assert 4 < is_zero.sum() < 28
    assert ((maps == 0).any((2, 3)) == is_zero).all()


def test_images_stretched_by_themselves_do_not_tell_how_strong_motion_is() -> None:
    strong = clips(1)
    shared, single = (
        drawn().eval(),
        drawn(3, SSSNetSettings(size=22, channels=(4, 6), hidden=10, per_image=True)).eval(),
    )
    with torch.no_grad():
        assert not torch.allclose(shared(strong).logits, shared(strong / 10).logits, rtol=1e-2)
        torch.testing.assert_close(single(strong).logits, single(strong / 10).logits, rtol=1e-3, atol=1e-4)


def test_half_precision_leaves_the_last_layers_in_single_precision() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = drawn()(clips())
    assert output.features.dtype == output.logits.dtype == torch.float32


@pytest.mark.parametrize("per_image", [False, True])
def test_eight_clips_are_learned_by_heart(per_image: bool) -> None:
    network = drawn(3, SSSNetSettings(size=22, channels=(4, 6), hidden=16, dropout=0.0, per_image=per_image)).train()
    given, labels = clips(8), torch.arange(8) % 3
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(given).logits, labels)
        loss.backward()
        optimizer.step()
    assert (network(given).logits.argmax(1) == labels).all()
    assert loss < 0.1
