"""Scores of micro-expression recognition, all computed from one confusion matrix pooled over every fold.

Scores are never averaged over folds: a fold is one subject, who misses most classes, so a mean over folds is not the
F1 of anything and weighs the clip of a one-clip subject nine times that of a nine-clip subject.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dstan.errors import ShapeError

SCORES: tuple[str, ...] = ("accuracy", "precision", "recall", "f1_le_ngo", "uf1", "uar")
"""Names of the scores, in the order of every table."""


def confusion_matrix(y_true: Sequence[str], y_pred: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Count truths and predictions.

    Parameters
    ----------
    y_true, y_pred
        Labels as words, equally many.
    classes
        The task's classes in order, also those that never occur.

    Returns
    -------
    (K, K) counts; rows are truths, columns predictions.

    Raises
    ------
    ShapeError
        If the lengths differ or a label is not one of the classes.
    """
    if len(y_true) != len(y_pred):
        raise ShapeError(f"{len(y_true)} truths but {len(y_pred)} predictions")
    index = {name: number for number, name in enumerate(classes)}
    unknown = (set(y_true) | set(y_pred)) - set(index)
    if unknown:
        raise ShapeError(f"labels {sorted(map(str, unknown))} are not among the classes {list(classes)}")
    matrix = np.zeros((len(index), len(index)), dtype=np.int64)
    np.add.at(matrix, ([index[name] for name in y_true], [index[name] for name in y_pred]), 1)
    return matrix


def scores(confusion: ArrayLike) -> dict[str, float]:
    """Compute every score from a confusion matrix.

    Parameters
    ----------
    confusion
        (K, K) counts, rows truths and columns predictions, summed over all folds.

    Returns
    -------
    ``accuracy`` (equation 10 pooled over classes), macro ``precision`` and ``recall``, ``f1_le_ngo`` (equation 11,
    the harmonic mean of those two [1]_), ``uf1`` (mean of the classes' F1) and ``uar`` (the same number as
    ``recall``) [2]_, each in [0, 1]. A class that was never predicted has precision 0, one without clips recall 0.

    Raises
    ------
    ShapeError
        If the matrix is not square, is empty, or holds negative counts or no count at all.

    References
    ----------
    .. [1] A. C. Le Ngo, R. C.-W. Phan, J. See, "Spontaneous subtle expression recognition: imbalanced databases and
       solutions", ACCV 2014.
    .. [2] J. See et al., "MEGC 2019 - the second facial micro-expressions grand challenge", FG 2019.
    """
    matrix = _check(confusion)
    each = per_class(matrix)
    precision, recall = float(each["precision"].mean()), float(each["recall"].mean())
    return {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "precision": precision,
        "recall": recall,
        "f1_le_ngo": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "uf1": float(each["f1"].mean()),
        "uar": recall,
    }


def per_class(confusion: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Compute precision, recall and F1 of each class.

    Parameters
    ----------
    confusion
        (..., K, K) counts, rows truths and columns predictions; leading axes are kept.

    Returns
    -------
    ``precision``, ``recall`` and ``f1``, each (..., K) in [0, 1]; 0 where the denominator is 0.
    """
    matrix = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    true, predicted = matrix.sum(-1), matrix.sum(-2)
    return {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, true),
        "f1": _ratio(2 * hits, true + predicted),
    }


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _check(confusion: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ShapeError(f"a confusion matrix must be square, but its shape is {matrix.shape}")
    if (matrix < 0).any() or matrix.sum() == 0:
        raise ShapeError("a confusion matrix must hold counts, and at least one")
    return matrix
