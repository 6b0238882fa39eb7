"""What the page may reach and who may reach it, enforced rather than promised."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio compiles its templates in the browser
        "connect-src 'self' blob: data:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
"""The browser itself refuses every address but the server's own."""
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
MOST_QUESTION = 2**20
"""Bytes of a request that is no upload, and of what an upload has beside its file: Gradio holds them in memory."""
SILENCE = 120.0
"""Seconds after which an upload that sends nothing counts as cut off."""
_UPLOAD = "/gradio_api/upload"
_SERVED = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/pwa_icon(/\d+)?|/(assets|static|svelte)/.+"
    r"|/gradio_api/(run/predict/?|info/?|app_id/?|startup-events|upload|upload_progress|cancel|reset/?|heartbeat/[^/]+"
    r"|queue/(join|data|status)|file=.+)",
    re.DOTALL,
)
"""What the page needs. Gradio has more: documents of its functions, histories, proxies, recordings, editing."""
_ELSEWHERE = re.compile(r"file=[a-z]{2,}:", re.IGNORECASE)  # Gradio would fetch it; one letter is a drive of Windows
_HOST = re.compile(r"(?:\[([^\[\]@/]+)\]|([^\[\]@/:]+))(?::\d*)?")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """ASGI middleware: own pages only, and the policy on every answer.

    Refused are requests by another name than this machine's own (a web page elsewhere could have its name point
    here), requests that another web page makes, those that ask the server to fetch something from the network, those
    that are too long or do not say how long they are, and everything that the page does not need.

    Parameters
    ----------
    app
        The application.
    host
        Where the server listens. Unless that is this machine alone, it is also known by this name, by the machine's
        own, and by every address.
    most
        Bytes of a video at most; several files in one upload share them.
    folder
        Where Gradio puts uploads. What one that is cut off leaves there is deleted.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], host: str, most: int, folder: Path) -> None:
        self.app, self.most, self.folder = app, most, folder
        self.local = host in LOOPBACK
        others = () if self.local else (host, socket.gethostname(), socket.getfqdn())
        self.names = {name.lower() for name in (*LOOPBACK, *others)}
        self._before: list[set[Path]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # the page has none
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        elif refusal := self._refusal(scope):
            await _refuse(send, *refusal)
        elif scope["path"] == _UPLOAD:
            await self._upload(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason where a request is refused."""
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        if not self._is_own(headers.get(b"host", "")):
            return 403, "This name is not the computer's own. Open the page by the address that dstan app printed" + (
                "." if self.local else ", by the computer's IP address or by its host name."
            )
        if self._is_foreign(scope, headers):
            return 403, "dstan app answers its own page only."
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        length = headers.get(b"content-length", "")
        if b"transfer-encoding" in headers or not length.isdecimal():  # in pieces, it may be longer than it says
            return 411, "Say how long the request is (Content-Length), and do not send it in pieces."
        upload = scope["path"] == _UPLOAD
        if int(length) > MOST_QUESTION + (self.most if upload else 0):
            allowed = (
                f"At most {self.most / 2**20:g} MB are taken: send less, or start dstan app with a larger --max-size."
            )
            return 413, allowed if upload else "That is more than the page ever asks."
        return None

    def _is_own(self, host: str) -> bool:
        """Tell whether a name cannot be that of a web page elsewhere."""
        if (found := _HOST.fullmatch(host)) is None:
            return False
        name = (found[1] or found[2]).lower()
        return name in self.names or (not self.local and _is_address(name))

    @staticmethod
    def _is_foreign(scope: Scope, headers: dict[bytes, str]) -> bool:
        """Tell whether another web page asks, or for what the page does not need."""
        origin = headers.get(b"origin")
        if origin is not None and origin.partition("://")[2] != headers[b"host"]:
            return True
        from_elsewhere = headers.get(b"sec-fetch-site", "none") not in ("none", "same-origin")
        if from_elsewhere and headers.get(b"sec-fetch-mode") != "navigate":  # a link may lead here
            return True
        path = unquote(scope["path"])
        return _SERVED.fullmatch(path) is None or _ELSEWHERE.search(path) is not None

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand an upload on; at its end, delete what lies there and belongs to none that still runs."""
        from starlette.requests import ClientDisconnect

        before = self._unfinished()
        self._before.append(before)
        try:
            await self.app(scope, _impatient(receive), _with_headers(send))
        except ClientDisconnect:
            await _refuse(send, 408, "The upload was cut off. Send it again.")
        finally:
            self._before.remove(before)
            for path in self._unfinished().intersection(*self._before):
                with suppress(OSError):  # Windows keeps a file that is still open; the next upload's end deletes it
                    path.unlink()

    def _unfinished(self) -> set[Path]:
        """Return what Gradio has not given its name yet."""
        return {path for path in self.folder.glob("tmp*") if path.is_file()}


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _impatient(receive: Receive) -> Receive:
    async def receiving() -> MutableMapping[str, Any]:
        try:
            return await asyncio.wait_for(receive(), SILENCE)
        except TimeoutError:
            return {"type": "http.disconnect"}

    return receiving


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending


async def _refuse(send: Send, status: int, why: str) -> None:
    headers = [(b"content-type", b"text/plain"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{why}\n".encode()})
