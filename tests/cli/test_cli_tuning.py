"""dstan tune on a few image folders: no faces, whole frames, the smallest network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.cli.tuning import values_to_try
from dstan.errors import ConfigError
from dstan.recognizers import load_model

SMALL = ("recipe.size=32", "recipe.steps=2", "recipe.alignment=none", "training.epochs=1", "network.lstm_width=4")
SETTINGS = [part for item in SMALL for part in ("--set", item)]
GRID = ("--try", "training.learning_rate=1e-3,1e-2", "--try", "recipe.pairs=adjacent,onset")


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


def _tune(home: Path, *arguments: str, out: str = "run") -> Result:
    data = ["--corpus", "folder", "--root", str(home / "data"), "--cache", str(home / "cache"), "--workers", "0"]
    common = [*data, *SETTINGS, "--device", "cpu", "--out", str(home / out)]
    return CliRunner().invoke(app, ["tune", "stmn-a", *common, *arguments])


def test_tune_scores_shows_the_search_and_leaves_a_run(home: Path) -> None:
    done = _tune(home, *GRID)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    (heading,) = (line for line in lines if "inner UF1" in line)
    assert heading.split() == ["training.learning_rate", "recipe.pairs", "inner", "UF1", "chosen"]
    assert sum(line.endswith("of 3 ") or line.endswith("of 3") for line in map(str.rstrip, lines)) == 4
    assert "it is not a result" in done.stdout
    search = json.loads((home / "run" / "stmn-a" / "search.json").read_text())
    assert search["candidates"][1] == {"training.learning_rate": 0.001, "recipe.pairs": "onset"}
    assert search["parts"] == 5
    for choice in search["choices"]:
        model = load_model(home / "run" / "stmn-a" / "folds" / f"{choice['fold']}-seed0")
        assert model.settings.recipe.pairs == search["candidates"][choice["chosen"]]["recipe.pairs"]
    page = CliRunner().invoke(app, ["report", str(home / "run")])
    assert page.exit_code == 0, page.output


def test_tune_as_json_goes_on_where_it_was(home: Path) -> None:
    first = json.loads(_tune(home, *GRID, "--json", out="again").stdout)
    stamps = {file: file.stat().st_mtime_ns for file in (home / "again").rglob("fold.json")}
    second = json.loads(_tune(home, *GRID, "--json", out="again").stdout)
    assert first == second
    assert stamps == {file: file.stat().st_mtime_ns for file in (home / "again").rglob("fold.json")}
    assert set(first) == {"run", "results", "search", "skipped"}
    assert first["search"] == json.loads((home / "again" / "stmn-a" / "search.json").read_text())
    assert 0 <= first["results"]["stmn-a"]["uf1"] <= 1
    other = _tune(home, *GRID[:2], out="again")
    assert other.exit_code == 1
    assert "recipe.pairs is" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--try", "training.learning_rat=1e-3,1e-2"), "Did you mean training.learning_rate?"),
        (("--try", "recipe.pairs=adjacent,never"), "pairs cannot be 'never'"),
        (("--try", "training.learning_rate=1e-3"), "there is nothing to choose from"),
        (("--try", "training.learning_rate"), "is not NAME=VALUE,VALUE"),
        ((), "Missing option '--try'"),
    ],
)
def test_what_is_typed_wrongly_is_said_before_any_work(home: Path, arguments: tuple[str, ...], message: str) -> None:
    done = _tune(home, *arguments, out="wrong")
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (home / "wrong").exists()


def test_help_has_an_example() -> None:
    assert "dstan tune dstan --corpus casme2" in " ".join(CliRunner().invoke(app, ["tune", "--help"]).stdout.split())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.b=1e-3,3e-4", [1e-3, 3e-4]),
        ("a.b=adjacent, onset", ["adjacent", "onset"]),
        ("a.b=true,false", [True, False]),
        ("a.b=[170, 140],224", [[170, 140], 224]),
        ("a.b=inner,30", ["inner", 30]),
    ],
)
def test_values_are_separated_by_commas(text: str, values: list[object]) -> None:
    assert values_to_try([text]) == {"a.b": values}


@pytest.mark.parametrize("texts", [["a"], ["a="], ["=1,2"], ["a=1,,2"], ["a=1,2", "a=3,4"]])
def test_texts_that_are_no_values(texts: list[str]) -> None:
    with pytest.raises(ConfigError):
        values_to_try(texts)
