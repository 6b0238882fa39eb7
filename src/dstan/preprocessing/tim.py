"""Weights along time: the temporal interpolation model (TIM), and averages of neighbouring frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dstan.errors import ShapeError

UNEVEN = 0.05
"""Share of their mean by which the gaps between frames may differ and still count as even."""


def tim_matrix(n_in: int, n_out: int, times: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Compute the matrix that TIM applies along time.

    For linearly independent frames the graph embedding of [1]_ is inverted exactly, and what remains is the DCT-II
    interpolant of the frames, which does not depend on them; it also serves where frames repeat.

    Parameters
    ----------
    n_in
        Frames given, at least one.
    n_out
        Frames wanted, at least one.
    times
        (n_in,) seconds of the frames given. Where their gaps are uneven, the curve is read at equal steps of time; by
        default, and where they are even, at equal steps of frames.

    Returns
    -------
    (n_out, n_in) weights; every row sums to 1, the first and the last row pick the first and the last frame. One
    frame wanted is the one halfway; one frame given is repeated.

    Raises
    ------
    ShapeError
        If either number is less than one.

    References
    ----------
    .. [1] Z. Zhou, G. Zhao, M. Pietikäinen, "Towards a practical lipreading system", CVPR 2011, pp. 137-144.
    """
    if n_in < 1 or n_out < 1:
        raise ShapeError(f"TIM needs at least one frame in and one out, not {n_in} and {n_out}")
    here = np.pi * (_positions(n_in, n_out, times)[:, None] + 0.5) / n_in
    there = np.pi * (np.arange(n_in) + 0.5) / n_in
    return (_cosines(here - there, n_in) + _cosines(here + there, n_in)) / (2 * n_in)


def _cosines(angle: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return 1 + 2 (cos x + cos 2x + ... + cos (n - 1)x), which is sin((n - 1/2) x) / sin(x / 2)."""
    half = np.sin(angle / 2)
    vanishes = np.abs(half) < 1e-12
    return np.where(vanishes, 2.0 * n - 1, np.sin((n - 0.5) * angle) / np.where(vanishes, 1.0, half))


def interpolate(
    frames: NDArray[np.float32], n_frames: int, times: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Resample a clip to a fixed length with the temporal interpolation model (TIM).

    TIM interpolates and does not smooth: a long clip is sampled, and a value may overshoot those around it.

    Parameters
    ----------
    frames
        (n, ...) frames, landmarks or anything else that runs along time, at least one.
    n_frames
        Frames wanted, at least one.
    times
        (n,) seconds of the frames, see :func:`tim_matrix`.

    Returns
    -------
    (n_frames, ...) float32: the curve through the frames read at equal steps; the first and the last frame are kept.

    Raises
    ------
    ShapeError
        If there are no frames, or none is wanted.

    References
    ----------
    .. [1] Z. Zhou et al., "An image-based visual speech animation system", IEEE TCSVT 22(10), 2012.
    """
    if len(frames) == n_frames and not _uneven(times):
        return np.asarray(frames, dtype=np.float32).copy()
    return mix(frames, tim_matrix(len(frames), n_frames, times))


def average(weights: NDArray[np.float64], times: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Turn weights of averaged frames into weights of the frames themselves.

    A frame is averaged with its neighbours to lower the camera's noise. A neighbour's weight falls in a straight line
    with its distance in time, to nothing at ``width``: at 200 frames a second, .03 s leave a third of the noise; at 30
    frames a second nothing is averaged. The first and the last frame have neighbours on one side only.

    Parameters
    ----------
    weights
        (m, n) weights of the averages: TIM's, or ones that pick single frames.
    times
        (n,) seconds of the frames, never falling.
    width
        Seconds at which a neighbour no longer counts; 0 for no averaging.

    Returns
    -------
    (m, n) weights; what each row sums to stays the same.

    Raises
    ------
    ShapeError
        If the width is negative, or the times fall.
    """
    if width < 0:
        raise ShapeError(f"frames are averaged over 0 seconds or more, not {width}")
    if (np.diff(times) < 0).any():
        raise ShapeError("the times of the frames fall, so they have no order to be averaged in")
    nearness: list[NDArray[np.float64]] = []
    total = np.ones(len(times))
    for apart in range(1, len(times) if width > 0 else 1):
        near = np.clip(1 - (times[apart:] - times[:-apart]) / width, 0, None)
        if not near.any():
            break
        nearness.append(near)
        total[apart:] += near
        total[:-apart] += near
    shares = weights / total
    mixed = shares.copy()
    for apart, near in enumerate(nearness, 1):
        mixed[:, :-apart] += shares[:, apart:] * near
        mixed[:, apart:] += shares[:, :-apart] * near
    return mixed


def pick(places: Sequence[int], n: int) -> NDArray[np.float64]:
    """Return (m, n) weights that pick the frames at these places out of ``n``."""
    return np.asarray(np.arange(n) == np.array(places)[:, None], np.float64)


def mix(frames: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Apply (m, n) weights to (n, ...) frames; the (m, ...) result is float32."""
    flat = np.asarray(frames, dtype=np.float32).reshape(len(frames), -1)
    return (weights.astype(np.float32) @ flat).reshape(len(weights), *frames.shape[1:])


def interpolate_times(times: NDArray[np.float64], n_frames: int) -> NDArray[np.float64]:
    """Return the seconds at which :func:`interpolate` reads the curve, by linear interpolation between the frames."""
    return np.interp(_positions(len(times), n_frames, times), np.arange(len(times)), times)


def _positions(n_in: int, n_out: int, times: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return where the frames wanted lie, in frames given, counted from 0."""
    even = np.array([(n_in - 1) / 2]) if n_out == 1 else np.linspace(0.0, n_in - 1.0, n_out)
    if times is None or not _uneven(times):
        return even
    wanted = times[0] + (times[-1] - times[0]) * even / (n_in - 1)
    return np.interp(wanted, times, np.arange(n_in))


def _uneven(times: NDArray[np.float64] | None) -> bool:
    """Tell whether the rate of frames varies; times that do not rise tell nothing."""
    if times is None or len(times) < 3:
        return False
    gaps = np.diff(times)
    return bool((gaps > 0).all() and np.ptp(gaps) > UNEVEN * gaps.mean())
