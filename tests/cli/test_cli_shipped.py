"""The model that comes along at work with no --model, and that it says everywhere what it has seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.synthesis.session import draw_session, write_session

ONE_THING = {"micro": 20, "macro": 0, "talking": 0, "head": 0, "blink": 10, "gaze": 0, "light": 0}


def dstan(*words: object) -> Result:
    """Run a command that is to succeed."""
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write six seconds of somebody who is surprised twice, at frames 37 to 44 and 134 to 142."""
    path = tmp_path_factory.mktemp("videos") / "face.mp4"
    session = draw_session(7, 6, 30, (240, 320), ONE_THING)
    assert [(one.label, one.onset, one.offset) for one in session.truth.events] == [
        ("surprise", 37, 44),
        ("surprise", 134, 142),
    ]
    write_session(path, session)
    return path


def test_predict_names_what_is_shown_and_says_what_the_model_has_seen(video: Path, tmp_path: Path) -> None:
    frames = ("--onset", 37, "--offset", 44)
    told = dstan("predict", video, *frames)
    assert told.stdout.startswith(f"{video}: surprise")
    assert SYNTHETIC_ONLY in " ".join(told.stderr.split())
    (found,) = json.loads(dstan("predict", video, *frames, "--json").stdout)["predictions"]
    assert found["label"] == "surprise"
    assert SYNTHETIC_ONLY in found["warnings"]
    assert found["units"]["1"] >= 0.5


def test_pictures_are_drawn_and_the_figure_says_it_in_its_text(video: Path, tmp_path: Path) -> None:
    overlay, figure = tmp_path / "overlay.mp4", tmp_path / "figure.svg"
    dstan("predict", video, "--onset", 37, "--offset", 44, "--overlay", overlay, "--figure", figure)
    assert overlay.stat().st_size > 10_000
    assert "synthetic data only" in figure.read_text()


def test_spot_finds_and_names_and_every_file_says_what_the_model_has_seen(video: Path, tmp_path: Path) -> None:
    told = dstan("spot", video, "--out", tmp_path)
    assert told.stdout.count("surprise 0.") == 2
    assert SYNTHETIC_ONLY in " ".join(told.stderr.split())
    assert SYNTHETIC_ONLY in dstan("spot", video, "--json").stdout
    for suffix in ("json", "csv", "eaf", "vtt", "svg"):
        assert "synthetic data only" in (tmp_path / f"face.{suffix}").read_text(encoding="utf-8"), suffix


def test_info_shows_its_card() -> None:
    told = dstan("info").stdout
    assert "It has seen no real face" in told
    assert "not for conclusions about people" in " ".join(told.split())
    assert json.loads(dstan("info", "--json").stdout)["trained"]["corpora"] == ["drawn"]


def test_export_writes_one_graph_that_carries_the_warning_and_answers(tmp_path: Path) -> None:
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    told = dstan("export", "--onnx", "--out", tmp_path / "model.onnx")
    assert SYNTHETIC_ONLY in " ".join(told.stderr.split())
    properties = {one.key: one.value for one in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert properties["warning"] == SYNTHETIC_ONLY
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    arrays = {
        "appearance": np.zeros((2, 9, 64, 64), np.float32),
        "flow": np.zeros((2, 1, 2, 64, 64), np.float32),
    }
    (probabilities,) = session.run(["probabilities"], arrays)
    assert probabilities.shape == (2, 3)
    assert probabilities.sum(1) == pytest.approx(1)
