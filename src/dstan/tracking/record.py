"""One row of a table of experiments, before any server is known."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

MOST_POINTS = 500
"""Most points of one learning curve; of a longer one every second, third ... epoch is kept, and the last."""
_ENDS = ("low", "high")


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Parameters
    ----------
    name
        The metric, as ``uf1`` or ``training/flow/loss``.
    value
        A finite number.
    step
        The epoch, fold, seed or candidate; 0 where there is one value only.
    """

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Artifact:
    """One file that is kept beside a row.

    Parameters
    ----------
    file
        Where it lies.
    folder
        The folder among the row's files; empty for the topmost.
    """

    file: Path
    folder: str = ""


@dataclass(frozen=True)
class Record:
    """What is known of one method of a run, or of one model.

    Parameters
    ----------
    experiment
        The table that the row belongs to.
    name
        Of the row.
    source
        Folder, time and method: what says that a row is this one.
    created
        When the run was begun or the model written.
    seconds
        What all its fits and predictions took, one after another.
    params
        Settings, data and versions as text, names with dots.
    points
        Metrics.
    tags
        What else is worth a search.
    artifacts
        Files.
    note
        The row's description, Markdown.
    """

    experiment: str
    name: str
    source: tuple[str, ...]
    created: datetime
    seconds: float
    params: Mapping[str, str]
    points: Sequence[Point]
    tags: Mapping[str, str]
    artifacts: Sequence[Artifact]
    note: str

    @property
    def identity(self) -> str:
        """Sixteen hexadecimal digits: the same whenever this run or model is logged again."""
        return _digest(self.source)

    @property
    def numbers(self) -> str:
        """The digest of settings and metrics, which tells whether a row still says what the folder says."""
        return _digest([sorted(self.params.items()), [(one.name, one.value, one.step) for one in self.points]])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings with dots between names, each value as it would stand in TOML or JSON.

    Parameters
    ----------
    values
        Settings; a mapping in it is a group.
    prefix
        What stands before every name, with its dot.
    """
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def points(values: Mapping[str, Any], prefix: str = "", step: int = 0) -> list[Point]:
    """Return the finite numbers among some values; what is no number is left out.

    Parameters
    ----------
    values
        By name.
    prefix
        What stands before every name.
    step
        Of all of them.
    """
    return [
        Point(prefix + name, float(value), step)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    ]


def with_ends(values: Mapping[str, Any], intervals: Mapping[str, Sequence[float]], prefix: str = "") -> list[Point]:
    """Return scores, and the two ends of each interval as ``NAME.low`` and ``NAME.high``.

    Parameters
    ----------
    values
        The scores by name.
    intervals
        Two numbers each.
    prefix
        What stands before every name.
    """
    ends = {f"{name}.{end}": bounds[place] for name, bounds in intervals.items() for place, end in enumerate(_ENDS)}
    return points({**values, **ends}, prefix)


def curves(histories: Iterable[Mapping[str, Sequence[Mapping[str, float]]]]) -> Iterator[Point]:
    """Give the learning curves of each network: means over the fits that reached an epoch.

    Parameters
    ----------
    histories
        Of each fit: by network its epochs, each with ``epoch``, ``loss``, ``accuracy``, ``gradient_norm``.

    Yields
    ------
    Points called ``training/NETWORK/loss`` and so on, at most :data:`MOST_POINTS` a curve.
    """
    collected: dict[tuple[str, str], dict[int, list[float]]] = {}
    for history in histories:
        for network, epochs in history.items():
            for epoch in epochs:
                for name, value in epoch.items():
                    if name != "epoch":
                        collected.setdefault((network, name), {}).setdefault(int(epoch["epoch"]), []).append(value)
    for (network, name), by_epoch in collected.items():
        for epoch_number in _some(sorted(by_epoch)):
            values = by_epoch[epoch_number]
            yield from points({f"training/{network}/{name}": sum(values) / len(values)}, step=epoch_number)


def _some(steps: Sequence[int]) -> list[int]:
    stride = math.ceil(len(steps) / MOST_POINTS)
    kept = list(steps[:: max(stride, 1)])
    return kept if not steps or kept[-1] == steps[-1] else [*kept[: MOST_POINTS - 1], steps[-1]]
