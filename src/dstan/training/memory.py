"""How much memory a fit takes, and so how many fits may share a GPU or a machine."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dstan.errors import ConfigError
from dstan.networks.network import Network
from dstan.training.loop import uses_bfloat16
from dstan.training.settings import TrainingSettings

CONTEXT = 700 * 2**20
"""Bytes that a process with its libraries takes before it computes anything."""
TEMPORARY = 1.5
"""Room for gradients and workspaces, over what is kept for the backward pass."""
COPIES = 4
"""Numbers of four bytes that are kept for each weight that is trained: itself, its gradient and two moments."""
USABLE = 0.9
"""Share of the free memory that is given out."""


def memory_of_a_fit(
    network: Network, shape: tuple[int, ...], clips: int, settings: TrainingSettings, device: str
) -> int:
    """Estimate the bytes on a device that a fit takes at its peak.

    What is kept for the backward pass is counted on the CPU in bfloat16, with one clip and with two; so is that of a
    batch, and float32 takes no more than twice that. (In float32 a CPU keeps less than a GPU, which fuses no blocks.)

    Parameters
    ----------
    network
        The network.
    shape
        Of a clip as the network is given it: (T, C, H, W).
    clips
        How many there are to learn from.
    settings
        How it is trained.
    device
        Where.
    """
    width = 1 if uses_bfloat16(settings.precision, torch.device(device)) else 2
    one, two = (width * _kept(network, torch.zeros(n, *shape)) for n in (1, 2))
    activations = one + (two - one) * (min(settings.batch_size, clips) - 1)
    numbers = sum(one.numel() * (COPIES if one.requires_grad else 1) for one in network.parameters())
    return CONTEXT + 4 * numbers + 2 * clips * math.prod(shape) + int(TEMPORARY * activations)


def _kept(network: Network, clips: Tensor) -> int:
    """Return the bytes that a pass in bfloat16 keeps for the backward pass."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16),
    ):
        loss = network.train()(clips).logits.sum()
    found = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    del loss
    return found


def fits_at_once(device: str, need: int) -> int:
    """Return how many fits the free memory of a device holds.

    Parameters
    ----------
    device
        "cpu", "cuda", "cuda:1" ...
    need
        Bytes of one fit.

    Raises
    ------
    ConfigError
        If a GPU does not hold one. A CPU is let try, for it can swap.
    """
    free = _free(device)
    number = int(USABLE * free // need)
    if number < 1 and device != "cpu":
        raise ConfigError(
            f"a fit needs some {need / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB are free",
            where=device,
            hint="Smaller batches (--set training.batch_size=16) or frames (--set recipe.size=128), or --device cpu",
        )
    return max(1, number)


def _free(device: str) -> int:
    if device != "cpu":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil
    from distributed.system import MEMORY_LIMIT

    return int(min(psutil.virtual_memory().available, MEMORY_LIMIT))  # what the container may take
