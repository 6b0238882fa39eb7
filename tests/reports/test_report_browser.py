"""The page in a real browser."""

import json
from pathlib import Path

import pytest

from dstan.reports import write_report

CHROMIUM = Path("/usr/bin/chromium")
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"
BEYOND = """[...document.querySelectorAll('svg')].flatMap(svg => {
    const frame = svg.getBoundingClientRect()
    return [...svg.querySelectorAll('text')].filter(text => {
        const box = text.getBoundingClientRect()
        return box.left < frame.left - 1 || box.right > frame.right + 1
    }).map(text => text.textContent)
})"""
"""The texts that leave their figure to the left or the right."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as session:
        yield session.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])


@pytest.fixture(scope="module")
def page_path(write_run, tmp_path_factory) -> Path:
    return write_report(write_run(tmp_path_factory.mktemp("browser") / "run", epochs=3))


@pytest.mark.parametrize("width", [1200, 420])
def test_long_names_stay_inside_their_figures_and_the_page(browser, write_run, tmp_path, width):
    run = write_run(tmp_path / "run", epochs=3)
    info = json.loads((run / "run.json").read_text())
    for name, weights in (("stan-a", "from scratch"), ("stmn-a", "weights vgg_face_torch.pth")):
        info["methods"][name] |= {"fidelity": "re-interpretation", "track": "common", "weights": weights}
    (run / "run.json").write_text(json.dumps(info))
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(write_report(run).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.evaluate(BEYOND)
    assert beyond == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 420])
def test_it_renders_whole_and_alone(browser, page_path, scheme, width):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(page_path.as_uri())
    assert page.title().startswith("Micro-expression recognition")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.evaluate("[...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().height)")
    assert len(boxes) >= 8
    assert min(boxes) > 80
    ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    paper = page.evaluate(BACKGROUND)
    assert (ink, paper) == {
        "light": ("rgb(27, 31, 36)", "rgb(255, 255, 254)"),
        "dark": ("rgb(232, 235, 239)", "rgb(21, 25, 31)"),
    }[scheme]
    assert requests == [page_path.as_uri()]
    assert messages == []
    page.close()


def test_everything_is_unfolded_on_paper(browser, page_path):
    page = browser.new_page(color_scheme="dark")
    page.emulate_media(media="print")
    page.goto(page_path.as_uri())
    assert page.get_by_role("rowheader", name="training.epochs").is_visible()
    assert page.evaluate(BACKGROUND) == "rgb(255, 255, 254)"
    page.close()
