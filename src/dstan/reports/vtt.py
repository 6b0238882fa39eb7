"""What spotting found as WebVTT: subtitles that any player shows over the video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dstan import _atomic
from dstan.inference.spotting import Event, Spotting
from dstan.reports.naming import action_units, name_of, probability_of, regions, warnings_of, written
from dstan.video import clock

READABLE = 2.0
"""Seconds for which a line stays on the screen, where the next event leaves it that long."""


def write_vtt(out: Path, spotting: Spotting) -> None:
    """Write one cue an event, with its class and confidence, and the warnings as a note and as the first cue.

    A micro-expression is over before its line can be read, so a cue stays for :data:`READABLE` seconds or until the
    next one; the event's own times stand in it.

    Parameters
    ----------
    out
        The file.
    spotting
        What was found.
    """
    warnings = warnings_of(spotting)
    blocks = ["WEBVTT", _note([f"Micro-expressions in {written(spotting.path.name)}, spotted by dstan", *warnings])]
    events = spotting.events
    if warnings:
        end = min([4.0, spotting.seconds, *(event.onset_seconds for event in events[:1])])
        blocks += [_cue("warnings", 0.0, end, list(warnings))] if end > 0.5 else []
    for number, event in enumerate(events, 1):
        blocks.append(_cue(str(number), event.onset_seconds, _until(event, events[number:]), _lines(event)))
    _atomic.write_text(out, "\n\n".join(blocks) + "\n")


def _until(event: Event, later: Sequence[Event]) -> float:
    """Return when the line of an event leaves the screen."""
    room = min([event.onset_seconds + READABLE, *(other.onset_seconds for other in later[:1])])
    return max(room, event.offset_seconds, event.onset_seconds + 0.001)


def _lines(event: Event) -> list[str]:
    share = probability_of(event)
    name = name_of(event) if share is None else f"{name_of(event)} {share:.2f}"
    first, apex, last = (clock(time, 3) for time in (event.onset_seconds, event.apex_seconds, event.offset_seconds))
    said = (f"{name} (confidence {event.confidence:.2f})", action_units(event), regions(event))
    return [*filter(None, said), f"{first} to {last}, apex {apex}"]


def _cue(name: str, begin: float, end: float, lines: Sequence[str]) -> str:
    times = " --> ".join(clock(time, 3, hours=True) for time in (begin, end))
    return "\n".join([name, times, *map(_escaped, lines)])


def _note(lines: Sequence[str]) -> str:
    return "\n".join(["NOTE", *(_one_line(line).replace("-->", "->") for line in lines)])


def _escaped(line: str) -> str:
    return _one_line(line).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    return " ".join(text.split())
