"""Fidelity and tracks as they are typed and shown: methods, evaluate, compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.recognizers import METHODS, PAPER_TRACK, recognizer
from dstan.recognizers.lbp_sip import LBPSIP

Run = Callable[..., Result]
FAST = ("recipe.size=32", "recipe.alignment=none", "recipe.landmarks=mediapipe")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus of three people with two clips each."""
    home = tmp_path_factory.mktemp("home")
    rows = ["path,subject,label,fps"]
    for number in range(6):
        folder = home / "data" / f"c{number}"
        folder.mkdir(parents=True)
        noise = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
        texture = Image.fromarray(noise).resize((60, 44), Image.Resampling.BICUBIC)
        for index in range(4):
            texture.crop((index, 0, 48 + index, 40)).save(folder / f"img{index + 1}.png")
        rows.append(f"c{number},s{number // 2},{('joy', 'anger')[number % 2]},100")
    (home / "data" / "clips.csv").write_text("\n".join(rows) + "\n")
    return home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs one command in the home folder, a hundred columns wide."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("DSTAN_CLUSTER", raising=False)
    return lambda *arguments: CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})


@pytest.fixture
def evaluate(run: Run) -> Run:
    """Give a function that evaluates methods on the corpus, small."""
    data = ("--corpus", "folder", "--root", "data", "--cache", "cache", "--workers", "0", "--device", "cpu")
    return lambda *arguments: run("evaluate", *arguments, *data, *(part for one in FAST for part in ("--set", one)))


def test_methods_shows_fidelity_and_tracks_within_a_hundred_columns(run: Run) -> None:
    shown = run("methods").stdout
    table = shown[: shown.index("\ndstan, dstan-average")]
    assert max(map(len, table.splitlines())) <= 100
    assert all(name in table for name in METHODS)
    (row,) = [line for line in table.splitlines() if line.split()[:1] == ["bi-woof"]]
    assert row.split()[-2:] == ["exact", "both"]
    assert "(re-interpretation)" in table
    assert "minor choices: the formulas are published" in shown
    rows = {one["name"]: one for one in json.loads(run("methods", "--json").stdout)}
    assert rows["lcbp"]["fidelity"] == "re-interpretation"
    assert rows["lcbp"]["tracks"] == ["common", "paper"]
    assert rows["dstan"]["tracks"] == ["common"]


def test_every_handcrafted_method_has_both_tracks_and_its_settings_can_be_printed(run: Run) -> None:
    handcrafted = {name for name in METHODS if hasattr(recognizer(name).settings, "svm")}
    assert len(handcrafted) == 9
    assert {f"{name}-paper" for name in handcrafted} <= set(PAPER_TRACK)
    assert {name.removesuffix("-paper") for name in PAPER_TRACK} <= set(METHODS)
    assert "balanced = false" in run("config", "lbp-top-paper").stdout


def test_both_tracks_are_evaluated_and_those_not_ranked_come_last(evaluate: Run, home: Path) -> None:
    done = evaluate("lbp-top", "majority", "--method-track", "both", "--set", "svm.C=[1]", "--out", "both")
    assert done.exit_code == 0, done.output
    assert "settings of [svm] count for lbp-top, lbp-top-paper; the other methods have none" in done.stderr
    assert "lbp-top-paper: what is set here takes the place of what was published" in done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    names = [line.split()[0] for line in lines if line.startswith(("lbp-top", "majority"))]
    assert names == ["lbp-top", "majority", "lbp-top-paper"]
    assert any(line.startswith("exact, paper track") for line in lines)
    assert max(map(len, done.stdout[: done.stdout.index("In brackets")].splitlines())) <= 100
    assert "Only methods of the common track are ranked" in done.stdout
    about = json.loads((home / "both" / "run.json").read_text())["methods"]
    assert {name: (one["fidelity"], one["track"]) for name, one in about.items()} == {
        "lbp-top": ("exact", "common"),
        "majority": ("exact", "common"),
        "lbp-top-paper": ("exact", "paper"),
    }
    assert about["lbp-top-paper"]["settings"]["recipe"]["size"] == 32
    again = evaluate("lbp-top", "majority", "--method-track", "both", "--set", "svm.C=[1]", "--out", "both", "--json")
    results = json.loads(again.stdout)["results"]
    assert results["lbp-top-paper"]["track"] == "paper"
    assert results["lbp-top-paper"]["fidelity"] == "exact"


