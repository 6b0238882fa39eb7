"""A Dask cluster whose workers are SLURM jobs, through dask-jobqueue; the scheduler is in this process."""

from __future__ import annotations

import getpass
import json
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dstan._atomic import write_text
from dstan.cluster.keys import Keys, dask_settings, make_keys, read_keys
from dstan.cluster.settings import SlurmSettings
from dstan.errors import ConfigError, MissingDependencyError, TaskFailedError

SCHEDULER_FILE, LOGS = "scheduler.json", "logs"
ORPHANED_AFTER = 60
"""Seconds without a scheduler after which a worker ends by itself, and its job with it."""
_QUIET = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
"""What a worker listens to besides its messages, by HTTP: to nobody on another host."""
ANSWERS_WITHIN = 30
"""Seconds in which SLURM has to answer."""
FAILED_IN_A_ROW = 3
"""Jobs in a row that may end before their workers have joined."""


def job_script(settings: SlurmSettings, folder: Path) -> str:
    """Return the script that would be submitted for each job; the scheduler's address and the number are left open.

    Parameters
    ----------
    settings
        What is asked for.
    folder
        Where keys and logs would lie.
    """
    job = _dask_jobqueue().slurm.SLURMJob
    made = job("tls://SCHEDULER:PORT", name=f"{settings.name}-NUMBER", **_job_options(settings, folder.absolute()))
    return str(made.job_script())


def _dask_jobqueue() -> Any:
    try:
        import dask_jobqueue
    except ImportError as error:
        raise MissingDependencyError("SLURM needs dask-jobqueue", hint="pip install 'dstan[cluster]'") from error
    return dask_jobqueue


def _job_options(settings: SlurmSettings, folder: Path) -> dict[str, Any]:
    """Return the arguments of dask-jobqueue that make a job; one process has one thread."""
    directives = [f'--output="{folder / LOGS}/%x-%j.log"', *settings.directives]
    if settings.gpu:
        directives.insert(0, f"--gres={settings.gpu}")
    share = settings.gpu_memory_of_a_process
    return {
        "queue": settings.queue or None,
        "account": settings.account or None,
        "walltime": settings.walltime,
        "job_name": settings.name,
        "cores": settings.processes,
        "job_cpu": settings.cores_of_a_job,
        "processes": settings.processes,
        "memory": str(settings.memory_of_a_job),
        "python": shlex.quote(settings.python) if settings.python else None,
        "local_directory": shlex.quote(settings.local_directory) if settings.local_directory else None,
        "interface": settings.interface or None,
        "protocol": "tls://",
        "death_timeout": ORPHANED_AFTER,
        "job_extra_directives": directives,
        "job_script_prologue": [*settings.setup, f"export DASK_CONFIG={shlex.quote(str(folder))}"],
        "worker_extra_args": [*_QUIET, *(["--resources", f"gpu_memory={share}"] if share else [])],
    }


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
    options = _job_options(settings, keys.folder)
    kind = _dask_jobqueue().SLURMCluster
    patience = {"distributed": {"deploy": {"lost-worker-timeout": f"{ORPHANED_AFTER}s"}}}
    with dask.config.set(dask.config.merge(dask.config.config, dask_settings(keys.folder), patience)):
        try:
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

        Returns
        -------
        The ids of those that have ended.

        Raises
        ------
        TaskFailedError
            If three in a row have ended before their workers joined.
        """
        jobs = {name: str(job.job_id) for name, job in dict(self._cluster.workers).items()}
        there = self._names()
        self._joined |= {number for name, number in jobs.items() if any(one.startswith(f"{name}-") for one in there)}
        queued = _queued(self._settings.name)
        ended = {name: number for name, number in jobs.items() if number not in queued}
        for name, number in ended.items():
            self._failed = 0 if number in self._joined else self._failed + 1
            if self._failed >= FAILED_IN_A_ROW:
                raise _never_joined(number, self.keys.folder / LOGS / f"{self._settings.name}-{number}.log")
            self._cluster.worker_spec.pop(name, None)
        self._settle()  # lets go of them, so that their names are free
        self.submit()
        return list(ended.values())

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
    command = ["squeue", "--noheader", "--format=%A", f"--user={getpass.getuser()}", f"--name={name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWERS_WITHIN)
    if done.returncode:
        raise OSError(f"squeue: {done.stderr.strip()}")
    return set(done.stdout.split())


def _what_sbatch_said(error: RuntimeError) -> str:
    """Return the last line on standard error out of what dask-jobqueue makes of it."""
    lines = [line for line in str(error).partition("stderr:")[2].splitlines() if line.strip()]
    return lines[-1].strip() if lines else str(error).splitlines()[0]


def _never_joined(number: str, file: Path) -> TaskFailedError:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    said = f"; the last words of job {number}: {lines[-1].strip()}" if lines else ""
    return TaskFailedError(
        f"{FAILED_IN_A_ROW} jobs in a row have ended before their workers joined{said}",
        where=file,
        hint="Look at that log. Most often python or setup are wrong there, or the node does not reach the scheduler",
    )
