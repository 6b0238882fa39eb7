import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from dstan._engine import Engine, keep_memory, run_tasks, single_thread, usable_cores
from dstan._engine.dashboard import Dashboard
from dstan.errors import ConfigError, DstanError, FaceError, TaskFailedError


def _task(item: str) -> str:
    if item == "known":
        raise FaceError("no face was found", where="sub01/EP02_01f")
    if item == "unknown":
        raise ZeroDivisionError("by nothing")
    if item.startswith("die once "):
        marker = Path(item.removeprefix("die once "))
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return f"{item} done"


def _threads(_: int) -> tuple[int, int, str]:
    import torch

    return torch.get_num_threads(), os.getpid(), os.environ.get("MALLOC_ARENA_MAX", "")


def _check(results: dict[int, str | DstanError]) -> None:
    assert results[0] == "a done"
    assert isinstance(results[1], FaceError)
    assert results[1].where == "sub01/EP02_01f"
    assert isinstance(results[2], TaskFailedError)
    assert results[2].where == "unknown"
    assert "ZeroDivisionError: by nothing" in str(results[2])
    assert "in _task" in str(results[2])
    assert results[3] == "b done"


def test_errors_come_in_place_of_results_in_this_process() -> None:
    results = list(run_tasks(_task, ["a", "known", "unknown", "b"], workers=0))
    assert [index for index, _ in results] == [0, 1, 2, 3]
    _check(dict(results))


def test_errors_and_a_killed_worker_on_local_processes(tmp_path: Path) -> None:
    items = ["a", "known", "unknown", "b", f"die once {tmp_path / 'marker'}"]
    results = dict(run_tasks(_task, items, workers=2))
    _check(results)
    assert results[4] == f"{items[4]} done"
    assert len(results) == 5


def test_a_task_that_kills_every_worker_is_told_of_with_what_helps() -> None:
    results = dict(run_tasks(_die, ["heavy"], workers=1))
    assert isinstance(results[0], TaskFailedError)
    assert "heavy: its worker was killed 4 times, most likely for the memory" in str(results[0])
    assert "--workers 1" in str(results[0])


def _die(item: str) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_every_task_runs_with_one_thread_in_another_process() -> None:
    (_, (threads, process, arenas)) = next(iter(run_tasks(_threads, [0], workers=1)))  # type: ignore[misc]
    assert (threads, arenas) == (1, "1")
    assert process != os.getpid()


def _sick_to_unpickle() -> None:
    raise ModuleNotFoundError("No module named 'elsewhere'")


class _Unreadable:
    def __reduce__(self) -> tuple[object, ...]:
        return _sick_to_unpickle, ()

    def __str__(self) -> str:
        return "the unreadable"


def test_rounds_share_the_processes_and_an_item_that_cannot_be_sent_is_named() -> None:
    with Engine(workers=1, most=5) as engine:
        (_, first), (_, second) = next(engine.run(_threads, [0])), next(engine.run(_threads, [0]))
        assert first == second
        ((_, failed),) = engine.run(str, [_Unreadable()])
    assert isinstance(failed, TaskFailedError)
    assert "the unreadable: ModuleNotFoundError: No module named 'elsewhere'" in str(failed)
    assert "where the workers look for modules" in str(failed)


def test_no_work_starts_nothing() -> None:
    assert list(run_tasks(_task, [])) == []
    assert usable_cores() >= 1


