"""How the networks of a run learned: a fit is one network in one fold at one seed, as its ``fold.json`` tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.recognizers.recognition import common_name
from dstan.training import InnerChoice, Restart

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Fit:
    """One fit of a network. What a run of an earlier version does not tell is empty or None.

    Parameters
    ----------
    fold, seed
        Which fold and seed it is of.
    loss, accuracy, gradient_norm
        One number an epoch, on the clips learned from; `gradient_norm` may be empty.
    dead_units
        The share of each block's channels that are zero everywhere on all clips learned from; may be empty.
    attention, attention_deviation
        The temporal attention of each of T frames: its mean and its deviation over the clips; empty without the module.
    spatial
        Mean and deviation of the spatial attention; None without the module.
    restart
        What happened if it diverged.
    inner
        How the number of epochs was chosen, where it was.
    """

    fold: str
    seed: int
    loss: Numbers
    accuracy: Numbers
    gradient_norm: Numbers = ()
    dead_units: Numbers = ()
    attention: Numbers = ()
    attention_deviation: Numbers = ()
    spatial: tuple[float, float] | None = None
    restart: Restart | None = None
    inner: InnerChoice | None = None


def fits_by_network(folds: Sequence[Mapping[str, Any]]) -> dict[str, list[Fit]]:
    """Return the fits of each network, from the documents of the folds, in the order of folds and seeds.

    Members of an ensemble are fits of one network.

    Parameters
    ----------
    folds
        What ``fold.json`` says of each fold and seed.
    """
    ordered = sorted(folds, key=lambda fold: (str(fold["fold"]), int(fold["seed"])))
    found: dict[str, list[Fit]] = {}
    for fold in ordered:
        for training in fold["history"]:
            found.setdefault(common_name(training), []).append(_fit(fold, training))
    return found


def _fit(fold: Mapping[str, Any], network: str) -> Fit:
    history = fold["history"][network]
    inside = fold.get("dynamics", {}).get(network) or {}
    attention, spatial = inside.get("temporal_attention"), inside.get("spatial_attention")
    restart, inner = inside.get("restart"), inside.get("inner")
    return Fit(
        fold=str(fold["fold"]),
        seed=int(fold["seed"]),
        loss=_column(history, "loss"),
        accuracy=_column(history, "accuracy"),
        gradient_norm=_column(history, "gradient_norm"),
        dead_units=_numbers(inside.get("dead_units", ())),
        attention=_numbers(attention["mean"]) if attention else (),
        attention_deviation=_numbers(attention["deviation"]) if attention else (),
        spatial=(float(spatial["mean"]), float(spatial["deviation"])) if spatial else None,
        restart=Restart(**restart) if restart else None,
        inner=InnerChoice(tuple(inner["epochs"]), _numbers(inner["uf1"]), inner["chosen"], inner["parts"])
        if inner
        else None,
    )


def _column(history: Sequence[Mapping[str, Any]], name: str) -> Numbers:
    return _numbers([epoch[name] for epoch in history if epoch.get(name) is not None])


def _numbers(values: Sequence[float]) -> Numbers:
    return tuple(float(value) for value in values)


def stacked(series: Sequence[Numbers]) -> NDArray[np.float64]:
    """Return series of any lengths as rows (N, longest), NaN where one has ended; empty ones are left out.

    Parameters
    ----------
    series
        One for each fit.
    """
    kept = [one for one in series if one]
    table = np.full((len(kept), max(map(len, kept), default=0)), np.nan)
    for row, one in zip(table, kept, strict=True):
        row[: len(one)] = one
    return table


def fold_names(fits: Sequence[Fit], seeds: int, limit: int = 6) -> str:
    """Name the folds of some fits in a few words: "sub01, sub02 (seeds 0 and 2) and 4 others".

    Parameters
    ----------
    fits
        Which ones.
    seeds
        How many seeds the run has; with one, seeds are not named.
    limit
        Most folds named.
    """
    by_fold: dict[str, list[int]] = {}
    for fit in fits:
        by_fold.setdefault(fit.fold, []).append(fit.seed)
    names = [fold if seeds == 1 else f"{fold} ({_seeds(sorted(set(found)))})" for fold, found in by_fold.items()]
    if len(names) <= limit:
        return joined(names)
    return joined([*names[: limit - 1], f"{len(names) - limit + 1} others"])


def _seeds(found: Sequence[int]) -> str:
    return f"seed{'s' * (len(found) > 1)} {joined([str(seed) for seed in found])}"


def joined(names: Sequence[str]) -> str:
    """Join names as a sentence does: "a, b and c"."""
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), *names[-1:]])
