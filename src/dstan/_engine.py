"""One engine for all heavy work: independent tasks, in this process, on local processes or on a running Dask cluster.

Every task runs with one thread and an allocator that keeps its memory, wherever it runs, so that results do not depend
on the number of workers. A task whose worker dies is run again elsewhere; tasks therefore leave their results in
atomically written files or return them.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import multiprocessing.resource_tracker
import multiprocessing.spawn
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Self, TypeVar
from unittest import mock

from dstan.errors import ConfigError, DstanError, TaskFailedError

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
_KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1",  # a second arena cannot grow beyond 64 MB and would map every large block anew
    "MALLOC_MMAP_THRESHOLD_": str(2**33),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # large pages, where the system lets a process ask for them
}


def usable_cores() -> int:
    """Return how many cores this process may use, as affinity and container limits have it."""
    from dask.system import CPU_COUNT

    return int(CPU_COUNT)


def worker_environment() -> dict[str, str]:
    """Return the environment in which processes that compute are started: one thread each, and memory is kept."""
    return {**os.environ, **_ONE_THREAD, **_KEEP_MEMORY}


@contextmanager
def single_thread() -> Iterator[None]:
    """Hold torch, OpenCV, BLAS and OpenMP to one thread inside the block.

    Libraries already loaded are told so; those loaded inside read it from the environment. Several threads of one
    process may hold it, and leave it in any order: the last one out gives all their threads back.
    """
    _HOLD.enter()
    try:
        yield
    finally:
        _HOLD.leave()


class _Hold:
    """Who holds the process to one thread, counted, and how it is undone."""

    def __init__(self) -> None:
        self._lock, self._holders, self._undo = threading.Lock(), 0, ExitStack()

    def enter(self) -> None:
        """Hold what is not held yet: a library may have been loaded since somebody else did."""
        with self._lock:
            self._holders += 1
            self._variables()
            self._pools()

    def leave(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._undo.close()

    def _variables(self) -> None:
        """Set the variables, and no other at any moment: other threads read the environment meanwhile."""
        for name, value in _ONE_THREAD.items():
            before = os.environ.get(name)
            if before != value:
                self._undo.callback(_put_back, name, before)
                os.environ[name] = value

    def _pools(self) -> None:
        from threadpoolctl import threadpool_info, threadpool_limits

        if any(pool["num_threads"] != 1 for pool in threadpool_info()):
            self._undo.enter_context(threadpool_limits(1))
        for module, get, put in (
            ("torch", "get_num_threads", "set_num_threads"),
            ("cv2", "getNumThreads", "setNumThreads"),
        ):
            library = sys.modules.get(module)
            if library is not None and hasattr(library, put) and getattr(library, get)() != 1:
                self._undo.callback(getattr(library, put), getattr(library, get)())
                getattr(library, put)(1)


_HOLD = _Hold()


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@functools.cache
def keep_memory() -> bool:
    """Tell glibc's allocator to keep freed memory instead of giving it back; twice the speed of training on a CPU.

    Returns
    -------
    Whether the C library understood; False where it is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    trim_threshold, mmap_threshold, mmap_max, arena_max = -1, -3, -4, -8  # the M_... of malloc.h
    wanted = ((mmap_threshold, 2**30), (mmap_max, 0), (trim_threshold, -1), (arena_max, 1))  # -1: never
    return {int(mallopt(name, value)) for name, value in wanted} == {1}


def run_tasks(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    cluster: str | None = None,
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
        Address of a running Dask scheduler ("tcp://host:8786"); ``workers`` is then ignored.

    Yields
    ------
    The index of an item and its result, in the order in which they finish. A DstanError that the task raised comes
    in place of the result, and any other exception as a TaskFailedError that names the item.

    Raises
    ------
    ConfigError
        If ``workers`` is negative or the cluster does not answer.
    """
    with Engine(workers=workers, cluster=cluster, most=len(items)) as engine:
        yield from engine.run(function, items)


class Engine:
    """The processes behind :func:`run_tasks`, kept for several rounds of tasks; started by the first that has any.

    Parameters
    ----------
    workers, cluster
        As in :func:`run_tasks`.
    most
        The greatest number of tasks of a round: no more processes than that are started.
    """

    def __init__(self, *, workers: int | None = None, cluster: str | None = None, most: int) -> None:
        if workers is not None and workers < 0:
            raise ConfigError(f"workers must be 0 or more, not {workers}")
        self._workers, self._cluster, self._most = workers, cluster, most
        self._stack = ExitStack()
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | DstanError]]:
        """Do what :func:`run_tasks` does."""
        if not items:
            return
        if self._workers == 0 and self._cluster is None:
            for index, item in enumerate(items):
                yield index, _unpack(item, _run(function, item))
            return
        if self._client is None:
            self._client = self._stack.enter_context(self._connect())
        yield from _run_on_dask(self._client, function, items)

    def _connect(self) -> AbstractContextManager[Any]:
        if self._cluster is not None:
            return _remote_client(self._cluster)
        return _local_client(min(usable_cores() if self._workers is None else self._workers, self._most))


def _run(function: Callable[[Item], Result], item: Item) -> tuple[Result | DstanError, str]:
    """Run one task; return its result or its error, and the error's traceback."""
    keep_memory()
    try:
        with single_thread():
            return function(item), ""
    except DstanError as error:
        return error, traceback.format_exc()
    except Exception as error:  # noqa: BLE001 - reported as TaskFailedError, with its traceback in the log
        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno} in {last.name})"
        return _task_failed(item, what), traceback.format_exc()


