import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from dstan.errors import ShapeError
from dstan.metrics import SCORES, confusion_matrix, per_class, scores, scores_of_many

FOLDS = {
    "A": ("000012", "000010"),
    "B": ("01", "01"),
    "C": ("221", "021"),
    "D": ("1", "0"),
}


def _pool(folds: dict[str, tuple[str, str]]) -> np.ndarray:
    return sum(confusion_matrix(list(true), list(pred), "012") for true, pred in folds.values())  # type: ignore[return-value]


def test_worked_example() -> None:
    pooled = _pool(FOLDS)
    assert pooled.tolist() == [[5, 0, 0], [1, 3, 0], [2, 0, 1]]
    got = scores(pooled)
    assert tuple(got) == SCORES
    assert got["accuracy"] == pytest.approx(0.75)
    assert got["precision"] == pytest.approx(0.875)
    assert got["uf1"] == pytest.approx(0.7088, abs=5e-5)
    assert got["uar"] == got["recall"] == pytest.approx(0.6944, abs=5e-5)
    assert got["f1_le_ngo"] == pytest.approx(0.7743, abs=5e-5)
    assert per_class(pooled)["f1"] == pytest.approx([0.7692, 0.8571, 0.5], abs=5e-5)


def test_order_and_cut_of_folds_do_not_matter() -> None:
    split = {**FOLDS, "A": (FOLDS["A"][0][:2], FOLDS["A"][1][:2]), "A2": (FOLDS["A"][0][2:], FOLDS["A"][1][2:])}
    assert scores(_pool(FOLDS)) == scores(_pool(dict(reversed(FOLDS.items())))) == scores(_pool(split))


@pytest.mark.parametrize(
    ("counts", "accuracy", "uf1"),
    [
        ((70, 51, 43), 0.4268, 0.1994),
        ((70, 44, 38, 20), 0.4070, 0.1446),
        ((99, 63, 32, 27, 25), 0.4024, 0.1148),
        ((250, 109, 83), 0.5656, 0.2408),
    ],
)
def test_majority_guessing(counts: tuple[int, ...], accuracy: float, uf1: float) -> None:
    matrix = np.zeros((len(counts), len(counts)), dtype=int)
    matrix[:, 0] = counts
    got = scores(matrix)
    assert got["accuracy"] == pytest.approx(accuracy, abs=5e-5)
    assert got["uf1"] == pytest.approx(uf1, abs=5e-5)
    assert got["uar"] == pytest.approx(1 / len(counts))


def test_perfect_and_hopeless() -> None:
    assert set(scores(np.diag([3, 1, 2])).values()) == {1.0}
    assert set(scores([[0, 2], [1, 0]]).values()) == {0.0}


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pred = rng.choice(list("abcd"), 40), rng.choice(list("abcd" if seed % 2 else "abc"), 40)
    got = scores(confusion_matrix(list(true), list(pred), "abcd"))
    assert got["uf1"] == pytest.approx(f1_score(true, pred, average="macro", labels=list("abcd"), zero_division=0))
    if set(true) == set("abcd"):
        assert got["uar"] == pytest.approx(balanced_accuracy_score(true, pred))
    assert got["f1_le_ngo"] >= got["uf1"] - 1e-12


def test_a_class_of_the_task_that_never_occurs_counts_as_zero(caplog: pytest.LogCaptureFixture) -> None:
    got = scores(confusion_matrix(["a", "b"], ["a", "b"], ["a", "b", "never"]))
    assert got["accuracy"] == 1.0
    assert got["uf1"] == got["uar"] == pytest.approx(2 / 3)
    assert "class number 3 has neither clips nor predictions" in caplog.text


def test_many_at_once_are_the_same_numbers() -> None:
    matrices = np.random.default_rng(0).integers(0, 9, (5, 2, 3, 3))
    many = scores_of_many(matrices)
    for i, j in np.ndindex(5, 2):
        assert {name: value[i, j] for name, value in many.items()} == scores(matrices[i, j])


def test_a_class_left_out_of_the_means() -> None:
    got = scores_of_many(confusion_matrix(["a", "b", "b"], ["a", "b", "a"], "abc"), [True, True, False])
    assert got["uar"] == pytest.approx(0.75)
    assert got["precision"] == pytest.approx(0.75)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="2 truths but 1 predictions"):
        confusion_matrix(["a", "b"], ["a"], "ab")
    with pytest.raises(ShapeError, match="not among the classes"):
        confusion_matrix(["a"], ["c"], "ab")
    with pytest.raises(ShapeError, match="square"):
        scores(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="at least one"):
        scores(np.zeros((2, 2)))