def test_wrong_number_of_workers_and_dead_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dstan._engine.clusters.ANSWERS_WITHIN", 1.0)
    with pytest.raises(ConfigError, match="workers must be 0 or more"):
        list(run_tasks(_task, ["a"], workers=-1))
    with pytest.raises(ConfigError, match=r"more than 0 seconds"):
        list(run_tasks(_task, ["a"], task_limit=0))
    with pytest.raises(ConfigError, match=r"tcp://127.0.0.1:1: no Dask scheduler answers"):
        list(run_tasks(_task, ["a"], cluster="tcp://127.0.0.1:1"))
    for address in ("http://127.0.0.1:8787", "tls://127.0.0.1", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:port"):
        with pytest.raises(ConfigError, match=f"{address}: this is not the address of a Dask scheduler"):
            list(run_tasks(_task, ["a"], cluster=address))


def test_keys_that_are_missing_or_broken_are_told_of_before_anybody_is_asked(tmp_path: Path) -> None:
    import dask

    with pytest.raises(ConfigError, match=r"need keys, and there are none.*DASK_CONFIG"):
        list(run_tasks(_task, ["a"], cluster="tls://127.0.0.1:1"))
    broken = tmp_path / "certificate.pem"
    broken.write_text("no certificate")
    for file in (broken, tmp_path / "nowhere.pem"):
        names = ("distributed.comm.tls.ca-file", "distributed.comm.tls.client.cert")
        with (
            dask.config.set(dict.fromkeys(names, str(file))),
            pytest.raises(ConfigError, match=f"its keys cannot be read from {file}"),
        ):
            list(run_tasks(_task, ["a"], cluster="tls://127.0.0.1:1"))


def test_a_worker_with_another_version_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dstan._engine.rounds.this_code", lambda: "9.9")
    ((_, told),) = run_tasks(_threads, [0], workers=1)
    assert isinstance(told, ConfigError)
    assert "this command 9.9" in str(told)
    assert "Install one version on all hosts" in str(told)


def test_a_command_has_one_dashboard_and_tells_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here = Dashboard()
    here.port = 20000 + os.getpid() % 10000  # the system gives none of these to connections of other processes
    monkeypatch.setattr("dstan._engine.clusters.DASHBOARD", here)
    caplog.set_level(logging.INFO, logger="dstan._engine")
    logging.getLogger("dstan").propagate = True
    for _ in range(2):
        with Engine(workers=1, most=1) as engine:
            assert len(list(engine.run(_threads, [0]))) == 1
    records = {id(record): record for record in caplog.records}.values()  # where two loggers are listened to
    told = [record.getMessage() for record in records if record.name == "dstan._engine"]
    assert told == [f"dashboard: http://127.0.0.1:{here.port}/status"]
    with socket.create_server(("127.0.0.1", here.port)), warnings.catch_warnings(), Engine(workers=1, most=1) as engine:
        warnings.simplefilter("error", UserWarning)
        assert len(list(engine.run(_threads, [0]))) == 1


def test_processes_of_this_machine_talk_to_nobody_without_their_keys() -> None:
    from distributed import Client

    with Engine(workers=1, most=1) as engine:
        assert len(list(engine.run(_threads, [0]))) == 1
        address = engine._client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        with pytest.raises(OSError, match=r"Timed out|reset"):
            Client(address.replace("tls:", "tcp:"), timeout=1, set_as_default=False)


def test_a_running_cluster_gives_the_same() -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        _check(dict(run_tasks(_task, ["a", "known", "unknown", "b"], cluster=address)))

        async def in_a_notebook() -> dict[int, str | DstanError]:
            return dict(run_tasks(_task, ["a"], cluster=address))

        assert asyncio.run(in_a_notebook()) == {0: "a done"}


def test_single_thread_limits_and_restores() -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with single_thread():
            assert torch.get_num_threads() == 1
            assert os.environ["OMP_NUM_THREADS"] == "1"
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_single_thread_lasts_until_the_last_of_several_holders_leaves() -> None:
    import torch

    before, variable = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(2)
    try:
        first, second = single_thread(), single_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]) == (1, "1")
        second.__exit__(None, None, None)
        assert (torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")) == (2, variable)
    finally:
        torch.set_num_threads(before)


def test_libraries_imported_inside_have_one_thread() -> None:
    code = (
        "from dstan._engine import single_thread\n"
        "with single_thread():\n"
        "    import cv2, torch\n"
        "    print(cv2.getNumThreads(), torch.get_num_threads())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc")
def test_allocator_understands() -> None:
    assert keep_memory()


def test_a_plain_script_needs_no_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from dstan._engine import run_tasks\n"
        "def double(x):\n"
        "    return 2 * x\n"
        "print(sorted(result for _, result in run_tasks(double, [1, 2, 3], workers=1)))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "[2, 4, 6]\n"
    assert done.stderr == ""


def test_rounds_in_several_threads_leave_the_callers_own_processes_as_they_were() -> None:
    from multiprocessing import spawn

    before = spawn.get_preparation_data
    engines = [Engine(workers=1, most=1) for _ in range(2)]
    for engine in engines:
        assert list(engine.run(_task, ["a"])) == [(0, "a done")]
    for engine in engines:  # the one that began first ends first, as threads may
        engine.__exit__(None, None, None)
    assert spawn.get_preparation_data is before


@pytest.mark.parametrize("presses", [1, 3])
def test_interrupts_end_everything(tmp_path: Path, presses: int) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, time\n"
        "from dstan._engine import run_tasks\n"
        "def sleep(seconds):\n"
        "    time.sleep(seconds)\n"
        "    return os.getpid()\n"
        "for _, pid in run_tasks(sleep, [0.0, 60.0], workers=1):\n"
        "    print(pid, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    for _ in range(presses):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.2)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert errors.strip().endswith("KeyboardInterrupt")
    assert "Exception ignored" not in errors
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def test_an_interruption_at_the_terminal_is_heard_by_one_process_alone() -> None:
    code = (
        "import time\n"
        "from dstan._engine import run_tasks\n"
        "tasks = run_tasks(time.sleep, [0.01, 60, 60], workers=2)\n"
        "try:\n    print(next(tasks), flush=True); next(tasks)\n"
        "except KeyboardInterrupt:\n    tasks.close(); print('stopped')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "(0, None)\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    out, errors = process.communicate(timeout=60)
    assert (out, process.returncode) == ("stopped\n", 0)
    assert "Traceback" not in errors
