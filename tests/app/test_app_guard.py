"""Who may ask, and what the browser is allowed to reach."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dstan.app.guard import Guard


def answer(path: str = "/", local: bool = True, **headers: str) -> tuple[int, dict[str, str]]:
    """Ask a guarded application that answers everything."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def send(message: Any) -> None:
        sent.append(message)

    asked = {"host": "127.0.0.1:7860", **headers}
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(key.encode(), value.encode()) for key, value in asked.items()],
    }
    asyncio.run(Guard(application, local)(scope, None, send))
    return sent[0]["status"], {key.decode(): value.decode() for key, value in sent[0]["headers"]}


def test_every_answer_forbids_the_browser_every_other_address() -> None:
    status, headers = answer()
    assert status == 200
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    allowed = {word for sources in policy.values() for word in sources.split()}
    assert allowed <= {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "blob:", "data:"}


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1:1", "[::1]:7860", "LOCALHOST"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert answer(host=host)[0] == 200


def test_a_name_that_points_here_from_elsewhere_is_refused() -> None:
    assert answer(host="evil.example:7860")[0] == 403
    assert answer(host="face-lab:7860", local=False)[0] == 200


def test_another_web_page_cannot_ask() -> None:
    assert answer(origin="https://evil.example")[0] == 403
    assert answer(origin="http://127.0.0.1:9999")[0] == 403
    assert answer(origin="http://127.0.0.1:7860")[0] == 200


@pytest.mark.parametrize("path", ["file=https://example.org/a.png", "file=http:/example.org", "file=HTTPS%3A//x.org"])
def test_the_server_fetches_nothing_from_the_network(path: str) -> None:
    assert answer(f"/gradio_api/{path}")[0] == 403


@pytest.mark.parametrize("path", ["file=/tmp/dstan-app-x/work/ab/preview.mp4", "file=C:/Temp/preview.mp4"])
def test_its_own_files_are_given_out(path: str) -> None:
    assert answer(f"/gradio_api/{path}")[0] == 200
