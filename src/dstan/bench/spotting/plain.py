"""What spotting is compared with: wherever the picture changes more than usual, and nothing rejected.

The picture is compared with the mean of one a little before and one a little after, as the first method for long
videos compared descriptors of blocks [1]_; a peak of the difference is an event as long as it is half as high.

References
----------
.. [1] A. Moilanen, G. Zhao and M. Pietikäinen, "Spotting rapid facial movements from videos using appearance-based
   feature difference analysis", ICPR 2014.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LAG = 0.2
"""Seconds between the pictures that are compared."""
SMALLER = 4
"""Pictures are compared at this part of their size, which takes noise away."""
STANDS_OUT = 2.0
"""How far a peak has to stand out, in deviations of the difference, estimated by its median deviation; of 2, 4, 6, 10
and 20 the best on a session that the bench does not measure on."""

Spotted = tuple[int, int, int]
"""Onset, apex and offset, in frames."""


def changes(path: Path, fps: float) -> NDArray[np.float64]:
    """Return (frames,) how far each picture differs from those around it, grey levels; 0 at both ends.

    Parameters
    ----------
    path
        The video.
    fps
        Its frames per second.
    """
    from dstan.preprocessing._opencv import opencv
    from dstan.video import read_frames

    cv2, lag = opencv(), max(round(LAG * fps), 1)
    kept: deque[NDArray[np.float32]] = deque(maxlen=2 * lag + 1)
    found = []
    for frame in read_frames(path):
        small = (frame.pixels.shape[1] // SMALLER, frame.pixels.shape[0] // SMALLER)
        kept.append(cv2.resize(frame.pixels, small, interpolation=cv2.INTER_AREA).astype(np.float32))
        if len(kept) == kept.maxlen:
            found.append(float(np.abs(kept[lag] - (kept[0] + kept[-1]) / 2).mean()))
    return np.concatenate([np.zeros(lag), found, np.zeros(lag)])


def spot_changes(path: Path, fps: float) -> list[Spotted]:
    """Spot every peak of how far pictures differ.

    Parameters
    ----------
    path
        The video.
    fps
        Its frames per second.
    """
    from scipy.signal import find_peaks, peak_widths

    change = changes(path, fps)
    usual = float(np.median(change))
    deviation = 1.4826 * float(np.median(np.abs(change - usual)))
    apexes, _ = find_peaks(change, prominence=max(STANDS_OUT * deviation, 1e-6))
    _, _, begin, end = peak_widths(change, apexes, rel_height=0.5)
    spotted = zip(np.ceil(begin).astype(int), apexes, np.floor(end).astype(int), strict=True)
    return [(min(int(one), int(apex)), int(apex), max(int(other), int(apex))) for one, apex, other in spotted]
