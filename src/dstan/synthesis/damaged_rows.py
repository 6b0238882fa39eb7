"""Damage to the rows of a coding table, done to coded events before a layout writes them down.

Each function changes the list in place, at one position; those that add a row add it behind that position.
"""

from __future__ import annotations

from dataclasses import replace

from dstan.synthesis.layouts import CodedEvent


def offset_past_end(events: list[CodedEvent], at: int) -> None:
    """Let an event end a thousand frames after its last image."""
    video = events[at].video
    events[at] = replace(events[at], offset=video.first_frame + events[at].frames + 1000)


def onset_after_offset(events: list[CodedEvent], at: int) -> None:
    """Exchange onset and offset."""
    events[at] = replace(events[at], onset=events[at].offset, offset=events[at].onset)


def apex_outside(events: list[CodedEvent], at: int) -> None:
    """Let an event peak after its video's last image."""
    video = events[at].video
    events[at] = replace(events[at], apex=video.first_frame + events[at].frames + 50)


def missing_apex(events: list[CodedEvent], at: int) -> None:
    """Write a slash for the apex."""
    events[at] = replace(events[at], apex="/")


def repeated_row(events: list[CodedEvent], at: int) -> None:
    """Write a row twice."""
    events.insert(at + 1, events[at])


def contradicting_rows(events: list[CodedEvent], at: int) -> None:
    """Write a row again, with another offset."""
    offset = events[at].offset
    events.insert(at + 1, replace(events[at], offset=offset - 1 if isinstance(offset, int) else None))


def unknown_emotion(events: list[CodedEvent], at: int) -> None:
    """Write an emotion that is in no table."""
    events[at] = replace(events[at], emotion="bewilderment")


def escaping_path(events: list[CodedEvent], at: int) -> None:
    """Name a folder outside of the corpus."""
    events[at] = replace(events[at], video=replace(events[at].video, name="../../secret"))
