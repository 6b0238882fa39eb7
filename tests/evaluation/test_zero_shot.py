"""Models applied as they are: nothing is learned from the people evaluated."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_fakes import CLASSES, Nearest, make_clips

import dstan
from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ModelError, RunError
from dstan.evaluation import compare, evaluate, load_run, tune
from dstan.recognizers import Majority, Recognizer, save_model
from dstan.reports import write_report
from dstan.reports.comparison_words import limits


def _of(corpus: str, clips: list[PreparedClip]) -> list[PreparedClip]:
    return [replace(clip, clip=replace(clip.clip, corpus=corpus)) for clip in clips]


class Counting(Nearest):
    """Must not be fitted again."""

    def fit(self, clips: object, **options: object) -> "Counting":
        assert not self.classes_, "a model that is applied as it is was fitted again"
        super().fit(clips, **options)
        return self


def _model(corpus: str = "drawn", seed: int = 7, classes: tuple[str, ...] = CLASSES, **options: object) -> Recognizer:
    return Counting(**options).fit(_of(corpus, make_clips(seed=seed)), classes=classes)


def test_every_clip_is_predicted_by_the_very_model(tmp_path: Path) -> None:
    model, clips = _model(), make_clips()
    result = evaluate(model, clips, classes=CLASSES[::-1], protocol="zero-shot", out=tmp_path, workers=0)
    bare = [replace(clip, clip=replace(clip.clip, label=None)) for clip in clips]
    assert list(result.predictions["y_pred"]) == model.predict(bare)
    mine = result.predictions[[f"p_{name}" for name in model.classes_]].to_numpy()
    assert np.array_equal(mine, model.predict_proba(bare))
    assert set(result.predictions["fold"]) == {"all"}
    (fold,) = result.folds
    assert (fold["train"], fold["test"], fold["history"], fold["choice"]) == (0, 15, {}, {})
    assert not list(tmp_path.rglob("model.json"))
    info = load_run(tmp_path).info
    assert (info["protocol"], info["methods"]["nearest"]["weights"]) == ("zero-shot", "zero-shot")
    assert load_run(tmp_path).costs["nearest"].fit_seconds is None


def test_a_finished_run_is_kept_and_another_model_is_refused(tmp_path: Path) -> None:
    how = {"classes": CLASSES, "protocol": "zero-shot", "out": tmp_path, "workers": 0}
    evaluate(_model(), make_clips(), **how)
    document = tmp_path / "nearest" / "folds" / "all-seed0" / "fold.json"
    stamp = document.stat().st_mtime_ns
    evaluate(_model(), make_clips(), **how)
    assert document.stat().st_mtime_ns == stamp
    with pytest.raises(RunError, match="begun with other contents of the model"):
        evaluate(_model(seed=8), make_clips(), **how)
    with pytest.raises(RunError, match="protocol is 'loso' here and 'zero-shot' there"):
        evaluate(Nearest(), make_clips(), **{**how, "protocol": "loso"})


def test_report_and_comparison_name_what_it_is(tmp_path: Path) -> None:
    clips = make_clips()
    models = [_model(), _model(seed=9, name="other")]
    evaluate(models, clips, classes=CLASSES, protocol="zero-shot", out=tmp_path / "zero", workers=2)
    evaluate(Nearest(), clips, classes=CLASSES, out=tmp_path / "loso", workers=0)
    page = write_report(tmp_path / "zero").read_text()
    assert "nearest (zero-shot)" in page
    assert "Zero-shot: models that were fitted before" in page
    assert "named the right class for" in page
    assert "No clip here was learned from: nearest (zero-shot) learned from drawn motion alone." in page
    assert "--seeds" not in page, "the luck of training cannot be shown by more seeds"
    found = compare(tmp_path / "zero" / "nearest", tmp_path / "loso")
    assert found.methods[0].name.endswith("zero/nearest (zero-shot)")
    assert any("different protocol: zero-shot and loso" in warning for warning in found.warnings)
    (once,) = [limit for limit in limits(found) if "One seed only" in limit]
    assert "zero-shot" not in once
    (one,) = [limit for limit in limits(found) if "One model only" in limit]
    assert one.startswith(f"One model only: {found.methods[0].name}. Models made with other seeds")


def test_nothing_is_applied_to_people_whom_it_may_have_seen() -> None:
    clips = make_clips()
    for corpora in (["arrays"], ["arrays", "drawn"]):
        model = _model()
        model.trained_["corpora"] = corpora
        with pytest.raises(ModelError, match="nearest: it has learned from clips of arrays: nobody there is new to it"):
            evaluate(model, clips, classes=CLASSES, protocol="zero-shot", workers=0)
    with pytest.raises(ModelError, match="clips of smic-hs, which films the people of smic-vis"):
        evaluate(_model("smic-hs"), _of("smic-vis", clips), classes=CLASSES, protocol="zero-shot", workers=0)
    older = _model()
    del older.trained_["corpora"]
    with pytest.raises(ModelError, match=r"does not say which corpora it was learned from.*make it again"):
        evaluate(older, clips, classes=CLASSES, protocol="zero-shot", workers=0)


def test_a_model_of_another_corpus_may_be_applied() -> None:
    model = _model("casme2")
    assert model.trained_["corpora"] == ["casme2"]
    result = evaluate(model, _of("samm", make_clips()), classes=CLASSES, protocol="zero-shot", workers=0)
    assert len(result.predictions) == 15


def test_what_makes_no_sense_is_refused_with_what_to_do() -> None:
    clips = make_clips()
    how = {"protocol": "zero-shot", "workers": 0}
    with pytest.raises(ConfigError, match=r"nearest: zero-shot applies a model as it is.*--zero-shot WEIGHTS"):
        evaluate(Nearest(), clips, **how)
    with pytest.raises(ConfigError, match="3 seeds: nothing is learned"):
        evaluate(_model(), clips, seeds=3, **how)
    with pytest.raises(ConfigError, match="nobody is learned from"):
        evaluate(_model(), clips, train_subjects=3, **how)
    with pytest.raises(ConfigError, match="classes are happiness, disgust, others, fear, and those here are"):
        evaluate(_model(classes=(*CLASSES, "fear")), clips, **how)
    with pytest.raises(ConfigError, match="nothing is learned, so nothing can be chosen"):
        tune(Nearest(), {"training.epochs": [1, 2]}, clips, **how)


def test_a_model_from_its_folder_is_applied_as_the_hint_says(tmp_path: Path) -> None:
    clips = make_clips()
    with pytest.raises(ConfigError) as refused:
        evaluate(Majority(), clips, protocol="zero-shot", workers=0)
    assert "dstan.load_model(WEIGHTS).recognizer" in refused.value.hint
    save_model(Majority().fit(_of("drawn", clips), classes=CLASSES), tmp_path)
    result = evaluate(dstan.load_model(tmp_path).recognizer, clips, protocol="zero-shot", workers=0)
    assert len(result.predictions) == len(clips)


def test_the_majority_baseline_of_a_report_is_the_commonest_class_of_all(tmp_path: Path) -> None:
    clips = [clip for clip in make_clips(6) if clip.label == "others" or clip.clip.subject == "s0"]
    evaluate(_model(), clips, classes=CLASSES, protocol="zero-shot", out=tmp_path, workers=0)
    assert "always answering “others”" in write_report(tmp_path).read_text()


def test_a_majority_that_learned_before_may_be_applied_too(tmp_path: Path) -> None:
    model = Majority().fit(_of("drawn", make_clips()), classes=CLASSES)
    evaluate([_model(), model], make_clips(), classes=CLASSES, protocol="zero-shot", out=tmp_path, workers=0)
    assert json.loads((tmp_path / "majority" / "metrics.json").read_text())["clips"] == 15
    assert "majority (zero-shot)" in write_report(tmp_path).read_text()
