"""The commands one after the other, on a few image folders: no faces, whole frames, the smallest network."""

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
Run = Callable[..., Result]


def draw_clip(folder: Path, seed: int, frames: int = 4) -> None:
    """Write a few small images of smooth noise that drifts."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    texture = Image.fromarray(noise).resize((60, 44), Image.Resampling.BICUBIC)
    for index in range(frames):
        texture.crop((index, 0, 48 + index, 40)).save(folder / f"img{index + 1}.png")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus of three people with two clips each."""
    home = tmp_path_factory.mktemp("home")
    rows = ["path,subject,label,fps"]
    for number in range(6):
        draw_clip(home / "data" / f"c{number}", seed=number)
        rows.append(f"c{number},s{number // 2},{('joy', 'anger')[number % 2]},100")
    (home / "data" / "clips.csv").write_text("\n".join(rows) + "\n")
    return home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs one command in the home folder."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("DSTAN_CLUSTER", raising=False)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke


@pytest.fixture(scope="module")
def model(home: Path) -> Path:
    """Train the model that the later tests use."""
    folder = home / "model"
    data = ["--corpus", "folder", "--root", str(home / "data"), "--cache", str(home / "cache"), "--workers", "0"]
    done = CliRunner().invoke(app, ["train", "dstan", *data, *SETTINGS, "--device", "cpu", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    assert "6 clips of 3 subjects" in done.stdout
    return folder


def test_check_counts_and_finds_what_is_damaged(run: Run, home: Path) -> None:
    good = run("check", "folder", "--root", "data")
    assert good.exit_code == 0, good.output
    assert "can be used" in good.stdout
    draw_clip(home / "bad" / "c0", seed=0)
    (home / "bad" / "c0" / "img2.png").write_bytes(b"")
    (home / "bad" / "clips.csv").write_text("path,subject,label,fps\nc0,s0,joy,100\nc1,s0,joy,100\n")
    bad = run("check", "folder", "--root", "bad")
    assert bad.exit_code == 1
    assert "img2.png" in bad.stdout
    report = json.loads(run("check", "folder", "--root", "bad", "--json").stdout)
    assert not report["ok"]
    assert any("c1" in finding["where"] + finding["what"] for finding in report["findings"])


def test_prepare_fills_the_cache_and_names_what_it_leaves_out(run: Run, home: Path) -> None:
    common = ("--cache", "cache-2", "--workers", "0", *SETTINGS)
    done = run("prepare", "folder", "--root", "data", *common)
    assert done.exit_code == 0, done.output
    assert "6 clips of 3 subjects are prepared in" in done.stdout
    draw_clip(home / "part" / "c0", seed=0)
    draw_clip(home / "part" / "c1", seed=1)
    (home / "part" / "c1" / "img2.png").write_bytes(b"no image")
    (home / "part" / "clips.csv").write_text("path,subject,label,fps\nc0,s0,joy,100\nc1,s1,anger,100\n")
    done = run("prepare", "folder", "--root", "part", *common, "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["prepared"]) == (0, 1)
    assert [item["clip_id"] for item in document["skipped"]] == ["c1"]
    assert "s1/c1 was left out" in run("prepare", "folder", "--root", "part", *common).stderr
    strict = run("prepare", "folder", "--root", "part", *common, "--strict")
    assert strict.exit_code == 1
    assert "c1" in strict.stderr


def test_prepare_draws_a_contact_sheet_and_cleans_the_cache(run: Run, home: Path) -> None:
    common = ("--cache", "cache-3", "--workers", "0", *SETTINGS)
    run("prepare", "folder", "--root", "data", *common, "--set", "recipe.steps=5")
    done = run("prepare", "folder", "--root", "data", *common, "--contact-sheet", "sheet.png", "--clean")
    assert done.exit_code == 0, done.output
    assert "To look at: sheet.png" in done.stdout
    assert "Removed 6 entries" in done.stdout
    assert (home / "sheet.png").read_bytes().startswith(b"\x89PNG")
    again = json.loads(run("prepare", "folder", "--root", "data", *common, "--clean", "--json").stdout)
    assert again["freed"] == {"entries": 0, "bytes": 0}
    assert again["contact_sheet"] == []


def test_evaluate_scores_resumes_and_reports(run: Run, home: Path) -> None:
    command = ["evaluate", "stan-a", "majority", "--corpus", "folder", "--root", "data", "--cache", "cache"]
    command += ["--workers", "0", "--device", "cpu", "--out", "run", *SETTINGS]
    done = run(*command)
    assert done.exit_code == 0, done.output
    assert "stan-a" in done.stdout
    assert "majority" in done.stdout
    assert "dstan report run" in done.stdout
    written = (home / "run" / "stan-a" / "predictions.csv").stat().st_mtime_ns
    again = run(*command, "--json")
    document = json.loads(again.stdout)
    assert set(document["results"]) == {"stan-a", "majority"}
    assert document["results"]["majority"]["classes"] == ["anger", "joy"]
    assert 0 <= document["results"]["stan-a"]["uf1"] <= 1
    assert document["results"]["stan-a"]["weights"] == ""
    costs = document["costs"]
    assert set(costs) == {"stan-a", "majority"}
    assert costs["stan-a"]["parameters"] > 100
    assert min(costs["stan-a"].values()) > 0
    assert (costs["majority"]["parameters"], costs["majority"]["clips_per_second"]) == (0, None)
    assert written <= (home / "run" / "stan-a" / "predictions.csv").stat().st_mtime_ns
    other = run(*command, "--set", "training.epochs=2")
    assert other.exit_code == 1
    assert "epochs" in other.stderr
    page = run("report", "run")
    assert page.exit_code == 0, page.output
    assert (home / "run" / "report.html").stat().st_size > 1000
    again = json.loads(run("report", "run", "--json").stdout)
    assert again["report"].endswith("report.html")
    assert again["costs"] == costs


def test_train_leaves_a_folder_with_other_things_alone(run: Run, home: Path) -> None:
    (home / "thesis").mkdir()
    (home / "thesis" / "chapter1.txt").write_text("years of work")
    done = run("train", "majority", "--corpus", "folder", "--root", "data", "--out", "thesis")
    assert done.exit_code == 1
    assert "left alone" in done.stderr
    assert [item.name for item in (home / "thesis").iterdir()] == ["chapter1.txt"]


def test_info_says_what_a_model_is(run: Run, model: Path) -> None:
    shown = run("info", str(model))
    assert shown.exit_code == 0, shown.output
    assert "| 6 | 3 | 0 |" in shown.stdout
    assert "| anger | 3 | anger 3 |\n| joy | 3 | joy 3 |" in shown.stdout
    settings = run("info", str(model), "--settings").stdout
    assert "size = 32" in settings
    assert "anger" not in settings
    document = json.loads(run("info", str(model), "--json").stdout)
    assert (document["method"], document["classes"]) == ("dstan", ["anger", "joy"])
    assert document["weights"] == ""
    assert f"| parameters | {document['parameters']:,} |" in shown.stdout
    assert document["settings"]["recipe"]["alignment"] == "none"


def test_a_handcrafted_method_is_trained_told_and_predicts_through_the_same_commands(run: Run, home: Path) -> None:
    few = ("recipe.size=32", "recipe.steps=5", "recipe.alignment=none", "svm.C=[1, 8]")
    own = [part for item in few for part in ("--set", item)]
    data = ("--corpus", "folder", "--root", "data", "--cache", str(home / "cache"), "--workers", "0")
    trained = run("train", "lbp-sip", *data, *own, "--out", "patterns")
    assert trained.exit_code == 0, trained.output
    told = run("info", "patterns").stdout
    assert "| fidelity | minor choices |" in told
    assert "| chosen inside | of 2 candidates by people held out of the training clips: C " in told
    assert json.loads(run("info", "patterns", "--json").stdout)["choice"]["C"] in (1, 8)
    assert "data/c0: " in run("predict", "data/c0", "--model", "patterns", "--fps", "100").stdout


def test_predict_shows_label_bars_and_attention(run: Run, model: Path, home: Path) -> None:
    done = run("predict", "data/c0", "--model", str(model), "--fps", "100")
    assert done.exit_code == 0, done.output
    first, extent, *rest = done.stdout.splitlines()
    assert first in ("data/c0: joy", "data/c0: anger")
    assert extent == "4 frames, 0.04 s"
    assert sum("█" in line or "·" in line for line in rest) >= 2
    assert sum("attention to" in line for line in rest) == 2


def test_predict_names_a_bad_video_and_keeps_the_others(run: Run, model: Path, home: Path) -> None:
    (home / "notes.mp4").write_text("not a video")
    done = run("predict", "data/c0", "notes.mp4", "nowhere.mp4", "data/c1", "--model", str(model), "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [item["path"] for item in document["predictions"]] == ["data/c0", "data/c1"]
    assert [item["path"] for item in document["failed"]] == ["notes.mp4", "nowhere.mp4"]
    assert document["predictions"][0]["seconds"] is None
    assert "--fps" in document["predictions"][0]["warnings"][0]
    assert abs(sum(document["predictions"][0]["probabilities"].values()) - 1) < 1e-9
    assert done.stderr.count("error: ") == 2


def test_predict_chooses_frames_by_onset_and_offset(run: Run, model: Path) -> None:
    done = run("predict", "data/c0", "--model", str(model), "--onset", "1", "--offset", "2", "--fps", "100", "--json")
    assert json.loads(done.stdout)["predictions"][0]["frames"] == 2
    outside = run("predict", "data/c0", "--model", str(model), "--offset", "9")
    assert outside.exit_code == 1
    assert "9" in outside.stderr


def test_corpora_and_tasks_say_what_is_supported(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("DSTAN_FOLDER_ROOT", str(home / "data"))
    monkeypatch.setenv("DSTAN_CASME2_ROOT", str(home / "gone"))
    shown = run("corpora")
    assert shown.exit_code == 0, shown.output
    rows = json.loads(run("corpora", "--json").stdout)
    copies = {row["name"]: row["copy"] for row in rows}
    assert (copies["folder"]["root"], copies["folder"]["clips"]) == (str(home / "data"), 6)
    assert (copies["casme2"]["clips"], copies["casme2"]["problem"]) == (0, "there is no such folder")
    assert copies["smic-hs"] is None
    for row in rows:
        assert row["name"] in shown.stdout
        assert row["licence"]
    one = run("corpora", "casme2")
    assert "CASME2-coding-20140508.xlsx" in one.stdout
    assert "EP12_01f" in one.stdout
    assert run("corpora", "casme22").exit_code == 2
    tasks = run("tasks").stdout
    assert "megc2019-3" in tasks
    document = json.loads(run("tasks", "--json").stdout)
    assert document["casme2-5"]["sources"]["casme2"]["expected"]["20140508"]["others"] == 99
    assert document["megc2019-3"]["together"] == ["smic-hs", "casme2", "samm"]


def test_a_corpus_that_the_settings_name_needs_no_root(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSTAN_FOLDER_ROOT", str(home / "data"))
    done = run("check", "folder")
    assert done.exit_code == 0, done.output
    assert "anger" in done.stdout
    monkeypatch.delenv("DSTAN_FOLDER_ROOT")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    missing = run("check", "folder")
    assert missing.exit_code == 1
    assert "DSTAN_FOLDER_ROOT" in missing.stderr


def test_a_users_own_task_gives_the_classes(run: Run, home: Path) -> None:
    (home / "moods.toml").write_text(
        'classes = ["bad", "good"]\n[corpora.folder]\ncolumn = "label"\nmapping = {joy = "good", anger = "bad"}\n'
    )
    common = ("--cache", "cache", "--workers", "0", "--device", "cpu", *SETTINGS, "--json")
    roots = ("--root", "folder=data", "--out", "moods")
    done = run("evaluate", "majority", *roots, "--task", "moods.toml", *common)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["results"]["majority"]
    assert found["classes"] == ["bad", "good"]
    assert [one["threshold"] for one in found["calibration"]["abstention"]] == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert json.loads((home / "moods" / "run.json").read_text())["task"] == "moods"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "folder", "--corpus", "casme2", "--root", "data"], "--root data: of which corpus?"),
        (["--corpus", "folder", "--root", "data", "--root", "more"], "--root data: of which corpus?"),
        (["--corpus", "folder", "--root", "casme2=data"], "casme2 is not evaluated"),
        (["--root", "folder=data", "--protocol", "hde"], "needs several corpora"),
        (["--root", "folder=data", "--test", "folder"], "loso tests people of every corpus"),
    ],
)
def test_what_belongs_to_no_corpus_is_named(run: Run, arguments: list[str], message: str) -> None:
    done = run("evaluate", "majority", *arguments, "--cache", "cache", "--workers", "0", "--device", "cpu", *SETTINGS)
    assert done.exit_code in (1, 2)
    assert message in done.stderr


def test_what_each_recipe_has_to_say_of_a_clip_is_told(run: Run, home: Path) -> None:
    rows = (home / "data" / "clips.csv").read_text().replace(",100\n", ",\n")
    (home / "data" / "no-rate.csv").write_text(rows)
    command = ("prepare", "folder", "--root", "data/no-rate.csv", "--cache", "cache-3", "--workers", "0", *SETTINGS)
    document = json.loads(run(*command, "--for", "dstan", "--for", "stan-a", "--json").stdout)
    assert len(document["clips"]) == 6
    for about in document["clips"].values():
        assert sum("frame rate is unknown" in warning for warning in about["warnings"]) == 1
        assert len(about["head_motion"]) == len(document["recipes"])
    said = run(*command).stderr
    assert said.count("frame rate is unknown") == 5
    assert "and 1 more" in said
