"""Trains on a made-up device and prints what crossed over; run in a process of its own, for torch keeps the device.

A tensor of this device is one of the CPU's in a wrapper. An operation that is given tensors of both devices fails, as
on a GPU. The LSTM, whose kernels belong to each device, is replaced by a layer of the same shape.
"""

import json
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

from dstan.networks.streams import Stream, StreamSettings
from dstan.training import AugmentationSettings, Fit, TrainingData, TrainingSettings, fit_network

NAME = "madeup"
crossings: dict[str, list[int]] = {"to": [], "back": [], "waits": []}


class There(Tensor):
    """A tensor of the made-up device."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    held: Tensor

    @staticmethod
    def __new__(cls, real: Tensor) -> "There":
        made = Tensor._make_wrapper_subclass(
            cls,
            real.size(),
            strides=real.stride(),
            storage_offset=real.storage_offset(),
            dtype=real.dtype,
            device=torch.device(NAME, 0),
        )
        made.held = real
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(function, args, kwargs or {})

    def tolist(self) -> Any:
        crossings["waits"].append(self.numel())
        return self.held.tolist()


class Device(TorchDispatchMode):
    """While it is entered, tensors can be made on the device and moved to it."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(function, args, kwargs or {})


def dispatch(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on what is inside the wrappers."""
    flat, shape = tree.tree_flatten((args, kwargs))
    there = [one for one in flat if isinstance(one, There)]
    here = [one for one in flat if isinstance(one, Tensor) and not isinstance(one, There)]
    name, target = function.name(), kwargs.get("device")
    moves = name in ("aten::_to_copy", "aten::copy_")
    if not moves and there and any(one.dim() for one in here):
        raise RuntimeError(f"{name} was given tensors of two devices")
    onto = bool(there) if target is None else torch.device(target).type == NAME
    if moves and here and (onto or there):
        crossings["to"].append(here[0].numel())
    if moves and there and not onto:
        crossings["back"].append(there[0].numel())
    bare = [one.held if isinstance(one, There) else one for one in flat]
    wrapped = {id(one.held): one for one in there}
    given, named = tree.tree_unflatten(bare, shape)
    found = function(*given, **(named if target is None else {**named, "device": torch.device("cpu")}))

    def wrap(one: Any) -> Any:
        if not onto or not isinstance(one, Tensor):
            return one
        return wrapped[id(one)] if id(one) in wrapped else There(one)

    return tree.tree_map(wrap, found)


class Hook(backend_registration._DummyPrivateUse1Hook):
    """Tells torch that the device is there."""

    def is_available(self) -> bool:
        return True

    def has_primary_context(self, index: int) -> bool:
        return True


class Layer(nn.Linear):
    """In place of the LSTM."""

    def forward(self, frames: Tensor) -> tuple[Tensor, None]:
        return torch.tanh(super().forward(frames)), None


def set_up() -> None:
    """Make the device known to torch, with autocast for convolutions and linear layers."""
    backend_registration._setup_privateuseone_for_python_backend(NAME, hook=Hook())
    torch.madeup.get_amp_supported_dtype = lambda: [torch.bfloat16]
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    key = torch._C.DispatchKey.AutocastPrivateUse1
    everything, own = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    everything.fallback(torch.library.fallthrough_kernel, key.name)
    for operation in (torch.ops.aten.conv2d.default, torch.ops.aten.linear.default):

        def half(*args: Any, operation: Any = operation) -> Any:
            with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(key)):
                return operation(*(one.bfloat16() if isinstance(one, Tensor) else one for one in args))

        own.impl(operation, half, key.name)
    set_up.kept = everything, own


def fit(precision: str, rate: float, device: str) -> tuple[Fit, int]:
    """Train, and return also how many numbers the data hold."""
    torch.manual_seed(0)
    network = Stream(2, 3, StreamSettings(channels=(4, 4, 4, 8, 8), lstm_width=8))
    network.lstm = Layer(network.lstm.input_size, 8)
    data = TrainingData.stack(torch.randn(7, 3, 2, 36, 36), torch.arange(7) % 3, (-1.0, 1.0))
    changed = AugmentationSettings(mirror=True, shift=0.1, amplitude=0.1)
    settings = TrainingSettings(batch_size=4, precision=precision, augmentation=changed, learning_rate=rate)
    found = fit_network(network, data, settings, epochs=3, seed=0, device=device)
    assert all(type(value) is Tensor for value in network.state_dict().values())
    return found, data.inputs.numel()


def main(precision: str, rate: float) -> None:
    """Train here and there, and print both curves and what crossed over."""
    torch.set_num_threads(1)
    set_up()  # before the first backward pass, which settles what devices there are
    here, size = fit(precision, rate, "cpu")
    with Device():
        there, _ = fit(precision, rate, f"{NAME}:0")
    losses = [[record.loss for record in found.history] for found in (here, there)]
    restarts = [found.dynamics.restart is not None for found in (here, there)]
    json.dump({"losses": losses, "restarts": restarts, "data": size, **crossings}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
