"""A Dask cluster whose workers are SLURM jobs, through dask-jobqueue; the scheduler is in this process."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dstan._atomic import write_text
from dstan._engine.dashboard import dashboard_elsewhere
from dstan.cluster.jobs import LOGS, ORPHANED_AFTER, job_options, jobqueue
from dstan.cluster.keys import Keys, dask_settings, make_keys, read_keys
from dstan.cluster.settings import SlurmSettings
from dstan.errors import ConfigError, TaskFailedError

log = logging.getLogger(__name__)

SCHEDULER_FILE = "scheduler.json"
ANSWERS_WITHIN = 30
"""Seconds in which SLURM has to answer."""
FAILED_IN_A_ROW = 3
"""Jobs in a row that may end before their workers have joined."""


@contextmanager
def slurm_cluster(settings: SlurmSettings, folder: Path) -> Iterator[SlurmCluster]:
    """Start a scheduler in this process and submit the jobs; cancel them when the block ends.

    Parameters
    ----------
    settings
        What is asked for.
    folder
        Where keys, the scheduler's file and the logs of jobs lie: on storage that every node sees under this path. It
        is made with new keys where it is not there.

    Raises
    ------
    ConfigError
        If there is no SLURM here, its answer is no, or another cluster runs from that folder.
    """
    if shutil.which("sbatch") is None:
        hint = "Run this where jobs are submitted (a login node); --dry-run prints the script anywhere"
        raise ConfigError("there is no sbatch here", hint=hint)
    keys = read_keys(folder) if folder.exists() else make_keys(folder)
    file = keys.folder / SCHEDULER_FILE
    _nobody_else(file)
    (keys.folder / LOGS).mkdir(mode=0o700, exist_ok=True)
    with _started(settings, keys) as cluster:
        made = SlurmCluster(cluster, settings, keys)
        try:
            write_text(file, json.dumps(made.identity(), indent=2), private=True)
            made.submit()
            yield made
        finally:
            file.unlink(missing_ok=True)


def _nobody_else(file: Path) -> None:
    """Refuse a folder whose scheduler still answers; one that was killed has left its file behind."""
    try:
        address = urlsplit(json.loads(file.read_text(encoding="utf-8"))["address"])
        socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=3).close()
    except (OSError, ValueError, KeyError):
        return
    hint = "Use it (--cluster FILE), stop it with Ctrl-C where it runs, or give this one a folder of its own: --out"
    raise ConfigError("a cluster is running from this folder", where=file.parent, hint=hint)


@contextmanager
def _started(settings: SlurmSettings, keys: Keys) -> Iterator[Any]:
    import dask
    import distributed  # noqa: F401 - brings the settings that are merged here

    scheduler = {
        "dashboard": bool(settings.dashboard),
        "dashboard_address": settings.dashboard or "127.0.0.1:0",
        "port": settings.port,
        "interface": settings.interface or None,
    }
    options = job_options(settings, keys.folder)
    kind = jobqueue().SLURMCluster
    patience = {"distributed": {"deploy": {"lost-worker-timeout": f"{ORPHANED_AFTER}s"}}}
    with dask.config.set(dask.config.merge(dask.config.config, dask_settings(keys.folder), patience)):
        try:
            with dashboard_elsewhere():
                cluster = kind(name=settings.name, scheduler_options=scheduler, **options)
        except (RuntimeError, OSError, ValueError) as error:
            hint = "Look at the settings interface, port and dashboard"
            raise ConfigError(f"the scheduler cannot start: {error}", hint=hint) from error
        with cluster:
            yield cluster


class SlurmCluster:
    """A running scheduler and the jobs that were submitted for it.

    Parameters
    ----------
    cluster
        Of dask-jobqueue.
    settings
        What is asked for.
    keys
        Of its messages.
    """

    def __init__(self, cluster: Any, settings: SlurmSettings, keys: Keys) -> None:
        self._cluster, self._settings, self.keys = cluster, settings, keys
        self._joined: set[str] = set()
        self._failed = 0

    @property
    def file(self) -> Path:
        """The file that ``--cluster`` takes."""
        return self.keys.folder / SCHEDULER_FILE

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(self._cluster.scheduler.address)

    @property
    def dashboard(self) -> str | None:
        """The dashboard's address, if it has one."""
        service = self._cluster.scheduler.services.get("dashboard") if self._settings.dashboard else None
        host = self._settings.dashboard.rpartition(":")[0] or socket.gethostname()
        return None if service is None else f"http://{host}:{service.port}/status"

    def identity(self) -> dict[str, Any]:
        """Return what a scheduler says of itself."""
        found: dict[str, Any] = self._cluster.scheduler.identity()
        return found

    def submit(self) -> None:
        """Ask SLURM for as many jobs as are wanted and not there.

        Raises
        ------
        ConfigError
            If SLURM refuses.
        """
        while len(self._cluster.worker_spec) < self._settings.jobs:
            self._cluster.worker_spec.update(self._cluster.new_worker_spec())
        self._settle()

    def workers(self) -> int:
        """Count the processes that have joined."""
        return len(self._names())

    def replace_ended(self) -> list[str]:
        """Submit another job for each that has ended: its time was over, its node died, or it never began well.

        Where SLURM does not answer, or refuses for now, that is logged, and the next call tries again.

        Returns
        -------
        The ids of those that have ended.

        Raises
        ------
        TaskFailedError
            If three in a row have ended before their workers joined.
        """
        jobs = {name: job.job_id for name, job in dict(self._cluster.workers).items()}
        there = self._names()
        self._joined |= {number for name, number in jobs.items() if any(one.startswith(f"{name}-") for one in there)}
        try:
            queued = _queued(self._settings.name)
            ended = {name: number for name, number in jobs.items() if number not in queued}
            self._let_go(ended)
            self.submit()
        except (ConfigError, OSError, subprocess.SubprocessError) as error:
            log.warning("%s; tried again later", error)
            return []
        return [number for number in ended.values() if number is not None]

    def _let_go(self, ended: dict[str, str | None]) -> None:
        """Forget jobs, so that their names are free, and count those that never joined; None was never taken."""
        for name, number in ended.items():
            self._cluster.worker_spec.pop(name, None)
            if number is not None:
                self._failed = 0 if number in self._joined else self._failed + 1
            if self._failed >= FAILED_IN_A_ROW:
                raise _never_joined(number, self.keys.folder / LOGS / f"{self._settings.name}-{number}.log")
        self._settle()

    def _settle(self) -> None:
        """Submit and cancel what is not yet as wanted."""
        try:
            self._cluster.sync(_settled, self._cluster)
        except RuntimeError as error:
            _mark_refused(self._cluster)
            hint = "Look at the script with --dry-run, and at what there is with sinfo"
            raise ConfigError(f"SLURM refuses the job: {_what_sbatch_said(error)}", hint=hint) from error

    def _names(self) -> list[str]:
        """Return the names of the processes that have joined: that of their job, and a number if there are several."""
        found: list[str] = self._cluster.sync(_names_of_workers, self._cluster.scheduler)
        return found


