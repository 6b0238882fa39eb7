"""The layouts that a twin can have: one file a corpus, one row here."""

from dstan.synthesis.layouts.casme2 import CASME2
from dstan.synthesis.layouts.layout import CodedEvent, Crop, Layout, PlannedVideo, WriteTables

LAYOUTS: dict[str, Layout] = {layout.corpus: layout for layout in (CASME2,)}
"""The layouts that can be written, by the corpus's name."""

__all__ = ["LAYOUTS", "CodedEvent", "Crop", "Layout", "PlannedVideo", "WriteTables"]
