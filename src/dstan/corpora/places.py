"""Where things are in a copy: folders and coding tables, found from the root, its parent or its frames folder."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from dstan.errors import CorpusError, CorpusNotFoundError

_DEPTH = 3
_NEVER = ("truth", "__MACOSX")


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
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    return [folder / name for name in names if not name.startswith(".") and (not pattern or pattern.fullmatch(name))]


def some_files(folder: Path, limit: int = 20) -> list[str]:
    """Name a few of a folder's files, enough to recognise it by."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in islice((entry for entry in entries if entry.is_file()), limit)]


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Walk a few levels down, past subjects' folders, hidden ones and a synthetic twin's truth."""
    for name, below, files in os.walk(root, followlinks=True):
        folder = Path(name)
        depth = len(folder.relative_to(root).parts)
        yield folder, sorted(below), sorted(files)
        below[:] = sorted(
            item
            for item in below
            if depth < _DEPTH
            and item not in _NEVER
            and not item.startswith(".")
            and not re.fullmatch(r"sub\d+", item, re.IGNORECASE)
        )


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
    for above in root.parents[:2]:
        if not found:
            names_above = next(os.walk(above), ("", [], []))[2]
            found = [above / name for name in sorted(names_above) if pattern.fullmatch(name)]
    copies = [path for index, path in enumerate(found) if any(filecmp.cmp(path, one, False) for one in found[:index])]
    found = [path for path in found if path not in copies]
    chosen = [path for path in found if coding is None or coding in path.name]
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
            hint=f"Choose one: --coding {edition(chosen[0])}",
        )
    return chosen[0]


def edition(table: Path) -> str:
    """Return the date in a table's name ("20140508"), or its name without the suffix."""
    match = re.search(r"\d{8}", table.name)
    return match[0] if match else table.stem
