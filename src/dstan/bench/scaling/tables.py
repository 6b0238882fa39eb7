"""From the numbers of the trials to tables, and to what the calculation on paper needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import numpy as np

from dstan.bench.scaling.paper import Cluster, Rates, cost_rows, limit_rows, storage_rows
from dstan.bench.scaling.plan import HANDCRAFTED, NETWORK, WORKERS, Size
from dstan.bench.tables import Cell, Table

Found = Mapping[str, float]
Parts = Mapping[str, Mapping[str, Found]]
"""The numbers of each trial, by part and name."""
Rows = list[dict[str, Cell]]


def tables_of(found: Parts, size: Size, cluster: Cluster) -> list[Table]:
    """Return the tables of the parts that are measured.

    Parameters
    ----------
    found
        What was measured.
    size
        How much.
    cluster
        What is assumed where it is calculated on paper.
    """
    made = [Table.of(name, what, rows) for name, what, rows in _measured(found, size)]
    if not {"clips", "tasks", "lists", "full"} <= found.keys():
        return made
    rates = rates_of(found, size)
    where = (
        f"{cluster.clips:,} clips of {cluster.people:,} people on {cluster.nodes} nodes of {cluster.cores} cores and "
        f"{cluster.memory:.0f} GiB, calculated"
    )
    return [
        *made,
        Table.of("figures", "what the calculation starts from", rates.rows()),
        Table.of(
            "storage", f"{where}: a TB for a month at {cluster.storage_price:g} dollars", storage_rows(rates, cluster)
        ),
        Table.of(
            "cost",
            f"{where}: if all cores shared the work, {cluster.price:g} dollars a core hour",
            cost_rows(rates, cluster),
        ),
        Table.of("limits", f"{where}: what breaks, the first first", _with_infinity(limit_rows(rates, cluster))),
    ]


def _measured(found: Parts, size: Size) -> Iterator[tuple[str, str, Rows]]:
    if "clips" in found:
        what = f"prepare at 64 x 64 by {WORKERS[-1]} processes; {size.drawn} are drawn, others are their frames again"
        yield "clips", what, clip_rows(found["clips"], size)
    if "prepare" in found and "evaluate" in found:
        what = (
            f"one process and two in turn, medians of {size.pairs}; dstan: {size.paired_epochs} epochs; "
            "efficiency: seconds of one over twice those of two"
        )
        yield "workers", what, worker_rows(found, size)
    if "subjects" in found:
        what = f"leave-one-subject-out in one process, {size.clips_each} clips of each, networks: {size.epochs} epochs"
        yield "subjects", what, subject_rows(found["subjects"], size)
        yield (
            "powers",
            "the power of the number of people that the cost goes with, fitted over all sizes",
            power_rows(found, size),
        )
    if "tasks" in found:
        yield "tasks", "tasks that do nothing", task_rows(found["tasks"], size)
    if "lists" in found:
        what = f"what is done in the calling process without any fit, {size.clips_of_each} clips of each"
        yield "lists", what, list_rows(found["lists"], size)


def clip_rows(found: Mapping[str, Found], size: Size) -> Rows:
    """Return what preparation takes, by the number of clips."""
    return [
        {
            "clips": n,
            "seconds": one["seconds"],
            "of these until the first": one["first"],
            "s a clip": one["seconds"] / n,
            "s a clip, once running": one["each"],
            "MB of the calling process": one["own_MB"],
            "MB of a worker": one["worker_MB"],
            "kB of cache a clip": (one["aligned_bytes"] + one["prepared_bytes"]) / 1e3,
            "ms a clip, all prepared": 1e3 * one["again"],
        }
        for n in size.clips
        for one in (found[f"{n}"],)
    ]


def worker_rows(found: Parts, size: Size) -> Rows:
    """Return how much two processes gain over one, with their start and once they run."""
    works = {f"prepare, {size.paired_clips} clips": ("prepare", "")}
    works |= {
        f"evaluate {name}, {people} people": ("evaluate", f"{name}-")
        for name, people in zip((HANDCRAFTED, "dstan"), size.paired_subjects, strict=True)
    }
    rows: Rows = []
    for work, (part, prefix) in works.items():
        pairs = [
            [
                found[part][f"{workers}-{turn}" if part == "prepare" else f"{prefix}{workers}-{turn}"]
                for workers in WORKERS
            ]
            for turn in range(size.pairs)
        ]
        rows.append(
            {
                "work": work,
                "s, 1 process": median(one["seconds"] for one, _ in pairs),
                "s, 2 processes": median(two["seconds"] for _, two in pairs),
                "ratio": median(one["seconds"] / two["seconds"] for one, two in pairs),
                "efficiency": median(one["seconds"] / two["seconds"] / 2 for one, two in pairs),
                "efficiency, once running": median(one["each"] / two["each"] / 2 for one, two in pairs),
                "s until the first, 2 processes": median(two["first"] for _, two in pairs),
            }
        )
    return rows


def subject_rows(found: Mapping[str, Found], size: Size) -> Rows:
    """Return what leave-one-subject-out takes, by people."""
    return [
        {
            "people": n,
            "method": method,
            "clips": n * size.clips_each,
            "seconds": one["seconds"],
            "s a fold": one["each"],
            "s after the last fold": one["after"],
        }
        for method in (HANDCRAFTED, NETWORK)
        for n in size.subjects
        for one in (found[f"{method}-{n}"],)
    ]


def power_rows(found: Parts, size: Size) -> Rows:
    """Return to which power of the number of people the cost goes."""
    rows: Rows = []
    for method in (HANDCRAFTED, NETWORK):
        by = {what: [found["subjects"][f"{method}-{n}"][what] for n in size.subjects] for what in ("seconds", "each")}
        rows.append(
            {
                "method": method,
                "power, all folds": power(size.subjects, by["seconds"])[1],
                "power, a fold": power(size.subjects, by["each"])[1],
                "power, the two largest": power(size.subjects[-2:], by["seconds"][-2:])[1],
            }
        )
    return rows


def power(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Fit ``y = factor * x ** power`` by least squares of logarithms; return factor and power."""
    slope, level = np.polyfit(np.log(x), np.log(np.maximum(y, 1e-9)), 1)
    return float(np.exp(level)), float(slope)


