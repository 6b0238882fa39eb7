"""Evaluation from frames on disk: preparation, what is skipped, and what the run remembers of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_fakes import CLASSES, Nearest
from PIL import Image

from dstan.clips import Clip, ClipSet, Skipped
from dstan.errors import FrameError, RunError
from dstan.evaluation import evaluate, load_run
from dstan.preprocessing.cache import Cache
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers import DSTANSettings, Majority

PLAIN = DSTANSettings(recipe=Recipe(size=32, steps=2, alignment="none"))


@pytest.fixture
def corpus(tmp_path: Path) -> ClipSet:
    """Nine clips of three subjects; a texture that moves by as many pixels as the number of the class."""
    rng = np.random.default_rng(0)
    texture = np.kron(rng.uniform(0, 255, (12, 12)), np.ones((4, 4))).astype(np.uint8)
    clips = []
    for number in range(9):
        folder = tmp_path / "frames" / f"c{number}"
        folder.mkdir(parents=True)
        for frame in range(4):
            Image.fromarray(np.roll(texture, frame * (number % 3), axis=1)).save(folder / f"{frame}.png")
        clips.append(
            Clip(
                corpus="toy",
                subject=f"s{number // 3}",
                clip_id=f"c{number}",
                path=folder,
                files=tuple(f"{frame}.png" for frame in range(4)),
                label=CLASSES[number % 3],
                fps=100,
            )
        )
    already = Skipped("toy", "s9", "c9", "load", "no frames, as the table says")
    return ClipSet(tuple(clips), classes=CLASSES, skipped=(already,), task="toy-3")


def test_a_clip_that_cannot_be_used_is_skipped_named_and_counted(corpus: ClipSet, tmp_path: Path) -> None:
    corpus[4].path.joinpath("2.png").write_bytes(b"")
    methods = [Nearest(settings=PLAIN), Majority(PLAIN)]
    cache = Cache(tmp_path / "cache")
    results = evaluate(methods, corpus, out=tmp_path / "run", cache=cache, workers=0)
    run = load_run(tmp_path / "run")
    assert set(results["nearest"].predictions["clip_id"]) == {f"c{i}" for i in range(9)} - {"c4"}
    assert run.skipped[0] == corpus.skipped[0]
    (broken,) = run.skipped[1:]
    assert (broken.clip_id, broken.stage) == ("c4", "prepare")
    assert "2.png" in broken.reason
    assert run.info["skipped"] == 2
    assert run.info["task"] == "toy-3"
    assert run.info["input"]["counts"] == {"happiness": 3, "disgust": 2, "others": 3}
    with pytest.raises(FrameError, match=r"2\.png"):
        evaluate(methods, corpus, cache=cache, workers=0, strict=True)


def test_one_cache_many_runs(corpus: ClipSet, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    first = evaluate(Nearest(settings=PLAIN), corpus, cache=cache, workers=0)
    stages: list[tuple[str, int, int]] = []
    second = evaluate(
        Nearest(settings=PLAIN),
        corpus,
        cache=cache,
        workers=0,
        progress=lambda stage, done, total, note="": stages.append((stage, done, total)),
    )
    assert first.predictions.equals(second.predictions)
    assert stages == [("prepare", 9, 9), ("evaluate", 0, 3), *(("evaluate", i, 3) for i in (1, 2, 3))]


def test_each_recipe_is_prepared_once_and_kept_apart(corpus: ClipSet, tmp_path: Path) -> None:
    other = replace(PLAIN, recipe=replace(PLAIN.recipe, pairs="onset"))
    methods = [Nearest(settings=PLAIN), Nearest("far", settings=other), Nearest("again", settings=other)]
    results = evaluate(methods, corpus, cache=Cache(tmp_path / "cache"), out=tmp_path / "run", workers=0)
    columns = [f"p_{name}" for name in CLASSES]
    assert not results["nearest"].predictions[columns].equals(results["far"].predictions[columns])
    assert results["far"].predictions[columns].equals(results["again"].predictions[columns])
    assert len(load_run(tmp_path / "run").info["input"]["recipes"]) == 2


def test_a_method_with_another_recipe_is_added_to_a_run_and_nothing_finished_is_done_again(
    corpus: ClipSet, tmp_path: Path
) -> None:
    other = replace(PLAIN, recipe=replace(PLAIN.recipe, pairs="onset"))
    options: dict[str, Any] = {"cache": Cache(tmp_path / "cache"), "out": tmp_path / "run", "workers": 0}
    evaluate(Nearest(settings=PLAIN), corpus, **options)
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "nearest" / "folds").rglob("*.json")}
    evaluate(Nearest("far", settings=other), corpus, **options)
    evaluate([Nearest(settings=PLAIN), Nearest("far", settings=other)], corpus, **options)
    assert {path: path.stat().st_mtime_ns for path in first} == first
    run = load_run(tmp_path / "run")
    assert list(run.results) == ["nearest", "far"]
    assert len(run.info["input"]["recipes"]) == 2
    with pytest.raises(RunError, match=r"recipe\.pairs is 'adjacent' here and 'onset' there"):
        evaluate(Nearest("far", settings=PLAIN), corpus, **options)


def test_a_run_is_not_continued_with_other_clips(corpus: ClipSet, tmp_path: Path) -> None:
    options = {"cache": Cache(tmp_path / "cache"), "out": tmp_path / "run", "workers": 0}
    evaluate(Nearest(settings=PLAIN), corpus, **options)
    with pytest.raises(RunError, match=r"input\.clips is 8 here and 9 there"):
        evaluate(Nearest(settings=PLAIN), corpus[:8], **options)
    renamed = replace(corpus, task="toy-4")
    with pytest.raises(RunError, match="task is 'toy-4' here and 'toy-3' there"):
        evaluate(Nearest(settings=PLAIN), renamed, **options)


def test_a_run_is_not_continued_where_a_table_says_another_apex(corpus: ClipSet, tmp_path: Path) -> None:
    run, cache = tmp_path / "run", Cache(tmp_path / "cache")
    evaluate(Majority(PLAIN), corpus, out=run, cache=cache, workers=0)
    corrected = replace(corpus, clips=(replace(corpus[0], apex=2), *corpus.clips[1:]))
    with pytest.raises(RunError, match="other onsets, apexes, offsets or frames"):
        evaluate(Majority(PLAIN), corrected, out=run, cache=cache, workers=0)
    older = json.loads((run / "run.json").read_text())
    del older["input"]["annotations"]
    (run / "run.json").write_text(json.dumps(older))
    evaluate(Majority(PLAIN), corpus, out=run, cache=cache, workers=0)  # a run that an older version began goes on


def test_a_run_on_drawn_faces_says_so(corpus: ClipSet, tmp_path: Path) -> None:
    for truth, run in ((False, "real"), (True, "drawn")):
        if truth:
            (tmp_path / "truth").mkdir()
            (tmp_path / "truth" / "twin.json").write_text("{}")
        evaluate(Majority(PLAIN), corpus, out=tmp_path / run, cache=Cache(tmp_path / "cache"), workers=0)
        info = load_run(tmp_path / run).info
        assert (info["corpus"], info["synthetic"]) == ("toy", truth)
