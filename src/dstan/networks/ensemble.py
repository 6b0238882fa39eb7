"""Several networks of one kind that look at the same clips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dstan.networks.network import Network, Output


class Ensemble(Network):
    """Networks that were trained apart and answer together.

    Logits, weights in time and in space, and scores of states are their means; features stand side by side.

    Parameters
    ----------
    members
        One at least, all of one kind.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, clips: Float[Tensor, "b t c h w"]) -> Output:
        """Classify clips."""
        seen: list[Output] = [member(clips) for member in self.members]
        logits, features, *weights = zip(*seen, strict=True)
        return Output(_mean(logits), torch.cat(features, dim=1), *map(_mean_of_any, weights))


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).mean(0)


def _mean_of_any(tensors: Sequence[Tensor | None]) -> Tensor | None:
    """Return the mean; None where the members have nothing of the kind."""
    known = [tensor for tensor in tensors if tensor is not None]
    return _mean(known) if known else None
