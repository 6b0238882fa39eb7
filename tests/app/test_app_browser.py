"""The page in a real browser, served by the command."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from dstan.app.example import example

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 300_000
"""Milliseconds until something that does not come is given up."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def served(serve, tmp_path_factory):
    return serve(tmp_path_factory.mktemp("served"), "--max-size", "8", "--max-length", "12")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as session:
        yield session.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])


def jpeg(pixels: Any) -> bytes:
    """Write one picture as a camera does."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


class Visitor:
    """Somebody with the page open, and all that their browser asked for and complained about."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector("#find")

    def upload(self, video: Path) -> None:
        """Put a file into the field, and wait until it lies there."""
        if self.page.get_by_label("Clear").count():
            self.page.get_by_label("Clear").click()
        with self.page.expect_response(lambda response: "/upload" in response.url):
            self.page.set_input_files("input[type=file]", video)
        self.page.get_by_label("Clear").wait_for()

    def find(self) -> str:
        """Press the button; return what is said in the end."""
        self.page.click("#find")
        self.page.wait_for_selector("#find", state="hidden")
        self.page.wait_for_selector("#find", state="visible")
        return self.said()

    def said(self) -> str:
        return str(self.page.inner_text("#status"))

    def elsewhere(self) -> list[str]:
        """Return what was asked of any other machine."""
        return [
            url
            for url in self.asked
            if urlsplit(url).scheme in ("http", "https", "ws", "wss") and "//127.0.0.1:" not in url
        ]


@pytest.fixture
def visitor(browser, served) -> Iterator[Visitor]:
    somebody = Visitor(browser, served.address)
    yield somebody
    somebody.context.close()


def gone(condition) -> None:
    """Wait until something is no more: a closed page is noticed within some seconds."""
    until = time.monotonic() + 60
    while condition() and time.monotonic() < until:
        time.sleep(0.5)
    assert not condition()


