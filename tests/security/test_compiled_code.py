"""Where machine code is kept between runs: numba unpickles it, so nobody else may write there."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dstan.descriptors.compiling import code_folder, is_own

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders of a Windows profile are their user's own")

LOOP = """
import numpy as np
from dstan.descriptors.distances import chi_square
chi_square(np.ones((2, 16)), np.ones((2, 16)))
"""


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    code_folder.cache_clear()


def test_the_folder_of_compiled_code_is_made_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    folder = code_folder()
    assert folder == tmp_path / "home" / "dstan" / "compiled"
    for one in (folder, folder.parent):
        assert one.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_chosen_has_one_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        folder = code_folder(str(tmp_path / "chosen"))
    finally:
        os.umask(before)
    assert folder == tmp_path / "chosen" / "dstan"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_folder_that_others_may_write_to_is_not_used(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "compiled"
    folder.mkdir()
    folder.chmod(mode)
    with caplog.at_level(logging.WARNING):
        assert code_folder(str(folder)) is None
    assert "others may write to it" in caplog.text


def test_a_folder_that_others_may_put_another_in_the_place_of_is_not_used(tmp_path: Path) -> None:
    above = tmp_path / "shared"
    above.mkdir()
    above.chmod(0o777)
    assert code_folder(str(above / "compiled")) is None
    code_folder.cache_clear()
    above.chmod(0o1777)  # as /tmp: only an owner renames what is his
    assert code_folder(str(above / "compiled")) is not None


def test_a_link_and_a_file_are_no_folder_of_compiled_code(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_text("")
    assert not is_own(tmp_path / "link")
    assert code_folder(str(tmp_path / "link")) is None
    assert code_folder(str(tmp_path / "file")) is None
    assert len(caplog.records) == 2


@pytest.mark.slow
@pytest.mark.parametrize("writable", [True, False])
def test_loops_are_kept_there_and_nowhere_else(tmp_path: Path, writable: bool) -> None:
    home, kept = tmp_path / "cache", tmp_path / "cache" / "dstan" / "compiled"
    if not writable:
        kept.mkdir(parents=True)
        kept.chmod(0o777)
    environment = {**os.environ, "XDG_CACHE_HOME": str(home), "HOME": str(tmp_path / "home")}
    environment.pop("NUMBA_CACHE_DIR", None)
    said = subprocess.run([sys.executable, "-c", LOOP], env=environment, capture_output=True, text=True, check=True)
    assert bool(list(kept.rglob("*chi_square*.nbi"))) == writable
    assert ("others may write to it" in said.stderr) != writable
    assert not list((tmp_path / "home").rglob("*.nbi"))


def _loop(home: Path, before: str = "") -> str:
    """Run the loop in a process of its own, which must end well; return what it said."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", before + LOOP]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr


@pytest.mark.slow
def test_what_was_cut_short_is_compiled_again_and_kept(tmp_path: Path) -> None:
    _loop(tmp_path)
    for suffix in ("nbi", "nbc"):
        (file,) = tmp_path.rglob(f"*chi_square*.{suffix}")
        whole = file.stat().st_size
        os.truncate(file, 20)
        assert "Error" not in _loop(tmp_path)
        assert file.stat().st_size == whole
    assert len(list(tmp_path.rglob("*chi_square*"))) == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the system has no such limit")
def test_a_full_disk_stops_no_loop(tmp_path: Path) -> None:
    full = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))\n"
    )
    said = _loop(tmp_path, full)
    assert said.count("compiled code cannot be kept") == 1
    assert not list(tmp_path.rglob("*.nb?"))
