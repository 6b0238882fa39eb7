"""dstan cache: what is kept and who can read it; clearing; and a cache that is gone after its command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.clips import Clip
from dstan.preprocessing.cache import Cache
from dstan.preprocessing.kept import left, temporary_cache
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.video import list_images

RECIPE = Recipe(size=32, steps=3, alignment="none")
SETTINGS = ("--set", "recipe.size=32", "--set", "recipe.steps=2", "--set", "recipe.alignment=none")
OLD = time.time() - 40 * 86400


def make_clip(root: Path, name: str, corpus: str = "casme2") -> Clip:
    folder = root / name
    folder.mkdir(parents=True)
    texture = Image.fromarray(np.random.default_rng(len(name)).integers(0, 255, (10, 12), dtype=np.uint8))
    for k in range(4):
        texture.resize((64 + k, 48)).crop((0, 0, 64, 48)).save(folder / f"{k}.png")
    return Clip(corpus, "sub01", name, folder, list_images(folder), label="a", fps=25.0)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, folder in (("XDG_CACHE_HOME", "xdg"), ("TMPDIR", "tmp")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("DSTAN_CACHE", raising=False)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Fill a cache: two clips of casme2, one of samm, an exported model."""
    cache = Cache(tmp_path / "cache")
    for name, corpus in (("a", "casme2"), ("bb", "casme2"), ("ccc", "samm")):
        prepare_clip(make_clip(tmp_path / "frames", name, corpus), RECIPE, cache)
    (cache.root / "onnx").mkdir()
    (cache.root / "onnx" / "0123456789abcdef.onnx").write_bytes(b"model")
    return cache


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


def dstan(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed, env={"COLUMNS": "160"})


def test_what_is_kept_is_shown_by_stage_corpus_and_size(cache: Cache) -> None:
    shown = dstan("cache", "--cache", str(cache.root))
    assert shown.exit_code == 0, shown.output
    rows = [line.split() for line in shown.stdout.splitlines() if line.startswith((" aligned", " prepared", " models"))]
    assert [row[0] for row in rows] == ["aligned:", "aligned:", "models", "prepared:", "prepared:"]
    assert [row[-7] for row in rows if row[0] == "aligned:"] == ["casme2", "samm"]
    assert all(row[-1] == "today" for row in rows)
    assert "7 files" in shown.stdout
    assert f"dstan cache clear --cache {cache.root}" in shown.stdout
    assert "warning" not in shown.stderr
    found = json.loads(dstan("cache", "show", "--cache", str(cache.root), "--json").stdout)
    assert found["entries"] == 7
    assert found["bytes"] == sum(path.stat().st_size for path in files(cache.root))
    assert {(one["stage"], one["corpus"], one["files"]) for one in found["kept"]} == {
        ("aligned", "casme2", 2),
        ("aligned", "samm", 1),
        ("prepared", "casme2", 2),
        ("prepared", "samm", 1),
        ("onnx", None, 1),
    }
    assert found["kept"][0]["pixels"] == [32, 32]


def test_looking_is_no_use_of_what_is_kept(cache: Cache) -> None:
    for path in files(cache.root):
        os.utime(path, (OLD, OLD))
    for _ in range(2):
        found = json.loads(dstan("cache", "--cache", str(cache.root), "--json").stdout)
        assert all(one["last_used"] < OLD + 60 for one in found["kept"])


def test_a_folder_that_is_not_there_holds_nothing_and_is_not_made(tmp_path: Path) -> None:
    shown = dstan("cache", "--cache", str(tmp_path / "never"))
    assert f"Nothing is kept in {tmp_path / 'never'}" in shown.stdout
    assert dstan("cache", "clear", "--cache", str(tmp_path / "never"), "--yes").exit_code == 0
    assert not (tmp_path / "never").exists()


def test_clearing_removes_all_of_it_and_says_how_much(cache: Cache) -> None:
    size = sum(path.stat().st_size for path in files(cache.root))
    cleared = json.loads(dstan("cache", "clear", "--cache", str(cache.root), "--yes", "--json").stdout)
    assert (cleared["removed"], cleared["bytes"]) == (7, size)
    assert not files(cache.root)
    assert not (cache.root / "aligned").exists()


