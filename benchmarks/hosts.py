"""Several hosts on one machine: a scheduler, two workers and a client in network namespaces, one worker cut off.

::

    python benchmarks/hosts.py --home FOLDER

Each host has its own address on a bridge that only they see; keys and TLS are those of ``dstan cluster keys``. When a
few folds are finished one worker's link goes down while its process runs on: until the run has ended, and in a second
run for ten seconds. Each run must end with the bytes of a run in one process, and keep them when the worker is back.
Needs Linux and root. Everything lives in namespaces that end with this script, however it ends.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

INSIDE = "DSTAN_HOSTS_INSIDE"
HOSTS = {"scheduler": "10.77.0.1", "worker1": "10.77.0.2", "worker2": "10.77.0.3", "client": "10.77.0.4"}
ADDRESS = f"tls://{HOSTS['scheduler']}:8786"
METHOD = "stmn-a"
SETTINGS = (
    "recipe.size=32",
    "recipe.steps=4",
    "recipe.landmarks=truth",
    "network.channels=[4,4,4,4,4]",
    "network.reduction=2",
)
FINISHED_BEFORE_CUT = 3
PATIENCE = 900.0
BRIEFLY, WATCHED = 10.0, 15.0


class Host:
    """A network namespace with an address; it lives as long as the process that holds it."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.link = name, f"to-{name}"[:15]
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own, made = Path("/proc/self/ns/net"), Path(f"/proc/{self._holder.pid}/ns/net")
        _wait("the namespace", lambda: made.readlink() != own.readlink())
        _ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self._holder.pid))
        _ip("link", "set", self.link, "master", "switch", "up")
        for command in (("addr", "add", f"{address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            self.run("ip", *command)
        self.run("ip", "link", "set", "lo", "up")

    def inside(self, *command: str) -> list[str]:
        """Return the command that runs another one on this host."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command]

    def run(self, *command: str) -> None:
        """Run a short command on this host."""
        subprocess.run(self.inside(*command), check=True)

    def start(self, home: Path, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a program of Python on this host; what it says goes to a file."""
        environment = {**os.environ, "DASK_CONFIG": str(home / "keys"), **variables}
        with (home / f"{self.name}.log").open("wb") as log:
            return subprocess.Popen(
                self.inside(sys.executable, "-m", *command), cwd=home, env=environment, stdout=log, stderr=log
            )

    def plug(self, state: str) -> None:
        """Set the cable "up" or "down"."""
        _ip("link", "set", self.link, state)


def main() -> None:
    """Show it, and say what was seen; the exit code is 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="a folder: twin, cache, keys, logs and runs")
    parser.add_argument("--timeout", default="", help="of TCP at the scheduler, from 11s on [default: 30s]")
    parser.add_argument("--seeds", type=int, default=6, help="of four folds each")
    chosen = parser.parse_args()
    if INSIDE not in os.environ:
        private = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private")
        again = [sys.executable, *sys.argv]
        os.execvpe("unshare", ["unshare", *private, *again], {**os.environ, INSIDE: "1"})
    sys.exit(not show(chosen.home.absolute(), chosen.seeds, chosen.timeout))


def show(home: Path, seeds: int, timeout: str) -> bool:
    """Make the hosts and run twice: one worker is cut off for good, and then for a while.

    Parameters
    ----------
    home
        The folder that all hosts see.
    seeds
        Of the evaluation, with four folds each.
    timeout
        Of TCP at the scheduler; "" for Dask's own.

    Returns
    -------
    Whether all held.
    """
    _ip("link", "set", "lo", "up")
    expected = _prepared(home, seeds)
    _ip("link", "add", "switch", "type", "bridge")
    _ip("link", "set", "switch", "up")
    hosts = {name: Host(name, address) for name, address in HOSTS.items()}
    variables = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": timeout} if timeout else {}
    found = []
    for name, away in (("for good", None), (f"for {BRIEFLY:.0f} s", BRIEFLY)):
        _tell(f"worker2 is cut off {name}:")
        found += _cut(home, hosts, variables, seeds, away, expected)
    return all(found)


def _cut(
    home: Path, hosts: dict[str, Host], variables: dict[str, str], seeds: int, away: float | None, expected: bytes
) -> list[bool]:
    """Run on the hosts while one is away: for some seconds, or until the run has ended."""
    listening = ("--protocol", "tls", "--host", HOSTS["scheduler"], "--port", "8786", "--no-dashboard")
    scheduler = hosts["scheduler"].start(home, "dask", "scheduler", *listening, **variables)
    workers = [_worker(hosts[name], home) for name in ("worker1", "worker2")]
    run = home / "run"
    shutil.rmtree(run, ignore_errors=True)
    client = hosts["client"].start(home, "dstan", *_evaluate(home, run, seeds), "--cluster", ADDRESS)
    _wait("the first folds", lambda: len(_folds(run)) >= FINISHED_BEFORE_CUT or client.poll() is not None)
    before = _folds(run)
    hosts["worker2"].plug("down")
    cut = time.monotonic()
    _wait("the run or the plug", lambda: client.poll() is not None or (away and time.monotonic() - cut > away))
    if away:
        hosts["worker2"].plug("up")
    code = client.wait(timeout=PATIENCE)
    _tell(f"  {len(before)} of {4 * seeds} folds were finished; {time.monotonic() - cut:.0f} s later all were")
    found = {
        "the command ended well": code == 0,
        "the same bytes as in one process": _bytes(run) == expected,
        "finished folds were kept": before.items() <= _folds(run).items(),
    }
    hosts["worker2"].plug("up")
    plugged = time.monotonic()
    _wait("the worker", lambda: workers[1].poll() is not None or time.monotonic() - plugged > WATCHED)
    _tell(
        f"  {WATCHED:.0f} s after the end worker2 {'is there' if workers[1].poll() is None else 'has ended by itself'}"
    )
    for process in (*workers, scheduler):
        process.terminate()
        process.wait(timeout=PATIENCE)
    found["still the same bytes, and nothing besides"] = _bytes(run) == expected and not list(run.rglob(".*"))
    for what, holds in found.items():
        _tell(f"  {'yes' if holds else 'NO '}  {what}")
    return list(found.values())


def _prepared(home: Path, seeds: int) -> bytes:
    """Draw a twin, make keys, and evaluate in one process; return what it predicts."""
    home.mkdir(parents=True, exist_ok=True)
    small = ("--subjects", "4", "--clips", "12", "--size", "160x120")
    if not (home / "twin.whole").exists():
        shutil.rmtree(home / "twin", ignore_errors=True)
        _dstan(home, "synth", "casme2", *small, "--out", "twin")
        (home / "twin.whole").touch()
    if not (home / "keys").exists():
        _dstan(home, "cluster", "keys", "keys")
    _dstan(home, *_evaluate(home, home / "alone", seeds), "--workers", "0")
    return _bytes(home / "alone")


def _evaluate(home: Path, run: Path, seeds: int) -> list[str]:
    corpus = ["--corpus", "casme2", "--root", str(home / "twin"), "--task", "casme2-5", "--cache", str(home / "cache")]
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    more = ["--seeds", str(seeds), "--device", "cpu", "--set", "training.epochs=40", "--out", str(run)]
    return ["evaluate", METHOD, *corpus, *settings, *more]


def _dstan(home: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dstan", *arguments], cwd=home, check=True, stdout=subprocess.DEVNULL)


def _worker(host: Host, home: Path) -> subprocess.Popen[bytes]:
    own = ("--nthreads", "1", "--memory-limit", "0", "--host", HOSTS[host.name], "--no-dashboard")
    return host.start(home, "dask", "worker", ADDRESS, *own, "--local-directory", str(home / "scratch" / host.name))


def _folds(run: Path) -> dict[str, int]:
    """Return when each finished fold was written."""
    return {file.parent.name: file.stat().st_mtime_ns for file in run.glob("*/folds/*/fold.json")}


def _bytes(run: Path) -> bytes:
    return b"".join((run / METHOD / file).read_bytes() for file in ("predictions.csv", "metrics.json"))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _wait(what: str, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: nothing in {PATIENCE:.0f} s")
        time.sleep(0.02)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
