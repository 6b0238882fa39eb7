"""The name of each event, by the very path of prediction."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dstan._progress import Progress
from dstan.errors import ClipError
from dstan.inference.spotting.event import Event

if TYPE_CHECKING:
    from dstan.inference.predict import Model


def name_events(
    events: Sequence[Event],
    path: Path,
    model: Model,
    *,
    fps: float | None,
    min_confidence: float | None,
    progress: Progress,
) -> tuple[list[Event], list[str]]:
    """Ask a model for each event.

    Parameters
    ----------
    events
        What was found.
    path
        In which video file or image folder.
    model
        Who names them.
    fps
        Frames per second of an image folder.
    min_confidence
        Probability below which it abstains.
    progress
        Told "name", events that are done and events in all.

    Returns
    -------
    The events with their predictions, None where there is no name, and a warning for each of these.
    """
    named, warnings = [], []
    for done, event in enumerate(events):
        progress("name", done, len(events))
        try:
            prediction = model.predict_video(
                path,
                onset=event.onset,
                apex=event.apex,
                offset=event.offset,
                fps=fps,
                min_confidence=min_confidence,
            )
        except ClipError as error:
            warnings.append(f"the event at {event.onset_seconds:.2f} s has no name: {error.what}")
            named.append(event)
        else:
            named.append(dataclasses.replace(event, prediction=prediction))
    progress("name", len(events), len(events))
    return named, warnings
