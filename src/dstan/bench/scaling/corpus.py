"""Corpora of any number of clips at little cost: some are drawn, the others are the same frames under other names."""

from __future__ import annotations

import csv
import io
import os
import shutil
from pathlib import Path

from dstan import _atomic

CLASSES = ("negative", "positive", "surprise")
PEOPLE = 20
"""In how many people the clips are divided; preparation does not ask."""


def draw(folder: Path, clips: int, size: tuple[int, int] | None) -> Path:
    """Draw a twin of CASME II unless it is there.

    Parameters
    ----------
    folder
        Where to.
    clips
        How many.
    size
        Width and height of its frames; those of the corpus if None.

    Returns
    -------
    The folder.
    """
    from dstan.synthesis import synthesize

    return synthesize("casme2", folder, subjects=max(1, clips // 4), clips=clips, size=size)


def grow(folder: Path, twin: Path, clips: int) -> None:
    """Lay out that many clips as a corpus of one's own, each a folder of hard links to the frames of a drawn one.

    Parameters
    ----------
    folder
        Where to; what is there already stays.
    twin
        The drawn clips.
    clips
        How many there are to be.
    """
    from dstan.corpora import load_corpus

    drawn = list(load_corpus("casme2", twin, task=""))
    for number in range(clips):
        place = folder / name_of(number)
        if not place.is_dir():
            source, building = drawn[number % len(drawn)], place.with_name(f".{place.name}")
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
            for file in source.files:
                os.link(source.path / file, building / Path(file).name)
            building.rename(place)


def name_of(number: int) -> str:
    """Return the path of a clip within the corpus, its person first."""
    return f"s{number % PEOPLE:02d}/c{number:06d}"


def table(folder: Path, clips: int) -> Path:
    """Write the table of the first clips of a corpus, which loads as one of its own.

    Parameters
    ----------
    folder
        As :func:`grow` filled it.
    clips
        How many.

    Returns
    -------
    The table.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "subject", "label"))
    for number in range(clips):
        writer.writerow((name_of(number), f"s{number % PEOPLE:02d}", CLASSES[number % len(CLASSES)]))
    path = folder / f"clips-{clips}.csv"
    _atomic.write_text(path, text.getvalue())
    return path
