"""The SVM's vote against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import additive_chi2_kernel
from sklearn.svm import SVC

from dstan.errors import ConfigError, DstanError, NotFittedError
from dstan.svm import SVM, SVMSettings, compare, gram, width


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
    own = SVM.linear(C=0.5).fit(features, labels, n_classes=5)
    scale = features.std(0)
    scale[3] = 1
    theirs = SVC(kernel="linear", C=0.5).fit((features - features.mean(0)) / scale, labels)
    np.testing.assert_array_equal(own.predict(new), theirs.predict((new - features.mean(0)) / scale))
    np.testing.assert_array_equal(own.predict(features), theirs.predict((features - features.mean(0)) / scale))


def test_a_tie_goes_to_the_first_class() -> None:
    svm = SVM.linear()
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
    probabilities = SVM.linear().fit(features, labels, n_classes=5).predict_proba(new)
    assert probabilities.shape == (300, 5)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (np.delete(probabilities, present, axis=1) == 0).all()
    assert (probabilities[:, present] > 0).all()


def test_probabilities_of_two_classes_side_with_the_vote() -> None:
    features, labels, new = _problem(2, [1, 3])
    svm = SVM.linear().fit(features, labels, n_classes=5)
    np.testing.assert_array_equal(svm.predict_proba(new).argmax(1), svm.predict(new))


@pytest.mark.parametrize("present", [[0, 1], [1, 3], [0, 2, 4], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize(("kernel", "gamma"), [("poly", 0.01), ("poly", None), ("rbf", 0.02), ("rbf", None)])
def test_a_kernel_s_vote_is_that_of_svc(present: list[int], balanced: bool, kernel: str, gamma: float | None) -> None:
    features, labels, new = (part.astype(np.float32).astype(part.dtype) for part in _problem(3, present))
    settings = SVMSettings(kernel=kernel, coef0=0.5, degree=3, balanced=balanced)
    own = SVM(0.7, gamma, settings).fit(features, labels, n_classes=5)
    theirs = SVC(
        kernel=kernel,
        C=0.7,
        gamma="scale" if gamma is None else gamma,
        coef0=0.5,
        degree=3,
        class_weight="balanced" if balanced else None,
        tol=1e-3,
    ).fit(features, labels)
    np.testing.assert_array_equal(own.predict(new.astype(float)), theirs.predict(new))
    margins = own._margins(new.astype(float))[1]
    expected = theirs.set_params(decision_function_shape="ovo").decision_function(new)
    expected = -expected[:, None] if expected.ndim == 1 else expected
    np.testing.assert_allclose(margins, expected, atol=2e-3)


def test_the_chi2_kernel_is_its_formula() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.uniform(0, 1, (4, 6)), rng.uniform(0, 1, (3, 6))
    one[:, 2] = other[:, 2] = 0
    slow = [[sum((a - b) ** 2 / (a + b) for a, b in zip(x, y, strict=True) if a + b > 0) for y in other] for x in one]
    compared = compare("chi2", one, other)
    np.testing.assert_allclose(compared, slow)
    np.testing.assert_allclose(gram(SVMSettings(kernel="chi2"), compared, 2.0), np.exp(-2 * np.array(slow)))
    within = compare("chi2", one, one)
    apart = [within[i, j] for i in range(4) for j in range(4) if i != j]
    assert width("chi2", one, within) == pytest.approx(1 / np.mean(apart))
    assert width("chi2", one[:1], within[:1, :1]) == 1


@pytest.mark.parametrize("features", [1, 15, 16, 40])
def test_the_compiled_chi_square_is_that_of_scikit_learn(features: int) -> None:
    rng = np.random.default_rng(features)
    one, other = (rng.uniform(0, 1, (n, features)) * (rng.uniform(0, 1, (n, features)) < 0.5) for n in (5, 3))
    np.testing.assert_allclose(compare("chi2", one, other), -additive_chi2_kernel(one, other), atol=1e-12)
    np.testing.assert_allclose(compare("chi2", one, one), -additive_chi2_kernel(one, one), atol=1e-12)


def test_settings_that_make_no_sense_are_errors() -> None:
    with pytest.raises(ConfigError, match="no candidate"):
        SVMSettings(C=())
    with pytest.raises(ConfigError, match="compares shares"):
        SVMSettings(kernel="chi2", standardise=True)


def test_rows_are_predicted_by_themselves() -> None:
    features, labels, new = _problem(4, [0, 1, 2])
    for kernel in ("linear", "poly", "rbf"):
        own = SVM(1.0, None, SVMSettings(kernel=kernel, standardise=True)).fit(features, labels, n_classes=3)
        alone = np.concatenate([own.predict_proba(row[None]) for row in new])
        assert (own.predict_proba(new) == alone).all()


def test_one_class_is_an_error() -> None:
    with pytest.raises(DstanError, match="at least two classes"):
        SVM.linear().fit(np.zeros((3, 2)), np.ones(3, dtype=np.int64), n_classes=5)


def test_unfitted_is_an_error() -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        SVM.linear().predict(np.zeros((1, 2)))
