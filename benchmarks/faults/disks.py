"""Storage that fails: full, read-only, files cut short. Mounts are made in a namespace that ends with the script."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .outcome import Outcome
from .site import ENTRIES, METHOD, Site

ENOUGH = "size=64m"


def full_run(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """The run's disk is full; then there is room, and the same command goes on."""
    _full(site, chance, outcome, site.run, 4096 * chance.randrange(1, 40), warm=True)


def full_cache(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """The cache's disk is full; then there is room, and the same command goes on."""
    _full(site, chance, outcome, site.cache, 4096 * chance.randrange(1, 400), warm=False)


def _full(site: Site, chance: random.Random, outcome: Outcome, place: Path, size: int, *, warm: bool) -> None:
    if warm:
        shutil.copytree(site.home / "calm" / "cache", site.cache)
    outcome.detail = f"{size // 1024} KiB"
    with _mounted(place, "-t", "tmpfs", "-o", f"size={size},nr_inodes=10000", "none"):
        done = site.evaluate().wait()
        outcome.stopped(done, "no space left", "Free some space")
        outcome.must(site.all_gone(), "processes left after the error")
        before = site.finished()
        _mount("-o", f"remount,{ENOUGH}", str(place))
        outcome.completed(site, site.evaluate().wait(), before)


def read_only_whole(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """A cache that holds everything and cannot be written is as good as any."""
    shutil.copytree(site.home / "calm" / "cache", site.cache)
    outcome.detail = "all entries there"
    with _read_only(site.cache):
        outcome.completed(site, site.evaluate().wait(), {})


def read_only_part(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """A cache that lacks some entries and cannot be written is an error; written again, the command goes on."""
    shutil.copytree(site.home / "calm" / "cache", site.cache)
    entries = sorted(site.cache.glob("prepared/*/*/*"))
    lost = chance.sample(entries, chance.randrange(1, len(entries) + 1))
    for entry in lost:
        entry.unlink()
    outcome.detail = f"{len(lost)} of {ENTRIES} entries missing"
    with _read_only(site.cache):
        outcome.stopped(site.evaluate().wait(), "read-only", "Choose a folder")
        outcome.must(site.all_gone(), "processes left after the error")
    outcome.completed(site, site.evaluate().wait(), {})


def cut_cache(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """Entries of the cache are cut short: they are made again, and it is said."""
    shutil.copytree(site.home / "calm" / "cache", site.cache)
    entries = sorted(site.cache.glob("*/*/*/*"))
    cut = chance.sample(entries, chance.randrange(1, 4))
    outcome.detail = ", ".join(_cut(entry, chance) for entry in cut)
    done = site.evaluate().wait()
    done.errors = done.errors.replace("is damaged and is made again", "")
    outcome.completed(site, done, {})
    for entry in cut:
        whole = (site.home / "calm" / "cache" / entry.relative_to(site.cache)).read_bytes()
        outcome.must(
            entry.read_bytes() == whole or entry.parents[2].name == "aligned", f"{entry.name} was not made again"
        )


def cut_run(site: Site, chance: random.Random, outcome: Outcome) -> None:
    """A file of a finished run is cut short: what belongs to it is made again, and nothing else."""
    for part in ("run", "cache"):
        shutil.copytree(site.home / "calm" / part, site.folder / part)
    names = ("fold.json", "predictions.csv", "run.json", "model.safetensors", "inputs.json", "metrics.json")
    name = names[outcome.number % len(names)]
    file = chance.choice(sorted(site.run.rglob(name)))
    outcome.detail = _cut(file, chance)
    before = site.finished()
    if file.parent.parent.name == "folds" and name != "model.safetensors":
        del before[file.parent.name]
    done = site.evaluate().wait()
    if name == "run.json":
        outcome.stopped(done, "run.json is damaged", "another folder")
        other = site.folder / "other"
        outcome.completed(site, site.evaluate("--workers", "2", out=other).wait(), {}, run=other)
    else:
        outcome.completed(site, done, before)


def _cut(file: Path, chance: random.Random) -> str:
    size = file.stat().st_size
    left = chance.choice([0, 1, chance.randrange(size), chance.randrange(size), size - 1])
    os.truncate(file, left)
    where = file.parent.name if METHOD in file.parts else file.parent.parent.parent.name
    return f"{where}/{file.name} to {left} of {size} bytes"


@contextlib.contextmanager
def _read_only(place: Path) -> Iterator[None]:
    with _mounted(place, "--bind", str(place)):
        _mount("-o", "remount,ro,bind", str(place))
        yield


@contextlib.contextmanager
def _mounted(place: Path, *how: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    _mount(*how, str(place))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
