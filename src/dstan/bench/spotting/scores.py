"""From what was found in each session to rows of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.bench.spotting.work import Record
from dstan.bench.tables import Cell
from dstan.spotting_metrics import SpottingCounts, analysis_scores, count, match, strs
from dstan.synthesis.distractors import KINDS

RESAMPLES = 2000
NEAR = 0.1
"""Seconds by which motion around a distractor may still be due to it."""
PARTLY, NOTHING = "true, partly", "nothing"
"""Causes of false events besides the distractors: overlap of less than half with a true event, and no cause at all."""
SURE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Ends of the bins of confidence."""
SPOTTING, ALL_PEAKS, CHANGES = "spotting", "all peaks", "pictures"

Rows = Sequence[Sequence[int]]
"""Onset, apex and offset in frames, of each event."""
METHODS: Mapping[str, Callable[[Record], Rows]] = {
    SPOTTING: lambda record: [row[:3] for row in record["events"]],
    ALL_PEAKS: lambda record: record["without"]["any"],
    CHANGES: lambda record: record["changes"],
}
"""What is compared, and where it stands in a record: all peaks is spotting that rejects nothing, pictures is plain."""


def truth_of(record: Record) -> list[tuple[int, int, int]]:
    """Return onset, apex and offset of the true events of a session."""
    return [(one["onset"], one["apex"], one["offset"]) for one in record["truth"]["events"]]


def counts_of(record: Record, spotted: Rows) -> SpottingCounts:
    """Count what was found in one session."""
    return count(_ends(truth_of(record)), _ends(spotted))


def pooled(records: Iterable[Record], method: Callable[[Record], Rows]) -> SpottingCounts:
    """Count what was found in all sessions together."""
    return sum((counts_of(record, method(record)) for record in records), SpottingCounts())


def interval_of_f1(each: Sequence[SpottingCounts]) -> tuple[float, float]:
    """Return the 95 % percentile interval of F1 over people, of whom each was seen in one session.

    Parameters
    ----------
    each
        The counts of each person.
    """
    table = np.array([(one.found, one.false, one.missed) for one in each], np.float64)
    rng = np.random.default_rng(child_seed(0, "spotting"))
    drawn = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=RESAMPLES) @ table
    f1 = 2 * drawn[:, 0] / np.maximum(2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2], 1)
    low, high = np.percentile(f1, (2.5, 97.5))
    return float(low), float(high)


def found_rows(kinds: Mapping[str, Sequence[Record]]) -> list[dict[str, Cell]]:
    """Return what each method found in each kind of video that has true events."""
    rows: list[dict[str, Cell]] = []
    for kind, records in kinds.items():
        for name, method in METHODS.items():
            each = [counts_of(record, method(record)) for record in records]
            counts = sum(each, SpottingCounts())
            low, high = interval_of_f1(each)
            rows.append(
                {
                    "video": kind,
                    "method": name,
                    "people": len(records),
                    "events": counts.found + counts.missed,
                    "found": counts.found,
                    "false": counts.false,
                    "precision": counts.precision,
                    "recall": counts.recall,
                    "F1": counts.f1,
                    "from": low,
                    "to": high,
                }
            )
    return rows


def error_rows(kinds: Mapping[str, Sequence[Record]]) -> list[dict[str, Cell]]:
    """Return how far onset, apex and offset of what was found are off; no row where nothing was found."""
    rows: list[dict[str, Cell]] = []
    for kind, records in kinds.items():
        for name, method in METHODS.items():
            off = _errors(records, method)
            if len(off):
                errors = zip(("onset", "apex", "offset"), off.mean(axis=0), strict=True)
                rows.append(
                    {"video": kind, "method": name, "found": len(off), **{f"{at}, ms": by for at, by in errors}}
                )
    return rows


def cause_rows(kinds: Mapping[str, Sequence[Record]]) -> list[dict[str, Cell]]:
    """Return how many false events a minute each cause brings."""
    rows: list[dict[str, Cell]] = []
    for kind, records in kinds.items():
        minutes = _minutes(records)
        for name, method in METHODS.items():
            causes = [cause for record in records for cause in causes_of(record, method(record))]
            by = {cause: causes.count(cause) / minutes for cause in (*KINDS, PARTLY, NOTHING)}
            rows.append({"video": kind, "method": name, "all": len(causes) / minutes, **by})
    return rows


def causes_of(record: Record, spotted: Rows) -> list[str]:
    """Return the cause of each false event: the distractor that it shares most frames with.

    Parameters
    ----------
    record
        Of one session.
    spotted
        What a method spotted there.
    """
    true, near = truth_of(record), round(NEAR * record["video"]["fps"])
    hits = {other for _, other, _ in match(_ends(true), _ends(spotted))}
    return [_cause(record, true, row, near) for place, row in enumerate(spotted) if place not in hits]


