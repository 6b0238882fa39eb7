"""Training: clips per second beside the same network in a plain eager float32 loop, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import torch
from torch import Tensor
from torch.nn import functional

from dstan._engine import keep_memory, single_thread
from dstan.bench.figures import Bench
from dstan.networks.streams import Stream, StreamSettings
from dstan.training import TrainingSettings, fit_network

SIZES = (64, 224)
N_CLIPS, STEPS, CLASSES = 64, 9, 5


def bench_training() -> Bench:
    """Measure both loops on the motion stream, at the size of the tables here and at the paper's."""
    values = {f"{loop}, {size} x {size}": _in_own_process(loop, size) for size in SIZES for loop in ("plain", "dstan")}
    what = f"STMN-A, {STEPS} steps, batches of 32 clips, one thread; the second epoch of {N_CLIPS} clips is timed"
    return Bench.of("training", what, "clips/s", values)


def _in_own_process(loop: str, size: int) -> float:
    command = [sys.executable, "-m", "dstan.bench.training", loop, str(size)]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _measure(loop: str, size: int) -> float:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(N_CLIPS, STEPS, 2, size, size, generator=generator)
    labels = torch.arange(N_CLIPS) % CLASSES
    torch.manual_seed(0)
    network = Stream(2, CLASSES, StreamSettings(lhfn=False))
    ends: list[float] = []
    with single_thread():
        if loop == "plain":
            _plain_loop(network, inputs, labels, ends)
        else:
            keep_memory()
            settings = TrainingSettings(epochs=2)
            fit_network(network, inputs, labels, settings, seed=0, on_epoch=lambda _: ends.append(time.perf_counter()))
    return N_CLIPS / (ends[1] - ends[0])


def _plain_loop(network: Stream, inputs: Tensor, labels: Tensor, ends: list[float]) -> None:
    """Train as most published code does: float32, NCHW, a DataLoader, the optimiser's defaults."""
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=32, shuffle=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(2):
        for x, y in data:
            loss = functional.cross_entropy(network(x).logits, y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        ends.append(time.perf_counter())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
