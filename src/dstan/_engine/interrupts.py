"""Ctrl-C, which every process of a terminal hears: who is to heed it, and when."""

from __future__ import annotations

import logging
import multiprocessing.resource_tracker
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

log = logging.getLogger("dstan._engine")


@contextmanager
def ended_in_peace(stack: ExitStack) -> Iterator[None]:
    """End what a stack holds after the block; a Ctrl-C meanwhile, which would leave processes, is raised afterwards."""
    try:
        yield
    except KeyboardInterrupt:
        log.info("stopping")
        raise
    finally:
        with _interrupts_later():
            stack.close()


@contextmanager
def _interrupts_later() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


@contextmanager
def interrupts_for_this_process() -> Iterator[None]:
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
