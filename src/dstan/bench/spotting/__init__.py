"""How well spotting finds what was drawn: long recordings of drawn people, whose events and distractors are known."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from dstan import _atomic
from dstan._engine import run_tasks
from dstan._progress import Progress, silent
from dstan.bench.spotting.growth import growth_rows
from dstan.bench.spotting.plan import NO_EVENTS, Size, plan
from dstan.bench.spotting.scores import (
    cause_rows,
    error_rows,
    found_rows,
    name_rows,
    rejection_rows,
    speed_rows,
    sure_rows,
)
from dstan.bench.spotting.work import Record, Task, measure
from dstan.bench.tables import Plot, Table, Tables
from dstan.errors import ConfigError, DstanError

__all__ = ["DOCUMENT", "Size", "bench_spotting"]

DOCUMENT = "spotting.json"
PLAIN = "30 fps"


def bench_spotting(
    out: Path | None = None,
    *,
    size: Size | None = None,
    workers: int | None = None,
    growth: bool = True,
    progress: Progress = silent,
) -> Tables:
    """Draw long recordings, spot in them with the model that comes along, and compare with the truth.

    Parameters
    ----------
    out
        Videos, what was found in each, ``spotting.json`` and plots go here, and what is there already is kept; nothing
        is kept if None.
    size
        How much.
    workers
        Processes; 0 works in this one, None takes one per usable core.
    growth
        Whether to measure memory and time over the length, too.
    progress
        Called as sessions are finished.

    Raises
    ------
    ConfigError
        If there is nothing to measure on.
    DstanError
        If a session could not be measured; the others are kept.
    """
    size = size or Size()
    if size.sessions < 1 or size.seconds < 12:
        raise ConfigError(
            f"{size.sessions} sessions of {size.seconds:g} s hold too little", hint="Take --seconds 12 or more"
        )
    holding = tempfile.TemporaryDirectory() if out is None else nullcontext(str(out.absolute()))
    with holding as name:
        folder = Path(name)
        records = _records(size, folder, workers, progress)
        tables = [*tables_of(records, size)]
        if growth:
            tables.append(_growth(size, folder))
        measured = Tables("spotting", tuple(tables))
        if out is not None:
            _atomic.write_json(folder / DOCUMENT, measured.to_dict())
            measured.draw(folder)
    return measured


def _records(size: Size, folder: Path, workers: int | None, progress: Progress) -> dict[str, list[Record]]:
    """Measure what is not measured yet, and return what is known by kind of video."""
    tasks = [Task(video, folder) for video in plan(size)]
    waiting = [task for task in tasks if not task.done()]
    failed: DstanError | None = None
    for done, (index, result) in enumerate(run_tasks(measure, waiting, workers=workers), 1):
        progress("spotting", len(tasks) - len(waiting) + done, len(tasks), str(waiting[index]))
        if isinstance(result, DstanError):
            failed = result
    if failed is not None:
        raise failed
    records: dict[str, list[Record]] = {}
    for task in tasks:
        records.setdefault(task.video.kind, []).append(json.loads(task.record.read_text()))
    return records


def tables_of(records: Mapping[str, Sequence[Record]], size: Size) -> list[Table]:
    """Return the tables of what was found.

    Parameters
    ----------
    records
        What was found, by kind of video.
    size
        How much was measured.
    """
    shown = {kind: found for kind, found in records.items() if kind != NO_EVENTS}
    people, where = size.sessions, f"drawn people at {size.width} x {size.height}"
    bars = Plot("video", "F1", panels=("method",))
    return [
        Table.of(
            "found",
            f"events that overlap a true one by half or more ({where}, seeds from 1000); from, to: 95 % over people; "
            "all peaks: spotting that rejects nothing; pictures: where pictures differ more than usual",
            found_rows(shown),
            bars,
        ),
        Table.of("errors", "how far what was found is off, milliseconds on average", error_rows(shown)),
        Table.of("false events", "false events a minute, and what went on there", cause_rows(records)),
        Table.of(
            "rejections", f"what each rejection is good for ({people} people, {PLAIN})", rejection_rows(records[PLAIN])
        ),
        Table.of(
            "names",
            "classes of what was found, by the model that comes along; STRS is F1 of spotting times F1 of names",
            name_rows(shown),
        ),
        Table.of(
            "confidence",
            f"how many peaks of each confidence are true events ({PLAIN})",
            sure_rows(records[PLAIN]),
            Plot("confidence", "share true", scale="linear"),
        ),
        Table.of("speed", "processor time of spotting", speed_rows(records)),
    ]


def _growth(size: Size, folder: Path) -> Table:
    first = plan(size)[0]
    with tempfile.TemporaryDirectory() as name:
        rows = growth_rows(first.file(folder), first.seconds, Path(name))
    return Table.of("growth", "spotting in one session, shown once and again and again, a process each", rows)
