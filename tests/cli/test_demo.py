from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dstan.cli import app, demo


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the demo as small as it can be."""
    monkeypatch.setattr(demo, "SUBJECTS", 2)
    monkeypatch.setattr(demo, "CLIPS", 6)
    monkeypatch.setattr(demo, "WIDTH", 240)
    monkeypatch.setattr(demo, "HEIGHT", 180)
    monkeypatch.setattr(demo, "ASSIGNMENTS", ("recipe.size=32", "recipe.steps=2", "training.epochs=1"))


@pytest.mark.slow
def test_the_demo_does_everything_and_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = CliRunner().invoke(app, ["demo", "--out", str(out), "--workers", "0"])
    assert done.exit_code == 0, done.output
    for number in range(1, demo.STEPS + 1):
        assert f"{number}/{demo.STEPS}  " in done.stdout
    for name in ("run/report.html", "model/model.json", "unseen.mp4", "twin/CASME2-coding-20140508.xlsx"):
        assert (out / name).is_file(), name
    assert str(out / "run" / "report.html") in done.stdout
    assert f"dstan predict YOUR-VIDEO --model {out / 'model'}" in done.stdout
    model = (out / "model" / "model.json").read_bytes()

    again = CliRunner().invoke(app, ["demo", "--out", str(out), "--workers", "0", "--json"])
    assert again.exit_code == 0, again.output
    document = json.loads(again.stdout)
    assert set(document["results"]) == set(demo.METHODS)
    assert document["prediction"]["label"] in document["results"]["dstan"]["classes"]
    assert document["truth"] in document["results"]["dstan"]["classes"]
    assert (out / "model" / "model.json").read_bytes() == model
    assert document["seconds"] < 30
    assert json.loads((out / "run" / "run.json").read_text())["synthetic"] is True


def test_the_demo_leaves_a_folder_with_other_things_alone(tmp_path: Path) -> None:
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin" / "thesis.txt").write_text("years of work")
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--workers", "0"])
    assert done.exit_code == 1
    assert "error: " in done.stderr
    assert (tmp_path / "twin" / "thesis.txt").read_text() == "years of work"
