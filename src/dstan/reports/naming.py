"""What an event is called and what is said of it, alike in every file, picture and table."""

from __future__ import annotations

import os
from pathlib import Path

from dstan.inference.spotting import Event, Spotting

UNDECIDED, UNNAMED = "undecided", "micro-expression"
"""What an event is called where the model abstained, and where no model was asked."""


def written(path: Path | str) -> str:
    """Return a path as text that every file can hold, also where its name is not UTF-8.

    Parameters
    ----------
    path
        Any.
    """
    return os.fsencode(path).decode("utf-8", "replace")


def name_of(event: Event) -> str:
    """Return the class of an event, or the word for having none.

    Parameters
    ----------
    event
        The event.
    """
    if event.prediction is None:
        return UNNAMED
    return event.prediction.label or UNDECIDED


def probability_of(event: Event) -> float | None:
    """Return the probability of the class that an event was given; None where it has none.

    Parameters
    ----------
    event
        The event.
    """
    if event.prediction is None or event.prediction.label is None:
        return None
    return event.prediction.probabilities[event.prediction.label]


def action_units(event: Event) -> str:
    """Return the action units that are told, the surest first, as ``AU4 0.93, AU7 0.61``.

    Parameters
    ----------
    event
        The event.
    """
    told = [] if event.prediction is None else event.prediction.units_told
    return ", ".join(f"AU{unit} {score:.2f}" for unit, score in told)


def regions(event: Event, most: int | None = None) -> str:
    """Return the regions that moved, as ``left brow 1.9, mouth 0.8`` (per cent of the distance between the eyes).

    Parameters
    ----------
    event
        The event.
    most
        How many are named, the farthest moved; all if None.
    """
    named = list(event.regions.items())[:most]
    more = [f"{len(event.regions) - len(named)} more"] if len(named) < len(event.regions) else []
    return ", ".join([*(f"{name} {moved:.1f}" for name, moved in named), *more])


def warnings_of(spotting: Spotting) -> tuple[str, ...]:
    """Return what to know before believing it, each once: of the video, then of some events, which are numbered.

    Parameters
    ----------
    spotting
        What was found.
    """
    of: dict[str, list[int]] = {warning: [] for warning in spotting.warnings}
    named = [(number, event.prediction) for number, event in enumerate(spotting.events, 1) if event.prediction]
    for number, prediction in named:
        for warning in prediction.warnings:
            of.setdefault(warning, []).append(number)
    everywhere = {*spotting.warnings, *(warning for warning, events in of.items() if len(events) == len(named))}
    return tuple(warning if warning in everywhere else f"{_events(of[warning])}: {warning}" for warning in of)


def _events(numbers: list[int]) -> str:
    return f"event{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def gaps_of(spotting: Spotting) -> list[tuple[float, float]]:
    """Return from when to when no face was followed, in seconds; breaks of a few frames are not worth a word.

    Parameters
    ----------
    spotting
        What was found.
    """
    edges = [0.0]
    for one in spotting.stretches:
        edges += [one.first_seconds, one.last_seconds]
    edges.append(spotting.seconds)
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(begin, end) for begin, end in gaps if end - begin > 3 / max(spotting.fps, 1.0)]
