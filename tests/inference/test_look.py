"""What a prediction was made from, where a model looked in space, and abstaining."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dstan.clips import Clip, PreparedClip
from dstan.errors import AnnotationRangeError, ConfigError
from dstan.inference import Model, load_model, predict_video
from dstan.preprocessing.pipeline import prepare_clip
from dstan.recognizers import Recognizer, recognizer, save_model
from dstan.recognizers.network import NetworkRecognizer
from dstan.video import write_video

SMALL = {
    "recipe": {"size": 32, "steps": 3, "alignment": "none"},
    "training": {"epochs": 1},
    "network": {"lstm_width": 4},
}


def learned(method: str = "dstan", pairs: str = "adjacent", **settings: object) -> Recognizer:
    """Fit a method for a moment on noise."""
    rng = np.random.default_rng(0)
    fields = 1 if pairs == "onset-apex" else 3
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((fields, 2, 32, 32), np.float32),
            label=label,
            clip_id=str(number),
        )
        for number, label in enumerate(("joy", "anger") * 2)
    ]
    return recognizer(method, {**SMALL, "recipe": {**SMALL["recipe"], "pairs": pairs}, **settings}).fit(clips)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 12 frames of a drifting texture at 50 frames per second."""
    rng = np.random.default_rng(3)
    texture = np.kron(rng.integers(0, 256, (12, 60, 3), dtype=np.uint8), np.ones((4, 4, 1), dtype=np.uint8))
    path = tmp_path_factory.mktemp("videos") / "face.mkv"
    write_video(path, [np.ascontiguousarray(texture[:, at : at + 64]) for at in range(12)], 50, codec="ffv1")
    return path


def test_a_look_holds_what_the_model_saw_and_the_very_prediction(video: Path) -> None:
    model = Model(learned())
    look = model.look(video, onset=2, offset=9)
    assert look.prediction == model.predict_video(video, onset=2, offset=9)
    prepared = prepare_clip(Clip("any", "one", "clip", video, onset=2, offset=9), model.recognizer.recipe)
    assert look.prepared.appearance is not None
    assert np.array_equal(look.prepared.appearance, prepared.appearance)
    assert (look.clip.path, look.clip.onset, look.clip.offset) == (video, 2, 9)


def test_maps_are_the_spatial_weights_of_each_step_of_each_stream(video: Path) -> None:
    model = Model(learned(pairs="onset-apex"))
    look = model.look(video)
    assert {stream: maps.shape for stream, maps in look.maps.items()} == {"appearance": (3, 4, 4), "flow": (1, 4, 4)}
    for part in model.recognizer.parts:  # type: ignore[attr-defined]
        assert isinstance(part, NetworkRecognizer)
        (seen,) = part.see([look.prepared])
        assert seen.spatial is not None
        assert torch.equal(torch.from_numpy(look.maps[part.streams[0]]), seen.spatial[0])
        assert 0 < look.maps[part.streams[0]].min() < look.maps[part.streams[0]].max() < 1


def test_a_network_without_attention_in_space_has_no_map(video: Path) -> None:
    assert Model(learned("dstan-lhfn")).look(video).maps == {}
    assert Model(learned("majority")).look(video).maps == {}
    assert set(Model(learned("stmn-a")).look(video).maps) == {"flow"}


def test_members_look_where_they_do_on_average_and_a_mirrored_look_where_the_clip_itself_is_seen(video: Path) -> None:
    several = learned("stmn-a", recognition={"members": 2})
    assert isinstance(several, NetworkRecognizer)
    look = Model(several).look(video)
    flow = torch.from_numpy(look.prepared.flow).float()[None]  # type: ignore[arg-type]
    with torch.inference_mode():
        maps = [member(flow * several.settings.gain).spatial[0] for member in several.network.members]  # type: ignore
    torch.testing.assert_close(torch.from_numpy(look.maps["flow"]), (maps[0] + maps[1]) / 2)
    both = learned("stmn-a", recognition={"mirror": True})
    alone = learned("stmn-a")
    assert np.array_equal(Model(both).look(video).maps["flow"], Model(alone).look(video).maps["flow"])


