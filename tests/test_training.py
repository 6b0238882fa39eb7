"""The training loop: it learns, repeats itself, and says when it diverges."""

import math
from dataclasses import replace

import pytest
import torch

from dstan.errors import ConfigError, DstanError
from dstan.networks.streams import Stream, StreamSettings
from dstan.training import EpochRecord, TrainingSettings, fit_network, uses_bfloat16

TINY = StreamSettings(channels=(4, 4, 4, 8, 8), lstm_width=8, lhfn=False)


def _data(n: int = 20, steps: int = 2, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    inputs = torch.randn(n, steps, 2, size, size, generator=generator)
    inputs[labels == 1, :, :, : size // 2] += 1
    return inputs, labels


def _network(seed: int = 0) -> Stream:
    torch.manual_seed(seed)
    return Stream(2, 2, TINY)


def test_it_learns_and_reports_every_epoch() -> None:
    inputs, labels = _data()
    seen: list[EpochRecord] = []
    network = _network()
    settings = TrainingSettings(epochs=12, batch_size=5, learning_rate=5e-3)
    history = fit_network(network, inputs, labels, settings, seed=0, on_epoch=seen.append)
    assert history == seen
    assert [record.epoch for record in history] == list(range(1, 13))
    assert history[-1].loss < history[0].loss / 2
    assert not network.training
    with torch.no_grad():
        assert (network(inputs).logits.argmax(1) == labels).float().mean() > 0.9


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights(precision: str) -> None:
    inputs, labels = _data()
    settings = TrainingSettings(epochs=2, batch_size=8, precision=precision)
    networks = [_network(), _network(), _network()]
    for network, seed in zip(networks, (1, 1, 2), strict=True):
        fit_network(network, inputs, labels, settings, seed=seed)
    one, two, other = (torch.cat([p.flatten() for p in network.parameters()]) for network in networks)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.dtype == torch.float32


def test_the_global_generator_and_the_threads_are_left_alone() -> None:
    inputs, labels = _data()
    network = _network()
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fit_network(network, inputs, labels, TrainingSettings(epochs=1), seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_batches_are_of_nearly_equal_size() -> None:
    inputs, labels = _data(n=33)
    sizes: list[int] = []
    network = _network()
    network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    fit_network(network, inputs, labels, TrainingSettings(epochs=1, batch_size=32), seed=0)
    assert sizes[:2] == [17, 16]


def test_predictions_do_not_suffer_from_few_steps() -> None:
    inputs, labels = _data()
    network = _network()
    fit_network(network, inputs, labels, TrainingSettings(epochs=5, batch_size=20, learning_rate=1e-2), seed=0)
    after_five_steps = network.blocks[0].norm
    filtered = network.blocks[0].conv(inputs.flatten(0, 1))
    torch.testing.assert_close(after_five_steps.running_mean, filtered.mean((0, 2, 3)), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(after_five_steps.running_var, filtered.var((0, 2, 3)), atol=1e-3, rtol=1e-2)
    assert after_five_steps.momentum == 0.1


def test_one_clip_of_one_frame_of_the_smallest_size_can_be_trained_on() -> None:
    inputs, labels = _data(n=1, steps=1)
    (record,) = fit_network(_network(), inputs, labels, TrainingSettings(epochs=1, batch_size=1), seed=0)
    assert math.isfinite(record.loss)


def test_a_loss_that_is_no_number_is_an_error_that_names_the_epoch() -> None:
    inputs, labels = _data()
    inputs[3] = math.nan
    with pytest.raises(DstanError, match=r"the loss is nan in epoch 1.*training\.learning_rate"):
        fit_network(_network(), inputs, labels, TrainingSettings(epochs=2), seed=0)


def test_auto_takes_bfloat16_where_there_are_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for has_tiles in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has_tiles=has_tiles: has_tiles)
        assert uses_bfloat16("auto", cpu) == has_tiles
    assert uses_bfloat16("bfloat16", cpu)
    assert not uses_bfloat16("float32", cpu)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="epochs must be 1 to"):
        TrainingSettings(epochs=0)
    with pytest.raises(ConfigError, match="precision cannot be"):
        replace(TrainingSettings(), precision="float16")
