"""training.epochs = "inner" in the recognisers that train networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan.clips import PreparedClip
from dstan.errors import DstanError, RunError
from dstan.evaluation import evaluate
from dstan.recognizers import load_model, recognizer, save_model

CLASSES = ("happiness", "disgust", "others")
NETWORK = {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2}
INNER = {"epochs": "inner", "inner_epochs": [1, 2, 3], "inner_parts": 2, "batch_size": 4}


def _clips(people: int = 3) -> list[PreparedClip]:
    rng = np.random.default_rng(0)
    return [
        PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (2, 32, 32)).astype(np.float32),
            flow=rng.normal(i % 3, 1, (2, 2, 32, 32)).astype(np.float32),
            label=CLASSES[i % 3],
            subject=f"s{i % people}",
            clip_id=f"c{i}",
        )
        for i in range(8)
    ]


def _make(name: str, training: dict[str, Any]) -> Any:
    return recognizer(name, {"network": NETWORK, "training": training})


@pytest.mark.parametrize("name", ["dstan", "dstan-average", "stan-a", "stmn-a"])
def test_the_fit_is_that_of_the_number_chosen(name: str) -> None:
    fitted = _make(name, INNER).fit(_clips(), classes=CLASSES, seed=3)
    for part in getattr(fitted, "parts", (fitted,)):
        (stream,) = part.streams
        inner = fitted.dynamics_[stream]["inner"]
        assert inner["epochs"] == [1, 2, 3]
        assert inner["parts"] == 2
        assert inner["uf1"][inner["epochs"].index(inner["chosen"])] == max(inner["uf1"])
        assert len(fitted.history_[stream]) == inner["chosen"]
        fixed = _make(part.name, {**INNER, "epochs": inner["chosen"]}).fit(_clips(), classes=CLASSES, seed=3)
        assert fixed.dynamics_[stream]["inner"] is None
        arrays, same = part.state()[0], fixed.state()[0]
        assert all((arrays[key] == same[key]).all() for key in arrays | same)


def test_the_choice_is_kept_with_the_fold_and_the_model(tmp_path: Path) -> None:
    result = evaluate(_make("stmn-a", INNER), _clips(), classes=CLASSES, workers=0, out=tmp_path / "run")
    assert {tuple(fold["dynamics"]["flow"]["inner"]["epochs"]) for fold in result.folds} == {(1, 2, 3)}
    fitted = _make("stmn-a", INNER).fit(_clips(), classes=CLASSES)
    save_model(fitted, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert (loaded.predict_proba(_clips()) == fitted.predict_proba(_clips())).all()


def test_progress_is_told_of_every_network_and_never_beyond_its_end() -> None:
    seen: list[int] = []
    made = _make("dstan", INNER)
    made.fit(_clips(), classes=CLASSES, on_epoch=lambda stream, record: seen.append(record.epoch))
    assert seen[:6] == [1, 2, 3, 1, 2, 3]
    assert 2 * 2 * 3 + 2 <= len(seen) <= made.epochs == 2 * 3 * 3


def test_one_person_cannot_be_split() -> None:
    with pytest.raises(DstanError, match="these are all of one person"):
        _make("stmn-a", INNER).fit(_clips(1), classes=CLASSES)
    with pytest.raises(RunError, match=r"fold s0, seed 0.*these are all of one person.*training\.epochs=60"):
        evaluate(_make("stmn-a", INNER), _clips(2), classes=CLASSES, workers=0)
