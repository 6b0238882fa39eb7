"""What dstan needs of the YAML for Kubernetes; its arguments are run as processes, for there is no Kubernetes here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from dstan.cluster import make_keys

FOLDER = Path(__file__).parents[2] / "configs" / "kubernetes"
SERVICE = "tls://dstan-scheduler:8786"


def _read() -> dict[str, Any]:
    found = [one for file in sorted(FOLDER.glob("*.yaml")) for one in yaml.safe_load_all(file.read_text())]
    return {one["kind"]: one for one in found}


def _pods() -> dict[str, Any]:
    kinds = _read()
    return {
        "scheduler": kinds["DaskCluster"]["spec"]["scheduler"]["spec"],
        "worker": kinds["DaskCluster"]["spec"]["worker"]["spec"],
        "gpu": kinds["DaskWorkerGroup"]["spec"]["worker"]["spec"],
        "job": kinds["Job"]["spec"]["template"]["spec"],
    }


@pytest.mark.parametrize("name", ["scheduler", "worker", "gpu", "job"])
def test_every_pod_has_the_keys_where_dask_looks_for_them(name: str) -> None:
    pod = _pods()[name]
    (container,) = pod["containers"]
    (mounted,) = [one["mountPath"] for one in container["volumeMounts"] if one["name"] == "keys"]
    assert {"name": "DASK_CONFIG", "value": mounted} in container["env"]
    (secret,) = [one["secret"] for one in pod["volumes"] if one["name"] == "keys"]
    assert secret["defaultMode"] & 0o007 == 0
    assert pod["securityContext"]["runAsUser"] > 0


@pytest.mark.parametrize("name", ["worker", "gpu", "job"])
def test_who_computes_sees_the_same_data_and_asks_the_scheduler_by_tls(name: str) -> None:
    pod, claim = _pods()[name], _read()["PersistentVolumeClaim"]
    (container,) = pod["containers"]
    assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}} in pod["volumes"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert any(argument.endswith(SERVICE) for argument in container["args"])


@pytest.mark.parametrize("name", ["worker", "gpu"])
def test_workers_have_one_thread_each_and_a_core(name: str) -> None:
    (container,) = _pods()[name]["containers"]
    assert "--nthreads=1" in container["args"]
    assert f"--nworkers={container['resources']['requests']['cpu']}" in container["args"]


def test_the_processes_of_a_gpu_share_it() -> None:
    (container,) = _pods()["gpu"]["containers"]
    options = dict(argument.lstrip("-").partition("=")[::2] for argument in container["args"])
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert int(options["resources"].removeprefix("gpu_memory=")) * int(options["nworkers"]) == 40 * 2**30


def test_the_service_is_the_one_that_workers_ask() -> None:
    cluster = _read()["DaskCluster"]
    assert f"tls://{cluster['metadata']['name']}-scheduler:8786" == SERVICE  # how the operator names it
    assert _read()["DaskWorkerGroup"]["spec"]["cluster"] == cluster["metadata"]["name"]
    ports = {one["name"]: one["port"] for one in cluster["spec"]["scheduler"]["service"]["ports"]}
    assert ports == {"tcp-comm": 8786, "http-dashboard": 8787}


@contextmanager
def _begun(arguments: list[str], keys: Path, log: Path) -> Iterator[None]:
    environment = {**os.environ, "DASK_CONFIG": str(keys)}
    command = [sys.executable, "-m", *arguments]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_the_arguments_of_scheduler_and_workers_run(tmp_path: Path) -> None:
    keys, file = make_keys(tmp_path / "keys").folder, tmp_path / "scheduler.json"
    pods = _pods()
    scheduler = [one.replace("=8786", "=0").replace("=:8787", "=127.0.0.1:0") for one in _arguments(pods["scheduler"])]
    here = ["--host=127.0.0.1"]
    with _begun([*scheduler, *here, f"--scheduler-file={file}"], keys, tmp_path / "scheduler.log"):
        until = time.monotonic() + 60
        while not (file.exists() and file.read_text()):
            assert time.monotonic() < until, (tmp_path / "scheduler.log").read_text()
            time.sleep(0.1)
        told = json.loads(file.read_text())
        port = told["services"]["dashboard"]
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10).status == 200
        worker = [one.replace(SERVICE, told["address"]) for one in _arguments(pods["gpu"])]
        with _begun([*worker, *here], keys, tmp_path / "worker.log"):
            assert _joined(keys, file, 4) == [[1, 10737418240.0]] * 4


def _arguments(pod: dict[str, Any]) -> list[str]:
    return [one.replace("$(DASK_WORKER_NAME)", "one") for one in pod["containers"][0]["args"]]


def _joined(keys: Path, file: Path, count: int) -> Any:
    code = (
        "import json, sys; from distributed import Client\n"
        "with Client(scheduler_file=sys.argv[1]) as client:\n"
        "    client.wait_for_workers(int(sys.argv[2]), timeout=60)\n"
        "    found = client.scheduler_info(n_workers=-1)['workers'].values()\n"
        "    print(json.dumps([[one['nthreads'], one['resources']['gpu_memory']] for one in found]))"
    )
    command = [sys.executable, "-c", code, str(file), str(count)]
    done = subprocess.run(command, env={**os.environ, "DASK_CONFIG": str(keys)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
