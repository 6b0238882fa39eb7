"""Real video files of a drawn face: found, named, and what a person would want to be told where that fails."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, FaceError, FrameError
from dstan.inference import Model, predict_video
from dstan.inference.spotting import Event, Spotting, spot_video
from dstan.recognizers import recognizer
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.video import write_video

FPS = 30.0
SHOWN = Phases(onset=60, apex=65, offset=72)
SHUT = slice(120, 128)
Frames = list[NDArray[np.uint8]]
Told = list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Draw a face that lowers its brows for .4 s, and blinks later."""
    motion = draw_motion([Expression({4: (2.4, 2.4)})], Timeline((SHOWN,), 165), FPS, 3)
    motion.gaze[:] = (0, 0, 1)
    motion.gaze[SHUT, 2] = (0.7, 0.3, 0.05, 0, 0, 0.2, 0.5, 0.8)
    return list(Performance(portrait_of(3, 320, 240), motion, 3).frames())


@pytest.fixture(scope="module")
def video(frames: Frames, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spotting") / "brows.mp4"
    write_video(path, frames, FPS)
    return path


@pytest.fixture(scope="module")
def told() -> Told:
    return []


@pytest.fixture(scope="module")
def found(video: Path, told: Told) -> Spotting:
    return spot_video(video, progress=lambda stage, done, total, note="": told.append((stage, done, total)))


def written(folder: Path, frames: Frames | Iterator[NDArray[np.uint8]], fps: float = FPS, name: str = "it.mp4") -> Path:
    write_video(folder / name, frames, fps)
    return folder / name


def resized(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))


def is_the_one_shown(event: Event) -> bool:
    both = min(event.offset, SHOWN.offset) - max(event.onset, SHOWN.onset) + 1
    either = max(event.offset, SHOWN.offset) - min(event.onset, SHOWN.onset) + 1
    return both / either >= 0.5


def test_the_micro_expression_is_found_and_the_blink_is_not_one(found: Spotting) -> None:
    (event,) = found.events
    assert is_the_one_shown(event)
    assert abs(event.apex - SHOWN.apex) <= 2
    assert "brow" in next(iter(event.regions))
    assert event.prediction is None
    blinks = [one for one in found.rejected if one.reason == "blink"]
    assert [SHUT.start <= one.apex < SHUT.stop for one in blinks] == [True]


def test_it_says_what_it_has_read(found: Spotting, video: Path) -> None:
    assert (found.path, found.frames, found.fps) == (video, 165, pytest.approx(FPS))
    assert found.seconds == pytest.approx(5.5)
    assert len(found.times) == len(found.motion) == 165
    (stretch,) = found.stretches
    assert (stretch.first, stretch.last) == (0, 164)
    assert (found.model, found.warnings) == ("", ())
    event = found.events[0]
    assert event.onset_seconds == pytest.approx(event.onset / FPS)
    at = int(np.argmin(np.abs(found.times - event.apex_seconds)))
    assert found.motion[at] > 5 * np.nanmedian(found.motion)


def test_it_tells_how_far_it_is(found: Spotting, told: Told) -> None:
    assert told[-1] == ("spot", 165, 165)
    assert all(earlier[1] <= later[1] for earlier, later in pairwise(told))
    assert len(told) > 5


def test_a_model_names_each_event_as_it_names_that_part_of_the_video(video: Path) -> None:
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((3, 2, 32, 32), np.float32),
            label=label,
            clip_id=str(number),
        )
        for number, label in enumerate(("joy", "anger") * 2)
    ]
    settings = {"recipe": {"size": 32, "steps": 3}, "training": {"epochs": 1}, "network": {"lstm_width": 4}}
    model = Model(recognizer("dstan", settings).fit(clips))
    told: Told = []
    named = model.spot_video(video, progress=lambda stage, done, total, note="": told.append((stage, done, total)))
    (event,) = named.events
    assert event.prediction is not None
    alone = predict_video(model, video, onset=event.onset, apex=event.apex, offset=event.offset)
    assert event.prediction.probabilities == alone.probabilities
    assert event.prediction.label == alone.label
    assert named.model == "dstan"
    assert told[-1] == ("name", 1, 1)
    with pytest.raises(ConfigError, match="min_confidence"):
        model.spot_video(video, min_confidence=1.5)


