"""The same answer wherever it is computed: in this process, on local processes, on a cluster, and after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="kill -9"),
]

CORPUS = ("--corpus", "casme2", "--root", "twin", "--task", "casme2-5", "--device", "cpu")
SMALL = ("--set", "recipe.size=32", "--set", "recipe.steps=4", "--set", "training.epochs=1")
NETWORK = ("--set", "network.channels=[4,4,4,4,4]", "--set", "network.reduction=2")
PARTS = ("stan-a", "stmn-a")
METHODS = ("dstan", "bi-woof")
EVALUATE = ("evaluate", *METHODS, *CORPUS, *SMALL, *NETWORK, "--cache", "cache")
PREPARE = ("prepare", *CORPUS[1:6], "--for", "stmn-a", *SMALL[:4])
TUNE = ("tune", "bi-woof", *CORPUS, *SMALL[:4], "--set", "svm.C=[1]", "--cache", "cache")
TRIED = ("--parts", "2", "--try", "descriptor.global_weight=true,false")
WAIT = 120.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny twin, its cache, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("everywhere")
    _dstan(folder, "synth", "casme2", "--subjects", "4", "--clips", "12", "--size", "160x120", "--out", "twin")
    _dstan(folder, *PREPARE, "--workers", "0", "--cache", "cache")
    _dstan(folder, *EVALUATE, "--workers", "0", "--out", "one")
    return folder


@pytest.mark.parametrize("workers", ["1", "2"])
def test_local_processes_predict_what_one_process_does(home: Path, workers: str) -> None:
    _dstan(home, *EVALUATE, "--workers", workers, "--out", f"local{workers}")
    _same_runs(home / "one", home / f"local{workers}")


@pytest.mark.parametrize("threads", ["1", "4"], ids=["two workers", "one worker of four threads"])
def test_a_cluster_prepares_and_predicts_what_one_process_does(home: Path, threads: str) -> None:
    name = f"cluster{threads}"
    with _cluster(home, workers=2 if threads == "1" else 1, threads=threads) as address:
        _dstan(home, *PREPARE, "--cluster", address, "--cache", f"{name}-cache")
        _dstan(home, *EVALUATE, "--cluster", address, "--out", name)
    assert _files(home / f"{name}-cache") == _files(home / "cache", only=_files(home / f"{name}-cache"))
    _same_runs(home / "one", home / name)


def test_killed_in_the_middle_and_begun_again_it_predicts_the_same(home: Path) -> None:
    run = home / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "dstan", *EVALUATE, "--workers", "2", "--out", str(run)], cwd=home, env=_ENVIRONMENT
    )
    deadline = time.monotonic() + WAIT
    while len(_finished(run)) < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = _finished(run)
    assert len(kept) < len(_finished(home / "one"))
    _dstan(home, *EVALUATE, "--workers", "1", "--out", "killed")
    assert kept.items() <= _finished(run).items()  # what was finished was not touched again
    _same_runs(home / "one", run)


def test_prepared_clips_are_the_same_files(home: Path) -> None:
    _dstan(home, *PREPARE, "--workers", "2", "--cache", "cache2")
    made = _files(home / "cache2")
    assert len(made) == 24  # aligned frames and what was made of them, of 12 clips
    assert made == _files(home / "cache", only=made)


def test_tuning_chooses_and_predicts_the_same(home: Path) -> None:
    _dstan(home, *TUNE, *TRIED, "--workers", "0", "--out", "tuned0")
    _dstan(home, *TUNE, *TRIED, "--workers", "2", "--out", "tuned2")
    for file in ("predictions.csv", "metrics.json", "search.json"):
        assert (home / "tuned0" / "bi-woof" / file).read_bytes() == (home / "tuned2" / "bi-woof" / file).read_bytes()


_ENVIRONMENT = {**os.environ, "COLUMNS": "160"}


def _dstan(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dstan", *arguments],
        cwd=folder,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=2 * WAIT,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def _cluster(folder: Path, *, workers: int, threads: str) -> Iterator[str]:
    """Start a scheduler and workers on loopback, as people do; give the scheduler's address."""
    where = folder / f"scheduler{threads}.json"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(where)]
    worker = ["worker", "--scheduler-file", str(where), "--nthreads", threads, "--host", "127.0.0.1", "--no-dashboard"]
    worker += ["--memory-limit", "0", "--local-directory", str(folder / "scratch")]
    processes: list[subprocess.Popen[bytes]] = []
    with (folder / f"cluster{threads}.log").open("wb") as log:
        try:
            for arguments in (scheduler, *[worker] * workers):
                processes.append(_started(folder, arguments, log.fileno()))
            deadline = time.monotonic() + WAIT
            while not where.exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield str(json.loads(where.read_text())["address"])
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait(timeout=WAIT)
    shutil.rmtree(folder / "scratch", ignore_errors=True)


def _started(folder: Path, arguments: list[str], log: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], cwd=folder, stdout=log, stderr=log, env=_ENVIRONMENT
    )


def _same_runs(expected: Path, run: Path) -> None:
    for method in (*METHODS, *PARTS):
        for file in ("predictions.csv", "metrics.json"):
            assert (run / method / file).read_bytes() == (expected / method / file).read_bytes(), (method, file)


def _finished(run: Path) -> dict[str, int]:
    """Return when each finished fold was written."""
    return {str(file.relative_to(run)): file.stat().st_mtime_ns for file in run.glob("*/folds/*/fold.json")}


def _files(folder: Path, only: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """Return the contents of all files below a folder, or of those of some names."""
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return found if only is None else {name: content for name, content in found.items() if name in only}
