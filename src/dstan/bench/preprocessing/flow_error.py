"""What the default estimate of flow does to motion: how it shrinks and smooths it, and what it shows where none is.

Measured on drawn faces, between the onset and the apex of a clip, at several sizes of the crop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan._random import child_seed
from dstan.bench.preprocessing.faces import APEX, CLIP_FRAMES, Face, Moved, course
from dstan.bench.preprocessing.flow_figures import FREQUENCIES, response_figures, rest_figures, transfer_function
from dstan.bench.preprocessing.scene import FPS
from dstan.bench.tables import Cell, Plot, Table
from dstan.preprocessing.flow import compute_flow
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.tim import average, mix, pick
from dstan.synthesis.fields import Array

FACES: tuple[tuple[int, Mapping[int, tuple[float, float]]], ...] = (
    (1, {4: (1.0, 1.0), 7: (0.3, 0.3)}),
    (3, {12: (1.0, 1.0), 6: (0.5, 0.5)}),
    (6, {1: (1.0, 1.0), 2: (1.0, 0.9)}),
    (8, {9: (1.0, 1.0)}),
    (11, {15: (1.0, 1.0)}),
    (14, {17: (1.0, 1.0)}),
    (20, {14: (1.0, 0.2)}),
    (23, {12: (1.0, 0.7)}),
)
"""Who is drawn, and which AUs are shown."""
SIZES = (64, 112, 224)
NOISES = (1.5, 3.0)
RATES = (200.0, 100.0)
"""Frames a second: the fewer, the fewer are averaged."""
DRAWS = 4
"""How often a face at rest is recorded; one that moves is recorded twice."""


@dataclass(frozen=True)
class Case:
    """What a clip shows and how it is recorded.

    Parameters
    ----------
    peak
        Displacement at the apex where it is largest, pixels of a crop of 224 x 224.
    noise
        Standard deviation of the camera's noise, grey levels.
    shading
        Whether folds cast their shading, as drawn.
    """

    peak: float
    noise: float
    shading: bool = True


CASES = (Case(0.25, 1.5), Case(0.5, 1.5), Case(1.0, 1.5), Case(2.0, 1.5), Case(1.0, 3.0), Case(1.0, 1.5, False))
TRANSFER = Case(1.0, 1.5)
"""The case whose transfer function is shown."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """Two estimates of one displacement, (2, H, W, 2), and the truth, (H, W, 2)."""

    estimates: Array
    truth: Array


def flow_error_tables(
    sizes: tuple[int, ...] = SIZES,
    cases: tuple[Case, ...] = CASES,
    noises: tuple[float, ...] = NOISES,
    faces: int = len(FACES),
) -> tuple[Table, ...]:
    """Measure the response of flow to motion, and flow where nothing moves.

    Parameters
    ----------
    sizes
        Sides of the crop.
    cases
        Clips with motion.
    noises
        Of the clips without, grey levels.
    faces
        How many faces of :data:`FACES`, at least two.

    Returns
    -------
    Three tables. ``response``: two models of the estimate on the face, each with its best gain and what it leaves (root
    mean square, a share of that of the estimate, the camera's noise taken out): truth blurred by a Gaussian, and
    :func:`~dstan.bench.preprocessing.flow_model.seen` with the structure of the face itself or of the next one.
    ``transfer``: the cross spectrum of estimate and truth over the power of truth. ``rest``: flow of a face at rest.
    """
    response: dict[tuple[Cell, ...], list[dict[str, float]]] = defaultdict(list)
    rest: dict[tuple[Cell, ...], list[dict[str, float]]] = defaultdict(list)
    spectra: dict[int, list[_Seen]] = defaultdict(list)
    with single_thread():
        for size in sizes:
            drawn = [Face(person, expression, size) for person, expression in FACES[:faces]]
            still = [_still(face) for face in drawn]
            for place, face in enumerate(drawn):
                for case in cases:
                    pair = _moving(face, case, place)
                    key = (size, case.peak, case.noise, "yes" if case.shading else "no")
                    response[key].append(response_figures(pair.estimates, pair.truth, still[place], still[place - 1]))
                    if case == TRANSFER:
                        spectra[size].append(pair)
                for noise, rate, estimates in _resting(face, noises, place):
                    rest[size, noise, rate].append(rest_figures(estimates, still[place]))
    what = (
        f"{faces} drawn faces, onset to apex, frames averaged over {Recipe().temporal_average:g} s, pixels of the crop"
    )
    transfer = tuple(row for size, pairs in spectra.items() for row in _transfer_rows(size, pairs))
    return (
        _over_people("response", what, ("size", "peak, px of 224", "noise", "shading"), response),
        Table(
            "transfer", what, ("size", "cycles/px", "gain"), transfer, Plot("cycles/px", "gain", "size", (), "linear")
        ),
        _over_people("rest", f"{what}; rms of a component", ("size", "noise", "frames/s"), rest),
    )


def _transfer_rows(size: int, pairs: list[_Seen]) -> list[tuple[Cell, ...]]:
    gains = transfer_function((pair.estimates.mean(axis=0), pair.truth) for pair in pairs)
    middles = (FREQUENCIES[1:] + FREQUENCIES[:-1]) / 2
    return [(str(size), float(middle), float(gain)) for middle, gain in zip(middles, gains, strict=True)]


def _moving(face: Face, case: Case, place: int) -> _Seen:
    """Record a clip twice, and estimate flow from its onset to its apex."""
    weights = _weights(FPS)
    states = {frame: _shaded(face.moved(case.peak * course(frame)), case.shading) for frame in _used(weights)}
    estimates = []
    for draw in range(2):
        rng = np.random.default_rng(child_seed(5, "moving", str(place), f"{case.noise:g}", str(draw)))
        frames = np.stack([face.record(state, case.noise, rng) for state in states.values()])
        estimates.append(_estimate(frames, weights[:, list(states)]))
    return _Seen(np.stack(estimates), face.flow(states[0], states[APEX]))


def _resting(face: Face, noises: tuple[float, ...], place: int) -> Iterator[tuple[float, float, Array]]:
    """Yield noise, frames a second and (n, H, W, 2) estimates of a face that holds still."""
    state, weights = face.moved(0.0), {rate: _weights(rate) for rate in RATES}
    used = sorted({frame for one in weights.values() for frame in _used(one)})
    for noise in noises:
        rng = np.random.default_rng(child_seed(5, "resting", str(place), f"{noise:g}"))
        found: dict[float, list[Array]] = defaultdict(list)
        for _ in range(DRAWS):
            frames = np.stack([face.record(state, noise, rng) for _ in used])
            for rate, one in weights.items():
                found[rate].append(_estimate(frames, one[:, used]))
        for rate, fields in found.items():
            yield noise, rate, np.stack(fields)


def _estimate(frames: Array, weights: NDArray[np.float64]) -> Array:
    """Estimate flow between two averages of frames, as the recipe does."""
    first, second = mix(frames, weights)
    return compute_flow(first, second, Recipe().flow)


def _used(weights: NDArray[np.float64]) -> list[int]:
    """Return the frames that count at all."""
    return [int(frame) for frame in np.flatnonzero(np.abs(weights).sum(axis=0))]


def _weights(rate: float) -> NDArray[np.float64]:
    """Return (2, CLIP_FRAMES): how the recipe averages around onset and apex at ``rate`` frames a second."""
    step = round(FPS / rate)
    times = np.arange(0, CLIP_FRAMES, step) / FPS
    weights = np.zeros((2, CLIP_FRAMES))
    weights[:, ::step] = average(pick([0, APEX // step], len(times)), times, Recipe().temporal_average)
    return weights


def _shaded(moved: Moved, shading: bool) -> Moved:
    return moved if shading else replace(moved, shade=np.ones_like(moved.shade))


def _still(face: Face) -> Array:
    return face.record(face.moved(0.0), 0.0, np.random.default_rng(0))


def _over_people(
    name: str, what: str, keys: tuple[str, ...], found: Mapping[tuple[Cell, ...], list[dict[str, float]]]
) -> Table:
    """Return three rows for each key: mean, least and most over people."""
    rows: list[tuple[Cell, ...]] = []
    columns: tuple[str, ...] = ()
    for key, people in found.items():
        columns = tuple(people[0])
        values = np.array([list(person.values()) for person in people])
        for word, row in (("mean", values.mean(axis=0)), ("least", values.min(axis=0)), ("most", values.max(axis=0))):
            rows.append((*key, word, *(float(value) for value in row)))
    return Table(name, what, (*keys, "over people", *columns), tuple(rows))