def test_clearing_one_corpus_leaves_the_others_and_what_is_needed_is_prepared_again(
    cache: Cache, tmp_path: Path
) -> None:
    done = dstan("cache", "clear", "--cache", str(cache.root), "--corpus", "casme2", "--yes")
    assert done.stdout.startswith("Removed 4 files, ")
    left = json.loads(dstan("cache", "--cache", str(cache.root), "--json").stdout)
    assert {one["corpus"] for one in left["kept"]} == {"samm", None}
    frames = tmp_path / "frames" / "a"
    clip = Clip("casme2", "sub01", "a", frames, list_images(frames), label="a", fps=25.0)
    prepare_clip(clip, RECIPE, cache)
    assert cache.holds(clip, RECIPE)


def test_a_corpus_of_which_nothing_is_kept_is_named(cache: Cache) -> None:
    asked = ("--cache", str(cache.root), "--corpus", "mmew")
    assert "that was not used for 1 day is kept" in dstan("cache", *asked, "--older-than", "1").stdout
    assert dstan("cache", *asked).stdout.startswith(f"Nothing of mmew is kept in {cache.root}")
    before = files(cache.root)
    cleared = dstan("cache", "clear", *asked, "--yes").stdout
    assert cleared.startswith(f"Nothing of mmew is kept in {cache.root}, so nothing was removed")
    assert files(cache.root) == before


@pytest.mark.parametrize("action", ["show", "clear"])
def test_a_corpus_that_nobody_knows_is_refused_with_the_nearest_names(cache: Cache, action: str) -> None:
    prepare_clip(make_clip(cache.root.parent / "frames", "dddd", "mine"), RECIPE, cache)
    asked = ("cache", action, "--cache", str(cache.root), "--yes", "--corpus")
    before = files(cache.root)
    refused = dstan(*asked, "CASME2")
    assert refused.exit_code == 2
    assert "no corpus is called 'CASME2'" in refused.stderr
    assert "Did you mean 'casme2'?" in refused.stderr
    assert files(cache.root) == before
    assert dstan(*asked, "mine").exit_code == 0  # of a corpus that another program made


