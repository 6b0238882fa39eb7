"""What is measured of growth: how large, and the list of trials, each of which is done once in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

HANDCRAFTED, NETWORK = "lbp-top", "ststnet"
"""Whose leave-one-subject-out is measured over people: descriptors and an SVM, and a small network."""
WORKERS = (1, 2)


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Parameters
    ----------
    clips
        Numbers of clips that are prepared, by two processes.
    drawn, frame
        How many of them are drawn, and their width and height; the others are the same frames under other names.
    paired_clips, pairs
        Clips that one and two processes prepare in turn, and how many turns there are.
    subjects, clips_each
        Numbers of people in leave-one-subject-out, and clips of each.
    paired_subjects
        People whom one and two processes evaluate in turn: the handcrafted method, and dstan.
    paired_epochs
        Of the fits of dstan in these.
    epochs
        Of every other fit of a network.
    tasks
        Numbers of empty tasks.
    people, clips_of_each
        Numbers of people whose folds and intervals are computed without any fit, and clips of each.
    full
        Clips of 640 x 480 that are drawn and prepared at 224 x 224, and learned from.
    """

    clips: tuple[int, ...] = (50, 100, 200, 500, 1000, 2000)
    drawn: int = 40
    frame: tuple[int, int] = (320, 240)
    paired_clips: int = 400
    pairs: int = 3
    subjects: tuple[int, ...] = (5, 10, 20, 50, 100)
    clips_each: int = 5
    paired_subjects: tuple[int, int] = (50, 10)
    paired_epochs: int = 10
    epochs: int = 2
    tasks: tuple[int, ...] = (100, 500, 2000)
    people: tuple[int, ...] = (100, 300, 1000, 3000)
    clips_of_each: int = 10
    full: int = 6


REDUCED = Size(
    clips=(10, 20, 40),
    drawn=10,
    paired_clips=40,
    pairs=1,
    subjects=(3, 6, 12),
    clips_each=3,
    paired_subjects=(12, 4),
    paired_epochs=1,
    epochs=1,
    tasks=(20, 100),
    people=(30, 100),
    full=3,
)
"""To see that everything works, in some minutes: its figures mean nothing."""


@dataclass(frozen=True)
class Trial:
    """One measurement.

    Parameters
    ----------
    part
        One of :data:`PARTS`.
    name
        Of this trial within its part.
    how
        The arguments of the part's function in :mod:`dstan.bench.scaling.trials`.
    """

    part: str
    name: str
    how: Mapping[str, int | float | str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.part}, {self.name}"


PARTS = ("clips", "prepare", "evaluate", "subjects", "tasks", "lists", "full")


def plan(size: Size) -> tuple[Trial, ...]:
    """Return all trials in the order in which they are done.

    Parameters
    ----------
    size
        How much.
    """
    many, few = size.paired_subjects
    methods = {HANDCRAFTED: (many, {}), "dstan": (few, {"epochs": size.paired_epochs})}
    each = {"each": size.clips_each}
    return (
        *(Trial("clips", f"{n}", {"clips": n, "workers": WORKERS[-1]}) for n in size.clips),
        *(
            Trial("prepare", f"{workers}-{turn}", {"clips": size.paired_clips, "workers": workers})
            for turn, workers in product(range(size.pairs), WORKERS)
        ),
        *(
            Trial("evaluate", f"{name}-{w}-{turn}", {"method": name, "subjects": n, "workers": w, **each, **more})
            for (name, (n, more)), turn, w in product(methods.items(), range(size.pairs), WORKERS)
        ),
        *(
            Trial("subjects", f"{name}-{n}", {"method": name, "subjects": n, "workers": 0, **each, **more})
            for (name, more), n in product({HANDCRAFTED: {}, NETWORK: {"epochs": size.epochs}}.items(), size.subjects)
        ),
        *(
            Trial("tasks", f"{n}-{workers}", {"count": n, "workers": workers})
            for n, workers in product(size.tasks, WORKERS)
        ),
        *(Trial("lists", f"{n}", {"people": n, "each": size.clips_of_each}) for n in size.people),
        Trial("full", "224", {"clips": size.full}),
    )
