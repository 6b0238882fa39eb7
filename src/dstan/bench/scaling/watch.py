"""When tasks finish, and how much memory this process and its children take at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIRST = 0.1
"""Share of the tasks, the first ones, during which processes start and import."""


class Clock:
    """Notes when each task of a stage finishes: what a long job calls with its progress."""

    def __init__(self, stage: str) -> None:
        self._stage, self.times = stage, [time.perf_counter()]

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Note a task that has finished."""
        if stage == self._stage and done >= len(self.times):
            self.times += [time.perf_counter()] * (done + 1 - len(self.times))

    @property
    def seconds(self) -> float:
        """From the beginning to the end of the last task."""
        return self.times[-1] - self.times[0]

    @property
    def first(self) -> float:
        """From the beginning to the end of the first task."""
        return self.times[1] - self.times[0]

    @property
    def each(self) -> float:
        """Seconds a task once all processes run: the first tenth of the tasks is left out."""
        skipped = min(max(4, round(FIRST * len(self.times))), len(self.times) - 2)
        return (self.times[-1] - self.times[skipped]) / (len(self.times) - 1 - skipped)


class Memory:
    """The most that was taken, in MB: by this process, and by one of its children."""

    def __init__(self) -> None:
        self.own = self.worker = 0.0

    def look(self) -> None:
        """Look once."""
        import psutil

        me = psutil.Process()
        self.own = max(self.own, most_of(me.pid))
        self.worker = max([self.worker, *(most_of(child.pid) for child in me.children(recursive=True))])


@contextmanager
def watched(every: float = 0.3) -> Iterator[Memory]:
    """Look at memory while the block runs."""
    memory, over = Memory(), threading.Event()

    def keep_looking() -> None:  # numpydoc ignore=GL08
        while not over.wait(every):
            memory.look()

    thread = threading.Thread(target=keep_looking)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()
        memory.look()


def most_of(process: int) -> float:
    """Return what Linux counts as the most memory of a process, in MB; 0 where it is gone or nothing is counted."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM")), 0.0)
