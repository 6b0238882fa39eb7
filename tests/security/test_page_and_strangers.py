"""What a visitor, or another web page, asks the server for that no page of ours does."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

SECRET = "the very secret content"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the page in this process, and give its address."""
    from dstan.app.limits import Limits
    from dstan.app.server import open_page
    from dstan.inference import load_model

    with open_page(load_model(), "model", limits=Limits(megabytes=2, seconds=5)) as server:
        yield server.address


@pytest.fixture
def root(served: str) -> Path:
    """Return where the page that is served puts files."""
    return Path(os.environ["GRADIO_TEMP_DIR"])


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Listen on loopback, as a service that only this machine reaches; give its address and what is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(SECRET.encode())

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/inside", asked
    server.shutdown()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.mp4"
    path.write_text(SECRET)
    return path


def ask(address: str, body: bytes | None = None, method: str | None = None, **headers: str) -> tuple[int, str]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(address, data=body, headers=named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def post(address: str, document: Any, **headers: str) -> tuple[int, str]:
    return ask(address, json.dumps(document).encode(), content_type="application/json", **headers)


def calls(served: str, listing: Callable[[dict[str, Any]], bool]) -> list[int]:
    """Return the numbers of the page's functions."""
    config = json.loads(ask(f"{served}config")[1])
    return [one["id"] for one in config["dependencies"] if listing(one)]


def call(served: str, number: int, data: list[Any]) -> str:
    """Call a function of the page as its script does, and return all that the server says."""
    at_once = post(f"{served}gradio_api/run/predict", {"data": data, "fn_index": number, "session_hash": "stranger"})[1]
    joined, said = post(
        f"{served}gradio_api/queue/join",
        {"data": data, "fn_index": number, "session_hash": "stranger", "event_data": None},
    )
    if joined != 200:
        return at_once + said
    return at_once + said + ask(f"{served}gradio_api/queue/data?session_hash=stranger")[1]


def video_of(path: str) -> list[Any]:
    return [{"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "a.mp4", "mime_type": "video/mp4"}]


@pytest.mark.parametrize(
    "form", ["file={}", "file=file://{}", "file=/proc/self/root{}", "file=%2e%2e/%2e%2e{}", "file/{}"]
)
def test_no_file_of_the_server_is_given_out(served: str, secret: Path, form: str) -> None:
    for method in ("GET", "HEAD"):
        status, said = ask(f"{served}gradio_api/{form.format(secret)}", method=method)
        assert status in (403, 404, 405)
        assert SECRET not in said


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "/proc/self/environ"])
def test_no_path_of_the_servers_assets_leads_out_of_them(served: str, path: str) -> None:
    for place in ("assets/", "static/", "svelte/", "custom_component/", "gradio_api/stream/x/1/2/"):
        for written in (path, path.replace("/", "%2f"), path.replace("..", "%2e%2e")):
            status, said = ask(f"{served}{place}{written}")
            assert "root:" not in said
            assert "PATH=" not in said
            assert status >= 400


def test_a_path_of_the_server_given_as_an_upload_is_refused(served: str, secret: Path) -> None:
    for number in calls(served, lambda one: len(one["inputs"]) == 1):
        said = call(served, number, video_of(str(secret)))
        assert SECRET not in said
        assert "/secret.mp4" not in said.replace(str(secret), "") or "error" in said.casefold()
    assert secret.read_text() == SECRET


def test_an_address_given_as_an_upload_is_not_fetched(served: str, listener: tuple[str, list[str]]) -> None:
    """Otherwise a visitor could reach what only the server's machine reaches."""
    address, asked = listener
    for number in calls(served, lambda one: len(one["inputs"]) == 1):
        for entry in (
            {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}},
            {"path": "", "url": address, "meta": {"_type": "gradio.FileData"}},
            {"path": "a.mp4", "url": address, "is_stream": True, "meta": {"_type": "gradio.FileData"}},
        ):
            assert SECRET not in call(served, number, [entry])
    for form in ("file={}", "proxy={}", "file=%20{}", "file=HTTP:{}"):
        assert SECRET not in ask(f"{served}gradio_api/{form.format(address)}")[1]
    assert asked == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "192.168.0.2:7860"])
def test_a_name_that_points_here_from_elsewhere_is_refused_everywhere(served: str, host: str) -> None:
    for place in ("", "config", "gradio_api/info", "gradio_api/queue/data?session_hash=x", "gradio_api/heartbeat/x"):
        assert ask(f"{served}{place}", Host=host)[0] == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"]
)
def test_another_web_page_neither_asks_nor_reads(served: str, origin: str) -> None:
    assert ask(f"{served}config", Origin=origin)[0] == 403
    assert post(f"{served}gradio_api/queue/join", {"data": [], "fn_index": 0}, Origin=origin)[0] == 403
    asking = {"Origin": origin, "Access_Control_Request_Method": "POST"}
    status, said = ask(f"{served}gradio_api/queue/join", method="OPTIONS", **asking)
    assert status in (200, 400, 403)
    assert len(said) < 100


