"""The example that comes along is the one that the code draws."""

from __future__ import annotations

from itertools import islice

import numpy as np

from dstan.app.example import EXAMPLE, FPS, SECONDS, example
from dstan.app.preview import plays
from dstan.video import read_frames, video_info


def test_it_is_small_plays_everywhere_and_shows_what_the_page_is_about() -> None:
    info, truth = video_info(EXAMPLE), example().truth
    assert EXAMPLE.stat().st_size < 1_000_000
    assert plays(EXAMPLE)
    assert (info.frames, round(info.fps)) == (SECONDS * FPS, FPS)
    assert {event.label for event in truth.events} == {"negative", "positive", "surprise"}
    assert {"blink", "head"} <= {distractor.kind for distractor in truth.distractors}


def test_its_frames_are_those_that_are_drawn() -> None:
    drawn = islice(example().frames(), 3)
    for frame, pixels in zip(read_frames(EXAMPLE, stop=3, colour=True), drawn, strict=True):
        assert np.abs(frame.pixels.astype(float) - pixels).mean() < 3
