"""MERTA's attentions and network, layer by layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from dstan.errors import ConfigError
from dstan.networks.merta import (
    SEEN,
    DynamicChannelAttention,
    DynamicSpatialAttention,
    MERTANetwork,
    MERTANetworkSettings,
    StaticSpatialAttention,
    VGG16Backbone,
)
from dstan.networks.network import Follower, count_parameters
from dstan.networks.vgg import ThreeChannels, vgg16_convolutions
from dstan.training.dynamics import measure_dynamics

TINY = MERTANetworkSettings(widths=(2, 3, 4, 5, 6), reduction=2, lstm_width=7)


def made(settings: MERTANetworkSettings = TINY, n_classes: int = 3, size: tuple[int, int] = (48, 33)) -> MERTANetwork:
    torch.manual_seed(0)
    return MERTANetwork(n_classes, size, settings).eval()


def clips(n: int = 2, t: int = 3, size: tuple[int, int] = (48, 33)) -> torch.Tensor:
    """Return random steps: grey, u, v, their length and a strain."""
    source = torch.Generator().manual_seed(1)
    grey, flow = 255 * torch.rand(n, t, 1, *size, generator=source), torch.randn(n, t, 2, *size, generator=source)
    return torch.cat([grey, flow, flow.norm(dim=2, keepdim=True), flow[:, :, :1].abs() / 9], dim=2)


def steps_of(network: MERTANetwork, given: torch.Tensor) -> torch.Tensor:
    """Return the feature of each step, x_t."""
    with torch.no_grad():
        return network.attend(network.see(given.flatten(0, 1)))[0]


def maps(n: int = 2, channels: int = 512) -> torch.Tensor:
    return torch.randn(n, channels, 14, 14, generator=torch.Generator().manual_seed(0))


def test_attention_maps_lie_between_0_and_1_and_have_one_weight_a_position_or_a_channel() -> None:
    torch.manual_seed(0)
    seen = maps()
    for attention, shape in (
        (StaticSpatialAttention(512), (2, 1, 14, 14)),
        (DynamicSpatialAttention(), (2, 1, 14, 14)),
        (DynamicChannelAttention(512, 16), (2, 512)),
    ):
        refined, weights = attention(seen)
        assert refined.shape == seen.shape
        assert weights.shape == shape
        assert ((weights > 0) & (weights < 1)).all()
        assert weights.std() > 1e-3
        torch.testing.assert_close(refined, seen * weights.reshape(2, -1, *((14, 14) if weights.ndim == 4 else (1, 1))))


def test_the_static_weight_of_a_position_sees_that_position_only() -> None:
    torch.manual_seed(0)
    attention, one = StaticSpatialAttention(8), maps(1, 8)
    other = one.clone()
    other[0, :, 3, 5] += 1
    changed = (attention(one)[1] != attention(other)[1])[0, 0]
    assert changed.nonzero().tolist() == [[3, 5]]


def test_the_dynamic_weights_come_from_the_mean_and_the_maximum_of_all_channels() -> None:
    torch.manual_seed(0)
    attention, seen = DynamicSpatialAttention(), maps(1, 8)
    kernel, bias = attention.score.weight[0].double(), attention.score.bias.double()
    both = torch.stack([seen[0].double().mean(0), seen[0].double().amax(0)])
    padded = torch.nn.functional.pad(both, (3, 3, 3, 3))
    score = bias + sum((kernel * padded[:, y : y + 7, 4:11]).sum() * (torch.arange(14) == y) for y in range(14))
    torch.testing.assert_close(attention(seen)[1][0, 0, :, 4].double(), torch.sigmoid(score), atol=1e-5, rtol=1e-5)


def test_a_guide_multiplies_the_dynamic_weights() -> None:
    torch.manual_seed(0)
    attention, seen = DynamicSpatialAttention(), maps(1, 8)
    guide = torch.zeros(1, 1, 14, 14)
    guide[0, 0, 2, 2] = 0.5
    refined, weights = attention(seen, guide)
    assert weights.nonzero().tolist() == [[0, 0, 2, 2]]
    torch.testing.assert_close(weights[0, 0, 2, 2], attention(seen)[1][0, 0, 2, 2] / 2)
    assert refined[0, :, 3].abs().max() == 0


def test_the_channel_weights_come_from_32_hidden_units_and_the_mean_of_each_channel() -> None:
    torch.manual_seed(0)
    attention, seen = DynamicChannelAttention(512, 16), maps()
    assert attention.fc1.weight.shape == (32, 512)
    mean = seen.double().mean((2, 3))
    hidden = (mean @ attention.fc1.weight.double().T + attention.fc1.bias).clamp(min=0)
    expected = torch.sigmoid(hidden @ attention.fc2.weight.double().T + attention.fc2.bias)
    torch.testing.assert_close(attention(seen)[1].double(), expected, atol=1e-6, rtol=1e-5)
    assert DynamicChannelAttention(8, 16).fc1.out_features == 1


def test_weights_of_one_leave_the_maps_as_they_are() -> None:
    seen = maps(1, 8)
    for attention in (StaticSpatialAttention(8), DynamicSpatialAttention(), DynamicChannelAttention(8, 2)):
        last = attention.fc2 if isinstance(attention, DynamicChannelAttention) else attention.score
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.constant_(last.bias, 50.0)
        assert torch.equal(attention(seen)[0], seen)


def test_shapes_through_every_layer_and_their_parameters_from_scratch() -> None:
    network, given = made(MERTANetworkSettings(), 5, (112, 112)), clips(1, 9, (112, 112))
    per_backbone = {name: count_parameters(part) for name, part in network.backbones.items()}
    assert per_backbone == {"static": 245_104, "dynamic": 245_392, "strain": 245_104}
    parts = {name: count_parameters(part) for name, part in network.named_children()}
    assert (parts["static"], parts["dynamic"], parts["channel"]) == (129, 99, 2_184)
    assert (parts["lstm"], parts["head"]) == (1_839_104, 2_565)
    assert count_parameters(network) == 2_579_681
    with torch.no_grad():
        for backbone in network.backbones.values():
            sides, x = [], given[0, :, list(backbone.channels)]
            for layer in backbone.blocks:
                x = layer(x)
                sides.append(tuple(x.shape))
            assert sides == [(9, 16, 56, 56), (9, 32, 28, 28), (9, 64, 14, 14), (9, 128, 7, 7), (9, 128, 7, 7)]
        seen = network.see(given[0])
        assert seen.shape == (9, 384, 7, 7)
        assert network.attend(seen)[0].shape == (9, 384)
        output = network(given)
    assert output.logits.shape == (1, 5)
    assert output.features.shape == (1, 512)
    assert output.temporal is None
    assert output.spatial is not None
    assert output.spatial.shape == (1, 9, 7, 7)


def test_on_vgg_16_a_step_has_1536_features_and_the_lstm_4_198_400_parameters() -> None:
    with torch.device("meta"):
        network = MERTANetwork(5, (224, 224), MERTANetworkSettings(weights="vgg16.pth"))
        seen = network.see(torch.empty(9, 5, 224, 224))
        features, weights = network.attend(seen)
    assert seen.shape == (9, 1536, 14, 14)
    assert features.shape == (9, 1536)
    assert weights is not None
    assert weights.shape == (9, 1, 14, 14)
    assert [count_parameters(backbone) for backbone in network.backbones.values()] == [14_714_688] * 3
    parts = {name: count_parameters(part) for name, part in network.named_children()}
    assert (parts["static"], parts["dynamic"], parts["channel"]) == (513, 99, 33_312)
    assert parts["lstm"] == 4_198_400 == 4 * 512 * (1536 + 512 + 2)
    assert count_parameters(network) == 48_378_953


def test_each_backbone_looks_at_its_own_channels() -> None:
    network, given = made(), clips(1, 1)
    before = network.see(given[0]).split(6, dim=1)
    for channel, changed in enumerate((0, 1, 1, 1, 2)):
        other = given.clone()
        other[:, :, channel] += 3 * torch.randn(48, 33, generator=torch.Generator().manual_seed(2))
        after = network.see(other[0]).split(6, dim=1)
        assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [i == changed for i in range(3)]


def test_without_attention_a_step_is_the_means_of_its_maps() -> None:
    plain = replace(TINY, static_attention=False, dynamic_attention=False, channel_attention=False)
    network, given = made(plain), clips()
    seen = network.see(given.flatten(0, 1))
    torch.testing.assert_close(steps_of(network, given), seen.mean((2, 3)).detach())
    assert network(given).spatial is None


def test_attention_of_one_everywhere_is_the_network_without_attention() -> None:
    network, given = made(), clips()
    plain = made(replace(TINY, static_attention=False, dynamic_attention=False, channel_attention=False))
    plain.load_state_dict({name: value for name, value in network.state_dict().items() if name in plain.state_dict()})
    assert not torch.allclose(network(given).logits, plain(given).logits, atol=1e-6)
    assert network.static is not None
    assert network.dynamic is not None
    assert network.channel is not None
    for last in (network.static.score, network.dynamic.score, network.channel.fc2):
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 50.0)
    torch.testing.assert_close(network(given).logits, plain(given).logits)


@pytest.mark.parametrize("switch", ["static_attention", "dynamic_attention", "channel_attention"])
def test_a_switch_changes_its_own_branch_only(switch: str) -> None:
    network, given = made(), clips()
    without = made(replace(TINY, **{switch: False}))
    removed = network.state_dict().keys() - without.state_dict().keys()
    assert {name.split(".")[0] for name in removed} == {switch.removesuffix("_attention")}
    without.load_state_dict({name: network.state_dict()[name] for name in without.state_dict()})
    before, after = (steps_of(one, given).split(6, dim=1) for one in (network, without))
    place = ("static_attention", "dynamic_attention", "channel_attention").index(switch)
    assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [i == place for i in range(3)]


def test_the_second_stage_trains_all_three_attentions_and_no_backbone() -> None:
    network = made()
    follower = Follower(network).train()
    seen = network.see(clips().flatten(0, 1)).detach().view(2, 3, 18, 3, 2)
    functional.cross_entropy(follower(seen).logits, torch.tensor([0, 2])).backward()
    for part in (network.static, network.dynamic, network.channel, network.lstm, network.head):
        assert part is not None
        for weight in part.parameters():
            assert weight.grad is not None
            assert weight.grad.abs().max() > 0
    assert all(weight.grad is None for weight in network.backbones.parameters())
    trained = {id(weight) for weight in follower.parameters()}
    assert trained.isdisjoint(map(id, network.backbones.parameters()))
    assert len(trained) == 2 + 2 + 4 + 4 + 2


def test_the_lstm_s_last_output_is_what_the_last_layer_sees() -> None:
    network, given = made(), clips()
    with torch.no_grad():
        outputs = network.lstm(steps_of(network, given).view(2, 3, 18))[0]
        found = network(given)
    torch.testing.assert_close(found.features, outputs[:, 2])
    torch.testing.assert_close(found.logits, network.head(outputs[:, 2]))


def test_the_order_of_steps_matters_and_one_step_is_enough() -> None:
    network, given = made(), clips()
    assert not torch.allclose(network(given).logits, network(given.flip(1)).logits, atol=1e-5)
    one = network(given[:, :1])
    assert one.logits.shape == (2, 3)
    assert one.features.shape == (2, 7)
    assert torch.isfinite(one.logits).all()


def test_dropout_is_between_the_lstm_and_the_last_layer_and_in_training_only() -> None:
    network, given = made(replace(TINY, dropout=0.95)).eval(), clips()
    assert torch.equal(network(given).logits, network(given).logits)
    seen = network.see(given.flatten(0, 1)).view(2, 3, 18, 3, 2)
    network.train()
    first, second = network.follow(seen), network.follow(seen)
    assert torch.equal(first.features, second.features)
    assert not torch.equal(first.logits, second.logits)


def test_the_strain_guides_the_dynamic_attention_where_that_is_asked_for() -> None:
    given = clips(1, 1, (48, 32))
    given[:, :, 4] = 0
    given[:, :, 4, 16:32, 16:] = 0.02
    plain, guided = (made(settings, 3, (48, 32)) for settings in (TINY, replace(TINY, strain_guide=True)))
    before, seen = plain.see(given[0]), guided.see(given[0])
    assert torch.equal(before, seen[:, :18])
    assert seen[0, 18].tolist() == [[0, 0], [0, 1], [0, 0]]
    (still, moving, strain), (same, other, alike) = (
        part[0].split(6) for part in (steps_of(plain, given), steps_of(guided, given))
    )
    assert torch.equal(still, same)
    assert torch.equal(strain, alike)
    assert plain.dynamic is not None
    weights = plain.dynamic(before[:, 6:12])[1]
    torch.testing.assert_close(other, (weights * before[:, 6:12])[0, :, 1, 1] / 6)
    assert not torch.equal(moving, other)
    given[:, :, 4] = 0
    assert torch.isfinite(guided(given).logits).all()


def test_a_guide_without_the_attention_that_it_guides_is_an_error() -> None:
    with pytest.raises(ConfigError, match="dynamic attention, which is off"):
        replace(TINY, strain_guide=True, dynamic_attention=False)


def test_half_precision_stops_before_the_attentions() -> None:
    network = made(replace(TINY, strain_guide=True))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = network.see(clips(1, 2)[0])
        output = network(clips())
    assert seen.dtype == torch.bfloat16
    assert output.logits.dtype == output.features.dtype == torch.float32
    assert output.spatial is not None
    assert output.spatial.dtype == torch.float32


def test_no_weight_has_two_names_and_every_block_is_watched() -> None:
    network = made()
    names = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    assert len(names) == len({id(weight) for weight in network.parameters()})
    for name in network.backbones:
        steps = clips().flatten(0, 1)[:, None]
        found = measure_dynamics(network.step_classifier(name, 5), [steps.movedim(2, -1)])
        assert len(found.dead_units) == 5
    assert measure_dynamics(network, [clips().movedim(2, -1)]).spatial_attention is not None


def test_conv1_to_conv3_of_vgg_16_are_fixed_and_the_rest_learns() -> None:
    torch.manual_seed(0)
    backbone = VGG16Backbone("flow", (1, 2, 3))
    convolutions = [
        layer for part in (backbone.frozen, backbone.tail) for layer in part if isinstance(layer, nn.Conv2d)
    ]
    assert [layer.weight.requires_grad for layer in convolutions] == [False] * 7 + [True] * 6
    assert backbone.frozen(torch.zeros(1, 3, 32, 48)).shape == (1, 256, 4, 6)
    maps = backbone(clips(1, 1, (32, 48))[0])
    assert maps.shape == (1, 512, 2, 3)
    assert (maps >= 0).all()
    maps.sum().backward()
    assert [layer.weight.grad is not None for layer in convolutions] == [False] * 7 + [True] * 6
    assert len(backbone.blocks) == 6


def test_given_weights_come_to_where_torchvision_has_them() -> None:
    torch.manual_seed(0)
    given = vgg16_convolutions()
    weights = {f"features.{name}": value for name, value in given.state_dict().items()}
    weights["classifier.0.bias"] = torch.zeros(3)
    network = made(replace(TINY, weights="vgg16.pth"))
    network.load(weights)
    steps = clips(1, 1, (32, 32))[0]
    with torch.no_grad():
        pictures = [ThreeChannels(kind)(steps[:, channels]) for kind, channels in SEEN.values()]
        expected = torch.cat([given(picture) for picture in pictures], dim=1)
        torch.testing.assert_close(network.see(steps), expected)
    assert network.scaling is None
