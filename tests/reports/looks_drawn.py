"""Looks at tiny videos, made by hand where no model is needed, for tests of what is drawn of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan.clips import Clip, PreparedClip
from dstan.inference import Look, Prediction
from dstan.preprocessing.recipe import Recipe

STEPS = 5


def noise(seed: int, frames: int, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Draw coarse noise in shades of one colour that drifts by a pixel a frame; H.264 blurs changes of colour."""
    height, width = size
    rng = np.random.default_rng(seed)
    shades = rng.integers(60, 200, (height // 8 + 2, (width + frames) // 8 + 2, 1))
    cells = (shades * (1.0, 0.8, 0.6)).astype(np.uint8)
    texture = np.kron(cells, np.ones((8, 8, 1), dtype=np.uint8))
    for index in range(frames):
        yield np.ascontiguousarray(texture[:height, index : index + width])


def look_of(
    path: Path,
    *,
    first: int = 2,
    last: int = 10,
    apex: int = 6,
    fps: float = 50.0,
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0.5, 0, 0), (0, 0.5, 0)),
    landmarks: NDArray[np.float32] | None = None,
    label: str | None = "surprise",
    maps: bool = True,
    warnings: tuple[str, ...] = (),
    clip: Clip | None = None,
    known_times: bool = True,
) -> Look:
    """Make a look whose weights are great in the upper left quarter of the crop."""
    rng = np.random.default_rng(first)
    frames, end = last - first + 1, (last - first) / fps
    times = np.linspace(0, end, STEPS)
    weights = np.full((STEPS, 4, 4), 0.2, np.float32)
    weights[:, :2, :2] = 0.8
    prepared = PreparedClip(
        clip or Clip("video", "unknown", path.name, path, onset=first, offset=last),
        appearance=rng.random((STEPS, 32, 32), np.float32) * 255,
        flow=rng.standard_normal((1, 2, 32, 32)).astype(np.float32),
        appearance_times=times if known_times else None,
        flow_times=times[[2]] if known_times else None,
        landmarks=landmarks,
        done={
            "alignment": "none" if landmarks is None else "rigid_first_frame",
            "matrix": [list(row) for row in matrix],
            "frames": frames,
            "first_frame": first,
            "last_frame": last,
            "apex": {"policy": "estimated", "frame": apex - first},
            "warnings": [],
        },
    )
    seconds = times if known_times else np.full(STEPS, np.nan)
    curve = [(float(at), weight) for at, weight in zip(seconds, (0.3, 0.5, 0.7, 0.6, 0.4), strict=True)]
    prediction = Prediction(
        path,
        label,
        {"negative": 0.25, "positive": 0.15, "surprise": 0.6},
        {"appearance": curve, "flow": [(float(seconds[2]), 0.9)]},
        frames,
        end,
        warnings,
        {1: 0.9, 2: 0.7, 12: 0.1},
        0.7 if label is None else None,
    )
    shown = {"appearance": weights, "flow": weights[:1, ::-1, ::-1]} if maps else {}
    return Look(prepared.clip, prepared, prediction, shown, Recipe(size=32, pairs="onset-apex"))