def test_the_example_shows_its_events_and_everything_stays_here(visitor, served, tmp_path):
    page = visitor.page
    page.click("#example")
    page.wait_for_selector('.d-panel[data-shown="0"]')
    truth = example().truth.events
    assert "3 micro-expressions found in 10 s of video" in visitor.said()
    assert "synthetic data only" in visitor.said()
    rows = page.query_selector_all(".d-row")
    assert sum(event.label in row.inner_text() for row, event in zip(rows, truth, strict=True)) >= 2
    for row, event in zip(rows, truth, strict=True):
        assert float(row.get_attribute("data-onset")) == pytest.approx(event.onset / 60, abs=0.15)

    assert page.get_attribute('.d-row[data-event="0"]', "aria-pressed") == "true"

    page.click('.d-mark[data-event="2"]')
    page.wait_for_selector('.d-panel[data-shown="2"]')
    assert page.get_attribute('.d-row[data-event="2"]', "aria-pressed") == "true"
    apex = float(page.get_attribute('.d-mark[data-event="2"]', "data-apex"))
    assert page.evaluate("document.querySelector('.d-stage video').currentTime") == pytest.approx(apex, abs=0.02)
    assert page.evaluate("document.querySelector('.d-still img').naturalWidth") > 800
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('.d-panel[data-shown="1"]')

    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    download.value.save_as(tmp_path / "events.json")
    found = json.loads((tmp_path / "events.json").read_text())
    assert len(found["events"]) == 3
    assert served.temporary.name not in (tmp_path / "events.json").read_text()
    for kind in ("CSV", "ELAN", "WebVTT"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        assert Path(download.value.path()).stat().st_size > 100

    assert visitor.elsewhere() == []
    assert visitor.complaints == []
    visitor.context.close()
    gone(served.left)


def test_a_video_that_browsers_do_not_play_is_found_in_shown_and_drawn_over(visitor, videos):
    page = visitor.page
    visitor.upload(videos.cut("anna.avi", 10, 170, codec="mjpeg"))
    page.get_by_text("That does no harm").wait_for()
    assert "2 micro-expressions found" in visitor.find()
    page.wait_for_selector(".d-panel")
    page.wait_for_function("document.querySelector('.d-stage video').readyState >= 2")
    page.click('[data-do="slow"]')
    page.wait_for_function("document.querySelector('.d-stage video').playbackRate < 1")
    page.wait_for_function("document.querySelector('.d-stage video').paused")

    page.click("#overlay")
    page.wait_for_selector("#drawn video")
    page.wait_for_function("document.querySelector('#drawn video').readyState >= 2")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save this video").click()
    assert download.value.suggested_filename == "anna-overlay.mp4"
    assert visitor.complaints == []


def test_what_cannot_be_used_is_said_with_the_way_out_and_the_page_goes_on(visitor, videos):
    assert "There is no video yet" in visitor.find()
    visitor.upload(videos.without_face())
    said = visitor.find()
    assert "no face" in said.lower()
    assert visitor.page.get_by_role("alert").count() == 1
    visitor.upload(videos.sound_only())
    assert "no video" in visitor.find()
    visitor.upload(videos.damaged())
    assert "damaged or ends early" in visitor.find()
    visitor.upload(videos.at_rest())
    said = visitor.find()
    assert "No micro-expression was found" in said
    assert "Traceback" not in visitor.page.content()
    visitor.page.click("#whole")
    visitor.page.wait_for_selector('.d-panel[data-shown="clip"]')
    assert "taken as one expression" in visitor.page.inner_text("#panel")


def test_a_file_that_is_too_large_is_not_even_sent(visitor, served, tmp_path):
    path = tmp_path / "large.mp4"
    path.write_bytes(b"\0" * 9 * 2**20)
    visitor.page.set_input_files("input[type=file]", path)
    visitor.page.get_by_text("exceed the maximum allowed size of 8").wait_for()
    assert [url for url in visitor.asked if url.partition("?")[0].endswith("/upload")] == []
    assert visitor.page.is_visible(".d-input span.error")


def test_two_people_at_once_get_each_their_own(browser, served, videos):
    anna, ben = Visitor(browser, served.address), Visitor(browser, served.address)
    anna.upload(videos.cut("anna.mp4", 10, 110))
    ben.upload(videos.cut("ben.mp4", 120, 250))
    anna.page.click("#find")
    ben.page.click("#find")
    for visitor in (anna, ben):
        visitor.page.wait_for_selector(".d-panel")
    assert "1 micro-expression found in 1.7 s" in anna.said()
    assert "2 micro-expressions found in 2.2 s" in ben.said()
    names = [visitor.page.get_attribute("a[download]", "download") for visitor in (anna, ben)]
    assert names == ["anna.json", "ben.json"]
    theirs = [path for path in served.left() if "anna" in path.name]
    assert theirs
    anna.context.close()
    gone(lambda: [path for path in served.left() if "anna" in path.name])
    ben.page.click('.d-row[data-event="1"]')
    ben.page.wait_for_selector('.d-panel[data-shown="1"]')
    ben.context.close()


def test_a_recording_of_the_camera_is_found_in(browser, served, videos):
    camera = videos.folder / "camera.mjpeg"
    camera.write_bytes(b"".join(jpeg(frame) for frame in videos.frames))
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    filming = browser.browser_type.launch(executable_path=str(CHROMIUM), args=options)
    somebody = Visitor(filming, served.address, permissions=["camera"])
    somebody.page.get_by_label("Capture from camera").click()
    somebody.page.get_by_text("Click to Access Webcam").click()
    somebody.page.get_by_label("start recording").click()
    somebody.page.wait_for_timeout(3000)
    somebody.page.locator(".d-input button", has_text="Stop").click()
    somebody.page.get_by_label("Clear").wait_for()
    said = somebody.find()
    assert "s of video" in said
    somebody.page.wait_for_function("document.querySelector('.d-stage video').readyState >= 2")
    assert somebody.elsewhere() == []
    filming.close()


def test_stopping_leaves_a_page_that_goes_on(visitor, served):
    visitor.page.click("#example")
    visitor.page.wait_for_selector("[role=progressbar]")
    visitor.page.click("#stop")
    visitor.page.wait_for_function("document.querySelector('#status').innerText.includes('Stopped')")
    assert visitor.page.is_visible("#find")
    assert not visitor.page.is_visible("#stage")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_says_what_it_is_at_any_width(browser, served, width, scheme):
    somebody = Visitor(browser, served.address, viewport={"width": width, "height": 900}, color_scheme=scheme)
    text = somebody.page.inner_text("body")
    for sentence in (
        "Nothing leaves this computer",
        "Do not use it to judge people",
        "synthetic data only",
        "Article 5",
    ):
        assert sentence in text
    assert "up to 12 s and 8 MB" in text
    assert somebody.page.evaluate("document.documentElement.scrollWidth") <= width
    assert somebody.complaints == []
    somebody.context.close()


def test_ctrl_c_amid_the_work_ends_it_cleanly_and_leaves_nothing(browser, serve, tmp_path):
    served = serve(tmp_path)
    somebody = Visitor(browser, served.address)
    somebody.page.click("#example")
    somebody.page.wait_for_selector("[role=progressbar]")
    assert served.left()
    assert served.end() == 0
    assert "Traceback" not in served.printed
    assert list(served.temporary.iterdir()) == []
    somebody.context.close()


def status(address: str, **headers: str) -> int:
    """Ask for something by hand."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_only_files_of_the_page_are_given_out(served, tmp_path):
    private = tmp_path / "private.txt"
    private.write_text("private")
    files = f"{served.address}gradio_api/file="
    assert status(served.address) == 200
    assert status(f"{files}{private}") == 403
    assert status(f"{files}{served.temporary}") == 403
    assert status(f"{files}https://example.org/a.png") == 403
    assert status(served.address, Host="elsewhere.example") == 403
