"""Scores of micro-expression recognition, all computed from one confusion matrix pooled over every fold.

Scores are never averaged over folds: a fold is one subject, who misses most classes, so a mean over folds is not the
F1 of anything and weighs the clip of a one-clip subject nine times that of a nine-clip subject.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dstan.errors import ShapeError

log = logging.getLogger(__name__)

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

    A class that was never predicted has precision 0, one without clips recall 0; one with neither is warned of.

    Parameters
    ----------
    confusion
        (K, K) counts, rows truths and columns predictions, summed over all folds.

    Returns
    -------
    ``accuracy`` (equation 10 pooled over classes), macro ``precision`` and ``recall``, ``f1_le_ngo`` (equation 11,
    the harmonic mean of those two [1]_), ``uf1`` (mean of the classes' F1) and ``uar`` (the same number as
    ``recall``) [2]_, each in [0, 1].

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
    unseen = np.flatnonzero(matrix.sum(0) + matrix.sum(1) == 0)
    if unseen.size:
        log.warning("class number %s has neither clips nor predictions and counts as 0 in every mean", unseen[0] + 1)
    return {name: float(value) for name, value in scores_of_many(matrix).items()}


def scores_of_many(confusions: ArrayLike, counted: ArrayLike = True) -> dict[str, NDArray[np.float64]]:
    """Compute the scores of many confusion matrices at once, unchecked.

    Parameters
    ----------
    confusions
        (..., K, K) counts, rows truths and columns predictions.
    counted
        (..., K), true for the classes that enter the means; all by default.

    Returns
    -------
    The same names as in :func:`scores`, each an array (...).
    """
    matrix = np.asarray(confusions, dtype=np.float64)
    weights = np.broadcast_to(np.asarray(counted, dtype=np.float64), matrix.shape[:-1])
    macro = {name: (value * weights).sum(-1) / weights.sum(-1) for name, value in per_class(matrix).items()}
    precision, recall = macro["precision"], macro["recall"]
    return {
        "accuracy": _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1))),
        "precision": precision,
        "recall": recall,
        "f1_le_ngo": _ratio(2 * precision * recall, precision + recall),
        "uf1": macro["f1"],
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


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide, with 0 where the denominator is 0."""
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _check(confusion: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ShapeError(f"a confusion matrix must be square, but its shape is {matrix.shape}")
    if (matrix < 0).any() or matrix.sum() == 0:
        raise ShapeError("a confusion matrix must hold counts, and at least one")
    return matrix
