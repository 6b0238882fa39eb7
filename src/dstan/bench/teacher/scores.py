"""What runs say, as records of plain numbers and as tables to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.bench.tables import Cell, Table
from dstan.bench.teacher.plan import Line, Row, Run
from dstan.bench.teacher.work import run_folder, weights_folder
from dstan.clips import ClipSet
from dstan.evaluation import load_run
from dstan.evaluation.calibration import calibration
from dstan.evaluation.statistics import RESAMPLES, difference, drawn_score, interval_of, resampled
from dstan.facs import parse_action_units
from dstan.metrics import scores_of_many
from dstan.preprocessing.cache import Cache, load_prepared
from dstan.recognizers import Recognizer, load_model
from dstan.recognizers.pretraining import TOLD

if TYPE_CHECKING:
    import pandas as pd

SCORES = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy"}
UNITS_COLUMN = "Action Units"
"""Of the coding tables that have them."""
FEWEST = 5
"""Clips that must show an action unit for it to be counted."""
_SEEDS = 1_000_000


class Found:
    """What is in the folder of a measurement.

    Parameters
    ----------
    folder
        Where weights and runs are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[str, tuple[pd.DataFrame, tuple[str, ...]]] = {}
        self._draws: dict[str, NDArray[np.int64]] = {}

    def predictions(self, line: Line) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Return one row a clip, seed and teacher, and the classes; every teacher's seeds have numbers of their own."""
        import pandas as pd

        key = _key(line)
        if key not in self._tables:
            results = [load_run(run_folder(self._folder, run)).results[run.method] for run in line]
            tables = [
                one.predictions.assign(seed=one.predictions["seed"] + _SEEDS * number)
                for number, one in enumerate(results)
            ]
            self._tables[key] = pd.concat(tables, ignore_index=True), results[0].classes
        return self._tables[key]

    def draws(self, line: Line) -> NDArray[np.int64]:
        """Return the confusion matrices of the people as they are and of each draw of them."""
        key = _key(line)
        if key not in self._draws:
            self._draws[key] = resampled(*self.predictions(line))
        return self._draws[key]

    def model(self, run: Run) -> Recognizer:
        """Return the model that a run applies."""
        assert run.weights is not None
        return load_model(weights_folder(self._folder, run.weights))


def _key(line: Line) -> str:
    return "; ".join(map(str, line))


def score_records(rows: Sequence[Row], found: Found) -> list[dict[str, Any]]:
    """Return scores with their intervals over people, and paired differences.

    Parameters
    ----------
    rows
        Of one part.
    found
        Where the runs are.
    """
    records = []
    for row in rows:
        own = found.draws(row.runs)
        others = {name: found.draws(line) for name, line in row.against.items()}
        records.append(
            {
                **row.labels,
                **{score: vars(interval_of(drawn_score(score, own))) for score in SCORES},
                "uf1_of_each": [round(float(value), 4) for value in scores_of_many(own[0])["uf1"]],
                "differences": {
                    name: {score: vars(difference(score, own, other)) for score in SCORES}
                    for name, other in others.items()
                },
            }
        )
    return records


def score_table(name: str, what: str, rows: Sequence[Row], records: Sequence[Mapping[str, Any]]) -> Table:
    """Return scores as they are read.

    Parameters
    ----------
    name, what
        Of the table.
    rows
        Of one part.
    records
        What :func:`score_records` made of them.
    """
    others = list(dict.fromkeys(other for row in rows for other in row.against))
    lines = []
    for row, record in zip(rows, records, strict=True):
        line = {**row.labels, **{title: _words(record[score]) for score, title in SCORES.items()}}
        for other in others:
            gains = record["differences"].get(other)
            line |= {f"{SCORES[score]} over {other}": _gain(gains[score]) if gains else "" for score in ("uf1", "uar")}
        lines.append(line)
    return Table.of(name, what, lines)


def sureness_records(rows: Sequence[Row], found: Found) -> list[dict[str, Any]]:
    """Return how sure models are, and how often right.

    Parameters
    ----------
    rows
        Of one part.
    found
        Where the runs are.
    """
    return [{**row.labels, **calibration(found.predictions(row.runs)[0]).to_dict()} for row in rows]


def sureness_table(name: str, what: str, rows: Sequence[Row], records: Sequence[Mapping[str, Any]]) -> Table:
    """Return the same as it is read: shares right of those answered, if it speaks only from P >= a threshold.

    Parameters
    ----------
    name, what
        Of the table.
    rows
        Of one part.
    records
        What :func:`sureness_records` made of them.
    """
    lines = []
    for row, record in zip(rows, records, strict=True):
        chance = record["ece_by_chance"]
        line = {**row.labels, "ECE": record["ece"], "by chance": f"{chance['low']:.3f} to {chance['high']:.3f}"}
        line |= {"Brier": record["brier"], "too sure by": f"{record['overconfidence']:+.3f}"}
        for one in record["abstention"]:
            right = "" if one["accuracy"] is None else f"{one['accuracy']:.2f} of {one['coverage']:.0%}"
            line[f"P >= {one['threshold']:g}"] = right
        lines.append(line)
    return Table.of(name, what, lines)


