"""`dstan bench teacher`: what is measured, that it is made once, and that numbers are paired and read as they were."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan.bench import teacher
from dstan.bench.teacher import PARTS, Measured, Size, bench_teacher, work
from dstan.bench.teacher.plan import drawn, wrong
from dstan.bench.teacher.scores import coded_units, unit_scores
from dstan.clips import Clip, ClipSet, PreparedClip
from dstan.errors import ConfigError, RunError, UnknownNameError
from dstan.preprocessing.cache import Cache
from dstan.recognizers import Recognizer, pretraining
from dstan.recognizers.pretraining import TeacherSettings, pupil
from dstan.synthesis.motion import CONTAMINATIONS, MotionArtist
from dstan.tasks import Task

CLASSES = ("negative", "positive", "surprise")
TINY = {"clips": 32, "epochs": 1, "checked": 10}
SIZE = Size(
    seeds=1,
    epochs=1,
    people=(2, None),
    people_of_wrong=(2,),
    teachers=1,
    teacher=TINY,
    small=TINY,
    appearance=TINY,
    appearance_recipe={},
    recognition_corpora=(),
    init_corpora=(),
)
CORPORA = ("casme2", "smic-hs", "samm")


def _clips(folder: Path, cache: Cache) -> ClipSet:
    """Return clips of five people that need no preparation any more; each class moves in a direction of its own."""
    rng, recipe = np.random.default_rng(0), pupil("stmn-a", {})[0].recipe
    folder.mkdir()
    (folder / "frame.png").write_bytes(b"not opened")
    clips = []
    for number in range(15):
        label = CLASSES[number % 3]
        about = {"Action Units": ("R12A+?", "4+7(k)", "")[number % 3]}
        clip = Clip("casme2", f"sub{number // 3}", f"c{number}", folder, ("frame.png",), label, annotation=about)
        flow = rng.normal(CLASSES.index(label) - 1, 0.3, (1, 2, 64, 64)).astype(np.float32)
        frames = rng.uniform(0, 255, (9, 64, 64)).astype(np.float32)
        clip = replace(clip, fps=25.0 + number)  # so that each has a place of its own in the cache
        cache.store(PreparedClip(clip, appearance=frames, flow=flow), recipe)
        clips.append(clip)
    return ClipSet(tuple(clips), task="megc2019-3", classes=CLASSES)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("teacher")


@pytest.fixture(scope="module")
def corpus(home: Path) -> ClipSet:
    return _clips(home / "frames", Cache(home / "cache"))


def _taught_little(method: Recognizer, task: Task, settings: TeacherSettings, *, seed: int) -> Recognizer:
    """Stand in for the teacher, who draws a scene for seconds before the first clip."""
    rng = np.random.default_rng(seed)
    clips = [
        PreparedClip.from_arrays(
            flow=rng.normal(0, 1, (1, 2, 64, 64)).astype(np.float32), label=name, corpus="drawn", clip_id=name
        )
        for name in task.classes
    ]
    method.fit(clips, classes=task.classes, seed=seed)
    method.trained_ |= {"task": task.name, "teacher": settings.to_dict()}
    return method


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "teach", _taught_little)


@pytest.fixture
def measure(home: Path, corpus: ClipSet, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(teacher, "load_corpora", lambda roots, task: corpus)

    def run(*parts: str, size: Size = SIZE, out: str = "out") -> Measured:
        return bench_teacher({"casme2": home}, home / out, parts=parts, size=size, cache=home / "cache", workers=0)

    return run


def _written(home: Path) -> dict[Path, int]:
    names = ("model.safetensors", "fold.json")
    return {path: path.stat().st_mtime_ns for path in (home / "out").rglob("*") if path.name in names}


@pytest.mark.usefixtures("quick")
def test_what_was_made_is_kept_and_a_part_that_follows_adds_only_its_own(measure: Any, home: Path) -> None:
    first = measure("curve")
    before = _written(home)
    assert {path.parent.name for path in before if path.parent.parent.name == "weights"} == {"drawn-0", "wrong-1"}
    second = measure("calibration")
    assert before.items() <= _written(home).items()
    new = {path.relative_to(home / "out").parts[2] for path in _written(home).keys() - before.keys()}
    assert not new  # scratch, begun and zero-shot are the curve's
    assert second.document["parts"]["curve"] == json.loads(json.dumps(first.document["parts"]["curve"]))
    assert json.loads((home / "out" / "teacher.json").read_text()) == json.loads(json.dumps(second.document))
    assert [table.name for table in second.tables] == ["calibration"]
    assert {file.name for file in second.files} == {"curve.png", "reliability.png"}
    assert all(file.stat().st_size > 10_000 for file in second.files)


@pytest.mark.usefixtures("quick")
def test_differences_are_those_of_the_scores_beside_them(measure: Any) -> None:
    rows = measure("curve").document["parts"]["curve"]["rows"]
    named = {(row["people"], row["begun from"]): row for row in rows}
    assert list(named) == [
        ("2", "scratch"), ("2", "drawn motion"), ("2", "wrong anatomy"),
        ("all", "scratch"), ("all", "drawn motion"), ("none", "zero-shot"),
    ]  # fmt: skip
    for people, name, other in (("2", "drawn motion", "scratch"), ("all", "drawn motion", "scratch")):
        gain = named[people, name]["differences"][other]["uf1"]["value"]
        assert gain == pytest.approx(named[people, name]["uf1"]["value"] - named[people, other]["uf1"]["value"])
    wrongly = named["2", "wrong anatomy"]
    assert wrongly["differences"]["drawn"]["uar"]["value"] == pytest.approx(
        wrongly["uar"]["value"] - named["2", "drawn motion"]["uar"]["value"]
    )
    assert named["none", "zero-shot"]["differences"]["scratch"].keys() == {"uf1", "uar", "accuracy"}


@pytest.mark.usefixtures("quick")
def test_weights_of_other_settings_are_refused_and_not_taken_for_these(measure: Any) -> None:
    measure("calibration")
    with pytest.raises(RunError, match="other settings"):
        measure("calibration", size=replace(SIZE, teacher={**TINY, "unit_share": 0.5}))


@pytest.mark.usefixtures("quick")
def test_damaged_weights_are_made_again_just_as_they_were(measure: Any, home: Path) -> None:
    measure("calibration")
    arrays = home / "out" / "weights" / "drawn-0" / "model.safetensors"
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[:100])
    measure("calibration")
    assert arrays.read_bytes() == whole


def test_every_model_of_the_zero_shot_part_is_taught_and_tells_action_units(
    measure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretraining, "MotionArtist", partial(MotionArtist, people=2))
    found = measure("zero-shot", out="zero-shot").document["parts"]["zero-shot"]
    models = [
        "stmn-a", "stmn-a, wrong anatomy", "stmn-a, relative flow and strain",
        "ststnet", "stan-a", "stan-a, grey frames", "dstan",
    ]  # fmt: skip
    assert [row["model"] for row in found["rows"]] == [row["model"] for row in found["units"]] == models
    assert all(set(row["units"]) == {"4", "12"} for row in found["units"])


def test_a_part_that_is_not_known_and_no_corpus_at_all_are_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="zero-shots"):
        bench_teacher({"casme2": tmp_path}, tmp_path / "out", parts=["zero-shots"])
    with pytest.raises(ConfigError, match="no corpus"):
        bench_teacher({}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_two_different_runs_or_weights_share_a_folder() -> None:
    rows = [row for part in PARTS.values() for row in part(Size(), CORPORA)]
    runs = [run for row in rows for line in (row.runs, *row.against.values()) for run in line]
    by_folder = {(run.corpus, run.name): run for run in runs}
    assert all(by_folder[run.corpus, run.name] == run for run in runs)
    weights = [run.weights for run in runs if run.weights]
    by_name = {one.name: one for one in weights}
    assert all(by_name[one.name] == one for one in weights)
    assert all(pupil(one.method, one.overrides) for one in by_name.values())


def test_wrong_teachers_differ_from_the_others_in_nothing_but_their_anatomy() -> None:
    for right, other in zip(drawn(Size()), wrong(Size()), strict=True):
        ours, theirs = (pupil(one.method, one.overrides)[1] for one in (right, other))
        assert (right.method, right.seed) == (other.method, other.seed)
        assert theirs.motion.wrong_anatomy
        assert replace(theirs, motion=replace(theirs.motion, wrong_anatomy=0)) == ours


def test_every_contamination_is_left_out_once_and_nothing_else_with_it() -> None:
    rows = {row.labels["without"]: row for row in PARTS["contaminations"](Size(), ["casme2"])}
    assert set(rows) == {"nothing", *CONTAMINATIONS}
    weights = rows["nothing"].runs[0].weights
    assert weights
    full = pupil(weights.method, weights.overrides)[1].motion
    for name in CONTAMINATIONS:
        weights = rows[name].runs[0].weights
        assert weights
        assert pupil(weights.method, weights.overrides)[1].motion == full.without(name)


def test_drawn_clips_are_counted_as_they_are_drawn() -> None:
    for row in PARTS["clips"](Size(), ["casme2"]):
        for run in row.runs:
            assert run.weights
            settings = pupil(run.weights.method, run.weights.overrides)[1]
            assert settings.clips * settings.epochs == row.labels["drawn clips"]


def test_coded_units_leave_out_what_does_not_move_and_what_has_no_number(corpus: ClipSet) -> None:
    assert coded_units(corpus)[:3] == [{12}, {4}, set()]
    without = ClipSet(tuple(replace(clip, annotation={}) for clip in corpus))
    assert coded_units(without) == []


def test_units_told_for_every_clip_score_as_if_always_told(corpus: ClipSet) -> None:
    always = {unit: np.ones(len(corpus), dtype=bool) for unit in (4, 12, 17)}
    scores = unit_scores(corpus, coded_units(corpus), [always])
    assert set(scores["units"]) == {"4", "12"}  # nobody shows 17
    assert scores["f1"]["value"] == pytest.approx(scores["f1_if_always_told"]) == 0.5
    perfect = {unit: np.array([unit in one for one in coded_units(corpus)]) for unit in (4, 12, 17)}
    assert unit_scores(corpus, coded_units(corpus), [perfect])["f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_corpus_in_which_no_unit_is_shown_often_has_no_scores_of_units(corpus: ClipSet) -> None:
    few = ClipSet(corpus.clips[:4])
    assert unit_scores(few, coded_units(few), [{unit: np.ones(len(few), dtype=bool) for unit in (4, 12)}]) == {}
