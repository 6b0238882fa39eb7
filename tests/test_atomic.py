from __future__ import annotations

import errno
import os
import re
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dstan import _atomic
from dstan.errors import FrameError, StorageError


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_private_file_and_its_folders_are_for_its_owner_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "a" / "b" / "x.json"
    with umask(mask):
        _atomic.write_json(path, {}, private=True)
    assert [mode(one) for one in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_any_other_file_is_as_the_umask_says(tmp_path: Path, mask: int, expected: int) -> None:
    with umask(mask):
        _atomic.write_text(tmp_path / "x.txt", "x")
    assert mode(tmp_path / "x.txt") == expected


def test_a_private_file_is_never_wider_while_it_is_written(tmp_path: Path) -> None:
    with umask(0), _atomic.replacing(tmp_path / "x", private=True, group=0o050) as temporary:
        assert mode(temporary) == 0o600
    assert mode(tmp_path / "x") == 0o640


def test_a_private_file_takes_the_place_of_a_wide_one_and_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    (folder / "x").touch(mode=0o644)
    with _atomic.replacing(folder / "x", private=True) as temporary:
        temporary.write_text("new")
    assert (mode(folder), mode(folder / "x")) == (0o755, 0o600)


def test_a_full_disk_is_named_with_the_file_and_what_to_do_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    _atomic.write_text(path, "old")
    with (
        room(4096),
        pytest.raises(StorageError, match=r"x\.safetensors: cannot be written: file too large\. Free"),
        _atomic.replacing(path) as temporary,
    ):
        save_file({"face": np.zeros(10_000)}, temporary)
    with room(4096), pytest.raises(StorageError, match="Free some space"):
        _atomic.write_text(path, "x" * 10_000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("private", [True, False])
def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path, private: bool) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x", tmp_path / "file" / "folder" / "x"):
        with (
            pytest.raises(StorageError, match=re.escape(str(path)) + ".* a file lies where its folder should be"),
            _atomic.replacing(path, private=private),
        ):
            pass


@pytest.mark.parametrize("number", [13, 30])
def test_a_folder_that_may_not_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refused)  # whoever runs the tests may be allowed everything
    with pytest.raises(StorageError, match="that you may write to with --out or --cache") as caught:
        _atomic.write_text(tmp_path / "x", "")
    assert isinstance(caught.value, OSError)
    assert caught.value.filename == str(tmp_path / "x")


def test_what_goes_wrong_with_other_files_on_the_way_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="source"), _atomic.replacing(tmp_path / "x"):
        (tmp_path / "source").read_bytes()
    with pytest.raises(FrameError), _atomic.replacing(tmp_path / "x"):
        raise FrameError("no frame")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        order.append(f"synced {os.fstat(handle).st_size}")
        fsync(handle)

    def renamed(self: Path, target: Path) -> Path:
        order.append("renamed")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    _atomic.write_text(tmp_path / "x", "whole")
    assert order == ["synced 5", "renamed"]


def test_a_folder_that_another_process_clears_away_all_the_time_is_made_again(tmp_path: Path) -> None:
    ended = threading.Event()

    def clear() -> None:
        while not ended.wait(0.0002):
            for folder in (tmp_path / "a" / "b", tmp_path / "a"):
                try:
                    folder.rmdir()
                except OSError:
                    continue

    thread = threading.Thread(target=clear)
    thread.start()
    try:
        for number in range(200):
            _atomic.write_text(tmp_path / "a" / "b" / "x", str(number), private=True)
            assert (tmp_path / "a" / "b" / "x").read_text() == str(number)
            (tmp_path / "a" / "b" / "x").unlink()
    finally:
        ended.set()
        thread.join()


def test_sweeping_takes_what_a_killed_process_left_and_no_file_of_the_users(tmp_path: Path) -> None:
    left = []
    with _atomic.replacing(tmp_path / "x") as temporary:
        left.append(temporary.name)
    (tmp_path / left[0]).write_text("half")
    own = {".notes.20261123", ".x.0123abcd", "x"}
    for name in own - {"x"}:
        (tmp_path / name).write_text("mine")
    _atomic.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == own


def test_what_cannot_be_cleared_away_does_not_hide_why_it_was_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(StorageError, match=r"x\.json: cannot be written: read-only file system"):
        _atomic.write_json(tmp_path / "x.json", {})
