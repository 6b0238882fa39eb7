"""STRCN's network, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from dstan.errors import ShapeError
from dstan.networks.network import count_parameters
from dstan.networks.strcn import Section, STRCNNetwork, STRCNNetworkSettings

TINY = STRCNNetworkSettings(maps=4)


def network(size: tuple[int, int] = (64, 64), channels: int = 2, settings: STRCNNetworkSettings = TINY) -> STRCNNetwork:
    torch.manual_seed(0)
    made = STRCNNetwork(3, (1, channels, *size), settings)
    made.train()(torch.randn(2, 1, channels, *size))  # moves the running statistics away from 0 and 1
    return made.eval()


@pytest.mark.parametrize(("maps", "parameters"), [(128, 939_139), (256, 3_746_051), (512, 14_963_203)])
def test_the_parameters_are_those_of_the_table(maps: int, parameters: int) -> None:
    made = STRCNNetwork(3, (1, 2, 64, 64), STRCNNetworkSettings(maps=maps))
    assert count_parameters(made) == parameters
    if maps == 128:
        assert [count_parameters(block) for block in made.blocks] == [2_560, 312_064, 312_064, 312_064]
        section = made.blocks[1]
        assert [count_parameters(part) for part in section.children()] == [16_640, 147_712, 147_712]
        assert count_parameters(made.head) == 129 * 3


@pytest.mark.parametrize(
    ("size", "shapes"),
    [
        ((224, 184), [(56, 46), (14, 11), (7, 5), (3, 2)]),
        ((300, 245), [(75, 61), (18, 15), (9, 7), (4, 3)]),
        ((64, 64), [(16, 16), (4, 4), (2, 2), (1, 1)]),
        ((67, 131), [(16, 32), (4, 8), (2, 4), (1, 2)]),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_each_layer_has_the_shape_of_the_table(
    size: tuple[int, int], shapes: list[tuple[int, int]], training: bool
) -> None:
    made = network(size).train(training)
    x = torch.randn(2, 2, *size)
    for block, shape in zip(made.blocks, shapes, strict=True):
        x = block(x)
        assert x.shape == (2, 4, *shape)
    output = made(torch.randn(2, 1, 2, *size))
    assert output.logits.shape == (2, 3)
    assert output.features.shape == (2, 4)
    assert output.temporal is None
    assert output.spatial is None


def test_a_network_is_the_published_steps_written_out() -> None:
    made, clips = network((80, 70)), torch.randn(2, 1, 2, 80, 70)

    def step(x: torch.Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> torch.Tensor:
        assert conv.bias is None
        found = functional.conv2d(x, conv.weight, padding=conv.weight.shape[-1] // 2)
        mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
        found = (found - mean) / torch.sqrt(variance + 1e-5)
        return torch.clamp(found * norm.weight[:, None, None] + norm.bias[:, None, None], min=0)

    with torch.no_grad():
        first = made.blocks[0]
        x = functional.max_pool2d(step(clips[:, 0], first.conv, first.norm), 4)
        for section, pool in zip(list(made.blocks)[1:], (4, 2, 2), strict=True):
            z = x
            x = step(z, section.first.conv, section.first.norm) + z
            x = step(x, section.second.conv, section.second.norm) + z
            x = functional.max_pool2d(step(x, section.third.conv, section.third.norm), pool)
        features = x.mean((2, 3))
        found = made(clips)
    assert [section.first.conv.weight.shape[-1] for section in list(made.blocks)[1:]] == [1, 1, 1]
    torch.testing.assert_close(found.features, features, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.logits, features @ made.head.weight.T + made.head.bias, atol=1e-5, rtol=1e-4)


def test_nothing_goes_round_the_last_step_of_a_section() -> None:
    torch.manual_seed(0)
    section = Section(4, 2, share=False).eval()
    for step in (section.first, section.second, section.third):
        nn.init.zeros_(step.conv.weight)
        nn.init.normal_(step.norm.bias)
    found = section(torch.randn(2, 4, 8, 8))
    torch.testing.assert_close(found, section.third.norm.bias.relu()[:, None, None].expand(2, 4, 4, 4))


def test_the_gradient_goes_round_the_first_two_steps() -> None:
    torch.manual_seed(0)
    z = torch.randn(2, 4, 8, 8, requires_grad=True)
    section = Section(4, 2, share=False).eval()
    for step in (section.first, section.second):
        nn.init.zeros_(step.conv.weight)
    nn.init.ones_(section.third.norm.bias)
    section(z).sum().backward()
    with_sums = z.grad
    assert with_sums is not None
    z.grad = None
    functional.max_pool2d(section.third.norm(section.third.conv(z)).relu(), 2).sum().backward()
    torch.testing.assert_close(with_sums, z.grad)  # both steps return 0, so the last one sees z itself
    assert with_sums.abs().sum() > 0


def test_a_shared_convolution_is_counted_once_and_learns_from_both_steps() -> None:
    made = STRCNNetwork(3, (1, 2, 64, 64), STRCNNetworkSettings(share=True))
    assert count_parameters(made) == 939_139 - 3 * 9 * 128**2
    torch.manual_seed(0)
    section, apart = Section(4, 2, share=True), Section(4, 2, share=False)
    assert section.third.conv is section.second.conv
    assert section.third.norm is not section.second.norm
    apart.load_state_dict(section.state_dict())
    x = torch.randn(2, 4, 8, 8)
    for one in (section, apart):
        one(x).square().sum().backward()
    both = apart.second.conv.weight.grad + apart.third.conv.weight.grad
    torch.testing.assert_close(section.second.conv.weight.grad, both, atol=1e-4, rtol=1e-4)


def test_a_clip_s_scores_do_not_depend_on_its_neighbours_nor_on_when_they_are_asked_for() -> None:
    made, clips = network(), torch.randn(3, 1, 2, 64, 64)
    with torch.no_grad():
        together = made(clips).logits
        torch.testing.assert_close(made(clips).logits, together, atol=0, rtol=0)
        torch.testing.assert_close(made(clips[1:2]).logits, together[1:2])


def test_every_weight_learns() -> None:
    made = network().train()
    made(torch.randn(4, 1, 2, 64, 64)).logits.square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_flow_is_scaled_and_a_matrix_loses_its_mean() -> None:
    flow, matrix = network(), network(channels=1)
    assert flow.scaling is not None
    assert matrix.scaling is not None
    assert flow.scaling.kinds == ("motion", "motion")
    assert matrix.scaling.kinds == ("grey",)
    clips = torch.randn(2, 1, 2, 64, 64)
    with torch.no_grad():
        before = flow(clips).logits
        flow.scaling.scale.fill_(5.0)
        torch.testing.assert_close(flow(5 * clips).logits, before)


def test_less_than_64_pixels_or_more_than_one_step_is_an_error_that_says_so() -> None:
    for shape, said in (((1, 2, 63, 64), "1 of 63 x 64"), ((2, 2, 64, 64), "2 of 64 x 64")):
        with pytest.raises(ShapeError, match=f"one step of at least 64 x 64, not {said}"):
            STRCNNetwork(3, shape, TINY)


def test_half_precision_stops_before_the_mean_over_positions() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network()(torch.randn(1, 1, 2, 64, 64))
    assert output.features.dtype == torch.float32
    assert output.logits.dtype == torch.float32


def test_the_layout_changes_nothing_but_the_last_bits() -> None:
    made, clips = network(), torch.randn(2, 1, 2, 64, 64)
    with torch.no_grad():
        before = made(clips).logits
        torch.testing.assert_close(made.in_fast_layout()(clips).logits, before, atol=1e-5, rtol=1e-4)
