"""The page's server: begun, kept to this machine, and cleared away when it ends."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dstan._engine import single_thread
from dstan.app.desks import Desks
from dstan.app.guard import LOOPBACK, Guard
from dstan.app.limits import Limits
from dstan.errors import ConfigError
from dstan.inference import Model

FIRST_PORT, PORTS = 7860, 100
PREFIX = "dstan-app-"
"""How the folders of temporary files begin."""

_OURS = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "NO_PROXY", "no_proxy")


@dataclass(frozen=True)
class Server:
    """A page that is being served.

    Parameters
    ----------
    address
        What to open in a browser.
    local
        Whether only this machine reaches it.
    """

    address: str
    local: bool


@contextmanager
def open_page(
    model: Model,
    name: str,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    limits: Limits | None = None,
    browser: bool = False,
) -> Iterator[Server]:
    """Serve the page inside the block; at its end the server stops and every file that it made is deleted.

    Parameters
    ----------
    model
        Who names what is found.
    name
        What to call the model.
    host
        The address to listen at; others than this machine's own let other machines in.
    port
        The port; the first free one from 7860 if None.
    limits
        How large and long a video may be.
    browser
        Whether to open the page in a browser.

    Raises
    ------
    ConfigError
        If the port is taken, or there is no such address on this machine.
    """
    place = free_port(host, port)
    local = host in LOOPBACK
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with single_thread(), _environment(root, host):  # one of each job; several jobs run side by side
            desks = Desks(root)
            yield from _serve(model, name, host, place, limits or Limits(), desks, local, browser)
    finally:
        shutil.rmtree(root)


def _serve(
    model: Model, name: str, host: str, port: int, limits: Limits, desks: Desks, local: bool, browser: bool
) -> Iterator[Server]:
    from starlette.middleware import Middleware

    from dstan.app.page import build_page, look

    page = build_page(model, name, limits, desks, local)
    guard = Middleware(Guard, host=host, most=limits.bytes, folder=desks.root)
    page.launch(
        server_name=host,
        server_port=port,
        app_kwargs={"middleware": [guard], "docs_url": None, "redoc_url": None},
        max_file_size=limits.bytes,
        share=False,
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        footer_links=[],
        prevent_thread_lock=True,
        quiet=True,
        inbrowser=False,
        inline=False,
        **look(),
    )
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    address = f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
    if browser:
        webbrowser.open(address)
    try:
        yield Server(address, local)
    finally:
        desks.close_all()
        page.close(verbose=False)


@contextmanager
def _environment(root: Path, host: str) -> Iterator[None]:
    """Let no variable open what the page says is closed; Gradio reads these, some of them when it is imported."""
    before = {name: value for name, value in os.environ.items() if name.startswith("GRADIO_") or name in _OURS}
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost,::1", host)))
    for name in before:
        del os.environ[name]
    os.environ |= {
        "GRADIO_TEMP_DIR": str(root),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_HEARTBEAT_INTERVAL": "3",  # seconds until a closed page is noticed
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("GRADIO_") or name in _OURS]:
            del os.environ[name]
        os.environ |= before


def free_port(host: str, port: int | None = None) -> int:
    """Find a port to listen at.

    Parameters
    ----------
    host
        The address.
    port
        The one wanted; the first free one from 7860 if None.

    Raises
    ------
    ConfigError
        If it is taken, or there is no such address on this machine.
    """
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,):
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except socket.gaierror as error:
            raise ConfigError(
                f"there is no address {host!r}", hint="Leave out --host: 127.0.0.1 is this machine"
            ) from error
        except PermissionError as error:
            raise ConfigError(f"port {candidate} is not yours to use", hint="Choose a --port above 1023") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ConfigError(f"this machine has no address {host}", hint="Leave out --host") from error
            continue
        return candidate
    taken = (
        f"port {port} is taken" if port is not None else f"the ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are taken"
    )
    raise ConfigError(taken, hint="Choose another --port, or leave it out to take the first free one")