def task_rows(found: Mapping[str, Found], size: Size) -> Rows:
    """Return what a task costs that does nothing."""
    return [
        {
            "tasks": n,
            "processes": workers,
            "seconds": one["seconds"],
            "until the first": one["first"],
            "ms a task, once running": 1e3 * one["each"],
        }
        for n in size.tasks
        for workers in WORKERS
        for one in (found[f"{n}-{workers}"],)
    ]


def list_rows(found: Mapping[str, Found], size: Size) -> Rows:
    """Return what folds and intervals take, by people."""
    return [
        {
            "people": n,
            "clips": n * size.clips_of_each,
            "us to list a clip": 1e6 * one["clip_set"],
            "s to make folds": one["folds"],
            "kB of a fold": one["fold_bytes"] / 1e3,
            "s to count predictions": one["count"],
            "s for intervals": one["intervals"],
        }
        for n in size.people
        for one in (found[f"{n}"],)
    ]


def rates_of(found: Parts, size: Size) -> Rates:
    """Return what the calculation on paper starts from.

    Parameters
    ----------
    found
        What was measured: at least clips, tasks, lists and full.
    size
        How much.
    """
    large, full = found["clips"][f"{size.clips[-1]}"], found["full"]["224"]
    own = [found["clips"][f"{n}"]["own_MB"] for n in size.clips]
    lists = found["lists"][f"{size.people[-1]}"]
    count, count_power = power(size.people, [found["lists"][f"{n}"]["count"] for n in size.people])
    return Rates(
        prepare=full["prepare"],
        epoch=full["epoch"],
        frames=full["frames"],
        frame_bytes=full["frame_bytes"],
        aligned_bytes=full["aligned_bytes"],
        prepared_bytes=full["prepared_bytes"],
        memory_bytes=full["memory_bytes"],
        task=found["tasks"][f"{size.tasks[-1]}-{WORKERS[-1]}"]["each"],
        load=large["load"],
        again=large["again"],
        clip_set=lists["clip_set"],
        list_bytes=1e6 * float(np.polyfit(size.clips, own, 1)[0]),
        inputs_bytes=large["inputs_bytes"],
        inputs_write=large["inputs_write"],
        inputs_read=large["inputs_read"],
        fold=lists["folds"] / (size.people[-1] ** 2 * size.clips_of_each),
        fold_memory=lists["fold_memory"] / (size.people[-1] * size.clips_of_each),
        fold_bytes=lists["fold_bytes"] / (size.people[-1] * size.clips_of_each),
        count=count,
        count_power=count_power,
        intervals=lists["intervals"] / size.people[-1],
    )


def _with_infinity(rows: Rows) -> Rows:
    """Say in words what is met at once, or never; numbers are rounded to what they can bear."""
    return [{**row, "met at clips": _in_words(float(row["met at clips"]))} for row in rows]


def _in_words(clips: float) -> str:
    if clips == 0:
        return "any number"
    return "not met" if clips == float("inf") else f"{float(f'{clips:.2g}'):,.0f}"
