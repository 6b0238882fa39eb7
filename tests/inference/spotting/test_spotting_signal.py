from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dstan.errors import ConfigError
from dstan.inference.spotting import SpottingSettings
from dstan.inference.spotting.eyes import blinks, glances
from dstan.inference.spotting.finding import Found, find_events
from dstan.inference.spotting.following import Course
from dstan.inference.spotting.judging import confidence
from dstan.inference.spotting.peaks import Peak, find_peaks, parts
from dstan.inference.spotting.regions import REGIONS
from dstan.inference.spotting.signal import there_and_back

FPS = 50.0
SETTINGS = SpottingSettings()
NAMES = [region.name for region in REGIONS]
BROW, CHEEK, CORNER = NAMES.index("left inner brow"), NAMES.index("left cheek"), NAMES.index("left corner of the mouth")


def eased(rise: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(rise, 0, 1)
    return share**3 * (10 - 15 * share + 6 * share**2)


def pulse(times: NDArray[np.float64], onset: float, apex: float, offset: float) -> NDArray[np.float64]:
    """Rise from 0 to 1 and fall back to 0."""
    return eased((times - onset) / (apex - onset)) * (1 - eased((times - apex) / (offset - apex)))


def course_of(seconds: float = 10.0, **moved: NDArray[np.float64]) -> Course:
    """Make a face at rest, seen with a little noise, in which some regions move down."""
    count = round(seconds * FPS)
    rng = np.random.default_rng(5)
    regions = 0.03 * rng.standard_normal((count, len(REGIONS), 2))
    for name, path in moved.items():
        regions[:, NAMES.index(name.replace("_", " ")), 1] += path
    return Course(
        times=np.arange(count) / FPS,
        frames=np.arange(count, dtype=np.float64),
        regions=regions.astype(np.float32),
        head=np.zeros((count, 4), np.float32),
        eyes=np.tile(np.float32([100, 40, 0, 0]), (count, 1)),
        light=np.full(count, 5, np.float32),
        stretch=np.zeros(count, np.int64),
        most=1,
    )


def found_in(course: Course, settings: SpottingSettings = SETTINGS, ignore: tuple[str, ...] = ()) -> Found:
    return find_events(course, list(course.times), settings, ignore)


def reasons(found: Found) -> list[str]:
    return [one.reason for one in found.rejected]


@pytest.fixture
def times() -> NDArray[np.float64]:
    return np.arange(500) / FPS


def test_a_place_that_is_left_and_returned_to_moves_by_its_way_and_a_step_or_a_drift_by_nothing(
    times: NDArray[np.float64],
) -> None:
    away, step, drift = pulse(times, 5.0, 5.2, 5.4), (times > 5).astype(np.float64), 3 * times
    paths = np.zeros((500, 3, 2))
    paths[:, 0, 0], paths[:, 1, 0], paths[:, 2, 1] = 2 * away, 2 * step, drift
    moved = there_and_back(times, paths).max(axis=0)
    assert moved[0] == pytest.approx(2, abs=0.01)
    assert moved[1] == 0
    assert moved[2] == pytest.approx(0, abs=1e-9)


def test_what_returns_by_another_way_counts_as_far_as_both_ways_agree(times: NDArray[np.float64]) -> None:
    paths = np.zeros((500, 1, 2))
    paths[:250, 0, 0] = pulse(times, 4.6, 4.98, 9)[:250]
    paths[250:, 0, 1] = 0.2
    assert there_and_back(times, paths).max() < 1


def test_a_short_motion_of_the_brows_is_an_event_with_its_frames_and_regions() -> None:
    times = np.arange(500) / FPS
    moved = 1.5 * pulse(times, 5.0, 5.16, 5.4)
    found = found_in(course_of(left_inner_brow=moved, right_inner_brow=0.8 * moved))
    (event,) = found.events
    assert (event.onset, event.apex, event.offset) == (
        pytest.approx(250, abs=2),
        pytest.approx(258, abs=1),
        pytest.approx(270, abs=3),
    )
    assert event.apex_seconds == event.apex / FPS
    assert list(event.regions) == ["left inner brow", "right inner brow"]
    assert event.regions["left inner brow"] == pytest.approx(1.5, abs=0.15)
    assert event.confidence > SETTINGS.threshold
    assert found.rejected == []
    assert len(found.motion) == 500


def test_noise_alone_is_nothing() -> None:
    found = found_in(course_of(60.0))
    assert (found.events, found.rejected) == ([], [])


def test_a_motion_of_a_second_is_too_long() -> None:
    times = np.arange(500) / FPS
    moved = 3 * pulse(times, 4.6, 5.0, 5.6)
    found = found_in(course_of(left_inner_brow=moved, right_inner_brow=moved))
    assert found.events == []
    assert set(reasons(found)) == {"too long"}


def test_how_long_a_micro_expression_lasts_is_a_setting() -> None:
    times = np.arange(500) / FPS
    moved = 3 * pulse(times, 4.8, 5.0, 5.6)
    course = course_of(left_inner_brow=moved, right_inner_brow=moved)
    assert found_in(course).events == []
    assert len(found_in(course, replace(SETTINGS, longest=1.0)).events) == 1


def test_events_below_the_threshold_are_not_told() -> None:
    times = np.arange(500) / FPS
    course = course_of(left_inner_brow=pulse(times, 5.0, 5.16, 5.4), right_inner_brow=pulse(times, 5.0, 5.16, 5.4))
    (event,) = found_in(course).events
    assert len(found_in(course, replace(SETTINGS, threshold=event.confidence - 1e-6)).events) == 1
    assert found_in(course, replace(SETTINGS, threshold=1.0)).events == []


def test_two_motions_are_two_events_and_what_runs_into_one_another_is_one() -> None:
    times = np.arange(500) / FPS
    apart = pulse(times, 3.0, 3.2, 3.4) + pulse(times, 6.0, 6.2, 6.4)
    assert len(found_in(course_of(left_inner_brow=apart, right_inner_brow=apart)).events) == 2
    brows, mouth = pulse(times, 3.0, 3.2, 3.4), pulse(times, 3.06, 3.24, 3.44)
    assert len(found_in(course_of(left_inner_brow=1.5 * brows, left_corner_of_the_mouth=1.2 * mouth)).events) == 1


def test_no_two_events_share_a_frame_and_the_surer_keeps_its_own(times: NDArray[np.float64]) -> None:
    brows, mouth = pulse(times, 3.0, 3.1, 3.5), pulse(times, 3.22, 3.46, 3.64)
    alone = found_in(course_of(left_inner_brow=3 * brows, right_inner_brow=3 * brows)).events
    both = course_of(
        left_inner_brow=3 * brows,
        right_inner_brow=3 * brows,
        left_corner_of_the_mouth=-2 * mouth,
        right_corner_of_the_mouth=-2 * mouth,
    )
    first, then = found_in(both).events
    assert (first.onset, first.apex, first.offset) == (alone[0].onset, alone[0].apex, alone[0].offset)
    assert first.offset + 1 == then.onset < then.apex < then.offset
    assert then.onset_seconds == both.times[then.onset]


def test_brows_that_follow_a_blink_are_the_blink_and_a_mouth_that_moves_meanwhile_is_an_event() -> None:
    times = np.arange(500) / FPS
    shut = pulse(times, 5.0, 5.1, 5.25)
    brows = course_of(left_inner_brow=0.7 * shut, right_inner_brow=0.7 * shut)
    brows.eyes[:, 1] -= (25 * shut).astype(np.float32)
    found = found_in(brows)
    assert found.events == []
    assert set(reasons(found)) == {"blink"}
    assert len(found_in(brows, ignore=("blink",)).events) == 1
    mouth = course_of(left_corner_of_the_mouth=1.2 * shut, right_corner_of_the_mouth=1.2 * shut)
    mouth.eyes[:, 1] -= (25 * shut).astype(np.float32)
    assert len(found_in(mouth).events) == 1


def test_mouths_that_move_again_and_again_talk_and_brows_meanwhile_do_not() -> None:
    times = np.arange(500) / FPS
    talk = sum(pulse(times, at, at + 0.1, at + 0.2) for at in np.arange(3, 6, 0.28))
    assert isinstance(talk, np.ndarray)
    course = course_of(lower_lip=2 * talk, chin=2 * talk)
    found = found_in(course)
    assert found.events == []
    assert set(reasons(found)) == {"mouth"}
    raised = 2 * pulse(times, 8.0, 8.2, 8.4)
    course = course_of(lower_lip=2 * talk, chin=2 * talk, left_inner_brow=raised, right_inner_brow=raised)
    (event,) = found_in(course).events
    assert event.onset_seconds == pytest.approx(8, abs=0.1)


def test_what_a_nod_leaves_behind_is_the_head() -> None:
    times = np.arange(500) / FPS
    nod = pulse(times, 5.0, 5.2, 5.4)
    course = course_of(left_inner_brow=nod, chin=nod)
    course.head[:, 1] = 0.3 * nod
    found = found_in(course)
    assert found.events == []
    assert reasons(found) == ["head"]


def test_a_flicker_of_the_lamps_is_light() -> None:
    times = np.arange(500) / FPS
    flicker = pulse(times, 5.0, 5.15, 5.3)
    course = course_of(left_cheek=0.8 * flicker, right_cheek=0.8 * flicker)
    course.light[:] -= (0.2 * flicker).astype(np.float32)
    found = found_in(course)
    assert found.events == []
    assert reasons(found) == ["light"]


def test_a_blink_closes_and_opens_and_a_glance_goes_and_stays() -> None:
    times = np.arange(500) / FPS
    eyes = np.tile(np.float32([100, 40, 0, 0]), (500, 1))
    eyes[:, 1] -= 20 * pulse(times, 3.0, 3.1, 3.25)
    eyes[:, 2] += 0.05 * eased((times - 7) / 0.04)
    ((first, _, last),) = blinks(times, eyes)
    assert 3.0 < times[first] < times[last] < 3.3
    ((first, middle, last),) = glances(times, eyes)
    assert times[middle] == pytest.approx(7, abs=0.1)


def test_confidence_rises_with_the_height_over_the_noise() -> None:
    moved = np.zeros(len(REGIONS))
    sure = [confidence(Peak(0, 5, 9, height, 0.1, moved)) for height in (0.4, 0.8, 1.6, 3.2)]
    assert sure == sorted(sure)
    assert 0 < sure[0] < 0.5 < sure[-1] < 1


def test_an_event_does_not_span_a_gap_in_which_no_face_was_followed() -> None:
    times = np.arange(500) / FPS
    moved = 3 * pulse(times, 4.8, 5.02, 5.3)
    course = course_of(left_inner_brow=moved, right_inner_brow=moved)
    course.stretch[248:252] = -1
    course.regions[248:252] = np.nan
    found = found_in(course)
    assert found.events == []
    assert np.isnan(found.motion[248:252]).all()


def test_motion_while_the_head_is_not_found_counts_only_where_the_head_has_kept_still() -> None:
    times = np.arange(500) / FPS
    moved = 2 * pulse(times, 4.9, 5.06, 5.3)
    course = course_of(left_inner_brow=moved, right_inner_brow=moved)
    course.head[245:270] = np.nan
    assert len(found_in(course).events) == 1
    course.head[270:, 0] = 0.1
    found = found_in(course)
    assert found.events == []
    assert reasons(found) == ["head"]


def test_parts_end_where_the_face_is_lost_and_where_another_stretch_begins() -> None:
    stretch = np.array([-1, 0, 0, -1, 0, 1, 1, -1])
    assert list(parts(stretch)) == [slice(1, 3), slice(4, 5), slice(5, 7)]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_a_few_instants_hold_no_event(count: int) -> None:
    peaks, signal = find_peaks(np.arange(count) / FPS, np.zeros((count, len(REGIONS), 2), np.float32), SETTINGS)
    assert peaks == []
    assert len(signal) == count


def test_the_shortest_must_not_be_longer_than_the_longest() -> None:
    with pytest.raises(ConfigError, match="shortest"):
        SpottingSettings(shortest=0.6, longest=0.5)
