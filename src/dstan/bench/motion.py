"""Drawn motion: how many fields of flow are drawn in a second, without and with the frames beside them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dstan.bench.figures import median_seconds
from dstan.bench.tables import Cell, Table, Tables
from dstan.preprocessing.recipe import Recipe
from dstan.synthesis.motion import MotionArtist
from dstan.tasks import find_task

SIZE, STEPS = 56, 9
TASK = "megc2019-3"
FIELDS = 2048
"""Fields, or a little more, that are drawn at a time."""
TARGET = 2000.0
"""Fields a second that two cores are to draw."""
THREADS = (1, 2)
REPETITIONS = 3
PEOPLE = 6
"""Faces to choose from; they are drawn before the clock runs."""
WORK = (("onset-apex", False), ("onset", False), ("adjacent", False), ("adjacent", True))
"""Pairs, and whether frames are drawn too."""


def bench_motion(fields: int = FIELDS) -> Tables:
    """Time the drawing of motion with one thread and with two.

    Parameters
    ----------
    fields
        Fields that are drawn at a time, at least.
    """
    rows = []
    for pairs, frames in WORK:
        artist = MotionArtist(find_task(TASK), Recipe(size=SIZE, steps=STEPS, pairs=pairs), people=PEOPLE)
        rows += [_row(artist, frames, threads, fields) for threads in THREADS]
    what = (
        f"fields of {SIZE} x {SIZE} drawn in batches of {fields} for the task {TASK}; a sequence of {STEPS} counts "
        f"{STEPS}; median of {REPETITIONS}. Processor time is this process's own; neighbours disturb it less"
    )
    return Tables("motion", (Table.of("motion", what, rows),))


def _row(artist: MotionArtist, frames: bool, threads: int, fields: int) -> dict[str, Cell]:
    clips = -(-fields // artist.steps)
    drawn = clips * artist.steps

    def work() -> object:  # numpydoc ignore=GL08
        return artist.draw(clips, seed=0, frames=frames)

    with _threads(threads):
        wall = median_seconds(work, REPETITIONS)
        own = median_seconds(work, REPETITIONS, time.process_time)
    beside = f", and {artist.recipe.steps} frames" if frames else ""
    return {
        "drawn": f"{artist.recipe.pairs}, {artist.steps} field{'s' * (artist.steps > 1)} a clip{beside}",
        "threads": str(threads),
        "fields/s": drawn / wall,
        f"of {TARGET:,.0f}": drawn / wall / TARGET,
        "processor time, us a field": 1e6 * own / drawn,
    }


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
