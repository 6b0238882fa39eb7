"""Methods that begin from a fitted model, and models applied as they are, from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.clips import PreparedClip
from dstan.recognizers import recognizer, save_model

CLASSES = ("anger", "joy")
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus of four people with two clips each, and a model that saw none of them."""
    home = tmp_path_factory.mktemp("home")
    rows = ["path,subject,label,fps"]
    for number in range(8):
        folder = home / "data" / f"c{number}"
        folder.mkdir(parents=True)
        noise = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
        texture = Image.fromarray(noise).resize((60, 44), Image.Resampling.BICUBIC)
        for index in range(4):
            texture.crop((index, 0, 48 + index, 40)).save(folder / f"img{index + 1}.png")
        rows.append(f"c{number},s{number // 2},{CLASSES[number % 2]},100")
    (home / "data" / "clips.csv").write_text("\n".join(rows) + "\n")
    _save(home / "weights", "drawn")
    _save(home / "seen", "folder")
    return home


def _save(folder: Path, corpus: str) -> None:
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            flow=rng.normal(kind, 1, (2, 2, 32, 32)).astype(np.float32),
            label=name,
            corpus=corpus,
            subject=f"s{person}",
            clip_id=name,
        )
        for person in range(3)
        for kind, name in enumerate(CLASSES)
    ]
    settings = {
        "recipe": {"size": 32, "steps": 2, "alignment": "none"},
        "network": {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2},
        "training": {"epochs": 1},
    }
    save_model(recognizer("stmn-a", settings).fit(clips, classes=CLASSES), folder)


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs one command on the corpus, in the home folder."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("DSTAN_CLUSTER", raising=False)
    data = ["--corpus", "folder", "--root", "data", "--cache", "cache", "--workers", "0", "--device", "cpu"]

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, *data], env={"COLUMNS": "160"})

    return invoke


def test_a_method_begins_from_a_model_whatever_recipe_that_was_made_with(run: Run, home: Path) -> None:
    begun = ("--init", "weights", "--set", "init.epochs=1")
    done = run("evaluate", "stmn-a", "majority", *begun, "--out", "begun", "--json")
    assert done.exit_code == 0, done.output
    scores = json.loads(done.stdout)["results"]
    assert (scores["stmn-a"]["weights"], scores["majority"]["weights"]) == ("begun from weights", "")
    assert "stmn-a: begun from weights" in done.stderr
    assert "majority: not begun from it" in done.stderr
    again = run("evaluate", "stmn-a", *begun, "--out", "begun")
    assert "stmn-a (begun from weights)" in again.stdout
    assert "“Begun from MODEL”" in again.stdout
    trained = run("train", "stmn-a", *begun, "--out", "model")
    assert trained.exit_code == 0, trained.output
    about = CliRunner().invoke(app, ["info", str(home / "model"), "--json"])
    assert json.loads(about.stdout)["trained"]["corpora"] == ["drawn", "folder"]
    assert "| weights | begun from weights |" in CliRunner().invoke(app, ["info", str(home / "model")]).stdout


def test_a_report_says_what_was_chosen_inside_of_a_method_that_begins_from_a_model(run: Run, home: Path) -> None:
    choice = ("--set", "init.learning_rates=[1e-9,1e-2]", "--set", "init.frozen=[0,2]", "--set", "init.epochs=1")
    done = run("evaluate", "stmn-a", "--init", "weights", *choice, "--out", "chosen", "--set", "training.inner_parts=2")
    assert done.exit_code == 0, done.output
    CliRunner().invoke(app, ["report", "chosen"])
    page = (home / "chosen" / "report.html").read_text()
    assert "<li>learning rate: " in page
    assert "<li>frozen blocks: " in page


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_what_contradicts_or_has_seen_the_people_stops_before_preparation(run: Run, command: str) -> None:
    out = ("--out", f"no-{command}", "--cache", "nowhere")
    sized = run(command, "stmn-a", "--init", "weights", "--set", "recipe.size=64", *out)
    assert "recipe.size is 64 here, and the model that it begins from was made with 32" in sized.stderr
    seen = run(command, "stmn-a", "--init", "seen", *out)
    assert "it has learned from clips of folder: nobody there is new to it" in seen.stderr.replace("\n", " ")
    other = run(command, "lbp-top", "--init", "weights", *out)
    assert "it is a model of stmn-a, and lbp-top cannot begin from it" in other.stderr.replace("\n", " ")
    missing = run(command, "stmn-a", "--init", "nothing", *out)
    assert "there is no such folder" in missing.stderr.replace("\n", " ")
    assert [one.exit_code for one in (sized, seen, other, missing)] == [2, 1, 2, 1]
    assert not Path("nowhere").exists()


def test_a_model_is_applied_as_it_is(run: Run) -> None:
    done = run("evaluate", "--zero-shot", "weights", "--out", "zero", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["results"]["stmn-a"]["weights"] == "zero-shot"
    assert found["results"]["stmn-a"]["clips"] == 8
    assert found["costs"]["stmn-a"]["fit_seconds"] is None
    assert "stmn-a (zero-shot)" in run("evaluate", "--zero-shot", "weights", "--out", "zero").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "there is no method to evaluate.*--zero-shot WEIGHTS"),
        (
            ("stmn-a", "--zero-shot", "weights"),
            "applies that model as it is, and stmn-a would be fitted.*--init weights",
        ),
        (("--zero-shot", "weights", "--set", "training.epochs=2"), "the settings that it was made with"),
        (("--zero-shot", "weights", "--init", "weights"), "the settings that it was made with"),
        (("--zero-shot", "weights", "--protocol", "hde"), "holds nobody out, as --protocol hde would"),
        (("--zero-shot", "weights", "--seeds", "2"), "2 seeds: nothing is learned.*Leave --seeds out"),
        (("--zero-shot", "weights", "--train-subjects", "3"), "nobody is learned from"),
        (("--zero-shot", "seen"), "it has learned from clips of folder"),
        (("stmn-a", "--protocol", "zero-shot"), "zero-shot applies a model as it is, and this method is not fitted"),
    ],
)
def test_what_makes_no_sense_says_what_to_type(run: Run, arguments: tuple[str, ...], says: str) -> None:
    done = run("evaluate", *arguments, "--out", "refused")
    assert done.exit_code != 0
    assert re.search(says, re.sub(r"\s+", " ", done.stderr)), done.stderr


def test_few_people_to_learn_from_are_told_wherever_scores_are(run: Run, home: Path) -> None:
    asked = ("evaluate", "majority", "--train-subjects", "2", "--out", "few", "--set", "recipe.alignment=none")
    assert "Of each training part 2 people were learned from" in run(*asked).stdout
    found = json.loads(run(*asked, "--json").stdout)
    assert found["train_subjects"] == 2
    CliRunner().invoke(app, ["report", "few"])
    page = (home / "few" / "report.html").read_text()
    assert "learned from 2 people a fold" in page
    assert "Of each training part 2 people were learned from, drawn by seed and fold" in page