def test_a_page_that_another_web_page_embeds_or_links_is_told_apart(served: str) -> None:
    """Images, forms and scripts of another page carry no origin, but modern browsers say where they come from."""
    assert ask(f"{served}config", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    assert ask(served, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200
    assert ask(f"{served}config", Sec_Fetch_Site="same-origin")[0] == 200


def test_a_web_socket_is_refused(served: str) -> None:
    host, port = served.removeprefix("http://").strip("/").split(":")
    for origin in ("http://evil.example", f"http://{host}:{port}"):
        with socket.create_connection((host, int(port)), timeout=60) as line:
            wanted = {"Host": f"{host}:{port}", "Origin": origin, "Upgrade": "websocket", "Connection": "Upgrade"}
            wanted |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "13"}
            head = "".join(f"{name}: {value}\r\n" for name, value in wanted.items())
            line.sendall(f"GET /gradio_api/queue/join HTTP/1.1\r\n{head}\r\n".encode())
            assert line.recv(64).split()[1] in (b"403", b"404", b"400", b"405")


def test_what_the_page_does_not_need_is_not_there(served: str) -> None:
    for place in (
        "docs", "redoc", "openapi.json", "gradio_api/openapi.json", "monitoring", "gradio_api/monitoring", "runs",
        "gradio_api/vibe-code", "gradio_api/profiling/traces", "dev/reload", "gradio_api/deep_link?session_hash=x",
        "gradio_api/run-history/records", "login", "gradio_api/token", "gradio_api/mcp/sse",
    ):  # fmt: skip
        assert ask(f"{served}{place}")[0] in (403, 404), place
    for place in (
        "gradio_api/vibe-edit",
        "gradio_api/process_recording",
        "gradio_api/component_server",
        "run-history/connect",
    ):
        assert post(f"{served}{place}", {})[0] in (403, 404), place


def test_more_than_the_limit_is_not_taken(served: str) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\nContent-Type: video/mp4\r\n\r\n'
    body = part + bytes(2 * 2**20 + 2**17) + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    assert ask(f"{served}gradio_api/upload", body, content_type=kind)[0] in (400, 413)
    status, said = ask(f"{served}gradio_api/upload", part + bytes(1000) + b"\r\n--x--\r\n", content_type=kind)
    assert status == 200
    assert said.count("a.mp4") == 1


def test_a_long_question_is_refused_before_it_is_read(served: str) -> None:
    """Gradio takes the whole of a JSON body into memory."""
    host, port = served.removeprefix("http://").strip("/").split(":")
    chunked = "Transfer-Encoding: chunked"
    for length, status in (
        ("Content-Length: 3000000", b"413"),
        (chunked, b"411"),
        (f"Content-Length: 10\r\n{chunked}", b"411"),
    ):
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {host}:{port}\r\n{length}\r\n\r\n".encode())
            assert line.recv(64).split()[1] == status


def begin_upload(served: str, length: str) -> socket.socket:
    """Send the head of an upload, and return the line."""
    host, port = served.removeprefix("http://").strip("/").split(":")
    line = socket.create_connection((host, int(port)), timeout=60)
    kind = "Content-Type: multipart/form-data; boundary=x"
    line.sendall(f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\n{kind}\r\n{length}\r\n\r\n".encode())
    return line


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (f"Content-Length: {3 * 2**20 + 1}", b"413"),
        ("Transfer-Encoding: chunked", b"411"),
        ("Content-Length: 10\r\nTransfer-Encoding: chunked", b"411"),
    ],
)
def test_an_upload_that_is_too_long_is_refused_before_it_is_read(served: str, length: str, status: bytes) -> None:
    """Gradio takes parts without a file name into memory, and counts each file for itself."""
    with begin_upload(served, length) as line:
        assert line.recv(64).split()[1] == status


def test_many_files_in_one_upload_share_the_limit(served: str) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="files"; filename="{}.mp4"\r\n\r\n{}\r\n'
    body = "".join(part.format(number, "f" * 4000) for number in range(1000)) + "--x--\r\n"
    line = http.client.HTTPConnection(served.removeprefix("http://").strip("/"), timeout=60)
    line.request("POST", "/gradio_api/upload", body.encode(), {"Content-Type": "multipart/form-data; boundary=x"})
    with line.getresponse() as answer:
        assert answer.status == 413
        assert "--max-size" in answer.read().decode()
    line.close()


def test_what_is_sent_beyond_the_stated_length_is_not_taken(served: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="beyond.mp4"\r\n\r\nvideo\r\n--x--\r\n'
    with begin_upload(served, f"Content-Length: {len(body)}\r\nConnection: close") as line:
        line.sendall(body + b"f" * 100_000)
        (path,) = json.loads(line.makefile("rb").read().partition(b"\r\n\r\n")[2])
    assert Path(path).read_bytes() == b"video"


def test_an_upload_that_is_cut_off_leaves_nothing(served: str, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="face.mp4"\r\n\r\n'
    with begin_upload(served, "Content-Length: 2000000") as line:
        line.sendall(head + b"f" * 1_000_000)
        wait_for(lambda: any(path.stat().st_size for path in root.glob("tmp*")))
    wait_for(lambda: not list(root.glob("tmp*")))
    assert "Traceback" not in caplog.text


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["../../evil.mp4", "/etc/evil.mp4", "..\\evil.mp4", "<script>.mp4"])
def test_the_name_of_an_upload_leads_nowhere(served: str, name: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\nno video\r\n--x--\r\n'
    status, said = ask(f"{served}gradio_api/upload", part.encode(), content_type="multipart/form-data; boundary=x")
    if status == 200:
        (path,) = json.loads(said)
        assert ".." not in Path(path).parts
        assert "dstan-app-" in path
        assert "<" not in path
