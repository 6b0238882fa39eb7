"""One task, run in whatever process it was sent to: a result or an error that names it comes back, never a surprise."""

from __future__ import annotations

import functools
import hashlib
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dstan._engine.one_thread import keep_memory, single_thread
from dstan._version import __version__
from dstan.errors import ConfigError, DstanError, TaskFailedError

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger("dstan._engine")

LESS_MEMORY = "Fewer at a time take less: --workers 1. So do smaller frames or batches, where it trains"
_TURN = threading.Lock()


@functools.cache
def this_code() -> str:
    """Return this process's version of dstan with a digest of its code, in which checkouts of one version differ."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package).as_posix()}\n".encode() + file.read_bytes())
    return f"{__version__} ({digest.hexdigest()[:8]})"


def run_in_turn(function: Callable[[Item], Result], code: str, item: Item) -> tuple[Result | DstanError, str]:
    """Run one task as :func:`run_one`, if the command has this process's code of dstan.

    The threads of a worker that has several take turns.
    """
    if code != this_code():
        host = socket.gethostname()
        what = f"the worker on {host} has dstan {this_code()}, this command {code}: they may not find the same"
        return ConfigError(what, where=item, hint="Install one version on all hosts and start the workers again"), ""
    with _TURN:
        return run_one(function, item)


def run_one(function: Callable[[Item], Result], item: Item) -> tuple[Result | DstanError, str]:
    """Run one task with one thread.

    Returns
    -------
    Its result, or the DstanError that it raised, or a TaskFailedError for any other exception; and the traceback.
    """
    keep_memory()
    try:
        with single_thread():
            return function(item), ""
    except DstanError as error:
        return error, traceback.format_exc()
    except Exception as error:  # noqa: BLE001 - reported as TaskFailedError, with its traceback in the log
        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno} in {last.name})"
        failed = task_failed(item, what)
        if _is_out_of_memory(error):
            failed.hint = LESS_MEMORY
        return failed, traceback.format_exc()


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Python, torch's allocator on a CPU or a GPU ran out of memory."""
    return isinstance(error, MemoryError) or "not enough memory" in str(error) or "out of memory" in str(error)


def task_failed(item: object, what: str) -> TaskFailedError:
    """Return the error for a task that failed in a way that nobody foresaw."""
    return TaskFailedError(what, where=item, hint="The log has the traceback; --workers 0 runs it in this process")


def unpack(item: object, outcome: tuple[Result | DstanError, str]) -> Result | DstanError:
    """Write the traceback of a failure to the log, and return the result or the error."""
    result, trace = outcome
    if isinstance(result, TaskFailedError):
        log.error("%s failed:\n%s", item, trace)
    elif trace:
        log.debug("%s failed:\n%s", item, trace)
    return result
