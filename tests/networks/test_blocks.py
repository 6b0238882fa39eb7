"""A block computes the same whichever way it goes."""

import pytest
import torch
from torch.nn import functional

from dstan.networks.blocks import Block


def _block(seed: int = 0, pool: int = 2) -> Block:
    """Draw a block some of whose scales are negative and one is zero."""
    torch.manual_seed(seed)
    block = Block(2, 6, pool=pool)
    with torch.no_grad():
        block.norm.weight.copy_(torch.tensor([1.2, -0.7, 0.0, 0.3, -2.0, 1.0]))
        block.norm.bias.normal_()
    return block.to(memory_format=torch.channels_last)


def _plain(block: Block, x: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(block.norm(block.conv(x)).relu(), block.pool)


@pytest.mark.parametrize(("size", "pool"), [((8, 8), 2), ((9, 11), 2), ((2, 2), 2), ((17, 6), 2), ((9, 14), 4)])
def test_training_gives_the_numbers_of_the_plain_order(size: tuple[int, int], pool: int) -> None:
    fused, plain = _block(pool=pool).train(), _block(pool=pool).train()
    x = torch.randn(5, 2, *size)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, expected = fused(one), _plain(plain, other)
    torch.testing.assert_close(found, expected)
    gradient = torch.randn_like(expected)
    found.backward(gradient)
    expected.backward(gradient)
    torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-4)
    for mine, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-4, rtol=1e-4)
    for name, mine in fused.named_buffers():
        torch.testing.assert_close(mine, dict(plain.named_buffers())[name])


def test_running_statistics_follow_as_batch_norm_lets_them() -> None:
    fused, plain = _block().train(), _block().train()
    for momentum in (0.1, None):
        fused.norm.momentum = plain.norm.momentum = momentum
        for _ in range(3):
            x = torch.randn(4, 2, 8, 8)
            fused(x)
            _plain(plain, x)
        torch.testing.assert_close(fused.norm.running_mean, plain.norm.running_mean)
        torch.testing.assert_close(fused.norm.running_var, plain.norm.running_var)
        assert fused.norm.num_batches_tracked == plain.norm.num_batches_tracked


def test_the_gradient_is_that_of_small_steps() -> None:
    block = _block().double().train()
    with torch.no_grad():
        block.norm.weight[2] = 0.5
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x)


@pytest.mark.parametrize("half", [False, True])
def test_both_layouts_give_the_same(half: bool) -> None:
    block, other = _block().train(), _block().to(memory_format=torch.contiguous_format).train()
    x = torch.randn(3, 2, 12, 12)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        one, two = block(x.to(memory_format=torch.channels_last)), other(x)
    torch.testing.assert_close(one, two, atol=0.05 if half else 1e-5, rtol=0.05 if half else 1e-5)


def test_a_second_derivative_is_refused_rather_than_wrong() -> None:
    x = torch.randn(2, 2, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(_block().train()(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_a_frozen_convolution_leaves_the_other_gradients_as_they_are() -> None:
    fused, plain = _block().train(), _block().train()
    for block in (fused, plain):
        block.conv.weight.requires_grad_(False)
    x, gradient = torch.randn(3, 2, 8, 8), torch.randn(3, 6, 4, 4)
    fused(x).backward(gradient)
    _plain(plain, x).backward(gradient)
    torch.testing.assert_close(fused.norm.bias.grad, plain.norm.bias.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(fused.norm.weight.grad, plain.norm.weight.grad, atol=1e-4, rtol=1e-4)
    assert fused.conv.weight.grad is None
