"""Tiny copies of corpora in their real layout, for the tests of loaders and checkers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from PIL import Image

CASME2_COLUMNS = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units", "Estimated Emotion",
)  # fmt: skip
CASME2_ROWS: tuple[tuple[Any, ...], ...] = (
    (1, "EP02_01f", None, 46, 50, 53, None, "4", "happiness"),
    (1, "EP19_05f", None, 3, 5, 8, None, 12, "others"),
    (4, "EP12_01f", None, 10, "/", 15, None, "R14+?", "disgust"),
    (17, "EP01_02", None, 9, 11, 12, None, "L2+15", "sadness"),
)


def draw(path: Path, size: tuple[int, int] = (8, 8)) -> None:
    """Write one tiny image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, sum(map(ord, path.name)) % 256).save(path)


def draw_frames(folder: Path, numbers: Iterable[int], prefix: str = "img") -> None:
    """Write numbered frames without padding."""
    for number in numbers:
        draw(folder / f"{prefix}{number}.jpg")


def write_table(path: Path, rows: Sequence[Sequence[Any]], columns: Sequence[Any] = CASME2_COLUMNS) -> Path:
    """Write a coding table."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (columns, *rows):
        sheet.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def casme2(
    root: Path,
    rows: Sequence[Sequence[Any]] = CASME2_ROWS,
    *,
    tree: str = "CASME2_RAW_selected",
    prefix: str = "img",
    table: str = "CASME2-coding-20140508.xlsx",
) -> Path:
    """Write a small copy of CASME II; raw clips have two frames more on either side."""
    for subject, name, _, onset, _, offset, *_ in rows:
        around = 2 if prefix == "img" else 0
        draw_frames(root / tree / f"sub{subject:02d}" / name, range(onset - around, offset + around + 1), prefix)
    write_table(root / table, rows)
    return root
