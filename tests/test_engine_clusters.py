"""The engine on clusters that run already, and with tasks and schedulers that do not behave."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dstan._engine import Engine, run_tasks
from dstan._engine.clusters import address_of
from dstan.errors import ConfigError, TaskFailedError


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Dask's commands, and end it with all that it started."""
    command = [sys.executable, "-m", "dask", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=Path(__file__).parent
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def _scheduler(port: int, *more: str) -> Iterator[str]:
    with _process("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", *more):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"tcp://127.0.0.1:{port}"


@contextmanager
def _cluster(*workers: tuple[str, ...]) -> Iterator[str]:
    """Run a scheduler and workers, each with its own options."""
    with ExitStack() as stack:
        address = stack.enter_context(_scheduler(_free_port()))
        for options in workers:
            stack.enter_context(_process("worker", address, "--no-dashboard", "--nthreads", "1", *options))
        yield address


def _hang_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        time.sleep(600)
    return "done"


def _hang_in_native_code(_: str) -> None:
    import ctypes

    ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock


def test_a_task_over_its_limit_is_run_once_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("dstan").propagate = True
    items = [str(tmp_path / "marker"), str(tmp_path)]
    results = dict(run_tasks(_hang_once, items, workers=2, task_limit=3))
    assert results == {0: "done", 1: "done"}
    assert f"{items[0]}: not done after 3 s and stopped; it is run once more" in caplog.text


def test_a_task_that_hangs_in_native_code_is_named_after_two_attempts_and_loses_no_other() -> None:
    (hung,) = dict(run_tasks(_hang_in_native_code, ["the hanging one"], workers=1, task_limit=2)).values()
    assert isinstance(hung, TaskFailedError)
    assert "the hanging one: not done after 2 s, twice; it was stopped" in str(hung)
    assert "--task-limit" in str(hung)


def _starts(work: tuple[str, float]) -> float:
    """Leave a mark at each beginning, and take some seconds."""
    marker, seconds = work
    with Path(marker).open("a") as file:
        file.write("x")
    time.sleep(seconds)
    return seconds


def test_a_task_that_hangs_on_a_worker_without_a_nanny_is_run_by_another(tmp_path: Path) -> None:
    with _cluster(("--no-nanny",), ("--no-nanny",)) as address:
        assert dict(run_tasks(_hang_once, [str(tmp_path / "marker")], cluster=address, task_limit=3)) == {0: "done"}


def test_the_limit_does_not_count_while_a_worker_is_busy_with_another_command(tmp_path: Path) -> None:
    with _cluster(()) as address:
        other = threading.Thread(target=lambda: list(run_tasks(_starts, [(str(tmp_path / "a"), 8)], cluster=address)))
        other.start()
        while not (tmp_path / "a").exists():
            time.sleep(0.1)
        assert dict(run_tasks(_starts, [(str(tmp_path / "b"), 0)], cluster=address, task_limit=3)) == {0: 0}
        other.join()
    assert [(tmp_path / name).read_text() for name in "ab"] == ["x", "x"]


def _most_at_once(marker: str) -> int:
    """Return how many others of this process were under way meanwhile."""
    with _COUNT:
        _UNDER_WAY.append(marker)
    time.sleep(0.2)
    with _COUNT:
        others = len(_UNDER_WAY) - 1
        _UNDER_WAY.remove(marker)
    return others


_COUNT = threading.Lock()
_UNDER_WAY: list[str] = []


def _process_of(_: str) -> int:
    time.sleep(0.1)
    return os.getpid()


def test_threads_of_one_worker_take_turns_and_processes_do_not() -> None:
    with _cluster(("--nthreads", "4"), ()) as address, Engine(cluster=address, most=8) as engine:
        results = dict(engine.run(_most_at_once, [str(n) for n in range(8)]))
        assert set(results.values()) == {0}
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:  # the second worker may still be on its way
            if len(set(dict(engine.run(_process_of, [str(n) for n in range(8)])).values())) == 2:
                return
        pytest.fail("the second worker was given nothing")


def _has_resource(_: str) -> float:
    from distributed import get_worker

    return float(get_worker().state.total_resources.get("gpu_memory", 0))


def test_a_task_is_given_to_workers_with_enough_memory_on_their_gpu_alone() -> None:
    with (
        _cluster((), ("--resources", "gpu_memory=4e9"), ("--resources", "gpu_memory=8e9")) as address,
        Engine(cluster=address, most=6, resources={"gpu_memory": 6e9}) as engine,
    ):
        results = dict(engine.run(_has_resource, [str(n) for n in range(6)]))
    assert set(results.values()) == {8e9}
    assert len(results) == 6


@pytest.mark.parametrize("limit", [None, 60.0])
def test_a_scheduler_that_is_gone_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, limit: float | None
) -> None:
    monkeypatch.setattr("dstan._engine.clusters.ANSWERS_WITHIN", 3.0)
    port = _free_port()
    with ExitStack() as stack:
        scheduler = stack.enter_context(ExitStack())
        address = scheduler.enter_context(_scheduler(port))
        stack.enter_context(_process("worker", address, "--no-dashboard", "--nthreads", "1"))
        finished = run_tasks(_process_of, [str(n) for n in range(600)], cluster=address, task_limit=limit)
        next(finished)
        scheduler.close()
        with pytest.raises(TaskFailedError, match=rf"{address}: the scheduler is gone.*the same command goes on"):
            list(finished)


