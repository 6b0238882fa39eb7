"""One thread a process, and an allocator that keeps its memory: what makes results independent of how many work."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
KEEP_MEMORY = {
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
    return {**os.environ, **ONE_THREAD, **KEEP_MEMORY}


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
        for name, value in ONE_THREAD.items():
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
