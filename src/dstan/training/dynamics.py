"""What a trained network looks like inside: units that died, and what its attention does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dstan.networks.network import Network


@dataclass(frozen=True)
class Restart:
    """Why a fit was begun again, once, with a lower rate."""

    reason: str
    epoch: int
    learning_rate: float
    retried_with: float


@dataclass(frozen=True)
class Dynamics:
    """What was found of a fit besides its curves.

    Parameters
    ----------
    dead_units
        For each block, the share of its channels that are zero everywhere on every training clip.
    temporal_attention
        ``mean`` and ``deviation`` over the training clips of the weight of each of T frames; None without it.
    spatial_attention
        ``mean`` and ``deviation`` of a position's weight, over positions, frames and training clips; None without it.
    restart
        Why the fit was begun again; None where it was not.
    inner
        What the choice of epochs came to; None where their number was given.
    """

    dead_units: list[float]
    temporal_attention: dict[str, list[float]] | None
    spatial_attention: dict[str, float] | None
    restart: Restart | None = None
    inner: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what goes into ``fold.json``."""
        return asdict(self)


def measure_dynamics(network: Network, batches: Iterable[Float[Tensor, "b t h w c"]]) -> Dynamics:
    """Pass clips through a trained network, as it predicts, and look inside.

    Parameters
    ----------
    network
        The network, in evaluation mode.
    batches
        The training clips, channels last.
    """
    peaks: list[Tensor] = [torch.zeros(()) for _ in network.blocks]
    temporal, spatial = [], []

    def watch(index: int) -> Any:  # numpydoc ignore=GL08
        def look(_block: object, _given: object, found: Tensor) -> None:  # numpydoc ignore=GL08
            peak = found.amax([dim for dim in range(found.dim()) if dim != 1])
            peaks[index] = torch.maximum(peaks[index].to(found.device), peak)

        return look

    handles = [block.register_forward_hook(watch(index)) for index, block in enumerate(network.blocks)]
    with torch.no_grad():
        for batch in batches:
            output = network(batch.float().movedim(-1, 2))
            temporal += [] if output.temporal is None else [output.temporal]
            spatial += [] if output.spatial is None else [output.spatial]
    for handle in handles:
        handle.remove()
    return Dynamics(
        dead_units=[round(float((peak == 0).float().mean()), 6) for peak in peaks],
        temporal_attention=_spread(torch.cat(temporal), 0) if temporal else None,
        spatial_attention=_spread(torch.cat(spatial), None) if spatial else None,
    )


def _spread(weights: Tensor, along: int | None) -> dict[str, Any]:
    deviation, mean = torch.std_mean(weights.float(), dim=along, correction=0)
    return {"mean": _plain(mean), "deviation": _plain(deviation)}


def _plain(values: Tensor) -> Any:
    return torch.round(values.double().cpu(), decimals=6).tolist()
