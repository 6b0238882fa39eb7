"""What is asked of SLURM, and the script that comes of it; no SLURM is needed."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dstan.cluster import SlurmSettings, job_script, slurm_cluster
from dstan.config import read_toml
from dstan.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "configs" / "slurm.toml"


def _script(folder: Path, **values: Any) -> tuple[list[str], list[str], list[str]]:
    """Return the directives, the lines of shell and the words of the last line."""
    script = job_script(SlurmSettings.from_dict(values), folder)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    lines = [line for line in script.splitlines()[1:] if line.strip()]
    directives = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
    shell = [line for line in lines if not line.startswith("#")]
    return directives, shell[:-1], shlex.split(shell[-1])


def test_a_job_asks_for_what_is_set(tmp_path: Path) -> None:
    values = {"queue": "short", "account": "faces", "processes": 8, "memory": 24.0, "hours": 1.5, "name": "me"}
    directives, _, _ = _script(tmp_path, **values, directives=["--constraint=avx512"])
    assert directives == [
        "-J me",
        "-p short",
        "-A faces",
        "-n 1",
        "--cpus-per-task=8",
        "--mem=24G",
        "-t 01:30:00",
        f'--output="{tmp_path}/logs/%x-%j.log"',
        "--constraint=avx512",
    ]


@pytest.mark.parametrize(("processes", "cores"), [(1, 0), (8, 0), (4, 16)])
def test_a_worker_process_has_one_thread_however_many_cores_there_are(
    tmp_path: Path, processes: int, cores: int
) -> None:
    directives, _, words = _script(tmp_path, processes=processes, cores=cores)
    assert f"--cpus-per-task={cores or processes}" in directives
    assert words[words.index("--nthreads") + 1] == "1"
    started = int(words[words.index("--nworkers") + 1]) if "--nworkers" in words else 1
    assert started == processes


def test_messages_go_by_tls_with_the_keys_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    _, shell, words = _script(folder, setup=["module load python"])
    assert shell == ["module load python", f"export DASK_CONFIG='{folder}'"]
    assert words[words.index("--protocol") + 1] == "tls://"
    assert not folder.exists()


def test_processes_share_the_gpu_of_their_job(tmp_path: Path) -> None:
    directives, _, words = _script(tmp_path, gpu="gpu:a100:1", gpu_memory=40, processes=4)
    assert "--gres=gpu:a100:1" in directives
    assert words[words.index("--resources") + 1] == f"gpu_memory={10 * 2**30}"
    directives, _, words = _script(tmp_path)
    assert not any("gres" in one for one in directives)
    assert "--resources" not in words


def test_what_a_worker_shows_by_http_stays_on_its_host(tmp_path: Path) -> None:
    _, _, words = _script(tmp_path)
    assert words[words.index("--dashboard-address") + 1] == "127.0.0.1:0"


def test_paths_with_spaces_are_quoted(tmp_path: Path) -> None:
    _, _, words = _script(tmp_path, python="/my venv/bin/python", local_directory="/fast disk")
    assert words[0] == "/my venv/bin/python"
    assert words[words.index("--local-directory") + 1] == "/fast disk"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cores": 2, "processes": 4}, "cores must be at least processes"),
        ({"gpu": "gpu:1"}, "gpu and gpu_memory belong together"),
        ({"gpu_memory": 40}, "gpu and gpu_memory belong together"),
        ({"name": "my job"}, "may hold letters"),
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"partition": "short"}, "there is no setting 'partition'"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_submitted(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SlurmSettings.from_dict(values)


def test_the_settings_that_come_along_make_a_script(tmp_path: Path) -> None:
    values = read_toml(CONFIG)
    directives, _, words = _script(tmp_path, **values)
    assert f"--mem={values['memory']:.0f}G" in directives
    assert words[words.index("--nworkers") + 1] == str(values["processes"])
    left_out = [line.removeprefix("# ") for line in CONFIG.read_text().splitlines() if " = " in line]
    assert {line.partition(" = ")[0] for line in left_out} <= set(SlurmSettings().to_dict())


def test_without_slurm_it_says_where_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = pytest.raises(ConfigError, match="there is no sbatch here")
    with refused, slurm_cluster(SlurmSettings(), tmp_path / "folder"):
        pass
    assert not (tmp_path / "folder").exists()