@pytest.mark.parametrize("action", ["show", "clear"])
def test_a_file_is_no_cache_and_none_can_neither_be_shown_nor_cleared(
    cache: Cache, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = Cache()
    cache.root.rename(default.root)
    before = files(default.root)
    assert len(before) == 7
    (default.root.parent / "file").write_text("mine")
    refused = dstan("cache", action, "--yes", "--cache", str(default.root.parent / "file"))
    assert (refused.exit_code, "a cache is a folder" in refused.stderr) == (2, True)
    refused = dstan("cache", action, "--yes", "--cache", "none")
    assert (refused.exit_code, "--cache none is no folder" in refused.stderr) == (2, True)
    assert files(default.root) == before
    monkeypatch.setenv("DSTAN_CACHE", "none")
    done = dstan("cache", action, "--yes")
    assert (done.exit_code, "7 files" in done.stdout) == (0, True)


def test_clearing_what_is_old_goes_by_the_last_use(cache: Cache) -> None:
    read, written, *rest = sorted(cache.root.glob("prepared/*/*/*"))
    for path in (read, written, *rest):
        os.utime(path, (OLD, OLD))
    os.utime(read, (time.time(), OLD))
    assert dstan("cache", "clear", "--cache", str(cache.root), "--older-than", "30", "--yes").exit_code == 0
    assert read.exists()
    assert not written.exists()
    assert len(files(cache.root)) == 5


def test_an_entry_of_an_earlier_version_is_shown_as_unknown(cache: Cache) -> None:
    from safetensors.numpy import load_file, save_file

    (path, *_) = sorted(cache.root.glob("aligned/*/*/*"))
    save_file(load_file(path), path, metadata={"done": "{}"})
    damaged, *_ = sorted(cache.root.glob("prepared/*/*/*"))
    damaged.write_bytes(b"\xff" * 20)
    kept = json.loads(dstan("cache", "--cache", str(cache.root), "--json").stdout)["kept"]
    assert [(one["stage"], one["pixels"]) for one in kept if one["corpus"] is None and one["stage"] != "onnx"] == [
        ("aligned", [32, 32]),
        ("prepared", None),
    ]


def test_clearing_a_folder_that_is_no_cache_touches_nothing(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    names = (
        "photo.png",
        "prepared/notes.txt",
        "prepared/0123456789abcdef/mine.safetensors",
        "aligned/x/y/z.safetensors",
    )
    for name in (*names, "prepared/0123456789abcdef/0123456789abcdef/letter.txt", "onnx/best-model.onnx"):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text("mine")
    elsewhere = tmp_path / "elsewhere" / "0123456789abcdef"
    elsewhere.mkdir(parents=True)
    (elsewhere / "0123456789abcdef.safetensors").write_text("mine")
    (mine / "aligned" / "0123456789abcdef").symlink_to(tmp_path / "elsewhere")
    (mine / "prepared" / "empty").mkdir()
    before = set(tmp_path.rglob("*"))
    done = dstan("cache", "clear", "--cache", str(mine), "--yes")
    assert "so nothing was removed" in done.stdout
    assert set(tmp_path.rglob("*")) == before


def test_nobody_to_ask_means_that_nothing_is_removed(cache: Cache) -> None:
    done = dstan("cache", "clear", "--cache", str(cache.root), typed="y\n")
    assert done.exit_code == 2
    assert "Remove 7 files" in done.stderr
    assert "--yes" in done.stderr
    assert len(files(cache.root)) == 7
    assert dstan("cache", "burn").exit_code == 2


@pytest.mark.parametrize(("answer", "left"), [(False, 7), (True, 0)])
def test_on_a_terminal_it_asks(cache: Cache, monkeypatch: pytest.MonkeyPatch, answer: bool, left: int) -> None:
    asked: list[str] = []
    monkeypatch.setattr("dstan.cli.storage.is_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda text, err: asked.append(text) or answer)
    assert dstan("cache", "clear", "--cache", str(cache.root)).exit_code == 0
    assert asked == [f"Remove 7 files, 0.1 MB in {cache.root}?"]
    assert len(files(cache.root)) == left


def test_files_that_others_can_read_are_named_with_what_closes_them(cache: Cache) -> None:
    for path in (cache.root, *cache.root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shown = dstan("cache", "--cache", str(cache.root))
    assert (
        f"7 of these files can be read by other accounts on this machine. To close them: chmod -R go-rwx {cache.root}"
        in (shown.stderr)
    )
    subprocess.run(["chmod", "-R", "go-rwx", str(cache.root)], check=True)
    assert "warning" not in dstan("cache", "--cache", str(cache.root)).stderr
    for path in files(cache.root):
        path.chmod(0o644)
    assert "warning" not in dstan("cache", "--cache", str(cache.root)).stderr  # nobody gets into the folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    rows = ["path,subject,label,fps"]
    for number in range(4):
        make_clip(data, "c" * (number + 1))
        rows.append(f"{'c' * (number + 1)},s{number // 2},{('joy', 'anger')[number % 2]},100")
    (data / "clips.csv").write_text("\n".join(rows) + "\n")
    return data


def _evaluate(data: Path, out: Path, *arguments: str) -> Result:
    where = ("--corpus", "folder", "--root", str(data), "--out", str(out), "--device", "cpu")
    engine = () if "--cluster" in arguments else ("--workers", "0")
    return dstan("evaluate", "majority", *where, *SETTINGS, *engine, *arguments)


def test_the_folder_is_named_when_it_is_made_and_not_again(data: Path, tmp_path: Path) -> None:
    (tmp_path / "xdg" / "dstan" / "compiled").mkdir(parents=True)  # which is no cache of faces
    first, second = _evaluate(data, tmp_path / "one"), _evaluate(data, tmp_path / "two")
    words = f"prepared faces are kept in {tmp_path / 'xdg' / 'dstan'}, for your account only"
    assert first.exit_code == 0, first.output
    assert words in first.stderr
    assert words not in second.stderr
    assert dstan("cache", "clear", "--yes").stdout.startswith("Removed 8 files")


def test_cache_none_keeps_nothing_and_the_run_goes_on_all_the_same(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = _evaluate(data, out, "--cache", "none")
    assert first.exit_code == 0, first.output
    stamps = {file: file.stat().st_mtime_ns for file in out.rglob("fold.json")}
    assert len(stamps) == 2
    again = CliRunner().invoke(
        app,
        [
            "evaluate",
            "majority",
            "--corpus",
            "folder",
            "--root",
            str(data),
            "--out",
            str(out),
            "--workers",
            "0",
            *SETTINGS,
        ],
        env={"DSTAN_CACHE": "none"},
    )
    assert again.exit_code == 0, again.output
    assert stamps == {file: file.stat().st_mtime_ns for file in out.rglob("fold.json")}
    assert list((tmp_path / "tmp").iterdir()) == list((tmp_path / "xdg").iterdir()) == []


def test_cache_none_leaves_nothing_after_an_error(data: Path, tmp_path: Path) -> None:
    (data / "cc" / "1.png").write_bytes(b"")
    assert _evaluate(data, tmp_path / "run", "--cache", "none", "--strict").exit_code == 1
    assert list((tmp_path / "tmp").iterdir()) == []


def test_cache_none_is_refused_where_it_could_not_work(data: Path, tmp_path: Path) -> None:
    cluster = _evaluate(data, tmp_path / "run", "--cache", "none", "--cluster", "tcp://127.0.0.1:1")
    assert cluster.exit_code == 2
    assert "cannot read" in cluster.stderr
    prepare = dstan("prepare", "folder", "--root", str(data), "--cache", "none")
    assert prepare.exit_code == 2
    assert "--contact-sheet" in prepare.stderr


STOPPED = """
import os, sys, time
from pathlib import Path
from dstan.cli import storage
with storage.kept(storage.NONE) as cache:
    (cache.root / "face").write_text("")
    print(cache.root, oct(cache.root.stat().st_mode & 0o777), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_command_that_is_stopped_leaves_nothing_and_what_a_killed_one_left_is_shown_and_cleared(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        place, mode = process.stdout.readline().decode().split()
        folder = Path(place)
        assert mode == "0o700"
        assert folder.parent == tmp_path / "tmp"
        assert "left" not in dstan("cache").stderr  # it is at work
        assert dstan("cache", "clear", "--yes").exit_code == 0
        assert folder.exists()
        process.send_signal(number)
        process.wait(timeout=30)
    if number != signal.SIGKILL:
        assert not folder.exists()
        return
    shown = dstan("cache")
    assert f"1 temporary cache of a killed command: {folder}" in shown.stderr
    for some in (("--corpus", "samm"), ("--older-than", "1")):
        done = dstan("cache", "clear", *some, "--yes")
        assert (done.exit_code, "killed" in done.output) == (0, False)
        assert folder.exists()
    assert "Remove 1 temporary cache of a killed command: nobody" in dstan("cache", "clear").stderr
    cleared = dstan("cache", "clear", "--yes")
    assert cleared.stdout.splitlines() == [
        f"Nothing is kept in {tmp_path / 'xdg' / 'dstan'}, so nothing was removed there",
        f"Removed 1 temporary cache of a killed command, 0 files, 0.0 MB, from {tmp_path / 'tmp'}",
    ]
    assert not folder.exists()


def test_what_killed_commands_left_is_counted_apart(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "frames", "dddd")
    with monkeypatch.context() as killed:
        killed.setattr("os.getpid", lambda: 2**30)  # no process of this machine
        killed.setattr("shutil.rmtree", lambda folder: None)
        for _ in range(2):
            with temporary_cache() as temporary:
                prepare_clip(clip, RECIPE, temporary)
    size = sum(path.stat().st_size for folder in left() for path in files(folder))
    assert "2 temporary caches of killed commands: " in dstan("cache").stderr
    folders = [str(folder) for folder in left()]
    cleared = json.loads(dstan("cache", "clear", "--cache", str(cache.root), "--yes", "--json").stdout)
    assert cleared["removed"] == 7
    assert cleared["of_killed_commands"] == {"folders": folders, "removed": 4, "bytes": size}
    assert left() == []


def test_what_a_process_of_another_machine_keeps_in_a_shared_folder_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "another")
        elsewhere.setattr("os.getpid", lambda: 2**30)  # no process of this machine
        elsewhere.setattr("shutil.rmtree", lambda folder: None)
        with temporary_cache() as cache:
            assert left() == [cache.root]
    assert left() == []
    assert dstan("cache", "clear", "--yes").exit_code == 0
    assert cache.root.exists()


def test_naming_a_video_keeps_nothing_of_it(tmp_path: Path) -> None:
    from dstan.app.example import EXAMPLE

    figure = tmp_path / "figure.png"
    done = dstan("predict", str(EXAMPLE), "--onset", "0", "--offset", "30", "--figure", str(figure))
    assert done.exit_code == 0, done.output
    assert {path for path in files(tmp_path) if "matplotlib" not in path.parts} == {figure}
