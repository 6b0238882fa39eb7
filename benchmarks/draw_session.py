"""Draw the sheet of the documentation that shows what a drawn person does in a long recording, a row each.

::

    python benchmarks/draw_session.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from dstan.synthesis.session import Session, draw_session

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "session.jpg"
SEED, SECONDS, FPS = 1, 60.0, 30.0
ACROSS = 8
CUT = slice(60, 440), slice(170, 470)
"""Rows and columns of the 640 x 480 frames that are shown."""


def moments(session: Session) -> dict[str, list[int]]:
    """Return the frames of one micro-expression and of the longest distractor of each kind."""
    strongest = max(session.truth.events, key=lambda event: max(map(max, event.action_units.values())))
    spans = {"micro-expression": (strongest.onset, strongest.offset)}
    for kind in ("macro", "talking", "head", "blink", "gaze"):
        longest = max(
            (one for one in session.truth.distractors if one.kind == kind), key=lambda one: one.last - one.first
        )
        spans[kind] = (longest.first, longest.last)
    spans["talking"] = (spans["talking"][0] + 2, spans["talking"][0] + 2 * ACROSS)
    return {kind: np.linspace(*ends, ACROSS).round().astype(int).tolist() for kind, ends in spans.items()}


def frames_at(session: Session, at: list[int]) -> list[np.ndarray]:
    """Return some frames of a session without drawing the others."""
    motion = session.motion
    arrays = {name: getattr(motion, name)[at] for name in ("intensity", "head", "gaze", "light", "mouth")}
    return list(replace(session, motion=replace(motion, **arrays)).frames())


def main() -> None:
    """Draw the sheet."""
    session = draw_session(SEED, SECONDS, FPS)
    rows = []
    for kind, at in moments(session).items():
        row = np.hstack([frame[CUT] for frame in frames_at(session, at)])
        row = cv2.resize(row, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for colour, thick in (((255, 255, 255), 4), ((0, 0, 0), 1)):
            cv2.putText(row, kind, (5, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, thick, cv2.LINE_AA)
        rows.append(row)
    cv2.imwrite(str(IMAGE), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
