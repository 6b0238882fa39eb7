"""One engine for all heavy work: independent tasks, in this process, on local processes or on a running Dask cluster.

Every task runs with one thread and an allocator that keeps its memory, wherever it runs, so that results do not depend
on the number of workers. A task whose worker dies is run again elsewhere; tasks therefore leave their results in
atomically written files or return them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from dstan._engine.clusters import local_client, remote_client
from dstan._engine.one_thread import keep_memory, single_thread, usable_cores, worker_environment
from dstan._engine.rounds import Round
from dstan._engine.task import run_one, unpack
from dstan.errors import ConfigError, DstanError

__all__ = ["Engine", "keep_memory", "run_tasks", "single_thread", "usable_cores", "worker_environment"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    cluster: str | None = None,
    task_limit: float | None = None,
) -> Iterator[tuple[int, Result | DstanError]]:
    """Run one function on many items and yield each result as it comes.

    Parameters
    ----------
    function
        Takes one item; it and the items must be picklable unless ``workers`` is 0.
    items
        The work. ``str(item)`` names it in messages.
    workers
        Processes to start on this machine; 0 runs in this process, None takes one per usable core.
    cluster
        Address of a running Dask scheduler ("tls://host:8786"), or the file that it wrote it to; ``workers`` is then
        ignored.
    task_limit
        Seconds that a task may take. One that takes longer is stopped with its process and run once more, and
        then named. None for no limit; in this process there is none.

    Yields
    ------
    The index of an item and its result, in the order in which they finish. A DstanError that the task raised comes
    in place of the result, and any other exception as a TaskFailedError that names the item; so does a task that was
    over the limit twice, or whose worker died four times.

    Raises
    ------
    ConfigError
        If ``workers`` is negative, the cluster does not answer, or it is on another host and not encrypted.
    TaskFailedError
        If the cluster's scheduler is gone and does not come back.
    """
    with Engine(workers=workers, cluster=cluster, task_limit=task_limit, most=len(items)) as engine:
        yield from engine.run(function, items)


class Engine:
    """The processes behind :func:`run_tasks`, kept for several rounds of tasks; started by the first that has any.

    Parameters
    ----------
    workers, cluster, task_limit
        As in :func:`run_tasks`.
    most
        The greatest number of tasks of a round: no more processes than that are started.
    resources
        What a worker must have said that it has (``dask worker --resources gpu_memory=8e9``) to be given a task.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        cluster: str | None = None,
        task_limit: float | None = None,
        most: int,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        if workers is not None and workers < 0:
            raise ConfigError(f"workers must be 0 or more, not {workers}")
        if task_limit is not None and task_limit <= 0:
            raise ConfigError(f"a task's limit must be more than 0 seconds, not {task_limit:g}")
        self._workers, self._cluster, self._task_limit, self._most = workers, cluster, task_limit, most
        self.resources = dict(resources or {})
        self._stack = ExitStack()
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | DstanError]]:
        """Do what :func:`run_tasks` does."""
        if not items:
            return
        if self._workers == 0 and self._cluster is None:
            for index, item in enumerate(items):
                yield index, unpack(item, run_one(function, item))
            return
        if self._client is None:
            self._client = self._stack.enter_context(self._connect())
        tasks = Round(self._client, function, items, task_limit=self._task_limit, resources=self.resources)
        yield from tasks.results()

    def _connect(self) -> AbstractContextManager[Any]:
        if self._cluster is not None:
            return remote_client(self._cluster)
        return local_client(min(usable_cores() if self._workers is None else self._workers, self._most))
