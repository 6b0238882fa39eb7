"""Blinks and shifts of gaze, by how the picture within the eyes changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dstan.inference.spotting.signal import Values, there_and_back

SHUT = 5.0
"""By how much brightness or contrast within the eyes has to change and come back in a blink, of 40 for the face."""
ASIDE = 0.012
"""How far what is dark in the eyes has to move for a shift of gaze, distances between the eyes."""
GLANCE = 0.1
"""Seconds before and after between which a shift of gaze has happened."""
CLOSED = 0.25
"""A blink lasts while this part of its change is there."""


def blinks(times: Values, eyes: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Return the blinks of a part of a video: first instant, that of the largest change, and last.

    Parameters
    ----------
    times
        (n,) seconds, rising.
    eyes
        (n, 4) see :class:`~dstan.inference.spotting.face.Measure`.
    """
    changed = there_and_back(times, eyes[:, None, :2])[:, 0]
    return [run for run in _runs(changed, CLOSED) if changed[run[1]] >= SHUT]


def glances(times: Values, eyes: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Return the shifts of gaze, as :func:`blinks` does."""
    places = eyes[:, 2:].astype(np.float64)
    before = np.stack([np.interp(times - GLANCE, times, column) for column in places.T], axis=1)
    after = np.stack([np.interp(times + GLANCE, times, column) for column in places.T], axis=1)
    moved = np.linalg.norm(after - before, axis=1)
    return [run for run in _runs(moved, 0.5) if moved[run[1]] >= ASIDE]


def _runs(changed: Values, share: float) -> list[tuple[int, int, int]]:
    """Return the peaks of a signal, the highest of those that run into each other, with where they begin and end."""
    from scipy.signal import find_peaks, peak_widths

    tops, _ = find_peaks(changed)
    if len(tops) == 0:
        return []
    _, _, left, right = peak_widths(changed, tops, rel_height=1 - share)
    found: list[tuple[int, int, int]] = []
    for index in np.argsort(-changed[tops]):
        first, last = int(np.floor(left[index])), int(np.ceil(right[index]))
        if not any(first <= other[2] and other[0] <= last for other in found):
            found.append((first, int(tops[index]), last))
    return sorted(found)