def test_waiting_for_workers_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("dstan").propagate = True
    monkeypatch.setattr("dstan._engine.rounds._JOIN_WITHIN", 0.5)
    enough = ("--nthreads", "1", "--resources", "gpu_memory=9e9")
    with (
        _cluster(("--resources", "gpu_memory=4e9")) as address,
        ExitStack() as stack,
        Engine(cluster=address, most=1, resources={"gpu_memory": 6e9}) as engine,
    ):
        results = engine.run(_has_resource, ["0"])
        threading.Timer(6, lambda: stack.enter_context(_process("worker", address, *enough))).start()
        assert list(results) == [(0, 9e9)]
    assert f"{address}: no worker with gpu_memory=6000000000 or more is there" in caplog.text
    assert "waiting for one to join" in caplog.text


def test_a_scheduler_that_comes_back_is_gone_on_with() -> None:
    port = _free_port()
    with ExitStack() as stack:
        scheduler = stack.enter_context(ExitStack())
        address = scheduler.enter_context(_scheduler(port))
        stack.enter_context(_process("worker", address, "--no-dashboard", "--nthreads", "1"))
        finished = run_tasks(_process_of, [str(n) for n in range(30)], cluster=address)
        seen = {next(finished)[0]}
        scheduler.close()
        stack.enter_context(_scheduler(port))
        stack.enter_context(_process("worker", address, "--no-dashboard", "--nthreads", "1"))
        seen |= {index for index, _ in finished}
    assert seen == set(range(30))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tcp://localhost:1", "tls://far:8786"])
def test_addresses_on_loopback_or_encrypted_are_taken_as_they_are(address: str) -> None:
    assert address_of(address) == address


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tcp://far:8786", "ws://far:1", "ucx://far:1"])
def test_unencrypted_addresses_of_other_hosts_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"would not be encrypted.*dstan cluster keys"):
        address_of(address)


def test_a_schedulers_file_names_its_address_and_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    with pytest.raises(ConfigError, match="there is no such file"):
        address_of(str(file))
    file.write_text("[]")
    with pytest.raises(ConfigError, match="not a scheduler's file"):
        address_of(str(file))
    file.write_text(json.dumps({"address": "tls://10.0.0.1:8786"}))
    assert address_of(str(file)) == "tls://10.0.0.1:8786"
    file.write_text(json.dumps({"address": "tcp://10.0.0.1:8786"}))
    with pytest.raises(ConfigError, match="would not be encrypted"):
        address_of(str(file))
