"""What is submitted to SLURM: the script of a job, whose processes have one thread each."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from dstan.cluster.settings import SlurmSettings
from dstan.errors import MissingDependencyError

LOGS = "logs"
"""The folder of the jobs' logs, beside the keys."""
ORPHANED_AFTER = 60
"""Seconds without a scheduler after which a worker ends by itself, and its job with it."""
_QUIET = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
"""What a worker listens to besides its messages, by HTTP: to nobody on another host."""


def job_script(settings: SlurmSettings, folder: Path) -> str:
    """Return the script that would be submitted for each job; the scheduler's address and the number are left open.

    Parameters
    ----------
    settings
        What is asked for.
    folder
        Where keys and logs would lie.
    """
    job = jobqueue().slurm.SLURMJob
    made = job("tls://SCHEDULER:PORT", name=f"{settings.name}-NUMBER", **job_options(settings, folder.absolute()))
    return str(made.job_script())


def jobqueue() -> Any:
    """Return the library dask-jobqueue.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import dask_jobqueue
    except ImportError as error:
        raise MissingDependencyError("SLURM needs dask-jobqueue", hint="pip install 'dstan[cluster]'") from error
    return dask_jobqueue


def job_options(settings: SlurmSettings, folder: Path) -> dict[str, Any]:
    """Return the arguments of dask-jobqueue that make a job; a process has one thread.

    Parameters
    ----------
    settings
        What is asked for.
    folder
        Where keys and logs lie, an absolute path.
    """
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
