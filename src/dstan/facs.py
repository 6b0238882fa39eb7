"""Action units as coders write them, read into a structure.

The Facial Action Coding System numbers what the face does; a code is a number with what the coder added to it: the side
of the face, the intensity A (trace) to E (maximum), a doubt, that the unit does not move.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

Side = Literal["", "L", "R", "A", "A/L", "A/R", "T", "B"]


@dataclass(frozen=True)
class CodedUnit:
    """One action unit of a coding table.

    Parameters
    ----------
    number
        The action unit; None where the coder wrote only "?", that there was one more.
    side
        "L" or "R" where one side of the face acts alone, "A" where both act unevenly ("A/L": the coder was between the
        two), "T" or "B" where it is the upper or the lower lip alone.
    intensity
        "A" to "E", or "A/B" where the coder was between two; "" where none was coded.
    doubt
        Whether the coder was unsure: "?", or one of several alternatives ("12 or 14", "12/14").
    static
        Whether the unit is there all the time and does not move: "(k)" in 4DME. It is then no part of the expression.
    """

    number: int | None
    side: Side = ""
    intensity: str = ""
    doubt: bool = False
    static: bool = False

    def __str__(self) -> str:
        number = "" if self.number is None else str(self.number)
        return f"{self.side}{number}{self.intensity}{'(k)' * self.static}{'?' * self.doubt}"


_UNIT = re.compile(
    r"(?:au\s*)?(?:(?P<side>left|right|a\s*/\s*[lr]|[lratb])\s*)?(?:(?:au|ad|[me])\s*)?(?P<number>\d{1,2})(?!\d)"
    r"(?:(?P<intensity>[a-e](?![a-z])(?:\s*/\s*[a-e](?![a-z0-9]))?)|(?P<behind>[lr])(?![a-z0-9]))?"
    r"(?P<static>k(?![a-z0-9]))?(?:\s*(?P<doubt>\?))?",
    re.IGNORECASE,
)
_STATIC = re.compile(r"\s*[(（]\s*k\s*[)）]", re.IGNORECASE)  # noqa: RUF001
_REMARKS = re.compile(r"[()（）]|\bref(?=[\s(])|\bsoft focus\b", re.IGNORECASE)  # noqa: RUF001
_ALONE = re.compile(r"\?")
_BETWEEN = re.compile(r"(?:\s*(?:(?<![a-z])(?:or|and)(?![a-z])|[+,;&/、，；＋\s])\s*)*", re.IGNORECASE)  # noqa: RUF001


def parse_action_units(text: str) -> tuple[CodedUnit, ...]:
    """Read what a coder wrote: ``4``, ``R14+?``, ``12L``, ``(R6 or R12)+R15``, ``4A/B``, ``AU4(k)+L7``, ``R4，5``.

    A unit that was there all the time, ``(k)``, is among the units and marked so. That a unit was judged by reference
    to another (``ref``), or the picture out of focus, is passed over.

    Parameters
    ----------
    text
        A cell of a coding table. Empty cells and ``/``, ``-``, ``NULL`` or ``none`` alone mean that nothing was coded.

    Returns
    -------
    The units in the order written.

    Raises
    ------
    ValueError
        If something in it cannot be read; the message names it.
    """
    text = _REMARKS.sub(" ", _STATIC.sub("k", text)).strip().rstrip("+,; ")
    if text.casefold() in ("", "/", "-", "\\", "null", "none", "n/a"):
        return ()
    found: list[CodedUnit] = []
    either = False
    place = 0
    while place < len(text):
        match = _UNIT.match(text, place) or _ALONE.match(text, place)
        if match is None:
            raise ValueError(f"action units {text!r}: {text[place:]!r} is no action unit")
        place = match.end()
        between = _BETWEEN.match(text, place)
        after = between[0] if between else ""
        if not after and place < len(text):
            raise ValueError(f"action units {text!r}: {text[place:]!r} is no action unit")
        alternative = bool(re.search(r"/|\bor\b", after, re.IGNORECASE)) and place + len(after) < len(text)
        found.append(_unit(match, doubt=either or alternative))
        either = alternative
        place += len(after)
    return tuple(found)


def _unit(match: re.Match[str], *, doubt: bool) -> CodedUnit:
    parts = match.groupdict()
    if not parts:
        return CodedUnit(None, doubt=True)
    side, intensity = (
        re.sub(r"\s", "", text or "").upper() for text in (parts["side"] or parts["behind"], parts["intensity"])
    )
    side = {"LEFT": "L", "RIGHT": "R"}.get(side, side)
    doubt, static = doubt or parts["doubt"] is not None, parts["static"] is not None
    return CodedUnit(int(parts["number"]), cast("Side", side), intensity, doubt, static)
