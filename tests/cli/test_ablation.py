"""dstan ablate as it is typed, on a few image folders: no faces, whole frames, the smallest network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app

SMALL = ("recipe.size=32", "recipe.steps=2", "recipe.alignment=none", "training.epochs=1", "network.lstm_width=4")
SETTINGS = [part for item in SMALL for part in ("--set", item)]
HERE = ["--corpus", "folder", "--root", "data", "--cache", "cache", "--workers", "0", "--device", "cpu"]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus of four people with two clips each."""
    home = tmp_path_factory.mktemp("home")
    rows = ["path,subject,label,fps"]
    for number in range(8):
        noise = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
        texture = Image.fromarray(noise).resize((60, 44), Image.Resampling.BICUBIC)
        (home / "data" / f"c{number}").mkdir(parents=True)
        for frame in range(4):
            texture.crop((frame, 0, 48 + frame, 40)).save(home / "data" / f"c{number}" / f"img{frame + 1}.png")
        rows.append(f"c{number},s{number // 2},{('joy', 'anger')[number % 2]},100")
    (home / "data" / "clips.csv").write_text("\n".join(rows) + "\n")
    return home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs one command in the home folder."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("DSTAN_CLUSTER", raising=False)
    monkeypatch.setenv("COLUMNS", "160")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["ablate", *arguments])

    return invoke


def test_it_explains_itself_with_an_example(run: Run) -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    assert "Example: dstan ablate" in shown.output
    assert "--json" in shown.output


def test_it_measures_prints_and_writes_the_page_where_it_is_wanted(run: Run, home: Path) -> None:
    done = run(
        *HERE, *SETTINGS, "--only", "pairs, standardise", "--seeds", "2", "--subjects", "3", "--out", "runs",
        "--page", "docs/changes.md",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    for text in ("pairs-onset", "standardise-off", "UF1 of the base: stmn-a", "2 comparisons"):
        assert text in done.stdout
    assert "The page is in docs/changes.md" in done.stdout
    page = (home / "docs" / "changes.md").read_text(encoding="utf-8")
    assert "the first 3 of 4 people" in page
    typed = next(line for line in page.splitlines() if line.startswith("dstan ablate"))
    assert typed.startswith("dstan ablate --corpus folder --root data --protocol loso --seeds 2 --only 'pairs, stand")
    assert "--subjects 3 --set recipe.size=32" in typed
    assert "cache" not in typed
    assert (home / "docs" / "images" / "changes.png").is_file()
    assert (home / "runs" / "images" / "ablations.svg").is_file()


def test_json_is_one_document(run: Run) -> None:
    done = run(*HERE, *SETTINGS, "--only", "pairs", "--seeds", "2", "--subjects", "3", "--out", "runs-json", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    (row,) = document["comparisons"]
    assert document["synthetic"] is False
    assert "One comparison was made, and it is not decided." in document["words"]
    assert (row["run"], row["method"], row["before"], row["after"]) == ("pairs-onset", "stmn-a", "adjacent", "onset")
    assert row["joint_low"] <= row["difference"] <= row["joint_high"]
    assert document["base"]["stmn-a"]["uf1"]["value"] == pytest.approx(row["uf1"] - row["difference"])
    assert Path(document["files"]["page"]) == Path("runs-json/ablations.md")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "pair"], ["error: no choice is called 'pair'", "Did you mean 'pairs'?"]),
        (["--set", "training.epochs=inner"], ["error: training.epochs: half and double of 'inner'", "hint: "]),
        (["--set", "trainig.epochs=1"], ["no setting 'trainig'"]),
    ],
)
def test_a_wrong_question_is_refused_before_the_corpus_is_read(
    run: Run, arguments: list[str], words: list[str]
) -> None:
    refused = run("--corpus", "folder", "--root", "nowhere", *arguments)
    assert refused.exit_code == 2, refused.output
    assert all(word in refused.output for word in words), refused.output
