"""Cards from the command line: what train writes, which runs --scores takes, and what info shows of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.clips import PreparedClip
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.recognizers import recognizer, save_model

SMALL = ("recipe.size=32", "recipe.steps=2", "recipe.alignment=none", "recipe.pairs=onset-apex", "training.epochs=1")
SETTINGS = tuple(part for text in SMALL for part in ("--set", text))
COMMON = ("--cache", "cache", "--workers", "0", "--device", "cpu")
DATA = ("--corpus", "folder", "--root", "data")
Run = Callable[..., Result]


def _draw(home: Path, name: str = "data", labels: tuple[str, str] = ("joy", "anger")) -> None:
    """Write a corpus of three people with two clips each."""
    rows = ["path,subject,label,fps"]
    for number in range(6):
        folder = home / name / f"c{number}"
        folder.mkdir(parents=True)
        noise = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
        texture = Image.fromarray(noise).resize((60, 44), Image.Resampling.BICUBIC)
        for index in range(3):
            texture.crop((index, 0, 48 + index, 40)).save(folder / f"img{index + 1}.png")
        rows.append(f"c{number},anna{number // 2},{labels[number % 2]},100")
    (home / name / "clips.csv").write_text("\n".join(rows) + "\n")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluate once, for all tests to copy."""
    home = tmp_path_factory.mktemp("home")
    _draw(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.delenv("DSTAN_CLUSTER", raising=False)
        found = _run("evaluate", "ststnet", "majority", *DATA, *COMMON, *SETTINGS, "--out", "run")
        assert found.exit_code == 0, found.output
    return home


@pytest.fixture(autouse=True)
def home(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy; prepared clips are those of the copied frames."""
    monkeypatch.delenv("DSTAN_CLUSTER", raising=False)
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _train(*more: str, method: str = "ststnet", settings: tuple[str, ...] = SETTINGS) -> Result:
    return _run("train", method, *DATA, *COMMON, *settings, "--out", "model", *more)


def test_every_model_has_a_card_that_says_how_to_evaluate_it() -> None:
    done = _train()
    assert done.exit_code == 0, done.output
    assert "card.md (not evaluated: see --scores)" in done.stdout
    card = Path("model/card.md").read_text()
    headings = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        "What it is", "Data", "Classes", "Scores", "Intended use", "Limits", "Known biases", "The law",
        "Licence of the data", "To cite",
    ]  # fmt: skip
    assert "**Not evaluated.**" in card
    assert "dstan evaluate ststnet --task as-labelled --corpus folder --root folder=DIR --config same.toml" in card
    assert "synthetic" not in card


def test_the_commands_that_the_card_names_write_its_scores() -> None:
    _train()
    Path("same.toml").write_text(_run("info", "model", "--settings").stdout)
    common = (
        "ststnet",
        "--task",
        "as-labelled",
        "--corpus",
        "folder",
        "--root",
        "folder=data",
        "--config",
        "same.toml",
    )
    evaluated = _run("evaluate", *common, *COMMON, "--out", "again")
    assert evaluated.exit_code == 0, evaluated.output
    trained = _run("train", *common, *COMMON, "--scores", "again", "--out", "scored")
    assert trained.exit_code == 0, trained.output
    assert "From the run `again`" in Path("scored/card.md").read_text()


def test_people_of_ones_own_clips_are_counted_and_not_named() -> None:
    _train()
    for name in ("card.md", "model.json"):
        assert "anna" not in Path("model", name).read_text()
    about = json.loads(_run("info", "model", "--json").stdout)
    assert about["data"]["corpora"]["folder"]["subjects"] == 3
    assert about["scores"] is None


def test_scores_of_the_same_recipe_stand_on_the_card_with_their_intervals_and_their_run() -> None:
    done = _train("--scores", "run", "--json")
    assert done.exit_code == 0, done.output
    metrics = json.loads(Path("run/ststnet/metrics.json").read_text())
    written = json.loads(done.stdout)["scores"]
    assert {name: written[name] for name in metrics} == metrics
    card = Path("model/card.md").read_text()
    low, high = metrics["intervals"]["uf1"]
    assert f"| UF1 | {metrics['uf1']:.3f} | {low:.2f} to {high:.2f} |" in card
    assert "From the run `run` (" in card
    flat = " ".join(card.split())
    assert "6 clips of 3 people; every person was left out once (loso), one fit each" in flat
    assert "This very model was trained on all of them, and has not been tested itself." in flat
    assert f"Expected calibration error {metrics['calibration']['ece']:.3f}" in card
    index = json.loads(card.split("model-index: ")[1].splitlines()[0])
    assert index[0]["results"][0]["metrics"][1]["value"] == round(metrics["uf1"], 4)


def test_a_stream_that_another_method_brought_along_has_scores_too() -> None:
    small = tuple(
        p for t in ("network.lstm_width=4", "network.channels=[2,2,4,4,8]", "network.reduction=2") for p in ("--set", t)
    )
    found = _run("evaluate", "dstan", *DATA, *COMMON, *SETTINGS, *small, "--out", "both")
    assert found.exit_code == 0, found.output
    done = _train("--scores", "both", method="stmn-a", settings=(*SETTINGS, *small))
    assert done.exit_code == 0, done.output
    assert "From the run `both`" in Path("model/card.md").read_text()


@pytest.mark.parametrize(
    ("more", "method", "says"),
    [
        (("--set", "training.epochs=2"), "ststnet", "training.epochs is 1 in the run, and 2 here"),
        (("--set", "recipe.size=36"), "ststnet", "recipe.size is 32 in the run, and 36 here"),
        (("--set", "flow_values=relative"), "ststnet", "flow_values is pixels in the run, and relative here"),
        ((), "sssnet", "it has no scores of sssnet, only of ststnet, majority"),
        (("--task", "moods.toml"), "ststnet", "task is as-labelled in the run, and moods here"),
        (("--root", "other"), "ststnet", "classes is anger, joy in the run, and anger, fun here"),
    ],
)
def test_a_run_of_another_recipe_is_refused_before_anything_is_trained(
    more: tuple[str, ...], method: str, says: str, home: Path
) -> None:
    (home / "moods.toml").write_text(
        'classes = ["anger", "joy"]\n[corpora.folder]\ncolumn = "label"\nmapping = {joy = "joy", anger = "anger"}\n'
    )
    if "other" in more:
        _draw(home, "other", ("fun", "anger"))
        done = _run(
            "train", method, "--corpus", "folder", *more, *COMMON, *SETTINGS, "--scores", "run", "--out", "model"
        )
    else:
        done = _train("--scores", "run", *more, method=method)
    assert done.exit_code == 1
    assert says in done.stderr
    assert "or leave --scores out" in done.stderr
    assert not Path("model").exists()


def test_other_clips_or_labels_or_frames_are_named() -> None:
    table = Path("data/clips.csv")
    text = table.read_text()
    table.write_text(text.replace("c3,anna1,anger", "c3,anna1,joy"))
    assert "label of the clip folder/anna1/c3 is anger in the run, and joy here" in _train("--scores", "run").stderr
    table.write_text(text.replace("c5,anna2,anger,100\n", ""))
    assert "the clip folder/anna2/c5 is used in the run, and left out here" in _train("--scores", "run").stderr
    table.write_text(text)
    Path("data/c0/img3.png").unlink()
    said = _train("--scores", "run").stderr
    assert "frames of the clip folder/anna0/c0 is img1.png, img2.png, img3.png in the run, and img1.png" in said
    assert not Path("model").exists()


def test_a_run_with_folds_missing_is_not_finished() -> None:
    folds = Path("run/ststnet/folds")
    assert len(list(folds.iterdir())) == 3
    (folds / "anna1-seed0" / "fold.json").unlink()
    done = _train("--scores", "run")
    assert done.exit_code == 1
    assert "the run is not finished: fold anna1 with seed 0 is missing (ststnet)" in done.stderr
    Path("run/ststnet/metrics.json").unlink()
    assert "its scores are missing" in _train("--scores", "run").stderr
    assert "there is no run.json" in _train("--scores", "nowhere").stderr


def test_a_run_that_predicted_fewer_clips_is_not_finished() -> None:
    predictions = Path("run/ststnet/predictions.csv")
    predictions.write_text("\n".join(predictions.read_text().splitlines()[:-1]) + "\n")
    assert "anna2/c5 was not predicted with seed 0" in _train("--scores", "run").stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"protocol": "zero-shot"}, "the protocol is zero-shot, a model applied as it is in the run"),
        ({"train_subjects": 2}, "--train-subjects is 2 in the run, and all of them here"),
        ({"synthetic": True}, "synthetic is True in the run, and False here"),
        ({"notes": ["folder: read from older.csv"]}, "how the corpus was read"),
    ],
)
def test_runs_of_another_kind_are_refused(change: dict[str, object], says: str) -> None:
    info = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps({**info, **change}))
    done = _train("--scores", "run")
    assert done.exit_code == 1
    assert says in done.stderr


def test_a_tuned_run_is_refused() -> None:
    info = json.loads(Path("run/run.json").read_text())
    info["methods"]["ststnet"]["tuned"] = {"training.epochs": [1, 2]}
    Path("run/run.json").write_text(json.dumps(info))
    assert "chosen anew in every fold (dstan tune)" in _train("--scores", "run").stderr


def _save_weights(folder: Path, seed: int, twin: bool = False) -> None:
    rng = np.random.default_rng(seed)
    clips = [
        PreparedClip.from_arrays(
            flow=rng.normal(kind, 1, (1, 2, 32, 32)).astype(np.float32), label=name, corpus="elsewhere", clip_id=name
        )
        for kind, name in enumerate(("anger", "joy"))
    ]
    made = recognizer("ststnet", {"recipe": {"size": 32, "steps": 2, "alignment": "none", "pairs": "onset-apex"}})
    fitted = made.with_settings(made.settings.replaced({"training": {"epochs": 1}})).fit(clips, seed=seed)
    save_model(fitted, folder)


def test_weights_must_be_the_same_and_may_lie_elsewhere() -> None:
    for seed in range(2):
        _save_weights(Path(f"weights{seed}"), seed)
    begun = ("--set", "init.epochs=1")
    found = _run("evaluate", "ststnet", *DATA, *COMMON, *SETTINGS, *begun, "--init", "weights0", "--out", "begun")
    assert found.exit_code == 0, found.output
    other = _train("--scores", "begun", "--init", "weights1", *begun)
    assert "the weights that it begins from is weights0/model.safetensors (" in other.stderr
    none = _train("--scores", "begun")
    assert none.exit_code == 1
    shutil.copytree("weights0", "moved")
    assert _train("--scores", "begun", "--init", "moved", *begun).exit_code == 0
    card = Path("model/card.md").read_text()
    assert "begun from moved" in card
    assert "Before these clips it had learned elsewhere" in card


def test_a_model_of_a_synthetic_twin_says_so_on_its_card_and_in_predictions() -> None:
    Path("data/truth").mkdir()
    Path("data/truth/twin.json").write_text("{}")
    assert _train().exit_code == 0
    card = Path("model/card.md").read_text()
    assert "# ststnet, trained on own clips (synthetic twin)" in card
    assert "**It has seen no real face.** Its 6 clips are drawn" in card
    assert "It is not for conclusions about people." in " ".join(card.split())
    shown = _run("predict", "data/c0", "--model", "model", "--fps", "100", "--json")
    assert SYNTHETIC_ONLY in json.loads(shown.stdout)["predictions"][0]["warnings"]


def test_a_twin_begun_from_a_model_of_real_clips_has_seen_people() -> None:
    Path("data/truth").mkdir()
    Path("data/truth/twin.json").write_text("{}")
    _save_weights(Path("weights"), 0)
    assert _train("--init", "weights", "--set", "init.epochs=1").exit_code == 0
    card = Path("model/card.md").read_text()
    assert "It has seen no real face" not in card
    assert "# ststnet, trained on own clips (synthetic twin)" in card
    assert "synthetic" not in json.loads(_run("info", "model", "--json").stdout)["trained"]


def test_info_is_the_card_and_without_one_what_the_model_knows() -> None:
    _train("--scores", "run")
    card = Path("model/card.md").read_text()
    assert _run("info", "model").stdout == card
    Path("model/card.md").unlink()
    told = _run("info", "model")
    assert told.stdout == card
    assert "no card.md was written beside the model" in told.stderr
    assert json.loads(_run("info", "model", "--json").stdout)["card"] is None


def test_info_alone_is_of_the_model_that_comes_along() -> None:
    told = _run("info")
    assert told.exit_code == 0, told.output
    assert "**It has seen no real face.**" in told.stdout
