from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dstan.clips import Clip, PreparedClip
from dstan.errors import AnnotationRangeError, FrameError, NotFittedError
from dstan.inference import Model, load_model, predict_video
from dstan.preprocessing.pipeline import prepare_clip
from dstan.recognizers import Recognizer, recognizer, save_model
from dstan.video import write_video

SETTINGS = {
    "recipe": {"size": 32, "steps": 3, "alignment": "none"},
    "training": {"epochs": 1},
    "network": {"lstm_width": 4},
}


def drifting(frames: int) -> list[np.ndarray]:
    """Draw a coarse texture that moves one pixel a frame."""
    rng = np.random.default_rng(3)
    texture = np.kron(rng.integers(0, 256, (12, 60, 3), dtype=np.uint8), np.ones((4, 4, 1), dtype=np.uint8))
    return [np.ascontiguousarray(texture[:, index : index + 64]) for index in range(frames)]


@pytest.fixture(scope="module")
def fitted() -> Recognizer:
    """Fit DSTAN for a moment on noise."""
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
    return recognizer("dstan", SETTINGS).fit(clips)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 12 frames at 50 frames per second."""
    path = tmp_path_factory.mktemp("videos") / "face.mkv"
    write_video(path, drifting(12), 50, codec="ffv1")
    return path


def test_a_video_gets_the_very_numbers_that_its_prepared_clip_gets(fitted: Recognizer, video: Path) -> None:
    prediction = predict_video(fitted, video)
    prepared = prepare_clip(Clip("any", "one", "clip", video), fitted.recipe)
    (expected,) = fitted.predict_proba([prepared])
    assert list(prediction.probabilities.values()) == list(expected)
    assert prediction.label == fitted.predict([prepared])[0]
    assert (prediction.frames, prediction.seconds) == (12, pytest.approx(0.24))


def test_attention_comes_with_the_seconds_of_each_step(fitted: Recognizer, video: Path) -> None:
    attention = predict_video(fitted, video, onset=2, offset=10).attention
    assert set(attention) == {"appearance", "flow"}
    times = [time for time, _ in attention["appearance"]]
    assert times == pytest.approx([0.0, 0.08, 0.16])
    assert all(len(steps) == 3 for steps in attention.values())


def test_a_loaded_model_predicts_the_same_numbers(fitted: Recognizer, video: Path, tmp_path: Path) -> None:
    save_model(fitted, tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert isinstance(model, Model)
    assert model.classes == ("anger", "joy")
    assert model.predict_video(video) == predict_video(fitted, video) == predict_video(model, video)
    prepared = prepare_clip(Clip("any", "one", "clip", video), fitted.recipe)
    assert model.predict([prepared]) == fitted.predict([prepared])
    assert np.array_equal(model.predict_proba([prepared]), fitted.predict_proba([prepared]))


def test_a_long_video_is_answered_with_a_warning(fitted: Recognizer, video: Path, tmp_path: Path) -> None:
    assert predict_video(fitted, video).warnings == ()
    write_video(tmp_path / "long.mkv", drifting(40), 25, codec="ffv1")
    (warning,) = predict_video(fitted, tmp_path / "long.mkv").warnings
    assert "1.6 s (40 frames) were taken as one clip" in warning
    assert predict_video(fitted, tmp_path / "long.mkv", onset=10, offset=20).warnings == ()


def test_an_image_folder_takes_a_frame_rate(fitted: Recognizer, tmp_path: Path) -> None:
    from PIL import Image

    for index, frame in enumerate(drifting(6)):
        Image.fromarray(frame).save(tmp_path / f"{index}.png")
    known = predict_video(fitted, tmp_path, fps=60)
    assert (known.frames, known.seconds, known.warnings) == (6, 0.1, ())
    unknown = predict_video(fitted, tmp_path)
    assert unknown.seconds is None
    assert "give --fps" in unknown.warnings[0]
    assert all(np.isnan(time) for time, _ in unknown.attention["appearance"])
    slow = predict_video(fitted, tmp_path, fps=25)  # neighbours too far apart for flow to be averaged over them
    assert unknown.probabilities == slow.probabilities != known.probabilities


def test_a_frame_rate_for_a_video_file_is_said_to_be_ignored(fitted: Recognizer, video: Path) -> None:
    assert "--fps is ignored" in predict_video(fitted, video, fps=200).warnings[0]


def test_a_model_that_needs_no_stream_attends_to_none(fitted: Recognizer, video: Path) -> None:
    clip = PreparedClip.from_arrays(appearance=np.ones((3, 32, 32), np.float32), label="joy")
    prediction = predict_video(recognizer("majority", SETTINGS).fit([clip]), video)
    assert (prediction.label, prediction.attention) == ("joy", {})


def test_what_cannot_be_read_is_named(fitted: Recognizer, video: Path, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"nowhere\.mp4: there is no such file"):
        predict_video(fitted, tmp_path / "nowhere.mp4")
    with pytest.raises(FrameError, match="holds no images"):
        predict_video(fitted, tmp_path)
    with pytest.raises(FrameError):
        predict_video(fitted, video, offset=30)
    with pytest.raises(AnnotationRangeError):
        predict_video(fitted, video, onset=5, offset=2)
    with pytest.raises(NotFittedError):
        predict_video(recognizer("dstan", SETTINGS), video)


def test_a_vote_against_the_probabilities_is_said_to_be_undecided(
    fitted: Recognizer, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert predict_video(fitted, video).warnings == ()
    (details,) = fitted.predict_details([prepare_clip(Clip("any", "one", "clip", video), fitted.recipe)])
    other = next(name for name in fitted.classes_ if name != details["label"])
    monkeypatch.setattr(fitted, "details", lambda _: [{**details, "label": other}])
    (warning,) = predict_video(fitted, video).warnings
    assert f"the vote names {other}, but {details['label']} has the highest probability" in warning
