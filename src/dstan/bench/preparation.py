"""Preparation: frames per second beside the rate of its parts alone, and beside the naive way."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan.bench.figures import Bench, median_seconds
from dstan.clips import Clip, ClipSet

if TYPE_CHECKING:
    from dstan.preprocessing.recipe import Recipe

REPETITIONS = 3
NAIVE_FRAMES = 12
"""Frames of the naive way, which takes some .3 s each."""
CLIPS = 120
"""Clips that are prepared by one process and by two: as many as make the start of a process small beside its work."""


def twin_clip(folder: Path) -> Clip:
    """Draw one clip of a synthetic twin at 640 x 480 and return it."""
    from dstan.corpora import load_corpus
    from dstan.synthesis import synthesize

    synthesize("casme2", folder, subjects=1, clips=1, workers=0)
    return load_corpus("casme2", folder)[0]


def bench_prepare() -> Bench:
    """Measure preparation, its parts alone, the naive way, and two processes beside one."""
    from dstan.preprocessing.landmarks import landmark_source
    from dstan.preprocessing.pipeline import prepare_clip
    from dstan.preprocessing.recipe import Recipe
    from dstan.video import read_clip

    with tempfile.TemporaryDirectory() as folder:
        clip = twin_clip(Path(folder) / "one")
        with single_thread():
            frames = [frame.pixels for frame in read_clip(clip, colour=True)]
            work = {
                "landmark model alone, every frame": lambda: landmark_source("mediapipe").landmarks(clip, frames),
                "decoding alone": lambda: [frame.index for frame in read_clip(clip)],
                "decoding, warp and flow alone": lambda: _parts(clip, Recipe()),
                "prepare, 224 x 224, Farneback": lambda: prepare_clip(clip, Recipe()),
                "the same, rigid_residual": lambda: prepare_clip(clip, Recipe(alignment="rigid_residual")),
                "the same, magnified": lambda: prepare_clip(clip, Recipe(magnification=10)),
                "prepare, 64 x 64, Farneback": lambda: prepare_clip(clip, Recipe(size=64)),
                "prepare, 224 x 224, TV-L1": lambda: prepare_clip(clip, Recipe(flow="tvl1")),
            }
            values = {
                name: len(frames) / median_seconds(job, REPETITIONS, time.process_time) for name, job in work.items()
            }
            values["naive: landmarks and TV-L1 at every frame"] = NAIVE_FRAMES / median_seconds(
                lambda: _naive(clip, frames[:NAIVE_FRAMES]), 1, time.process_time
            )
        values |= _processes(clip, Path(folder))
    what = (
        f"one clip of {len(frames)} frames, 640 x 480 JPEG, nothing cached, processor time, median of {REPETITIONS}; "
        f"then {CLIPS} clips by one process and by two, time on the wall, their start included"
    )
    return Bench.of("prepare", what, "frames/s", values)


def _parts(clip: Clip, recipe: Recipe) -> None:
    """Do what cannot be left out: read each frame, warp it, and estimate the recipe's number of fields."""
    from dstan.preprocessing.alignment import warp
    from dstan.preprocessing.flow import flow_sequence
    from dstan.video import read_clip

    matrix = np.array([[0.85, 0.02, -160.0], [-0.02, 0.85, -110.0]])
    aligned = [warp(frame.pixels, matrix, recipe.shape) for frame in read_clip(clip)]
    chosen = np.linspace(0, len(aligned) - 1, recipe.steps + 1).round().astype(int)
    flow_sequence(np.stack([aligned[index] for index in chosen]), recipe.pairs, recipe.flow)


def _naive(clip: Clip, frames: Sequence[NDArray[np.uint8]]) -> None:
    """Do what is often done: landmarks and a warp for each frame, OpenCV's TV-L1 for each neighbouring pair."""
    import cv2

    from dstan.preprocessing.alignment import fit_first_frames, warp
    from dstan.preprocessing.landmarks import landmark_source

    found = landmark_source("mediapipe").landmarks(clip, frames).points
    shape = (224, 224)
    aligned = [
        warp(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), fit_first_frames(points[None], shape), shape).astype(np.uint8)
        for frame, points in zip(frames, found, strict=True)
    ]
    flow: Any = cv2.optflow.DualTVL1OpticalFlow_create()  # type: ignore[attr-defined]
    for first, second in itertools.pairwise(aligned):
        flow.calc(first, second, None)


def _processes(clip: Clip, folder: Path) -> dict[str, float]:
    """Prepare one clip under many names, by one process and by two."""
    from dstan.preprocessing.cache import Cache, prepare_clips
    from dstan.preprocessing.recipe import Recipe

    clips = []
    for number in range(CLIPS):
        link = folder / f"clip{number}"
        link.symlink_to(clip.path, target_is_directory=True)
        clips.append(replace(clip, clip_id=link.name, path=link))
    frames = CLIPS * ((clip.offset or 0) - (clip.onset or 0) + 1)
    found = {}
    for workers, name in ((1, "one process"), (2, "two processes")):
        start = time.perf_counter()
        prepare_clips(ClipSet(tuple(clips)), Recipe(), Cache(folder / f"cache{workers}"), workers=workers)
        found[f"{CLIPS} clips, {name}"] = frames / (time.perf_counter() - start)
    return found
