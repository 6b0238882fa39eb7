"""Noise of many scales: what makes skin, hair and cloth more than flat colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dstan.synthesis.fields import Array


def smooth_step(value: Array, low: float, high: float) -> Array:
    """Return 0 below ``low``, 1 above ``high``, and a smooth rise between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def grain(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> Array:
    """Return smooth noise of mean 0 and deviation about 1 whose blobs are ``cell`` pixels wide."""
    import cv2

    height, width = shape
    rows, columns = max(int(height / cell) + 4, 4), max(int(width / cell) + 4, 4)
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    if cell <= 1:
        return coarse[:height, :width]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) / cell + 1, np.arange(height, dtype=np.float32) / cell + 1)
    fine = cv2.remap(coarse, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(fine / max(float(fine.std()), 1e-6), np.float32)


def grains(rng: np.random.Generator, shape: tuple[int, int], cells: Sequence[tuple[float, float]]) -> Array:
    """Sum noises of several ``(cell in pixels, amplitude)``."""
    total = np.zeros(shape, np.float32)
    for cell, amplitude in cells:
        total += np.float32(amplitude) * grain(rng, shape, cell)
    return total


def strands(rng: np.random.Generator, across: Array, along: Array, count: float) -> Array:
    """Return noise that is fine across and long along: hair.

    Parameters
    ----------
    rng
        Where the noise comes from.
    across, along
        Coordinates across and along the hair, in units in which ``across`` spans about 1.
    count
        Strands per unit of ``across``.
    """
    import cv2

    rows = rng.standard_normal((64, 1024), dtype=np.float32)
    wander = 0.02 * np.sin(along * 5 + across * 9).astype(np.float32)
    columns = np.mod((across + wander) * np.float32(count), 1020).astype(np.float32)
    height = np.mod(along * 6 + across * 31, 60).astype(np.float32)
    return np.asarray(cv2.remap(rows, columns, height, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
