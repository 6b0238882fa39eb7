"""Progress: the library calls back, the command line draws."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by long jobs as their parts finish."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Tell that ``done`` of ``total`` parts of ``stage`` are finished.

        Parameters
        ----------
        stage
            What is under way ("prepare", "evaluate", "synth", "train"); a new name starts a new bar.
        done, total
            Parts finished and parts in all.
        note
            A few words about the part that just finished.
        """


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Show nothing: the default of every function that takes a ``progress``."""
