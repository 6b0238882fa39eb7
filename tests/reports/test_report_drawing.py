"""Colours that everyone can tell apart, and figures that follow the page."""

import re
import threading
import time
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from dstan.reports.drawing import COLOURS, SERIES, label, style
from dstan.reports.figures import confusion_figure, subjects_figure
from dstan.reports.tables import SubjectRate


def luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_colours_stand_out_from_their_paper(mode):
    paper = COLOURS["paper"][mode]
    assert contrast(COLOURS["ink"][mode], paper) >= 12
    assert contrast(COLOURS["muted"][mode], paper) >= 4.5
    assert all(contrast(COLOURS[role][mode], paper) >= 3 for role in (*SERIES, "baseline"))


def test_no_two_roles_share_a_colour():
    assert len({light for light, _ in COLOURS.values()}) == len(COLOURS)


def test_an_inline_figure_is_drawn_in_the_pages_colours():
    drawing = confusion_figure("stan-a", ("a", "b"), np.array([[3, 1], [0, 2]]))
    inline = drawing.inline()
    assert not re.search("|".join(light for light, _ in COLOURS.values()), inline)
    assert "var(--ink)" in inline
    assert "75%" in inline
    assert all(name.startswith("confusion-stan-a-") for name in re.findall(r'\bid="([^"]+)"', inline))
    assert ElementTree.fromstring(drawing.svg).tag.endswith("svg")
    assert COLOURS["ink"][0] in drawing.svg


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(mpl.rcParams)
    subjects_figure("m", [SubjectRate("s1", 1, 2)], 0.5)
    assert dict(mpl.rcParams) == before


def test_many_subjects_take_several_rows():
    few = subjects_figure("m", [SubjectRate(f"s{n}", 1, 2) for n in range(30)], 0.5)
    many = subjects_figure("m", [SubjectRate(f"s{n}", 1, 2) for n in range(90)], 0.5)
    few_height, many_height = (
        float(ElementTree.fromstring(one.svg).attrib["viewBox"].split()[3]) for one in (few, many)
    )
    assert many_height == pytest.approx(3 * few_height)


def test_long_names_are_shortened_in_the_middle():
    assert label("sub01") == "sub01"
    assert label("a-very-long-prefix-17", 9) == "a-ve…x-17"
    assert label("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"


def test_a_drawing_is_written_as_pixels_and_as_svg(tmp_path):
    drawing = confusion_figure("stan-a", ("a", "b"), np.array([[3, 1], [0, 2]]))
    png, svg = drawing.write(tmp_path / "figures" / "figure7.v2")
    assert (png.name, svg.name) == ("figure7.v2.png", "figure7.v2.svg")
    assert svg.read_text() == drawing.svg
    width, height = (float(part) for part in ElementTree.fromstring(drawing.svg).attrib["viewBox"].split()[2:])
    with Image.open(png) as image:
        assert image.width / image.height == pytest.approx(width / height, abs=0.01)
        assert len(set(image.convert("L").tobytes())) > 20


def test_two_threads_that_draw_leave_the_settings_as_they_were() -> None:
    before = dict(mpl.rcParams)
    inside, leave = threading.Event(), threading.Event()

    def draw() -> None:
        with style():
            inside.set()
            leave.wait(10)

    def draw_later() -> None:
        inside.wait(10)
        threading.Timer(0.2, leave.set).start()
        with style():
            time.sleep(0.4)

    threads = [threading.Thread(target=work) for work in (draw, draw_later)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {name for name in before if mpl.rcParams[name] != before[name]} == set()
