"""What ``dstan bench`` measures: each figure beside the one that it should be compared with, in one run.

Machines are noisy and differ, so the ratio of two rows of one run is what to quote. What `preprocessing` and `spotting`
measure is accuracy, which depends on no clock.
"""

from __future__ import annotations

from collections.abc import Callable

from dstan.bench.descriptors import bench_descriptors
from dstan.bench.figures import Bench, Figure
from dstan.bench.memory import bench_memory
from dstan.bench.motion import bench_motion
from dstan.bench.networks import bench_networks
from dstan.bench.prediction import bench_predict
from dstan.bench.preparation import bench_prepare
from dstan.bench.preprocessing import bench_preprocessing
from dstan.bench.scaling import bench_scaling
from dstan.bench.spotting import bench_spotting
from dstan.bench.tables import Tables
from dstan.bench.teacher import bench_teacher
from dstan.bench.training import bench_training

BENCHES: dict[str, Callable[..., Bench | Tables]] = {
    "descriptors": bench_descriptors,
    "memory": bench_memory,
    "motion": bench_motion,
    "networks": bench_networks,
    "predict": bench_predict,
    "prepare": bench_prepare,
    "preprocessing": bench_preprocessing,
    "training": bench_training,
}
"""Benches by name. Those that keep what they make have more options: :func:`bench_scaling`, :func:`bench_spotting` and
:func:`bench_teacher`."""

__all__ = [
    "BENCHES",
    "Bench",
    "Figure",
    "Tables",
    "bench_descriptors",
    "bench_memory",
    "bench_motion",
    "bench_networks",
    "bench_predict",
    "bench_prepare",
    "bench_preprocessing",
    "bench_scaling",
    "bench_spotting",
    "bench_teacher",
    "bench_training",
]