def test_a_video_without_a_face_says_what_to_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    texture = np.kron(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), np.ones((8, 8, 1), dtype=np.uint8))
    with pytest.raises(FaceError, match=r"it\.mp4: no face was found in its 8 frames\. The face should be upright"):
        spot_video(written(tmp_path, [texture] * 8))


def test_a_face_that_leaves_and_returns_is_two_stretches(frames: Frames, tmp_path: Path) -> None:
    nobody = np.full_like(frames[0], 90)
    spotted = spot_video(written(tmp_path, [*frames[:20], *[nobody] * 20, *frames[20:40]]))
    first, second = spotted.stretches
    assert first.first == 0
    assert abs(first.last - 19) <= 3
    assert abs(second.first - 40) <= 3
    assert second.last == 59
    assert np.isnan(spotted.motion[23:38]).all()
    assert spotted.events == ()


def test_of_two_people_the_larger_is_followed_and_a_warning_says_so(frames: Frames, tmp_path: Path) -> None:
    part = frames[54:80]
    other = [resized(frame[:, ::-1], 240, 180) for frame in reversed(part)]
    padded = [np.pad(frame, ((30, 30), (0, 0), (0, 0)), mode="edge") for frame in other]
    pair = [np.concatenate(sides, axis=1) for sides in zip(part, padded, strict=True)]
    still = [np.concatenate([frame, padded[0]], axis=1) for frame in part]
    both = spot_video(written(tmp_path, pair, name="both.mp4"))
    assert any("2 faces in view" in warning for warning in both.warnings)
    assert len(both.stretches) == 1
    alone = spot_video(written(tmp_path, still, name="still.mp4"))
    np.testing.assert_allclose(both.motion, alone.motion, atol=0.3)


def test_a_video_that_is_damaged_in_the_middle_gives_what_lies_before(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 3 // 4])
    spotted = spot_video(cut)
    assert 75 < spotted.frames < 165
    assert [is_the_one_shown(event) for event in spotted.events] == [True]
    (warning,) = spotted.warnings
    assert f"after {spotted.seconds:.1f} s" in warning
    assert "damaged or ends early" in warning


def test_a_video_of_which_less_than_a_second_can_be_read_is_an_error(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) // 10])
    with pytest.raises(FrameError, match="damaged or ends early"):
        spot_video(cut)


def test_a_folder_of_images_needs_its_rate_and_then_does_as_well(frames: Frames, tmp_path: Path) -> None:
    for index, frame in enumerate(frames[45:90]):
        Image.fromarray(frame).save(tmp_path / f"{index}.png")
    with pytest.raises(FrameError, match=r"no times of their own.*--fps 100"):
        spot_video(tmp_path)
    spotted = spot_video(tmp_path, fps=FPS)
    assert [abs(event.onset + 45 - SHOWN.onset) <= 2 for event in spotted.events] == [True]
    assert spotted.seconds == pytest.approx(1.5)


def test_two_videos_at_once_are_answered_as_one_after_the_other(frames: Frames, tmp_path: Path) -> None:
    path = written(tmp_path, frames[45:85])
    alone = spot_video(path)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(spot_video, [path, path]))
    assert len(alone.events) == 1
    assert [each.events for each in both] == [alone.events] * 2


def test_one_frame_and_a_face_that_keeps_still_hold_no_event(frames: Frames, tmp_path: Path) -> None:
    one = spot_video(written(tmp_path, frames[:1], name="one.mp4"))
    assert (one.frames, one.events, len(one.stretches)) == (1, (), 1)
    still = spot_video(written(tmp_path, [frames[0]] * 30, name="still.mp4"))
    assert (still.events, still.rejected) == ((), ())


def test_few_frames_a_second_are_warned_of(frames: Frames, tmp_path: Path) -> None:
    spotted = spot_video(written(tmp_path, frames[:10], 10.0), fps=50)
    assert any("10.0 frames per second" in warning for warning in spotted.warnings)
    assert any("--fps is ignored" in warning for warning in spotted.warnings)


def test_a_4k_video_is_measured_as_its_small_copy(frames: Frames, tmp_path: Path) -> None:
    part = frames[58:74]
    write_video(tmp_path / "large.avi", (resized(frame, 2880, 2160) for frame in part), FPS, codec="mjpeg")
    large = spot_video(tmp_path / "large.avi")
    small = spot_video(written(tmp_path, part, name="small.mp4"))
    assert len(large.stretches) == 1
    assert np.nanmax(large.motion) == pytest.approx(np.nanmax(small.motion), rel=0.25)
