"""Peaks of the motion signal, each with its onset, apex and offset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.inference.spotting.settings import SpottingSettings
from dstan.inference.spotting.signal import Values, local_noise, there_and_back, together

REACH = 1.2
"""Seconds before and after an apex in which onset and offset are looked for."""
RISES = 0.2
"""How far motion may rise on its way down from the apex before it counts as another, in parts of the peak's height."""
OUTLASTS = 0.05
"""Height at which a peak begins and ends, in parts of the way from its foot to its top."""
SHARE = 0.35
"""A region counts if it moves at least this part of the region that moves farthest."""


@dataclass(frozen=True, eq=False)
class Peak:
    """Motion that comes and goes.

    Parameters
    ----------
    onset, apex, offset
        Positions among the instants of a part of the video.
    height
        The motion signal at its top, per cent of the distance between the eyes.
    noise
        The motion signal around it.
    moved
        (regions,) how far each region went, per cent.
    """

    onset: int
    apex: int
    offset: int
    height: float
    noise: float
    moved: Values


def find_peaks(times: Values, paths: NDArray[np.float32], settings: SpottingSettings) -> tuple[list[Peak], Values]:
    """Find what comes and goes in one part of a video, in order, and return the motion signal with it.

    Parameters
    ----------
    times
        (n,) seconds, rising.
    paths
        (n, regions, 2) per cent of the distance between the eyes, none of them NaN.
    settings
        What is small and what stands out.
    """
    from scipy.signal import find_peaks as tops

    if len(times) < 3:
        return [], np.zeros(len(times))
    moved = there_and_back(times, paths)
    signal = together(moved)
    noise = local_noise(times, signal)
    found, _ = tops(signal, height=np.maximum(settings.smallest, settings.prominence * noise), prominence=0.0)
    strongest_first = sorted((int(at) for at in found), key=lambda at: -signal[at])
    peaks: list[Peak] = []
    inside, within, top = (np.zeros(len(times), np.bool_) for _ in range(3))
    for at in strongest_first:
        if inside[at]:
            continue
        peak = _peak(times, paths, moved, at, float(signal[at]), float(noise[at]))
        if within[peak.apex] or top[peak.onset : peak.offset + 1].any():
            continue  # the top of one of the two lies within the other
        inside[peak.onset + 1 : peak.offset] = within[peak.onset : peak.offset + 1] = top[peak.apex] = True
        peaks.append(peak)
    return sorted(peaks, key=lambda peak: peak.apex), signal


def _peak(times: Values, paths: NDArray[np.float32], moved: Values, at: int, height: float, noise: float) -> Peak:
    """Measure one peak along the direction in which its regions moved."""
    low, high = np.searchsorted(times, [times[at] - REACH, times[at] + REACH])
    at, near = at - int(low), slice(int(low), int(high))
    course = _course(times[near], paths[near], moved[near], at)
    top = _climb(course, at)
    onset = top - _foot(course[top::-1])
    offset = top + _foot(course[top:])
    shift = int(low)
    return Peak(onset + shift, top + shift, offset + shift, height, noise, moved[at + shift])


def _course(times: Values, paths: NDArray[np.float32], moved: Values, at: int) -> Values:
    """Return (n,) how far the regions that move at an instant have gone in the direction that they have there."""
    before, after = (int(np.argmin(np.abs(times - times[at] - step))) for step in (-0.2, 0.2))
    gone = paths[at] - (paths[before] + paths[after]) / 2
    gone = gone * (moved[at] >= SHARE * moved[at].max())[:, None]
    along = gone / max(float(np.linalg.norm(gone)), 1e-9)
    return np.asarray((paths * along).sum(axis=(1, 2)), np.float64)


def _climb(course: Values, at: int) -> int:
    """Return the top that is reached from a place by going up."""
    while True:
        around = range(max(at - 2, 0), min(at + 3, len(course)))
        best = max(around, key=lambda place: course[place])
        if best == at:
            return at
        at = best


def _foot(falling: Values) -> int:
    """Return where a course that begins at its top has come down: how many instants later."""
    lowest = np.minimum.accumulate(falling)
    height = falling[0] - lowest
    up_again = np.flatnonzero(falling - lowest > RISES * np.maximum(height.max(), 1e-9))
    end = int(up_again[0]) if len(up_again) else len(falling)
    part = falling[:end]
    bottom = _knee(part)
    level = part[bottom] + OUTLASTS * (part[0] - part[bottom])
    return int(np.flatnonzero(part <= level)[0])


def _knee(falling: Values) -> int:
    """Return where a steep way down turns into a flat one: what lies farthest below the line from first to last."""
    last = int(np.argmin(falling))
    if last < 2:
        return last
    line = np.linspace(falling[0], falling[last], last + 1)
    return int(np.argmax(line - falling[: last + 1]))


def parts(stretch: NDArray[np.int64]) -> Iterator[slice]:
    """Yield the runs of instants through which a face was followed without a gap."""
    followed = np.concatenate([[False], stretch >= 0, [False]])
    edges = np.flatnonzero(np.diff(followed.astype(np.int8)))
    for begin, end in edges.reshape(-1, 2):
        inner = np.flatnonzero(np.diff(stretch[begin:end])) + 1 + begin
        for first, last in zip([begin, *inner], [*inner, end], strict=True):
            yield slice(int(first), int(last))