def unit_records(
    rows: Sequence[Row], found: Found, corpora: Mapping[str, ClipSet], cache: Cache
) -> list[dict[str, Any]]:
    """Return how well action units are told, where a corpus has them coded.

    F1 of each unit that at least five clips show, counted over clips, and the mean over these units and teachers. "If
    always told" is what saying every unit of every clip would score.

    Parameters
    ----------
    rows
        Whose runs apply models as they are.
    found
        Where the models are.
    corpora
        The clips of each corpus.
    cache
        Where these are prepared.
    """
    coded = {name: coded_units(clips) for name, clips in corpora.items()}
    records = []
    for row in rows:
        clips = corpora[row.runs[0].corpus]
        if coded[row.runs[0].corpus]:
            told = [_told(found.model(run), clips, cache) for run in row.runs]
            scores = unit_scores(clips, coded[row.runs[0].corpus], told)
            records += [{**row.labels, **scores}] if scores else []
    return records


def coded_units(clips: ClipSet) -> list[set[int]]:
    """Return the action units that move in each clip, as coded; nothing where the corpus has none coded.

    Parameters
    ----------
    clips
        Of one corpus.
    """
    if not all(UNITS_COLUMN in clip.annotation for clip in clips):
        return []
    return [
        {unit.number for unit in parse_action_units(clip.annotation[UNITS_COLUMN]) if unit.number and not unit.static}
        for clip in clips
    ]


def _told(model: Recognizer, clips: ClipSet, cache: Cache) -> dict[int, NDArray[np.bool_]]:
    units = model.infer(load_prepared(clips, model.recipe, cache)).units
    assert units is not None
    return {unit: told >= TOLD for unit, told in units.items()}


def unit_scores(
    clips: ClipSet, coded: Sequence[set[int]], told: Sequence[Mapping[int, NDArray[np.bool_]]]
) -> dict[str, Any]:
    """Return the F1 of action units that enough clips show; nothing where none is.

    Parameters
    ----------
    clips
        Of one corpus.
    coded
        What :func:`coded_units` returned.
    told
        For each teacher and action unit the (n,) clips in which it was told.
    """
    truth = {unit: np.array([unit in one for one in coded]) for unit in told[0]}
    counted = [unit for unit, shown in truth.items() if shown.sum() >= FEWEST]
    if not counted:
        return {}
    shown = np.stack([truth[unit] for unit in counted], 1)
    people = sorted({clip.subject for clip in clips})
    member = np.eye(len(people))[[people.index(clip.subject) for clip in clips]]
    rng = np.random.default_rng(child_seed(0, "units"))
    draws = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=RESAMPLES)
    weights = np.vstack([np.ones((1, len(people))), draws]) @ member.T
    each = [_f1(weights, shown, np.stack([one[unit] for unit in counted], 1)) for one in told]
    means = np.mean([one.mean(1) for one in each], 0)
    return {
        "f1": vars(interval_of(means)),
        "f1_if_always_told": float(_f1(weights[:1], shown, np.ones_like(shown)).mean()),
        "units": {
            str(unit): round(float(np.mean([one[0, place] for one in each])), 4) for place, unit in enumerate(counted)
        },
    }


def _f1(weights: NDArray[np.float64], shown: NDArray[np.bool_], told: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the (D, units) F1 where clips are drawn (D, n) times."""
    both = weights @ (shown.astype(float) + told)
    return np.asarray(2 * (weights @ (shown & told)) / np.maximum(both, 1))


def unit_table(name: str, what: str, records: Sequence[Mapping[str, Any]]) -> Table:
    """Return the F1 of action units as it is read.

    Parameters
    ----------
    name, what
        Of the table.
    records
        What :func:`unit_records` returned, one at least.
    """
    lines: list[dict[str, Cell]] = []
    for record in records:
        units = ", ".join(f"{unit}: {f1:.2f}" for unit, f1 in record["units"].items())
        mean = {"F1": _words(record["f1"]), "if always told": record["f1_if_always_told"]}
        lines.append({"corpus": record["corpus"], "model": record["model"], **mean, "of each": units})
    return Table.of(name, what, lines)


def _words(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.3f} ({interval['low']:.2f} to {interval['high']:.2f})"


def _gain(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:+.3f} ({interval['low']:+.2f} to {interval['high']:+.2f})"
