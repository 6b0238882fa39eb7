"""How cost grows with clips, processes, people and tasks; and from that, a corpus of a million clips on paper."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._progress import Progress, silent
from dstan._registry import look_up
from dstan.bench.figures import machine
from dstan.bench.scaling import corpus
from dstan.bench.scaling.figures import draw
from dstan.bench.scaling.paper import Cluster
from dstan.bench.scaling.plan import PARTS, REDUCED, Size, Trial, plan
from dstan.bench.scaling.tables import tables_of
from dstan.bench.scaling.trials import FULL, GROWN, TWIN
from dstan.bench.tables import Table, Tables
from dstan.errors import ConfigError, RunError

__all__ = ["DOCUMENT", "PAGE", "PARTS", "REDUCED", "Cluster", "Size", "bench_scaling"]

DOCUMENT, PAGE = "scaling.json", "growth.md"
"""The numbers, and the tables as they stand in the documentation."""
_CHILD = "from dstan.bench.scaling.trials import main; main()"


def bench_scaling(
    out: Path,
    *,
    parts: Sequence[str] = (),
    size: Size | None = None,
    price: float | None = None,
    progress: Progress = silent,
) -> Tables:
    """Measure how cost grows, one trial after the other, each in a process of its own.

    Parameters
    ----------
    out
        Drawn clips, the numbers of each trial, ``scaling.json``, tables as Markdown and the plot go here; what is
        there already is kept, so that a bench that was stopped goes on.
    parts
        Of :data:`PARTS`; all where none is named.
    size
        How much is measured.
    price
        Of an hour of one core, in dollars, for what is calculated; :class:`Cluster` says what else is assumed.
    progress
        Called as trials finish.

    Raises
    ------
    UnknownNameError
        If there is no such part.
    RunError
        If a trial failed; those before it are kept.
    """
    size, out = size or Size(), out.absolute()
    for name in parts:
        look_up("part", name, dict.fromkeys(PARTS))
    if price is not None and price <= 0:
        raise ConfigError(f"a price of {price:g} is none", hint="Give dollars for an hour of one core: .05")
    trials = plan(size)
    wanted = [trial for trial in trials if not parts or trial.part in parts]
    for done, trial in enumerate(wanted):
        progress("scaling", done, len(wanted), str(trial))
        if _known(trial, out) is None:
            _lay_out(trial, size, out)
            _keep(trial, out, _run(trial, out))
    progress("scaling", len(wanted), len(wanted))
    cluster = Cluster() if price is None else replace(Cluster(), price=price)
    measured = Tables("scaling", tuple(tables_of(_found(trials, out), size, cluster)))
    _atomic.write_json(out / DOCUMENT, {**measured.to_dict(), "size": asdict(size), "assumed": asdict(cluster)})
    _atomic.write_text(out / PAGE, page(measured.tables))
    draw(measured.tables, out)
    return measured


def _record(trial: Trial, out: Path) -> Path:
    return out / "measured" / f"{trial.part}-{trial.name}.json"


def _known(trial: Trial, out: Path) -> Mapping[str, float] | None:
    """Return the numbers of a trial that was done; None where it was not, or was another."""
    path = _record(trial, out)
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return dict(record["found"]) if record["trial"] == asdict(trial) else None


def _keep(trial: Trial, out: Path, found: Mapping[str, float]) -> None:
    _atomic.write_json(_record(trial, out), {"trial": asdict(trial), "machine": machine(), "found": found})


def _lay_out(trial: Trial, size: Size, out: Path) -> None:
    """Draw the clips that a trial needs, outside its time."""
    if trial.part == "full":
        corpus.draw(out / FULL, size.full, None)
    elif trial.part in ("clips", "prepare"):
        twin = corpus.draw(out / TWIN, size.drawn, size.frame)
        corpus.grow(out / GROWN, twin, int(trial.how["clips"]))


def _run(trial: Trial, out: Path) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, trial.part, json.dumps(trial.how), str(out)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RunError(f"the trial failed: {last}", where=trial, hint="The same command goes on from it")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _found(trials: Sequence[Trial], out: Path) -> dict[str, dict[str, Mapping[str, float]]]:
    """Return the numbers of those parts of which every trial is done."""
    found: dict[str, dict[str, Any]] = {}
    for trial in trials:
        found.setdefault(trial.part, {})[trial.name] = _known(trial, out)
    return {part: numbers for part, numbers in found.items() if None not in numbers.values()}


def page(tables: Sequence[Table]) -> str:
    """Return the plot and the tables as Markdown, each table below its sentence, as docs/growth.md has them.

    Parameters
    ----------
    tables
        What was measured.
    """
    parts = ["![How cost grows](images/growth.svg)"]
    for table in tables:
        lines = [f"**{table.name}**: {table.what}.", "", _line(table.columns), _line(["---"] * len(table.columns))]
        parts.append("\n".join([*lines, *(_line(row) for row in table.text())]))
    return "\n\n".join(parts) + f"\n\nMeasured on: {machine()}.\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
