"""No number of a person who is held out is read before the final prediction, and none has a say in what is fitted.

Every method comes here by itself, with a number of epochs that is given, with one that is chosen inside the fit, and
with settings that are chosen inside the fold; some also begun from a model, where step, frozen blocks and epochs are.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from specimens import CLASSES, draw, make, specimen

from dstan._engine import single_thread
from dstan.checking.folds import HELD_OUT, HOW, SEEN, fitted_twice, people
from dstan.clips import PreparedClip
from dstan.evaluation import evaluate, plan, tune
from dstan.evaluation.folds import FoldTask, run_fold
from dstan.evaluation.inputs import forget_inputs
from dstan.recognizers import METHODS, Recognizer, save_model

ARRAYS = ("appearance", "flow", "strain", "appearance_times", "flow_times", "landmarks")
TRAINING = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2, "inner_epochs": [1, 2, 3], "inner_parts": 2}

Evaluate = Callable[[str, list[PreparedClip], Path], object]


def _learns_by_epochs(name: str) -> bool:
    return "training" in make(name).settings.to_dict()


def _make(name: str, **training: Any) -> Recognizer:
    return make(name, **({"training": {**TRAINING, **training}} if _learns_by_epochs(name) else {}))


def _fixed(name: str, clips: list[PreparedClip], out: Path) -> object:
    return evaluate(_make(name), clips, out=out, with_faces=True, **HOW)


def _inner(name: str, clips: list[PreparedClip], out: Path) -> object:
    return evaluate(_make(name, epochs="inner"), clips, out=out, with_faces=True, **HOW)


def _tuned(name: str, clips: list[PreparedClip], out: Path) -> object:
    grid = {"training.learning_rate": [1e-3, 1e-2]} if _learns_by_epochs(name) else {"svm.balanced": [True, False]}
    parts = 3 if name in HANDCRAFTED else 2  # a fit that chooses C needs clips of two people
    return tune(_make(name), grid, clips, parts=parts, out=out, with_faces=True, **HOW)


def _begun(name: str, clips: list[PreparedClip], out: Path) -> object:
    init = {"weights": str(_weights(name)), "learning_rates": [1e-3, 3e-2], "frozen": [0, 1], "epochs": "inner"}
    return evaluate(make(name, training=TRAINING, init=init), clips, out=out, with_faces=True, **HOW)


@cache
def _weights(name: str) -> Path:
    """Return a model of the method that was fitted on other people."""
    folder = Path(tempfile.mkdtemp(prefix="dstan-")) / "weights"
    atexit.register(shutil.rmtree, folder.parent)
    drawn = [replace(clip, clip=replace(clip.clip, corpus="drawn")) for clip in draw(name)]
    save_model(make(name).fit(drawn, classes=CLASSES), folder)
    return folder


def _ways(name: str) -> list[Evaluate]:
    """Return how a method is evaluated: one without epochs has none to choose, nor one without an SVM its weights."""
    if _learns_by_epochs(name):
        return [_fixed, _inner, _tuned, *([_begun] if name in BEGUN else [])]
    return [_fixed, _tuned] if name in HANDCRAFTED else [_fixed]


BEGUN = ("stmn-a", "dstan", "ststnet")
HANDCRAFTED = tuple(name for name in METHODS if "svm" in make(name).settings.to_dict())
COMPARED = tuple(name for name in METHODS if not name.startswith(("dstan", "stan", "stmn", "majority")))
EVERY_WAY = [pytest.param(name, way, id=f"{name}-{way.__name__.strip('_')}") for name in METHODS for way in _ways(name)]
CHOOSING_WAYS = [one for one in EVERY_WAY if one.values[1] is not _fixed]
"""With nothing to choose, garbage in place of people is among what every recogniser is checked for."""
every_method_and_way = pytest.mark.parametrize(("name", "way"), EVERY_WAY)
every_method_and_choosing_way = pytest.mark.parametrize(("name", "way"), CHOOSING_WAYS)


@pytest.fixture(autouse=True, scope="module")
def _weights_are_there() -> None:
    with single_thread():
        for name in BEGUN:
            _weights(name)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with single_thread():
        yield


class Watch:
    """Writes down whose arrays each task touches, before its fit has ended and afterwards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tasks: list[FoldTask] = []
        self.before: list[set[tuple[str, str]]] = []
        self.after: list[set[tuple[str, str]]] = []
        self._now: set[tuple[str, str]] = set()
        monkeypatch.setattr(plan, "run_fold", self._run_fold)
        monkeypatch.setattr(Recognizer, "fit", self._watched(Recognizer.fit))
        monkeypatch.setattr(PreparedClip, "__getattribute__", self._recorder(), raising=False)

    def _recorder(self) -> Callable[[PreparedClip, str], Any]:
        def look_up(clip: PreparedClip, name: str) -> Any:
            if name in ARRAYS:
                self._now.add(object.__getattribute__(clip, "clip").person)
            return object.__getattribute__(clip, name)

        return look_up

    def _watched(self, fit: Callable[..., Any]) -> Callable[..., Any]:
        def watched(made: Recognizer, *arguments: Any, **options: Any) -> Any:
            fitted = fit(made, *arguments, **options)
            self.before.append(self._now)
            self._now = set()
            return fitted

        return watched

    def _run_fold(self, task: FoldTask) -> dict[str, dict[str, Any]]:
        forget_inputs()  # as in a process that has done nothing else
        self._now = set()
        found = run_fold(task)
        self.tasks.append(task)
        self.after.append(self._now)
        return found


@every_method_and_way
def test_nothing_of_a_held_out_person_is_read_before_the_final_prediction(
    name: str, way: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = people(specimen(name))
    watch = Watch(monkeypatch)
    way(name, clips, tmp_path / "run")
    assert len(watch.tasks) == len(watch.before) == len(watch.after) > 0
    finals = 0
    for task, before, after in zip(watch.tasks, watch.before, watch.after, strict=True):
        train, test = ({clips[index].clip.person for index in side} for side in (task.fold.train, task.fold.test))
        assert HELD_OUT not in before
        assert before <= train
        assert test <= after <= train | test
        if test == {HELD_OUT}:
            finals += 1
        else:
            assert HELD_OUT not in after
    assert finals == 1 + len(_make(name).components())


@every_method_and_choosing_way
def test_garbage_in_place_of_a_held_out_person_changes_nothing_that_is_fitted_or_chosen(
    name: str, way: Evaluate
) -> None:
    clean, spoiled = fitted_twice(specimen(name), name, HELD_OUT, partial(way, name))
    assert clean == spoiled


@pytest.mark.parametrize(
    ("name", "way"), [one for one in CHOOSING_WAYS if one.values[0] in ("stmn-a", "dstan", *COMPARED)]
)
def test_garbage_in_place_of_a_training_person_does_change_it(name: str, way: Evaluate) -> None:
    clean, spoiled = fitted_twice(specimen(name), name, SEEN, partial(way, name))
    assert clean["weights"] != spoiled["weights"]
