"""The picture of a whole video: everything that was found is in it, and it is readable at any length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.inference.spotting import Spotting, Stretch
from dstan.reports.drawing import Drawing, colour
from dstan.reports.sight import class_role
from dstan.reports.timeline import MOST_STRIPS, timeline_figure
from spotted import event, prediction, rejected, spotting

VIDEO = Path("films/anna.mp4")


def texts(drawing: Drawing) -> list[str]:
    """Return everything that is written in a picture."""
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]


def long_video(seconds: float, events: int) -> Spotting:
    """Return a video with evenly spread events."""
    frames = np.linspace(10, seconds * 10 - 20, events).astype(int).tolist()
    times = np.arange(int(seconds * 10)) / 10
    return spotting(
        VIDEO,
        fps=10.0,
        frames=len(times),
        seconds=seconds,
        times=times,
        motion=np.ones(len(times)),
        events=tuple(event(at, fps=10.0, length=3, prediction=prediction(VIDEO, "surprise")) for at in frames),
        rejected=(),
        stretches=(Stretch(0, len(times) - 1, 0.0, float(times[-1])),),
    )


def test_events_are_numbered_and_named_and_what_was_left_out_has_its_reason() -> None:
    shown = texts(timeline_figure(spotting(VIDEO)))
    assert {"1", "2", "3", "surprise", "positive", "undecided", "blink", "mouth", "no face"} <= set(shown)
    assert "negative" not in shown  # nothing was taken for it
    assert SYNTHETIC_ONLY in shown
    assert "anna.mp4: 3 micro-expressions in 0:20" in shown
    assert {"0:00", "0:10", "0:20"} <= set(shown)


def test_each_class_keeps_its_colour_whatever_else_was_found() -> None:
    whole = timeline_figure(spotting(VIDEO)).svg
    alone = timeline_figure(spotting(VIDEO, events=spotting(VIDEO).events[2:])).svg
    classes = prediction(VIDEO, "surprise").probabilities
    positive, surprise = (colour(class_role(name, classes)) for name in ("positive", "surprise"))
    assert all(positive in svg for svg in (whole, alone))
    assert surprise in whole
    assert surprise not in alone


@pytest.mark.parametrize(("seconds", "strips"), [(1.2, 1), (30.0, 1), (117.0, 4), (1800.0, 6), (36000.0, MOST_STRIPS)])
def test_a_long_video_is_broken_into_strips_with_all_their_numbers(seconds: float, strips: int) -> None:
    drawing = timeline_figure(long_video(seconds, min(int(seconds), 40)))
    panels = drawing.figure.axes
    assert len(panels) == 2 * strips
    ends = [panel.get_xlim() for panel in panels[::2]]
    assert ends[0][0] == 0
    assert ends[-1][1] >= seconds
    assert [end for _, end in ends[:-1]] == [begin for begin, _ in ends[1:]]
    numbers = [text for text in texts(drawing) if text.isdigit() and int(text) > 0]
    assert {str(number) for number in range(1, min(int(seconds), 40) + 1)} <= set(numbers)


def test_a_peak_of_one_frame_in_an_hour_is_still_drawn() -> None:
    found = long_video(3600.0, 3)
    found.motion[20_000] = 50.0
    signal = [panel.lines[0].get_ydata() for panel in timeline_figure(found).figure.axes[::2]]
    assert sum(len(part) for part in signal) < 20_000
    assert max(np.nanmax(part) for part in signal) > 1.3  # cut at the top of the axis, which the title says
    assert any("higher peaks are cut" in text for text in texts(timeline_figure(found)))


def test_without_a_face_and_without_events_there_is_still_a_picture(tmp_path: Path) -> None:
    nothing = spotting(VIDEO, events=(), rejected=(), stretches=(), motion=np.full(600, np.nan), warnings=())
    drawing = timeline_figure(nothing)
    assert {"no face", "anna.mp4: no micro-expression in 0:20"} <= set(texts(drawing))
    assert drawing.alt == "anna.mp4: no micro-expression in 0:20."
    png, _ = drawing.write(tmp_path / "a")
    with Image.open(png) as picture:
        assert picture.width == 1536


def test_words_say_what_the_picture_shows() -> None:
    alt = timeline_figure(spotting(VIDEO)).alt
    assert "1, surprise at 0:02.0; 2, undecided at 0:04.0; 3, positive at 0:16.0" in alt
    assert "left out: 2 blink, 1 mouth" in alt


def test_what_crosses_the_end_of_a_strip_is_in_both() -> None:
    crossing = rejected(295, "talking", fps=10.0, length=20)
    found = long_video(60.0, 1)
    figure = timeline_figure(replace(found, rejected=(crossing,))).figure
    bars = [sum(len(group.get_paths()) for group in panel.collections) for panel in figure.axes[1::2]]
    assert bars == [2, 1]  # the event and the talking, then the talking alone