def _cause(record: Record, true: Rows, row: Sequence[int], near: int) -> str:
    onset, _, offset = row[:3]
    if any(begin <= offset and onset <= end for begin, _, end in true):
        return PARTLY
    shared = dict.fromkeys(KINDS, 0)
    for one in record["truth"]["distractors"]:
        frames = min(offset, one["last"] + near) - max(onset, one["first"] - near) + 1
        shared[one["kind"]] = max(shared[one["kind"]], frames)
    shared["light"] = min(shared["light"], 1)  # light changes for seconds: only where nothing else is near
    most = max(shared, key=lambda kind: shared[kind])
    return most if shared[most] > 0 else NOTHING


def rejection_rows(records: Sequence[Record]) -> list[dict[str, Cell]]:
    """Return what spotting finds if it leaves out one of its reasons to reject, or all."""
    names = {"as it is": METHODS[SPOTTING]}
    for why in records[0]["without"]:
        names["without any" if why == "any" else f"without {why}"] = _without(why)
    rows: list[dict[str, Cell]] = []
    for name, method in names.items():
        counts = pooled(records, method)
        rows.append(
            {
                "rejection": name,
                "found": counts.found,
                "false": counts.false,
                "precision": counts.precision,
                "recall": counts.recall,
                "F1": counts.f1,
                "false a minute": counts.false / _minutes(records),
            }
        )
    return rows


def _without(why: str) -> Callable[[Record], Rows]:
    def spotted(record: Record) -> Rows:
        found: Rows = record["without"][why]
        return found

    return spotted


def name_rows(kinds: Mapping[str, Sequence[Record]]) -> list[dict[str, Cell]]:
    """Return how what was found was named, and the spot-then-recognise score."""
    rows: list[dict[str, Cell]] = []
    for kind, records in kinds.items():
        counts = pooled(records, METHODS[SPOTTING])
        pairs = [pair for record in records for pair in _names(record)]
        classes = sorted({one["label"] for record in records for one in record["truth"]["events"]})
        scores = analysis_scores([true for true, _ in pairs], [named for _, named in pairs], classes)
        rows.append(
            {
                "video": kind,
                "found": len(pairs),
                "named right": sum(true == named for true, named in pairs),
                "F1 of names": scores.f1,
                "UF1 of names": scores.uf1,
                "F1 of spotting": counts.f1,
                "STRS": strs(counts, scores),
            }
        )
    return rows


def _names(record: Record) -> list[tuple[str, str]]:
    labels = [one["label"] for one in record["truth"]["events"]]
    pairs = match(_ends(truth_of(record)), _ends(METHODS[SPOTTING](record)))
    return [(labels[true], record["events"][place][3] or "no name") for true, place, _ in pairs]


def sure_rows(records: Sequence[Record]) -> list[dict[str, Cell]]:
    """Return how many peaks of each confidence are true events, those below the threshold included."""
    told: list[tuple[float, bool]] = []
    for record in records:
        hits = {place for _, place, _ in match(_ends(truth_of(record)), _ends(record["unsure"]))}
        told += [(row[3], place in hits) for place, row in enumerate(record["unsure"])]
    rows: list[dict[str, Cell]] = []
    for low, high in pairwise(SURE):
        here = [(sure, true) for sure, true in told if low <= sure < high or sure == high == SURE[-1]]
        if here:
            mean, share = np.mean(np.array(here, np.float64), axis=0)
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "peaks": len(here),
                    "confidence": round(float(mean), 2),
                    "share true": float(share),
                }
            )
    return rows


def speed_rows(kinds: Mapping[str, Sequence[Record]]) -> list[dict[str, Cell]]:
    """Return the processor time of spotting and naming."""
    rows: list[dict[str, Cell]] = []
    for kind, records in kinds.items():
        seconds, frames = (sum(record[what] for record in records) for what in ("seconds", "frames"))
        spotting, naming = (sum(record[f"{what}_seconds"] for record in records) for what in ("spotting", "naming"))
        events = sum(len(record["events"]) for record in records)
        rows.append(
            {
                "video": kind,
                "s of one core per s of video": spotting / seconds,
                "ms a frame": 1000 * spotting / frames,
                "ms to name an event": 1000 * naming / max(events, 1),
            }
        )
    return rows


def _errors(records: Sequence[Record], method: Callable[[Record], Rows]) -> NDArray[np.float64]:
    """Return (found, 3) how far onset, apex and offset of what was found are off, ms."""
    off: list[NDArray[np.float64]] = []
    for record in records:
        true, spotted = truth_of(record), method(record)
        for one, other, _ in match(_ends(true), _ends(spotted)):
            off.append(np.abs(np.subtract(true[one], spotted[other])) * 1000 / record["video"]["fps"])
    return np.array(off).reshape(-1, 3)


def _minutes(records: Sequence[Record]) -> float:
    return float(sum(record["seconds"] for record in records) / 60)


def _ends(rows: Rows) -> list[tuple[int, int]]:
    return [(int(row[0]), int(row[2])) for row in rows]
