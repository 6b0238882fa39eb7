"""STSTNet, layer by layer, and the range that images are stretched over."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dstan.networks.image_range import ImageRange
from dstan.networks.network import count_parameters
from dstan.networks.ststnet import STSTNet, STSTNetSettings
from dstan.training import TrainingData, TrainingSettings, fit_network


def drawn(k: int = 3, settings: STSTNetSettings | None = None) -> STSTNet:
    torch.manual_seed(0)
    return STSTNet(k, settings or STSTNetSettings())


def clips(n: int = 2, size: int = 28) -> Tensor:
    return torch.randn(n, 1, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_the_layer_table_holds_for_images_of_28_x_28() -> None:
    network, shapes = drawn().eval(), []
    for block in network.blocks:
        block.register_forward_hook(lambda _block, _given, found: shapes.append(tuple(found.shape[1:])))
    output = network(clips())
    assert shapes == [(3, 30, 30), (5, 30, 30), (8, 30, 30)]
    assert network.look(clips()[:, 0]).shape == (2, 16, 5, 5)
    assert output.features.shape == (2, 400)
    assert output.logits.shape == (2, 3)


@pytest.mark.parametrize(("k", "total"), [(3, 1_683), (5, 2_485)])
def test_parameters_are_those_of_the_table(k: int, total: int) -> None:
    network = drawn(k)
    assert sum(map(count_parameters, network.blocks)) == 448
    assert sum(map(count_parameters, network.norms)) == 32
    assert count_parameters(network) == 480 + 401 * k == total


def test_a_hidden_layer_in_place_of_batch_norm_makes_the_number_that_is_quoted_elsewhere() -> None:
    hidden = count_parameters(nn.Linear(400, 400)) + count_parameters(nn.Linear(400, 3))
    assert sum(map(count_parameters, drawn().blocks)) + hidden == 162_051


def test_it_is_convolution_relu_batch_norm_and_both_poolings_written_out() -> None:
    network = drawn().eval()
    with torch.no_grad():
        for norm in network.norms:
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
            norm.weight.uniform_(-1, 1)
        found, maps = network(clips()), []
        for block, norm in zip(network.blocks, network.norms, strict=True):
            x = nn.functional.conv2d(clips()[:, 0], block[0].weight, block[0].bias, padding=2).clamp(min=0)
            mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
            x = (x - mean) / (variance + norm.eps).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
            x = nn.functional.pad(x, (1, 1, 1, 1), value=-torch.inf)[..., :30, :30]
            maps.append(x.reshape(2, -1, 10, 3, 10, 3).amax((3, 5)))
        features = torch.cat(maps, 1).reshape(2, 16, 5, 2, 5, 2).mean((3, 5)).flatten(1)
    torch.testing.assert_close(found.features, features, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.logits, features @ network.head.weight.T + network.head.bias)


@pytest.mark.parametrize("size", [8, 27, 28, 29, 30, 64])
def test_images_of_other_sizes_are_taken(size: int) -> None:
    assert drawn(3, STSTNetSettings(size=size)).eval()(clips(size=size)).logits.shape == (2, 3)


def test_one_scale_keeps_faint_motion_faint_and_one_an_image_does_not() -> None:
    strong = clips(1)
    faint = strong / 10
    shared, single = drawn().eval(), drawn(3, STSTNetSettings(per_image=True)).eval()
    with torch.no_grad():
        assert not torch.allclose(shared(strong).logits, shared(faint).logits, rtol=1e-2)
        torch.testing.assert_close(single(strong).logits, single(faint).logits, rtol=1e-3, atol=1e-3)


def test_raw_values_are_stretched_before_they_lose_digits() -> None:
    faint = 8 + 0.01 * torch.rand(6, 1, 3, 28, 28, generator=torch.Generator().manual_seed(2))
    data, seen = TrainingData.stack(faint, torch.arange(6) % 3, (-1.0, 1.0, 1.0)), []
    network = drawn(3, STSTNetSettings(per_image=True))
    assert network.scaling is not None
    network.scaling.register_forward_hook(lambda _module, given, found: seen.append((given[0].dtype, found.dtype)))
    fit_network(network, data, TrainingSettings(precision="bfloat16"), epochs=1, seed=0)
    assert set(seen) == {(torch.float32, torch.float32)}


def test_each_channel_of_each_image_is_stretched_over_the_whole_range() -> None:
    images = clips(3)[:, 0] * torch.tensor([1.0, 5.0, 0.1])[:, None, None] + 3
    found = ImageRange(255.0)(images)
    torch.testing.assert_close(found.amin((2, 3)), torch.zeros(3, 3))
    torch.testing.assert_close(found.amax((2, 3)), torch.full((3, 3), 255.0))
    torch.testing.assert_close(found[1, 2].argsort(), images[1, 2].argsort())


def test_an_image_without_motion_becomes_zero() -> None:
    assert torch.equal(ImageRange(1.0)(torch.full((1, 3, 4, 4), 7.0)), torch.zeros(1, 3, 4, 4))


def test_half_precision_leaves_the_last_layer_in_single_precision() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = drawn()(clips())
    assert output.features.dtype == output.logits.dtype == torch.float32


@pytest.mark.parametrize("per_image", [False, True])
def test_eight_clips_are_learned_by_heart(per_image: bool) -> None:
    network = drawn(3, STSTNetSettings(dropout=0.0, per_image=per_image)).train()
    given, labels = clips(8), torch.arange(8) % 3
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(given).logits, labels)
        loss.backward()
        optimizer.step()
    assert (network(given).logits.argmax(1) == labels).all()
    assert loss < 0.1


def test_dropout_is_on_in_training_only() -> None:
    network = drawn()
    with torch.no_grad():
        assert not torch.equal(network.train()(clips()).features, network(clips()).features)
        assert torch.equal(network.eval()(clips()).features, network(clips()).features)
