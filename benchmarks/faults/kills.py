"""``kill -9`` at random moments: of the command, of a worker, of a scheduler."""

from __future__ import annotations

import contextlib
import os
import random
import signal

from .outcome import Outcome
from .site import Site, cluster, random_moment, wait_for

SPAWNED = "spawn_main"


def kill_command(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """Kill the command; its workers must end by themselves, and the same command goes on."""
    running = site.evaluate()
    outcome.detail = random_moment(site, running, chance)
    running.process.kill()
    running.wait()
    outcome.must(site.all_gone(), "its workers live on")
    before = site.finished()
    outcome.completed(site, site.evaluate().wait(), before)


def kill_worker(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """Kill one of the command's worker processes; the command must complete the run by itself."""
    running = site.evaluate()
    outcome.detail = random_moment(site, running, chance)
    _kill_one(site, chance, lambda: running.process.poll() is not None)
    before = site.finished()
    outcome.completed(site, running.wait(), before)


def kill_cluster_worker(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """Kill a worker of a cluster together with what would start it again; one worker is left."""
    with cluster(site) as dask:
        running = site.evaluate("--cluster", str(dask.file))
        outcome.detail = random_moment(site, running, chance)
        lost = chance.choice(dask.workers)
        for process in (lost.process.pid, *_children(lost.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        before = site.finished()
        done = running.wait()
    outcome.completed(site, done, before)


def kill_scheduler(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """Kill the scheduler for good: the command must end and say so, and go on with another scheduler."""
    with cluster(site) as dask:
        running = site.evaluate("--cluster", str(dask.file))
        outcome.detail = random_moment(site, running, chance)
        dask.scheduler.process.kill()
        done = running.wait()
        if done.code == 0:
            outcome.detail += ", when all was done"
        else:
            outcome.stopped(done, "scheduler")
        for worker in dask.workers:
            outcome.must(wait_for(lambda one=worker: one.process.poll() is not None, 60.0), "a worker stays alone")
        before = site.finished()
        dask.start()
        done = site.evaluate("--cluster", str(dask.file)).wait()
    outcome.completed(site, done, before)


def scheduler_comes_back(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """Kill the scheduler and start it again at its address: the command must go on by itself."""
    with cluster(site) as dask:
        running = site.evaluate("--cluster", str(dask.file))
        outcome.detail = random_moment(site, running, chance)
        dask.scheduler.process.kill()
        dask.scheduler.process.wait()
        before = site.finished()
        dask.start()
        done = running.wait()
    outcome.completed(site, done, before)


def _kill_one(site: Site, chance: random.Random, over: object) -> None:
    wait_for(lambda: site.processes(SPAWNED) or over())  # type: ignore[operator]
    workers = site.processes(SPAWNED)
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(workers), signal.SIGKILL)


def _children(process: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        from pathlib import Path

        for task in Path(f"/proc/{process}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