def _task_failed(item: object, what: str) -> TaskFailedError:
    return TaskFailedError(what, where=item, hint="The log has the traceback; --workers 0 runs it in this process")


def _unpack(item: object, outcome: tuple[Result | DstanError, str]) -> Result | DstanError:
    result, trace = outcome
    if isinstance(result, TaskFailedError):
        log.error("%s failed:\n%s", item, trace)
    elif trace:
        log.debug("%s failed:\n%s", item, trace)
    return result


def _run_on_dask(
    client: Any, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[tuple[int, Result | DstanError]]:
    from distributed import as_completed

    futures = client.map(functools.partial(_run, function), items, pure=False)
    index_of = {future.key: index for index, future in enumerate(futures)}
    finished = as_completed(futures, loop=client.loop)
    futures.clear()  # a future let go frees its result on the scheduler
    for future in finished:
        item = items[index_of[future.key]]
        yield index_of[future.key], _unpack(item, _outcome(future, item))


def _outcome(future: Any, item: object) -> tuple[Any, str]:
    from distributed import KilledWorker

    try:
        outcome: tuple[Any, str] = future.result()
    except KilledWorker as error:
        what = f"its worker was killed {error.allowed_failures + 1} times, most likely for the memory that it took"
        hint = "Fewer at a time take less: --workers 1. So do smaller frames or batches, where it trains"
        return TaskFailedError(what, where=item, hint=hint), str(error)
    except Exception as error:  # noqa: BLE001 - what could not even be sent or begun; the traceback goes to the log
        cause = error.__cause__ or error
        failed = _task_failed(item, f"{type(cause).__name__}: {cause}")
        if isinstance(cause, ModuleNotFoundError):
            failed.hint = (
                "Put the file of that module where the workers look for modules (PYTHONPATH), and start them again"
            )
        return failed, traceback.format_exc()
    return outcome


@contextmanager
def _remote_client(address: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(address, set_as_default=False, timeout="20s")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Dask scheduler answers: {error}", where=address, hint="Start one with: dask scheduler --host 127.0.0.1"
        ) from error
    with client:
        yield client


@contextmanager
def _local_client(workers: int) -> Iterator[Any]:
    """Start processes with one thread each that listen on loopback only, and stop them afterwards."""
    import dask
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        stack.enter_context(_main_module_left_alone())
        environment = {"distributed.nanny.pre-spawn-environ": _ONE_THREAD | _KEEP_MEMORY}
        with dask.config.set(environment), _interrupts_for_this_process():
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    memory_limit=0,  # the allocator keeps its memory, which a limit would take for a leak
                    silence_logs=logging.CRITICAL,  # a busy machine's late heartbeat would print a traceback
                )
            )
        yield stack.enter_context(Client(cluster, set_as_default=False))


@contextmanager
def _interrupts_for_this_process() -> Iterator[None]:
    """Keep Ctrl-C from processes and threads started here: they share the terminal, and would each print a traceback.

    One that comes inside the block is raised when the block ends.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    multiprocessing.resource_tracker.ensure_running()  # started later, it would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_module_left_alone() -> Iterator[None]:
    """Keep spawned processes from running the caller's script again, so that it needs no ``__main__`` guard."""
    original = multiprocessing.spawn.get_preparation_data

    def without_main(name: str) -> dict[str, Any]:
        return {key: value for key, value in original(name).items() if not key.startswith("init_main")}

    with mock.patch.object(multiprocessing.spawn, "get_preparation_data", without_main):
        yield
