"""Optical flow against truth: every algorithm, between single frames and between averages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan._random import child_seed
from dstan.bench.preprocessing.faces import APEX, CLIP_FRAMES, Face, course
from dstan.bench.preprocessing.scene import FPS
from dstan.bench.tables import Cell, Plot, Table
from dstan.preprocessing.flow import ALGORITHMS, compute_flow
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.strain import strain_magnitude
from dstan.preprocessing.template import eye_centres, eye_distance
from dstan.preprocessing.tim import average, interpolate_times, mix, pick, tim_matrix

FACES = ((1, {4: (1.0, 1.0), 7: (0.3, 0.3)}), (3, {12: (1.0, 1.0), 6: (0.5, 0.5)}), (6, {1: (1.0, 1.0), 2: (1.0, 0.9)}))
"""Who is drawn, and which AUs are shown."""
PEAKS = (0.1, 0.25, 0.5, 1.0, 2.0)
NOISES = (0.5, 1.5, 3.0)
STEPS = Recipe().steps + 1
MEASURES = (
    "error, px",
    "where it moves, px",
    "angle, degrees",
    "gain",
    "background, px",
    "strain error, 1/1000",
)
NOTHING = "no motion at all"
"""The row of an estimate that is zero everywhere: what is not better than that has not seen the motion."""
TIMES = np.arange(CLIP_FRAMES) / FPS
PAIRS = {"adjacent": ((2, 3), (5, 6)), "onset": ((0, 2), (0, 5)), "onset-apex": ((0, APEX),)}
"""Pairs of frames that are compared: of the clip after TIM, or of the clip itself for the last."""


@dataclass(frozen=True, eq=False)
class _Pair:
    pairs: str
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    truth: NDArray[np.float32]


def flow_tables(
    algorithms: tuple[str, ...] = tuple(ALGORITHMS),
    averages: tuple[float, ...] = (0.0, Recipe().temporal_average),
    *,
    peaks: tuple[float, ...] = PEAKS,
    noises: tuple[float, ...] = NOISES,
    faces: int = len(FACES),
    size: int = 224,
) -> tuple[Table, ...]:
    """Compare flow with the true displacement of drawn faces, aligned by their known matrix.

    Parameters
    ----------
    algorithms
        Which.
    averages
        Seconds over which frames are averaged first (see :func:`~dstan.preprocessing.tim.average`).
    peaks
        Displacement at the apex where it is largest, pixels of a crop of 224 x 224.
    noises
        Standard deviation of the camera's noise, grey levels.
    faces
        How many faces of :data:`FACES`.
    size
        Side of the crop.

    Returns
    -------
    One table: the mean distance of the estimate from truth on the face; the same, the mean angle and the ratio of
    lengths where truth is at least half of its maximum; the root mean square of the estimate where truth is less than
    3 % of it; the mean error of strain on the face.
    """
    found: dict[tuple[str, float, float, str], list[NDArray[np.float64]]] = defaultdict(list)
    with single_thread():
        for person, expression in FACES[:faces]:
            face = Face(person, expression, size)
            for peak in peaks:
                for noise, width, pair in _pairs(face, person, peak, noises, averages):
                    if not width:
                        found[pair.pairs, noise, peak, NOTHING].append(measure(np.zeros_like(pair.truth), pair.truth))
                    for algorithm in algorithms:
                        name = f"{algorithm}, averaged over {width:g} s" if width else algorithm
                        scores = measure(compute_flow(pair.first, pair.second, algorithm), pair.truth)
                        found[pair.pairs, noise, peak, name].append(scores)
    order = sorted(found, key=lambda key: (tuple(PAIRS).index(key[0]), *key[1:3]))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (*key, *(float(value) for value in np.mean(found[key], axis=0))) for key in order
    )
    clip = f"{CLIP_FRAMES} frames at {FPS:g} a second, apex at {APEX}"
    what = f"{faces} drawn faces, 640 x 480, {clip}, crop {size} x {size}, noise in grey levels"
    keys = ("pairs", "noise", "peak, px", "algorithm")
    return (Table("flow", what, keys + MEASURES, rows, Plot(keys[2], MEASURES[0], keys[3], keys[:2])),)


def measure(estimate: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the numbers of :data:`MEASURES` for one field of an aligned crop, (H, W, 2) in pixels."""
    face, length = face_radius((truth.shape[0], truth.shape[1])) < 1, np.linalg.norm(truth, axis=2)
    moves, rests = length >= length.max() / 2, face & (length < 0.03 * length.max())
    error = np.linalg.norm(estimate - truth, axis=2)
    e, t = estimate[moves], truth[moves]
    angle = np.abs(np.arctan2(e[:, 0] * t[:, 1] - e[:, 1] * t[:, 0], (e * t).sum(axis=1)))
    strain = np.abs(strain_magnitude(estimate) - strain_magnitude(truth))
    return np.array(
        [
            error[face].mean(),
            error[moves].mean(),
            np.degrees(angle).mean() if e.any() else np.nan,
            (e * t).sum() / (t * t).sum(),
            np.sqrt((estimate[rests] ** 2).sum(axis=1).mean()),
            1000 * strain[face].mean(),
        ]
    )


def _pairs(
    face: Face, person: int, peak: float, noises: tuple[float, ...], averages: tuple[float, ...]
) -> Iterator[tuple[float, float, _Pair]]:
    """Draw one clip, record it at each noise, and yield its pairs of averaged frames with the noise and the average."""
    moved = [face.moved(peak * course(frame)) for frame in range(CLIP_FRAMES)]
    after_tim = [face.moved(peak * course(time * FPS)) for time in interpolate_times(TIMES, STEPS)]
    states = {"adjacent": after_tim, "onset": after_tim, "onset-apex": moved}
    truths = {
        (pairs, first, second): face.flow(states[pairs][first], states[pairs][second])
        for pairs, some in PAIRS.items()
        for first, second in some
    }
    for noise in noises:
        rng = np.random.default_rng(child_seed(5, "noise", str(person), f"{peak:g}", f"{noise:g}"))
        frames = np.stack([face.record(one, noise, rng) for one in moved])
        for width in averages:
            whole = mix(frames, average(pick([0, APEX], CLIP_FRAMES), TIMES, width))
            short = mix(frames, average(tim_matrix(CLIP_FRAMES, STEPS), TIMES, width))
            for (pairs, first, second), truth in truths.items():
                a, b = whole if pairs == "onset-apex" else short[[first, second]]
                yield noise, width, _Pair(pairs, a, b, truth)


def face_radius(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return how far each pixel of an aligned crop is from the middle of the face, (H, W).

    It is 1 on an ellipse from the hair line to the chin.
    """
    x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    centre, unit = eye_centres(shape).mean(axis=0), eye_distance(shape)
    return np.asarray(np.hypot((x - centre[0]) / (1.06 * unit), (y - centre[1] - 0.5 * unit) / (1.3 * unit)))
