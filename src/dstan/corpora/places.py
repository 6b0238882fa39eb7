"""Where things are in a copy: folders and coding tables, found from the root, its parent or its frames folder."""

from __future__ import annotations

import filecmp
import logging
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from dstan.errors import CorpusError, CorpusNotFoundError

_DEPTH = 4
_ABOVE = 3
_MANY = 20
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
_NEVER = ("truth", "__MACOSX")

_log = logging.getLogger(__name__)


def existing_folder(root: Path) -> Path:
    """Return the absolute path of a folder.

    Raises
    ------
    CorpusNotFoundError
        If it is not there, is not a folder, cannot be read or is empty.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100
    if not root.exists():
        raise CorpusNotFoundError("there is no such folder", where=root, hint="Check --root")
    if not root.is_dir():
        raise CorpusNotFoundError("this is a file, not a folder", where=root, hint="Name the corpus's folder")
    try:
        empty = not any(root.iterdir())
    except OSError as error:
        raise CorpusNotFoundError(f"the folder cannot be read: {error.strerror}", where=root) from error
    if empty:
        raise CorpusNotFoundError("the folder is empty", where=root, hint="Unpack the corpus there first")
    return root


def folders(folder: Path, pattern: re.Pattern[str] | None = None) -> list[Path]:
    """List the folders in a folder in order of their names; none if it is not there."""
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in _entries(folder) if entry.is_dir())
    return [folder / name for name in names if not name.startswith(".") and (not pattern or pattern.fullmatch(name))]


def some_names(folder: Path, limit: int = 20) -> list[str]:
    """Name a few of a folder's files and folders, enough to recognise it by."""
    return [entry.name for entry in islice(_entries(folder), limit)]


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder; of one that cannot be looked into, nothing, with a warning."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        _log.warning("%s cannot be looked into: %s", folder, error.strerror)


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Walk a few levels down, past the images of clips, hidden folders and a synthetic twin's truth.

    A folder that links lead to more than once is visited once.

    Yields
    ------
    Each folder, the names of the folders in it and of the files in it, sorted.
    """
    yield from _walk(root, _DEPTH, set())


def _walk(folder: Path, depth: int, seen: set[Path]) -> Iterator[tuple[Path, list[str], list[str]]]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    below, files = _names(folder)
    yield folder, below, files
    for name in below if depth else ():
        yield from _walk(folder / name, depth - 1, seen)


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """List a folder; one that begins with images and nothing else holds a clip's frames, and is not read to its end."""
    entries = _entries(folder)
    first = list(islice(entries, _MANY))
    if len(first) == _MANY and all(entry.name.casefold().endswith(_IMAGES) for entry in first):
        return [], []
    below: list[str] = []
    files: list[str] = []
    for entry in chain(first, entries):
        (below if entry.is_dir() else files).append(entry.name)
    return sorted(name for name in below if name not in _NEVER and not name.startswith(".")), sorted(files)


def find_table(root: Path, pattern: re.Pattern[str], coding: str | None, example: str) -> Path:
    """Find a coding table below a folder, or else beside it or above it.

    Parameters
    ----------
    root
        The folder that the user named.
    pattern
        Matches the file names of the corpus's tables.
    coding
        A part of the file name, or the path of a table kept elsewhere; None where there is but one.
    example
        A table's name, for the message.

    Returns
    -------
    The one table.

    Raises
    ------
    CorpusNotFoundError
        If there is none.
    CorpusError
        If there are several and ``coding`` does not choose between them.
    """
    if coding is not None and Path(coding).is_file():
        return Path(coding)
    found = [folder / name for folder, _, files in walk(root) for name in files if pattern.fullmatch(name)]
    for above in root.parents[:_ABOVE]:
        if not found:
            found = [above / name for name in _names(above)[1] if pattern.fullmatch(name)]
    copies = [path for index, path in enumerate(found) if any(filecmp.cmp(path, one, False) for one in found[:index])]
    found = [path for path in found if path not in copies]
    chosen = [path for path in found if coding in (path.name, path.stem)]
    chosen = chosen or [path for path in found if coding is None or coding in path.name]
    if not found:
        raise CorpusNotFoundError(
            f"no coding table such as {example} is here", where=root, hint="Put it there, or name it with --coding FILE"
        )
    names = ", ".join(str(path.relative_to(root) if path.is_relative_to(root) else path) for path in found)
    if not chosen:
        raise CorpusNotFoundError(f"no coding table is called {coding!r}; there is {names}", where=root)
    if len(chosen) > 1:
        raise CorpusError(
            f"{len(chosen)} coding tables are here: {names}",
            where=root,
            hint=f"Choose one: {' or '.join(f'--coding {_name(path, chosen)}' for path in chosen)}",
        )
    return chosen[0]


def _name(table: Path, among: Sequence[Path]) -> str:
    """Return the shortest text that chooses a table, as a shell takes it."""
    for text in (edition(table), table.name):
        if [path for path in among if text in path.name] == [table]:
            return shlex.quote(text)
    return shlex.quote(str(table))


def edition(table: Path) -> str:
    """Return the date in a table's name ("20140508"), or its name without the suffix."""
    match = re.search(r"\d{8}", table.name)
    return match[0] if match else table.stem
