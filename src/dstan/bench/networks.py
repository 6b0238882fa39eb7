"""Networks: how large each is, how fast it learns, and how long one prediction takes, at its own default input.

Arrays of the right shape are drawn, so no corpus is needed. Each method has a process of its own with one thread, as a
fold of an evaluation has.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from dstan._engine import keep_memory, single_thread, worker_environment
from dstan.bench.figures import median_seconds
from dstan.bench.tables import Cell, Table, Tables
from dstan.clips import PreparedClip
from dstan.errors import TaskFailedError
from dstan.evaluation.standing import Standing
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers import METHODS, Recognizer, recognizer
from dstan.training import EpochRecord, TrainingSettings

CLASSES = tuple("abcde")
EPOCHS = 4
"""Of each training; the first one warms up and is not timed."""
REPETITIONS = 9
"""Predictions that are timed, after one that is not."""


def bench_networks(device: str = "cpu") -> Tables:
    """Measure every method that trains networks.

    Parameters
    ----------
    device
        Where to train: "cpu", "cuda", "cuda:1" ... Predictions are made on the CPU, as everywhere.
    """
    rows = [row for name in methods_with_networks() for row in _alone(name, device)]
    what = (
        f"drawn clips of a method's own input; training on {device}, one row a training, the median of {EPOCHS - 1} "
        "epochs after one to warm up, a clip counted once an epoch; prediction of one prepared clip on the CPU, median "
        f"of {REPETITIONS}; one process with one thread"
    )
    return Tables("networks", (Table.of("networks", what, rows),))


def methods_with_networks() -> list[str]:
    """Return the methods of the registry that are trained by epochs."""
    return [name for name, make in METHODS.items() if make().epochs]


def measure(made: Recognizer, device: str, *, clips: int = 0) -> list[dict[str, Cell]]:
    """Measure a method in this process.

    Parameters
    ----------
    made
        The method, unfitted.
    device
        Where to train.
    clips
        How many to learn from; as many as its largest batch has if 0.

    Returns
    -------
    A row for each training that its fit consists of.
    """
    trainings = _trainings(made)
    clips = clips or max(one.batch_size for one in trainings.values())
    short: dict[str, Any] = {name: replace(one, epochs=EPOCHS) for name, one in trainings.items()}
    quick = made.with_settings(replace(made.settings, **short))
    drawn = [draw_clip(made.recipe, number) for number in range(clips)]
    stamps: dict[str, list[tuple[int, float]]] = {}

    def on_epoch(name: str, record: EpochRecord) -> None:  # numpydoc ignore=GL08
        stamps.setdefault(name, []).append((record.epoch, time.perf_counter()))

    quick.fit(drawn, classes=CLASSES, device=device, on_epoch=on_epoch)
    with single_thread():
        seconds = median_seconds(lambda: quick.predict_proba(drawn[:1]), REPETITIONS)
    about: dict[str, Cell] = {
        "method": Standing.of(made).shown,
        "input": _input(drawn[0], made),
        "parameters": float(quick.parameters),
    }
    return [
        {**about, "training": name, "clips/s": clips / _epoch(own), "prediction, ms": 1000 * seconds}
        for name, own in stamps.items()
    ]


def draw_clip(recipe: Recipe, number: int) -> PreparedClip:
    """Draw noise in the shape that a recipe gives; its content does not matter to the clock.

    Parameters
    ----------
    recipe
        How a clip would be prepared.
    number
        Of the clip; it decides the class and the noise.
    """
    rng = np.random.default_rng(number)
    fields = 1 if recipe.pairs == "onset-apex" else recipe.steps
    return PreparedClip.from_arrays(
        appearance=rng.random((recipe.steps, *recipe.shape), np.float32) * 255,
        flow=rng.standard_normal((fields, 2, *recipe.shape), np.float32),
        label=CLASSES[number % len(CLASSES)],
        subject=str(number % 8),
        clip_id=str(number),
    )


def _trainings(made: Recognizer) -> dict[str, TrainingSettings]:
    return {name: one for name, one in vars(made.settings).items() if isinstance(one, TrainingSettings)}


def _epoch(stamps: Sequence[tuple[int, float]]) -> float:
    """Return the median seconds from the end of one epoch to that of the next, where no training was begun again."""
    pairs = itertools.pairwise(stamps)
    return median(now - before for (epoch, before), (following, now) in pairs if following == epoch + 1)


def _input(clip: PreparedClip, made: Recognizer) -> str:
    return ", ".join(f"{stream} {' x '.join(map(str, getattr(clip, stream).shape))}" for stream in made.streams)


def _alone(name: str, device: str) -> Iterator[dict[str, Cell]]:
    """Measure a method in a process of its own.

    Raises
    ------
    TaskFailedError
        If that process does not end well.
    """
    program = "from dstan.bench.networks import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, name, device],
        stdout=subprocess.PIPE,
        text=True,
        env=worker_environment(),
        check=False,
    )
    if done.returncode:
        raise TaskFailedError(
            f"its process ended with code {done.returncode}", where=name, hint="The lines above say why, if any are"
        )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    yield from rows


def main() -> None:
    """Measure the method that the command line names, in a process of its own, and print it."""
    name, device = sys.argv[1:]
    keep_memory()
    sys.stdout.write(json.dumps(measure(recognizer(name), device)))
