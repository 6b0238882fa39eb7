"""Training: clips per second beside the plain loop, and how much of the device's own ceiling is reached.

Arrays of the right shape are drawn, so no corpus is needed. Each loop runs in a process of its own. On a CPU, dstan's
is one process a core with one thread each, as in an evaluation, beside one plain process that has all cores. Processes
that work at a time warm up first and then begin together.
"""

from __future__ import annotations

import json
import signal
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
from dstan.errors import TaskFailedError
from dstan.networks.streams import Stream, StreamSettings
from dstan.training import TrainingData, TrainingSettings, steady, train_epochs, uses_bfloat16

SIZES = (64, 224)
STEPS, CLASSES, BATCH = 9, 5, 32
BATCHES = {"cpu": 1, "cuda": 8}
"""Batches of an epoch."""
LEAST_EPOCHS, LEAST_SECONDS = 2, 3.0
"""What is timed is no less than both, after an epoch to warm up."""
GIGABYTES = 7
"""What a process takes at 224 x 224 in float32 on a CPU, about."""
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

    def __str__(self) -> str:
        return f"the loop {self.loop!r} at {self.size} x {self.size} in {self.precision} on {self.device}"

    def start(self) -> subprocess.Popen[str]:
        program = "from dstan.bench.training import main; main()"
        command = [sys.executable, "-c", program, self.loop, str(self.size), self.precision, self.device]
        alone = None if self.loop == "plain" else worker_environment()
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone)


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
        f"STMN-A, {STEPS} steps, batches of {BATCH} clips, on {device}; at least {LEAST_EPOCHS} epochs and "
        f"{LEAST_SECONDS:.0f} s after one to warm up, each row in processes of its own"
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
    """Let processes warm up, then measure at the same time, and return the sum of what they measured.

    Raises
    ------
    TaskFailedError
        If one of them does not end well; the others are then ended.
    """
    started = [work.start() for work in works]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()  # it is warm, or gone
        for process in started:
            assert process.stdin is not None
            process.stdin.close()  # go
        return sum(_value(process, work, len(works)) for process, work in zip(started, works, strict=True))
    finally:
        for process in started:
            process.kill()
            process.wait()


def _value(process: subprocess.Popen[str], work: _Work, processes: int) -> float:
    """Return what a process measured."""
    assert process.stdout is not None
    said = process.stdout.read()
    code = process.wait()
    if not code:
        return float(json.loads(said))
    if code != -signal.SIGKILL:
        raise TaskFailedError(f"a process ended with code {code}", where=work, hint="The lines above say why")
    raise TaskFailedError(
        f"the system killed one of {processes} processes, most likely for the memory that they took",
        where=work,
        hint=f"At 224 x 224 each takes up to {GIGABYTES} GB: close other programs, or measure one process on one core: "
        "taskset -c 0 dstan bench training",
    )


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
    clips = BATCH * BATCHES["cpu" if device == "cpu" else "cuda"]
    inputs = torch.randn(clips, STEPS, 2, size, size, generator=generator)
    labels = torch.arange(clips) % CLASSES
    epochs = (_plain if loop == "plain" else _dstan)(inputs, labels, precision, device)
    next(epochs)
    _wait(device)
    _ready()
    begun = ended = time.perf_counter()
    done = 0
    while done < LEAST_EPOCHS or ended - begun < LEAST_SECONDS:
        next(epochs)
        _wait(device)
        ended, done = time.perf_counter(), done + 1
    return clips * done / (ended - begun)


def _ready() -> None:
    """Say that this process is warm, and wait until all are."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def _plain(inputs: Tensor, labels: Tensor, precision: str, device: str) -> Iterator[None]:
    """Train as most published code does: float32, NCHW, a DataLoader, the optimiser's defaults."""
    network = _network().to(device)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    while True:
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
        for _ in train_epochs(_network(), data, TrainingSettings(precision=precision), sys.maxsize, 0):
            yield


def _ceiling(precision: str, device: str) -> float:
    side = MATRIX["cpu" if device == "cpu" else "cuda"]
    one = torch.randn(side, side, device=device).to(getattr(torch, precision))
    with single_thread():
        _fastest(lambda: one @ one, device)
        _ready()
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


def main() -> None:
    """Measure what the command line names, in a process of its own, and print it."""
    loop, size, precision, device = sys.argv[1:]
    sys.stdout.write(json.dumps(_measure(loop, int(size), precision, device)))
