"""A corpus of a million clips on a cluster, on paper: what follows from the figures that were measured here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dstan.bench.tables import Cell

TB, GB, HOUR = 1e12, 1e9, 3600.0


@dataclass(frozen=True)
class Cluster:
    """What is assumed, for nothing of it can be measured here.

    Parameters
    ----------
    clips, people
        Of the corpus.
    nodes, cores, memory
        Computers, cores of each, and GiB of memory of each; a core is as fast as the one that was measured.
    price
        Of an hour of one core, in dollars.
    storage_price
        Of a TB of shared storage for a month, in dollars.
    lookups
        Files a second that shared storage opens or looks at for all nodes together.
    epochs, folds
        Of a fit, and fits of a subject-wise cross-validation.
    """

    clips: int = 1_000_000
    people: int = 10_000
    nodes: int = 100
    cores: int = 32
    memory: float = 128.0
    price: float = 0.05
    storage_price: float = 20.0
    lookups: float = 50_000.0
    epochs: int = 30
    folds: int = 5

    @property
    def all_cores(self) -> int:
        """Cores of all nodes."""
        return self.nodes * self.cores


@dataclass(frozen=True)
class Rates:
    """What was measured, a clip or a task at a time; seconds are those of one core.

    Parameters
    ----------
    prepare, epoch
        To prepare a clip at 224 x 224, and to learn from it once, both streams.
    frames, frame_bytes
        Frames of a clip at 640 x 480, and bytes of them all.
    aligned_bytes, prepared_bytes, memory_bytes
        What is kept of a clip in the cache, by stage, and its arrays in memory.
    task
        To hand out a task and take its result.
    load, again, clip_set
        To read a clip from its table, to see that it is prepared, and to list it.
    list_bytes
        Memory that the calling process takes for a clip.
    inputs_bytes, inputs_write, inputs_read
        Of a clip in ``inputs.json``.
    fold, fold_memory, fold_bytes
        What a fold of leave-one-subject-out takes for each clip of the corpus: to be made, in memory, and on its way.
    count_power, count
        Seconds to count the predictions of each person: ``count * people ** count_power``.
    intervals
        Seconds of the bootstrap for a person.
    """

    prepare: float
    epoch: float
    frames: float
    frame_bytes: float
    aligned_bytes: float
    prepared_bytes: float
    memory_bytes: float
    task: float
    load: float
    again: float
    clip_set: float
    list_bytes: float
    inputs_bytes: float
    inputs_write: float
    inputs_read: float
    fold: float
    fold_memory: float
    fold_bytes: float
    count: float
    count_power: float
    intervals: float

    def rows(self) -> list[dict[str, Cell]]:
        """Return each figure with its name and unit, as they enter the calculation."""
        return [
            {"figure": words, "measured": getattr(self, name) * scale, "unit": unit}
            for name, (words, scale, unit) in _WORDS.items()
        ]


_WORDS: Mapping[str, tuple[str, float, str]] = {
    "prepare": ("prepare a clip at 224 x 224", 1e3, "ms of one core"),
    "epoch": ("learn from it once, both streams of dstan", 1e3, "ms of one core"),
    "frames": ("frames of a clip at 640 x 480", 1, ""),
    "frame_bytes": ("all of them", 1e-6, "MB"),
    "aligned_bytes": ("cache, aligned frames", 1e-6, "MB"),
    "prepared_bytes": ("cache, prepared clip", 1e-6, "MB"),
    "memory_bytes": ("its arrays in memory", 1e-6, "MB"),
    "task": ("a task: to hand it out and take its result", 1e3, "ms"),
    "load": ("read a clip from its table", 1e6, "us"),
    "again": ("see that it is prepared", 1e6, "us"),
    "clip_set": ("list it", 1e6, "us"),
    "list_bytes": ("memory of the calling process for it", 1e-3, "kB"),
    "inputs_bytes": ("inputs.json: a clip", 1e-3, "kB"),
    "inputs_write": ("inputs.json: write it", 1e6, "us"),
    "inputs_read": ("inputs.json: read it", 1e6, "us"),
    "fold": ("a fold, for each clip: to make it", 1e9, "ns"),
    "fold_memory": ("the same in memory", 1, "bytes"),
    "fold_bytes": ("the same on its way to a worker", 1, "bytes"),
    "count": ("count predictions: factor", 1e6, "us"),
    "count_power": ("count predictions: power of people", 1, ""),
    "intervals": ("bootstrap, for each person", 1e6, "us"),
}
"""What each figure is called, and in which unit it is shown."""


def cost_rows(rates: Rates, cluster: Cluster) -> list[dict[str, Cell]]:
    """Return what each step would cost if its work were divided evenly over all cores.

    Parameters
    ----------
    rates
        What was measured.
    cluster
        What is assumed.
    """
    clips, cores = cluster.clips, cluster.all_cores
    learned = clips * (cluster.folds - 1)
    work = {
        "prepare": (clips * rates.prepare, clips * (rates.frame_bytes + rates.aligned_bytes + rates.prepared_bytes)),
        "one epoch of dstan": (clips * rates.epoch, clips * rates.prepared_bytes),
        f"dstan, {cluster.folds} folds of {cluster.epochs} epochs": (
            learned * cluster.epochs * rates.epoch,
            learned * rates.prepared_bytes,
        ),
        f"the same, leaving one of {cluster.people:,} people out": (
            clips * (cluster.people - 1) * cluster.epochs * rates.epoch,
            clips * (cluster.people - 1) * rates.prepared_bytes,
        ),
    }
    return [
        {
            "step": step,
            "core hours": seconds / HOUR,
            "hours on the cluster": seconds / cores / HOUR,
            "GB/s of storage": moved / GB / (seconds / cores),
            "dollars": seconds / HOUR * cluster.price,
        }
        for step, (seconds, moved) in work.items()
    ]


def storage_rows(rates: Rates, cluster: Cluster) -> list[dict[str, Cell]]:
    """Return what has to lie on shared storage."""
    kinds = {
        "frames, 640 x 480 JPEG": (rates.frame_bytes, rates.frames),
        "cache: aligned frames": (rates.aligned_bytes, 1.0),
        "cache: prepared clips": (rates.prepared_bytes, 1.0),
    }
    return [
        {
            "what": what,
            "MB a clip": each / 1e6,
            "TB": each * cluster.clips / TB,
            "million files": files * cluster.clips / 1e6,
            "dollars a month": each * cluster.clips / TB * cluster.storage_price,
        }
        for what, (each, files) in kinds.items()
    ]


def limit_rows(rates: Rates, cluster: Cluster) -> list[dict[str, Cell]]:
    """Return what breaks, the first first: each limit with the number of clips (and their people) at which it is met.

    Parameters
    ----------
    rates
        What was measured.
    cluster
        What is assumed.
    """
    rows = [
        *_of_fits(rates, cluster),
        *_of_the_calling_process(rates, cluster),
        *_of_what_all_share(rates, cluster),
    ]
    return sorted(rows, key=lambda row: float(row["met at clips"]))


def _of_fits(rates: Rates, cluster: Cluster) -> list[dict[str, Cell]]:
    share = (cluster.folds - 1) / cluster.folds
    a_month = 30 * 24 * HOUR
    one_fit = share * cluster.epochs * rates.epoch
    return [
        _row(
            f"one fit holds all its clips: a node's {cluster.memory:.0f} GiB for itself alone",
            cluster.memory * 2**30 / (rates.memory_bytes * share),
            f"{cluster.clips * rates.memory_bytes * share / TB:.1f} TB for each fold",
        ),
        _row(
            "one fit is one task on one core: a month",
            a_month / one_fit,
            f"{cluster.clips * one_fit / HOUR / 24:,.0f} days, {cluster.folds} of {cluster.all_cores:,} cores busy",
        ),
    ]


def _of_the_calling_process(rates: Rates, cluster: Cluster) -> list[dict[str, Cell]]:
    each = cluster.clips / cluster.people
    loso = cluster.clips * cluster.people
    listing = rates.load + rates.clip_set + rates.again
    reading = rates.inputs_read + rates.inputs_write
    counted = rates.count * cluster.people**rates.count_power + rates.intervals * cluster.people
    return [
        _row(
            "leave-one-subject-out lists every clip in every fold: 64 GiB in the calling process",
            (64 * 2**30 * each / rates.fold_memory) ** 0.5,
            f"{loso * rates.fold_memory / GB:,.0f} GB, {loso * rates.fold_bytes / GB:,.0f} GB to be sent",
        ),
        _row(
            "leave-one-subject-out makes its folds in the calling process: an hour",
            (HOUR * each / rates.fold) ** 0.5,
            f"{loso * rates.fold / HOUR:,.1f} hours",
        ),
        _row(
            "the calling process looks at clips one by one: an hour",
            HOUR / listing,
            f"{cluster.clips * listing / 60:,.0f} minutes",
        ),
        _row(
            "the calling process remembers every clip: 16 GiB",
            16 * 2**30 / max(rates.list_bytes, 1.0),
            f"{cluster.clips * rates.list_bytes / GB:.1f} GB",
        ),
        _row(
            "every process reads inputs.json: ten minutes",
            600 / reading,
            f"{cluster.clips * rates.inputs_bytes / 1e6:,.0f} MB, {cluster.clips * reading:,.0f} s",
        ),
        _row(
            "counts and intervals of people: an hour",
            each * (HOUR / rates.count) ** (1 / rates.count_power),
            f"{counted / 60:,.1f} minutes for {cluster.people:,} people",
        ),
    ]


def _of_what_all_share(rates: Rates, cluster: Cluster) -> list[dict[str, Cell]]:
    """Return limits of rates: they are met by cores, not by clips, so at the first clip if at all."""
    handed = rates.prepare / rates.task
    looked = 2 * cluster.all_cores * rates.frames / rates.prepare
    return [
        _row(
            f"one scheduler keeps {handed:,.0f} cores busy with preparation",
            0.0 if handed < cluster.all_cores else float("inf"),
            f"{cluster.clips * rates.task / HOUR:.1f} hours for the tasks alone",
        ),
        _row(
            f"storage opens {cluster.lookups:,.0f} files a second (assumed)",
            0.0 if looked > cluster.lookups else float("inf"),
            f"{looked:,.0f} a second while {cluster.all_cores:,} cores prepare",
        ),
    ]


def _row(limit: str, clips: float, then: str) -> dict[str, Cell]:
    return {"limit": limit, "met at clips": clips, "with all clips": then}
