"""3D-FCNN's network, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dstan.errors import ShapeError
from dstan.networks.flow3d import Block3D, Flow3D, Flow3DSettings
from dstan.networks.network import count_parameters
from dstan.training import AugmentationSettings
from dstan.training.augmentation import augment

TINY = Flow3DSettings(channels=(2, 3, 4), hidden=5)


def drawn(settings: Flow3DSettings = TINY, shape: tuple[int, int, int, int] = (8, 3, 16, 24), k: int = 3) -> Flow3D:
    torch.manual_seed(0)
    return Flow3D(k, shape, settings)


def clips(n: int = 2, shape: tuple[int, int, int, int] = (8, 3, 16, 24)) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1))


def test_the_layer_table_holds_for_clips_of_16_steps_of_64_x_64() -> None:
    network, shapes = drawn(Flow3DSettings(), (16, 3, 64, 64), 5), []
    for block in network.blocks:
        block.register_forward_hook(lambda _block, _given, found: shapes.append(tuple(found.shape[1:])))
    output = network.eval()(clips(1, (16, 3, 64, 64)))
    assert shapes == [(16, 16, 32, 32), (32, 8, 16, 16), (64, 4, 8, 8)] * 3
    assert output.features.shape == (1, 384)
    assert output.logits.shape == (1, 5)


@pytest.mark.parametrize("k", [3, 5])
def test_parameters_are_those_of_the_table(k: int) -> None:
    network = drawn(Flow3DSettings(), (16, 3, 64, 64), k)
    assert [count_parameters(block) for block in network.blocks] == [464, 13_888, 55_424] * 3
    assert [count_parameters(join) for join in network.join] == [8_320] * 3
    assert count_parameters(network) == 234_288 + 385 * k


def test_without_the_average_each_stream_sees_all_positions() -> None:
    network = drawn(Flow3DSettings(gap=False), (16, 3, 64, 64), 5)
    assert [count_parameters(join) for join in network.join] == [2_097_280] * 3
    assert count_parameters(network) == 6_501_168 + 385 * 5
    scales = sum(block.norm.weight.numel() for block in network.blocks)
    assert count_parameters(network) - 385 * 5 - scales == 6_500_832  # the specification counts no batch norm


@pytest.mark.parametrize("halves_time", [False, True])
@pytest.mark.parametrize("steps", [4, 5])
def test_a_block_is_convolution_batch_norm_relu_and_pooling_written_out(halves_time: bool, steps: int) -> None:
    torch.manual_seed(2)
    block, norm = Block3D(2, 6, halves_time=halves_time).train(), nn.BatchNorm3d(6).train()
    with torch.no_grad():
        for own in (block.norm, norm):
            own.weight.copy_(torch.tensor([1.2, -0.7, 0.0, 0.3, -2.0, 1.0]))
            own.bias.copy_(torch.linspace(-1, 1, 6))
    x = torch.randn(3, 2, steps, 9, 10)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    plain = nn.functional.conv3d(other, block.conv.weight, padding=1)
    plain = nn.functional.max_pool3d(torch.relu(norm(plain)), (2 if halves_time else 1, 2, 2))
    found = block(one)
    torch.testing.assert_close(found, plain)
    gradient = torch.randn_like(plain)
    (mine,) = torch.autograd.grad(found, one, gradient, retain_graph=True)
    (theirs,) = torch.autograd.grad(plain, other, gradient)
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(block.norm.running_mean, norm.running_mean)
    torch.testing.assert_close(block.norm.running_var, norm.running_var)
    block.eval(), norm.eval()
    evaluated = torch.relu(norm(nn.functional.conv3d(x, block.conv.weight, padding=1)))
    torch.testing.assert_close(block(x), nn.functional.max_pool3d(evaluated, (2 if halves_time else 1, 2, 2)))


@pytest.mark.parametrize("gap", [False, True])
def test_any_number_of_steps_from_four_and_any_size_from_eight_is_taken(gap: bool) -> None:
    for shape in ((8, 3, 64, 64), (4, 3, 8, 8), (5, 3, 33, 47)):
        network = drawn(Flow3DSettings(channels=(2, 3, 4), hidden=5, gap=gap), shape).eval()
        assert network(clips(2, shape)).logits.shape == (2, 3)


@pytest.mark.parametrize("shape", [(3, 3, 64, 64), (8, 3, 7, 64), (8, 2, 64, 64)])
def test_shorter_smaller_or_other_clips_are_refused_with_what_to_do(shape: tuple[int, int, int, int]) -> None:
    with pytest.raises(ShapeError, match=r"at least 4 steps of 8 x 8 pixels with 3 channels.*recipe\.steps=16"):
        drawn(shape=shape)


def test_the_streams_share_nothing_so_swapping_u_and_v_changes_the_output() -> None:
    network, given = drawn().eval(), clips()
    with torch.no_grad():
        assert not torch.allclose(network(given).logits, network(given[:, :, [0, 2, 1]]).logits, atol=1e-4)


def test_each_stream_sees_its_own_channel_only() -> None:
    network, given = drawn().eval(), clips()
    with torch.no_grad():
        for channel in range(3):
            other = given.clone()
            other[:, :, channel] += 1 + torch.randn(2, 8, 16, 24)
            changed = (network(other).features != network(given).features).view(2, 3, 5).any((0, 2))
            assert changed.tolist() == [stream == channel for stream in range(3)]


def test_a_stream_without_motion_says_the_same_of_every_clip() -> None:
    network, given = drawn().eval(), clips(4)
    with torch.no_grad():
        network.blocks[3].norm.bias.fill_(0.5)
        moving = network(given).features[:, 5:10]
        given[:, :, 1] = 0
        still = network(given).features[:, 5:10]
    assert moving.std(0).max() > 1e-4
    torch.testing.assert_close(still, still[:1].expand(4, -1), rtol=0, atol=1e-6)
    assert still.abs().max() > 0


def test_a_mirrored_clip_moves_the_other_way() -> None:
    given = clips(40).movedim(2, -1)
    signs = torch.tensor([1.0, -1.0, 1.0])
    changed = augment(given, AugmentationSettings(mirror=True), signs, torch.Generator().manual_seed(0))
    mirrored = (changed != given).flatten(1).any(1)
    assert 5 < mirrored.sum() < 35
    torch.testing.assert_close(changed[mirrored], given[mirrored].flip(3) * signs)


def test_weights_and_outputs_are_decided_by_the_seed() -> None:
    one, other = drawn().eval(), drawn().eval()
    with torch.no_grad():
        assert torch.equal(one(clips()).logits, other(clips()).logits)


@pytest.mark.parametrize("steps", [4, 6, 8, 16])
def test_the_gradient_in_half_precision_is_nearly_that_in_single(steps: int) -> None:
    network, given = drawn(shape=(steps, 3, 32, 32)).in_fast_layout(), clips(4, (steps, 3, 32, 32))
    seen = given[:, :, 0][:, None]
    for block in network.blocks[:3]:
        gradients = []
        for half in (False, True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                found = block.filtered(seen, block.conv.weight)
            (gradient,) = torch.autograd.grad(found.float().square().sum(), block.conv.weight)
            gradients.append(gradient)
        assert (gradients[0] - gradients[1]).norm() < 0.02 * gradients[0].norm()
        seen = block(seen).detach()


def test_half_precision_leaves_the_last_layers_in_single_precision() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = drawn()(clips())
    assert output.features.dtype == output.logits.dtype == torch.float32


@pytest.mark.parametrize("gap", [False, True])
def test_eight_clips_are_learned_by_heart(gap: bool) -> None:
    shape = (4, 3, 8, 8)
    network = drawn(Flow3DSettings(channels=(4, 8, 8), hidden=16, gap=gap, dropout=0.0), shape).train()
    given, labels = clips(8, shape), torch.arange(8) % 3
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(given).logits, labels)
        loss.backward()
        optimizer.step()
    assert (network(given).logits.argmax(1) == labels).all()
    assert loss < 0.1
