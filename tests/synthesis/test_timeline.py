"""Time courses, and what else moves."""

import numpy as np
import pytest

from dstan.synthesis.emotions import Expression
from dstan.synthesis.timeline import MACRO, MICRO, Kind, Motion, Phases, Timeline, draw_motion, draw_timeline

FPS = 200.0
EXPRESSION = Expression({12: (2.0, 1.0), 6: (0.5, 0.5)})
CUT = {"before": (0, 0.025), "between": (0.5, 2.0), "after": (0, 0.025)}


def motions(count: int) -> list[Motion]:
    return [draw_motion([EXPRESSION], draw_timeline([MICRO], FPS, seed, **CUT), FPS, seed) for seed in range(count)]


@pytest.mark.parametrize("kind", [MICRO, MACRO], ids=lambda kind: kind.name)
@pytest.mark.parametrize("fps", [200.0, 25.0])
def test_phases_last_as_long_as_their_kind_of_expression(kind: Kind, fps: float) -> None:
    drawn = [draw_timeline([kind], fps, seed, **CUT) for seed in range(300)]
    events = [one.events[0] for one in drawn]
    rise = np.array([one.apex - one.onset for one in events]) / fps
    lasts = np.array([one.offset - one.onset for one in events]) / fps
    assert rise.min() >= kind.to_apex[0] - 0.5 / fps
    assert rise.max() <= kind.to_apex[1] + 0.5 / fps
    assert lasts.min() >= kind.lasts[0] - 0.5 / fps
    assert lasts.max() <= kind.lasts[1] + 0.5 / fps
    assert all(0 <= one.events[0].onset < one.events[0].apex < one.events[0].offset < one.frames for one in drawn)


def test_a_clip_begins_and_ends_within_five_frames_of_its_expression() -> None:
    drawn = [draw_timeline([MICRO], FPS, seed, **CUT) for seed in range(300)]
    assert {one.events[0].onset for one in drawn} == set(range(6))
    assert {one.frames - 1 - one.events[0].offset for one in drawn} == set(range(6))


def test_the_events_of_a_video_come_one_after_another_with_pauses() -> None:
    for seed in range(100):
        timeline = draw_timeline([MICRO, MACRO, MICRO], 30.0, seed, (1.0, 2.0), (0.5, 2.0), (3.0, 3.0))
        first, second, third = timeline.events
        assert 30 <= first.onset <= 60
        assert 15 <= second.onset - first.offset - 1 <= 60
        assert 15 <= third.onset - second.offset - 1 <= 60
        assert timeline.frames == third.offset + 1 + 90
        assert second.offset - second.onset > 15 >= first.offset - first.onset


def test_intensity_rises_to_its_peak_at_the_apex_and_fades() -> None:
    for motion in motions(20):
        course, (phases,) = motion.intensity[:, 0, 0], motion.events
        assert np.all(course[: phases.onset + 1] == 0)
        assert course[phases.apex] == course.max() == 2.0
        assert np.all(np.diff(course[phases.onset : phases.apex + 1]) >= 0)
        assert np.all(np.diff(course[phases.apex :]) <= 1e-6)
        assert course[-1] < 0.35 * course.max()
        assert motion.at(phases.apex) == {12: (2.0, 1.0), 6: (0.5, 0.5)}


def test_several_events_share_one_video() -> None:
    events = (Phases(30, 36, 42), Phases(90, 95, 104))
    for seed in range(20):
        motion = draw_motion([EXPRESSION, Expression({4: (1, 1), 12: (0, 1.5)})], Timeline(events, 130), 30.0, seed)
        assert motion.events == events
        assert motion.action_units == (12, 6, 4)
        assert len(motion) == 130
        assert motion.at(36) == {12: (2.0, 1.0), 6: (0.5, 0.5), 4: (0, 0)}
        assert motion.at(95) == {12: (0.0, 1.5), 6: (0.0, 0.0), 4: (1.0, 1.0)}
        assert np.all(motion.intensity[[0, 30, 80, 90]] == 0)


def test_the_head_drifts_slowly_and_little() -> None:
    for motion in motions(30):
        steps = np.abs(np.diff(motion.head[:, :2], axis=0))
        assert steps.max() < 0.005
        assert np.ptp(motion.head[:, :2], axis=0).max() < 0.15
        assert np.ptp(motion.head[:, :2], axis=0).max() > 0


def test_in_a_long_video_the_head_stays_and_people_go_on_blinking() -> None:
    timeline = draw_timeline([MICRO], 30.0, 0, (30, 30), (0, 0), (30, 30))
    drawn = [draw_motion([EXPRESSION], timeline, 30.0, seed) for seed in range(10)]
    assert max(np.ptp(one.head[:, :2], axis=0).max() for one in drawn) < 0.15
    assert max(np.abs(one.gaze[:, :2]).max() for one in drawn) < 0.2
    shut = [one.gaze[:, 2] < 0.6 for one in drawn]
    blinks = np.mean([np.sum(now[1:] & ~now[:-1]) for now in shut])
    assert 4 < blinks < 25
    assert all(one.gaze[:, 2].min() >= -1e-6 for one in drawn)


def test_some_blink_some_glance_most_do_neither() -> None:
    drawn = motions(200)
    blinks = np.mean([one.gaze[:, 2].min() < 0.6 for one in drawn])
    glances = np.mean([np.ptp(one.gaze[:, 0]) > 0.01 for one in drawn])
    assert 0.05 < blinks < 0.3
    assert 0.1 < glances < 0.4
    assert all(one.gaze[:, 2].min() >= -1e-6 for one in drawn)


def test_lamps_flicker() -> None:
    for motion in motions(10):
        assert 0.93 < motion.light.min() <= motion.light.max() < 1.07
        assert motion.light.std() > 1e-4


def test_a_motion_depends_on_its_seed_only() -> None:
    timeline = Timeline((Phases(2, 20, 50),), 55)
    one, same, other = (draw_motion([EXPRESSION], timeline, FPS, seed) for seed in (3, 3, 4))
    for name in ("intensity", "head", "gaze", "light"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.head, other.head)
