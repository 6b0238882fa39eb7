"""How many fits a GPU has room for."""

import pytest
import torch
from torch.nn import functional

from dstan.errors import ConfigError
from dstan.networks.blocks import Block
from dstan.networks.streams import Stream, StreamSettings
from dstan.training import TrainingSettings
from dstan.training.memory import CONTEXT, TEMPORARY, fits_at_once, memory_of_a_fit


def _need(size: int = 64, batch_size: int = 32, clips: int = 100, precision: str = "float32") -> int:
    network = Stream(2, 5, StreamSettings(lhfn=False)).in_fast_layout()
    settings = TrainingSettings(batch_size=batch_size, precision=precision)
    return memory_of_a_fit(network, (3, 2, size, size), clips, settings, "cpu") - CONTEXT


def test_the_need_grows_with_the_pixels_and_the_batch() -> None:
    assert _need(128) == pytest.approx(4 * _need(64), rel=0.06)
    assert _need(batch_size=32) == pytest.approx(2 * _need(batch_size=16), rel=0.1)
    assert _need(batch_size=32, clips=8) < _need(batch_size=32) / 3


def test_it_is_at_least_what_the_first_block_keeps() -> None:
    images = 32 * 3
    first_block = images * 16 * 64 * 64 * 4
    assert 1.5 * first_block < _need() < 12 * first_block
    assert _need(precision="bfloat16") < _need()


def test_it_is_no_less_than_blocks_keep_that_are_not_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    monkeypatch.setattr(Block, "forward", lambda own, x: functional.max_pool2d(own.norm(own.conv(x)), 2).relu_())
    network = Stream(2, 5, StreamSettings(lhfn=False)).in_fast_layout().train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = network(torch.zeros(8, 3, 2, 64, 64))
    assert output.logits.requires_grad
    activations = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    monkeypatch.undo()
    assert TEMPORARY * activations <= _need(batch_size=8) < 1.5 * TEMPORARY * activations


def test_as_many_fits_run_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80 * 2**30, 80 * 2**30))
    assert fits_at_once("cuda", 6 * 2**30) == 12
    with pytest.raises(ConfigError, match=r"needs some 90\.0 GiB of memory, and 80\.0 GiB are free.*batch_size"):
        fits_at_once("cuda", 90 * 2**30)


def test_the_free_memory_of_this_machine_has_room_for_a_small_fit() -> None:
    assert fits_at_once("cpu", 2**20) > 1
    assert fits_at_once("cpu", 2**60) == 1


def test_a_weight_that_is_trained_is_there_four_times_and_a_fixed_one_once() -> None:
    network, settings = Stream(2, 5, StreamSettings(lhfn=False)), TrainingSettings(batch_size=1)
    before = memory_of_a_fit(network, (1, 2, 32, 32), 1, settings, "cpu")
    network.spare = torch.nn.Linear(999, 1000)
    trained = memory_of_a_fit(network, (1, 2, 32, 32), 1, settings, "cpu")
    network.spare.requires_grad_(False)
    fixed = memory_of_a_fit(network, (1, 2, 32, 32), 1, settings, "cpu")
    assert (trained - before, fixed - before) == (16_000_000, 4_000_000)
