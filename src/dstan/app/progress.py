"""Long work in a thread of its own, told step by step to whoever shows the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from dstan._progress import Progress
from dstan.app.desks import Job

Result = TypeVar("Result")
EVERY = 0.25
"""Seconds between two looks at how far it is."""


@dataclass(frozen=True)
class Step:
    """How far the work is: parts done and in all of a stage, and the seconds since the stage began."""

    stage: str
    done: int
    total: int
    elapsed: float


@dataclass(frozen=True)
class Finished(Generic[Result]):
    """What became of it: a result, or why there is none."""

    result: Result | None = None
    error: BaseException | None = None


def follow(job: Job, work: Callable[[Progress], Result]) -> Iterator[Step | Finished[Result]]:
    """Do something in a thread; yield how far it is, and at last what became of it.

    The work ends at its next report once the job was discarded, which this does itself where nobody follows any more.

    Parameters
    ----------
    job
        Whose folder the work needs; it is held meanwhile.
    work
        Is given the progress to report to.

    Yields
    ------
    Step | Finished
        How far it is a few times a second; the last is finished.
    """
    latest: list[Step] = []
    begun: dict[str, float] = {}

    def report(stage: str, done: int, total: int, note: str = "") -> None:  # numpydoc ignore=GL08
        job.check()
        latest[:] = [Step(stage, done, total, time.monotonic() - begun.setdefault(stage, time.monotonic()))]

    def at_work() -> Result:  # numpydoc ignore=GL08
        with job.work():
            return work(report)

    finished = False
    with ThreadPoolExecutor(1, thread_name_prefix="dstan-app") as pool:
        future = pool.submit(at_work)
        try:
            while not future.done():
                time.sleep(EVERY)
                yield from latest[:1]
            finished = True
        finally:
            if not finished:
                job.discard()
    error = future.exception()
    yield Finished(None, error) if error is not None else Finished(future.result())
