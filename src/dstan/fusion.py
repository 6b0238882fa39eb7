"""How the two streams become one answer: concatenate and SVM (equation 9), or the average (section 3.3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.config import Settings, setting


@dataclass(frozen=True)
class FusionSettings(Settings):
    """How the streams are joined."""

    method: str = setting(
        "svm", "A linear SVM on both streams' features, or the mean of their probabilities.", choices=("svm", "average")
    )
    C: float = setting(1.0, "Penalty of the SVM.", low=1e-9, high=1e9)
    standardise: bool = setting(True, "Features reach the SVM with mean 0 and deviation 1 over the training clips.")


def average(probabilities: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of the streams' probabilities, each with the same weight (section 3.3.4).

    Parameters
    ----------
    probabilities
        One (n, k) array a stream.
    """
    mean: NDArray[np.float64] = np.mean(np.stack(list(probabilities)), axis=0)
    return mean
