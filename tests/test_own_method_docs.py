"""The page about a user's own method is tried as a user would: its files in an empty folder, its commands in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "own-method.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`(\w+\.py)`:\n```python\n(.*?)```", PAGE, flags=re.DOTALL))
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
SMALLER = "--subjects 3 --clips 6 --size 160x120 --workers 0"


def _said(folder: Path, *command: str) -> str:
    """Run a command in a folder, and return what it says and shows."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"{command}: {done.stdout}\n{done.stderr}")
    return done.stdout


def _arguments(line: str) -> list[str]:
    """Return what this Python is given for a line of the page."""
    program, *arguments = re.sub(r"--subjects \d+ --clips \d+ --size \w+", SMALLER, line).split()
    return {"python": [], "pytest": ["-m", "pytest", "-p", "no:cacheprovider"], "dstan": ["-m", "dstan"]}[
        program
    ] + arguments


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Write every file of the page, type every command, and return the folder and what each command said."""
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder, {line: _said(folder, *_arguments(line)) for line in COMMANDS}


def test_every_block_of_code_has_a_file_or_is_typed() -> None:
    assert len(FILES) == PAGE.count("```python\n") == 6
    assert len(COMMANDS) == 7


@pytest.mark.parametrize(("name", "lines"), [("grid_motion.py", 40), ("small_motion.py", 55)])
def test_the_methods_of_the_page_are_as_short_as_it_says(name: str, lines: int) -> None:
    assert len([line for line in FILES[name].splitlines() if line.strip()]) <= lines


@pytest.mark.slow
def test_the_page_works_from_its_first_line_to_its_last(tried: tuple[Path, dict[str, str]]) -> None:
    folder, said = tried
    for line, shown in said.items():
        if line.startswith("pytest"):
            assert "failed" not in shown
            assert "100%" in shown
    assert (folder / "runs" / "mine" / "report.html").is_file()
    table = said["dstan compare runs/mine"]
    assert "grid-motion" in table
    assert "bi-woof" in table
    assert "majority" in table


@pytest.mark.slow
def test_a_fitted_method_of_the_page_is_kept_loaded_and_takes_a_video(tried: tuple[Path, dict[str, str]]) -> None:
    assert "'others':" in _said(tried[0], "use.py")


@pytest.mark.slow
def test_a_run_refuses_to_go_on_with_other_code(tried: tuple[Path, dict[str, str]]) -> None:
    folder, _ = tried
    code = (folder / "grid_motion.py").read_text(encoding="utf-8")
    (folder / "grid_motion.py").write_text(f"# a comment changes nothing\n{code}", encoding="utf-8")
    _said(folder, "evaluate.py")
    (folder / "grid_motion.py").write_text(code.replace("1e-3", "1e-4"), encoding="utf-8")
    with pytest.raises(AssertionError, match="begun with other code of grid-motion"):
        _said(folder, "evaluate.py")
    (folder / "grid_motion.py").write_text(code, encoding="utf-8")
