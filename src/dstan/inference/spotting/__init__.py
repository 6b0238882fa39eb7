"""Spotting: where in a long video micro-expressions are, and what each is."""

from __future__ import annotations

from dstan.inference.spotting.event import Event, Interval, Rejected, Spotting, Stretch
from dstan.inference.spotting.settings import SpottingSettings
from dstan.inference.spotting.spot import spot_video

__all__ = ["Event", "Interval", "Rejected", "Spotting", "SpottingSettings", "Stretch", "spot_video"]
