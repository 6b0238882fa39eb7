import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_fakes import CLASSES, Nearest, Tunable, TunableJoined, make_clips
from PIL import Image

from dstan._engine import Engine
from dstan.clips import Clip, ClipSet, PreparedClip
from dstan.errors import ConfigError, CorpusError, RunError
from dstan.evaluation import evaluate, load_run, plan, tune, tuning
from dstan.evaluation.folds import FoldTask
from dstan.evaluation.tuning import inner_folds
from dstan.metrics import confusion_matrix, scores
from dstan.preprocessing.cache import Cache
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers import DSTANSettings, Majority, model_files, recognizer
from dstan.splits import leave_one_subject_out

GAINS = {"flow_gain": [0.0, 1.0]}
TABLES = ("tunable/predictions.csv", "tunable/metrics.json", "tunable/search.json")


def _with_gain(gain: float) -> Tunable:
    return Tunable(settings=Tunable().settings.replaced({"flow_gain": gain}))


def _search(run: Path, method: str = "tunable") -> dict[str, Any]:
    return dict(json.loads((run / method / "search.json").read_text()))


def test_the_candidate_that_helps_is_chosen_in_every_fold(tmp_path: Path) -> None:
    tuned = tune(Tunable(), GAINS, make_clips(), parts=3, classes=CLASSES, out=tmp_path / "run", workers=0)
    assert [choice.chosen for choice in tuned.search.choices] == [1] * 5
    assert tuned.search.times_chosen == (0, 5)
    assert tuned.search.mean_scores[1] > tuned.search.mean_scores[0]
    alone = evaluate(_with_gain(1.0), make_clips(), classes=CLASSES, workers=0)
    assert tuned.result.predictions.equals(alone.predictions)
    assert tuned.result.scores == alone.scores


def test_search_json_says_what_was_tried_and_chosen(tmp_path: Path) -> None:
    grid = {**GAINS, "training.epochs": [3, 5]}
    tuned = tune(Tunable(), grid, make_clips(), parts=2, seeds=2, out=tmp_path / "run", workers=0)
    document = _search(tmp_path / "run")
    assert document == tuned.search.to_dict()
    assert document["settings"] == ["flow_gain", "training.epochs"]
    assert document["candidates"] == [{"flow_gain": gain, "training.epochs": n} for gain in (0.0, 1.0) for n in (3, 5)]
    assert (document["parts"], document["score"]) == (2, "uf1")
    assert [(one["fold"], one["seed"]) for one in document["choices"]] == [
        (f"s{fold}", seed) for seed in (0, 1) for fold in range(5)
    ]
    for one in document["choices"]:
        assert one["scores"][one["chosen"]] == max(one["scores"])


def test_equal_scores_go_to_the_earlier_candidate() -> None:
    for gains in ([1.0, 2.0, 0.0], [2.0, 1.0, 0.0]):
        search = tune(Tunable(), {"flow_gain": gains}, make_clips(), parts=3, workers=0).search
        assert all(one.scores[0] == one.scores[1] > one.scores[2] for one in search.choices)
        assert search.times_chosen == (5, 0, 0)


def test_the_inner_score_is_that_of_one_pooled_table_of_the_training_people(tmp_path: Path) -> None:
    tune(Tunable(), GAINS, make_clips(), parts=3, classes=CLASSES, out=tmp_path / "run", workers=0)
    for one in _search(tmp_path / "run")["choices"]:
        for number, score in enumerate(one["scores"]):
            folders = tmp_path.glob(f"run/tunable/search/candidate{number}/tunable/folds/{one['fold']} part*-seed0")
            rows = [row for folder in folders for row in csv.DictReader((folder / "predictions.csv").open())]
            assert {row["subject"] for row in rows} == {f"s{i}" for i in range(5)} - {one["fold"]}
            assert len(rows) == 12
            table = confusion_matrix([row["y_true"] for row in rows], [row["y_pred"] for row in rows], CLASSES)
            assert score == pytest.approx(scores(table)["uf1"], abs=1e-11)


