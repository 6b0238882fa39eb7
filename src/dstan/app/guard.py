"""What the page may reach and who may reach it, enforced rather than promised."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

Scope = MutableMapping[str, Any]
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
"""Bytes of a request that is no upload: Gradio holds the whole of it in memory. Uploads have a limit of their own."""
_UPLOAD = "/gradio_api/upload"
_SERVED = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/pwa_icon(/\d+)?|/(assets|static|svelte)/.+"
    r"|/gradio_api/(run/predict/?|info/?|app_id/?|startup-events|upload|upload_progress|cancel|reset/?|heartbeat/[^/]+"
    r"|queue/(join|data|status)|file=.+)",
    re.DOTALL,
)
"""What the page needs. Gradio has more: documents of its functions, histories, proxies, recordings, editing."""
_ELSEWHERE = re.compile(r"file=[a-z]{2,}:", re.IGNORECASE)  # Gradio would fetch it; one letter is a drive of Windows
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """ASGI middleware: own pages only, and the policy on every answer.

    Refused are requests by another name than this machine's own (a web page elsewhere could have its name point
    here), requests that another web page makes, those that ask the server to fetch something from the network, long
    ones that are no upload, and everything that the page does not need.

    Parameters
    ----------
    app
        The application.
    local
        Whether only this machine may ask.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], local: bool) -> None:
        self.app, self.local = app, local

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # the page has none
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        elif self._refuses(scope):
            await _refuse(send, 403, b"dstan app answers its own page only.\n")
        elif _is_long(scope):
            await _refuse(send, 413, b"That is more than the page ever asks.\n")
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refuses(self, scope: Scope) -> bool:
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self.local and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return True
        if origin is not None and urlsplit(origin).netloc != host:
            return True
        from_elsewhere = headers.get(b"sec-fetch-site", "none") not in ("none", "same-origin")
        if from_elsewhere and headers.get(b"sec-fetch-mode") != "navigate":  # a link may lead here
            return True
        path = unquote(scope["path"])
        return _SERVED.fullmatch(path) is None or _ELSEWHERE.search(path) is not None


def _is_long(scope: Scope) -> bool:
    """Tell whether a request is longer than anything that the page asks, or does not say how long it is."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS") or scope["path"] == _UPLOAD:
        return False
    length = dict(scope["headers"]).get(b"content-length", b"")
    return not length.isdigit() or int(length) > MOST_QUESTION


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending


async def _refuse(send: Send, status: int, why: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why})
