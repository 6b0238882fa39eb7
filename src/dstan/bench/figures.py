"""A measured figure, a table of them, and the machine that they were measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One row of a bench.

    Parameters
    ----------
    name
        What was done.
    value
        The median over the repetitions.
    unit
        Its unit.
    ratio
        ``value`` over that of the reference.
    reference
        What it is compared with: the name of another row, mostly the first.
    """

    name: str
    value: float
    unit: str
    ratio: float
    reference: str


@dataclass(frozen=True)
class Bench:
    """What one bench measured.

    Parameters
    ----------
    name
        The bench's name.
    what
        One sentence: the work, its size, the repetitions.
    figures
        The rows.
    """

    name: str
    what: str
    figures: tuple[Figure, ...]

    @classmethod
    def of(cls, name: str, what: str, unit: str, values: dict[str, float]) -> Bench:
        """Build from values by name, the first of them the reference."""
        first, reference = next(iter(values.items()))
        figures = (Figure(row, value, unit, value / reference, first) for row, value in values.items())
        return cls(name, what, tuple(figures))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the machine."""
        return {
            "bench": self.name,
            "what": self.what,
            "machine": machine(),
            "figures": [vars(figure) for figure in self.figures],
        }


def machine() -> str:
    """Name the processor, the cores that this process may use, and Python."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, Python {platform.python_version()}"


def median_seconds(
    work: Callable[[], object], repetitions: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Time some work several times, after once without the clock.

    Parameters
    ----------
    work
        What to do.
    repetitions
        How often to time it.
    clock
        Which time counts; ``time.process_time`` is this process's own, which neighbours on the machine disturb less.

    Returns
    -------
    The median duration in seconds.
    """
    work()
    durations = []
    for _ in range(repetitions):
        start = clock()
        work()
        durations.append(clock() - start)
    return median(durations)
