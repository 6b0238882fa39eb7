"""What every recogniser promises; a new row of METHODS comes here by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from specimens import CLASSES, draw, make, specimen

from dstan._engine import single_thread
from dstan.clips import PreparedClip
from dstan.errors import DstanError, NotFittedError, ShapeError
from dstan.evaluation import evaluate
from dstan.recognizers import LEAVES, METHODS, PAPER_TRACK, Recognizer, load_model, recognizer, save_model

EVERY = sorted({**METHODS, **PAPER_TRACK})
every_method = pytest.mark.parametrize("name", EVERY)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with single_thread():
        yield


@cache
def _fitted(name: str) -> Recognizer:
    return make(name).fit(draw(name), classes=CLASSES, seed=1)


def _same(one: Recognizer, two: Recognizer) -> bool:
    new = draw(one.name, 3, seed=9)
    return bool((one.predict_proba(new) == two.predict_proba(new)).all()) and one.predict(new) == two.predict(new)


def _relabelled(clips: Sequence[PreparedClip], labels: Sequence[str | None]) -> list[PreparedClip]:
    return [replace(clip, clip=replace(clip.clip, label=label)) for clip, label in zip(clips, labels, strict=True)]


@pytest.mark.parametrize("name", sorted({**METHODS, **PAPER_TRACK, **LEAVES}))
def test_registry_and_recogniser_agree_on_the_name(name: str) -> None:
    made = make(name)
    assert made.name == name
    assert made.description
    assert set(made.streams) <= {"appearance", "flow"}
    assert made.recipe == made.settings.recipe
    assert recognizer(name, made.settings.to_dict()).settings == made.settings
    for part in made.components():
        assert part.name in LEAVES
        assert recognizer(part.name, part.settings.to_dict()).settings == part.settings


@every_method
def test_probabilities_labels_and_details_fit_each_other(name: str) -> None:
    new, fitted = draw(name, 4, seed=5), _fitted(name)
    probabilities, labels = fitted.predict_proba(new), fitted.predict(new)
    assert probabilities.shape == (4, 3)
    assert probabilities.dtype == np.float64
    assert (probabilities >= 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert fitted.classes_ == CLASSES
    for detail, label, row in zip(fitted.predict_details(new), labels, probabilities, strict=True):
        assert detail["label"] == label
        assert detail["probabilities"] == dict(zip(CLASSES, row, strict=True))
        assert set(detail["attention"]) == set(fitted.streams)
        for weights in detail["attention"].values():
            assert weights is None or len(weights) == specimen(name).frames


@every_method
def test_no_clips_no_answers(name: str) -> None:
    fitted = _fitted(name)
    assert fitted.predict([]) == []
    assert fitted.predict_proba([]).shape == (0, 3)
    assert fitted.predict_details([]) == []


@every_method
def test_a_clip_s_numbers_do_not_depend_on_its_neighbours_or_its_label(name: str) -> None:
    new, fitted = draw(name, 4, seed=5), _fitted(name)
    together = fitted.predict_proba(new)
    alone = np.concatenate([fitted.predict_proba([clip]) for clip in _relabelled(new, [None, "x", "others", None])])
    assert (together == alone).all()


@every_method
def test_held_out_labels_never_reach_a_prediction(name: str) -> None:
    clips = draw(name, 8)
    scrambled = _relabelled(
        clips,
        [CLASSES[(CLASSES.index(clip.label) + 1) % 3] if clip.clip.subject == "s1" else clip.label for clip in clips],
    )
    tables = [evaluate(make(name), some, classes=CLASSES, workers=0).predictions for some in (clips, scrambled)]
    columns = ["clip_id", "y_pred", *(f"p_{label}" for label in CLASSES)]
    first, second = (table[table["fold"] == "s1"] for table in tables)
    assert first[columns].equals(second[columns])
    assert not first["y_true"].equals(second["y_true"])


@every_method
def test_a_reloaded_fold_gives_the_numbers_of_the_table(name: str, tmp_path: Path) -> None:
    clips = draw(name)
    result = evaluate(make(name), clips, classes=CLASSES, workers=0, out=tmp_path)
    columns = [f"p_{label}" for label in CLASSES]
    for fold in ("s0", "s2"):
        model = load_model(tmp_path / name / "folds" / f"{fold}-seed0")
        test = [clip for clip in clips if clip.clip.subject == fold]
        rows = result.predictions[result.predictions["fold"] == fold]
        assert (model.predict_proba(test) == rows[columns].to_numpy()).all()
        assert model.predict(test) == rows["y_pred"].tolist()


@every_method
def test_save_and_load_give_identical_numbers(name: str, tmp_path: Path) -> None:
    save_model(_fitted(name), tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert _same(loaded, _fitted(name))
    assert (loaded.name, loaded.settings, loaded.classes_) == (name, _fitted(name).settings, CLASSES)
    assert loaded.history_ == _fitted(name).history_
    assert {file.suffix for file in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}


@every_method
def test_a_seed_decides_everything(name: str) -> None:
    again = make(name).fit(draw(name), classes=CLASSES, seed=1)
    assert _same(again, _fitted(name))
    if specimen(name).is_random:
        assert not _same(make(name).fit(draw(name), classes=CLASSES, seed=2), again)


@every_method
def test_fit_forgets(name: str) -> None:
    again = make(name).fit(draw(name, 4, seed=3, labels=("x", "y")), seed=7).fit(draw(name), classes=CLASSES, seed=1)
    assert again.classes_ == CLASSES
    assert _same(again, _fitted(name))


@every_method
def test_shared_components_change_nothing(name: str) -> None:
    made = make(name)
    parts = [part.fit(draw(name), classes=CLASSES, seed=1) for part in made.components()]
    made.fit(draw(name), classes=CLASSES, seed=1, fitted=parts or None)
    assert _same(made, _fitted(name))


@every_method
def test_a_class_missing_from_the_training_part_is_never_named(name: str) -> None:
    clips = draw(name, labels=("happiness", "others"))
    fitted = make(name).fit(clips, classes=CLASSES)
    probabilities = fitted.predict_proba(draw(name, 3, seed=4))
    assert probabilities.shape == (3, 3)
    assert (probabilities[:, 1] < 1e-6).all()
    assert "disgust" not in fitted.predict(draw(name, 3, seed=4))


@every_method
def test_other_lengths_and_sizes(name: str) -> None:
    for frames, fields, size in specimen(name).others:
        shape: dict[str, Any] = {"frames": frames, "fields": fields, "size": size}
        fitted = make(name).fit(draw(name, 5, **shape), classes=CLASSES)
        assert np.isfinite(fitted.predict_proba(draw(name, 2, seed=3, **shape))).all()


@every_method
def test_only_the_streams_that_are_needed(name: str) -> None:
    needed = make(name).streams
    absent: dict[str, Any] = {stream: None for stream in ("appearance", "flow") if stream not in needed}
    if len(absent) < 2:
        assert _same(
            make(name).fit([replace(clip, **absent) for clip in draw(name)], classes=CLASSES, seed=1), _fitted(name)
        )
    for stream in needed if len(needed) < 2 else ():
        with pytest.raises(ShapeError, match=f"needs {stream}, which this clip does not have"):
            _fitted(name).predict([replace(clip, **{stream: None}) for clip in draw(name, 1)])


@every_method
def test_clips_that_cannot_be_learned_from(name: str) -> None:
    own, good = specimen(name), draw(name)
    if own.bad:
        arrays = {key: value for key, value in own.bad.items() if key == "landmarks" or key in make(name).streams}
        bad = [replace(clip, **arrays) for clip in draw(name)]
        with pytest.raises(DstanError, match=own.says):
            make(name).fit(bad)
        with pytest.raises(DstanError, match=f"{good[0].clip}.*{own.says}"):
            _fitted(name).predict(bad[:1])
    if make(name).streams:
        with pytest.raises(ShapeError, match=f"{good[0].clip}.*that of the first training clip"):
            make(name).fit(draw(name, size=(63, 64)) + good[:1])
    with pytest.raises(DstanError, match="no clips to learn from"):
        make(name).fit([])
    with pytest.raises(DstanError, match="without a label"):
        make(name).fit(_relabelled(draw(name, 1), [None]))
    with pytest.raises(DstanError, match="'others' is not one of"):
        make(name).fit(draw(name), classes=CLASSES[:2])


@every_method
def test_predict_before_fit(name: str, tmp_path: Path) -> None:
    for action in (lambda: make(name).predict(draw(name, 1)), lambda: save_model(make(name), tmp_path)):
        with pytest.raises(NotFittedError, match="not fitted"):
            action()


def test_dstan_its_streams_and_its_sister_share_their_fits(tmp_path: Path) -> None:
    together = evaluate(
        [make(name) for name in ("dstan", "stan-a", "stmn-a", "majority")], draw("dstan"), workers=0, out=tmp_path
    )
    assert set(together) == {"dstan", "stan-a", "stmn-a", "majority"}
    for name in ("dstan", "stmn-a"):
        alone = evaluate(make(name), draw("dstan"), workers=0)
        assert alone.predictions.equals(together[name].predictions)
    later = evaluate([make("dstan-average")], draw("dstan"), workers=0, out=tmp_path)["dstan-average"].predictions
    streams = [together[name].predictions[[f"p_{label}" for label in sorted(CLASSES)]] for name in ("stan-a", "stmn-a")]
    assert np.allclose(later[streams[0].columns], (streams[0] + streams[1]) / 2, atol=1e-15)


def test_workers_do_not_change_a_bit(tmp_path: Path) -> None:
    for workers in (0, 2):
        evaluate(make("dstan"), draw("dstan"), workers=workers, out=tmp_path / str(workers))
    for name in ("dstan", "stan-a", "stmn-a"):
        table = f"{name}/predictions.csv"
        assert (tmp_path / "0" / table).read_bytes() == (tmp_path / "2" / table).read_bytes()
