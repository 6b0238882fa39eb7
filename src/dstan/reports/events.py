"""What spotting found, written for other programs: JSON and CSV here, ELAN and WebVTT beside it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._version import __version__
from dstan.inference.predict import Prediction
from dstan.inference.spotting import Event, Interval, Rejected, Spotting
from dstan.reports.eaf import write_eaf
from dstan.reports.naming import action_units, name_of, regions, warnings_of, written
from dstan.reports.vtt import write_vtt

__all__ = ["events_document", "events_table", "write_csv", "write_eaf", "write_json", "write_vtt"]

_DIGITS = 6


def events_table(spotting: Spotting) -> list[dict[str, str | int | float | None]]:
    """Return one record an event: the rows and the columns of the CSV file, None where there is nothing to say.

    Parameters
    ----------
    spotting
        What was found.
    """
    classes = _classes(spotting)
    warnings = "; ".join(warnings_of(spotting))
    return [_record(number, event, spotting, classes, warnings) for number, event in enumerate(spotting.events, 1)]


def write_csv(out: Path, spotting: Spotting) -> None:
    """Write one row an event, and a line of names also where there is no event.

    Parameters
    ----------
    out
        The file.
    spotting
        What was found.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(_classes(spotting)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(events_table(spotting))
    _atomic.write_text(out, text.getvalue())


def write_json(out: Path, spotting: Spotting, asked: Mapping[str, Any] | None = None) -> None:
    """Write everything that was found, and the signal that it was found in.

    Parameters
    ----------
    out
        The file.
    spotting
        What was found.
    asked
        As in :func:`events_document`.
    """
    signal = {
        "seconds": [round(float(time), 4) for time in spotting.times],
        "motion": [None if math.isnan(value) else round(float(value), 4) for value in spotting.motion],
    }
    head = json.dumps(events_document(spotting, asked), indent=2, ensure_ascii=False, allow_nan=False)
    body = json.dumps(signal, allow_nan=False)  # on one line: nobody reads thousands of numbers one below the other
    _atomic.write_text(out, f'{head.removesuffix("}").rstrip()},\n  "signal": {body}\n}}\n')


def events_document(spotting: Spotting, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return everything that was found but the signal, as JSON can say it.

    Parameters
    ----------
    spotting
        What was found.
    asked
        What it follows from, as :meth:`~dstan.inference.spotting.many.Request.about` returns it; left out if None.
    """
    return {
        "video": written(spotting.path),
        "frames": spotting.frames,
        "fps": _number(spotting.fps),
        "seconds": _number(spotting.seconds),
        "model": spotting.model,
        "warnings": list(warnings_of(spotting)),
        "events": [_event(number, event) for number, event in enumerate(spotting.events, 1)],
        "rejected": [{**_interval(one), "reason": one.reason} for one in spotting.rejected],
        "stretches": [
            {
                "first": one.first,
                "last": one.last,
                "first_seconds": _number(one.first_seconds),
                "last_seconds": _number(one.last_seconds),
            }
            for one in spotting.stretches
        ],
        "made_by": {"dstan": __version__},
        **({} if asked is None else {"asked": dict(asked)}),
    }


def _event(number: int, event: Event) -> dict[str, Any]:
    said = event.prediction
    return {
        "event": number,
        **_interval(event),
        "confidence": _number(event.confidence),
        "regions": {name: _number(moved) for name, moved in event.regions.items()},
        "stretch": event.stretch,
        "label": None if said is None else said.label,
        "likeliest": None if said is None else said.likeliest,
        "probabilities": _shares(said and said.probabilities),
        "units": _shares(said and said.units),
        "warnings": [] if said is None else list(said.warnings),
    }


def _interval(one: Interval | Rejected) -> dict[str, Any]:
    seconds = {
        "onset_seconds": one.onset_seconds,
        "apex_seconds": one.apex_seconds,
        "offset_seconds": one.offset_seconds,
        "duration_seconds": one.offset_seconds - one.onset_seconds,
    }
    frames = {"onset": one.onset, "apex": one.apex, "offset": one.offset}
    return {**frames, **{name: _number(value) for name, value in seconds.items()}}


def _shares(shares: Mapping[Any, float] | Prediction | None) -> dict[str, float | None] | None:
    if not isinstance(shares, Mapping):
        return None
    return {str(name): _number(share) for name, share in shares.items()}


def _number(value: float) -> float | None:
    """Return a number without the noise of its last bits; JSON knows neither NaN nor infinity."""
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def _classes(spotting: Spotting) -> list[str]:
    said = [event.prediction.probabilities for event in spotting.events if event.prediction is not None]
    return list(dict.fromkeys(name for shares in said for name in shares))


def _columns(classes: list[str]) -> list[str]:
    return [
        *("video", "event", "onset", "apex", "offset"),
        *("onset_seconds", "apex_seconds", "offset_seconds", "duration_seconds"),
        *("confidence", "label", *(f"p_{name}" for name in classes)),
        *("action_units", "regions", "model", "warnings"),
    ]


def _record(
    number: int, event: Event, spotting: Spotting, classes: list[str], warnings: str
) -> dict[str, str | int | float | None]:
    said = event.prediction
    return {
        "video": written(spotting.path),
        "event": number,
        **_interval(event),
        "confidence": _number(event.confidence),
        "label": None if said is None else name_of(event),
        **{f"p_{name}": None if said is None else _number(said.probabilities[name]) for name in classes},
        "action_units": action_units(event),
        "regions": regions(event),
        "model": spotting.model,
        "warnings": warnings,
    }
