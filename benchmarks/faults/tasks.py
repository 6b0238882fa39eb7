"""Tasks that hang or die: a method of one's own, evaluated by a script."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from .outcome import Outcome
from .site import FOLDS, Running, Site

SCRIPT = Path(__file__).with_name("sick_method.py")
GROUPS = Path("/sys/fs/cgroup/memory")
MOST = 2 * 2**30
"""Bytes for all processes of a command in a control group."""


def hangs_once(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """A task hangs once, in Python or holding Python's lock: it is stopped, run again, and all is as ever."""
    how = _how(outcome, ("hang", "hang with the GIL"))
    done = _start(site, chance, outcome, how, once=True).wait()
    outcome.must("run once more" in done.errors, f"does not say that it is run once more: {done.last_words}")
    outcome.completed(site, done, {})


def hangs(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """A task hangs whenever it is run: it is named, all others are finished, and healed the same command goes on."""
    _fails(site, chance, outcome, _how(outcome, ("hang", "hang with the GIL")), "twice", "--task-limit")


def runs_out_of_memory(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """A task asks for more than a process may have."""
    _fails(site, chance, outcome, "limit", "--workers 1")


def is_killed_for_memory(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """A task eats until the kernel kills its process, wherever it is run: it is named, and all others are finished."""
    with _group(site.mark) as group:
        _fails(site, chance, outcome, "eat", "memory", "--workers 1", group=group)


def _fails(
    site: Site, chance: random.Random, outcome: Outcome, how: str, *words: str, group: Path | None = None
) -> None:
    done = _start(site, chance, outcome, how, group=group).wait()
    outcome.must(site.all_gone(), "processes left after the error")
    person = outcome.detail.split()[0]
    outcome.stopped(done, f"fold {person}, seed 0", *words)
    before = site.finished()
    outcome.must(len(before) == FOLDS - 1, f"{len(before)} folds finished, not {FOLDS - 1}")
    outcome.completed(site, _start(site, chance, outcome, "").wait(), before)


def _how(outcome: Outcome, kinds: tuple[str, ...]) -> str:
    return kinds[outcome.number % len(kinds)]


def _start(
    site: Site, chance: random.Random, outcome: Outcome, how: str, *, once: bool = False, group: Path | None = None
) -> Running:
    if not site.cache.exists():
        shutil.copytree(site.home / "calm" / "cache", site.cache)
    places = [str(site.home / "twin"), str(site.cache), str(site.run)]
    command = [sys.executable, str(SCRIPT), *places]
    if group is not None:
        command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$0" "$@"', *command]
    if not how:
        return site.start(command)
    person = chance.choice(("sub01", "sub02", "sub03", "sub04"))
    outcome.detail = f"{person} {how}"
    remembered = {"ONCE": str(site.folder / "once")} if once else {}
    return site.start(command, SICKNESS=how, WITHOUT=person, **remembered)


def can_group() -> bool:
    """Whether control groups for memory can be made here."""
    return (GROUPS / "memory.limit_in_bytes").exists() and os.access(GROUPS, os.W_OK)


@contextlib.contextmanager
def _group(name: str) -> Iterator[Path]:
    """Make a control group with little memory; its fullest process is killed when that is used up."""
    group = GROUPS / f"dstan-{name}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(MOST))
        yield group
    finally:
        group.rmdir()
