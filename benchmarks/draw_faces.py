"""Draw the two contact sheets of the documentation: people at rest, and every action unit exaggerated.

::

    python benchmarks/draw_faces.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from dstan._random import child_seed
from dstan.synthesis.action_units import ACTION_UNITS
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.timeline import Phases, Timeline, draw_motion

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
MARGIN = 54
"""Pixels of wall cut off at each side of a face."""
EXAGGERATED = 8.0
"""Pixels of the 224 x 224 crop on the sheet of action units: nearly three times the strongest micro-expression."""


def neutral(seed: int, width: int, height: int) -> np.ndarray:
    """Return a person at rest, (H, W, 3)."""
    return EyePainter(portrait_of(seed, width, height)).draw(Gaze())


def shown(number: int, seed: int, width: int, height: int) -> np.ndarray:
    """Return a person who shows one action unit, with its arrows and its name."""
    portrait = portrait_of(seed, width, height)
    peak = {number: (EXAGGERATED, EXAGGERATED)}
    motion = draw_motion([Expression(peak)], Timeline((Phases(0, 1, 2),), 3), 200.0, 0)
    warp = Performance(portrait, motion, 0).warp
    maps, shade = warp.maps(peak, np.zeros(4, np.float32))
    face = cv2.remap(EyePainter(portrait).draw(Gaze()), maps, None, cv2.INTER_CUBIC)
    face = np.clip(face * shade[..., None], 0, 255).astype(np.uint8)
    field = warp.field(peak)
    for row in range(0, field.shape[0], 4):
        for column in range(0, field.shape[1], 4):
            dx, dy = field[row, column]
            if np.hypot(dx, dy) > 1.2:
                start = (column * 4 + 2, row * 4 + 2)
                cv2.arrowedLine(
                    face, start, (round(start[0] + dx), round(start[1] + dy)), (20, 90, 255), 1, cv2.LINE_AA
                )
    text = f"AU{number} {ACTION_UNITS[number].name}"
    cv2.putText(face, text, (MARGIN + 4, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 3, cv2.LINE_AA)
    cv2.putText(face, text, (MARGIN + 4, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return face


def sheet(faces: list[np.ndarray], columns: int) -> np.ndarray:
    """Lay faces out in rows, each cropped at its sides."""
    cropped = [face[:, MARGIN:-MARGIN] for face in faces]
    cropped += [np.full_like(cropped[0], 255)] * (-len(cropped) % columns)
    return np.vstack([np.hstack(cropped[row : row + columns]) for row in range(0, len(cropped), columns)])


def main() -> None:
    """Write both sheets."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    people = [neutral(child_seed(0, "person", subject), 240, 180) for subject in range(1, 13)]
    units = [shown(number, child_seed(0, "person", 3), 288, 216) for number in ACTION_UNITS]
    for name, picture in (("synthetic-faces", sheet(people, 6)), ("action-units", sheet(units, 6))):
        colours = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(IMAGES / f"{name}.png"), colours, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
