"""dstan reproduce as it is typed, on a tiny copy of CASME II: no faces, whole frames, the smallest networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app

SMALL = ("recipe.size=32", "recipe.steps=2", "recipe.alignment=none", "training.epochs=1", "network.lstm_width=4")
SETTINGS = [part for item in SMALL for part in ("--set", item)]
EMOTIONS = ("happiness", "disgust", "repression", "surprise", "others")
Run = Callable[..., Result]


def draw_copy(root: Path) -> None:
    """Write a copy of CASME II with three people who show each emotion once."""
    book = openpyxl.Workbook()
    book.active.append(["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units"])
    book.active.cell(1, 9, "Estimated Emotion")
    for number in range(15):
        subject, name = 1 + number // 5, f"EP{number:02d}_01f"
        folder = root / "CASME2_RAW_selected" / f"sub{subject:02d}" / name
        folder.mkdir(parents=True)
        texture = np.random.default_rng(number).integers(0, 256, (48, 56), dtype=np.uint8)
        for frame in range(4):
            Image.fromarray(np.roll(texture, frame, axis=1)).save(folder / f"img{frame + 1}.jpg")
        book.active.append([subject, name, None, 1, 2, 4, None, "4", EMOTIONS[number % 5]])
    book.save(root / "CASME2-coding-20140508.xlsx")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    draw_copy(home / "copy")
    return home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs the command in the home folder, where no settings name any corpus."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    for name in ("DSTAN_CLUSTER", "DSTAN_CASME2_ROOT", "DSTAN_CASME_ROOT", "DSTAN_SMIC_HS_ROOT"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["reproduce", *arguments], env={"COLUMNS": "200"})

    return invoke


@pytest.fixture
def measured(run: Run, home: Path) -> Run:
    """Give a function that reproduces on the copy, into one folder for all tests."""
    common = ("--cache", "cache", "--workers", "0", "--device", "cpu", "--out", "out", *SETTINGS)
    return lambda *arguments: run(*arguments, *common)


def test_tables_are_printed_and_written_and_work_is_done_once(measured: Run, run: Run, home: Path) -> None:
    done = measured("table1", "--root", "casme2=copy")
    assert done.exit_code == 0, done.output
    for words in ("Table 1: one stream against two", "0.752", "STMN-A", "15 clips of 3 people (paper: 246 of 26)"):
        assert words in done.stdout
    assert "smic-hs is left out: no folder is named or found (--root smic-hs=DIR)" in done.stderr
    assert "SYNTHETIC" not in done.stdout
    fold = next((home / "out" / "casme2" / "dstan" / "folds").iterdir()) / "fold.json"
    written = fold.stat().st_mtime_ns
    more = measured("figure5", "table3", "--root", "casme2=copy", "--json")
    document = json.loads(more.stdout)
    assert [sheet["name"] for sheet in document["sheets"]] == ["table3", "figure5-casme2"]
    assert document["sheets"][0]["records"][0]["score"] == "accuracy"
    assert all(Path(path).is_file() for sheet in document["sheets"] for path in sheet["files"].values())
    assert fold.stat().st_mtime_ns == written
    index = (home / "out" / "README.md").read_text()
    assert index.index("Table 1:") < index.index("Table 3:") < index.index("Figure 5:")
    again = run("table1", "--out", "out")
    assert again.exit_code == 0, again.output
    assert "no folder is named; shown as it was evaluated earlier" in again.stderr
    none = run("table2", "--out", "out", "--root", "casme=copy")
    assert none.exit_code == 0, none.output
    assert "Table 2 has gaps for CASME II: dstan-basic and" in none.stderr
    other = measured("table1", "--root", "casme2=copy", "--seeds", "2")
    assert other.exit_code == 1
    assert "seeds" in other.stderr


def test_a_table_without_its_corpus_says_which_it_needs(run: Run, home: Path) -> None:
    done = run("table2", "--root", "casme=copy", "--out", "new")
    assert done.exit_code == 1
    assert "casme is not looked at" in done.stderr
    assert "there is no corpus to measure on: casme2" in done.stderr
    assert "--root casme2=DIR" in done.stderr
    assert "dstan synth casme2 --out twin" in done.stderr
    assert not (home / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["tabel1"], 2, "Did you mean 'table1'"),
        (["table1", "--root", "copy"], 2, "of which corpus of the paper?"),
        (["table1", "--root", "samm=copy"], 2, "smic-hs, casme, casme2"),
        (["table1", "--root", "casme2=nowhere"], 1, "nowhere"),
        (["table1", "--root", "casme2=copy", "--protocol", "hde"], 2, "loso or kfold-subject"),
        (["table1", "--root", "casme2=copy", "--set", "training.epoch=1"], 2, "epochs"),
        ([], 2, "Missing argument"),
    ],
)
def test_a_slip_is_told_before_anything_is_computed(
    run: Run, home: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run(*arguments, "--out", "none", "--device", "cpu")
    assert done.exit_code == code, done.output
    assert words in done.output + done.stderr
    assert not (home / "none").exists()


def test_a_twin_is_labelled_in_the_terminal(measured: Run, run: Run, home: Path) -> None:
    draw_copy(home / "twin")
    (home / "twin" / "truth").mkdir()
    (home / "twin" / "truth" / "twin.json").write_text("{}")
    common = ("--cache", "cache-2", "--workers", "0", "--device", "cpu", "--out", "drawn", *SETTINGS)
    done = run("figure7", "--root", "casme2=twin", *common)
    assert done.exit_code == 0, done.output
    assert "CASME II twin (SYNTHETIC faces)" in done.stdout
    assert "SYNTHETIC: the faces of CASME II twin are drawn by a computer" in done.stdout
