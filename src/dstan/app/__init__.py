"""The web page: a video in, its micro-expressions out, on one's own machine."""

from __future__ import annotations

from dstan.app.limits import Limits
from dstan.app.server import Server, open_page

__all__ = ["Limits", "Server", "open_page"]
