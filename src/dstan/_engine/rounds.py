"""A round of tasks on Dask: each worker has one task at a time, so that what happens to it is known to be that task's.

Dask would hand out tasks ahead, and blame those that merely waited on a worker that died.
"""

from __future__ import annotations

import functools
import logging
import queue
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar

from dstan._engine.clusters import ANSWERS_WITHIN
from dstan._engine.task import LESS_MEMORY, run_in_turn, task_failed, this_code, unpack
from dstan.errors import DstanError, TaskFailedError

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger("dstan._engine")

_LOOK_AGAIN = 1.0
"""Seconds between two looks at which workers there are and whether a task is over its limit."""
_JOIN_WITHIN = 5.0
"""Seconds without a worker after which it is said."""
_ATTEMPTS_IN_TIME = 2
_RESTART_WITHIN = 15.0
_AWAY = (OSError, RuntimeError)
"""What a question raises when the connection to the scheduler has just gone; RuntimeError once it is given up."""


@dataclass
class _Sent:
    """A task that is with a worker, or on its way to one: which, where, after whose, and since when it is its turn."""

    index: int
    since: float
    worker: str = ""
    after: frozenset[str] = frozenset()


class Round:
    """Many tasks of one function, and the workers that they are given to.

    Parameters
    ----------
    client
        Of Dask.
    function, items
        What to do with what.
    task_limit
        Seconds that one task may take; None for no limit.
    resources
        What a worker must have to be given one of these tasks, as ``{"gpu_memory": 8e9}``.
    """

    def __init__(
        self,
        client: Any,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        task_limit: float | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        self._client, self._function, self._items = client, function, items
        self._task_limit, self._resources = task_limit, dict(resources or {})
        self._waiting = deque(range(len(items)))
        self._sent: dict[Any, _Sent] = {}
        self._finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._overdue: Counter[int] = Counter()
        self._address = client.scheduler.address
        self._workers, self._looked, self._timed = 0, -_LOOK_AGAIN, -_LOOK_AGAIN
        self._others: dict[str, frozenset[str]] = {}
        self._seen, self._told_of_none = time.monotonic(), False

    def results(self) -> Iterator[tuple[int, Any]]:
        """Yield the index of each item with its result or its error, as they finish.

        Raises
        ------
        TaskFailedError
            If the scheduler is gone and does not come back.
        """
        if self._task_limit is not None:
            self._time()
        try:
            while self._waiting or self._sent:
                self._look()
                self._send()
                yield from self._stop_overdue()
                ended = self._ended()
                outcomes = _outcomes(self._client, [(future, self._items[index]) for future, index in ended])
                for (_, index), outcome in zip(ended, outcomes, strict=True):
                    if outcome is None:
                        self._waiting.appendleft(index)  # the scheduler was away; what it ran is run again
                    else:
                        yield index, unpack(self._items[index], outcome)
        finally:
            for future in self._sent:
                future.release()

    def _send(self) -> None:
        """Give each worker that has nothing to do a task."""
        room = min(self._workers - len(self._sent), len(self._waiting))
        if room <= 0:
            return
        indices = [self._waiting.popleft() for _ in range(room)]
        futures = self._client.map(
            functools.partial(run_in_turn, self._function, this_code()),
            [self._items[index] for index in indices],
            pure=False,
            resources=self._resources or None,
        )
        for future, index in zip(futures, indices, strict=True):
            self._sent[future] = _Sent(index, time.monotonic())
            future.add_done_callback(self._finished.put)

    def _ended(self) -> list[tuple[Any, int]]:
        """Wait a moment for a task to end, well or not; return all that have by then."""
        try:
            ended = [self._finished.get(timeout=_LOOK_AGAIN)]
        except queue.Empty:
            return []
        while not self._finished.empty():
            ended.append(self._finished.get())
        return [(future, self._sent.pop(future).index) for future in ended if future in self._sent]

    def _look(self) -> None:
        """Count the workers that tasks may be given to, not more often than needed; see that there is a scheduler."""
        if self._client.status == "closed":
            raise _scheduler_is_gone(self._address)
        now = time.monotonic()
        if self._client.status != "running" or now - self._looked < _LOOK_AGAIN:
            return
        self._looked = now
        try:
            found = self._client.scheduler_info(n_workers=-1)["workers"].values()
        except _AWAY:  # the client says so itself in a moment
            return
        able = [one for one in found if all(one["resources"].get(k, 0) >= v for k, v in self._resources.items())]
        self._workers = len(able)
        if able:
            self._seen, self._told_of_none = now, False
        elif not self._told_of_none and now - self._seen > _JOIN_WITHIN:
            wanted = "".join(f" with {name}={need:.0f} or more" for name, need in self._resources.items())
            others = f", and {len(found)} without it" if found else ""
            log.warning("%s: no worker%s is there%s; waiting for one to join", self._address, wanted, others)
            self._told_of_none = True

    def _stop_overdue(self) -> Iterator[tuple[int, Any]]:
        """Stop tasks that are over the limit, with the workers that they hang on; name those that were tried again."""
        limit = self._task_limit
        if limit is None or time.monotonic() - self._timed < _LOOK_AGAIN:
            return
        self._timed = time.monotonic()
        self._time()
        for future, sent in list(self._sent.items()):
            if time.monotonic() - sent.since > limit and not future.done():
                del self._sent[future]
                future.cancel(force=True)
                self._restart(sent.worker)
                self._overdue[sent.index] += 1
                item = self._items[sent.index]
                if self._overdue[sent.index] >= _ATTEMPTS_IN_TIME:
                    yield sent.index, _hung(item, limit)
                else:
                    log.warning("%s: not done after %s and stopped; it is run once more", item, _duration(limit))
                    self._waiting.append(sent.index)

    def _time(self) -> None:
        """Let the clock of a task run when what its worker already had of other commands is done.

        A worker takes what it has in the order in which it came, and says it in any order; so what it had a moment
        before is remembered. A task that comes to another worker, because its own died, begins anew.
        """
        try:
            processing = self._client.processing()
        except _AWAY:  # as in _look: nothing is known, and nothing is stopped
            processing = {}
        places = {key: worker for worker, keys in processing.items() for key in keys}
        for future, sent in self._sent.items():
            worker = places.get(future.key, "")
            if worker != sent.worker:
                sent.worker, sent.after, sent.since = worker, self._others.get(worker, frozenset()), time.monotonic()
            sent.after &= frozenset(processing.get(worker, ()))
            if sent.after or not worker:
                sent.since = time.monotonic()
        own = {future.key for future in self._sent}
        self._others = {worker: frozenset(keys) - own for worker, keys in processing.items()}

    def _restart(self, worker: str) -> None:
        """End a worker's process; its nanny starts another. One without a nanny leaves the cluster."""
        try:
            self._client.sync(
                self._client.scheduler.restart_workers,
                workers=[worker],
                timeout=_RESTART_WITHIN,
                on_error="return",
                stimulus_id=f"dstan-{time.time()}",
            )
        except _AWAY as error:  # the client says so itself in a moment
            log.debug("%s could not be started again: %s", worker, error)


def _outcomes(client: Any, ended: Sequence[tuple[Any, object]]) -> list[tuple[Any, str] | None]:
    """Return what came of futures as :func:`_outcome`, in one message where none failed."""
    if len(ended) > 1 and all(future.status == "finished" for future, _ in ended):
        try:
            return list(client.gather([future for future, _ in ended]))
        except Exception as error:  # noqa: BLE001 - whose it is, is found out one by one
            log.debug("results did not come together: %s", error)
    return [_outcome(future, item, is_shared=client.cluster is None) for future, item in ended]


def _outcome(future: Any, item: object, *, is_shared: bool) -> tuple[Any, str] | None:
    """Return the result or the error of a task and its traceback; None where they went with the scheduler.

    On a cluster that other commands use, too, theirs may be what kills workers.
    """
    from distributed import KilledWorker

    if future.status in ("cancelled", "lost"):
        return None
    try:
        outcome: tuple[Any, str] = future.result()
    except KilledWorker as error:
        what = f"its worker was killed {error.allowed_failures + 1} times, most likely for the memory that it took"
        what += ", or for what other commands on this cluster do" * is_shared
        return TaskFailedError(what, where=item, hint=LESS_MEMORY), str(error)
    except Exception as error:  # noqa: BLE001 - what could not even be sent or begun; the traceback goes to the log
        if future.status != "error" and isinstance(error, OSError | CancelledError):
            return None  # finished, but gone before its result was fetched
        cause = error.__cause__ or error
        failed = task_failed(item, f"{type(cause).__name__}: {cause}")
        if isinstance(cause, ModuleNotFoundError):
            failed.hint = (
                "Put the file of that module where the workers look for modules (PYTHONPATH), and start them again"
            )
        return failed, traceback.format_exc()
    return outcome


def _hung(item: object, limit: float) -> DstanError:
    return TaskFailedError(
        f"not done after {_duration(limit)}, twice; it was stopped",
        where=item,
        hint="If it only needs longer, give it more with --task-limit MINUTES; --workers 0 runs it in this process",
    )


def _duration(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} minutes"


def _scheduler_is_gone(address: str) -> DstanError:
    return TaskFailedError(
        f"the scheduler is gone, and did not come back within {ANSWERS_WITHIN:.0f} s",
        where=address,
        hint="What was finished is kept: start the cluster again, and the same command goes on",
    )
