"""Whether there was anything to name: a model that knows no class "nothing" names one of a face at rest, too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dstan.clips import PreparedClip
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.residual import SIDE
from dstan.preprocessing.template import eye_distance

HARDLY = 0.2
"""Pixels of that crop: what moves less is no micro-expression, nor a living face (docs/shipped-model.md)."""
MARGIN = 0.1
"""Share of the crop, at each side, in which hair and background are and nothing is looked at."""
MOST = 99
"""Percentile that stands for the largest motion: single pixels are the estimate's errors."""


def motion_in_pixels(prepared: PreparedClip, recipe: Recipe) -> float | None:
    """Return the largest motion in the face since the onset, in pixels of a crop of 224 x 224.

    Parameters
    ----------
    prepared
        The clip.
    recipe
        What it was prepared by.

    Returns
    -------
    The 99th percentile of the length of the flow inside the crop, of the field where that is largest. Fields between
    adjacent frames are added up. None where the clip has no flow.
    """
    if prepared.flow is None:
        return None
    flow = np.asarray(prepared.flow, np.float64)
    since = np.cumsum(flow, axis=0) if recipe.pairs == "adjacent" else flow
    height, width = since.shape[-2:]
    rows, columns = round(MARGIN * height), round(MARGIN * width)
    length = np.hypot(since[:, 0], since[:, 1])[:, rows : height - rows, columns : width - columns]
    scale = eye_distance((SIDE, SIDE)) / eye_distance((height, width))
    return float(np.percentile(length, MOST, axis=(1, 2)).max() * scale)


def stillness(prepared: PreparedClip, recipe: Recipe) -> tuple[str, ...]:
    """Say that hardly anything moved, where that is so.

    Parameters
    ----------
    prepared
        The clip.
    recipe
        What it was prepared by.
    """
    moved = motion_in_pixels(prepared, recipe)
    if moved is None or moved >= HARDLY:
        return ()
    return (f"hardly anything moved: by {moved:.2f} px at most, at {SIDE} x {SIDE}, so what is named is a guess",)


def nothing_told(units: Mapping[int, float] | None, least: float) -> tuple[str, ...]:
    """Say that no action unit is told, where a model knows them.

    Parameters
    ----------
    units
        The score of each; None where the model was not taught them.
    least
        From which score on one is told.
    """
    if units is None or max(units.values()) >= least:
        return ()
    return ("no action unit is told, so perhaps nothing of the face moved, and what is named is a guess",)
