"""The command about what is kept of people's faces: cache; and the cache that the other commands work with."""

from __future__ import annotations

import math
import shlex
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.cli import options, output
from dstan.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from types import FrameType

    from dstan.preprocessing.cache import Cache, Freed
    from dstan.preprocessing.kept import Entry

app = typer.Typer()
NONE = Path("none")
"""Stands for a cache that is gone after the command."""
_ACTIONS = ("show", "clear")
_WORDS = {
    "aligned": "aligned: every frame of the face",
    "prepared": "prepared: frames of the face and flow",
    "onnx": "models for onnxruntime, no faces",
}


@contextmanager
def kept(root: Path | None, cluster: str | None = None) -> Iterator[Cache]:
    """Give the cache that ``--cache`` names; the first time the folder is named, with ``none`` nothing stays.

    Parameters
    ----------
    root
        What was typed.
    cluster
        That of ``--cluster``.

    Yields
    ------
    The cache.

    Raises
    ------
    ConfigError
        If nothing is to be kept, and a cluster would have to read it.
    """
    from dstan.preprocessing.cache import STAGES, Cache
    from dstan.preprocessing.kept import temporary_cache

    if root == NONE:
        if cluster:
            raise ConfigError(
                "--cache none is a folder of this machine, which the workers of --cluster cannot read",
                hint="Name a folder that all machines see, and clear it afterwards: dstan cache clear --cache DIR",
            )
        with _ended_in_order(), temporary_cache() as cache:
            yield cache
        return
    cache = Cache(root)
    if not any((cache.root / stage).exists() for stage in STAGES):
        output.note(
            f"prepared faces are kept in {cache.root}, for your account only; {_clearing(root)} removes them, "
            "--cache none keeps nothing"
        )
    yield cache


def _clearing(folder: Path | None) -> str:
    return "dstan cache clear" + (f" --cache {shlex.quote(str(folder))}" if folder not in (None, NONE) else "")


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, so that it clears up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, _stop) for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@app.command("cache", rich_help_panel="Data")
def cache(
    context: typer.Context,
    action: Annotated[str, typer.Argument(metavar="[show|clear]", help="See what is kept, or remove it.")] = "show",
    folder: options.CacheRoot = None,
    corpus: Annotated[
        str | None, typer.Option("--corpus", metavar="CORPUS", help="Only what was made of this corpus's frames.")
    ] = None,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Only what was not used for so many days.")
    ] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", help="Clear without asking.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show which prepared faces are kept on this disk and who can read them, or remove them.

    All that can be prepared again is removed; runs and models stay. Files that are not of dstan are never touched.
    Without --corpus and --older-than, what killed commands left of --cache none goes, too.

    Example: `dstan cache`

    What has not been used for a month: `dstan cache clear --older-than 30 --yes`
    """
    from dstan.preprocessing.kept import entries

    if action not in _ACTIONS:
        raise UnknownNameError(
            f"dstan cache {action}: no such action", hint="Type dstan cache show or dstan cache clear"
        )
    source = context.get_parameter_source("folder")
    root = _root(folder, is_typed=source is not None and source.name == "COMMANDLINE")
    every, before = list(entries(root)), time.time() - older_than * 86400
    if corpus is not None:
        _check_corpus(corpus, every)
    found = [one for one in every if corpus in (None, one.corpus) and (not older_than or one.used < before)]
    if action == "show":
        _show(root, found, _asked(corpus, older_than), _clearing(folder), as_json)
    else:
        _clear(root, found, corpus, older_than, yes=yes, as_json=as_json)


def _root(folder: Path | None, *, is_typed: bool) -> Path:
    """Return the cache's folder, the default one also where DSTAN_CACHE says ``none``."""
    from dstan.preprocessing.cache import Cache

    if folder == NONE and is_typed:
        raise ConfigError(
            "--cache none is no folder: there is nothing to show or to clear",
            hint="Leave it out for the default cache, or name a folder: --cache DIR",
        )
    root = Cache(None if folder == NONE else folder).root
    if root.exists() and not root.is_dir():
        raise ConfigError("a cache is a folder, and this is none", where=root, hint="Name a folder: --cache DIR")
    return root


def _check_corpus(name: str, every: Iterable[Entry]) -> None:
    """Refuse a name that is neither a corpus nor that of anything kept."""
    from dstan._registry import look_up
    from dstan.corpora import CORPORA

    look_up("corpus", name, dict.fromkeys([*CORPORA, *(one.corpus for one in every if one.corpus)]))


