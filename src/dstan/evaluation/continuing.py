"""Whether a run may be begun in a folder, or continued there."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dstan import _atomic
from dstan.errors import RunError
from dstan.evaluation.results import RUN, read_info

log = logging.getLogger(__name__)

TUNED = ("tuned", "inner_parts")
"""What ``run.json`` says of a method whose settings are chosen in every fold: the values tried, the inner folds."""
_MUST_AGREE = ("format", "task", "classes", "protocol", "test_corpora", "train_subjects", "seeds", "device")

_APART = ("recipes", "annotations")
"""What is compared of clips in another way: a method may bring a recipe, and older runs do not know annotations."""

_LOCK = ".lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP)
"""What a disk says that offers none, as some network storage does."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a run's folder for this process while the block runs; a process that is killed keeps nothing.

    Parameters
    ----------
    folder
        The run's folder; made where it is not there, and removed again if nothing was written into it.

    Raises
    ------
    RunError
        If another process has it, or it holds files but no run.
    StorageError
        If it cannot be written.
    """
    _check_folder(folder)
    file, is_new = folder / _LOCK, not folder.exists()
    lock = FileLock(file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        hint = "Wait until that one has ended, or give --out another folder"
        raise RunError("another command is working in this folder", where=folder, hint=hint) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise _atomic.cannot_write(file, error.errno) from error
        log.warning("%s: its disk has no locks; see that no other command works in this folder", folder)
    try:
        yield
    finally:
        with suppress(OSError):  # before it is released, or it could be another's by then
            file.unlink()
        lock.release()
        with suppress(OSError):
            if is_new:  # and holds a run, mostly
                folder.rmdir()


def open_run(folder: Path, info: Mapping[str, Any]) -> None:
    """Begin a run, or see that the one in a folder may be continued; methods may be added to it.

    Parameters
    ----------
    folder
        The run's folder; made where it is not there.
    info
        What :func:`describe` returned.

    Raises
    ------
    RunError
        If the folder holds something else, or a run with other settings: the message names the first difference.
    """
    if not (folder / RUN).exists():
        _atomic.write_json(folder / RUN, info)
        return
    before = read_info(folder)
    _check_agreement(folder, before, info)
    everything: dict[str, Any] = {}
    for kind in ("components", "methods"):
        everything |= {**before[kind], **info[kind]}
    methods = [*before["methods"], *(name for name in info["methods"] if name not in before["methods"])]
    merged = {
        **before,
        **{name: info[name] for name in ("skipped", "notes", "apex") if name in info},
        "input": {**before["input"], "recipes": sorted({*_recipes(before), *_recipes(info)})},
        "warnings": _united(before.get("warnings", ()), info.get("warnings", ())),
        "methods": {name: everything[name] for name in methods},
        "components": {name: about for name, about in everything.items() if name not in methods},
    }
    if merged != before:
        _atomic.write_json(folder / RUN, merged)


def _recipes(info: Mapping[str, Any]) -> list[str]:
    """Return what clips were prepared by; another method may bring another."""
    return list(info["input"]["recipes"])


def _united(before: Iterable[Any], now: Iterable[Any]) -> list[Any]:
    """Return all of both, each once, in order."""
    united = list(before)
    united += [one for one in now if one not in united]
    return united


def _check_folder(folder: Path) -> None:
    """Raise RunError if a folder holds files but no run."""
    if folder.exists() and not folder.is_dir():
        raise RunError("this is a file, not a folder", where=folder, hint="Give --out a folder")
    seen = [] if not folder.is_dir() else [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if seen and not (folder / RUN).exists():
        raise RunError(f"the folder is not empty and holds no {RUN}", where=folder, hint="Give --out a new folder")


def _check_agreement(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name in _MUST_AGREE:
        _check_same(folder, name, before.get(name), now.get(name))
    clips = ({key: value for key, value in info["input"].items() if key not in _APART} for info in (before, now))
    _check_same(folder, "input", *clips)
    if before["input"].get("annotations", now["input"]["annotations"]) != now["input"]["annotations"]:
        raise RunError(
            "it was begun with other onsets, apexes, offsets or frames of its clips, and holds folds of those",
            where=folder,
            hint="Put the corpus's table back as it was, or give --out another folder",
        )
    old = {**before.get("components", {}), **before.get("methods", {})}
    for name, about in {**now["components"], **now["methods"]}.items():
        if name in old:
            for key in ("settings", *TUNED):
                _check_same(folder, f"{name}: {key}", old[name].get(key), about.get(key))
            if old[name].get("files") != about.get("files"):
                changed = ", ".join(about.get("files", {}))
                raise RunError(
                    f"it was begun with other contents of {changed}, which {name} starts from",
                    where=folder,
                    hint="Put the file back, or give --out another folder",
                )
            if old[name].get("code") != about.get("code"):
                raise RunError(
                    f"it was begun with other code of {name}, and holds folds that were fitted by it",
                    where=folder,
                    hint="Give --out another folder, or the method another name",
                )
    for name in ("dstan", "versions", "machine"):
        if before.get(name) != now[name]:
            log.warning("%s: begun with other %s (%s) than it goes on with (%s)", folder, name, before[name], now[name])


def _check_same(folder: Path, name: str, before: object, now: object) -> None:
    for path, old, new in differences(name, before, now):
        raise RunError(
            f"it was begun with other settings: {path} is {new!r} here and {old!r} there",
            where=folder,
            hint="Use the same settings, or give --out another folder",
        )


def differences(path: str, before: object, now: object) -> Iterator[tuple[str, object, object]]:
    """Yield what differs of two nested mappings: its name with dots, and the two values.

    Parameters
    ----------
    path
        What they are called; "settings" is left out of names.
    before, now
        The two.
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            yield from differences(f"{path}.{key}".replace("settings.", "", 1), before.get(key), now.get(key))
    elif before != now:
        yield path, before, now
