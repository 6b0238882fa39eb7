"""The whole way on a face that nobody here has drawn: a photograph smiles for a moment, as an H.264 video."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dstan.cli import app
from dstan.clips import Clip, PreparedClip
from dstan.preprocessing.landmarks import landmark_source
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.template import eye_centres
from dstan.recognizers import recognizer, save_model
from dstan.synthesis import animate_photo
from dstan.video import write_video

skimage_data = pytest.importorskip("skimage.data")
FPS, FRAMES = 100.0, 40


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the astronaut's photograph smile for .4 s."""
    photo = skimage_data.astronaut()
    clip = Clip("photo", "astronaut", "smile", Path())
    rest = landmark_source("mediapipe").landmarks(clip, [photo] * 3).points[-1]
    path = tmp_path_factory.mktemp("photo") / "smile.mp4"
    write_video(path, animate_photo(photo, rest, {12: (3.0, 3.0)}, FRAMES, FPS), FPS)
    return path


def test_the_face_is_found_aligned_and_its_smile_measured(video: Path) -> None:
    prepared = prepare_clip(Clip("photo", "astronaut", "smile", video), Recipe(pairs="onset"))
    assert prepared.done["alignment"] == "rigid_first_frame"
    assert prepared.done["frames"] == FRAMES
    assert prepared.landmarks is not None
    eyes = np.stack([prepared.landmarks[[33, 133]].mean(axis=0), prepared.landmarks[[362, 263]].mean(axis=0)])
    np.testing.assert_allclose(eyes, eye_centres((224, 224)), atol=4.0)
    assert prepared.flow is not None
    peak = prepared.flow[3]

    def motion(point: int) -> np.ndarray:
        x, y = np.round(prepared.landmarks[point]).astype(int)
        return peak[:, y - 4 : y + 5, x - 4 : x + 5].mean(axis=(1, 2))

    bridge, left, right = motion(6), motion(291), motion(61)
    assert (left - bridge)[0] > 0.5  # the corners of the mouth go outwards
    assert (right - bridge)[0] < -0.5
    assert (left - bridge)[1] < -0.5  # and up
    assert (right - bridge)[1] < -0.5


def test_the_command_answers_for_it(video: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    settings = {"recipe": {"size": 64}, "training": {"epochs": 1}}
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((9, 64, 64), np.float32) * 255,
            flow=rng.standard_normal((9, 2, 64, 64), np.float32),
            label=label,
            clip_id=str(number),
        )
        for number, label in enumerate(("happiness", "others") * 2)
    ]
    save_model(recognizer("dstan", settings).fit(clips), tmp_path / "model")
    result = CliRunner().invoke(app, ["predict", str(video), "--model", str(tmp_path / "model"), "--json"])
    assert result.exit_code == 0, result.output
    (answer,) = json.loads(result.stdout)["predictions"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["frames"] == FRAMES
    assert set(answer["attention"]) == {"appearance", "flow"}
    assert answer["warnings"] == []
