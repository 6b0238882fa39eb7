"""The similarity of a clip, the template it is fitted to, and the one interpolation."""

import numpy as np
import pytest

from dstan.errors import FaceError, ShapeError
from dstan.preprocessing.alignment import first_face, fit_first_frames, stretch, transform, umeyama, warp
from dstan.preprocessing.landmarks import MESH_TO_68, STABLE_POINTS
from dstan.preprocessing.template import eye_centres, eye_distance, template_points

KNOWN = np.array([[1.9, 0.3, -20.0], [-0.3, 1.9, 7.0]])


def face(shape=(224, 224), matrix=KNOWN, frames=5):
    """Return (frames, 468, 2) landmarks whose stable points ``matrix`` takes exactly onto the template."""
    points = np.random.default_rng(0).uniform(0, 200, (468, 2))
    points[list(STABLE_POINTS)] = (template_points(shape) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    return np.repeat(points[None], frames, axis=0).astype(np.float32)


def picture(shape=(120, 160)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (128 + 60 * np.sin(x / 7.0) + 50 * np.cos(y / 9.0 + x / 30.0)).astype(np.float32)


def test_a_known_similarity_is_recovered():
    rng = np.random.default_rng(1)
    points = rng.normal(0, 30, (17, 2))
    assert np.allclose(umeyama(points, points @ KNOWN[:, :2].T + KNOWN[:, 2]), KNOWN, atol=1e-6)
    weights = rng.uniform(0.1, 1, 17)
    assert np.allclose(umeyama(points, points @ KNOWN[:, :2].T + KNOWN[:, 2], weights), KNOWN, atol=1e-6)


def test_a_reflection_is_never_returned():
    points = np.random.default_rng(2).normal(0, 30, (17, 2))
    matrix = umeyama(points, points * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0


def test_a_point_of_no_weight_does_not_count():
    points = np.random.default_rng(3).normal(0, 30, (8, 2))
    target = points + np.array([5.0, 6.0])
    target[0] += 100
    weights = np.ones(8)
    weights[0] = 0
    assert np.allclose(umeyama(points, target, weights), [[1, 0, 5], [0, 1, 6]])


def test_points_that_cannot_be_fitted_are_an_error():
    with pytest.raises(ShapeError, match="match"):
        umeyama(np.zeros((4, 2)), np.zeros((5, 2)))
    with pytest.raises(ShapeError, match="coincide"):
        umeyama(np.ones((4, 2)), np.ones((4, 2)))


def test_where_the_eyes_go():
    assert eye_distance((224, 224)) == pytest.approx(0.34 * 224)
    assert eye_distance((170, 140)) == 56
    assert np.allclose(eye_centres((100, 100)) + 0.5, [[33, 33], [67, 33]])
    corners = template_points((170, 140))[:4]
    assert np.allclose([corners[:2].mean(axis=0), corners[2:4].mean(axis=0)], eye_centres((170, 140)), atol=1e-9)


def test_the_template_is_symmetric():
    points = template_points((224, 224))
    mirrored = points * [-1, 1] + [223, 0]
    for point in mirrored:
        assert np.abs(points - point).sum(axis=1).min() < 1e-9


def test_the_first_frames_are_fitted():
    assert np.allclose(fit_first_frames(face(), (224, 224)), KNOWN, atol=1e-3)
    assert np.allclose(fit_first_frames(face((170, 140)), (170, 140)), KNOWN, atol=1e-3)


def test_the_mouth_and_the_brows_do_not_matter():
    moved, still = face(), face()
    free = [point for point in (*MESH_TO_68[17:27], *MESH_TO_68[48:]) if point not in STABLE_POINTS]
    moved[:, free] += 12
    assert len(free) == 30
    assert (fit_first_frames(moved, (224, 224)) == fit_first_frames(still, (224, 224))).all()


def test_one_bad_frame_of_five_does_not_matter():
    landmarks = face()
    landmarks[2] += 40
    landmarks[4] = np.nan
    assert np.allclose(fit_first_frames(landmarks, (224, 224)), KNOWN, atol=1e-3)
    assert np.isfinite(first_face(landmarks)).all()


def test_unknown_points_are_left_out_until_too_few_are_left():
    landmarks = face()
    landmarks[:, STABLE_POINTS[-3]] = np.nan
    assert np.allclose(fit_first_frames(landmarks, (224, 224)), KNOWN, atol=1e-3)
    landmarks[:, list(STABLE_POINTS[:12])] = np.nan
    with pytest.raises(FaceError, match="of the 17 points"):
        fit_first_frames(landmarks, (224, 224))


def test_a_still_clip_stays_still_to_the_last_bit():
    assert (warp(picture(), KNOWN, (64, 64)) == warp(picture(), KNOWN, (64, 64))).all()


def test_a_translation_is_aligned_away():
    """The whole clip shifted by one vector: landmarks follow, and the crop stays."""
    wide = picture((140, 180))
    shifted = KNOWN.copy()
    shifted[:, 2] -= KNOWN[:, :2] @ [10, 5]
    first, second = warp(wide, shifted, (64, 64)), warp(wide[5:, 10:], KNOWN, (64, 64))
    assert np.abs(first - second)[8:-8, 8:-8].max() < 0.5


def test_landmarks_go_where_the_picture_goes():
    image = np.zeros((120, 160), np.float32)
    points = np.array([[60.0, 40.0], [75.0, 55.0], [90.0, 30.0]])
    y, x = np.mgrid[:120, :160]
    for px, py in points:
        image += 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8)
    for matrix in (np.array([[1.2, 0.2, -30.0], [-0.2, 1.2, 10.0]]), np.array([[0.4, 0.0, 2.0], [0.0, 0.4, 5.0]])):
        crop = warp(image, matrix, (96, 96))
        for px, py in transform(points, matrix):
            near = np.s_[int(py) - 2 : int(py) + 4, int(px) - 2 : int(px) + 4]
            peak = np.unravel_index(crop[near].argmax(), crop[near].shape)
            found = np.array([peak[1] + int(px) - 2, peak[0] + int(py) - 2])
            assert np.abs(found - [px, py]).max() <= 0.6


def test_a_small_crop_does_not_alias():
    """Stripes finer than the crop's pixels vanish instead of turning into coarse ones."""
    stripes = np.tile(np.float32([40, 215]), (120, 80))
    small = warp(stripes, np.array([[0.21, 0, 0], [0, 0.21, 0]]), (24, 32))
    assert np.abs(small - 127.5)[3:-3, 3:-3].max() < 2


def test_outside_of_the_frame_the_border_goes_on():
    crop = warp(np.full((30, 40), 77, np.uint8), np.array([[1, 0, 50.0], [0, 1, -90.0]]), (64, 64))
    assert np.allclose(crop, 77)


def test_a_whole_frame_is_stretched():
    image = picture((120, 160))
    small = warp(image, stretch(image.shape, (60, 40)), (60, 40))
    blocks = image.reshape(60, 2, 40, 4).mean(axis=(1, 3))
    assert np.abs(small - blocks)[2:-2, 2:-2].mean() < 2.5
    assert np.allclose(
        transform(np.array([[-0.5, -0.5], [159.5, 119.5]]), stretch((120, 160), (60, 40))), [[-0.5, -0.5], [39.5, 59.5]]
    )


def test_a_crop_keeps_its_range():
    checks = 255 * (np.indices((60, 60)).sum(axis=0) // 6 % 2)
    crop = warp(checks.astype(np.uint8), np.array([[2.0, 0.1, 0], [-0.1, 2.0, 0]]), (96, 96))
    assert crop.dtype == np.float32
    assert crop.min() >= 0
    assert crop.max() <= 255
