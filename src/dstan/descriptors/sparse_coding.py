"""Graph-regularised sparse coding: samples as sums of few atoms, with codes that change little between neighbours.

Samples ``x`` of clips are coded by a dictionary ``D`` so that ::

    sum |x - D s|^2 + weight tr(S' L S) + sparsity sum |s|_1,    |d| <= 1

is small (equation 9 of [1]_). ``L`` is the Laplacian of a graph within each clip, so that a clip's codes depend on no
other clip once the dictionary is known. With the weight 0 it is ordinary sparse coding.

References
----------
.. [1] Y.-J. Liu, B.-J. Li and Y.-K. Lai, "Sparse MDMO: learning a discriminative feature for spontaneous
   micro-expression recognition", IEEE Transactions on Affective Computing 12(1), 2021.
.. [2] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
   SIAM Journal on Imaging Sciences 2(1), 2009.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import check_array
from dstan.descriptors.compiling import compiled
from dstan.errors import ShapeError

CODE_STEPS, CODE_CHANGE = 200, 1e-4
"""Steps towards the codes of a clip, at most, and the relative change of the codes by a step that ends them."""
ROUNDS, ROUND_CHANGE = 100, 2e-4
"""Rounds of learning, at most, and the relative fall of the objective in a round that ends them."""
ROUND_STEPS, ROUND_SWEEPS = 5, 2
"""Steps of the codes, then sweeps over the atoms, in a round."""
_UNUSED = 1e-10


class Learned(NamedTuple):
    """A dictionary and how it came about."""

    dictionary: NDArray[np.float64]
    """(p, K), one column an atom, none longer than 1."""
    objectives: list[float]
    """After each round."""


def code(
    samples: NDArray[Any],
    laplacian: NDArray[Any],
    dictionary: NDArray[Any],
    *,
    weight: float = 1.0,
    sparsity: float = 0.3,
    steps: int = CODE_STEPS,
    change: float = CODE_CHANGE,
) -> NDArray[np.float64]:
    """Code one clip by a dictionary that is known: FISTA [2]_ from codes of 0.

    Parameters
    ----------
    samples
        (T, p), one row a sample.
    laplacian
        (T, T) of the clip's graph.
    dictionary
        (p, K), one column an atom.
    weight
        What a difference between neighbours costs.
    sparsity
        What codes cost.
    steps
        At most.
    change
        Less than this share of the codes changed by a step ends them.

    Returns
    -------
    (T, K) codes.

    Raises
    ------
    ShapeError
        If the three do not fit each other, or hold NaN or infinity.
    """
    check_array("the samples", samples, ndim=2)
    check_array("the dictionary", dictionary, ndim=2)
    _check_fit(samples[None], np.asarray(laplacian)[None], len(dictionary))
    atoms = np.ascontiguousarray(dictionary.T, dtype=np.float64)
    descent = _Descent(samples[None], np.asarray(laplacian)[None], len(atoms), weight, sparsity, np.float64)
    descent.run(atoms, steps, change)
    codes: NDArray[np.float64] = descent.codes[0]
    return codes


def learn_dictionary(
    samples: NDArray[Any],
    laplacians: NDArray[Any],
    *,
    atoms: int = 256,
    weight: float = 1.0,
    sparsity: float = 0.3,
    seed: int = 0,
) -> Learned:
    """Learn a dictionary by turns: a few steps of all codes, then a few sweeps over the atoms.

    The momentum of the codes is carried from round to round; a round that would raise the objective is done again
    without it, so that no round does. An atom that nothing uses is replaced, once, by a badly coded sample.

    Parameters
    ----------
    samples
        (n, T, p), T samples of each clip.
    laplacians
        (n, T, T) of the clips' graphs.
    atoms
        K, the atoms.
    weight
        What a difference between neighbours costs.
    sparsity
        What codes cost.
    seed
        Of the random dictionary at the beginning: atoms of length 1 and mean 0.

    Raises
    ------
    ShapeError
        If samples and Laplacians do not fit each other, or hold NaN or infinity.
    """
    check_array("the samples", samples, ndim=3)
    _check_fit(samples, np.asarray(laplacians), samples.shape[2])
    descent = _Descent(samples, np.asarray(laplacians), atoms, weight, sparsity, np.float32)
    dictionary = _random_atoms(atoms, samples.shape[2], seed)
    fresh = np.ones(atoms, dtype=bool)
    objectives: list[float] = []
    for _ in range(ROUNDS):
        kept = descent.codes.copy(), dictionary.copy()
        value = _round(descent, dictionary, momentum=True)
        if objectives and value > objectives[-1]:
            descent.codes[:], dictionary[:] = kept
            value = _round(descent, dictionary, momentum=False)
        objectives.append(value)
        if len(objectives) > 1 and objectives[-2] - value <= ROUND_CHANGE * objectives[-2]:
            break
        descent.replace_unused(dictionary, fresh)
    return Learned(np.ascontiguousarray(dictionary.T), objectives)


def objective(
    samples: NDArray[Any],
    laplacians: NDArray[Any],
    dictionary: NDArray[Any],
    codes: NDArray[Any],
    *,
    weight: float = 1.0,
    sparsity: float = 0.3,
) -> float:
    """Return what is to be small.

    Parameters
    ----------
    samples
        (n, T, p).
    laplacians
        (n, T, T).
    dictionary
        (p, K).
    codes
        (n, T, K).
    weight, sparsity
        What differences between neighbours, and codes, cost.
    """
    errors = samples - codes @ dictionary.T
    rough = np.sum(codes * (laplacians @ codes), dtype=np.float64)
    return float(np.sum(errors**2, dtype=np.float64) + weight * rough + sparsity * np.abs(codes).sum(dtype=np.float64))


def _check_fit(samples: NDArray[Any], laplacians: NDArray[Any], length: int) -> None:
    check_array("the Laplacians", laplacians, ndim=3)
    n, times, size = samples.shape
    if laplacians.shape != (n, times, times):
        raise ShapeError(f"{n} clips of {times} samples have Laplacians of {(n, times, times)}, not {laplacians.shape}")
    if size != length:
        raise ShapeError(f"samples of {size} values cannot be coded by atoms of {length}")


def _random_atoms(count: int, length: int, seed: int) -> NDArray[np.float64]:
    atoms = np.random.default_rng(seed).standard_normal((count, length))
    atoms -= atoms.mean(axis=1, keepdims=True)
    return np.asarray(atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), np.finfo(float).tiny))


def _round(descent: _Descent, atoms: NDArray[np.float64], *, momentum: bool) -> float:
    """Improve codes and atoms (K, p) in place; return the objective."""
    if momentum:
        descent.run(atoms, ROUND_STEPS)
    else:
        for _ in range(ROUND_STEPS):
            descent.rest()
            descent.run(atoms, 1)
    descent.sweep(atoms)
    return descent.value(atoms)


class _Descent:
    """The codes of some clips on their way down, in one precision; atoms are (K, p) and double."""

    def __init__(
        self, samples: NDArray[Any], laplacians: NDArray[Any], count: int, weight: float, sparsity: float, number: Any
    ) -> None:
        self.samples: NDArray[Any] = samples.astype(number)
        self.laplacians: NDArray[Any] = laplacians.astype(number)
        self.codes: NDArray[Any] = np.zeros((*samples.shape[:2], count), dtype=number)
        self.roughest = weight * float(np.linalg.eigvalsh(laplacians.astype(np.float64)).max())
        self.weight, self.sparsity, self.number = weight, sparsity, number
        self.rest()

    def rest(self) -> None:
        """Take the momentum away."""
        self.ahead, self.pace = self.codes.copy(), 1.0

    def run(self, atoms: NDArray[np.float64], steps: int, change: float = 0.0) -> None:
        """Take some steps with these atoms, or until the codes change by no more than a share of theirs."""
        known = atoms.astype(self.number)
        doubled, flat = 2 * known.T, (-1, len(atoms))
        length = 1 / (2 * (np.linalg.norm(atoms, 2) ** 2 + self.roughest) or 1.0)
        rough = self.number(2 * self.weight) * self.laplacians
        for _ in range(steps):
            errors = self.ahead.reshape(flat) @ known - self.samples.reshape(-1, known.shape[1])
            slope = (errors @ doubled).reshape(self.codes.shape)
            pace = (1 + (1 + 4 * self.pace**2) ** 0.5) / 2
            numbers = map(self.number, (length, length * self.sparsity, (self.pace - 1) / pace))
            moved, size = _step(slope, rough, self.ahead, self.codes, *numbers)
            self.pace = pace
            if moved <= change**2 * size:
                break

    def sweep(self, atoms: NDArray[np.float64]) -> None:
        """Make each atom in turn the best that is no longer than 1, the others being as they are."""
        codes = self.codes.reshape(-1, len(atoms))
        among = (codes.T @ codes).astype(np.float64)
        wanted = (codes.T @ self.samples.reshape(len(codes), -1)).astype(np.float64)
        used = np.flatnonzero(among.diagonal() >= _UNUSED)
        for _ in range(ROUND_SWEEPS):
            for k in used:
                best = atoms[k] + (wanted[k] - among[k] @ atoms) / among[k, k]
                atoms[k] = best / max(1.0, float(best @ best) ** 0.5)

    def value(self, atoms: NDArray[np.float64]) -> float:
        """Return the objective."""
        known = atoms.T.astype(self.number)
        return objective(self.samples, self.laplacians, known, self.codes, weight=self.weight, sparsity=self.sparsity)

    def replace_unused(self, atoms: NDArray[np.float64], fresh: NDArray[np.bool_]) -> None:
        """Put the worst coded samples in the place of unused atoms that are ``fresh``, which they are no longer."""
        unused = np.flatnonzero(fresh & ~self.codes.any(axis=(0, 1)))
        samples = self.samples.reshape(-1, atoms.shape[1]).astype(np.float64)
        errors = samples - self.codes.reshape(len(samples), -1) @ atoms
        worst = np.argsort(-np.linalg.norm(errors, axis=1), kind="stable")
        for k, sample in zip(unused, samples[worst], strict=False):
            if (size := np.linalg.norm(sample)) > 0:
                atoms[k], fresh[k] = sample / size, False


@compiled
def _step(
    slope: NDArray[Any],
    rough: NDArray[Any],
    ahead: NDArray[Any],
    codes: NDArray[Any],
    length: Any,
    threshold: Any,
    speed: Any,
) -> tuple[float, float]:
    """Go down from ``ahead``, shrink, and look ahead again; return how far codes moved and how large they are, squared.

    ``slope`` is that of the errors and becomes, in place, that of the graph's part too.
    """
    moved, size, zero = 0.0, 0.0, length * 0
    for clip in range(len(codes)):
        for t in range(codes.shape[1]):
            for other in range(codes.shape[1]):
                share = rough[clip, t, other]
                if share != 0:
                    for k in range(codes.shape[2]):
                        slope[clip, t, k] += share * ahead[clip, other, k]
        for t in range(codes.shape[1]):
            change, square = zero, zero
            for k in range(codes.shape[2]):
                place = ahead[clip, t, k] - length * slope[clip, t, k]
                shrunk = max(place - threshold, zero) + min(place + threshold, zero)
                step = shrunk - codes[clip, t, k]
                change += step * step
                square += shrunk * shrunk
                codes[clip, t, k] = shrunk
                ahead[clip, t, k] = shrunk + speed * step
            moved += change
            size += square
    return moved, size
