"""Loops compiled to machine code, which is kept between runs in a folder that nobody else can write to.

What numba keeps is read by unpickling and run as code, so it must be the user's own. By default numba puts it beside
the source or into a folder that any package shares; here it has a place of its own, and is not kept where that is not
safe. What cannot be read is made anew, and what cannot be written is not kept: results never depend on it.
"""

from __future__ import annotations

import functools
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from dstan import _atomic

Function = TypeVar("Function", bound=Callable[..., Any])

log = logging.getLogger(__name__)


def compiled(function: Function) -> Function:
    """Compile a loop when it is first called; what was compiled is kept in :func:`code_folder`.

    Parameters
    ----------
    function
        Of numbers and arrays alone.
    """
    import numba

    folder = code_folder(numba.config.CACHE_DIR)
    with mock.patch.object(numba.config, "CACHE_DIR", str(folder or "")):
        made: Any = numba.njit(cache=folder is not None)(function)
    if folder is not None:
        _forgive(made._cache, folder)
    return made  # type: ignore[no-any-return]


@functools.cache
def code_folder(chosen: str = "") -> Path | None:
    """Return the folder of compiled code, made where it is missing; None, with a warning, where it would not be safe.

    Parameters
    ----------
    chosen
        What the user set as ``NUMBA_CACHE_DIR``, where it is the folder ``dstan``; ``$XDG_CACHE_HOME/dstan/compiled``
        where that is not set, or else ``~/.cache/dstan/compiled``.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(chosen).absolute() / "dstan" if chosen else home.absolute() / "dstan" / "compiled"
    try:
        _atomic.make_folder(folder, 0o700)
        places = (folder, folder.parent) if chosen else (folder,)
        why = "" if all(is_own(one) and _is_safe_above(one.parent) for one in places) else "others may write to it"
        why = why or ("it cannot be written to" if not os.access(folder, os.W_OK | os.X_OK) else "")
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        log.warning("compiled code is not kept in %s, and is made again each time: %s", folder, why)
        return None
    return folder


def _forgive(cache: Any, folder: Path) -> None:
    """Let a function be compiled where numba cannot read what it kept, or keep what it made; by itself it would raise.

    numba numbers what it keeps by what is there, so that two processes at once would write different code under one
    number; they take turns.
    """
    load, save = cache.load_overload, cache.save_overload

    def load_overload(*what: Any) -> Any:
        try:
            return load(*what)
        except Exception as error:  # noqa: BLE001 - a cut or foreign pickle raises anything
            log.debug("compiled code in %s cannot be read and is made again: %s", folder, error)
            with suppress(OSError), _turn(folder):
                cache.flush()
            return None

    def save_overload(*what: Any) -> None:
        try:
            with _turn(folder):
                save(*what)
        except OSError as error:
            _tell(folder, error.strerror or str(error))

    cache.load_overload, cache.save_overload = load_overload, save_overload


@functools.cache
def _tell(folder: Path, why: str) -> None:
    """Say it once."""
    log.warning("compiled code cannot be kept in %s, and is made again each time: %s", folder, why)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other process writes there; on Windows nobody waits."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_own(folder: Path) -> bool:
    """Tell whether a folder is the user's own, no link, and nobody else may write to it.

    Parameters
    ----------
    folder
        It has to be there. On Windows, where a profile is its user's own, the answer is always yes.
    """
    if not hasattr(os, "getuid"):
        return True
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022


def _is_safe_above(folder: Path) -> bool:
    """Tell whether nobody else can put another folder into the place of one in this one."""
    about = folder.stat()
    return not about.st_mode & 0o022 or bool(about.st_mode & stat.S_ISVTX)
