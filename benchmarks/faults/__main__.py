"""Trials of what a run survives: things die at random moments, and every claim about it is checked.

::

    python -m benchmarks.faults --home FOLDER --out docs/reliability-table.md

Trials that were made are kept in FOLDER; the same command makes those that are missing. Mounts need root or user
namespaces; the trial of the kernel's memory killer needs root and control groups, and is left out elsewhere.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import disks, kills, tasks
from .outcome import Outcome, keep, load, table
from .site import Site

INSIDE = "DSTAN_FAULTS_INSIDE"
Trial = Callable[[Site, random.Random, Outcome], None]
TRIALS: dict[str, tuple[Trial, int, str]] = {
    "command": (kills.kill_command, 20, "the command is killed and begun again"),
    "worker": (kills.kill_worker, 20, "one of its workers is killed"),
    "scheduler": (kills.kill_scheduler, 20, "the cluster's scheduler is killed; another one, and the command again"),
    "scheduler-back": (kills.scheduler_comes_back, 10, "the cluster's scheduler is killed and started again at once"),
    "cluster-worker": (kills.kill_cluster_worker, 10, "one of a cluster's two workers is killed for good"),
    "full-run": (disks.full_run, 5, "the run's disk is full, then has room again"),
    "full-cache": (disks.full_cache, 5, "the cache's disk is full, then has room again"),
    "read-only": (disks.read_only_whole, 3, "a whole cache is read-only"),
    "read-only-part": (disks.read_only_part, 5, "a cache that lacks entries is read-only, then not"),
    "cut-cache": (disks.cut_cache, 10, "entries of the cache are cut short"),
    "cut-run": (disks.cut_run, 12, "a file of the run is cut short"),
    "hang-once": (tasks.hangs_once, 4, "a task hangs once"),
    "hang": (tasks.hangs, 4, "a task always hangs"),
    "memory-limit": (tasks.runs_out_of_memory, 3, "a task asks for more memory than it may have"),
    "memory-killer": (tasks.is_killed_for_memory, 3, "the kernel kills a task for its memory, always"),
}


def main() -> None:
    """Make the trials that are missing, and print and write the table."""
    chosen = _arguments()
    if INSIDE not in os.environ:
        _enter_namespace()
    home: Path = chosen.home.absolute()
    _make_calm(home)
    done = home / "trials.jsonl"
    made = {(one.kind, one.number) for one in load(done)}
    wanted = [
        (kind, number)
        for kind, (_, most, _) in TRIALS.items()
        if (not chosen.only or kind in chosen.only) and (kind != "memory-killer" or tasks.can_group())
        for number in range(min(most, chosen.trials))
        if (kind, number) not in made
    ]
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for outcome in pool.map(lambda one: _try(home, *one), wanted):
            keep(done, outcome)
            verdict = "; ".join(outcome.problems) or "ok"
            print(f"{outcome.kind} {outcome.number} ({outcome.detail}): {verdict}", flush=True)
    outcomes = load(done)
    text = table(outcomes, {kind: name for kind, (_, _, name) in TRIALS.items()})
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    text += f"\nSeed 0, {system}, {os.cpu_count()} cores, Python {platform.python_version()}.\n"
    print(text)
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")
    sys.exit(any(outcome.problems for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="where everything happens; trials made are kept")
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
    parser.add_argument("--only", nargs="*", choices=TRIALS, help="these kinds only")
    parser.add_argument("--trials", type=int, default=20, help="most of a kind")
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time: they wait a lot")
    return parser.parse_args()


def _enter_namespace() -> None:
    """Begin again where mounts are private and end with this process."""
    flags = ["--mount", "--propagation", "private"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    arguments = [sys.executable, "-m", "benchmarks.faults", *sys.argv[1:]]
    os.execvpe("unshare", ["unshare", *flags, *arguments], {**os.environ, INSIDE: "1"})


def _make_calm(home: Path) -> None:
    """Draw the twin and make the run that nothing disturbs, in one process."""
    if (home / "twin.whole").exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    calm = Site(home, "calm")
    small = ("--subjects", "4", "--clips", "12", "--size", "160x120")
    drawn = calm.start([sys.executable, "-m", "dstan", "synth", "casme2", *small, "--out", str(home / "twin")]).wait()
    done = calm.evaluate("--workers", "0").wait()
    if drawn.code or done.code:
        sys.exit(drawn.errors + done.errors)
    calm.folder.rename(home / "calm")
    (home / "twin.whole").touch()


def _try(home: Path, kind: str, number: int) -> Outcome:
    outcome = Outcome(kind, number)
    site = Site(home, f"{kind}-{number}")
    begun = time.monotonic()
    try:
        TRIALS[kind][0](site, random.Random(f"{kind} {number}"), outcome)
    except Exception as error:  # noqa: BLE001 - a trial that cannot be made is a failed one
        outcome.problems.append(f"the trial broke: {type(error).__name__}: {error}")
    outcome.seconds = round(time.monotonic() - begun, 1)
    site.all_gone()
    if not outcome.problems:
        site.remove()
    return outcome


if __name__ == "__main__":
    main()
