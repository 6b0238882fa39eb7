"""Where trials happen: a small twin, what an undisturbed run makes of it, and commands whose processes can be found."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

METHOD = "bi-woof"
SETTINGS = ("recipe.size=32", "recipe.landmarks=truth", "svm.C=[1]")
CORPUS = ("--corpus", "casme2", "--task", "casme2-5", "--device", "cpu", "--seeds", "4")
FOLDS = 16
MARK = "DSTAN_FAULT_TRIAL"
PATIENCE = 900.0
GONE_WITHIN = 60.0
LOCKS = (".lock", ".dirlock")
ENTRIES = 24
"""Files that a whole cache holds: aligned frames and what was made of them, of 12 clips."""


@dataclass
class Done:
    """How a command ended: its exit code, what it wrote on standard error, and how long it took (seconds)."""

    code: int
    errors: str
    seconds: float

    @property
    def last_words(self) -> str:
        """The last error with its hint, or the last exception, in one line."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("error:", "hint:"))]
        return " ".join(told[-2:] or lines[-1:])


@dataclass
class Running:
    """A command that runs: its process, and the file that holds what it writes on standard error."""

    process: subprocess.Popen[bytes]
    log: Path
    begun: float = field(default_factory=time.monotonic)

    def wait(self) -> Done:
        """Wait until it ends; what takes longer than any trial may is killed and has the code 124."""
        try:
            code = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = 124
        return Done(code, self.log.read_text(encoding="utf-8", errors="replace"), time.monotonic() - self.begun)


class Site:
    """The folder of one trial: ``run``, ``cache`` and ``tmp``, and commands that are told from all others by a mark.

    Parameters
    ----------
    home
        The folder of all trials, with the twin and the undisturbed run.
    name
        Of this trial.
    """

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.folder = home, home / "trials" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.run, self.cache, self.temporary = (self.folder / part for part in ("run", "cache", "tmp"))
        self.temporary.mkdir(parents=True)
        self.mark = uuid.uuid4().hex
        self._logs = 0

    def evaluate(self, *more: str, out: Path | None = None) -> Running:
        """Start the evaluation that all trials are about."""
        settings = [part for setting in SETTINGS for part in ("--set", setting)]
        places = ["--root", str(self.home / "twin"), "--cache", str(self.cache), "--out", str(out or self.run)]
        where = more or ("--workers", "2")
        return self.start([sys.executable, "-m", "dstan", "evaluate", METHOD, *CORPUS, *settings, *places, *where])

    def start(self, command: Sequence[str], **variables: str) -> Running:
        """Start any command with the trial's mark in its environment."""
        self._logs += 1
        log = self.folder / f"{self._logs}.log"
        environment = {**os.environ, MARK: self.mark, "TMPDIR": str(self.temporary), "COLUMNS": "300", **variables}
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=file
            )
        return Running(process, log)

    def processes(self, having: str = "") -> list[int]:
        """List the trial's processes that live, by a part of their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):  # it has ended meanwhile
                marked = f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes()
                dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                if marked and not dead and having.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    def all_gone(self) -> bool:
        """Wait until no process of the trial lives; kill what does not end, and say so."""
        gone = wait_for(lambda: not self.processes(), GONE_WITHIN)
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return gone

    def files(self) -> int:
        """Count the finished files of cache and folds: how far a run has come."""
        kept = [*self.cache.glob("*/*/*/[!.]*"), *self.run.glob("*/folds/*/[!.]*")]
        return len(kept)

    def finished(self) -> dict[str, int]:
        """Return when each finished fold was written."""
        return {file.parent.name: file.stat().st_mtime_ns for file in self.run.glob("*/folds/*/fold.json")}

    def hidden(self) -> list[str]:
        """List temporary files that nobody removed, in the run and in the folder for temporary files.

        Dask leaves empty folders and locks in its ``dask-scratch-space``; the next ones that start remove them.
        """
        found = [*self.run.rglob(".*"), *(file for file in self.temporary.rglob("*") if not file.is_dir())]
        return [str(file.relative_to(self.folder)) for file in found if file.suffix not in LOCKS]

    def is_same(self, run: Path | None = None) -> bool:
        """Tell whether a run wrote what the undisturbed one did."""
        places = [(run or self.run) / METHOD, self.home / "calm" / "run" / METHOD]
        try:
            return all(
                (places[0] / file).read_bytes() == (places[1] / file).read_bytes()
                for file in ("predictions.csv", "metrics.json")
            )
        except OSError:
            return False

    def remove(self) -> None:
        """Remove the trial's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(what: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait until something is so; return whether it came to that."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.003)
    return True


def random_moment(site: Site, running: Running, chance: random.Random) -> str:
    """Wait for a random moment of a run: some of its files are written, and a little time more has passed.

    Returns
    -------
    Which it was.
    """
    files, more = chance.randrange(ENTRIES + 4 * FOLDS), chance.uniform(0.0, 0.3)
    if files == 0:
        more *= 10
    wait_for(lambda: site.files() >= files or running.process.poll() is not None)
    time.sleep(more)
    return f"{files} files + {1000 * more:.0f} ms"


@contextlib.contextmanager
def cluster(site: Site, workers: int = 2, port: int = 0) -> Iterator[Cluster]:
    """Start a scheduler on loopback and workers that join it, and stop what is left of them."""
    running = Cluster(site, port)
    running.start(workers)
    try:
        yield running
    finally:
        for one in running.started:
            if one.process.poll() is None:
                one.process.terminate()
        for one in running.started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(timeout=GONE_WITHIN)


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, site: Site, port: int) -> None:
        self.site, self.port = site, port
        self.started: list[Running] = []
        self.file = site.folder / "scheduler.json"

    def start(self, workers: int = 2) -> None:
        """Start the scheduler, at the same port as the last time, and workers."""
        self.file.unlink(missing_ok=True)
        quiet = ("--host", "127.0.0.1", "--no-dashboard")
        port = ("--port", str(self.port), "--scheduler-file", str(self.file))
        self.scheduler = self._dask("scheduler", *quiet, *port)
        assert wait_for(self._is_told), "the scheduler does not start"
        self.port = int(self.address.rpartition(":")[2])
        one = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", str(self.site.folder / "scratch"))
        self.workers = [self._dask("worker", self.address, *quiet, *one) for _ in range(workers)]

    def _is_told(self) -> bool:
        """Read the scheduler's address, once all of it is written."""
        try:
            self.address = str(json.loads(self.file.read_text())["address"])
        except (OSError, ValueError):
            return False
        return True

    def _dask(self, *arguments: str) -> Running:
        self.started.append(self.site.start([sys.executable, "-m", "dask", *arguments]))
        return self.started[-1]
