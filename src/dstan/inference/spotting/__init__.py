"""Spotting: where in a long video micro-expressions are, and what each is."""

from __future__ import annotations

from dstan.inference.spotting.event import Event, Interval, Rejected, Spotting, Stretch

__all__ = ["Event", "Interval", "Rejected", "Spotting", "Stretch"]
