"""What every recogniser promises; a new row of METHODS comes here by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan._engine import single_thread
from dstan.clips import PreparedClip
from dstan.errors import DstanError, NotFittedError, ShapeError
from dstan.evaluation import evaluate
from dstan.recognizers import LEAVES, METHODS, Recognizer, load_model, recognizer, save_model

CLASSES = ("happiness", "disgust", "others")
QUICK = {
    "training": {"epochs": 1, "batch_size": 4},
    "network": {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2},
}
every_method = pytest.mark.parametrize("name", METHODS)


def _clips(n: int = 7, *, steps: int = 2, size: int = 32, seed: int = 0, labels: Sequence[str] = CLASSES) -> list[Any]:
    """Clips of two subjects in turn, and the last of a third who has no other."""
    rng = np.random.default_rng(seed)
    return [
        PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (steps, size, size)).astype(np.float32),
            flow=rng.normal(i % 3, 1, (steps, 2, size, size)).astype(np.float32),
            label=labels[i % len(labels)],
            subject="s2" if i == n - 1 else f"s{i % 2}",
            clip_id=f"c{i}",
        )
        for i in range(n)
    ]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with single_thread():
        yield


def _make(name: str) -> Recognizer:
    return recognizer(name, QUICK)


@cache
def _fitted(name: str) -> Recognizer:
    return _make(name).fit(_clips(), classes=CLASSES, seed=1)


def _same(one: Recognizer, two: Recognizer) -> bool:
    new = _clips(3, seed=9)
    return bool((one.predict_proba(new) == two.predict_proba(new)).all()) and one.predict(new) == two.predict(new)


def _relabelled(clips: Sequence[PreparedClip], labels: Sequence[str | None]) -> list[PreparedClip]:
    return [replace(clip, clip=replace(clip.clip, label=label)) for clip, label in zip(clips, labels, strict=True)]


@pytest.mark.parametrize("name", sorted({**METHODS, **LEAVES}))
def test_registry_and_recogniser_agree_on_the_name(name: str) -> None:
    made = _make(name)
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
    new, fitted = _clips(4, seed=5), _fitted(name)
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
            assert weights is None or len(weights) == 2


@every_method
def test_a_clip_s_numbers_do_not_depend_on_its_neighbours_or_its_label(name: str) -> None:
    new, fitted = _clips(4, seed=5), _fitted(name)
    together = fitted.predict_proba(new)
    alone = np.concatenate([fitted.predict_proba([clip]) for clip in _relabelled(new, [None, "x", "others", None])])
    assert (together == alone).all()


@every_method
def test_held_out_labels_never_reach_a_prediction(name: str) -> None:
    clips = _clips(8)
    scrambled = _relabelled(
        clips,
        [CLASSES[(CLASSES.index(clip.label) + 1) % 3] if clip.clip.subject == "s1" else clip.label for clip in clips],
    )
    tables = [evaluate(_make(name), some, classes=CLASSES, workers=0).predictions for some in (clips, scrambled)]
    columns = ["clip_id", "y_pred", *(f"p_{label}" for label in CLASSES)]
    first, second = (table[table["fold"] == "s1"] for table in tables)
    assert first[columns].equals(second[columns])
    assert not first["y_true"].equals(second["y_true"])


@every_method
def test_a_reloaded_fold_gives_the_numbers_of_the_table(name: str, tmp_path: Path) -> None:
    clips = _clips()
    result = evaluate(_make(name), clips, classes=CLASSES, workers=0, out=tmp_path)
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
    again = _make(name).fit(_clips(), classes=CLASSES, seed=1)
    assert _same(again, _fitted(name))
    if name != "majority":
        assert not _same(_make(name).fit(_clips(), classes=CLASSES, seed=2), again)


@every_method
def test_fit_forgets(name: str) -> None:
    again = _make(name).fit(_clips(4, seed=3, labels=("x", "y")), seed=7).fit(_clips(), classes=CLASSES, seed=1)
    assert again.classes_ == CLASSES
    assert _same(again, _fitted(name))


@every_method
def test_shared_components_change_nothing(name: str) -> None:
    made = _make(name)
    parts = [part.fit(_clips(), classes=CLASSES, seed=1) for part in made.components()]
    made.fit(_clips(), classes=CLASSES, seed=1, fitted=parts or None)
    assert _same(made, _fitted(name))


@every_method
def test_a_class_missing_from_the_training_part_is_never_named(name: str) -> None:
    clips = _clips(labels=("happiness", "others"))
    fitted = _make(name).fit(clips, classes=CLASSES)
    probabilities = fitted.predict_proba(_clips(3, seed=4))
    assert probabilities.shape == (3, 3)
    assert (probabilities[:, 1] < 1e-6).all()
    assert "disgust" not in fitted.predict(_clips(3, seed=4))


@every_method
@pytest.mark.parametrize(("steps", "shape"), [(1, (32, 32)), (3, (33, 47))])
def test_any_length_and_size(name: str, steps: int, shape: tuple[int, int]) -> None:
    clips = [
        replace(
            clip, appearance=np.resize(clip.appearance, (steps, *shape)), flow=np.resize(clip.flow, (steps, 2, *shape))
        )
        for clip in _clips(5)
    ]
    fitted = _make(name).fit(clips, classes=CLASSES)
    assert np.isfinite(fitted.predict_proba(clips)).all()
    assert np.isfinite(fitted.predict_proba(_clips(1, steps=4, size=40))).all()


@every_method
def test_only_the_streams_that_are_needed(name: str) -> None:
    needed = _make(name).streams
    absent: dict[str, Any] = {stream: None for stream in ("appearance", "flow") if stream not in needed}
    if len(absent) < 2:
        assert _same(
            _make(name).fit([replace(clip, **absent) for clip in _clips()], classes=CLASSES, seed=1), _fitted(name)
        )
    for stream in needed if len(needed) < 2 else ():
        with pytest.raises(ShapeError, match=f"needs {stream}, which this clip does not have"):
            _fitted(name).predict([replace(clip, **{stream: None}) for clip in _clips(1)])


@every_method
def test_clips_that_cannot_be_learned_from(name: str) -> None:
    if name != "majority":
        with pytest.raises(ShapeError, match=r"31 x 31, but at least 32 x 32"):
            _make(name).fit(_clips(size=31))
        with pytest.raises(ShapeError, match="that of the first training clip"):
            _make(name).fit(_clips() + _clips(steps=3))
    with pytest.raises(DstanError, match="no clips to learn from"):
        _make(name).fit([])
    with pytest.raises(DstanError, match="without a label"):
        _make(name).fit(_relabelled(_clips(1), [None]))
    with pytest.raises(DstanError, match="'others' is not one of"):
        _make(name).fit(_clips(), classes=CLASSES[:2])


@every_method
def test_predict_before_fit(name: str, tmp_path: Path) -> None:
    for action in (lambda: _make(name).predict(_clips(1)), lambda: save_model(_make(name), tmp_path)):
        with pytest.raises(NotFittedError, match="not fitted"):
            action()


def test_dstan_its_streams_and_its_sister_share_their_fits(tmp_path: Path) -> None:
    together = evaluate(
        [_make(name) for name in ("dstan", "stan-a", "stmn-a", "majority")], _clips(), workers=0, out=tmp_path
    )
    assert set(together) == {"dstan", "stan-a", "stmn-a", "majority"}
    for name in ("dstan", "stmn-a"):
        alone = evaluate(_make(name), _clips(), workers=0)
        assert alone.predictions.equals(together[name].predictions)
    later = evaluate([_make("dstan-average")], _clips(), workers=0, out=tmp_path)["dstan-average"].predictions
    streams = [together[name].predictions[[f"p_{label}" for label in sorted(CLASSES)]] for name in ("stan-a", "stmn-a")]
    assert np.allclose(later[streams[0].columns], (streams[0] + streams[1]) / 2, atol=1e-15)


def test_workers_do_not_change_a_bit(tmp_path: Path) -> None:
    for workers in (0, 2):
        evaluate(_make("dstan"), _clips(), workers=workers, out=tmp_path / str(workers))
    for name in ("dstan", "stan-a", "stmn-a"):
        table = f"{name}/predictions.csv"
        assert (tmp_path / "0" / table).read_bytes() == (tmp_path / "2" / table).read_bytes()
