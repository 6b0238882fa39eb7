"""What a method takes to learn and to predict, measured while a run was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, median_high
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Cost:
    """What one method takes: medians over the folds and seeds of a run.

    Folds share a machine while a run is made, so these compare the methods of one run. ``dstan bench networks``
    measures each network alone.

    Parameters
    ----------
    parameters
        Weights of its networks, learned or given; 0 without a network.
    fit_seconds
        Of one fit on the training part of a fold, with the fits of what the method is made of; None where these are
        not in the run, and where a model was applied as it is.
    clips_per_second
        Clips learned from times epochs, over the seconds of the fit; a clip counts once for each network and stage
        that learns from it. None without epochs, and where epochs were chosen inside or a training was begun again,
        so that more was learned than is told.
    prediction_ms
        Milliseconds of prediction for one clip, prepared before.
    """

    parameters: int
    fit_seconds: float | None
    clips_per_second: float | None
    prediction_ms: float | None


def cost_of(folds: Sequence[Document], parts: Sequence[Sequence[Document] | None] = ()) -> Cost | None:
    """Return what a method took.

    Parameters
    ----------
    folds
        What its ``fold.json`` say.
    parts
        The same of each method that it is made of; None for one that is not in the run.

    Returns
    -------
    None where the run is of a version that did not say.
    """
    if not folds or any("parameters" not in fold for fold in folds):
        return None
    fits = [_fit_seconds(fold, parts) for fold in folds]
    rates = [_rate(fold, seconds) for fold, seconds in zip(folds, fits, strict=True)]
    times = [1000 * fold["seconds"]["predict"] / fold["test"] for fold in folds]
    return Cost(
        parameters=median_high(fold["parameters"] for fold in folds),
        fit_seconds=_middle(fits),
        clips_per_second=_middle(rates),
        prediction_ms=_middle(times),
    )


def _fit_seconds(fold: Document, parts: Sequence[Sequence[Document] | None]) -> float | None:
    """Return the seconds of a fold's fit with those of its parts; None where a part is not known or nothing learned."""
    if not fold["train"]:
        return None
    total = float(fold["seconds"]["fit"])
    for part in parts:
        same = [one for one in part or () if (one["fold"], one["seed"]) == (fold["fold"], fold["seed"])]
        if not same:
            return None
        total += same[0]["seconds"]["fit"]
    return total


def _rate(fold: Document, seconds: float | None) -> float | None:
    epochs = sum(map(len, fold["history"].values()))
    told = not any(one.get("inner") or one.get("restart") for one in fold["dynamics"].values())
    return fold["train"] * epochs / seconds if seconds and epochs and told else None


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
