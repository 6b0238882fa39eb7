"""The head's own motion: measured cheaply for every clip, and taken away where the recipe asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import Matrix
from dstan.errors import FaceError
from dstan.preprocessing.alignment import umeyama, warp
from dstan.preprocessing.template import eye_distance, template_points
from dstan.preprocessing.tracking import FaceTracker, Motion, displacements, undo

SIDE = 224
"""Side of the crop in which motion is followed, and to whose pixels all figures refer, whatever the recipe's size."""
DEAD_ZONE = 0.3
"""Largest displacement of a stable point, pixels, up to which a clip keeps its one matrix."""
LONGEST_GAP = 5
"""Frames in a row over which a lost face is bridged."""
NOTABLE = 1.0
"""Head motion, rms in pixels, above which a clip is worth a warning."""
_SAMPLES, _SAMPLE_SIDE = 6, 112
_WINDOW = 5


def to_square(matrix: Matrix, shape: tuple[int, int], side: int = SIDE) -> Matrix:
    """Return the matrix from a frame to a square crop, given the one to a crop of height and width ``shape``."""
    onward = umeyama(template_points(shape), template_points((side, side)))
    return np.column_stack([onward[:, :2] @ matrix[:, :2], onward[:, :2] @ matrix[:, 2] + onward[:, 2]])


def follow(frames: Iterable[NDArray[Any]], matrix: Matrix, side: int = SIDE) -> Motion:
    """Follow a face through frames, each against the first.

    Parameters
    ----------
    frames
        (H, W) grey in [0, 255], at least one; read one after another.
    matrix
        (2, 3) from their pixels to the square crop.
    side
        Its side in pixels.

    Returns
    -------
    (n, 4) motions, see :mod:`dstan.preprocessing.tracking`; NaN where the face is lost.
    """
    shape = (side, side)
    motions: list[Motion] = []
    tracker, known = None, np.zeros(4)
    found: Motion | None
    for frame in frames:
        if tracker is None:
            tracker, found = FaceTracker(warp(frame, matrix, shape)), known
        else:
            pixels = frame
            found = tracker.locate(lambda motion: warp(pixels, undo(matrix, motion, shape), shape), known)  # noqa: B023
        known = known if found is None else found
        motions.append(np.full(4, np.nan) if found is None else found)
    return np.array(motions)


def head_motion(motions: Motion) -> float | None:
    """Return the head's motion, rms over stable points and frames in pixels of 224 x 224; None where all is lost."""
    known = motions[np.isfinite(motions).all(axis=1)]
    if len(known) < min(2, len(motions)):
        return None
    square = (displacements(known) ** 2).sum(axis=-1)
    return float(np.sqrt(square.mean()) * eye_distance((SIDE, SIDE)))


def measure(frames: NDArray[np.float32]) -> tuple[float | None, list[tuple[int, int]]]:
    """Measure how far the head has moved in frames that one matrix aligned, from some of them at half the size.

    So many frames are looked at that no stretch in which the face cannot be followed is missed if it is longer than
    can be bridged; where there may be one, all frames are looked at.

    Parameters
    ----------
    frames
        (n, H, W) aligned, grey in [0, 255].

    Returns
    -------
    As :func:`head_motion`, and the stretches, first position and the one after the last: a covered face, one that
    left the picture, or one that merely changed too much to be followed.
    """
    steps = max(_SAMPLES, -(-(len(frames) - 1) // (LONGEST_GAP + 1)))
    some = np.unique(np.linspace(0, len(frames) - 1, steps + 1).round().astype(np.int64))
    matrix = to_square(np.eye(2, 3), (frames.shape[1], frames.shape[2]), _SAMPLE_SIDE)
    motions = follow(frames[some], matrix, _SAMPLE_SIDE)
    if np.isnan(motions).any():
        motions = follow(frames, matrix, _SAMPLE_SIDE)
    return head_motion(motions), [run for run in lost_runs(motions) if run[1] - run[0] > LONGEST_GAP]


def lost_runs(values: NDArray[np.floating[Any]]) -> list[tuple[int, int]]:
    """Return the runs of entries that hold NaN, (n, ...), as first position and the one after the last."""
    lost = np.isnan(values.reshape(len(values), -1)).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def warn_of_motion(pixels: float | None) -> list[str]:
    """Return what to say of head motion that was measured and left in: nothing, or one sentence."""
    if pixels is None or pixels <= NOTABLE:
        return []
    return [
        f"the head moves by {pixels:.1f} px (rms, at 224 x 224), which counts as facial motion: "
        "the setting recipe.alignment=rigid_residual takes it away"
    ]


def steady(motions: Motion) -> Motion | None:
    """Make of what was followed what is to be undone: gaps bridged, and smoothed over five frames.

    Parameters
    ----------
    motions
        (n, 4), NaN where the face was lost.

    Returns
    -------
    (n, 4) by a Savitzky-Golay filter (five frames, second order; shorter clips are not smoothed), or None where no
    stable point moves farther than :data:`DEAD_ZONE` in the whole clip. A choice for each frame would itself jump.

    Raises
    ------
    FaceError
        If the face is lost in more than :data:`LONGEST_GAP` frames in a row.
    """
    from scipy.signal import savgol_filter

    whole = bridge(motions)
    smooth = savgol_filter(whole, _WINDOW, 2, axis=0) if len(whole) >= _WINDOW else whole
    farthest = np.linalg.norm(displacements(smooth), axis=-1).max() * eye_distance((SIDE, SIDE))
    return None if farthest <= DEAD_ZONE else smooth


def bridge(values: NDArray[np.float64], longest: int = LONGEST_GAP) -> NDArray[np.float64]:
    """Fill short gaps in time: in between by straight lines, at the ends by the nearest known frame.

    Parameters
    ----------
    values
        (n, ...) one entry a frame, NaN where the face was lost.
    longest
        Frames in a row that may be lost.

    Raises
    ------
    FaceError
        If more are.
    """
    lost = np.isnan(values.reshape(len(values), -1)).any(axis=1)
    for start, stop in lost_runs(values):
        if stop - start > longest:
            raise FaceError(
                f"the face is lost or cannot be followed in {stop - start} frames in a row, {start} to {stop - 1} of "
                f"those read; {longest} can be bridged",
                hint="Look whether it is covered or turned away there, and leave the clip out or shorten it",
            )
    if not lost.any():
        return values
    flat, at = values.reshape(len(values), -1), np.arange(len(values))
    filled = [np.interp(at, at[~lost], column[~lost]) for column in flat.T]
    return np.stack(filled, axis=1).reshape(values.shape)
