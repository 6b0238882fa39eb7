"""Drawn faces: found by the face mesh, moving as the truth says, textured enough for optical flow."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dstan.clips import Clip
from dstan.preprocessing.landmarks import MESH_TO_68, STABLE_POINTS, landmark_source
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.identity import SHAPES, draw_identity
from dstan.synthesis.mesh import mesh_points
from dstan.synthesis.portrait import Placement
from dstan.synthesis.sensor import Sensor, encode
from dstan.synthesis.timeline import Motion, Phases, Timeline, draw_motion
from dstan.synthesis.truth import UPPER_LIDS, true_landmarks
from dstan.synthesis.warp import STEP

SIZE = (320, 240)
CLIP = Clip(corpus="test", subject="sub01", clip_id="drawn", path=Path())


def still(intensities: dict[int, tuple[float, float]], frames: int = 3) -> Motion:
    """A motion that peaks in the middle frame while nothing else moves."""
    motion = draw_motion([Expression(intensities)], Timeline((Phases(0, frames // 2, frames - 1),), frames), 200.0, 0)
    motion.head[:] = 0
    motion.gaze[:] = (0, 0, 1)
    motion.light[:] = 1
    return motion


def scene(seed: int) -> np.ndarray:
    return EyePainter(portrait_of(seed, *SIZE)).draw(Gaze())


def test_people_differ_and_a_seed_is_a_person() -> None:
    people = [draw_identity(seed) for seed in range(40)]
    assert people[3] == draw_identity(3)
    assert len({one.skin for one in people}) == 40
    assert {one.hair_style for one in people} == {"short", "long", "tied"}
    assert np.array([one.shape for one in people]).shape == (40, len(SHAPES))
    apart = np.abs(scene(1).astype(float) - scene(2)).mean()
    assert apart > 5


def test_the_face_is_placed_as_by_the_corpus_s_camera() -> None:
    place = Placement.in_image(640, 480)
    face = mesh_points() * place.scale
    width, height = np.ptp(face, axis=0)
    assert 240 < width < 320
    assert 300 < height < 380
    points = place.to_pixels(mesh_points())
    assert points.min() > 0
    assert (points < (640, 480)).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_face_mesh_finds_faces_where_the_truth_says(seed: int) -> None:
    motion = draw_motion([Expression({12: (2.0, 2.0)})], Timeline((Phases(0, 2, 4),), 5), 200.0, seed)
    performance = Performance(portrait_of(seed, *SIZE), motion, seed)
    frames = [
        cv2.imdecode(np.frombuffer(encode(one, ".jpg", 92), np.uint8), 1)[..., ::-1] for one in performance.frames()
    ]
    found = landmark_source("mediapipe").landmarks(CLIP, frames).points
    assert np.isfinite(found).all()
    truth = np.stack([true_landmarks(performance, index) for index in range(5)])
    away = np.linalg.norm(found - truth, axis=-1)
    assert np.median(away[:, list(STABLE_POINTS)]) < 2.5
    assert np.median(away[:, list(MESH_TO_68)]) < 2.5


def test_truth_is_finite_for_every_mesh_point_and_follows_the_expression() -> None:
    performance = Performance(portrait_of(1, *SIZE), still({12: (3.0, 0.0)}), 0)
    rest, peak = true_landmarks(performance, 0), true_landmarks(performance, 1)
    assert rest.shape == (468, 2)
    assert np.isfinite(rest).all()
    moved = (peak - rest) / performance.portrait.placement.scale / (1 / (0.34 * 224))
    left_corner, right_corner, nose_bridge = moved[291], moved[61], moved[6]
    assert left_corner[0] > 1
    assert left_corner[1] < -1
    assert np.hypot(*right_corner) < 0.05
    assert np.hypot(*nose_bridge) < 0.05


def test_a_blink_carries_the_upper_lids_and_nothing_else() -> None:
    motion = still({12: (1.0, 1.0)})
    motion.intensity[:] = 0
    motion.gaze[1, 2] = 0
    performance = Performance(portrait_of(1, *SIZE), motion, 0)
    moved = true_landmarks(performance, 1) - true_landmarks(performance, 0)
    assert moved[159, 1] > 0.1 * performance.portrait.placement.scale
    others = [index for index in range(468) if index not in UPPER_LIDS]
    assert np.abs(moved[others]).max() == 0
    open_eye, shut = (
        EyePainter(performance.portrait).draw(Gaze()),
        EyePainter(performance.portrait).draw(Gaze(opening=0)),
    )
    assert np.abs(open_eye.astype(int) - shut).max() > 60
    assert (open_eye != shut).any(axis=-1).mean() < 0.05


def test_optical_flow_follows_a_cheek() -> None:
    """Farneback's flow between rest and apex agrees with the true field where it moves, camera noise included."""
    performance = Performance(portrait_of(2, 640, 480), still({6: (2.5, 2.5), 12: (2.5, 2.5)}), 0)
    first, second, _ = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in performance.frames())
    flow = cv2.calcOpticalFlowFarneback(first, second, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    truth = performance.warp.field(performance.motion.at(1))
    seen = cv2.resize(flow, truth.shape[1::-1], interpolation=cv2.INTER_AREA)
    moving = np.linalg.norm(truth, axis=-1) > 0.5 * np.linalg.norm(truth, axis=-1).max()
    error = np.linalg.norm(seen - truth, axis=-1)[moving]
    assert np.median(error / np.linalg.norm(truth, axis=-1)[moving]) < 0.3


def test_the_head_moves_as_one_and_the_wall_stays() -> None:
    performance = Performance(portrait_of(1, *SIZE), still({12: (1.0, 1.0)}), 0)
    shift = np.array((0.05, 0.02, 0.0, 0.0), np.float32)
    maps, shade = performance.warp.maps({}, shift)
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    came = maps - np.dstack([columns, rows])
    nose, corner = came[130, 160], came[2, 2]
    np.testing.assert_allclose(nose, -shift[:2] * performance.portrait.placement.scale, atol=0.02)
    np.testing.assert_allclose(corner, 0, atol=0.02)
    np.testing.assert_allclose(shade, 1, atol=1e-6)


def test_skin_that_is_pushed_together_darkens() -> None:
    performance = Performance(portrait_of(1, *SIZE), still({4: (3.0, 3.0)}), 0)
    _, shade = performance.warp.maps({4: (3.0, 3.0)}, np.zeros(4, np.float32))
    x, y = (int(value) for value in performance.portrait.placement.to_pixels(np.array([(0.0, -0.34)]))[0])
    assert shade[y, x] < 0.99
    assert performance.warp.field({}).shape == (SIZE[1] // STEP, SIZE[0] // STEP, 2)


def test_noise_is_new_in_every_frame_and_grows_with_the_light() -> None:
    flat = np.full((120, 160, 3), 40, np.uint8)
    flat[:, 80:] = 200
    sensor, shade = Sensor(flat, 1), np.ones((120, 160), np.float32)
    frames = np.stack([sensor.record(flat, shade, 1.0) for _ in range(20)]).astype(float)
    deviation = frames.std(axis=0)
    assert 0.5 < deviation[:, 10:70].mean() < deviation[:, 90:150].mean() < 4
    assert np.abs(frames.mean(axis=0) - flat).mean() < 1
    again = Sensor(flat, 1)
    np.testing.assert_array_equal(again.record(flat, shade, 1.0), frames[0].astype(np.uint8))
