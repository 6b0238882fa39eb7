"""`dstan compare` on runs written by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app

CLASSES = ("joy", "anger")
HITS = {"dstan": (9, 8, 9, 7, 8, 9, 10, 8), "stan-a": (6, 6, 5, 5, 4, 6, 9, 4), "stmn-a": (7, 6, 8, 5, 7, 6, 9, 7)}
Compare = Callable[..., Result]


def write_run(folder: Path, *, synthetic: bool) -> None:
    for method, hits in HITS.items():
        (folder / method).mkdir(parents=True)
        with (folder / method / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["corpus", "subject", "clip_id", "fold", "seed", "y_true", "y_pred", "p_joy", "p_anger"])
            for person, right in enumerate(hits):
                for clip in range(10):
                    said = CLASSES[clip % 2 if clip < right else 1 - clip % 2]
                    name = f"s{person}"
                    writer.writerow(["toy", name, f"c{clip}", name, 0, CLASSES[clip % 2], said, 0.5, 0.5])
        (folder / method / "metrics.json").write_text("{}")
    methods = {name: {"settings": {}, "components": []} for name in HITS}
    about = {"synthetic": synthetic, "task": "toy", "protocol": "loso", "classes": CLASSES, "methods": methods}
    (folder / "run.json").write_text(json.dumps({**about, "components": {}}))
    (folder / "skipped.csv").write_text("corpus,subject,clip_id,stage,reason\n")


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """Give a function that compares in a folder with a drawn run and a real one."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run", synthetic=True)
    write_run(tmp_path / "real", synthetic=False)
    return lambda *arguments: CliRunner().invoke(app, ["compare", *arguments])


def test_tables_and_words_are_printed_under_the_word_synthetic(compare: Compare) -> None:
    done = compare("run")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("SYNTHETIC: the faces are drawn")
    assert "The same 80 clips of 8 people." in done.stdout
    assert "dstan has a higher UF1 (+0.2" in done.stdout
    assert "Holm p" in done.stdout
    assert "One seed only: dstan, stan-a, stmn-a." in done.stdout


def test_two_methods_of_real_faces_need_no_correction(compare: Compare) -> None:
    done = compare("real/dstan", "real/stan-a")
    assert done.exit_code == 0, done.output
    assert "SYNTHETIC" not in done.stdout
    assert "Holm" not in done.stdout
    assert "0.008" in done.stdout


def test_what_differs_between_runs_is_warned_of(compare: Compare) -> None:
    done = compare("real/dstan", "run/dstan")
    assert "warning: the faces of run/dstan are drawn" in done.stderr
    assert "between" not in done.stderr


def test_json_is_one_document_with_the_words(compare: Compare) -> None:
    document = json.loads(compare("run", "--json").stdout)
    assert document["synthetic"] is True
    assert [one["name"] for one in document["methods"]] == list(HITS)
    pair = document["pairs"][1]
    assert (pair["one"], pair["other"], pair["higher"]["uf1"]) == ("dstan", "stmn-a", "dstan")
    assert pair["wilcoxon_holm"] == pytest.approx(3 * pair["wilcoxon"]["p"])
    assert pair["words"].startswith("dstan has a higher UF1")
    assert document["limits"]
    assert document["files"] == []


def test_files_hold_the_same_numbers(compare: Compare, tmp_path: Path) -> None:
    done = compare("run", "--out", "found/here", "--json")
    document = json.loads(done.stdout)
    names = sorted(Path(file).name for file in document["files"])
    assert names == ["comparison.csv", "comparison.md", "comparison.png", "comparison.svg"]
    folder = tmp_path / "found" / "here"
    with (folder / "comparison.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for row, pair in zip(table, document["pairs"], strict=True):
        assert (row["one"], row["other"], row["synthetic"]) == (pair["one"], pair["other"], "True")
        assert float(row["uf1_low"]) == pair["differences"]["uf1"]["low"]
        assert float(row["wilcoxon_holm_p"]) == pair["wilcoxon_holm"]
        assert row["accuracy_is_higher_in"] == (pair["higher"]["accuracy"] or "cannot decide")
    page = (folder / "comparison.md").read_text(encoding="utf-8")
    assert "**SYNTHETIC" in page
    assert all(pair["words"] in page for pair in document["pairs"])
    assert "(comparison.svg)" in page


def test_the_picture_says_what_is_compared_and_that_it_is_synthetic(compare: Compare, tmp_path: Path) -> None:
    compare("run", "--out", "found")
    drawn = "".join(ElementTree.parse(tmp_path / "found" / "comparison.svg").getroot().itertext())
    assert "dstan \N{MINUS SIGN} stan-a" in drawn
    assert "80 SYNTHETIC clips of 8 people" in drawn
    with Image.open(tmp_path / "found" / "comparison.png") as picture:
        assert picture.width > 1000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run/dstan"], 2, "Name another run, or methods of one"),
        (["nowhere", "run"], 1, "there is no such folder"),
        (["run/run.json", "run"], 1, "this is a file, not a folder"),
        (["run/dstn", "run"], 2, "Did you mean 'dstan'?"),
        ([], 2, "Missing argument"),
    ],
)
def test_mistakes_end_with_a_message_and_a_code(
    compare: Compare, arguments: list[str], code: int, message: str
) -> None:
    done = compare(*arguments)
    assert done.exit_code == code
    assert message in done.stderr
    assert done.stdout == ""


def test_help_has_an_example(compare: Compare) -> None:
    assert "dstan compare run/dstan run/stan-a" in compare("--help").stdout
