"""ELRCN-TE's network, layer by layer."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from dstan.networks import elrcn, vgg
from dstan.networks.elrcn import ELRCN, ELRCNNetworkSettings, SlimStream, VGG16Stream
from dstan.networks.network import count_parameters

TINY = ELRCNNetworkSettings(widths=(2, 3, 4, 5, 6), fc_width=8, lstm_width=7, hidden=5)
GIVEN = ELRCNNetworkSettings(weights="vgg16.pth")
CLASSES = 5


@pytest.fixture
def tiny_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make VGG-16 so narrow that it is quick."""
    for module in (vgg, elrcn):
        monkeypatch.setattr(module, "VGG16", ((2, 2), (3, 3), (3, 3, 4), (4, 4, 4), (4, 4, 5)))
        monkeypatch.setattr(module, "FC", 6)


def make(settings: ELRCNNetworkSettings = TINY, size: tuple[int, int] = (32, 32)) -> ELRCN:
    torch.manual_seed(0)
    return ELRCN(CLASSES, size, settings).eval()


def draw(channels: int = 4, clips: int = 2, steps: int = 3, size: tuple[int, int] = (32, 32)) -> Tensor:
    return torch.randn(clips, steps, channels, *size, generator=torch.Generator().manual_seed(1))


def on_paper(settings: ELRCNNetworkSettings, size: int = 224) -> ELRCN:
    with torch.device("meta"):
        return ELRCN(CLASSES, (size, size), settings).eval()


def counts(network: ELRCN) -> dict[str, int]:
    return {name: count_parameters(part) for name, part in network.named_children() if count_parameters(part)}


def test_from_scratch_it_has_the_parameters_of_its_table() -> None:
    network = make(ELRCNNetworkSettings())
    assert counts(network) == {"backbones": 622_592, "lstm": 3_149_824, "hidden": 65_664, "head": 129 * CLASSES}
    for name, convolutions in (("flow", 245_392), ("strain", 245_104)):
        tail = network.backbones[name].tail
        assert [count_parameters(part) for part in tail][:3] == [convolutions, 0, 66_048]
    assert count_parameters(network) == 3_838_080 + 129 * CLASSES


def test_with_vgg_16_it_has_the_parameters_of_its_table() -> None:
    network = on_paper(GIVEN)
    assert counts(network) == {"backbones": 268_521_088, "lstm": 17_829_888, "hidden": 65_664, "head": 129 * CLASSES}
    for stream in network.backbones.values():
        assert count_parameters(stream.frozen) == 14_714_688
        assert [count for part in stream.tail if (count := count_parameters(part))] == [102_764_544, 16_781_312]
    assert count_parameters(network) == 286_416_640 + 129 * CLASSES


@pytest.mark.parametrize(("streams", "published"), [(2, 134_316_000), (3, 183_468_000)])
def test_the_published_lstm_has_the_published_parameters(streams: int, published: int) -> None:
    lstm = on_paper(ELRCNNetworkSettings(weights="vgg16.pth", streams=streams, lstm_width=3000)).lstm
    second_bias = lstm.bias_hh_l0.numel()  # Keras has one
    assert count_parameters(lstm) - second_bias == published


def test_from_scratch_every_layer_has_the_shape_of_the_table() -> None:
    network, steps = make(ELRCNNetworkSettings(), (64, 48)), draw(size=(64, 48)).flatten(0, 1)
    for name, stream in network.backbones.items():
        x = stream.given(steps)
        assert x.shape == (6, 3 if name == "flow" else 1, 64, 48)
        shapes = []
        for layer in stream.tail:
            x = layer(x)
            shapes.append(tuple(x.shape[1:]))
        assert shapes == [(128, 4, 3), (128, 1, 1), *[(512, 1, 1)] * 3]
    assert network.see(steps).shape == (6, 1024, 1, 1)
    output = network(draw(size=(64, 48)))
    assert output.features.shape == (2, 128)
    assert output.logits.shape == (2, CLASSES)


def test_with_vgg_16_a_clip_is_9_steps_of_8192_features() -> None:
    network = on_paper(GIVEN)
    steps = torch.zeros(9, 4, 224, 224, device="meta")
    for stream in network.backbones.values():
        x = stream.given(steps)
        assert x.shape == (9, 512, 7, 7)
        shapes = []
        for layer in stream.tail:
            x = layer(x)
            shapes.append(tuple(x.shape[1:]))
        assert shapes == [(25_088,), *[(4096,)] * 6, (4096, 1, 1)]
    assert network.see(steps).shape == (9, 8192, 1, 1)
    seen = network.lstm(network.see(steps)[None].flatten(2))[0]
    assert seen.shape == (1, 9, 512)
    assert network.hidden(seen[:, -1]).shape == (1, 128)
    three = on_paper(ELRCNNetworkSettings(weights="vgg16.pth", streams=3))
    assert three.see(torch.zeros(9, 5, 224, 224, device="meta")).shape == (9, 12_288, 1, 1)


@pytest.mark.parametrize("weights", ["", "vgg16.pth"])
@pytest.mark.usefixtures("tiny_vgg")
def test_temporal_enrichment_is_the_streams_features_side_by_side(weights: str) -> None:
    settings = ELRCNNetworkSettings(**{**vars(TINY), "weights": weights, "streams": 3})
    network, steps = make(settings), draw(5).flatten(0, 1)
    for layer in network.backbones.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)  # narrow layers die of smaller weights
            nn.init.ones_(layer.bias) if layer.bias is not None else None
    parts = [network.backbones[name](network.scaled(steps)) for name in ("flow", "strain", "grey")]
    assert all(part.std() > 0 for part in parts)
    assert torch.equal(network.see(steps), torch.cat(parts, dim=1))


