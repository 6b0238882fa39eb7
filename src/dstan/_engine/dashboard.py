"""Where the dashboard is, told once."""

from __future__ import annotations

import logging
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger("dstan._engine")


class Dashboard:
    """Where this process's own dashboards are, one after the other at one port; each address is told once."""

    def __init__(self) -> None:
        self.port, self._told = 0, ""

    def tell(self, client: Any) -> None:
        """Tell where a client's dashboard is, if it has one."""
        port = client.scheduler_info()["services"].get("dashboard")
        if port is None or client.dashboard_link == self._told:
            return
        self._told = client.dashboard_link
        host = urlsplit(self._told).hostname or ""
        try:
            socket.create_connection((host, port), timeout=2).close()
        except OSError:  # it listens on that host's loopback, as it should: it asks for no password
            log.info("dashboard: http://127.0.0.1:%d/status on %s itself", port, host)
        else:
            log.info("dashboard: %s", self._told)


DASHBOARD = Dashboard()


@contextmanager
def dashboard_elsewhere() -> Iterator[None]:
    """Let a dashboard whose port is taken listen at another without a warning: where it is, is told anyway."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Port \d+ is already in use")
        yield
