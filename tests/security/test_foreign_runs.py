"""Run folders that somebody else made: their names lead nowhere, their texts stay texts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dstan
from dstan.clips import PreparedClip
from dstan.errors import RunError
from dstan.evaluation.inputs import read_clips
from dstan.evaluation.results import load_run
from dstan.recognizers import recognizer
from dstan.reports.looks import read_looks

EVIL = "<script>document.title='evil'</script>\"'><img src=x onerror=\"document.title='evil'\">"


def make_run(folder: Path, label: str = "joy", subject: str = "s") -> Path:
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32),
            label=one,
            subject=f"{subject}{number % 3}",
            clip_id=str(number),
        )
        for number, one in enumerate((label, "anger") * 3)
    ]
    dstan.evaluate(recognizer("majority"), clips, out=folder, workers=0)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


def change(file: Path, edit: Callable[[Any], None]) -> None:
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))


@pytest.mark.parametrize("name", ["../other/majority", "..", ".", "/etc", "a/b", "a\\b", "a\0b", "C:", ""])
@pytest.mark.parametrize("kind", ["methods", "components"])
def test_a_method_whose_name_is_a_path_is_refused(tmp_path: Path, run: Path, name: str, kind: str) -> None:
    make_run(tmp_path / "other")
    change(run / "run.json", lambda info: info[kind].update({name: info["methods"]["majority"]}))
    with pytest.raises(RunError, match="is not the name of a method"):
        load_run(run)


@pytest.mark.parametrize("file", ["../secret.jpg", "/etc/passwd", "a/../../b.jpg", "a\\b.jpg", "a\0.jpg", 7])
def test_frames_of_a_clip_lie_in_its_folder(run: Path, file: Any) -> None:
    change(run / "inputs.json", lambda document: document["clips"][0].update(files=[file]))
    with pytest.raises(RunError, match=r"inputs\.json, which says where its clips lie, cannot be read"):
        read_clips(run)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("run.json", "[" * 100_000),
        ("run.json", '{"methods": {"majority": 3}}'),
        ("run.json", '{"methods": [], "classes": []}'),
        ("run.json", '{"methods": {"majority": {}}, "components": {}, "classes": {"a": 1}}'),
        ("majority/predictions.csv", ""),
        ("majority/predictions.csv", "corpus,subject\n1,2\n"),
        ("majority/predictions.csv", "\0" * 100),
        ("skipped.csv", "a,b\n1,2,3,4,5,6,7,8,9\n"),
    ],
)
def test_a_damaged_run_is_named(run: Path, file: str, text: str) -> None:
    (run / file).write_text(text)
    with pytest.raises(RunError) as caught:
        load_run(run)
    assert str(run) in str(caught.value)


@pytest.mark.parametrize("file", ["run.json", "majority/predictions.csv", "fold.json", "skipped.csv"])
def test_a_file_without_an_end_is_not_read(run: Path, file: str) -> None:
    path = next(run.glob(f"majority/folds/*/{file}")) if file == "fold.json" else run / file
    for make in (lambda: path.symlink_to("/dev/zero"), lambda: os.mkfifo(path)):
        path.unlink()
        make()
        with pytest.raises(RunError, match="no ordinary file"):
            load_run(run)


@pytest.mark.parametrize("content", ["[]", "3", "[" * 100_000, None])
def test_a_fold_of_a_stranger_that_is_none_is_computed_again(run: Path, content: str | None) -> None:
    fold = next(run.glob("majority/folds/*/fold.json"))
    before = fold.read_text()
    fold.unlink()
    fold.symlink_to("/dev/zero") if content is None else fold.write_text(content)
    make_run(run)
    after = json.loads(fold.read_text())
    assert {**after, "seconds": 0} == {**json.loads(before), "seconds": 0}


@pytest.mark.parametrize(
    "damage",
    [{"test": 0}, {"seconds": {}}, {"seed": "0"}, {"history": None}, {"train": 10**30}, {"parameters": float("nan")}],
)
def test_a_fold_that_cannot_be_reckoned_with_is_named(run: Path, damage: dict[str, Any]) -> None:
    fold = next(run.glob("majority/folds/*/fold.json"))
    change(fold, lambda document: document.update(damage))
    with pytest.raises(RunError, match="the run is damaged: ValueError"):
        load_run(run)


def hostile(folder: Path) -> Path:
    """Make a run all of whose texts are HTML."""
    run = make_run(folder, label=EVIL, subject=EVIL)

    def edit(info: dict[str, Any]) -> None:
        info["methods"]["majority"]["settings"]["recipe"]["landmark_folder"] = EVIL
        info.update(task=EVIL, corpus=EVIL, notes=[EVIL], dstan=EVIL, created=EVIL)
        info["machine"]["processor"] = EVIL
        info["versions"]["torch"] = EVIL
        info["warnings"] = [{"clip": EVIL, "warning": EVIL}]

    change(run / "run.json", edit)
    pictures = dict.fromkeys(("first", "crop", "apex", "flow"), f'data:image/png,x" onerror="{EVIL}')
    look = {"name": EVIL, "emotion": EVIL, "lines": [EVIL], "warnings": [EVIL], "full": True, "pictures": pictures}
    (run / "looks.json").write_text(json.dumps([look]))
    return run


@pytest.mark.parametrize(
    "address", ["https://evil.example/x.png", "file:///etc/passwd", "../x.png", "data:text/html,x"]
)
def test_a_picture_that_lies_elsewhere_is_refused(run: Path, address: str) -> None:
    look = {"name": "c", "emotion": "", "lines": [], "warnings": [], "full": True, "pictures": {"crop": address}}
    (run / "looks.json").write_text(json.dumps([look]))
    with pytest.raises(RunError, match=r"looks\.json is damaged: a picture lies elsewhere"):
        read_looks(run)


def test_what_a_run_says_stands_in_its_report_as_text(tmp_path: Path) -> None:
    from dstan.reports.page import write_report

    page = write_report(hostile(tmp_path / "run")).read_text()
    assert "&lt;script&gt;document" in page
    assert "<script>document" not in page
    assert "<img src=x" not in page


@pytest.mark.browser
def test_no_script_of_a_run_runs_in_its_report(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    from dstan.reports.page import write_report

    page = write_report(hostile(tmp_path / "run"))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page()
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page.as_uri())
        tab.wait_for_timeout(500)
        assert tab.title() != "evil"
        assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
        browser.close()
