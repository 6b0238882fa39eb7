"""Files that are there whole or not at all, also after a machine lost its power."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dstan.errors import DstanError, StorageError

_TRIES = 100
"""How often a folder is made again that another process removes before there is a file in it."""
_TEMPORARY = re.compile(r"\..+\.dstan[0-9a-f]{8}")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WRITING = (*_NO_ROOM, errno.EROFS, errno.EIO)
"""What can only be about the file that is written, whatever else is done on the way."""
_HINT_ROOM = "Free some space, or choose another disk with --out or --cache; the same command then goes on"
_HINT_PLACE = "Choose a folder that you may write to with --out or --cache; the same command then goes on"


@contextmanager
def replacing(path: Path, *, private: bool = False, group: int = 0) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place when the block ends well.

    Several processes may write the same path at once: the last rename wins, and a reader sees one whole file. What was
    written is on the disk before the rename, so that a power cut leaves no empty file under the final name.

    Parameters
    ----------
    path
        The file; folders that are missing are made.
    private
        Whether only its owner may read it, whatever the umask: the file gets 0600, new folders 0700.
    group
        What its group may do besides with a private one: 0, 0o050 to read, 0o070 to write, too.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    mode = (0o600 | (group & 0o660)) if private else None
    try:
        temporary = _begin(path, mode, 0o700 | group if private else None)
    except OSError as error:
        raise cannot_write(path, error.errno) from error
    try:
        try:
            yield temporary
        except DstanError:
            raise
        except Exception as error:
            if (number := _number_of(error)) in _WRITING:
                raise cannot_write(path, number) from error
            raise
        try:
            _finish(temporary, path, mode)
        except OSError as error:
            raise cannot_write(path, error.errno) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a text file atomically."""
    with replacing(path, private=private) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, document: Any, *, private: bool = False) -> None:
    """Write a JSON document atomically, keys in their given order."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n", private=private)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; nobody may be writing there."""
    for file in folder.glob(".*"):
        if _TEMPORARY.fullmatch(file.name) and not file.is_dir():
            file.unlink(missing_ok=True)


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder and those above that are missing, all of exactly this mode; one that is there stays as it is."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        try:
            one.mkdir(mode=mode & 0o700)
        except FileExistsError:
            if one.is_file():
                raise
        else:
            if mode & 0o077:
                one.chmod(mode | (one.stat().st_mode & 0o2000))


def _begin(path: Path, mode: int | None, folder_mode: int | None) -> Path:
    """Make the temporary file, empty; the folder, too, again where another process clears it away meanwhile."""
    for attempt in range(_TRIES):
        try:
            if folder_mode is None:
                path.parent.mkdir(parents=True, exist_ok=True)
            else:
                make_folder(path.parent, folder_mode)
            temporary = path.with_name(f".{path.name}.dstan{secrets.token_hex(4)}")
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if mode is None else 0o600))
        except FileNotFoundError:
            if attempt == _TRIES - 1:
                raise
        else:
            return temporary
    raise AssertionError("unreachable")


def _finish(temporary: Path, path: Path, mode: int | None) -> None:
    if mode is not None:
        temporary.chmod(mode)
    handle = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path)


def _number_of(error: Exception) -> int | None:
    """Return the errno of an error; safetensors tells its own in words."""
    if isinstance(error, OSError):
        return error.errno
    told = re.search(r"os error (\d+)", str(error)) if type(error).__name__ == "SafetensorError" else None
    return int(told[1]) if told else None


def cannot_write(path: Path, number: int | None) -> StorageError:
    """Return the error for a file or folder that cannot be written, by the system's number of the reason."""
    why = os.strerror(number).lower() if number else "the system does not say why"
    if number in (errno.EEXIST, errno.ENOTDIR):
        why = "a file lies where its folder should be"
    return StorageError(f"cannot be written: {why}", where=path, hint=_HINT_ROOM if number in _NO_ROOM else _HINT_PLACE)
