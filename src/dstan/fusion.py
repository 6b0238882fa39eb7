"""How the two streams become one answer: concatenate and SVM (equation 9), or the average (section 3.3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dstan.config import Settings, setting
from dstan.errors import DstanError, NotFittedError


@dataclass(frozen=True)
class FusionSettings(Settings):
    """How the streams are joined."""

    method: str = setting(
        "svm", "A linear SVM on both streams' features, or the mean of their probabilities.", choices=("svm", "average")
    )
    C: float = setting(1.0, "Penalty of the SVM.", low=1e-9, high=1e9)
    standardise: bool = setting(True, "Features reach the SVM with mean 0 and deviation 1 over the training clips.")


class LinearSVM:
    """A linear support vector classifier, one against one (equation 9).

    It is fitted by scikit-learn, stored as weights and intercepts, and predicted here by the same vote.

    Parameters
    ----------
    C
        Penalty of a violated margin.
    standardise
        Whether features are brought to mean 0 and deviation 1 first.
    """

    def __init__(self, C: float = 1.0, *, standardise: bool = True) -> None:
        self.C, self.standardise = C, standardise
        self.arrays: dict[str, NDArray[np.float64]] = {}

    def fit(self, features: NDArray[np.float64], labels: NDArray[np.int64], n_classes: int) -> Self:
        """Fit the scaler and the SVM; what was known before is forgotten.

        Parameters
        ----------
        features
            (n, f), one row a clip.
        labels
            (n,) classes counted from 0; some may be absent.
        n_classes
            Classes in all.

        Raises
        ------
        DstanError
            If there are fewer than two classes among the labels.
        """
        from sklearn.svm import SVC

        present = np.unique(labels)
        if len(present) < 2:
            raise DstanError(
                "an SVM needs clips of at least two classes, and all training clips are of one",
                where="fusion",
                hint="Train on more subjects",
            )
        mean, scale = np.zeros(features.shape[1]), np.ones(features.shape[1])
        if self.standardise:
            mean, scale = features.mean(0), features.std(0)
            scale[scale == 0] = 1.0
        svc = SVC(kernel="linear", C=self.C, decision_function_shape="ovo").fit((features - mean) / scale, labels)
        sign = -1.0 if len(present) == 2 else 1.0  # scikit-learn turns the margin of two classes round
        self.arrays = {
            "mean": mean,
            "scale": scale,
            "weights": sign * np.asarray(svc.coef_),
            "intercepts": sign * np.asarray(svc.intercept_),
            "present": present.astype(np.float64),
            "n_classes": np.array([n_classes], dtype=np.float64),
        }
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the class with the most votes; of several, the first.

        Parameters
        ----------
        features
            (n, f), one row a clip.
        """
        present, margins = self._margins(features)
        votes = np.zeros((len(features), len(present)), dtype=np.int64)
        for column, (i, j) in enumerate(combinations(range(len(present)), 2)):
            wins = margins[:, column] > 0
            votes[:, i] += wins
            votes[:, j] += ~wins
        winners: NDArray[np.int64] = present[votes.argmax(1)]
        return winners

    def predict_proba(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (n, k) softmax of each class's summed margins; a class absent from the training clips gets 0.

        Parameters
        ----------
        features
            (n, f), one row a clip.
        """
        present, margins = self._margins(features)
        sums = np.zeros((len(features), len(present)))
        for column, (i, j) in enumerate(combinations(range(len(present)), 2)):
            sums[:, i] += margins[:, column]
            sums[:, j] -= margins[:, column]
        powers = np.exp(sums - sums.max(1, keepdims=True))
        probabilities = np.zeros((len(features), int(self.arrays["n_classes"][0])))
        probabilities[:, present] = powers / powers.sum(1, keepdims=True)
        return probabilities

    def _margins(self, features: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the classes present, and the margin of each pair (i, j), positive where i wins."""
        if not self.arrays:
            raise NotFittedError("the SVM is not fitted", hint="Call fit first")
        known = self.arrays
        scaled = (features - known["mean"]) / known["scale"]
        # row by row: one product of all rows would round a clip's margins by how many there are
        margins = np.array([known["weights"] @ row for row in scaled])
        return known["present"].astype(np.int64), margins + known["intercepts"]


def average(probabilities: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of the streams' probabilities, each with the same weight (section 3.3.4).

    Parameters
    ----------
    probabilities
        One (n, k) array a stream.
    """
    mean: NDArray[np.float64] = np.mean(np.stack(list(probabilities)), axis=0)
    return mean
