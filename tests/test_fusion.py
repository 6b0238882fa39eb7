"""The SVM's vote against scikit-learn's, and the average."""

import numpy as np
import pytest
from sklearn.svm import SVC

from dstan.errors import ConfigError, DstanError, NotFittedError
from dstan.fusion import FusionSettings, LinearSVM, average


def _problem(seed: int, present: list[int], n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.array(present)[rng.integers(0, len(present), n)]
    features = rng.normal(0, 1, (n, 12)) * 3 + 5 + labels[:, None] * rng.normal(0, 0.4, 12)
    features[:, 3] = 7.0  # a feature that never changes
    return features, labels, rng.normal(5, 3, (300, 12))


@pytest.mark.parametrize("present", [[0, 1], [1, 3], [0, 1, 2], [0, 2, 4], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("seed", range(3))
def test_the_vote_is_that_of_svc(present: list[int], seed: int) -> None:
    features, labels, new = _problem(seed, present)
    own = LinearSVM(C=0.5).fit(features, labels, n_classes=5)
    scale = features.std(0)
    scale[3] = 1
    theirs = SVC(kernel="linear", C=0.5).fit((features - features.mean(0)) / scale, labels)
    np.testing.assert_array_equal(own.predict(new), theirs.predict((new - features.mean(0)) / scale))
    np.testing.assert_array_equal(own.predict(features), theirs.predict((features - features.mean(0)) / scale))


def test_a_tie_goes_to_the_first_class() -> None:
    svm = LinearSVM()
    svm.arrays = {  # 0 beats 1, 1 beats 2, 2 beats 0: one vote each
        "mean": np.zeros(1),
        "scale": np.ones(1),
        "weights": np.zeros((3, 1)),
        "intercepts": np.array([1.0, -1.0, 1.0]),
        "present": np.array([1.0, 2.0, 4.0]),
        "n_classes": np.array([5.0]),
    }
    assert svm.predict(np.zeros((1, 1))).tolist() == [1]
    svm.arrays["intercepts"] = np.zeros(3)  # libsvm gives a margin of exactly 0 to the second of a pair
    assert svm.predict(np.zeros((1, 1))).tolist() == [4]


@pytest.mark.parametrize("present", [[1, 3], [0, 2, 4]])
def test_probabilities_sum_to_one_and_absent_classes_get_none(present: list[int]) -> None:
    features, labels, new = _problem(1, present)
    probabilities = LinearSVM().fit(features, labels, n_classes=5).predict_proba(new)
    assert probabilities.shape == (300, 5)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (np.delete(probabilities, present, axis=1) == 0).all()
    assert (probabilities[:, present] > 0).all()


def test_probabilities_of_two_classes_side_with_the_vote() -> None:
    features, labels, new = _problem(2, [1, 3])
    svm = LinearSVM().fit(features, labels, n_classes=5)
    np.testing.assert_array_equal(svm.predict_proba(new).argmax(1), svm.predict(new))


def test_one_class_is_an_error() -> None:
    with pytest.raises(DstanError, match="at least two classes"):
        LinearSVM().fit(np.zeros((3, 2)), np.ones(3, dtype=np.int64), n_classes=5)


def test_unfitted_is_an_error() -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        LinearSVM().predict(np.zeros((1, 2)))


def test_average_weighs_both_streams_alike() -> None:
    np.testing.assert_allclose(average([np.array([[1.0, 0.0]]), np.array([[0.2, 0.8]])]), [[0.6, 0.4]])


def test_unknown_fusion_is_named() -> None:
    with pytest.raises(ConfigError, match="Choose one of: svm, average"):
        FusionSettings(method="svn")
