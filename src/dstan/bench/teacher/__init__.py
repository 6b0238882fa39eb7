"""What drawn motion is worth: the whole measurement of teachers that need no licence, in one folder that goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._progress import Progress, silent
from dstan._registry import look_up
from dstan.bench.figures import machine
from dstan.bench.tables import Table
from dstan.bench.teacher.figures import draw
from dstan.bench.teacher.plan import PARTS, Row, Run, Size
from dstan.bench.teacher.scores import (
    Found,
    score_records,
    score_table,
    sureness_records,
    sureness_table,
    unit_records,
    unit_table,
)
from dstan.bench.teacher.work import carry_out, prepare
from dstan.clips import ClipSet
from dstan.corpora import load_corpora
from dstan.errors import ConfigError
from dstan.preprocessing.cache import Cache

__all__ = ["DOCUMENT", "PARTS", "Measured", "Size", "bench_teacher"]

DOCUMENT = "teacher.json"
_WHAT = {
    "curve": "from scratch, begun from drawn motion, and from drawn motion of wrong anatomy, over the people learned "
    "from; begun from as it is: nobody",
    "zero-shot": "models that saw drawn motion alone, every clip of a corpus a test clip",
    "contaminations": "smaller teachers that lack one contamination each, applied as they are",
    "clips": "teachers of more and more drawn clips, applied as they are",
    "recognition": "options of recognition, one at a time and together",
    "calibration": "how sure models are, and the share right of those answered from P on",
    "init": "learning rates, frozen blocks and epochs from drawn motion on; inner: chosen by people held out",
}
_UNITS = "action units that are told from what was drawn against those coded, of units that five clips show"


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Parameters
    ----------
    tables
        To be read.
    document
        As in ``teacher.json``.
    files
        The plots.
    """

    tables: tuple[Table, ...]
    document: Mapping[str, Any]
    files: tuple[Path, ...]


def bench_teacher(
    roots: Mapping[str, Path],
    out: Path,
    *,
    parts: Sequence[str] = (),
    size: Size | None = None,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Measured:
    """Measure what drawn motion is worth, corpus by corpus.

    Parameters
    ----------
    roots
        Where each corpus lies.
    out
        Weights, runs, ``teacher.json`` and plots go here; what is there already is kept.
    parts
        Of :data:`PARTS`; all where none is named.
    size
        How large.
    cache
        Where prepared clips are; the user's own cache where not given.
    workers
        Processes; 0 works in this one, None takes one per usable core.
    progress
        Called as parts finish.

    Raises
    ------
    ConfigError
        If no corpus is named.
    UnknownNameError
        If there is no such part.
    RunError
        If weights or runs there were made with other settings, or some failed; the others are kept.
    """
    if not roots:
        raise ConfigError("there is no corpus to measure on", hint="Name one or more: --root casme2=DIR")
    size, store, out = size or Size(), Cache(cache), out.absolute()
    for name in parts:
        look_up("part", name, PARTS)
    corpora = {name: load_corpora({name: root}, size.task) for name, root in roots.items()}
    rows = {name: part(size, list(corpora)) for name, part in PARTS.items()}
    prepared = prepare(corpora, _runs(rows.values()), store, workers=workers, progress=progress)
    rows = {name: rows[name] for name in PARTS if name in (parts or PARTS)}
    carry_out(_runs(rows.values()), prepared, size, out, store, workers=workers, progress=progress)
    found, tables, document = Found(out), [], _document(out)
    for name, part in rows.items():
        if part:
            document["parts"][name] = {"size": asdict(size), **_records(name, part, found, prepared, store)}
            tables += _tables(name, part, document["parts"][name])
    _atomic.write_json(out / DOCUMENT, document)
    return Measured(tuple(tables), document, tuple(draw(document["parts"], out)))


def _runs(parts: Iterable[Sequence[Row]]) -> list[Run]:
    return [run for part in parts for row in part for line in (row.runs, *row.against.values()) for run in line]


def _document(out: Path) -> dict[str, Any]:
    """Return what the folder says of other parts, under what it says of this measurement."""
    path = out / DOCUMENT
    before = json.loads(path.read_text(encoding="utf-8"))["parts"] if path.is_file() else {}
    return {"bench": "teacher", "machine": machine(), "parts": before}


def _records(
    name: str, rows: Sequence[Row], found: Found, corpora: Mapping[str, ClipSet], cache: Cache
) -> dict[str, Any]:
    if name == "calibration":
        return {"rows": sureness_records(rows, found)}
    records = {"rows": score_records(rows, found)}
    return {**records, "units": unit_records(rows, found, corpora, cache)} if name == "zero-shot" else records


def _tables(name: str, rows: Sequence[Row], records: Mapping[str, Any]) -> list[Table]:
    make = sureness_table if name == "calibration" else score_table
    tables = [make(name, _WHAT[name], rows, records["rows"])]
    units = records.get("units")
    return [*tables, unit_table("action units", _UNITS, units)] if units else tables