def test_compare_says_where_a_difference_ranks_no_methods(evaluate: Run, run: Run) -> None:
    evaluate("lbp-top", "majority", "--method-track", "both", "--set", "svm.C=[1]", "--out", "both")
    done = run("compare", "both", "--out", "found")
    assert done.exit_code == 0, done.output
    assert "lbp-top \N{MINUS SIGN} lbp-top-paper †" in done.stdout.replace("\n", " ")
    assert "†: no ranking" in done.stdout
    assert "No ranking of methods: lbp-top-paper has published input and parameters (paper track)." in done.stdout
    ranked = [line for line in done.stdout.splitlines() if line.startswith("- ") and "lbp-top and majority" in line]
    assert len(ranked) == 1
    assert "No ranking" not in ranked[0]
    document = json.loads(run("compare", "both", "--json").stdout)
    assert [one["track"] for one in document["methods"]] == ["common", "common", "paper"]
    assert [pair["unranked"] for pair in document["pairs"]] == [[], ["lbp-top-paper"], ["lbp-top-paper"]]
    assert "one,other,is_ranking," in Path("found/comparison.csv").read_text()
    page = run("report", "both")
    assert page.exit_code == 0, page.output
    told = "Not ranked: input and parameters as published for each, but that some were set otherwise in this run for"
    assert f"{told} lbp-top-paper<" in Path("both/report.html").read_text()


def test_the_paper_track_takes_the_place_of_names_and_leaves_others(evaluate: Run, home: Path) -> None:
    done = evaluate("bi-woof", "majority", "--method-track", "paper", "--out", "paper")
    assert done.exit_code == 0, done.output
    assert set(json.loads((home / "paper" / "run.json").read_text())["methods"]) == {"bi-woof-paper", "majority"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lbp-top", "--track", "common"], "Write --method-track common"),
        (["lbp-top", "--track", "wandb"], "runs cannot be logged to 'wandb'"),
        (["lbp-top", "--method-track", "papers"], "no track is called 'papers'"),
        (["dstan", "majority", "--method-track", "paper"], "dstan and majority have no paper track"),
        (["dstn", "--method-track", "both"], "no method is called 'dstn'"),
        (["lbp-top", "dstan", "--set", "trainin.epochs=3"], "lbp-top: there is no setting 'trainin'"),
        (["lbp-top", "dstan", "--set", "training.epoch=3"], "dstan: there is no setting 'training.epoch'"),
    ],
)
def test_a_slip_is_an_error_and_never_left_aside(evaluate: Run, arguments: list[str], words: str) -> None:
    done = evaluate(*arguments, "--out", "none")
    assert done.exit_code == 2, done.output
    assert words in done.stderr


def test_train_takes_a_name_of_the_paper_track(run: Run, home: Path) -> None:
    settings = [part for one in FAST for part in ("--set", one)]
    done = run(
        *("train", "lbp-sip-paper", "--corpus", "folder", "--root", "data", "--out", "model", "--cache", "cache"),
        *("--workers", "0", *settings),
    )
    assert done.exit_code == 0, done.output
    assert json.loads((home / "model" / "model.json").read_text())["method"] == "lbp-sip-paper"


def test_weights_stand_beside_the_name_of_a_method_that_lacks_them(
    evaluate: Run, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "“From scratch”" not in evaluate("majority", "--out", "plain").stdout
    monkeypatch.setattr(LBPSIP, "weights", "from scratch")
    monkeypatch.setattr(LBPSIP, "fidelity", "re-interpretation")
    shown = run("methods").stdout
    table = shown[: shown.index("\ndstan, dstan-average")]
    assert max(map(len, table.splitlines())) <= 100
    lines = [line.strip().split("  ")[0] for line in table.splitlines()]
    place = lines.index("lbp-sip")
    assert lines[place + 1 : place + 3] == ["(re-interpretation,", "from scratch)"]
    assert "“From scratch” beside a name" in shown
    rows = {one["name"]: one["weights"] for one in json.loads(run("methods", "--json").stdout)}
    assert (rows["lbp-sip"], rows["dstan"]) == ("from scratch", "")
    done = evaluate("lbp-sip", "majority", "--set", "svm.C=[1]", "--out", "bare")
    assert done.exit_code == 0, done.output
    assert "lbp-sip (re-interpretation, from" in done.stdout
    assert "“From scratch” beside a name" in done.stdout
    assert max(map(len, done.stdout[: done.stdout.index("In brackets")].splitlines())) <= 100
    compared = run("compare", "bare", "--out", "sides")
    assert "lbp-sip (re-interpretation, from" in compared.stdout
    assert "“From scratch” beside a name" in compared.stdout
    assert "lbp-sip (re-interpretation, from scratch)" in Path("sides/comparison.md").read_text()
