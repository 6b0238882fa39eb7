"""Reading what somebody else may have written: how large a text may be, how deep JSON, and what a name may hold.

Everything here raises ValueError or OSError; who calls it says of which file, and what to do.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

MEGABYTE = 2**20
MOST_TEXT = 1024 * MEGABYTE
"""Bytes of a table of predictions or of a JSON document: those of a million clips take a third."""
MOST_SETTINGS = 4 * MEGABYTE
"""Bytes of a TOML file."""
_NAME = re.compile(r"[^\x00-\x1f/\\]+")


def read_text(path: Path, most: int = MOST_TEXT, encoding: str = "utf-8") -> str:
    """Read a text file that is not too large.

    Parameters
    ----------
    path
        The file.
    most
        Bytes at most.
    encoding
        Its encoding.

    Raises
    ------
    ValueError
        If it is larger, or is not text.
    OSError
        If it cannot be read, or is no file.
    """
    return io.TextIOWrapper(io.BytesIO(read_bytes(path, most)), encoding).read()


def read_bytes(path: Path, most: int = MOST_TEXT) -> bytes:
    """Read a file that is not too large; no device and no pipe, which would have no end.

    Parameters
    ----------
    path
        The file.
    most
        Bytes at most.

    Raises
    ------
    ValueError
        If it is larger, or no ordinary file.
    OSError
        If it cannot be read.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no ordinary file, but a device or a pipe")
    with path.open("rb") as file:
        content = file.read(most + 1) if found.st_size <= most else b""
    size = max(found.st_size, len(content))
    if size > most:
        raise ValueError(f"it has {size / MEGABYTE:,.0f} MB, and at most {most / MEGABYTE:,.0f} MB are read")
    return content


def parse_json(text: str) -> Any:
    """Parse JSON that is not nested too deeply.

    Parameters
    ----------
    text
        The document.

    Raises
    ------
    ValueError
        If it is not JSON, or nested more deeply than Python follows.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path, most: int = MOST_TEXT) -> Any:
    """Read a JSON file; raises as :func:`read_text` and :func:`parse_json`."""
    return parse_json(read_text(path, most))


def is_plain_name(name: object) -> bool:
    """Tell whether something is a name that leads nowhere else when a file or a folder is called so.

    Parameters
    ----------
    name
        Text without separators, also those of Windows, and control characters; not ``.``, ``..`` or a drive (``C:``).
    """
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and name not in (".", "..") and name[1:2] != ":"