def test_the_static_attention_of_merta_is_of_the_frames() -> None:
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((2, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((2, 2, 32, 32), np.float32),
            label=label,
            clip_id=label,
        )
        for label in ("a", "b")
    ]
    once = {"epochs": 1}
    fitted = recognizer("merta", {"first": once, "fine_tuning": once, "training": once}).fit(clips)
    maps = fitted.infer(clips).maps
    assert set(maps) == {"appearance", "flow"}
    assert maps["flow"] is None
    assert maps["appearance"] is not None
    assert [len(one) for one in maps["appearance"]] == [2, 2]


def test_a_saved_model_looks_where_it_looked(video: Path, tmp_path: Path) -> None:
    fitted = learned()
    save_model(fitted, tmp_path / "model")
    before, after = Model(fitted).look(video), load_model(tmp_path / "model").look(video)
    assert before.prediction == after.prediction
    for stream, maps in before.maps.items():
        assert np.array_equal(maps, after.maps[stream])


def test_an_apex_that_is_known_makes_the_pair_of_onset_and_apex(video: Path) -> None:
    model = Model(learned(pairs="onset-apex"))
    found = {apex: model.look(video, onset=2, apex=apex, offset=10) for apex in (4, 9)}
    for apex, look in found.items():
        assert look.prepared.done["apex"] == {"policy": "annotated", "frame": apex - 2}
        assert look.prepared.flow_times == pytest.approx([(apex - 2) / 50])
    assert found[4].prediction.probabilities != found[9].prediction.probabilities
    assert model.predict_video(video, onset=2, apex=9, offset=10) == found[9].prediction
    assert model.look(video, onset=2, offset=10).prepared.done["apex"]["policy"] == "estimated"
    with pytest.raises(AnnotationRangeError, match="apex"):
        model.look(video, onset=2, apex=11, offset=10)


def test_what_is_less_sure_than_asked_for_is_not_named(video: Path) -> None:
    fitted = learned()
    sure = predict_video(fitted, video)
    assert sure.label == sure.likeliest == sure.verdict
    assert sure.confidence == max(sure.probabilities.values())
    assert predict_video(fitted, video, min_confidence=sure.confidence).label == sure.label
    unsure = predict_video(fitted, video, min_confidence=1.0)
    assert unsure.label is None
    assert unsure == replace(sure, label=None, min_confidence=1.0)
    share = f"{sure.confidence:.2f}".removeprefix("0")
    assert unsure.verdict == f"undecided: the likeliest, {sure.likeliest}, has {share}, below 1.00"


def test_a_vote_against_the_probabilities_names_nothing_where_sureness_is_asked_for(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = learned()
    (details,) = fitted.predict_details([prepare_clip(Clip("any", "one", "clip", video), fitted.recipe)])
    other = next(name for name in fitted.classes_ if name != details["label"])
    monkeypatch.setattr(fitted, "details", lambda _: [{**details, "label": other}])
    assert predict_video(fitted, video).label == other
    torn = predict_video(fitted, video, min_confidence=0.0)
    assert torn.label is None
    assert torn.verdict.startswith(f"undecided: the likeliest, {details['label']}, has .")
    assert torn.verdict.endswith(", and the vote is for another")


def test_nearly_sure_enough_is_told_apart_in_words(video: Path) -> None:
    prediction = predict_video(learned(), video)
    near = replace(prediction, label=None, probabilities={"joy": 0.5996, "anger": 0.4004}, min_confidence=0.6)
    assert near.verdict == "undecided: the likeliest, joy, has .5996, below .6000"


@pytest.mark.parametrize("least", [-0.1, 1.1, 60, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(video: Path, least: float) -> None:
    with pytest.raises(ConfigError, match="not 0 to 1"):
        predict_video(learned("majority"), video, min_confidence=least)
