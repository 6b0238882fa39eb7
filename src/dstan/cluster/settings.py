"""What is asked of SLURM."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dstan.config import Settings, setting
from dstan.errors import ConfigError

GIB = 2**30


@dataclass(frozen=True)
class SlurmSettings(Settings):
    """How many jobs are asked of SLURM, what each of them is given, and how its workers are started.

    Raises
    ------
    ConfigError
        If a value is out of range, a job has fewer cores than processes or a GPU of unknown memory,
        or jobs are named by more than a word.
    """

    jobs: int = setting(1, "Jobs that run at a time; one that ends is replaced by another.", low=1)
    processes: int = setting(1, "Worker processes of a job; each runs one task at a time with one thread.", low=1)
    cores: int = setting(0, "Cores of a job; 0: one for each process.", low=0)
    memory: float = setting(8.0, "Memory of a job in GiB, shared by its processes.", low=0.5)
    hours: float = setting(4.0, "Longest time of a job in hours.", low=0.05)
    queue: str = setting("", "Partition; empty: the default one of the cluster.")
    account: str = setting("", "Whom the time is charged to; empty: the default one.")
    gpu: str = setting("", "The GPU of a job as --gres says it (gpu:1, gpu:a100:1), shared by its processes; or none.")
    gpu_memory: float = setting(0.0, "Memory of that GPU in GiB; each process offers an equal share to tasks.", low=0)
    directives: tuple[str, ...] = setting((), "Further options of sbatch, as --constraint=avx512.")
    setup: tuple[str, ...] = setting((), "Lines of shell before the workers start, as module load or source.")
    python: str = setting("", "Interpreter of the workers, with dstan installed; empty: the one of this command.")
    local_directory: str = setting("", "Folder on the node for Dask's own files; empty: in its folder for temporaries.")
    interface: str = setting("", "Network interface of scheduler and workers, as ib0; empty: the default route's.")
    port: int = setting(0, "Port of the scheduler, which the nodes must reach; 0: any that is free.", low=0, high=65535)
    dashboard: str = setting("127.0.0.1:8787", "Where the dashboard listens; it asks for no password. Empty: nowhere.")
    name: str = setting("dstan", "Name of the jobs and, with a number, of the workers.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cores and self.cores < self.processes:
            raise ConfigError(f"cores must be at least processes ({self.processes}), not {self.cores}")
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise ConfigError(f"name {self.name!r} may hold letters, digits and . _ - only")
        if bool(self.gpu) != bool(self.gpu_memory):
            raise ConfigError("gpu and gpu_memory belong together", hint='For example gpu = "gpu:1", gpu_memory = 40')

    @property
    def cores_of_a_job(self) -> int:
        """Cores that are asked for, at least one a process."""
        return self.cores or self.processes

    @property
    def walltime(self) -> str:
        """The longest time of a job as sbatch reads it: hours:minutes:seconds."""
        minutes = round(self.hours * 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:00"

    @property
    def memory_of_a_job(self) -> int:
        """Bytes of memory that are asked for."""
        return round(self.memory * GIB)

    @property
    def gpu_memory_of_a_process(self) -> int:
        """Bytes of the GPU that each process offers; 0 without a GPU."""
        return int(self.gpu_memory * GIB / self.processes)
