"""The command about what is kept of people's faces: cache; and the cache that the other commands work with."""

from __future__ import annotations

import math
import shlex
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.cli import options, output
from dstan.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from types import FrameType

    from dstan.preprocessing.cache import Cache
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
    from dstan.preprocessing.cache import Cache
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
    if not cache.root.exists():
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

    Example: `dstan cache`

    What has not been used for a month: `dstan cache clear --older-than 30 --yes`
    """
    from dstan.preprocessing.cache import Cache
    from dstan.preprocessing.kept import entries

    if action not in _ACTIONS:
        raise UnknownNameError(
            f"dstan cache {action}: no such action", hint="Type dstan cache show or dstan cache clear"
        )
    root = Cache(None if folder == NONE else folder).root
    before = time.time() - older_than * 86400
    found = [one for one in entries(root) if corpus in (None, one.corpus) and (not older_than or one.used < before)]
    if action == "show":
        _show(root, found, _asked(corpus, older_than), _clearing(folder), as_json)
    else:
        _clear(root, found, corpus, older_than, yes=yes, as_json=as_json)


def _asked(corpus: str | None, older_than: float) -> str:
    return (f" of {corpus}" if corpus else "") + (f" that was not used for {older_than:g} days" if older_than else "")


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
        output.warn(f"{len(killed)} temporary caches of killed commands: {', '.join(map(str, killed))}")
        output.note("dstan cache clear removes them, too")


def _clear(
    root: Path, found: Sequence[Entry], corpus: str | None, older_than: float, *, yes: bool, as_json: bool
) -> None:
    from dstan.preprocessing.kept import clear, clear_left, left

    killed = left()
    if (found or killed) and not yes:
        asked = f"Remove {_amount(found)} in {root}" + (f", and {len(killed)} left by killed commands" * bool(killed))
        if as_json or not is_terminal():
            raise ConfigError(f"{asked}: nobody is here to be asked", hint="Type --yes to remove it")
        if not typer.confirm(f"{asked}?", err=True):
            output.say("Nothing was removed.")
            return
    freed, more = clear(root, corpus, older_than), clear_left()
    entries, size = freed.entries + more.entries, freed.bytes + more.bytes
    if as_json:
        output.document({"folder": root, "removed": entries, "bytes": size})
        return
    if not entries:
        output.say(f"Nothing{_asked(corpus, older_than)} is kept in {root}, so nothing was removed")
        return
    output.say(f"Removed {entries} files, {size / 1e6:,.1f} MB, from {root}")


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
    return f"{len(found)} files, {_bytes(found) / 1e6:,.1f} MB"


def _age(own: Sequence[Entry]) -> str:
    days = math.floor((time.time() - max(one.used for one in own)) / 86400)
    return {0: "today", 1: "yesterday"}.get(max(days, 0), f"{days} days ago")