def test_each_stream_looks_at_its_own_channels() -> None:
    network, steps = make(ELRCNNetworkSettings(**{**vars(TINY), "streams": 3})), draw(5).flatten(0, 1)
    before = network.see(steps)
    for channel, stream in enumerate((0, 0, 0, 1, 2)):
        other = steps.clone()
        other[:, channel] += 1 + torch.rand(32, 32)
        changed = (network.see(other) != before).flatten(1).any(0).view(3, -1).any(1)
        assert changed.nonzero().flatten().tolist() == [stream]


def test_the_order_of_the_streams_permutes_features_only() -> None:
    network, steps = make(), draw().flatten(0, 1)
    before = network.see(steps)
    network.backbones = nn.ModuleDict({name: network.backbones[name] for name in ("strain", "flow")})
    assert torch.equal(network.see(steps), torch.cat([before[:, 8:], before[:, :8]], dim=1))


@pytest.mark.usefixtures("tiny_vgg")
def test_frozen_layers_get_no_gradient_and_the_others_do() -> None:
    network = make(GIVEN).train()
    network(draw()).logits.sum().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (".frozen." in name)
    assert sum(".frozen." in name for name, _ in network.named_parameters()) == 2 * 26


@pytest.mark.usefixtures("tiny_vgg")
def test_a_vgg_stream_is_torchvision_s_layers_written_out() -> None:
    stream = make(GIVEN).backbones["flow"]
    assert isinstance(stream, VGG16Stream)
    torch.manual_seed(1)
    weights = {name: torch.randn(shape) / math.prod(shape[1:]) ** 0.5 for name, shape in vgg._shapes().items()}
    stream.load(weights)
    steps = draw(size=(64, 48)).flatten(0, 1)
    x = stream.frozen[0](steps[:, :3])
    for number in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28):
        if number in (5, 10, 17, 24):
            x = nn.functional.max_pool2d(x, 2)
        x = nn.functional.conv2d(x, weights[f"features.{number}.weight"], weights[f"features.{number}.bias"], padding=1)
        x = x.relu()
    x = nn.functional.adaptive_avg_pool2d(nn.functional.max_pool2d(x, 2), 7).flatten(1)
    for number in (0, 3):
        x = torch.relu(x @ weights[f"classifier.{number}.weight"].T + weights[f"classifier.{number}.bias"])
    assert x.std() > 0
    torch.testing.assert_close(stream(steps)[:, :, 0, 0], x, atol=1e-4, rtol=1e-4)


def test_a_stream_from_scratch_ends_in_a_mean_and_one_layer() -> None:
    stream = make().backbones["strain"]
    assert isinstance(stream, SlimStream)
    steps = draw(size=(48, 64)).flatten(0, 1)
    means = stream.tail[0](steps[:, 3:]).mean((2, 3))
    fc = stream.tail[2]
    wanted = torch.relu(means @ fc.weight[:, :, 0, 0].T + fc.bias)
    torch.testing.assert_close(stream(steps)[:, :, 0, 0], wanted)


def test_the_sequence_is_an_lstm_and_two_layers_written_out() -> None:
    network, seen = make(), torch.randn(2, 3, 16, 1, 1)
    lstm = network.lstm
    h = c = torch.zeros(2, 7)
    for step in seen[..., 0, 0].unbind(1):
        gates = step @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
        i, f, g, o = gates.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    features = torch.relu(h @ network.hidden.weight.T + network.hidden.bias)
    found = network.follow(seen)
    torch.testing.assert_close(found.features, features)
    torch.testing.assert_close(found.logits, features @ network.head.weight.T + network.head.bias)


@pytest.mark.parametrize("steps", [1, 12])
def test_any_number_of_steps_is_followed(steps: int) -> None:
    assert make()(draw(steps=steps)).logits.shape == (2, CLASSES)


def test_with_sigmoids_a_probability_is_one_sigmoid_over_the_sum_of_all() -> None:
    plain, other = make(), make(ELRCNNetworkSettings(**{**vars(TINY), "sigmoid": True}))
    sigmoids = torch.sigmoid(plain(draw()).logits)
    probabilities = torch.softmax(other(draw()).logits, dim=1)
    torch.testing.assert_close(probabilities, sigmoids / sigmoids.sum(1, keepdim=True))
    assert (probabilities - torch.softmax(plain(draw()).logits, dim=1)).abs().max() > 1e-3


def test_motion_and_grey_are_scaled_from_scratch_and_left_to_the_picture_with_weights() -> None:
    network = make(ELRCNNetworkSettings(**{**vars(TINY), "streams": 3}))
    assert network.scaling is not None
    assert network.scaling.kinds == ("motion", "motion", "motion", "motion", "grey")
    assert on_paper(GIVEN).scaling is None


def test_the_layout_changes_nothing_but_the_last_bits() -> None:
    network, clips = make(), draw()
    before = network(clips).logits
    torch.testing.assert_close(network.in_fast_layout()(clips).logits, before, atol=1e-5, rtol=1e-4)


def test_half_precision_stops_before_the_lstm() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = make()(draw())
    assert output.logits.dtype == output.features.dtype == torch.float32
