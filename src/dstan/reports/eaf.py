"""What spotting found as an ELAN file, so that it lies under the video in the program that annotators use.

The elements and attributes are those of the ELAN Annotation Format 3.0 [1]_. Times are whole milliseconds. On one tier
nothing may overlap and nothing may be empty, so what overlaps goes to a further tier, and what begins and ends in the
same millisecond is made one longer.

References
----------
.. [1] "EAF, ELAN Annotation Format: schema version 3.0 and ELAN", The Language Archive, Max Planck Institute for
   Psycholinguistics, 2017.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from dstan import _atomic
from dstan._version import __version__
from dstan.inference.spotting import Event, Interval, Spotting
from dstan.reports.naming import action_units, name_of, probability_of, regions, warnings_of, written

EVENTS, APEX, REJECTED = "micro-expressions", "apex", "rejected motion"
FACE, WARNINGS = "face followed", "warnings"
"""The tiers that stand for themselves; :data:`SAID` hang below the events."""
SAID: dict[str, Callable[[Event], str]] = {
    "confidence": lambda event: f"{event.confidence:.2f}",
    "probability": lambda event: _probabilities(event),
    "action units": action_units,
    "regions": regions,
}
"""Tiers with at most one word for each event, and what it is."""
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CONSTRAINTS = {
    "Included_In": "has times of its own, within those of its parent",
    "Symbolic_Association": "says one thing of its parent, and has its times",
}
"""Those of ELAN's four stereotypes that are used, and what they mean."""
_TYPES = {"interval": None, "moment": "Included_In", "note": "Symbolic_Association"}
"""Kinds of tier, and the stereotype that ties each to its parent."""
_MIME = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg", ".mpeg": "video/mpeg",
    ".avi": "video/x-msvideo", ".mkv": "video/x-matroska", ".webm": "video/webm", ".wmv": "video/x-ms-wmv",
}  # fmt: skip


class _Span(NamedTuple):
    """An annotation with times of its own: milliseconds and what it says."""

    begin: int
    end: int
    text: str


def write_eaf(out: Path, spotting: Spotting) -> None:
    """Write an ELAN file.

    Tiers: the events with their class; below them the apex, the confidence, the class's probability, action units and
    regions; rejected motion with its reason; when a face was followed; the warnings.

    Parameters
    ----------
    out
        The file; ELAN finds the video from where this file lies.
    spotting
        What was found.
    """
    document = _Document(out, spotting)
    spans = [_span(event, name_of(event)) for event in spotting.events]
    parents = document.tier(EVENTS, spans)
    apexes = [_apex(event, span, spotting.fps) for event, span in zip(spotting.events, spans, strict=True)]
    document.tier(APEX, apexes, kind="moment", parent=EVENTS)
    for name, say in SAID.items():
        document.notes(name, EVENTS, [(to, say(event)) for to, event in zip(parents, spotting.events, strict=True)])
    for name, lane in _lanes(REJECTED, [_span(one, one.reason) for one in spotting.rejected]):
        document.tier(name, lane)
    document.tier(FACE, [_lasting(one.first_seconds, one.last_seconds, "face") for one in spotting.stretches])
    if warnings := warnings_of(spotting):
        document.tier(WARNINGS, [_lasting(0.0, spotting.seconds, "; ".join(warnings))])
    _atomic.write_text(out, document.text())


