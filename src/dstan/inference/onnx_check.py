"""Whether an ONNX file answers as its recogniser does: both look at the same random and extreme clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.inference.onnx_graph import ATTENTION, LABEL, MAP, PROBABILITIES, UNITS
from dstan.inference.onnx_inputs import Given
from dstan.recognizers import Inference, Recognizer
from dstan.recognizers.contract import StreamName

TOLERANCE = 1e-4
"""The largest difference that is let pass."""
BATCHES = (1, 4, 9)
"""Clips that are looked at together."""
KINDS = ("noise", "smooth", "still", "black", "white", "strong", "weak", "half")
"""Of clips that are drawn; the last six are extremes."""
MORE_STEPS = (0, 8, 3)
"""How many more steps than are needed clips have, batch by batch, where the number is free."""
MORE_PIXELS = ((0, 0), (32, 17), (5, 40))
"""How many pixels more than are needed, downwards and to the right."""

Arrays = Mapping[StreamName, NDArray[np.float32]]


def drawn_batches(given: Mapping[StreamName, Given], seed: int = 0) -> Iterator[Arrays]:
    """Draw batches of different numbers, lengths and sizes, the smallest of them first.

    Parameters
    ----------
    given
        The arrays that a graph takes.
    seed
        Decides what is random.

    Yields
    ------
    ``appearance`` (b, T, H, W) and ``flow`` (b, T, 2, H, W), as far as they are taken.
    """
    rng = np.random.default_rng(seed)
    for number, clips in enumerate(BATCHES):
        kinds = [KINDS[(number + index) % len(KINDS)] for index in range(clips)]
        yield {
            stream: np.stack([_drawn(rng, kind, stream, _shape(one, number + (stream == "flow"))) for kind in kinds])
            for stream, one in given.items()
        }


def _shape(given: Given, number: int) -> tuple[int, int, int]:
    """Return steps, height and width."""
    more = (MORE_STEPS[number % len(MORE_STEPS)], *MORE_PIXELS[number % len(MORE_PIXELS)])
    t, h, w = (
        least + extra if fixed is None else fixed
        for least, extra, fixed in zip(given.least, more, given.fixed, strict=True)
    )
    return t, h, w


def _drawn(rng: np.random.Generator, kind: str, stream: StreamName, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Draw a clip in [0, 255], or motion of some pixels."""
    values = rng.random(shape) if stream == "appearance" else rng.normal(size=(shape[0], 2, *shape[1:]))
    t, h, w = shape
    wave = np.outer(np.sin(np.linspace(0, 5, h) + rng.uniform(0, 6)), np.cos(np.linspace(0, 4, w)))
    if kind == "smooth":
        steps = np.linspace(0.2, 1, t).reshape(-1, *(1,) * (values.ndim - 1))
        values = 0.5 + 0.4 * steps * wave + 0.01 * values if stream == "appearance" else steps * wave + 0.05 * values
    elif kind == "still":
        values = np.broadcast_to(values[:1], values.shape)
    elif kind == "half":
        values = np.broadcast_to(np.where(np.arange(w) < w // 2, -1.0, 1.0), values.shape)
    scale = {"black": 0.0, "strong": 20.0, "weak": 1e-3}.get(kind, 1.0)
    if stream == "flow":
        return np.asarray((0.0 if kind == "white" else scale) * values, dtype=np.float32)
    if kind == "white":
        values = np.ones_like(values)
    return np.asarray(np.clip(255 * min(scale, 1.0) * values, 0, 255), dtype=np.float32)


def clips_of(arrays: Arrays) -> list[PreparedClip]:
    """Return the clips of a batch one by one.

    Parameters
    ----------
    arrays
        The batch.
    """
    n = len(next(iter(arrays.values())))
    return [PreparedClip.from_arrays(**{name: batch[index] for name, batch in arrays.items()}) for index in range(n)]


def differences(found: Mapping[str, NDArray[Any]], expected: Inference) -> dict[str, float]:
    """Return the largest difference of each output; that of labels is the number of those that are others.

    Parameters
    ----------
    found
        What a graph returned for a batch, by output.
    expected
        What the recogniser found in the clips of the batch.
    """
    different = {
        PROBABILITIES: _largest(found[PROBABILITIES], expected.probabilities),
        LABEL: float((found[LABEL] != expected.winners).sum()),
    }
    for start, streams in ((ATTENTION, expected.attention), (MAP, expected.maps)):
        for stream, values in streams.items():
            if values is not None:
                different[start + stream] = _largest(found[start + stream], np.stack(list(values)))
    if expected.units is not None:
        different[UNITS] = _largest(found[UNITS], np.stack(list(expected.units.values()), axis=1))
    return different


def _largest(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the largest difference; infinity where shapes differ or something is no number."""
    if found.shape != expected.shape:
        return float("inf")
    gap = float(np.abs(found.astype(np.float64) - expected).max())
    return gap if np.isfinite(gap) else float("inf")


def compare(
    answers: Callable[[Arrays], Mapping[str, NDArray[Any]]], recognizer: Recognizer, given: Mapping[StreamName, Given]
) -> tuple[dict[str, float], int]:
    """Let a graph and a recogniser look at the same clips.

    Parameters
    ----------
    answers
        Runs the graph: a batch in, its outputs by name out.
    recognizer
        Fitted.
    given
        The arrays that both take.

    Returns
    -------
    The largest difference of each output, and of how many clips.
    """
    worst: dict[str, float] = {}
    clips = 0
    for arrays in drawn_batches(given):
        different = differences(answers(arrays), recognizer.infer(clips_of(arrays)))
        worst = {name: max(worst.get(name, 0.0), gap) for name, gap in different.items()}
        clips += len(next(iter(arrays.values())))
    return worst, clips
