"""What is found inside a trained network is what is there."""

import pytest
import torch

from dstan.networks.streams import Stream, StreamSettings
from dstan.training.dynamics import measure_dynamics


def _network(**settings: object) -> Stream:
    torch.manual_seed(0)
    return Stream(2, 3, StreamSettings(channels=(4, 4, 4, 8, 8), lstm_width=8, lhfn=False, **settings)).eval()


def _batches() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 5, 32, 32, 2, generator=generator).half() for n in (4, 3)]


def test_channels_that_never_fire_are_counted_block_by_block() -> None:
    network = _network()
    with torch.no_grad():
        network.blocks[1].norm.weight[:3] = 0
        network.blocks[1].norm.bias[:3] = -1
    found = measure_dynamics(network, _batches())
    assert found.dead_units == [0, 0.75, *found.dead_units[2:]]
    assert len(found.dead_units) == 5


def test_attention_is_averaged_over_all_clips() -> None:
    network, batches = _network(), _batches()
    found = measure_dynamics(network, batches)
    with torch.no_grad():
        output = network(torch.cat(batches).float().movedim(-1, 2))
    assert output.temporal is not None
    assert output.spatial is not None
    assert found.temporal_attention is not None
    assert found.temporal_attention["mean"] == pytest.approx(output.temporal.mean(0).tolist(), abs=1e-5)
    assert found.temporal_attention["deviation"] == pytest.approx(
        output.temporal.std(0, correction=0).tolist(), abs=1e-5
    )
    assert found.spatial_attention == {
        "mean": pytest.approx(float(output.spatial.mean()), abs=1e-5),
        "deviation": pytest.approx(float(output.spatial.std(correction=0)), abs=1e-5),
    }


def test_a_network_without_attention_has_none_to_tell_of() -> None:
    found = measure_dynamics(_network(spatial_attention=False, temporal_attention=False), _batches())
    assert (found.temporal_attention, found.spatial_attention, found.restart, found.inner) == (None, None, None, None)


def test_no_hook_stays_behind() -> None:
    network = _network()
    measure_dynamics(network, _batches())
    assert not any(block._forward_hooks for block in network.blocks)
