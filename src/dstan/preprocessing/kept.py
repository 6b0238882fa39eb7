"""What a cache holds and who can read it; how it is cleared; and a cache that is gone after its block.

Only what has the place and the name of an entry is ever counted or removed: a folder that is no cache stays as it is.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dstan.config import digest_of
from dstan.preprocessing.cache import STAGES, Cache, Freed, being_written, remove

MODELS = "onnx"
"""The folder of models that were exported for onnxruntime; they hold no pictures."""
TEMPORARY = "dstan-cache-"
"""How the names of temporary caches begin; where it runs and the number of the process follow."""
_DIGEST = re.compile(r"[0-9a-f]{16}")
_ENTRY = re.compile(r"\.?[0-9a-f]{16}\.safetensors(\.[0-9a-z_]+)?")
_MODEL = re.compile(r"\.?[0-9a-f]+\.onnx(\.[0-9a-z_]+)?")
_LONGEST_HEADER = 2**24
_DAY = 86400.0


@dataclass(frozen=True)
class Entry:
    """One file of a cache.

    Parameters
    ----------
    path
        Where it is.
    stage
        ``aligned``, ``prepared`` or ``onnx``.
    corpus
        Whose frames it was made of; None where it does not say.
    size
        Height and width of its pictures in pixels; None where it does not say.
    bytes
        What it takes.
    used
        When it was last read or written, in seconds since 1970; many systems note a reading once a day, some never.
    is_wide
        Whether others than the owner of the cache, and the group that it was opened to, can read it.
    """

    path: Path
    stage: str
    corpus: str | None
    size: tuple[int, int] | None
    bytes: int
    used: float
    is_wide: bool


def entries(root: Path) -> Iterator[Entry]:
    """Yield all entries of a cache, whatever is written meanwhile; reading them here does not count as use.

    Parameters
    ----------
    root
        The cache's folder.
    """
    group = Cache(root).group
    closed = root.is_dir() and not root.stat().st_mode & 0o077 & ~group
    for stage in (*STAGES, MODELS):
        for path in _files(root, stage):
            try:
                status, wide = path.stat(), not closed and _is_wide(path, group)
            except FileNotFoundError:  # another process was quicker
                continue
            corpus, size = (None, None) if stage == MODELS else _about(path)
            yield Entry(path, stage, corpus, size, status.st_size, max(status.st_atime, status.st_mtime), wide)


def clear(root: Path, corpus: str | None = None, older_than: float = 0.0) -> Freed:
    """Remove entries of a cache, and what killed processes left; folders that are empty then go, too.

    Whoever prepares meanwhile goes on: what is missing is made again. An evaluation that has begun needs its entries
    and says so where one is gone; the same command then goes on.

    Parameters
    ----------
    root
        The cache's folder.
    corpus
        Only what was made of this corpus's frames; all where not given.
    older_than
        Only what was not used for so many days.
    """
    before = time.time() - older_than * _DAY
    wanted = (one for one in entries(root) if corpus in (None, one.corpus) and (not older_than or one.used < before))
    freed = remove(one.path for one in wanted if not being_written(one.path))
    for stage in (*STAGES, MODELS):
        _remove_empty(root / stage)
    return freed


@contextmanager
def temporary_cache() -> Iterator[Cache]:
    """Give a cache in the folder for temporary files that only you can read and that is gone after the block.

    Its name tells the process; what one left that was killed, :func:`left` finds.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{_here()}-{os.getpid()}-"))
    try:
        yield Cache(folder)
    finally:
        shutil.rmtree(folder)


def left() -> list[Path]:
    """Return the temporary caches of processes on this machine that are gone: they were killed."""
    found = Path(tempfile.gettempdir()).glob(f"{TEMPORARY}{_here()}-*-*")
    return sorted(folder for folder in found if _is_ours(folder) and not _is_alive(folder))


def clear_left(folders: Iterable[Path]) -> Freed:
    """Remove temporary caches of processes that are gone.

    Parameters
    ----------
    folders
        What :func:`left` returned.
    """
    freed = Freed(0, 0)
    for folder in filter(Path.is_dir, folders):  # another process may have been quicker
        one = clear(folder)
        freed = Freed(freed.entries + one.entries, freed.bytes + one.bytes)
        shutil.rmtree(folder)
    return freed


def _files(root: Path, stage: str) -> Iterator[Path]:
    """Yield what has the place and the name of an entry; links are not followed."""
    if stage == MODELS:
        yield from (one for one in _inside(root / stage, _MODEL) if one.is_file() and not one.is_symlink())
        return
    for recipe in _inside(root / stage, _DIGEST):
        for owner in _inside(recipe, _DIGEST):
            yield from (one for one in _inside(owner, _ENTRY) if one.is_file() and not one.is_symlink())


def _inside(folder: Path, name: re.Pattern[str]) -> Iterator[Path]:
    try:
        found = [] if folder.is_symlink() else list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (Path(one.path) for one in sorted(found, key=lambda one: one.name) if name.fullmatch(one.name))


def _is_wide(path: Path, group: int) -> bool:
    """Tell whether somebody else can get to a file and read it."""
    file, folder = path.stat().st_mode, path.parent.stat().st_mode
    return any(file & read and folder & enter for read, enter in _readers(group))


def _readers(group: int) -> Iterable[tuple[int, int]]:
    """Return the bits by which a file is read and a folder entered, for whom the cache was not opened to."""
    return [(0o004, 0o001)] if group else [(0o040, 0o010), (0o004, 0o001)]


def _about(path: Path) -> tuple[str | None, tuple[int, int] | None]:
    """Read an entry's header; a damaged one says nothing."""
    try:
        with _open(path) as file:
            length = int.from_bytes(file.read(8), "little")
            header: Any = json.loads(file.read(length)) if length < _LONGEST_HEADER else {}
        corpus = json.loads(header.get("__metadata__", {}).get("done", "{}")).get("corpus")
        shapes = [header[name]["shape"][-2:] for name in ("frames", "appearance", "flow") if name in header]
        size = (int(shapes[0][0]), int(shapes[0][1])) if shapes else None
    except (OSError, ValueError, AttributeError, KeyError, TypeError, IndexError):
        return None, None
    return corpus if isinstance(corpus, str) else None, size


def _open(path: Path) -> BinaryIO:
    """Open a file without noting that it was read, where that is ours to say."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOATIME", 0)), "rb")
    except PermissionError:
        return path.open("rb")


def _remove_empty(stage: Path) -> None:
    """Remove folders in which nothing lies any more; who is about to write into one makes it again."""
    folders = [owner for recipe in _inside(stage, _DIGEST) for owner in (*_inside(recipe, _DIGEST), recipe)]
    for folder in (*folders, stage) if folders else ():
        try:
            folder.rmdir()
        except OSError:  # not empty, or another process was quicker
            continue


def _here() -> str:
    """Tell this machine and container from others that share the folder: a process of theirs looks gone from here."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        processes = ""
    return digest_of([platform.node(), processes])


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    return folder.is_dir() and not folder.is_symlink() and status.st_uid == getattr(os, "geteuid", int)()


def _is_alive(folder: Path) -> bool:
    number = folder.name.removeprefix(f"{TEMPORARY}{_here()}-").partition("-")[0]
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return not number.isdigit()
    except PermissionError:
        return True
    return True