class _Document:
    """An EAF document as it grows: time slots and annotations are numbered as they come."""

    def __init__(self, out: Path, spotting: Spotting) -> None:
        self._root = ElementTree.Element("ANNOTATION_DOCUMENT", _about(spotting.path))
        header = ElementTree.SubElement(self._root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
        if not spotting.path.is_dir():  # ELAN plays no folders of images
            ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", _media(spotting.path, out))
        self._last = ElementTree.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"})
        self._times = ElementTree.SubElement(self._root, "TIME_ORDER")
        self._annotations = 0

    def tier(self, name: str, spans: Sequence[_Span], kind: str = "interval", parent: str | None = None) -> list[str]:
        """Add a tier of annotations with times of their own; return their identifiers."""
        tier = self._tier(name, kind, parent)
        found = []
        for span in spans:
            identifier = self._next()
            annotation = ElementTree.SubElement(
                ElementTree.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                {
                    "ANNOTATION_ID": identifier,
                    "TIME_SLOT_REF1": self._slot(span.begin),
                    "TIME_SLOT_REF2": self._slot(span.end),
                },
            )
            ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = _printable(span.text)
            found.append(identifier)
        return found

    def notes(self, name: str, parent: str, notes: Sequence[tuple[str, str]]) -> None:
        """Add a tier of words, each said of one annotation of the parent tier; empty ones are left out."""
        tier = self._tier(name, "note", parent)
        for to, text in notes:
            if text:
                about = {"ANNOTATION_ID": self._next(), "ANNOTATION_REF": to}
                annotation = ElementTree.SubElement(ElementTree.SubElement(tier, "ANNOTATION"), "REF_ANNOTATION", about)
                ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = _printable(text)

    def text(self) -> str:
        """Return the document, which ends with the kinds of tier and ELAN's stereotypes."""
        self._last.text = str(self._annotations)
        self._times[:] = sorted(self._times, key=lambda slot: int(slot.attrib["TIME_VALUE"]))
        for kind, constraint in _TYPES.items():
            about = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": kind}
            about |= {"TIME_ALIGNABLE": str(kind != "note").lower()}
            about |= {} if constraint is None else {"CONSTRAINTS": constraint}
            ElementTree.SubElement(self._root, "LINGUISTIC_TYPE", about)
        for stereotype, description in _CONSTRAINTS.items():
            about = {"DESCRIPTION": description, "STEREOTYPE": stereotype}
            ElementTree.SubElement(self._root, "CONSTRAINT", about)
        ElementTree.indent(self._root)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(self._root, encoding="unicode") + "\n"

    def _tier(self, name: str, kind: str, parent: str | None) -> ElementTree.Element:
        about = {"TIER_ID": name, "LINGUISTIC_TYPE_REF": kind, "ANNOTATOR": "dstan"}
        about |= {} if parent is None else {"PARENT_REF": parent}
        return ElementTree.SubElement(self._root, "TIER", about)

    def _slot(self, milliseconds: int) -> str:
        identifier = f"ts{len(self._times) + 1}"
        ElementTree.SubElement(self._times, "TIME_SLOT", {"TIME_SLOT_ID": identifier, "TIME_VALUE": str(milliseconds)})
        return identifier

    def _next(self) -> str:
        self._annotations += 1
        return f"a{self._annotations}"


def _about(video: Path) -> dict[str, str]:
    """Describe the document, dated as the video is: what says the same is the same file."""
    changed = video.stat().st_mtime if video.exists() else 0
    return {
        "AUTHOR": f"dstan {__version__}",
        "DATE": datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds"),
        "FORMAT": "3.0",
        "VERSION": "3.0",
        "xmlns:xsi": _XSI,
        "xsi:noNamespaceSchemaLocation": _SCHEMA,
    }


def _media(video: Path, out: Path) -> dict[str, str]:
    """Say where the video is: absolutely, and seen from the ELAN file, so that both can be moved together.

    ELAN writes and reads such addresses with spaces and letters as they are.
    """
    absolute = video.absolute()
    url = f"file:///{_printable(written(absolute)).replace(os.sep, '/').lstrip('/')}"
    about = {"MEDIA_URL": url, "MIME_TYPE": _MIME.get(video.suffix.lower(), "unknown")}
    try:
        relative = _printable(written(os.path.relpath(absolute, out.absolute().parent))).replace(os.sep, "/")
    except ValueError:  # on another drive
        return about
    return about | {"RELATIVE_MEDIA_URL": relative if relative.startswith("../") else f"./{relative}"}


def _span(one: Interval, text: str) -> _Span:
    return _lasting(one.onset_seconds, one.offset_seconds, text)


def _lasting(begin: float, end: float, text: str) -> _Span:
    start = round(begin * 1000)
    return _Span(start, max(round(end * 1000), start + 1), text)


def _apex(event: Event, parent: _Span, fps: float) -> _Span:
    """Mark the frame of the apex, inside of its event."""
    begin = min(max(round(event.apex_seconds * 1000), parent.begin), parent.end - 1)
    return _Span(begin, min(begin + max(round(1000 / fps), 1), parent.end), f"frame {event.apex}")


def _lanes(name: str, spans: Sequence[_Span]) -> list[tuple[str, list[_Span]]]:
    """Put spans that overlap on tiers of their own; the first is there also where it is empty."""
    lanes: list[list[_Span]] = [[]]
    for span in sorted(spans):
        lane = next((lane for lane in lanes if not lane or lane[-1].end <= span.begin), None)
        if lane is None:
            lanes.append(lane := [])
        lane.append(span)
    return [(name if number == 1 else f"{name} {number}", lane) for number, lane in enumerate(lanes, 1)]


def _probabilities(event: Event) -> str:
    share = probability_of(event)
    return "" if share is None else f"{share:.2f}"


def _printable(text: str) -> str:
    """Leave out the control characters, which XML cannot hold."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n")
