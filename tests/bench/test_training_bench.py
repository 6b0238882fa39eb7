"""What `dstan bench training` does around its measurements: processes begin together, and one that dies is told of."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dstan.bench import training
from dstan.errors import TaskFailedError

MARK = "from pathlib import Path; mark = Path({mark!r}); "
READY = "print('ready', flush=True); sys.stdin.read(); "


@dataclass(frozen=True)
class Work:
    """A process that runs a line of Python in place of a measurement."""

    line: str

    def start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", f"import os, sys, time; {self.line}"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_no_process_is_measured_before_all_are_warm(tmp_path: Path) -> None:
    mark = MARK.format(mark=str(tmp_path / "warm"))
    slow = Work(f"{mark}time.sleep(0.5); mark.touch(); {READY}print(1)")
    quick = Work(f"{mark}{READY}print(10 * mark.exists())")
    assert training._together([quick, slow]) == 11


def test_a_process_killed_for_memory_is_told_of_and_the_others_end(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    waits = Work(f"{MARK.format(mark=str(mark))}mark.write_text(str(os.getpid())); {READY}time.sleep(60)")
    killed = Work(f"{READY}os.kill(os.getpid(), {int(signal.SIGKILL)})")
    with pytest.raises(TaskFailedError, match=r"killed one of 2 processes.*memory.*up to 7 GB.*taskset -c 0"):
        training._together([killed, waits])
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_process_that_fails_is_an_error_with_its_code() -> None:
    with pytest.raises(TaskFailedError, match=r"a process ended with code 3\. The lines above say why"):
        training._together([Work("sys.exit(3)")])


@pytest.mark.parametrize("loop", ["plain", "dstan"])
def test_a_loop_is_timed_after_it_is_warm(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(training, "_ready", lambda: told.append("ready"))
    monkeypatch.setattr(training, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(training, "BATCH", 4)
    assert training._measure(loop, 32, "float32", "cpu") > 0
    assert told == ["ready"]


def test_a_process_of_its_own_says_nothing_but_its_figure(capfd: pytest.CaptureFixture[str]) -> None:
    assert training._together([training._Work("ceiling", 0, "float32", "cpu")]) > 0
    assert capfd.readouterr() == ("", "")
