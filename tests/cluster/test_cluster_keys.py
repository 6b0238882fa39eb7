"""Keys: who may read them, when they are refused, and real processes that need them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dstan.cluster import Keys, make_keys, read_keys
from dstan.errors import ConfigError

SEND = """
import os, sys
from dstan._engine import clusters, run_tasks
clusters.ANSWERS_WITHIN = float(sys.argv[2])
asked = ("OMP_NUM_THREADS", "MALLOC_ARENA_MAX")
for index, value in sorted(run_tasks(os.getenv, asked, cluster=sys.argv[1])):
    print(asked[index], value)
"""


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys = make_keys(tmp_path / "new" / "keys")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in keys.folder.iterdir()}
    assert keys.folder.stat().st_mode & 0o777 == 0o700
    assert modes == {"certificate.pem": 0o600, "key.pem": 0o600, "dask.yaml": 0o600}
    assert timedelta(days=360) < keys.until - datetime.now(UTC) < timedelta(days=366)
    assert [path.name for path in keys.folder.parent.iterdir()] == ["keys"]


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    first = (make_keys(tmp_path / "keys").folder / "key.pem").read_bytes()
    with pytest.raises(ConfigError, match="there is something already"):
        make_keys(tmp_path / "keys")
    assert (tmp_path / "keys" / "key.pem").read_bytes() == first
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="there is something already"):
        make_keys(tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "keys"]


def test_an_empty_folder_becomes_one_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    assert make_keys(tmp_path / "keys").folder.stat().st_mode & 0o777 == 0o700


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    (keys.folder / "key.pem").chmod(0o640)
    with pytest.raises(ConfigError, match="others than you can read the key") as caught:
        read_keys(keys.folder)
    assert "chmod 700" in str(caught.value)


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    keys.folder.chmod(0o770)
    with pytest.raises(ConfigError, match="others than you can put files there"):
        read_keys(keys.folder)


def test_a_folder_without_keys_is_told_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"these are no keys: .*dstan cluster keys FOLDER"):
        read_keys(tmp_path)


def test_a_certificate_that_has_ended_is_refused(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys")
    (keys.folder / "certificate.pem").write_bytes(_certificate_of_last_year())
    with pytest.raises(ConfigError, match="has ended on"):
        read_keys(keys.folder)


def _certificate_of_last_year() -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    ended = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(ended - timedelta(days=365)).not_valid_after(ended)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@contextmanager
def _process(keys: Keys, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DASK_CONFIG": str(keys.folder)}
    command = [sys.executable, "-m", "dask", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Keys, Path]]:
    """A scheduler and two workers, begun as docs/scaling.md says."""
    keys = make_keys(tmp_path_factory.mktemp("cluster") / "keys")
    file = keys.folder / "scheduler.json"
    with ExitStack() as stack:
        here = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
        stack.enter_context(_process(keys, "scheduler", *here, "--port", "0", "--scheduler-file", str(file)))
        until = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert time.monotonic() < until, "the scheduler did not start"
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        for _ in range(2):
            stack.enter_context(_process(keys, "worker", address, "--nthreads", "1", *here))
        yield keys, file


def _send(target: Path | str, folder: Path | None, seconds: float = 20.0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DASK_", "OMP_"))}
    if folder:
        environment["DASK_CONFIG"] = str(folder)
    command = [sys.executable, "-c", SEND, str(target), str(seconds)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_work_is_done_by_workers_with_the_environment_of_tasks(running: tuple[Keys, Path]) -> None:
    keys, file = running
    address = json.loads(file.read_text())["address"]
    assert address.startswith("tls://")
    for target, configured in ((file, None), (file, keys.folder), (address, keys.folder)):
        done = _send(target, configured)
        assert done.stdout.splitlines() == ["OMP_NUM_THREADS 1", "MALLOC_ARENA_MAX 1"], done.stderr


def test_both_workers_have_joined_with_one_thread_each(running: tuple[Keys, Path]) -> None:
    keys, file = running
    code = (
        "import sys; from distributed import Client\n"
        "with Client(scheduler_file=sys.argv[1]) as client:\n"
        "    client.wait_for_workers(2, timeout=60); print(sorted(client.nthreads().values()))"
    )
    environment = {**os.environ, "DASK_CONFIG": str(keys.folder)}
    done = subprocess.run([sys.executable, "-c", code, str(file)], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[1, 1]", done.stderr


def test_who_has_no_keys_or_others_is_not_let_in(running: tuple[Keys, Path], tmp_path: Path) -> None:
    _, file = running
    address = json.loads(file.read_text())["address"]
    attempts = {
        "no keys": _send(address, None, 3),
        "others": _send(address, make_keys(tmp_path / "others").folder, 3),
        "no TLS": _send(address.replace("tls://", "tcp://"), None, 3),
    }
    for how, done in attempts.items():
        assert done.returncode == 1, how
        assert done.stdout == "", how
        told = "messages by TLS need keys" if how == "no keys" else "no Dask scheduler answers"
        assert told in done.stderr, how
