"""CNN-LSTM: its layers, its parameters, and what each stage trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from dstan.networks.cnn_lstm import CNNLSTMNetwork, CNNLSTMNetworkSettings, FrameCNN
from dstan.networks.network import Follower, count_parameters

PLAIN = CNNLSTMNetworkSettings(batch_norm=False)
TINY = CNNLSTMNetworkSettings(channels=(2, 3, 4), width=6, lstm_width=5)
both = pytest.mark.parametrize("batch_norm", [True, False])


def network(settings: CNNLSTMNetworkSettings = TINY, size: tuple[int, int] = (32, 40), k: int = 3) -> CNNLSTMNetwork:
    torch.manual_seed(0)
    return CNNLSTMNetwork(size, k, settings)


def steps_of(cnn: FrameCNN) -> list[nn.Module]:
    """Return the three convolutions and the linear layer, without the places that are looked at."""
    return [part for part in cnn.tail if not isinstance(part, nn.Identity)]


def test_parameters_are_those_of_the_table() -> None:
    counts = {True: (864, 51_328, 205_056, 4_195_328), False: (832, 51_264, 204_928, 4_194_816)}
    for batch_norm, layers in counts.items():
        made = network(CNNLSTMNetworkSettings(batch_norm=batch_norm), (64, 64), 5)
        cnn = made.backbones["cnn"]
        assert tuple(count_parameters(part) for part in steps_of(cnn)) == layers
        assert count_parameters(cnn) == sum(layers) == {True: 4_452_576, False: 4_451_840}[batch_norm]
        assert count_parameters(made.lstm) == 2_101_248
        assert count_parameters(made.head) == 2_565
        assert count_parameters(made) == {True: 6_556_389, False: 6_555_653}[batch_norm]
        first = made.step_classifier("cnn", 5)
        assert count_parameters(first) - count_parameters(cnn) == 513 * 5 + 2_565


@both
def test_shapes_are_those_of_the_table(batch_norm: bool) -> None:
    made = network(CNNLSTMNetworkSettings(batch_norm=batch_norm), (64, 64), 5)
    maps, shapes = torch.randn(2, 1, 64, 64), []
    for part in steps_of(made.backbones["cnn"]):
        maps = part(maps)
        shapes.append(tuple(maps.shape[1:]))
    assert shapes == [(32, 32, 32), (64, 16, 16), (128, 8, 8), (512, 1, 1)]
    output = made(torch.randn(2, 10, 1, 64, 64))
    assert output.logits.shape == (2, 5)
    assert output.features.shape == (2, 512)
    assert output.states is None


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 40)])
def test_it_is_made_for_any_size_and_takes_any_length(size: tuple[int, int]) -> None:
    made = network(size=size)
    for length in (1, 4):
        assert made(torch.rand(2, length, 1, *size)).logits.shape == (2, 3)


@both
def test_the_cnn_computes_what_the_formulas_say(batch_norm: bool) -> None:
    made = network(CNNLSTMNetworkSettings(channels=(2, 3, 4), width=6, lstm_width=5, batch_norm=batch_norm)).eval()
    frames = torch.rand(3, 1, 32, 40) * 255
    made.scaling.measure(frames.movedim(1, -1)[:, None])
    maps = (frames - frames.mean(0)) / 255
    *convolutions, linear = steps_of(made.backbones["cnn"])
    for part in convolutions:
        conv, norm = (part.conv, part.norm) if batch_norm else (part[0], nn.Identity())
        maps = functional.max_pool2d(norm(functional.conv2d(maps, conv.weight, conv.bias, padding=2)).relu(), 2)
    expected = linear[1](maps.flatten(1))
    expected = (linear[2](expected) if batch_norm else expected).relu()
    torch.testing.assert_close(made.see(frames).flatten(1), expected)
    assert (expected > 0).any()


def test_the_last_output_of_the_lstm_is_classified() -> None:
    made = network().eval()
    seen = torch.rand(2, 4, 6, 1, 1)
    output = made.follow(seen)
    _, (last, _) = made.lstm(seen[..., 0, 0])
    torch.testing.assert_close(output.features, last[0])
    torch.testing.assert_close(output.logits, made.head(last[0]))


def test_the_first_stage_gives_the_scores_of_states_and_features_that_nothing_was_dropped_from() -> None:
    made = network()
    first = made.step_classifier("cnn", 3)
    steps = torch.rand(64, 1, 1, 32, 40)
    output = first.train()(steps)
    assert output.logits.shape == (64, 3)
    assert output.states.shape == (64, 5)
    assert not torch.equal(output.logits, first.head(output.features))  # half of what it sees is dropped
    quiet = first.eval()(steps)
    torch.testing.assert_close(quiet.features, made.see(steps[:, 0]).flatten(1))
    torch.testing.assert_close(quiet.logits, first.head(quiet.features))
    torch.testing.assert_close(quiet.states, first.state_head(quiet.features))


def test_the_stages_train_different_weights_and_together_all_that_is_kept() -> None:
    made = network()
    first = set(made.step_classifier("cnn", 3).parameters())
    second = set(Follower(made).parameters())
    assert first & set(made.parameters()) == set(made.backbones.parameters())
    assert second == {*made.lstm.parameters(), *made.head.parameters()}
    assert set(made.parameters()) == second | set(made.backbones.parameters())
    state = made.state_dict()
    assert len({value.data_ptr() for value in state.values()}) == len(state)  # nothing is kept under two names


def test_every_block_is_watched_for_dead_channels() -> None:
    made, seen = network(), []
    for block in made.backbones["cnn"].blocks:  # type: ignore[union-attr]
        block.register_forward_hook(lambda _module, _given, found: seen.append((found.shape[1], float(found.min()))))
    with torch.no_grad():
        made(torch.randn(2, 2, 1, 32, 40))
    assert [channels for channels, _ in seen] == [2, 3, 4, 6]
    assert all(least >= 0 for _, least in seen)


@both
def test_half_precision_changes_little_and_answers_in_single(batch_norm: bool) -> None:
    settings = CNNLSTMNetworkSettings(channels=(2, 3, 4), width=6, lstm_width=5, batch_norm=batch_norm, dropout=0.0)
    made = network(settings).eval()
    clips = torch.randn(2, 3, 1, 32, 40)
    plain, first = made(clips), made.step_classifier("cnn", 3).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, step = made(clips), first(clips[:, :1])
    assert half.logits.dtype == step.logits.dtype == step.states.dtype == step.features.dtype == torch.float32
    torch.testing.assert_close(half.logits, plain.logits, atol=0.05, rtol=0.05)


def test_a_single_step_can_be_learned_from() -> None:
    first = network().step_classifier("cnn", 3).train()
    output = first(torch.rand(1, 1, 1, 32, 40))
    output.logits.sum().backward()
    assert output.features.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in first.backbone.parameters())