def _asked(corpus: str | None, older_than: float) -> str:
    days = "day" if older_than == 1 else "days"
    return (f" of {corpus}" if corpus else "") + (f" that was not used for {older_than:g} {days}" if older_than else "")


def _show(root: Path, found: Sequence[Entry], asked: str, clearing: str, as_json: bool) -> None:
    from dstan.preprocessing.kept import left

    groups: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for one in found:
        size = f"{one.size[0]} x {one.size[1]}" if one.size else ""
        groups[one.stage, one.corpus or ("" if one.stage == "onnx" else "unknown"), size].append(one)
    wide, killed = [one for one in found if one.is_wide], left()
    if as_json:
        output.document(
            {
                "folder": root,
                "entries": len(found),
                "bytes": sum(one.bytes for one in found),
                "readable_by_others": len(wide),
                "left_by_killed_commands": killed,
                "kept": [_plain(*name, own) for name, own in sorted(groups.items())],
            }
        )
        return
    if not found:
        output.say(f"Nothing{asked} is kept in {root}")
    else:
        output.say(f"{root}: {_amount(found)}")
        rows = [
            (_WORDS[stage], corpus, size, str(len(own)), f"{_bytes(own) / 1e6:,.1f}", _age(own))
            for (stage, corpus, size), own in sorted(groups.items())
        ]
        output.table(("what", "corpus", "pixels", "files", "MB", "last used"), rows, numbers=("files", "MB"))
        output.say(f"Remove all of it: {clearing}. Whatever is still needed is prepared again.", "dim")
    if wide:
        output.warn(
            f"{len(wide)} of these files can be read by other accounts on this machine. To close them: "
            f"chmod -R go-rwx {shlex.quote(str(root))}"
        )
    if killed:
        output.warn(f"{_caches(killed)}: {', '.join(map(str, killed))}")
        output.note("dstan cache clear, with neither --corpus nor --older-than, removes that, too")


def _clear(
    root: Path, found: Sequence[Entry], corpus: str | None, older_than: float, *, yes: bool, as_json: bool
) -> None:
    from dstan.preprocessing.kept import clear, clear_left, left

    killed = [] if corpus or older_than else left()
    if (found or killed) and not yes:
        parts = [f"{_amount(found)} in {root}"] * bool(found) + [_caches(killed)] * bool(killed)
        asked = f"Remove {', and '.join(parts)}"
        if as_json or not is_terminal():
            raise ConfigError(f"{asked}: nobody is here to be asked", hint="Type --yes to remove it")
        if not typer.confirm(f"{asked}?", err=True):
            output.say("Nothing was removed.")
            return
    freed, more = clear(root, corpus, older_than), clear_left(killed)
    if as_json:
        own = {"folders": killed, "removed": more.entries, "bytes": more.bytes}
        output.document({"folder": root, "removed": freed.entries, "bytes": freed.bytes, "of_killed_commands": own})
        return
    if freed.entries:
        output.say(f"Removed {_freed(freed)}, from {root}")
    else:
        output.say(f"Nothing{_asked(corpus, older_than)} is kept in {root}, so nothing was removed there")
    if killed:
        output.say(f"Removed {_caches(killed)}, {_freed(more)}, from {killed[0].parent}")


def is_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _plain(stage: str, corpus: str, size: str, own: Sequence[Entry]) -> dict[str, Any]:
    return {
        "stage": stage,
        "corpus": None if corpus in ("", "unknown") else corpus,
        "pixels": list(own[0].size) if size and own[0].size else None,
        "files": len(own),
        "bytes": _bytes(own),
        "last_used": max(one.used for one in own),
        "readable_by_others": sum(one.is_wide for one in own),
    }


def _bytes(own: Sequence[Entry]) -> int:
    return sum(one.bytes for one in own)


def _amount(found: Sequence[Entry]) -> str:
    return _files_of(len(found), _bytes(found))


def _freed(freed: Freed) -> str:
    return _files_of(freed.entries, freed.bytes)


def _files_of(number: int, size: int) -> str:
    return f"{number} {'file' if number == 1 else 'files'}, {size / 1e6:,.1f} MB"


def _caches(killed: Sequence[Path]) -> str:
    if len(killed) == 1:
        return "1 temporary cache of a killed command"
    return f"{len(killed)} temporary caches of killed commands"


def _age(own: Sequence[Entry]) -> str:
    days = math.floor((time.time() - max(one.used for one in own)) / 86400)
    return {0: "today", 1: "yesterday"}.get(max(days, 0), f"{days} days ago")
