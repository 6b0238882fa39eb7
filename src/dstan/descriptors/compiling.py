"""Loops compiled to machine code, which is kept between runs in a folder that nobody else can write to.

What numba keeps is read by unpickling and run as code, so it must be the user's own. By default numba puts it beside
the source or into a folder that any package shares; here it has a place of its own, and is not kept where that is not
safe.
"""

from __future__ import annotations

import functools
import logging
import os
import stat
from collections.abc import Callable
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
        made: Function = numba.njit(cache=folder is not None)(function)
    return made


@functools.cache
def code_folder(chosen: str = "") -> Path | None:
    """Return the folder of compiled code, made where it is missing; None, with a warning, where it would not be safe.

    Parameters
    ----------
    chosen
        What the user set as ``NUMBA_CACHE_DIR``; ``$XDG_CACHE_HOME/dstan/compiled`` where that is not set, or else
        ``~/.cache/dstan/compiled``.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(chosen).absolute() if chosen else home.absolute() / "dstan" / "compiled"
    try:
        _atomic.make_folder(folder, 0o700)
        why = "others may write to it" if not (is_own(folder) and _is_safe_above(folder.parent)) else ""
        why = why or ("it cannot be written to" if not os.access(folder, os.W_OK | os.X_OK) else "")
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        log.warning("compiled code is not kept in %s, and is made again each time: %s", folder, why)
        return None
    return folder


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
