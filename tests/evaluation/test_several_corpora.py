"""Runs over several corpora: who is held out, what each corpus scores by itself, and what the run remembers."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluation_fakes import CLASSES, Nearest, make_clips

from dstan.cli.evaluation import show_results
from dstan.clips import Clip, ClipSet, PreparedClip
from dstan.errors import ConfigError, CorpusError, RunError, UnknownNameError
from dstan.evaluation import Result, bootstrap_intervals, confusions_by_subject, evaluate, load_run
from dstan.evaluation.inputs import AS_GIVEN, Inputs, noted_of
from dstan.evaluation.protocols import make_folds
from dstan.metrics import confusion_matrix, scores
from dstan.recognizers import Majority


def _of(corpus: str, subjects: int, seed: int) -> list[PreparedClip]:
    """Clips of subjects s0, s1 ... of a corpus: the same names in every corpus."""
    return [
        replace(clip, clip=replace(clip.clip, corpus=corpus)) for clip in make_clips(subjects, per_subject=3, seed=seed)
    ]


def _three() -> list[PreparedClip]:
    return [*_of("b", 3, seed=1), *_of("a", 4, seed=2), *_of("c", 2, seed=3)]


def _folds_of(result: Result) -> dict[str, set[tuple[str, str]]]:
    people = zip(result.predictions["corpus"], result.predictions["subject"], strict=True)
    found: dict[str, set[tuple[str, str]]] = {}
    for fold, person in zip(result.predictions["fold"], people, strict=True):
        found.setdefault(fold, set()).add(person)
    return found


def test_cde_holds_out_one_person_of_one_corpus_at_a_time() -> None:
    result = evaluate(Nearest(), _three(), classes=CLASSES, protocol="cde", workers=0)
    people = {("a", f"s{i}") for i in range(4)} | {("b", f"s{i}") for i in range(3)} | {("c", "s0"), ("c", "s1")}
    assert _folds_of(result) == {f"{corpus}/{subject}": {(corpus, subject)} for corpus, subject in people}
    assert {fold["train"] for fold in result.folds} == {24}
    assert len(result.predictions) == 27


def test_hde_tests_each_corpus_on_a_model_of_all_the_others() -> None:
    result = evaluate(Nearest(), _three(), classes=CLASSES, protocol="hde", workers=0)
    assert {fold: {corpus for corpus, _ in people} for fold, people in _folds_of(result).items()} == {
        "test a": {"a"},
        "test b": {"b"},
        "test c": {"c"},
    }
    assert {fold["fold"]: (fold["train"], fold["test"]) for fold in result.folds} == {
        "test a": (15, 12),
        "test b": (18, 9),
        "test c": (21, 6),
    }
    assert len(result.per_corpus["b"].folds) == 1


def test_hde_may_test_some_corpora_only_and_learns_from_the_rest(tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = evaluate(Nearest(), _three(), protocol="hde", test_corpora=("c", "a"), out=run, workers=0)
    assert set(result.predictions["corpus"]) == {"a", "c"}
    assert sorted(fold["train"] for fold in result.folds) == [15, 21]
    assert list(result.per_corpus) == ["a", "c"]
    info = load_run(run).info
    assert (info["protocol"], info["test_corpora"], info["corpus"]) == ("hde", ["a", "c"], "a, b, c")
    evaluate(Nearest(), _three(), protocol="hde", test_corpora=("a", "c"), out=run, workers=0)
    for other in ((), ("a",)):
        with pytest.raises(RunError, match=r"test_corpora is .* here and \['a', 'c'\] there"):
            evaluate(Nearest(), _three(), protocol="hde", test_corpora=other, out=run, workers=0)


def test_one_tested_corpus_has_no_table_by_corpus(tmp_path: Path) -> None:
    result = evaluate(Nearest(), _three(), protocol="hde", test_corpora=["b"], workers=0)
    assert result.per_corpus == {}
    assert "per_corpus" not in result.to_dict()
    assert result.to_dict()["clips"] == 9
    assert result.to_dict()["subjects"] == 3


@pytest.mark.parametrize("protocol", ["cde", "hde"])
def test_a_protocol_of_several_corpora_refuses_one_before_anything_is_prepared(tmp_path: Path, protocol: str) -> None:
    unreadable = ClipSet(tuple(replace(clip.clip, path=tmp_path / "nowhere") for clip in make_clips()), classes=CLASSES)
    with pytest.raises(CorpusError, match=r"needs several corpora, and all clips are of arrays.*protocol loso"):
        evaluate(Majority(), unreadable, protocol=protocol, workers=0)


@pytest.mark.parametrize(
    ("protocol", "corpora", "error", "words"),
    [
        ("cde", ["a"], ConfigError, "test_corpora: cde tests people of every corpus.*hde"),
        ("loso", ["a"], ConfigError, "test_corpora: loso tests people of every corpus"),
        ("hde", ["a", "samm"], UnknownNameError, "no corpus is called 'samm'.*Known: "),
        ("composite", [], UnknownNameError, "no protocol is called 'composite'"),
    ],
)
def test_corpora_to_test_on_that_make_no_sense(
    protocol: str, corpora: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make_folds(protocol, [clip.clip for clip in _three()], corpora)


def test_sub01_of_two_corpora_are_two_people() -> None:
    table = pd.DataFrame(
        [(corpus, "sub01", f"c{clip}", 0, "x", said) for corpus, said in (("a", "x"), ("b", "y")) for clip in range(4)],
        columns=["corpus", "subject", "clip_id", "seed", "y_true", "y_pred"],
    )
    counts = confusions_by_subject(table, "xy")
    assert counts[:, 0].tolist() == [[[4, 0], [0, 0]], [[0, 4], [0, 0]]]
    assert bootstrap_intervals(counts)["accuracy"] == (0.0, 1.0)  # one person alone would give 0.5 to 0.5


def test_scores_of_a_corpus_come_from_its_own_pooled_clips(tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = evaluate(Nearest(noise=1.0), _three(), classes=CLASSES, protocol="cde", seeds=2, out=run, workers=0)
    document = json.loads((run / "nearest" / "metrics.json").read_text())
    assert list(document["per_corpus"]) == ["a", "b", "c"]
    assert np.array_equal(sum(part.confusion for part in result.per_corpus.values()), result.confusion)
    for corpus, subjects in (("a", 4), ("b", 3), ("c", 2)):
        rows = result.predictions[result.predictions["corpus"] == corpus]
        each = [
            scores(confusion_matrix(list(own["y_true"]), list(own["y_pred"]), CLASSES))
            for _, own in rows.groupby("seed")
        ]
        part = result.per_corpus[corpus]
        for name, value in part.scores.items():
            assert value == pytest.approx(np.mean([one[name] for one in each]))
            assert document["per_corpus"][corpus][name] == value
        assert part.intervals == bootstrap_intervals(confusions_by_subject(rows, CLASSES))
        written = document["per_corpus"][corpus]
        assert (written["clips"], written["subjects"]) == (3 * subjects, subjects)
        assert np.sum(written["confusion"]) == 2 * 3 * subjects
        assert written["intervals"]["uf1"] == list(part.intervals["uf1"])
        assert [one["seed"] for one in written["per_seed"]] == [0, 1]
    assert load_run(run).results["nearest"].to_dict() == result.to_dict()


def test_a_run_over_one_corpus_has_no_table_by_corpus() -> None:
    result = evaluate(Nearest(), make_clips(), classes=CLASSES, workers=0)
    assert result.per_corpus == {}
    assert "per_corpus" not in result.to_dict()


def test_a_class_that_a_corpus_lacks_counts_as_zero_there_and_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    two = [clip for clip in _of("b", 3, seed=1) if clip.label != "others"]
    with caplog.at_level(logging.WARNING, logger="dstan"):
        result = evaluate(Nearest(), [*_of("a", 3, seed=0), *two], classes=CLASSES, protocol="cde", workers=0)
    assert [record.getMessage() for record in caplog.records] == [
        "b has no clip of others, which counts as 0 in its UF1 and UAR"
    ]
    part = result.per_corpus["b"]
    recalls = np.diag(part.confusion)[:2] / part.confusion.sum(1)[:2]
    assert part.scores["uar"] == pytest.approx(recalls.sum() / 3)
    assert part.intervals["uar"][1] <= 2 / 3 + 1e-12


def _prepared_with(folder: Path, done: list[dict[str, Any]]) -> tuple[Path, ...]:
    files = tuple(folder / f"{number}.safetensors" for number in range(len(done)))
    for clip, what, file in zip(make_clips(), done, files, strict=False):
        replace(clip, done=what).save(file)
    return files


def test_apex_policies_are_counted_by_clip(tmp_path: Path) -> None:
    clips = ClipSet(tuple(clip.clip for clip in make_clips(2)[:4]))
    policies = ("annotated", "estimated", "annotated", "midpoint")
    done = [{"apex": {"policy": policy, "frame": 3}, "warnings": ["dim"]} for policy in policies]
    (tmp_path / "other").mkdir()
    files = {AS_GIVEN: _prepared_with(tmp_path, done), "other": _prepared_with(tmp_path / "other", done)}
    noted = noted_of(Inputs(clips, files, ""))
    assert noted["apex"] == {"annotated": 2, "estimated": 1, "midpoint": 1}
    assert len(noted["warnings"]) == 4
    plain = _prepared_with(tmp_path, [{}] * 4)
    assert noted_of(Inputs(clips, {AS_GIVEN: plain}, "")) == {"warnings": []}


@pytest.fixture
def on_disk(tmp_path: Path) -> ClipSet:
    """Six clips of two corpora whose subjects have the same names, with frames."""
    from PIL import Image

    rng = np.random.default_rng(0)
    clips = []
    for number in range(8):
        folder = tmp_path / "frames" / str(number)
        folder.mkdir(parents=True)
        for frame in range(4):
            Image.fromarray(rng.integers(0, 255, (48, 48)).astype(np.uint8)).save(folder / f"{frame}.png")
        clips.append(
            Clip(
                corpus="ab"[number // 4],
                subject=f"sub0{number % 4 // 2}",
                clip_id=f"c{number % 2}",
                path=folder,
                files=tuple(f"{frame}.png" for frame in range(4)),
                label=CLASSES[number % 2],
                fps=100,
            )
        )
    return ClipSet(tuple(clips), classes=CLASSES[:2], task="toy-2", notes=("a: 4 clips, the task expects 5",))


def test_notes_of_the_input_are_in_the_run_and_follow_it(on_disk: ClipSet, tmp_path: Path) -> None:
    from dstan.preprocessing.cache import Cache
    from dstan.preprocessing.recipe import Recipe
    from dstan.recognizers import DSTANSettings

    plain = DSTANSettings(recipe=Recipe(size=32, steps=2, alignment="none"))
    options: dict[str, Any] = {"protocol": "cde", "cache": Cache(tmp_path / "cache"), "out": tmp_path / "run"}
    result = evaluate(Majority(plain), on_disk, workers=0, **options)
    info = load_run(tmp_path / "run").info
    assert info["notes"] == ["a: 4 clips, the task expects 5"]
    assert "test_corpora" not in info
    assert info["input"]["subjects"] == 4
    assert len(_folds_of(result)) == 4
    evaluate(Majority(plain), replace(on_disk, notes=("corrected",)), workers=0, **options)
    assert load_run(tmp_path / "run").info["notes"] == ["corrected"]


def test_the_command_shows_each_corpus_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    methods = [Nearest(), Majority()]
    results = evaluate(methods, _three(), classes=CLASSES, protocol="cde", workers=0)
    show_results(results, methods)
    lines = capsys.readouterr().out.splitlines()
    part = results["nearest"].per_corpus["b"]
    (row,) = [line.split() for line in lines if line.split()[:2] == ["nearest", "b"]]
    assert row[2] == "9"
    assert {f"{part.scores['uf1']:.3f}", f"{part.scores['uar']:.3f}"} <= set(row)
    assert sum(line.split()[:1] == ["majority"] for line in lines) == 4
    show_results(evaluate(methods, make_clips(), classes=CLASSES, workers=0), methods)
    assert "corpus" not in capsys.readouterr().out


def test_corpora_that_film_the_same_people_are_not_split_together() -> None:
    clips = [
        Clip(corpus, subject, f"c{number}", Path(), label=label)
        for corpus in ("smic-hs", "smic-vis")
        for number, (subject, label) in enumerate(
            [("s1", "negative"), ("s2", "positive"), ("s3", "negative"), ("s4", "positive")]
        )
    ]
    with pytest.raises(CorpusError, match="smic-hs and smic-vis film the same people"):
        make_folds("cde", clips)
    assert len(make_folds("loso", clips[:4])) == 4
