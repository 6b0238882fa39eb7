"""The training loop: it learns, repeats itself, and begins again when it diverges."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from dstan.errors import ConfigError, DstanError
from dstan.networks.streams import Stream, StreamSettings
from dstan.training import EpochRecord, TrainingData, TrainingSettings, fit_network, uses_bfloat16

TINY = StreamSettings(channels=(4, 4, 4, 8, 8), lstm_width=8, lhfn=False)


def clips(n: int = 20, steps: int = 2, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw two classes of clips that a network can tell apart."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    inputs = torch.randn(n, steps, 2, size, size, generator=generator)
    inputs[labels == 1, :, :, : size // 2] += 1
    return inputs, labels


def data(n: int = 20, steps: int = 2, size: int = 32) -> TrainingData:
    """Put the clips into the form that is learned from."""
    return TrainingData.stack(*clips(n, steps, size), (-1.0, 1.0))


def network(seed: int = 0) -> Stream:
    """Draw a tiny network."""
    torch.manual_seed(seed)
    return Stream(2, 2, TINY)


def test_it_learns_and_reports_every_epoch() -> None:
    seen: list[EpochRecord] = []
    made = network()
    settings = TrainingSettings(batch_size=5, learning_rate=5e-3)
    fit = fit_network(made, data(), settings, epochs=12, seed=0, on_epoch=seen.append)
    assert list(fit.history) == seen
    assert [record.epoch for record in seen] == list(range(1, 13))
    assert seen[-1].loss < seen[0].loss / 2
    assert all(record.gradient_norm > 0 for record in seen)
    assert not made.training
    inputs, labels = clips()
    with torch.no_grad():
        assert (made(inputs).logits.argmax(1) == labels).float().mean() > 0.9


def test_the_gradient_norm_is_that_of_all_weights() -> None:
    made, given = network(), data(n=4)
    twin = network().in_fast_layout()
    (record,) = fit_network(made, given, TrainingSettings(precision="float32"), epochs=1, seed=0).history
    loss = nn.functional.cross_entropy(twin(given.inputs.float().movedim(-1, 2)).logits, given.labels)
    loss.backward()
    lengths = [float(weight.grad.norm()) ** 2 for weight in twin.parameters()]
    assert record.gradient_norm == pytest.approx(math.sqrt(sum(lengths)), rel=1e-3)
    assert record.loss == pytest.approx(loss.item(), rel=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights(precision: str) -> None:
    settings = TrainingSettings(batch_size=8, precision=precision)
    networks = [network(), network(), network()]
    for made, seed in zip(networks, (1, 1, 2), strict=True):
        fit_network(made, data(), settings, epochs=2, seed=seed)
    one, two, other = (torch.cat([p.flatten() for p in made.parameters()]) for made in networks)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.dtype == torch.float32


def test_the_global_generator_and_the_threads_are_left_alone() -> None:
    made = network()
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fit_network(made, data(), TrainingSettings(), epochs=1, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_batches_are_of_nearly_equal_size() -> None:
    sizes: list[int] = []
    made = network()
    made.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    fit_network(made, data(n=33), TrainingSettings(batch_size=32), epochs=1, seed=0)
    assert sizes[:4] == [17, 16, 17, 16]  # a look at the loss before training, then the epoch


def test_predictions_do_not_suffer_from_few_steps() -> None:
    inputs, _ = clips()
    made = network()
    fit_network(made, data(), TrainingSettings(batch_size=20, learning_rate=1e-2), epochs=5, seed=0)
    after_five_steps = made.blocks[0].norm
    filtered = made.blocks[0].conv(inputs.flatten(0, 1))
    torch.testing.assert_close(after_five_steps.running_mean, filtered.mean((0, 2, 3)), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(after_five_steps.running_var, filtered.var((0, 2, 3)), atol=1e-3, rtol=1e-2)
    assert after_five_steps.momentum == 0.1


def test_one_clip_of_one_frame_of_the_smallest_size_can_be_trained_on() -> None:
    fit = fit_network(network(), data(n=1, steps=1), TrainingSettings(batch_size=1), epochs=1, seed=0)
    assert math.isfinite(fit.history[0].loss)


def test_a_fit_that_diverges_is_begun_again_with_a_lower_rate(caplog: pytest.LogCaptureFixture) -> None:
    settings = TrainingSettings(batch_size=5, learning_rate=2.0)
    made, twin = network(), network()
    fit = fit_network(made, data(), settings, epochs=4, seed=0)
    restart = fit.dynamics.restart
    assert restart is not None
    assert "the loss rose from" in restart.reason
    assert (restart.epoch, restart.learning_rate, restart.retried_with) == (4, 2.0, pytest.approx(0.2))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]  # it knows no name to tell
    fit_network(twin, data(), replace(settings, learning_rate=0.2), epochs=4, seed=0)
    for one, other in zip(made.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_start_is_the_loss_of_all_clips_not_of_the_first() -> None:
    inputs, labels = clips()
    labels, order = labels.sort(stable=True)  # as a corpus lists its people: the first batch is of one class
    made = network()
    with torch.no_grad():
        made.head.bias.copy_(torch.tensor([2.0, -2.0]))  # which the network happens to expect
    sorted_by_class = TrainingData.stack(inputs[order], labels, (-1.0, 1.0))
    fit = fit_network(made, sorted_by_class, TrainingSettings(batch_size=10), epochs=2, seed=0)
    assert fit.history[-1].loss < fit.history[0].loss
    assert fit.dynamics.restart is None


def test_a_gradient_that_is_no_number_is_noticed_even_after_the_last_step() -> None:
    made = network()
    made.head.weight.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(DstanError, match=r"the gradient is nan in epoch 1"):
        fit_network(made, data(), TrainingSettings(batch_size=20), epochs=1, seed=0)


def test_a_fit_that_falls_is_not_begun_again() -> None:
    fit = fit_network(network(), data(), TrainingSettings(batch_size=5), epochs=4, seed=0)
    assert fit.dynamics.restart is None


def test_a_loss_that_is_no_number_twice_is_an_error_that_names_the_epoch() -> None:
    broken = data()
    broken.inputs[3] = math.nan
    with pytest.raises(DstanError, match=r"the loss is nan in epoch 1.*training\.learning_rate"):
        fit_network(network(), broken, TrainingSettings(), epochs=2, seed=0)


def test_auto_takes_bfloat16_where_there_are_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for has_tiles in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has_tiles=has_tiles: has_tiles)
        assert uses_bfloat16("auto", cpu) == has_tiles
    assert uses_bfloat16("bfloat16", cpu)
    assert not uses_bfloat16("float32", cpu)


def test_clips_are_kept_once_in_half_precision_channels_last() -> None:
    inputs, labels = clips(n=3)
    kept = TrainingData.stack(iter(inputs), labels, (-1.0, 1.0))
    assert kept.inputs.shape == (3, 2, 32, 32, 2)
    assert kept.inputs.dtype == torch.float16
    torch.testing.assert_close(kept.inputs.movedim(-1, 2).float(), inputs, atol=2e-3, rtol=1e-3)
    assert len(kept.of(torch.tensor([2, 0]))) == 2
    assert torch.equal(kept.of(torch.tensor([2, 0])).inputs[0], kept.inputs[2])


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="epochs must be 1 to"):
        TrainingSettings(epochs=0)
    with pytest.raises(ConfigError, match="epochs cannot be 'outer'"):
        TrainingSettings(epochs="outer")
    with pytest.raises(ConfigError, match="precision cannot be"):
        replace(TrainingSettings(), precision="float16")
