"""One event in full, and the files to take away, as HTML."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from dstan.app.stage import file_address
from dstan.inference import Prediction
from dstan.inference.spotting import Event
from dstan.reports.naming import name_of
from dstan.synthesis.action_units import ACTION_UNITS


def event_panel(number: int, event: Event, still: Path) -> str:
    """Draw all that is known of an event.

    Parameters
    ----------
    number
        Its place, counted from 0.
    event
        The event.
    still
        Its picture, PNG.
    """
    head = (
        f"<h3>Event {number + 1}: {escape(name_of(event))}</h3>"
        f'<p class="d-facts"><span>{event.onset_seconds:.3f} s to {event.offset_seconds:.3f} s, strongest at '
        f"{event.apex_seconds:.3f} s</span><span>frames {event.onset} to {event.offset}, apex {event.apex}</span>"
        f"<span>stands out from the rest: {event.confidence:.2f} of 1 (a rank, no probability)</span></p>"
    )
    moved = _bars("What moved", "per cent of the distance between the eyes", event.regions, "{:.1f}")
    named = "" if event.prediction is None else _named(event.prediction)
    picture = _picture(still, f"Event {number + 1}: the face at its apex, the motion, and where the model looked")
    return _panel(str(number), head, picture, named + moved)


def clip_panel(prediction: Prediction, still: Path) -> str:
    """Draw what the model says of a whole clip."""
    label = prediction.label or "undecided"
    seconds = "" if prediction.seconds is None else f", {prediction.seconds:.2f} s"
    head = (
        f"<h3>The whole clip, taken as one expression: {escape(label)}</h3>"
        f'<p class="d-facts"><span>{prediction.frames} frames{seconds}</span></p>'
    )
    picture = _picture(still, "The face at its apex, the motion, and where the model looked")
    told = warnings(prediction.warnings)
    return _panel("clip", head, picture, _named(prediction), told)


def _panel(shown: str, head: str, picture: str, columns: str, below: str = "") -> str:
    body = f'{head}{picture}<div class="d-columns">{columns}</div>{below}'
    return f'<section class="d-panel" data-shown="{shown}">{body}</section>'


def _picture(still: Path, alt: str) -> str:
    data = base64.b64encode(still.read_bytes()).decode("ascii")
    return f'<figure class="d-still"><img alt="{escape(alt)}" src="data:image/png;base64,{data}"></figure>'


def _named(prediction: Prediction) -> str:
    shares = dict(sorted(prediction.probabilities.items(), key=lambda item: -item[1]))
    return _bars("Which expression", "probability", shares, "{:.2f}", 1.0) + _units(prediction)


def _units(prediction: Prediction) -> str:
    if prediction.units is None:
        return ""
    told = prediction.units_told
    names = {unit: ACTION_UNITS[unit].name if unit in ACTION_UNITS else "" for unit, _ in told}
    rows = "".join(f"<li><b>AU{unit}</b> {names[unit]} <small>{score:.2f}</small></li>" for unit, score in told)
    body = f'<ul class="d-units">{rows}</ul>' if rows else '<p class="d-quiet">None is told.</p>'
    return f"<div><h4>Action units <small>score, from .5 on</small></h4>{body}</div>"


def _bars(title: str, unit: str, values: Mapping[str, float], form: str, most: float | None = None) -> str:
    if not values:
        return ""
    full = most if most is not None else max(values.values()) or 1.0
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td><span class='d-bar'><span style='width:{100 * value / full:.1f}%'>"
        f"</span></span></td><td class='d-number'>{form.format(value)}</td></tr>"
        for name, value in values.items()
    )
    return f"<div><h4>{escape(title)} <small>{escape(unit)}</small></h4><table class='d-table'>{rows}</table></div>"


def warnings(texts: Sequence[str]) -> str:
    """Draw what to know before believing it."""
    rows = "".join(f"<li>{escape(text[:1].upper() + text[1:])}.</li>" for text in texts)
    return f'<div class="d-note d-warn"><p><b>Before you believe it</b></p><ul>{rows}</ul></div>' if rows else ""


def downloads(files: Mapping[str, Path]) -> str:
    """Draw links to files, by what to call each kind."""
    links = "".join(
        f'<a class="d-button" href="{file_address(path)}" download="{escape(path.name)}">{escape(kind)}</a>'
        for kind, path in files.items()
    )
    return f'<div class="d-downloads"><span>Take away:</span>{links}</div>'
