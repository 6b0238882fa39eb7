"""Who may ask, and what the browser is allowed to reach."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from dstan.app import guard
from dstan.app.guard import Guard

UPLOAD = "/gradio_api/upload"


def answer(
    path: str = "/", local: bool = True, method: str = "GET", listening: str = "0.0.0.0", **headers: str
) -> tuple[int, dict[str, str]]:
    """Ask a guarded application that answers everything and takes 5 MB; in headers, _ stands for -."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asked = {"host": "127.0.0.1:7860", **headers}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(key.replace("_", "-").encode(), value.encode()) for key, value in asked.items()],
    }
    served = Guard(application, "127.0.0.1" if local else listening, 5 * 2**20, Path("nowhere"))
    asyncio.run(served(scope, receive, send))
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
    assert answer(host="192.168.0.2:7860")[0] == 403


@pytest.mark.parametrize("host", ["192.168.0.2:7860", "[fe80::1]:7860", "localhost:7860", "Face-Lab:7860", "own:7860"])
def test_where_others_are_let_in_addresses_and_own_names_are_answered(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "own")
    assert answer(host=host, local=False, listening="face-lab")[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:7860", "192.168.0.2.evil.example", "evil.example:1@192.168.0.2", "1.2.3.4@evil.example", "[::1", ""],
)
def test_where_others_are_let_in_other_names_are_refused_all_the_same(host: str) -> None:
    assert answer(host=host, local=False)[0] == 403
    assert answer(host=host)[0] == 403


def test_where_others_are_let_in_another_web_page_cannot_ask() -> None:
    assert answer(host="192.168.0.2:7860", local=False, origin="http://evil.example")[0] == 403
    assert answer(host="192.168.0.2:7860", local=False, origin="http://192.168.0.2:7860")[0] == 200


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        (UPLOAD, {"content_length": str(6 * 2**20)}, 200),
        (UPLOAD, {"content_length": str(6 * 2**20 + 1)}, 413),
        (UPLOAD, {}, 411),
        (UPLOAD, {"content_length": "10", "transfer_encoding": "chunked"}, 411),
        ("/gradio_api/queue/join", {"content_length": str(2**20)}, 200),
        ("/gradio_api/queue/join", {"content_length": str(2**20 + 1)}, 413),
        ("/gradio_api/queue/join", {"content_length": "10", "transfer_encoding": "chunked"}, 411),
    ],
)
def test_a_request_says_how_long_it_is_and_is_no_longer_than_allowed(
    path: str, length: dict[str, str], status: int
) -> None:
    assert answer(path, method="POST", **length)[0] == status


class Uploads:
    """A guarded application that puts what is uploaded into files, as Gradio does, and leaves them when cut off."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: list[int | None] = []
        self.guarded = Guard(self.take, "127.0.0.1", 5 * 2**20, folder)

    async def take(self, scope: Any, receive: Any, send: Any) -> None:
        """Write one upload."""
        path = self.folder / f"tmp{scope['name']}"
        path.touch()
        while (message := await receive())["type"] != "http.disconnect":
            if not message["more_body"]:
                path.rename(self.folder / scope["name"])
                return
        raise ClientDisconnect

    async def send(self, name: str, receive: Any) -> None:
        """Send one upload."""
        headers = [(b"host", b"localhost"), (b"content-length", b"10")]
        scope = {"type": "http", "method": "POST", "path": UPLOAD, "headers": headers, "name": name}

        async def answer(message: Any) -> None:
            self.answers.append(message.get("status"))

        await self.guarded(scope, receive, answer)

    def left(self) -> list[str]:
        """Return the names of all files."""
        return sorted(path.name for path in self.folder.iterdir())


def test_what_a_cut_off_upload_leaves_goes_and_what_still_arrives_stays(tmp_path: Path) -> None:
    async def visits() -> None:
        uploads = Uploads(tmp_path)
        anna: asyncio.Queue[Any] = asyncio.Queue()
        ben: asyncio.Queue[Any] = asyncio.Queue()
        annas = asyncio.create_task(uploads.send("anna", anna.get))
        await asyncio.sleep(0)
        bens = asyncio.create_task(uploads.send("ben", ben.get))
        await asyncio.sleep(0.05)
        assert uploads.left() == ["tmpanna", "tmpben"]
        anna.put_nowait({"type": "http.disconnect"})
        await annas
        assert uploads.left() == ["tmpben"]
        ben.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        await bens
        assert uploads.left() == ["ben"]

    asyncio.run(visits())


def test_an_upload_that_falls_silent_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SILENCE", 0.05)
    uploads = Uploads(tmp_path)
    asyncio.run(uploads.send("anna", asyncio.Event().wait))
    assert uploads.left() == []
    assert uploads.answers[0] == 408


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
