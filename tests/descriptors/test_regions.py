"""The 36 regions of MDMO: their corners, their pixels, and faces that do not do."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.descriptors.regions import (
    LIFT,
    MOST_EMPTY,
    REGIONS,
    face_points,
    helper_points,
    region_corners,
    region_masks,
)
from dstan.errors import ShapeError
from dstan.preprocessing.landmarks import MESH_TO_68
from dstan.synthesis.mesh import mesh_points

SHAPE = (170, 140)
LANDMARK_MIRROR = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
"""For each of the 68 landmarks the one on the other side of the face."""
REGION_MIRROR = np.array(
    [
        *(6, 5, 4, 3, 2, 1),
        *(14, 13, 12, 11, 10, 9, 8, 7),
        *(20, 19, 18, 17, 16, 15),
        *(24, 23, 22, 21),
        *(28, 27, 26, 25),
        *(32, 31, 30, 29),
        *(36, 35, 34, 33),
    ]
)
"""For each of the paper's regions 1 to 36 the one on the other side of the face."""


def face() -> np.ndarray:
    """Return the average drawn face as the crop of 170 x 140 shows it, (468, 2)."""
    return mesh_points().astype(np.float64) * 58.3 + (69.53, 55.57)


def crosses(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Tell whether segments ab and cd cross."""

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def test_there_are_36_regions_of_four_corners_each() -> None:
    assert len(REGIONS) == 36
    assert region_corners(face()).shape == (36, 4, 2)


def test_no_region_of_an_average_face_crosses_itself() -> None:
    for number, (a, b, c, d) in enumerate(region_corners(face()), start=1):
        assert not crosses(a, b, c, d), number
        assert not crosses(b, c, d, a), number


def test_every_region_of_an_average_face_has_pixels_and_shares_none() -> None:
    masks = region_masks(face(), SHAPE)
    assert masks.sum(axis=(1, 2)).min() >= 20
    assert masks.sum(axis=0).max() == 1


def test_filled_by_opencv_with_their_outlines_regions_overlap_by_less_than_a_twentieth() -> None:
    import cv2

    scale = 8
    masks = []
    for corners in region_corners(face()):
        mask = np.zeros((SHAPE[0] * scale, SHAPE[1] * scale), np.uint8)
        masks.append(cv2.fillPoly(mask, [np.round(corners * scale).astype(np.int32)], 1).astype(bool))
    for one, other in combinations(masks, 2):
        assert (one & other).sum() < 0.05 * min(one.sum(), other.sum())
    assert np.any(masks, axis=0).sum() / np.sum(masks) > 0.975


def test_masks_are_those_of_scikit_image() -> None:
    from skimage.measure import grid_points_in_poly

    masks = region_masks(face(), SHAPE)
    for mask, corners in zip(masks, region_corners(face()), strict=True):
        np.testing.assert_array_equal(mask, grid_points_in_poly(SHAPE, corners[:, ::-1]))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_masks_of_any_outline_are_those_of_a_slow_count_of_crossings(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-2, 30, (68, 2))  # hardly ever are 7 regions outside of the frame
    masks = region_masks(points, (27, 30))
    for mask, corners in zip(masks, region_corners(points), strict=True):
        for y, x in np.ndindex(mask.shape):
            assert mask[y, x] == (crossings_to_the_right(corners, x, y) % 2 == 1)


def crossings_to_the_right(corners: np.ndarray, x: int, y: int) -> int:
    """Count the edges that a ray from a point to the right meets, by where along each edge it does."""
    found = 0
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (y - y0) / (y1 - y0)
        found += 0 <= along < 1 and (1 - along) * x0 + along * x1 > x
    return found


def test_a_pixel_on_a_common_edge_belongs_to_one_region_only() -> None:
    points = np.round(face_points(face()))
    masks = region_masks(points, SHAPE)
    assert masks.sum(axis=0).max() == 1
    nose = np.flatnonzero(masks[:, int(points[28, 1]), int(points[28, 0])])
    assert len(nose) == 1


def test_the_corner_of_regions_21_22_25_26_is_the_mean_of_landmarks_4_and_33() -> None:
    points = face_points(face())
    common = (points[4] + points[33]) / 2
    for number in (21, 22, 25, 26):
        assert (region_corners(face())[number - 1] == common).all(axis=1).any()


def test_the_mirrored_face_has_the_mirrored_regions() -> None:
    points = face_points(face())
    mirrored = points[list(LANDMARK_MIRROR)] * (-1, 1) + (139, 0)
    expected = region_corners(points)[REGION_MIRROR - 1] * (-1, 1) + (139, 0)
    for found, wanted in zip(region_corners(mirrored), expected, strict=True):
        np.testing.assert_allclose(sorted(map(tuple, found)), sorted(map(tuple, wanted)))


def test_points_above_the_brows_are_lifted_by_a_fifth_of_the_distance_between_the_eyes() -> None:
    points = face_points(face())
    lift = LIFT * np.linalg.norm(points[36] - points[45])
    helpers = helper_points(points)
    np.testing.assert_allclose(points[[17, 19, 21, 22, 24, 26]] - helpers[[0, 1, 2, 4, 5, 6]], [[0, lift]] * 6)
    np.testing.assert_allclose(helpers[3], (helpers[2] + helpers[4]) / 2)


def test_regions_grow_and_move_with_the_face() -> None:
    np.testing.assert_allclose(region_corners(face() * 2 + (3, 5)), region_corners(face()) * 2 + (3, 5))


def test_mesh_and_68_points_have_the_same_regions() -> None:
    np.testing.assert_array_equal(region_corners(face()), region_corners(face()[list(MESH_TO_68)]))


def test_the_inner_lips_need_not_be_known() -> None:
    points = face_points(face())
    points[60:] = np.nan
    np.testing.assert_array_equal(region_corners(points), region_corners(face()))


def test_a_forehead_above_the_frame_is_cut_off() -> None:
    points = face() - (0, region_corners(face())[:6, :, 1].max() + 1)
    masks = region_masks(points, SHAPE)
    assert not masks[:6].any()
    assert masks[6:].any(axis=(1, 2)).all()
    assert MOST_EMPTY == 6


def test_a_face_half_outside_of_the_frame_is_an_error_that_counts_and_names_the_regions() -> None:
    with pytest.raises(ShapeError, match=r"17 of its 36 regions have no pixel in the frame of 170 x 140: 1, 2, 7, 8"):
        region_masks(face() - (70, 0), SHAPE)


@pytest.mark.parametrize("shape", [(468,), (478, 2), (68, 3), (0, 2)])
def test_landmarks_of_another_shape_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="landmarks must be"):
        face_points(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_unknown_landmarks_are_an_error_that_says_who_finds_them(value: float) -> None:
    points = face()
    points[[MESH_TO_68[0], MESH_TO_68[36]]] = value
    with pytest.raises(ShapeError, match=r"2 of the 60 landmarks .*recipe.landmarks=mediapipe"):
        face_points(points)
