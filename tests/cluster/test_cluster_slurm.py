"""A real SLURM of one node, begun here for these tests alone, without root's configuration, systemd or cgroups."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dstan.cluster import SlurmSettings, slurm_cluster
from dstan.errors import ConfigError, TaskFailedError

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
DAEMONS = {name: shutil.which(name, path=PATH) for name in ("munged", "slurmctld", "slurmd", "sbatch")}
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.skipif(None in DAEMONS.values(), reason="there is no SLURM: apt-get install slurm-wlm munge"),
]
SMALL = {"memory": 0.5, "dashboard": "", "interface": "lo"}
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/node.pid
NodeName=here NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _daemon(log: Path, *command: str) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _munge(folder: Path) -> tuple[str, ...]:
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    files = [
        f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("key-file", "pid-file", "log-file", "seed-file")
    ]
    return (str(DAEMONS["munged"]), "--foreground", "--force", f"--socket={folder}/munge.socket", *files)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A munged, a slurmctld and a slurmd of our own; the folder that they live in."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    controller, node = _free_ports(2)
    values = {"host": socket.gethostname(), "controller": controller, "node": node, "user": getpass.getuser()}
    (folder / "slurm.conf").write_text(CONF.format(folder=folder, **values))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        stack.enter_context(_daemon(folder / "munged.log", *_munge(folder)))
        _until((folder / "munge.socket").exists, "munged did not start", folder / "munged.log")
        stack.enter_context(_daemon(folder / "slurmctld.log", str(DAEMONS["slurmctld"]), "-D", "-c"))
        stack.enter_context(_daemon(folder / "slurmd.log", str(DAEMONS["slurmd"]), "-D", "-N", "here"))
        _until(lambda: "idle" in _ask("sinfo", "--noheader"), "SLURM did not start", folder / "slurmctld.log")
        yield folder


def _until(come: Callable[[], object], otherwise: str, log: Path | None = None, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not come():
        if time.monotonic() > until:
            pytest.fail(otherwise + (f"\n{log.read_text()[-2000:]}" if log else ""))
        time.sleep(0.2)


def _ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout


def _jobs(state: str = "R,PD,CG") -> list[str]:
    return _ask("squeue", "--noheader", "--format=%A", f"--states={state}").split()


def _dstan(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dstan", *arguments]
    environment = {**os.environ, **environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _done(*arguments: str, **environment: str) -> None:
    process = _dstan(*arguments, **environment)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors


def _stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=60)


def test_an_evaluation_on_slurm_is_the_same_to_the_byte_and_ctrl_c_cancels_the_jobs(
    slurm: Path, tmp_path: Path
) -> None:
    folder, twin = tmp_path / "shared folder", tmp_path / "twin"
    file = folder / "scheduler.json"
    _done("synth", "casme2", "--subjects", "3", "--clips", "6", "--size", "160x120", "--out", str(twin))
    settings = [f"--set={name}={value}" for name, value in {**SMALL, "jobs": 2}.items()]
    process = _dstan("cluster", "slurm", *settings, "--out", str(folder))
    try:
        _until(lambda: file.exists() or process.poll() is not None, "no scheduler file was written")
        assert process.poll() is None, process.communicate()[1]
        assert file.stat().st_mode & 0o777 == 0o600
        evaluate = [
            "evaluate",
            "lbp-top",
            "majority",
            "--corpus=casme2",
            f"--root={twin}",
            "--set=recipe.size=[64, 64]",
        ]
        shared = ["--cluster", str(file), "--cache", str(tmp_path / "cache")]
        _done(*evaluate, *shared, "--out", str(tmp_path / "there"))
        assert len(_jobs("R")) == 2
    finally:
        shown, errors = _stop(process)
    assert process.returncode == 0, errors
    assert "Scheduler: tls://127.0.0.1:" in shown
    assert "2 of 2 worker processes have joined" in errors
    assert "Traceback" not in errors
    assert not file.exists()
    _until(lambda: not _jobs(), "the jobs were not cancelled")
    _done(*evaluate, "--workers=0", "--cache", str(tmp_path / "here cache"), "--out", str(tmp_path / "here"))
    for method in ("lbp-top", "majority"):
        written = [(tmp_path / where / method / "predictions.csv").read_bytes() for where in ("there", "here")]
        assert written[0] == written[1]


def test_a_job_that_ends_is_replaced(slurm: Path, tmp_path: Path) -> None:
    settings = SlurmSettings.from_dict({**SMALL, "processes": 2, "dashboard": "127.0.0.1:0"})
    with slurm_cluster(settings, tmp_path / "folder") as cluster:
        assert urllib.request.urlopen(str(cluster.dashboard), timeout=60).status == 200
        _until(lambda: cluster.workers() == 2, "the workers did not join")
        assert cluster.replace_ended() == []
        (first,) = _jobs()
        subprocess.run(["scancel", first], check=True)
        _until(lambda: not _jobs(), "the job did not end")
        assert cluster.replace_ended() == [first]
        _until(lambda: cluster.workers() == 2, "no others joined")
        assert len(_jobs()) == 1
        assert _jobs() != [first]
    _until(lambda: not _jobs(), "the jobs were not cancelled")


@pytest.mark.parametrize("command", ["squeue", "sbatch"])
def test_slurm_that_is_away_for_a_while_ends_nothing(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    away = tmp_path / "bin"
    away.mkdir()
    (away / command).write_text("#!/bin/sh\necho 'error: Unable to contact slurm controller' >&2\nexit 1\n")
    (away / command).chmod(0o755)
    with slurm_cluster(SlurmSettings.from_dict(SMALL), tmp_path / "folder") as cluster:
        (first,) = _jobs()
        subprocess.run(["scancel", first], check=True)
        _until(lambda: not _jobs(), "the job did not end")
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{away}:{os.environ['PATH']}")
            for _ in range(4):
                assert cluster.replace_ended() == []
        assert "Unable to contact slurm controller" in caplog.text
        cluster.replace_ended()
        assert len(_jobs()) == 1
        _until(lambda: cluster.workers() == 1, "no other joined")
    _until(lambda: not _jobs(), "the jobs were not cancelled")


def test_jobs_that_never_begin_well_are_given_up_with_their_last_words(slurm: Path, tmp_path: Path) -> None:
    settings = SlurmSettings.from_dict({**SMALL, "setup": ["module load python", "exit 3"]})
    with slurm_cluster(settings, tmp_path / "folder") as cluster:
        for _ in range(2):
            _until(lambda: not _jobs(), "the job did not end")
            assert len(cluster.replace_ended()) == 1
        _until(lambda: not _jobs(), "the job did not end")
        with pytest.raises(TaskFailedError, match=r"3 jobs in a row .* module: command not found"):
            cluster.replace_ended()


def test_what_slurm_refuses_is_told(slurm: Path, tmp_path: Path) -> None:
    settings = SlurmSettings.from_dict({**SMALL, "queue": "nowhere"})
    refused = pytest.raises(ConfigError, match=r"SLURM refuses the job: .*Invalid partition name")
    with refused, slurm_cluster(settings, tmp_path / "folder"):
        pass
    assert not (tmp_path / "folder" / "scheduler.json").exists()


def test_two_clusters_do_not_share_a_folder_but_one_follows_a_killed_one(slurm: Path, tmp_path: Path) -> None:
    settings, folder = SlurmSettings.from_dict(SMALL), tmp_path / "folder"
    with slurm_cluster(settings, folder) as cluster:
        left_behind = cluster.file.read_text()
        refused = pytest.raises(ConfigError, match="a cluster is running from this folder")
        with refused, slurm_cluster(settings, folder):
            pass
    (folder / "scheduler.json").write_text(left_behind)
    with slurm_cluster(settings, folder) as cluster:
        assert cluster.file.read_text() != left_behind


def test_the_jobs_of_a_killed_command_end_by_themselves(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    process = _dstan("cluster", "slurm", *settings, "--out", str(tmp_path / "folder"))
    assert process.stderr is not None
    for line in process.stderr:
        if "1 of 1" in line:
            break
    process.kill()
    process.communicate(timeout=30)
    _until(lambda: not _jobs(), "its job goes on", seconds=90)
