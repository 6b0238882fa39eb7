"""Synthetic faces: people drawn by programme, moved by action units, written as any corpus lays out its own.

The licensed corpora cannot be shipped. A twin has their folders, tables and quirks, so that everything from loader to
report runs on it, and it comes with the truth that no real recording has.
"""

from dstan.synthesis.corpus import synthesize
from dstan.synthesis.layouts import LAYOUTS
from dstan.synthesis.photo import animate_photo

__all__ = ["LAYOUTS", "animate_photo", "synthesize"]
