"""Networks that are taught drawn motion: what they are afterwards, and what is refused."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dstan._engine import single_thread
from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ModelError, UnknownNameError
from dstan.evaluation import evaluate
from dstan.evaluation.methods import make_methods
from dstan.recognizers import LEAVES, METHODS, PAPER_TRACK, Recognizer, load_model, recognizer, save_model
from dstan.recognizers import pretraining as teaching
from dstan.recognizers.one_stage import OneStageRecognizer
from dstan.recognizers.pretraining import pupil, teach
from dstan.synthesis.motion import UNITS, MotionArtist
from dstan.tasks import TASKS, Task
from dstan.training import EpochRecord, TrainingData, TrainingSettings, loop

TEACHER = {"clips": 48, "epochs": 1, "checked": 12, "batch_size": 16}
NARROW = {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2}
SMALL: Mapping[str, dict[str, Any]] = {
    "ststnet": {},
    "sssnet": {"channels": [2, 4], "hidden": 8},
    "strcn": {"maps": 4},
}
TAUGHT = ("stmn-a", "stan-a", "dstan", "dstan-average", "ststnet", "sssnet", "strcn")


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    """Draw few people, in one thread."""
    with pytest.MonkeyPatch.context() as patch, single_thread():
        patch.setattr(teaching, "MotionArtist", partial(MotionArtist, people=2))
        yield


def _made(method: str, teacher: Mapping[str, Any] | None = None, **own: Any) -> tuple[Recognizer, Any]:
    size = 64 if method == "strcn" else 32
    recipe = {"size": size, "steps": 3, **own.pop("recipe", {})}
    network = SMALL.get(method, NARROW)
    return pupil(method, {"recipe": recipe, "network": network, "teacher": {**TEACHER, **(teacher or {})}, **own})


def _taught(method: str, task: str = "megc2019-3", *, seed: int = 0, **own: Any) -> Recognizer:
    made, settings = _made(method, **own)
    return teach(made, TASKS[task], settings, seed=seed)


def _clips(taught: Recognizer, n: int = 3) -> list[PreparedClip]:
    size, steps = taught.recipe.size, taught.recipe.steps
    fields = 1 if taught.recipe.pairs == "onset-apex" else steps
    rng = np.random.default_rng(7)
    return [
        PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (steps, size, size)).astype(np.float32),
            flow=rng.normal(0, 1, (fields, 2, size, size)).astype(np.float32),
            label=taught.classes_[number % len(taught.classes_)],
            corpus="real",
            subject=f"s{number % 2}",
            clip_id=str(number),
        )
        for number in range(n)
    ]


def _told(taught: Recognizer) -> np.ndarray[Any, Any]:
    units = taught.infer(_clips(taught)).units
    assert units is not None
    return np.stack(list(units.values()), 1)


@pytest.mark.parametrize("method", TAUGHT)
def test_a_taught_model_is_saved_and_loaded_with_its_action_units(method: str, tmp_path: Path) -> None:
    taught = _taught(method)
    assert taught.classes_ == TASKS["megc2019-3"].classes
    assert taught.trained_["corpora"] == ["drawn"]
    assert (taught.trained_["clips"], taught.trained_["task"]) == (48, "megc2019-3")
    save_model(taught, tmp_path)
    loaded, clips = load_model(tmp_path), _clips(taught)
    assert np.array_equal(loaded.predict_proba(clips), taught.predict_proba(clips))
    assert loaded.predict_details(clips) == taught.predict_details(clips)
    assert loaded.trained_ == taught.trained_
    told = _told(loaded)
    assert told.shape == (3, len(UNITS))
    assert (told >= 0).all()
    assert (told <= 1).all()
    assert len(np.unique(told)) > len(UNITS)
    assert tuple(loaded.predict_details(clips)[0]["units"]) == UNITS


@pytest.mark.parametrize("method", ["dstan", "ststnet"])
def test_a_seed_decides_everything_and_another_seed_everything_else(method: str) -> None:
    first, again, other = (_taught(method, seed=seed).state()[0] for seed in (3, 3, 4))
    assert first.keys() == again.keys()
    for name, values in first.items():
        assert np.array_equal(values, again[name]), name
    learned = [name for name in first if name.endswith(("head.weight", "units.weight", "svm.weights"))]
    assert learned
    assert not any(np.array_equal(first[name], other[name]) for name in learned)


def test_a_stream_taught_alone_is_that_of_two() -> None:
    both = _taught("dstan").state()[0]
    for method, stream in (("stan-a", "appearance"), ("stmn-a", "flow")):
        for name, values in _taught(method).state()[0].items():
            assert np.array_equal(values, both[f"{stream}.{name}"]), name


def test_the_action_units_of_two_streams_are_the_mean_of_both() -> None:
    both = _taught("dstan")
    clips = _clips(both)
    streams = [part.infer(clips).units for part in both.parts]  # type: ignore[attr-defined]
    found = both.infer(clips).units
    assert found is not None
    for unit, told in found.items():
        np.testing.assert_allclose(told, (streams[0][unit] + streams[1][unit]) / 2, rtol=1e-12)
    assert not np.allclose(streams[0][12], streams[1][12], atol=1e-6)


def test_what_learned_from_clips_tells_no_action_units() -> None:
    made, _ = _made("ststnet")
    fitted = made.with_settings(made.settings.replaced({"training": {"epochs": 1}}))
    clips = _clips(_taught("ststnet"), 6)
    fitted.fit(clips, classes=TASKS["megc2019-3"].classes)
    assert fitted.infer(clips).units is None
    assert fitted.predict_details(clips)[0]["units"] is None


@pytest.mark.parametrize("task", ["casme2-7", "samm-5", "smic-3"])
def test_it_tells_the_classes_of_its_task_in_their_order(task: str) -> None:
    taught = _taught("ststnet", task)
    assert taught.classes_ == TASKS[task].classes
    assert taught.predict_proba(_clips(taught)).shape == (3, len(TASKS[task].classes))


def test_a_task_without_classes_of_its_own_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes whatever labels there are") as told:
        _taught("ststnet", "as-labelled")
    assert "dstan tasks" in (told.value.hint or "")
    with pytest.raises(ConfigError, match="no emotion of that name can be drawn"):
        made, settings = _made("ststnet")
        teach(made, Task("mine", ("bored",), {}), settings)


def test_scores_of_action_units_that_are_far_off_are_no_accident() -> None:
    taught = _taught("ststnet")
    taught.learned = {**taught.learned, "units.weight": 1e6 * taught.learned["units.weight"]}  # type: ignore[attr-defined]
    with np.errstate(all="raise"):
        assert np.isfinite(_told(taught)).all()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Tensor]]:
    """Collect seed and labels of everything that is drawn."""
    seen: list[tuple[int, Tensor]] = []
    draw = MotionArtist.draw

    def noted(self: MotionArtist, n: int, seed: int, *, frames: bool = False) -> Any:
        found = draw(self, n, seed, frames=frames)
        seen.append((seed, found.labels))
        return found

    monkeypatch.setattr(MotionArtist, "draw", noted)
    return seen


def test_each_epoch_sees_other_clips_and_the_check_yet_others(drawn: list[tuple[int, Tensor]]) -> None:
    _taught("ststnet", teacher={"epochs": 3})
    assert len({seed for seed, _ in drawn}) == len(drawn) == 5  # what stands for all, three epochs, the check
    labels = [labels for _, labels in drawn[:4]]
    assert not any(torch.equal(one, other) for i, one in enumerate(labels) for other in labels[:i])


def test_a_training_that_diverges_is_begun_again_with_the_same_clips(
    drawn: list[tuple[int, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "RISE", 0.0)
    taught = _taught("ststnet", teacher={"epochs": 2})
    seeds = [seed for seed, _ in drawn]
    assert seeds[1:3] == seeds[3:5]
    assert taught.dynamics_["ststnet"]["restart"]["retried_with"] == pytest.approx(1e-4)
    assert len(taught.history_["ststnet"]) == 2


def test_the_clips_of_one_epoch_make_room_for_those_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[Tensor]] = []
    counts = []
    stack = TrainingData.stack.__func__  # type: ignore[attr-defined]

    def noted(cls: type[TrainingData], *arguments: Any) -> TrainingData:
        counts.append(sum(one() is not None for one in alive))
        found: TrainingData = stack(cls, *arguments)
        alive.append(weakref.ref(found.inputs))
        return found

    monkeypatch.setattr(TrainingData, "stack", classmethod(noted))
    _taught("ststnet", teacher={"epochs": 4})
    assert counts == [0, 1, 1, 1, 1]  # what stands for all, and nothing else


def test_epochs_are_told_with_the_name_of_their_training() -> None:
    told: list[tuple[str, int]] = []

    def on_epoch(name: str, record: EpochRecord) -> None:
        told.append((name, record.epoch))

    made, settings = _made("dstan", {"epochs": 2})
    teach(made, TASKS["megc2019-3"], settings, on_epoch=on_epoch)
    assert told == [("appearance", 1), ("appearance", 2), ("flow", 1), ("flow", 2)]


def test_what_is_taught_can_be_begun_from_and_judged_as_it_is(tmp_path: Path) -> None:
    taught = _taught("stan-a")
    save_model(taught, tmp_path / "w")
    clips = _clips(taught, 9)
    result = evaluate(load_model(tmp_path / "w"), clips, classes=taught.classes_, protocol="zero-shot", workers=0)
    assert result is not None
    (begun,) = make_methods(
        ["stan-a"], {"init": {"weights": str(tmp_path / "w"), "learning_rates": [1e-9], "epochs": 1}}
    )
    assert begun.settings.value("frames") == "differences"
    begun.fit(clips, classes=taught.classes_)
    assert begun.trained_["corpora"] == ["drawn", "real"]
    assert np.allclose(begun.state()[0]["head.weight"], taught.state()[0]["head.weight"], atol=1e-6)
    assert begun.infer(clips).units is None, "what told them saw other features"
    with pytest.raises(ModelError, match="learned from clips of drawn"):
        begun.fit([replace(one, clip=replace(one.clip, corpus="drawn")) for one in clips], classes=taught.classes_)


def test_frames_are_seen_as_the_model_saw_them_that_a_stream_begins_from(tmp_path: Path) -> None:
    save_model(_taught("stan-a"), tmp_path / "stan")
    save_model(_taught("stmn-a"), tmp_path / "stmn")
    for method, weights, frames in (("dstan", "stan", "differences"), ("dstan", "stmn", "grey")):
        (made,) = make_methods([method], {"init": {"weights": str(tmp_path / weights)}})
        assert made.settings.value("frames") == frames, (method, weights)
        made.given()
    with pytest.raises(ConfigError, match=r"frames is grey here, .* made with differences") as told:
        make_methods(["stan-a"], {"init": {"weights": str(tmp_path / "stan")}, "frames": "grey"})
    assert "--set frames=differences" in (told.value.hint or "")


@pytest.mark.parametrize("name", sorted({**METHODS, **PAPER_TRACK, **LEAVES}))
def test_every_method_is_a_pupil_or_says_which_ones_are(name: str) -> None:
    made = recognizer(name)
    if all(isinstance(part, OneStageRecognizer) for part in made.components() or (made,)):
        assert pupil(name, {})[0].recipe.pairs == "onset-apex"
        return
    with pytest.raises(ConfigError, match="drawn motion is taught to networks that can begin from a model") as told:
        pupil(name, {"teacher": TEACHER})
    assert "stmn-a" in (told.value.hint or "")


@pytest.mark.parametrize(
    ("method", "settings", "says"),
    [
        ("stmn-a", {"recognition": {"mirror": True}}, "settings of recognition are for real clips"),
        ("dstan", {"recognition": {"members": 2}}, "settings of recognition are for real clips"),
        ("stmn-a", {"training": {"epochs": 5}}, "settings of training are for real clips"),
        ("dstan", {"init": {"weights": "there"}}, "settings of init are for real clips"),
        ("strcn", {"input": {"kind": "appearance"}}, "STRCN-A finds its pixels in the clips"),
        ("stmn-a", {"teacher": {"epoch": 5}}, "there is no setting 'teacher.epoch'"),
        ("stmn-a", {"teacher": {"epochs": 0}}, "epochs must be 1 to"),
        ("stmn-a", {"teacher": {"motion": {"heads": 5}}}, "there is no setting 'teacher.motion.heads'"),
        ("stmn-a", {"recipe": {"sizes": 5}}, "there is no setting 'recipe.sizes'"),
    ],
)
def test_settings_that_would_count_for_nothing_are_refused(method: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as told:
        pupil(method, settings)
    assert says in str(told.value)


def test_a_method_that_nobody_knows_and_magnified_motion_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no method is called 'stnm'"):
        pupil("stnm", {})
    with pytest.raises(ConfigError, match="the recipe magnifies it"):
        _taught("stmn-a", recipe={"magnification": 4.0})
    with pytest.raises(ConfigError, match="the recipe magnifies it"):
        teach(pupil("strcn-paper", {})[0], TASKS["megc2019-3"])


def test_settings_of_a_method_stand_over_what_is_small_by_default() -> None:
    made, settings = pupil("stan-a", {"recipe": {"size": 56}, "frames": "grey", "teacher": {"clips": 99}})
    assert (made.recipe.size, made.recipe.pairs, made.settings.value("frames")) == (56, "onset-apex", "grey")
    assert (settings.clips, settings.training.schedule) == (99, "cosine")
    assert isinstance(settings.training, TrainingSettings)
    assert pupil("stmn-a", {})[0].settings.value("frames") == "grey", "which the motion stream has none of"


@pytest.mark.slow
def test_it_learns_what_is_drawn() -> None:
    taught = _taught(
        "ststnet", teacher={"clips": 800, "epochs": 8, "learning_rate": 3e-3, "checked": 300, "batch_size": 32}
    )
    found = taught.trained_["checked"]
    assert found["uf1"] > 0.4  # .33 is chance
    assert found["units"]["12"] > 0.3
