"""Time courses, and what else moves."""

import numpy as np

from dstan.synthesis.emotions import Expression
from dstan.synthesis.motion import LASTS, TO_APEX, Motion, Phases, draw_motion, draw_phases

FPS = 200.0
EXPRESSION = Expression({12: (2.0, 1.0), 6: (0.5, 0.5)})


def motions(count: int) -> list[Motion]:
    return [draw_motion(EXPRESSION, draw_phases(FPS, seed), FPS, seed) for seed in range(count)]


def test_phases_last_as_long_as_micro_expressions() -> None:
    drawn = [draw_phases(FPS, seed) for seed in range(300)]
    rise = np.array([one.apex - one.onset for one in drawn]) / FPS
    lasts = np.array([one.offset - one.onset for one in drawn]) / FPS
    assert rise.min() >= TO_APEX[0] - 0.5 / FPS
    assert rise.max() <= TO_APEX[1] + 0.5 / FPS
    assert lasts.min() >= LASTS[0] - 0.5 / FPS
    assert lasts.max() <= LASTS[1] + 0.5 / FPS
    assert all(0 <= one.onset < one.apex < one.offset < one.frames for one in drawn)


def test_intensity_rises_to_its_peak_at_the_apex_and_fades() -> None:
    for motion in motions(20):
        course = motion.intensity[:, 0, 0]
        assert np.all(course[: motion.onset + 1] == 0)
        assert course[motion.apex] == course.max() == 2.0
        assert np.all(np.diff(course[motion.onset : motion.apex + 1]) >= 0)
        assert np.all(np.diff(course[motion.apex :]) <= 1e-6)
        assert course[-1] < 0.35 * course.max()
        assert motion.at(motion.apex) == {12: (2.0, 1.0), 6: (0.5, 0.5)}


def test_the_head_drifts_slowly_and_little() -> None:
    for motion in motions(30):
        steps = np.abs(np.diff(motion.head[:, :2], axis=0))
        assert steps.max() < 0.005
        assert np.ptp(motion.head[:, :2], axis=0).max() < 0.15
        assert np.ptp(motion.head[:, :2], axis=0).max() > 0


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
    phases = Phases(2, 20, 50, 55)
    one, same, other = (draw_motion(EXPRESSION, phases, FPS, seed) for seed in (3, 3, 4))
    for name in ("intensity", "head", "gaze", "light"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.head, other.head)
