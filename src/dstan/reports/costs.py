"""What the methods of a run cost, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dstan.evaluation.costs import Cost
from dstan.reports.text import NOTHING, rounded

COLUMNS = ("Parameters", "Fit of a fold, s", "Training, clips/s", "Prediction, ms a clip")


def cost_rows(costs: Mapping[str, Cost], names: Mapping[str, str], order: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a row a method: its name and the texts of :data:`COLUMNS`.

    Parameters
    ----------
    costs
        By method; one that is not in it has no row.
    names
        Of each method, as they are shown.
    order
        The methods in the order wanted.
    """
    return [(names[method], *_texts(costs[method])) for method in order if method in costs]


def _texts(cost: Cost) -> tuple[str, ...]:
    numbers = (cost.fit_seconds, cost.clips_per_second, cost.prediction_ms)
    return f"{cost.parameters:,}" if cost.parameters else NOTHING, *(map(_text, numbers))


def _text(value: float | None) -> str:
    return NOTHING if value is None else rounded(value)


def cost_words(info: Mapping[str, Any]) -> str:
    """Say how the costs of a run were measured, and what they can be compared with.

    Parameters
    ----------
    info
        What ``run.json`` says.
    """
    machine, device = info.get("machine", {}), info.get("device", "cpu")
    place = f"{machine['processor']}, {machine['cores']} cores" if machine else "the machine of the run"
    where = place if device == "cpu" else f"{place}, networks trained on {device}"
    return (
        f"Medians over folds and seeds, on {where}. Folds shared the machine while they were made, so these compare "
        "the methods of this run with each other and with nothing else. Parameters: weights of the networks, learned "
        "or given. Fit of a fold: with the fits of the methods that one joins. Training: clips learned from times "
        "epochs, per second of the fit; a clip counts once for each network and stage that learns from it. Prediction: "
        "from a prepared clip to its label."
    )