def test_a_tuned_run_is_a_run_like_any_other(tmp_path: Path) -> None:
    clips = make_clips()
    tuned = tune(Tunable(), GAINS, clips, parts=3, out=tmp_path / "run", workers=0)
    run = load_run(tmp_path / "run")
    assert list(run.results) == ["tunable"]
    assert run.results["tunable"].to_dict() == tuned.result.to_dict()
    assert len(run.results["tunable"].folds) == 5
    about = run.info["methods"]["tunable"]
    assert about["settings"] == Tunable().settings.to_dict()
    assert (about["tuned"], about["inner_parts"]) == (GAINS, 3)
    columns = [f"p_{name}" for name in tuned.result.classes]
    for fold in tuned.result.folds:
        folder = tmp_path / "run" / "tunable" / "folds" / f"{fold['fold']}-seed0"
        assert model_files.describe_model(folder)["settings"]["flow_gain"] == 1.0
        model = model_files.load_model(folder, lambda name, settings: _with_gain(settings["flow_gain"]))
        test = [PreparedClip.from_arrays(flow=clip.flow) for clip in clips if clip.clip.subject == fold["fold"]]
        rows = tuned.result.predictions[tuned.result.predictions["fold"] == fold["fold"]]
        assert (model.predict_proba(test) == rows[columns].to_numpy()).all()


def test_no_model_of_the_search_is_kept(tmp_path: Path) -> None:
    tune(TunableJoined("joined"), GAINS, make_clips(), parts=3, out=tmp_path / "run", workers=0)
    models = [file.relative_to(tmp_path / "run") for file in tmp_path.rglob("model.*")]
    assert {path.parts[:2] for path in models} == {("joined", "folds")}
    assert len(models) == 10


def test_workers_do_not_matter(tmp_path: Path) -> None:
    for workers in (0, 2):
        out = tmp_path / str(workers)
        tune(Tunable(), GAINS, make_clips(), parts=3, seeds=2, out=out, workers=workers)
    for name in TABLES:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_killed_at_any_moment_the_same_command_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from evaluation_fakes import TunableJoined, make_clips\n"
        "from dstan.evaluation import tune\n"
        "method = TunableJoined('tunable', pause=0.05)\n"
        "tune(method, {'flow_gain': [0.0, 1.0]}, make_clips(), parts=2, out=Path(sys.argv[1]), workers=0)\n"
    )
    tune(TunableJoined("tunable"), GAINS, make_clips(), parts=2, out=tmp_path / "whole", workers=0)
    run = tmp_path / "killed"
    for wanted in (5, 25, 42):  # of 20 parts and 20 wholes in the search, then 5 and 5
        process = subprocess.Popen([sys.executable, str(script), str(run)])
        while len(list(run.rglob("fold.json"))) < wanted:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finished = {file: file.stat().st_mtime_ns for file in run.rglob("fold.json")}
    assert 42 <= len(finished) < 50
    tune(TunableJoined("tunable"), GAINS, make_clips(), parts=2, out=run, workers=0)
    assert all(file.stat().st_mtime_ns == before for file, before in finished.items())
    for name in TABLES:
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_damaged_fold_of_the_search_is_made_again_with_what_it_needs(tmp_path: Path) -> None:
    run = tmp_path / "run"
    tune(TunableJoined("tunable"), GAINS, make_clips(), parts=2, out=run, workers=0)
    before = [(run / name).read_bytes() for name in TABLES]
    (run / "tunable/search/candidate0/tunable/folds/s1 part2-seed0/fold.json").unlink()
    tune(TunableJoined("tunable"), GAINS, make_clips(), parts=2, out=run, workers=0)
    assert before == [(run / name).read_bytes() for name in TABLES]
    assert {file.relative_to(run).parts[1] for file in run.rglob("model.*")} == {"folds"}


