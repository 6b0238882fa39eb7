"""dstan export, what it prints, the page about it, and prediction through what it wrote."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.clips import PreparedClip
from dstan.inference.shipped import SHIPPED, SYNTHETIC_ONLY
from dstan.recognizers import recognizer, save_model
from dstan.video import write_video

pytest.importorskip("onnxruntime")

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
SETTINGS = {
    "recipe": {"size": 32, "steps": 3, "alignment": "none"},
    "training": {"epochs": 1},
    "network": {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2},
}


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a small model."""
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((3, 2, 32, 32), np.float32),
            label=label,
            clip_id=str(number),
        )
        for number, label in enumerate(("joy", "anger", "joy", "anger"))
    ]
    folder = tmp_path_factory.mktemp("models") / "small"
    save_model(recognizer("dstan", SETTINGS).fit(clips), folder)
    return folder


@pytest.fixture(scope="module")
def exported(model: Path) -> Result:
    """Export it as a person does."""
    return run("export", model, "--onnx")


@pytest.mark.slow
def test_export_writes_beside_the_model_and_says_what_goes_in_and_out(model: Path, exported: Result) -> None:
    assert exported.exit_code == 0, exported.output
    assert (model / "model.onnx").is_file()
    assert "batch x frames x height x width" in exported.stdout
    assert re.search(r"returns +probabilities +batch x 2 +\d\.\de-\d\d", exported.stdout)
    assert "0 others" in exported.stdout
    assert re.search(r"the same 14 clips: they differ by \d\.\de-\d\d", exported.stdout)
    assert SYNTHETIC_ONLY not in exported.output
    for noise in ("Warning", "torchvision", "torch.export", "[torch"):
        assert noise not in exported.output


@pytest.mark.slow
def test_the_lines_that_export_prints_run_as_they_are(model: Path, exported: Result, tmp_path: Path) -> None:
    code = exported.stdout[exported.stdout.index("import json") :]
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.match(r"(joy|anger) \[", done.stdout)


@pytest.mark.slow
@pytest.mark.usefixtures("exported")
def test_predict_says_the_same_through_onnxruntime(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    texture = np.kron(rng.integers(0, 256, (12, 60, 3), dtype=np.uint8), np.ones((4, 4, 1), dtype=np.uint8))
    frames = [np.ascontiguousarray(texture[:, index : index + 64]) for index in range(12)]
    write_video(tmp_path / "face.mkv", frames, 50, codec="ffv1")
    words = ("predict", tmp_path / "face.mkv", "--model", model, "--json", "--runtime")
    (own,), (through,) = (json.loads(run(*words, runtime).stdout)["predictions"] for runtime in ("torch", "onnx"))
    assert through["label"] == own["label"]
    assert through["probabilities"] == pytest.approx(own["probabilities"], abs=1e-4)
    for stream, steps in own["attention"].items():
        np.testing.assert_allclose(through["attention"][stream], steps, atol=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("exported")
def test_a_file_of_the_model_before_is_told_and_not_used(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "model"
    shutil.copytree(SHIPPED, other)
    shutil.copy(model / "model.onnx", other)
    said = run("predict", tmp_path, "--model", other, "--runtime", "onnx")
    assert said.exit_code == 1
    assert "it was made of another model" in said.stderr
    assert f"dstan export {other} --onnx" in said.stderr


@pytest.mark.slow
def test_the_page_is_true_of_the_model_that_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("export", "--onnx", "--out", "synthetic.onnx", "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["largest"] < 1e-5
    assert found["clips"] == 14
    names = re.findall(r"`(\w+)`(?=[^|\n]*\| batch)", PAGE)
    assert {*found["inputs"], *found["outputs"]} - {"attention_appearance", "map_appearance"} <= set(names)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"((negative|positive|surprise) \[.*\]\n){4}", done.stdout)
    assert [path.name for path in tmp_path.iterdir()] == ["synthetic.onnx"]


def test_a_format_has_to_be_named(model: Path) -> None:
    said = run("export", model)
    assert said.exit_code == 2
    assert "dstan export MODEL --onnx" in said.stderr


def test_a_method_without_a_graph_names_those_that_have_one(tmp_path: Path) -> None:
    clips = [
        PreparedClip.from_arrays(appearance=np.zeros((2, 8, 8), np.float32), label=label, clip_id=label)
        for label in ("joy", "anger")
    ]
    save_model(recognizer("majority").fit(clips), tmp_path / "model")
    said = run("export", tmp_path / "model", "--onnx")
    assert said.exit_code == 2
    assert "majority has no graph" in said.stderr
    assert "stmn-a" in said.stderr
    assert not list(tmp_path.rglob("*.onnx"))
