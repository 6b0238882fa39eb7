"""How the command line behaves whatever the command: help, exit codes, errors, interruption, start-up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dstan
from dstan.cli import app

COMMANDS = ("demo", "corpora", "check", "synth", "prepare", "evaluate", "report", "train", "predict", "info", "methods")
COMMANDS += ("config", "bench", "reproduce", "compare", "tune", "ablate", "spot")
runner = CliRunner()


def test_version() -> None:
    result = runner.invoke(app, ["--version"])
    assert (result.exit_code, result.output.strip()) == (0, f"dstan {dstan.__version__}")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: dstan {command}" in result.output
    assert "--json" in result.output


def test_help_lists_every_command() -> None:
    shown = runner.invoke(app, ["--help"]).output
    assert all(f" {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["config", "dstam"], 2, ["error: no method is called 'dstam'", "hint: Did you mean 'dstan'?"]),
        (["config", "dstan", "--set", "traning.epochs=1"], 2, ["no setting 'traning'", "Did you mean training?"]),
        (["config", "dstan", "--set", "training.epochs=0"], 2, ["error: training: epochs must be 1 to"]),
        (["config", "dstan", "--config", "nowhere.toml"], 2, ["nowhere.toml: cannot be read"]),
        (["bench", "everything"], 2, ["no bench is called 'everything'"]),
        (["check", "casmeII", "--root", "."], 2, ["no corpus is called 'casmeII'", "Did you mean"]),
        (["check", "casme2", "--root", "nowhere"], 1, ["error: ", "nowhere", "hint: "]),
        (["evaluate", "majority", "--corpus", "folder", "--root", "nowhere"], 1, ["error: ", "nowhere", "hint: "]),
        (["evaluate", "majority", "--root", "nowhere"], 2, ["no corpus is named", "Give --corpus"]),
        (["evaluate", "dstan", "--corpus", "folder", "--root", ".", "--device", "gpu"], 2, ["no device is called"]),
        (["synth", "casme2", "--out", "x", "--size", "big"], 2, ["--size 'big' is not WIDTHxHEIGHT"]),
        (["report", "nowhere"], 1, ["error: nowhere: there is no such run"]),
        (["predict", "a.mp4", "--model", "nowhere"], 1, ["error: nowhere: there is no such folder"]),
        (["info", "nowhere"], 1, ["error: nowhere: there is no such folder", "hint: "]),
        (["unheard-of"], 2, ["No such command"]),
    ],
)
def test_what_is_wrong_is_said_on_standard_error(
    arguments: list[str], code: int, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_a_clear_error(tmp_path: Path) -> None:
    for arguments in (["check", "casme2", "--root"], ["report"], ["info"]):
        result = runner.invoke(app, [*arguments, str(tmp_path)])
        assert result.exit_code == 1, result.output
        assert str(tmp_path) in result.stderr
        assert result.stderr.startswith("error: ")


def test_a_file_that_may_not_be_written_is_an_error_without_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "/data/run")

    monkeypatch.setattr("dstan.cli.options.settings", lambda *_: refuse())
    result = runner.invoke(app, ["config", "dstan"])
    assert (result.exit_code, result.stderr) == (1, "error: /data/run: Permission denied\n")


def test_an_interruption_says_that_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dstan.cli.options.settings", interrupt)
    result = runner.invoke(app, ["config", "dstan"])
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr


def test_config_prints_toml_that_reads_back() -> None:
    shown = runner.invoke(app, ["config", "stmn-a", "--set", "recipe.size=[64, 48]"])
    assert shown.exit_code == 0
    settings = tomllib.loads(shown.stdout)
    assert settings["recipe"]["size"] == [64, 48]
    assert "# Passes over the training clips; " in shown.stdout
    as_json = runner.invoke(app, ["config", "stmn-a", "--set", "recipe.size=[64, 48]", "--json"])
    assert json.loads(as_json.stdout)["training"] == settings["training"]


def test_methods_and_corpora_are_listed_for_people_and_for_machines() -> None:
    from dstan.corpora import CORPORA
    from dstan.recognizers import METHODS

    for command, names in (("methods", METHODS), ("corpora", CORPORA)):
        shown = runner.invoke(app, [command]).stdout
        assert all(name in shown for name in names)
        rows = json.loads(runner.invoke(app, [command, "--json"]).stdout)
        assert [row["name"] for row in rows] == list(names)


def test_a_bench_is_shown_beside_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    from dstan.bench import BENCHES, Bench

    made = Bench.of("predict", "one clip", "ms", {"plain": 10.0, "ours": 5.0})
    monkeypatch.setitem(BENCHES, "predict", lambda: made)
    shown = runner.invoke(app, ["bench", "predict"]).stdout
    assert "10.0 ms" in shown
    assert "0.50" in shown
    assert json.loads(runner.invoke(app, ["bench", "predict", "--json"]).stdout)["figures"][1]["value"] == 5.0


def test_help_starts_without_heavy_imports() -> None:
    code = (
        "import sys; from dstan.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'cv2', 'mediapipe', 'dask', 'av'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines()[-1] == "[]"


def test_python_m_dstan_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "dstan", "config", "dstam"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "error: no method is called 'dstam'"


def test_a_real_interruption_ends_with_130() -> None:
    code = (
        "import sys, time; from dstan.cli import main, options\n"
        "options.settings = lambda *_: print('on', flush=True) or time.sleep(30)\n"
        "sys.argv = ['dstan', 'config', 'dstan']; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(2)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "the same command goes on" in errors
