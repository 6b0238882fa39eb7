"""What is no micro-expression, and why; how sure it is of the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.inference.spotting.peaks import SHARE, Peak
from dstan.inference.spotting.regions import REGIONS
from dstan.inference.spotting.settings import SpottingSettings
from dstan.inference.spotting.signal import Values

BLINK_PULLS = 0.9
"""How far lids pull the skin around the eyes along, per cent of the distance between the eyes."""
HEAD_LEAVES = 0.06
"""Part of the head's motion that may be left in the regions."""
UNSEEN = 2.0
"""Motion of the head, per cent of the distance between the eyes, that spoils what it does while it is not found."""
DARKENS, LIGHT_LEAVES = 0.02, 20.0
"""Change of the logarithm of brightness that is looked at, and per cent of motion that it feigns per unit."""
REPEATED, TALKING, ALIKE = 3, 0.8, 0.2
"""This many motions of the mouth, each so many seconds at most from the next, are talking; weaker ones do not count."""
SEEN = 0.98
"""Part of the longest micro-expression that is measured, for its gentle ends are not seen."""
SLACK = 1.2
"""Factor by which the shortest one may be measured too short."""
STEEP, HALF = 4.0, 1.5
"""Confidence is 1 / (1 + exp(-STEEP * (logarithm of height over noise - HALF))), see :func:`confidence`."""

Run = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What else went on in a part of a video.

    Parameters
    ----------
    times
        (n,) seconds.
    head
        (n, 4) where the head is, NaN where it is not found.
    light
        (n,) logarithm of the face's brightness.
    blinks
        See :func:`dstan.inference.spotting.eyes.blinks`.
    """

    times: Values
    head: NDArray[np.float32]
    light: NDArray[np.float32]
    blinks: Sequence[Run]


def reason_against(
    peak: Peak, peaks: Sequence[Peak], around: Surroundings, settings: SpottingSettings, ignore: Collection[str] = ()
) -> str | None:
    """Return why a peak is no micro-expression; None where nothing speaks against it.

    Parameters
    ----------
    peak
        The peak.
    peaks
        All of this part of the video.
    around
        What else went on there.
    settings
        How long a micro-expression lasts.
    ignore
        Reasons that do not count.
    """
    lasts = float(around.times[peak.offset] - around.times[peak.onset])
    reasons = {
        "mouth": moving_parts(peak) == {"mouth"} and _talks(peak, peaks, around.times),
        "head": _turns(peak, around),
        "blink": _blinks(peak, around),
        "light": _darkens(peak, around),
        "too long": lasts > settings.longest * SEEN,
        "too short": lasts < settings.shortest / SLACK,
    }
    return next((why for why, holds in reasons.items() if holds and why not in ignore), None)


def _turns(peak: Peak, around: Surroundings) -> bool:
    """Tell whether a peak is what is left of the head's motion, or the head moved while it was not found."""
    known = np.flatnonzero(np.isfinite(around.head).all(axis=1))
    during = _during(peak)
    first, last = np.searchsorted(known, [during.start, during.stop - 1])
    lost = bool(np.isnan(around.head[during]).any())
    if lost and (first == 0 or last == len(known)):
        return True
    near = around.head[known[max(first - 1, 0) : last + 1]]
    turned = float(np.linalg.norm(100 * np.ptp(near, axis=0)))
    return peak.height < HEAD_LEAVES * turned or (lost and turned > UNSEEN)


def _blinks(peak: Peak, around: Surroundings) -> bool:
    shut = any(first <= peak.offset and peak.onset <= last for first, _, last in around.blinks)
    return shut and moving_parts(peak) <= {"brows", "cheeks"} and peak.height < BLINK_PULLS


def _darkens(peak: Peak, around: Surroundings) -> bool:
    darkened = float(np.ptp(around.light[_during(peak)]))
    return darkened > DARKENS and peak.height < LIGHT_LEAVES * darkened


def _during(peak: Peak) -> slice:
    return slice(max(peak.onset - 1, 0), peak.offset + 2)


def confidence(peak: Peak) -> float:
    """Return how sure it is that a peak is a micro-expression, 0 to 1: it rises with the height over the noise.

    Its two numbers were fitted on drawn faces.
    """
    return float(1 / (1 + np.exp(-STEEP * (np.log(peak.height / peak.noise) - HALF))))


def moving_parts(peak: Peak) -> set[str]:
    """Return the parts of the face that take part."""
    least = SHARE * float(peak.moved.max())
    return {region.part for region, moved in zip(REGIONS, peak.moved, strict=True) if moved >= least}


def _talks(peak: Peak, peaks: Sequence[Peak], times: Values) -> bool:
    """Tell whether a peak is one of several motions of the mouth in a row."""
    at = next(index for index, other in enumerate(peaks) if other is peak)
    run = 1
    for others in (reversed(peaks[:at]), iter(peaks[at + 1 :])):
        here = peak
        for other in others:
            if run >= REPEATED or abs(times[other.apex] - times[here.apex]) > TALKING:
                break
            if other.height >= ALIKE * peak.height and "mouth" in moving_parts(other):
                here, run = other, run + 1
    return run >= REPEATED
