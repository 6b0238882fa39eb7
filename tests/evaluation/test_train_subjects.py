"""Evaluations in which only a few people of every training part are learned from."""

import json
from pathlib import Path

import pytest
from evaluation_fakes import CLASSES, Joined, Nearest, make_clips

from dstan.errors import ConfigError, CorpusError, RunError
from dstan.evaluation import compare, evaluate, load_run


class Noting(Nearest):
    """Keeps who it has learned from."""

    def _fit(self, clips: object, labels: object, classes: object, **options: object) -> None:
        super()._fit(clips, labels, classes, **options)
        self.choice_ = {"people": sorted({clip.clip.subject for clip in clips})}


def _learned(run: Path, method: str) -> dict[tuple[str, int], list[str]]:
    folds = load_run(run).results[method].folds
    return {(one["fold"], one["seed"]): one["choice"]["people"] for one in folds}


def test_every_fold_learns_from_so_many_people_the_same_for_every_method_and_run(tmp_path: Path) -> None:
    clips = make_clips(6)
    how = {"classes": CLASSES, "workers": 0, "seeds": 2, "train_subjects": 3}
    evaluate([Noting("one"), Noting("other", noise=0.5)], clips, out=tmp_path / "a", **how)
    evaluate(Noting("third"), clips, out=tmp_path / "b", **how)
    one, other, third = (_learned(tmp_path / run, name) for run, name in (("a", "one"), ("a", "other"), ("b", "third")))
    assert one == other == third
    assert len(one) == 12
    assert all(len(people) == 3 and fold not in people for (fold, _), people in one.items())
    assert any(one[fold, 0] != one[fold, 1] for fold, _ in one)
    assert load_run(tmp_path / "a").info["train_subjects"] == 3
    assert not compare(tmp_path / "a" / "one", tmp_path / "b").warnings


@pytest.mark.parametrize(("protocol", "most"), [("kfold-subject", 3), ("loso", 4)])
def test_a_training_part_with_fewer_people_stays_whole(tmp_path: Path, protocol: str, most: int) -> None:
    clips = make_clips(5)
    evaluate(Noting("one"), clips, out=tmp_path, workers=0, protocol=protocol, train_subjects=most)
    assert {len(people) for people in _learned(tmp_path, "one").values()} == {most}
    whole = evaluate(Noting("one"), clips, workers=0, protocol=protocol)
    many = evaluate(Noting("one"), clips, workers=0, protocol=protocol, train_subjects=99)
    assert many.predictions.equals(whole.predictions)


def test_a_run_with_other_numbers_of_people_is_refused_and_a_comparison_says_so(tmp_path: Path) -> None:
    clips = make_clips()
    evaluate(Nearest(), clips, out=tmp_path / "all", workers=0)
    evaluate(Nearest(), clips, out=tmp_path / "few", workers=0, train_subjects=2)
    with pytest.raises(RunError, match="train_subjects is 3 here and 2 there"):
        evaluate(Nearest(), clips, out=tmp_path / "few", workers=0, train_subjects=3)
    with pytest.raises(RunError, match="train_subjects is 2 here and None there"):
        evaluate(Nearest(), clips, out=tmp_path / "all", workers=0, train_subjects=2)
    assert "train_subjects" not in json.loads((tmp_path / "all" / "run.json").read_text())
    (warning,) = compare(tmp_path / "all", tmp_path / "few").warnings
    assert warning.endswith("are of different train_subjects: None and 2")


def test_what_is_made_of_parts_learns_from_the_same_few(tmp_path: Path) -> None:
    evaluate(Joined("joined"), make_clips(), out=tmp_path, workers=0, train_subjects=2)
    folds = load_run(tmp_path).results
    assert {one["train"] for name in ("joined", "part") for one in folds[name].folds} == {6}


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="train_subjects must be 2 or more, not 1"):
        evaluate(Nearest(), make_clips(), workers=0, train_subjects=1)
    clips = [clip for clip in make_clips(9, per_subject=1) if clip.label != "others"]
    with pytest.raises(CorpusError, match=r"fold s\d: all 2 training clips are .*--train-subjects 3"):
        evaluate(Nearest(), clips, workers=0, train_subjects=2)
