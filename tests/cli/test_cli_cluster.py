"""dstan cluster: what its commands print, and where."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dstan.cli import app

runner = CliRunner(env={"COLUMNS": "160"})


@pytest.mark.parametrize("command", ["keys", "slurm"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    result = runner.invoke(app, ["cluster", command, "--help"])
    assert result.exit_code == 0
    assert f"Example: dstan cluster {command}" in result.output
    assert "--json" in result.output


def test_keys_come_with_the_commands_to_type(tmp_path: Path) -> None:
    result = runner.invoke(app, ["cluster", "keys", str(tmp_path / "my keys")])
    assert result.exit_code == 0, result.output
    where = f"DASK_CONFIG='{tmp_path / 'my keys'}'"
    commands = [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")]
    assert [one.removeprefix(where).split()[:2] for one in commands] == [
        ["dask", "scheduler"],
        ["dask", "worker"],
        ["dstan", "evaluate"],
    ]
    assert "--nthreads 1" in commands[1]


def test_keys_for_another_place_point_there(tmp_path: Path) -> None:
    result = runner.invoke(app, ["cluster", "keys", str(tmp_path / "keys"), "--at", "/keys"])
    assert "DASK_CONFIG=/keys dask scheduler" in result.stdout
    assert "ca-file: /keys/certificate.pem" in (tmp_path / "keys" / "dask.yaml").read_text()
    refused = runner.invoke(app, ["cluster", "keys", str(tmp_path / "others"), "--at", "keys"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "keys is not an absolute path" in refused.stderr
    assert not (tmp_path / "others").exists()


def test_keys_for_machines_are_one_document(tmp_path: Path) -> None:
    result = runner.invoke(app, ["cluster", "keys", str(tmp_path / "keys"), "--json"])
    told = json.loads(result.stdout)
    assert told["folder"] == str(tmp_path / "keys")
    assert told["until"] > "2026"


def test_keys_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    arguments = ["cluster", "keys", str(tmp_path / "keys")]
    runner.invoke(app, arguments)
    before = (tmp_path / "keys" / "key.pem").read_bytes()
    again = runner.invoke(app, arguments)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "there is something already" in again.stderr
    assert (tmp_path / "keys" / "key.pem").read_bytes() == before


def test_a_dry_run_prints_the_script_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "slurm.toml").write_text("processes = 4\nhours = 2\n")
    arguments = ["cluster", "slurm", "--config", "slurm.toml", "--set", "queue=short", "--dry-run"]
    result = runner.invoke(app, arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("#!/usr/bin/env bash\n")
    for line in ("#SBATCH -p short", "#SBATCH -t 02:00:00", "#SBATCH --cpus-per-task=4"):
        assert line in result.stdout.splitlines()
    assert [path.name for path in tmp_path.iterdir()] == ["slurm.toml"]
    told = json.loads(runner.invoke(app, [*arguments, "--json"]).stdout)
    assert told == {"jobs": 1, "script": result.stdout}


def test_the_settings_are_printed_as_toml_that_reads_back() -> None:
    arguments = ["cluster", "slurm", "--set", "jobs=3", "--print-config"]
    shown = runner.invoke(app, arguments)
    assert shown.exit_code == 0
    assert "# Worker processes of a job; " in shown.stdout
    settings = tomllib.loads(shown.stdout)
    assert settings["jobs"] == 3
    assert json.loads(runner.invoke(app, [*arguments, "--json"]).stdout) == settings


def test_without_slurm_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = runner.invoke(app, ["cluster", "slurm", "--out", str(tmp_path / "folder")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: there is no sbatch here" in result.stderr
    assert "hint: " in result.stderr
    assert not (tmp_path / "folder").exists()