async def _settled(cluster: Any) -> None:
    await cluster


async def _names_of_workers(scheduler: Any) -> list[str]:
    return [f"{worker.name}-" for worker in scheduler.workers.values()]


def _mark_refused(cluster: Any) -> None:
    """Tell a cluster which jobs SLURM has not taken: it would not close otherwise."""
    from distributed.core import Status

    for job in cluster.workers.values():
        if job.job_id is None:
            job.status = Status.failed


def _queued(name: str) -> set[str]:
    """Return the ids of the jobs of that name that wait, run or are about to end.

    Raises
    ------
    OSError
        If SLURM does not answer.
    """
    command = ["squeue", "--noheader", "--format=%A", f"--user={os.getuid()}", f"--name={name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWERS_WITHIN)
    if done.returncode:
        raise OSError(f"squeue: {done.stderr.strip()}")
    return set(done.stdout.split())


def _what_sbatch_said(error: RuntimeError) -> str:
    """Return the last line on standard error out of what dask-jobqueue makes of it."""
    lines = [line for line in str(error).partition("stderr:")[2].splitlines() if line.strip()]
    return lines[-1].strip() if lines else str(error).splitlines()[0]


def _never_joined(number: str | None, file: Path) -> TaskFailedError:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    said = f"; the last words of job {number}: {lines[-1].strip()}" if lines else ""
    return TaskFailedError(
        f"{FAILED_IN_A_ROW} jobs in a row have ended before their workers joined{said}",
        where=file,
        hint="Look at that log. Most often python or setup are wrong there, or the node does not reach the scheduler",
    )
