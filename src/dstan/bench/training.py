"""Training: clips per second beside the plain loop, and how much of the device's own ceiling is reached.

Arrays of the right shape are drawn, so no corpus is needed. Each loop runs in a process of its own. On a CPU, dstan's
is one process a core with one thread each, as in an evaluation, beside one plain process that has all cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dstan._engine import keep_memory, single_thread, usable_cores, worker_environment
from dstan.bench.figures import Bench, Figure
from dstan.networks.streams import Stream, StreamSettings
from dstan.training import TrainingData, TrainingSettings, steady, train_epochs, uses_bfloat16

SIZES = (64, 224)
STEPS, CLASSES, BATCH = 9, 5, 32
EPOCHS = 3
"""The first warms up; the others are timed."""
FOLDS_SHARING = (1, 4)
"""Processes that share a GPU."""
MATRIX = {"cpu": 2048, "cuda": 8192}
PAPER_CLIPS = 2 * 26 * 60 * (246 - 246 / 26)
"""Clips that the paper's protocol on CASME II learns from: two streams, 26 folds, 60 epochs."""

TARGET_MINUTES = 5.0
"""What that may take on one GPU of the H100 class."""


@dataclass(frozen=True)
class _Work:
    """One process's measurement."""

    loop: str
    size: int
    precision: str
    device: str

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "dstan.bench.training", self.loop, str(self.size), self.precision, self.device]
        alone = None if self.loop == "plain" else worker_environment()
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=alone)


def bench_training(device: str = "cpu") -> Bench:
    """Measure the motion stream at the size of the tables in the docs and at the paper's.

    Parameters
    ----------
    device
        "cpu", "cuda", "cuda:1" ...
    """
    figures: list[Figure] = []
    for size in SIZES:
        figures += _loops(size, device)
    peak = _together([_Work("ceiling", 0, _auto(device), device)] * _processes(device)[0])
    figures += [
        Figure(f"a large matrix product, {_auto(device)}", peak / 1e9, "GFLOP/s", 1.0, "itself"),
        *(_share(figure, size, peak) for size in SIZES for figure in figures if figure.name == _name(size, device)),
        _whole_protocol(next(figure for figure in figures if figure.name == _name(224, device)), device),
    ]
    what = (
        f"STMN-A, {STEPS} steps, batches of {BATCH} clips, on {device}; {EPOCHS - 1} epochs after one to warm up, "
        "each row in processes of its own"
    )
    return Bench("training", what, tuple(figures))


def _auto(device: str) -> str:
    return "bfloat16" if uses_bfloat16("auto", torch.device(device)) else "float32"


def _processes(device: str) -> tuple[int, ...]:
    """Return how many of dstan's processes work at a time; the first is the number of an evaluation on a CPU."""
    return (usable_cores(),) if device == "cpu" else FOLDS_SHARING


def _name(size: int, device: str, precision: str = "", processes: int = 0) -> str:
    processes = processes or max(_processes(device))
    return f"dstan, {precision or _auto(device)}, {processes} at a time, {size} x {size}"


def _loops(size: int, device: str) -> Iterator[Figure]:
    reference = f"the plain loop, {size} x {size}"
    plain = _together([_Work("plain", size, "float32", device)])
    yield Figure(reference, plain, "clips/s", 1.0, reference)
    for precision in ("float32", "bfloat16"):
        for processes in _processes(device):
            speed = _together([_Work("dstan", size, precision, device)] * processes)
            yield Figure(_name(size, device, precision, processes), speed, "clips/s", speed / plain, reference)


def _share(figure: Figure, size: int, peak: float) -> Figure:
    work = figure.value * _operations(size)
    return Figure(f"{figure.name}: its products", work / 1e9, "GFLOP/s", work / peak, "the large matrix product")


def _whole_protocol(figure: Figure, device: str) -> Figure:
    """Say how long the paper's protocol on CASME II takes to train at a rate."""
    minutes = PAPER_CLIPS / figure.value / 60
    target = f"{TARGET_MINUTES:.0f} min" if device != "cpu" else "itself"
    against = minutes / TARGET_MINUTES if device != "cpu" else 1.0
    return Figure("the paper's protocol on CASME II at that rate", minutes, "min", against, target)


def _together(works: list[_Work]) -> float:
    """Run measurements at the same time and return their sum."""
    started = [work.start() for work in works]
    outputs = [process.communicate()[0] for process in started]
    for process in started:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return sum(float(json.loads(output)) for output in outputs)


def _operations(size: int) -> int:
    """Return the floating-point operations of the products and convolutions of one step, for one clip."""
    from torch.utils.flop_counter import FlopCounterMode

    network = _network()
    with FlopCounterMode(display=False) as counter:
        loss = network(torch.zeros(1, STEPS, 2, size, size)).logits.sum()
        torch.autograd.backward(loss)
    return int(counter.get_total_flops())


def _network() -> Stream:
    torch.manual_seed(0)
    return Stream(2, CLASSES, StreamSettings(lhfn=False))


def _measure(loop: str, size: int, precision: str, device: str) -> float:
    """Measure in this process: clips a second, or floating-point operations a second of the matrix product."""
    if loop == "ceiling":
        return _ceiling(precision, device)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(BATCH, STEPS, 2, size, size, generator=generator)
    labels = torch.arange(BATCH) % CLASSES
    epochs = _plain if loop == "plain" else _dstan
    ends = []
    for _ in epochs(inputs, labels, precision, device):
        _wait(device)
        ends.append(time.perf_counter())
    return BATCH * (len(ends) - 1) / (ends[-1] - ends[0])


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def _plain(inputs: Tensor, labels: Tensor, precision: str, device: str) -> Iterator[None]:
    """Train as most published code does: float32, NCHW, a DataLoader, the optimiser's defaults."""
    network = _network().to(device)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for x, y in data:
            loss = functional.cross_entropy(network(x.to(device)).logits, y.to(device))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        yield


def _dstan(inputs: Tensor, labels: Tensor, precision: str, device: str) -> Iterator[None]:
    """Train as dstan does."""
    keep_memory()
    place = torch.device(device)
    data = TrainingData.stack(inputs, labels, (-1.0, 1.0)).on(place)
    with steady(place):
        for _ in train_epochs(_network(), data, TrainingSettings(precision=precision), EPOCHS, 0):
            yield


def _ceiling(precision: str, device: str) -> float:
    side = MATRIX["cpu" if device == "cpu" else "cuda"]
    one = torch.randn(side, side, device=device).to(getattr(torch, precision))
    with single_thread():
        seconds = _fastest(lambda: one @ one, device)
    return 2 * side**3 / seconds


def _fastest(work: Callable[[], object], device: str) -> float:
    durations = []
    for _ in range(6):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        durations.append(time.perf_counter() - start)
    return min(durations)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])))
