"""The motion signal: how far regions go somewhere and come back.

At an instant t, a region's place is compared with where it was a lag before and where it will be a lag later, as the
main directional maximal difference [1]_ does. A micro-expression's apex differs from both in one direction; a step, as
when a longer expression begins, differs from one of them only, and a drift in opposite directions. So the motion is
what both differences share: the smaller of their parts along their common direction. Several lags are tried and the
largest answer is taken. Where [1]_ estimates flow between frames that are a lag apart, here the paths of the regions
are known, as where peaks of accumulated flow are sought [2]_, so each lag costs a subtraction.

References
----------
.. [1] S.-J. Wang, S. Wu, X. Qian, J. Li, X. Fu, "A main directional maximal difference analysis for spotting facial
   movements from long-term videos", Neurocomputing 230, 2017.
.. [2] Y. He, "Research on micro-expression spotting method based on optical flow features", ACM MM, 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LAGS = (0.08, 0.13, 0.2, 0.3)
"""Seconds between the instants that are compared."""
TOGETHER = 2
"""Regions that move farthest and are averaged."""
NOISE_SECONDS = 6.0
"""How long a piece of video tells the noise at its middle."""
QUIETEST = 0.02
"""The noise is never taken to be less, per cent of the distance between the eyes."""

Values = NDArray[np.float64]


def there_and_back(times: Values, paths: NDArray[np.floating[Any]]) -> Values:
    """Return how far each path goes somewhere and comes back, at each instant.

    Parameters
    ----------
    times
        (n,) seconds, rising.
    paths
        (n, regions, d) places, none of them NaN.

    Returns
    -------
    (n, regions) never negative, in the unit of the paths; 0 where a lag reaches beyond the ends.
    """
    flat = np.asarray(paths, np.float64).reshape(len(times), -1)
    best = np.zeros(paths.shape[:2])
    for lag in LAGS:
        before, after = _at(times, flat, times - lag), _at(times, flat, times + lag)
        rise = (flat - before).reshape(paths.shape)
        fall = (flat - after).reshape(paths.shape)
        both = rise + fall
        along = both / np.maximum(np.linalg.norm(both, axis=2, keepdims=True), 1e-9)
        shared = np.minimum((rise * along).sum(axis=2), (fall * along).sum(axis=2))
        inside = (times - lag >= times[0] - 1e-6) & (times + lag <= times[-1] + 1e-6)
        best = np.maximum(best, np.where(inside[:, None], shared, 0))
    return best


def together(moved: Values) -> Values:
    """Return (n,) the mean of the regions that move farthest at each instant."""
    count = min(TOGETHER, moved.shape[1])
    return np.asarray(np.sort(moved, axis=1)[:, -count:].mean(axis=1))


def local_noise(times: Values, signal: Values) -> Values:
    """Return (n,) the median of the signal in the seconds around each instant, and no less than :data:`QUIETEST`.

    Parameters
    ----------
    times
        (n,) seconds, rising.
    signal
        (n,) the motion signal.
    """
    step = NOISE_SECONDS / 4
    centres = np.arange(times[0], times[-1] + step, step)
    begin = np.searchsorted(times, centres - NOISE_SECONDS / 2)
    end = np.searchsorted(times, centres + NOISE_SECONDS / 2, side="right")
    medians = [float(np.median(signal[a:b])) if b > a else 0.0 for a, b in zip(begin, end, strict=True)]
    return np.maximum(np.interp(times, centres, medians), QUIETEST)


def _at(times: Values, values: Values, wanted: Values) -> Values:
    """Return (n, k) values at other times, by straight lines."""
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    left = right - 1
    share = np.clip((wanted - times[left]) / np.maximum(times[right] - times[left], 1e-9), 0, 1)[:, None]
    return np.asarray(values[left] * (1 - share) + values[right] * share)
