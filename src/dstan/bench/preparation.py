"""Preparation: frames per second beside the rate of its parts alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dstan._engine import single_thread
from dstan.bench.figures import Bench, median_seconds
from dstan.clips import Clip

REPETITIONS = 3


def twin_clip(folder: Path) -> Clip:
    """Draw one clip of a synthetic twin at 640 x 480 and return it."""
    from dstan.corpora import load_corpus
    from dstan.synthesis import synthesize

    synthesize("casme2", folder, subjects=1, clips=1, workers=0)
    return load_corpus("casme2", folder)[0]


def bench_prepare() -> Bench:
    """Measure preparation, decoding alone, and the landmark model on every frame."""
    from dstan.preprocessing.landmarks import landmark_source
    from dstan.preprocessing.pipeline import prepare_clip
    from dstan.preprocessing.recipe import Recipe
    from dstan.video import read_clip

    with tempfile.TemporaryDirectory() as folder, single_thread():
        clip = twin_clip(Path(folder))
        frames = [frame.pixels for frame in read_clip(clip, colour=True)]
        work = {
            "landmark model alone, every frame": lambda: landmark_source("mediapipe").landmarks(clip, frames),
            "decoding alone": lambda: [frame.index for frame in read_clip(clip)],
            "prepare, 224 x 224, Farneback": lambda: prepare_clip(clip, Recipe()),
            "prepare, 64 x 64, Farneback": lambda: prepare_clip(clip, Recipe(size=64)),
            "prepare, 224 x 224, TV-L1": lambda: prepare_clip(clip, Recipe(flow="tvl1")),
        }
        values = {name: len(frames) / median_seconds(job, REPETITIONS) for name, job in work.items()}
    what = f"one clip of {len(frames)} frames, 640 x 480 JPEG, nothing cached, one thread; median of {REPETITIONS}"
    return Bench.of("prepare", what, "frames/s", values)