def test_candidates_share_equal_components_and_progress_counts_every_fit(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    grid = {"fusion.C": [0.1, 1.0, 10.0]}
    tune(
        TunableJoined("joined"),
        grid,
        make_clips(),
        parts=2,
        out=tmp_path / "run",
        workers=0,
        progress=lambda stage, done, total, note="": seen.append((stage, done, total)),
    )
    fits = 5 * 2 * (3 + 1) + 5 * (1 + 1)  # the wholes of three candidates and one part they share; then one of each
    assert len(list(tmp_path.rglob("fold.json"))) == fits
    assert seen[0] == ("tune", 0, fits)
    assert seen[-1] == ("tune", fits, fits)


def test_a_small_training_part_has_one_inner_fold_a_person() -> None:
    clips = [clip.clip for clip in make_clips(4)]
    for fold in leave_one_subject_out([clip.person for clip in clips]):
        inner = inner_folds(clips, fold, 5)
        assert [one.name for one in inner] == [f"{fold.name} part{i}" for i in (1, 2, 3)]
        assert sorted(index for one in inner for index in one.test) == list(fold.train)
        for one in inner:
            assert not {clips[i].person for i in one.train} & {clips[i].person for i in one.test}
            assert sorted(one.train + one.test) == list(fold.train)


def _moving(folder: Path) -> ClipSet:
    """Nine clips of three people; a texture that moves by as many pixels a frame as the number of the class."""
    texture = np.kron(np.random.default_rng(0).uniform(0, 255, (12, 12)), np.ones((4, 4))).astype(np.uint8)
    clips = []
    for number in range(9):
        place = folder / f"c{number}"
        place.mkdir(parents=True)
        for frame in range(4):
            Image.fromarray(np.roll(texture, frame * (number % 3), axis=1)).save(place / f"{frame}.png")
        clip = Clip("toy", f"s{number // 3}", f"c{number}", place, tuple(f"{i}.png" for i in range(4)), fps=100)
        clips.append(replace(clip, label=CLASSES[number % 3]))
    return ClipSet(tuple(clips), classes=CLASSES)


def test_recipes_are_chosen_among_too_and_each_is_prepared_once(tmp_path: Path) -> None:
    corpus, cache = _moving(tmp_path / "frames"), Cache(tmp_path / "cache")
    recipe = Recipe(size=32, steps=2, alignment="none", flow="dis")
    base = Nearest(settings=DSTANSettings(recipe=recipe))
    grid = {"recipe.temporal_average": [1.0, 0.0]}  # a second of four frames at 100 a second: all motion is gone
    seen: list[str] = []
    tuned = tune(
        base,
        grid,
        corpus,
        out=tmp_path / "run",
        cache=cache,
        workers=0,
        progress=lambda stage, done, total, note="": seen.append(stage),
    )
    assert tuned.search.times_chosen == (0, 3)
    assert len(load_run(tmp_path / "run").info["input"]["recipes"]) == 2
    assert set(seen) == {"prepare", "tune"}
    sharp = Nearest(settings=DSTANSettings(recipe=replace(recipe, temporal_average=0.0)))
    assert tuned.result.predictions.equals(evaluate(sharp, corpus, cache=cache, workers=0).predictions)


def test_a_gpu_is_shared_as_far_as_the_greediest_candidate_lets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    room: list[tuple[str, int]] = []
    monkeypatch.setattr(Tunable, "memory", lambda self, clip, n, device: int(1000 * self.settings.flow_gain) + n)
    monkeypatch.setattr(plan, "fits_at_once", lambda device, need: room.append((device, need)) or 3)
    found: list[int | None] = []

    def in_this_process(tasks: Sequence[FoldTask], **_: object) -> Engine:
        found.append(plan.workers_for(tasks, 8))
        return Engine(workers=0, most=len(tasks))

    monkeypatch.setattr(tuning, "engine_for", in_this_process)
    tune(Tunable(), {"flow_gain": [1.0, 5.0, 2.0]}, make_clips(), parts=2, device="cuda")
    assert room == [("cuda", 5012)]  # on the 12 clips of a whole training part
    assert found == [3]


def test_another_search_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    tune(Tunable(), GAINS, make_clips(), parts=3, out=run, workers=0)
    before = {file: file.read_bytes() for file in run.rglob("*.*") if file.is_file()}
    with pytest.raises(RunError, match=r"tunable: tuned\.flow_gain is \[0\.0, 2\.0\] here and \[0\.0, 1\.0\] there"):
        tune(Tunable(), {"flow_gain": [0.0, 2.0]}, make_clips(), parts=3, out=run, workers=0)
    with pytest.raises(RunError, match="tunable: inner_parts is 4 here and 3 there"):
        tune(Tunable(), GAINS, make_clips(), parts=4, out=run, workers=0)
    with pytest.raises(RunError, match="tunable: tuned is None here and"):
        evaluate(Tunable(), make_clips(), out=run, workers=0)
    with pytest.raises(RunError, match=r"input\.digest"):
        evaluate(Majority(), make_clips(seed=1), out=run, workers=0)
    assert before == {file: file.read_bytes() for file in before}
    evaluate(Majority(), make_clips(), out=run, workers=0)
    assert list(load_run(run).results) == ["tunable", "majority"]


def test_a_failing_candidate_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(RunError, match=r"tunable, fold s0 part\d, seed 0 \(flow_gain=0.0\).*this fold makes it sick"):
        tune(Tunable(sick="s2"), GAINS, make_clips(), parts=2, out=run, workers=0)
    assert len(list(run.rglob("fold.json"))) > 3
    assert not (run / "tunable" / "search.json").exists()


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({}, "nothing to choose from"),
        ({"flow_gain": [1.0]}, "nothing to choose from"),
        ({"flow_gain": []}, "nothing to choose from"),
        ({"training.epoch": [1, 2]}, "there is no setting 'training.epoch'.*Did you mean training.epochs"),
        ({"training": [1, 2]}, "training is a group of settings"),
        ({"training.learning_rate": [1e-3, "fast"]}, "learning_rate must be float, not 'fast'"),
        ({"recipe.pairs": ["adjacent", "onsett"]}, "pairs cannot be 'onsett'"),
        ({"flow_gain": [1, 1.0]}, "flow_gain=1.0 makes the same method as flow_gain=1"),
    ],
)
def test_grids_that_make_no_sense_are_said_before_any_work(tmp_path: Path, grid: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tune(Tunable(), grid, make_clips(), out=tmp_path / "run", workers=0)
    assert not (tmp_path / "run").exists()


def test_a_setting_that_does_not_concern_the_method_is_said_before_any_work() -> None:
    with pytest.raises(ConfigError, match=r"stan-a: flow_gain=1\.0 makes the same method as flow_gain=0\.0"):
        tune(recognizer("stan-a"), GAINS, make_clips(), workers=0)
    with pytest.raises(ConfigError, match=r"stmn-a: fusion\.C=1\.0 makes the same method as fusion\.C=10\.0"):
        tune(recognizer("stmn-a"), {"fusion.C": [10.0, 1.0]}, make_clips(), workers=0)


def test_people_who_cannot_be_split_again_are_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="fold s0: its training part is of one person"):
        tune(Tunable(), GAINS, make_clips(2), out=tmp_path / "run", workers=0)
    clips = make_clips(3)
    lonely = [
        replace(clip, clip=replace(clip.clip, label="others" if clip.clip.subject == "s0" else clip.label))
        for clip in clips
    ]
    with pytest.raises(CorpusError, match=r"fold s1: without the inner part\d all training clips are 'others'"):
        tune(Tunable(), GAINS, lonely, out=tmp_path / "run", workers=0)
    with pytest.raises(ConfigError, match="parts must be 2 or more"):
        tune(Tunable(), GAINS, clips, parts=1, workers=0)
    assert not (tmp_path / "run" / "run.json").exists()
