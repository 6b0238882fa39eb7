"""Long recordings: what happens in them, and that the truth says so."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from dstan.errors import ConfigError, UnknownNameError
from dstan.synthesis.distractors import KINDS, moments
from dstan.synthesis.session import EMOTIONS, draw_session, read_truth, truth_beside, write_session
from dstan.video import read_frames, video_info

SMALL = (96, 128)
NOTHING = dict.fromkeys(("micro", "macro", "talking", "head", "blink", "gaze", "light"), 0.0)


def test_a_minute_holds_micro_expressions_and_every_kind_of_distractor() -> None:
    session = draw_session(3, 180, 30)
    assert len(session) == 5400
    assert 16 <= len(session.truth.events) <= 20
    assert {one.kind for one in session.truth.distractors} == set(KINDS)
    assert {one.label for one in session.truth.events} == set(EMOTIONS.values())


@pytest.mark.parametrize("fps", [25.0, 30.0, 200.0])
def test_a_micro_expression_takes_a_fifth_to_half_a_second_at_every_rate(fps: float) -> None:
    for event in draw_session(4, 60, fps).truth.events:
        assert event.onset < event.apex < event.offset
        assert 0.2 - 1 / fps <= (event.offset - event.onset) / fps <= 0.5 + 1 / fps


def test_nothing_that_is_done_in_turn_overlaps() -> None:
    for seed in range(20):
        truth = draw_session(seed, 60, 30).truth
        spans = [(one.onset, one.offset) for one in truth.events]
        spans += [(one.first, one.last) for one in truth.distractors if one.kind in ("talking", "head", "macro")]
        assert all(end < begin for (_, end), (begin, _) in pairwise(sorted(spans)))


def test_the_same_seed_does_the_same_at_the_same_seconds_at_another_rate() -> None:
    slow, fast = draw_session(5, 60, 30), draw_session(5, 60, 120)
    assert [one.emotion for one in slow.truth.events] == [one.emotion for one in fast.truth.events]
    for one, other in zip(slow.truth.events, fast.truth.events, strict=True):
        assert abs(one.onset / 30 - other.onset / 120) <= 1 / 30
    assert [one.kind for one in slow.truth.distractors] == [one.kind for one in fast.truth.distractors]


def test_the_motion_does_what_the_truth_says() -> None:
    session = draw_session(6, 120, 60)
    motion = session.motion
    for event in session.truth.events:
        for number, peaks in event.action_units.items():
            at = motion.action_units.index(number)
            assert motion.intensity[event.apex, at] == pytest.approx(peaks, rel=0.01)
    for one in session.truth.distractors:
        part = slice(one.first, one.last + 1)
        if one.kind == "blink":
            assert motion.gaze[part, 2].min() < 0.3
        if one.kind == "head":
            assert np.ptp(motion.head[part, :2], axis=0).max() > 0.03
        if one.kind == "talking":
            jaw = motion.intensity[part, motion.action_units.index(26), 0]
            tops = np.flatnonzero((jaw[1:-1] > jaw[:-2]) & (jaw[1:-1] >= jaw[2:]))
            assert len(tops) >= 2 * (one.last - one.first) / 60
            assert jaw.max() > 1


def test_the_eyes_are_open_outside_of_blinks() -> None:
    session = draw_session(7, 60, 30)
    inside = np.zeros(len(session), bool)
    for one in session.truth.distractors:
        if one.kind == "blink":
            inside[one.first : one.last + 1] = True
    assert session.motion.gaze[~inside, 2].min() > 0.55


def test_what_is_not_wanted_is_left_out() -> None:
    session = draw_session(0, 20, 30, SMALL, NOTHING)
    assert session.truth.events == ()
    assert session.truth.distractors == ()
    assert session.motion.intensity.size == 0
    assert draw_session(0, 20, 30, SMALL, {**NOTHING, "talking": 6}).truth.distractors[0].kind == "talking"


def test_too_little_time_and_unknown_things_are_errors() -> None:
    with pytest.raises(ConfigError, match="need"):
        draw_session(0, 10, 30, per_minute={"macro": 60})
    with pytest.raises(UnknownNameError, match="blink"):
        draw_session(0, 10, 30, per_minute={"blinks": 60})


def test_moments_come_as_often_as_asked_and_never_too_close() -> None:
    drawn = moments(np.random.default_rng(0), 15, 6000, 0.6)
    assert len(drawn) == pytest.approx(1500, rel=0.08)
    assert np.diff(drawn).min() >= 0.6


def test_frames_are_drawn_one_at_a_time() -> None:
    frames = list(islice(draw_session(8, 3600, 30, SMALL).frames(), 3))
    assert [frame.shape for frame in frames] == [(*SMALL, 3)] * 3
    assert frames[0].dtype == np.uint8


def test_a_session_is_written_as_a_video_and_its_truth(tmp_path: Path) -> None:
    session = draw_session(9, 5, 30, SMALL, {"micro": 12})
    write_session(tmp_path / "a.mp4", session)
    assert video_info(tmp_path / "a.mp4").frames == len(session) == 150
    assert read_truth(truth_beside(tmp_path / "a.mp4")) == session.truth
    drawn = next(session.frames())
    read = next(iter(read_frames(tmp_path / "a.mp4", colour=True))).pixels
    assert np.abs(read.astype(float) - drawn).mean() < 6


def test_the_mouth_is_dark_inside_while_someone_talks_and_only_then() -> None:
    session = draw_session(1, 30, 30, (240, 320), {**NOTHING, "talking": 4})
    mouth = session.motion.mouth
    assert mouth is not None
    talking = np.zeros(len(session), bool)
    for one in session.truth.distractors:
        talking[one.first : one.last + 1] = True
    assert mouth[talking].max() > 0.5
    assert not mouth[~talking].any()
    at = int(np.argmax(mouth))
    still = replace(session, motion=replace(session.motion, mouth=None))
    wide, shut = (next(islice(one.frames(), at, None)).astype(int) for one in (session, still))
    assert (wide - shut).min() < -40
    assert np.mean(wide != shut) < 0.02
