"""MDMO: worked examples, what it must not depend on, a slow reference, and input that does not do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dstan.descriptors.mdmo import RIGID_POINTS, STILL, _direction, head_motion, mdmo, mdmo_atoms
from dstan.descriptors.regions import REGIONS, face_points, region_masks
from dstan.errors import ShapeError
from dstan.synthesis.mesh import mesh_points

SHAPE = (170, 140)
SEEDS = st.integers(0, 2**32 - 1)


def face() -> np.ndarray:
    """Return the average drawn face as the crop of 170 x 140 shows it, (468, 2)."""
    return mesh_points().astype(np.float64) * 58.3 + (69.53, 55.57)


def everywhere(*vectors: tuple[float, float]) -> np.ndarray:
    """Return one field for each vector, which every pixel moves by."""
    return np.broadcast_to(np.array(vectors, np.float32)[:, :, None, None], (len(vectors), 2, *SHAPE)).copy()


def smooth(seed: int, fields: int = 3) -> np.ndarray:
    """Return fields of random waves, of about a pixel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    flow = np.zeros((fields, 2, *SHAPE))
    for _ in range(4):
        across, down, phase, amount = rng.uniform(-0.1, 0.1, 2), rng.uniform(-0.1, 0.1, 2), *rng.uniform(0, 6, (2, 2))
        for axis in range(2):
            wave = np.sin(across[axis] * x + down[axis] * y + phase[axis]) * amount[axis] / 6
            flow[:, axis] += wave * rng.uniform(0.5, 1, (fields, 1, 1))
    return flow.astype(np.float32)


def affine_field(linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return (1, 2, H, W): every pixel p moves to p @ linear + shift, about the middle of the frame."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    place = np.stack([x, y], axis=-1) - (69.5, 84.5)
    return np.moveaxis(place @ linear + shift - place, -1, 0)[None].astype(np.float32)


def turned(degrees: float) -> np.ndarray:
    """Return the matrix of a rotation."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cos, sin], [-sin, cos]])


@pytest.mark.parametrize(
    ("vector", "direction"),
    [
        *(((1, 0), 0), ((1, 0.3), 0), ((1, -0.3), 0)),
        *(((1, 1), 1), ((0, 1), 2), ((-1, 1), 3), ((-1, 0), 4), ((-1, -0.0), 4), ((-1, -1), 5), ((0, -1), 6)),
        *(((1, -1), 7), ((0, 0), 0), ((-0.0, -0.0), 0), ((-0.0, 0), 0)),
    ],
)
def test_directions_are_centred_on_multiples_of_45_degrees(vector: tuple[float, float], direction: int) -> None:
    assert _direction(*map(float, vector)) == direction


def test_the_mean_is_that_of_the_vectors_in_the_most_common_direction() -> None:
    flow = everywhere((0, 0))
    for mask in region_masks(face(), SHAPE):
        ys, xs = np.nonzero(mask)
        kept = len(ys) // 4 * 4
        flow[0][:, ys[:kept], xs[:kept]] = np.tile([(1, 2, 0, 1.5), (0, 0.2, 3, -0.1)], kept // 4)
        flow[0][:, ys[kept:], xs[kept:]] = [[0], [-9]]
    atoms = mdmo_atoms(flow, face(), align=False)
    np.testing.assert_allclose(atoms, np.broadcast_to((1.5, 0.1 / 3), (1, 36, 2)), rtol=1e-6)
    feature = mdmo(flow, face(), align=False)
    np.testing.assert_allclose(np.hypot(*atoms[0, 0]), 1.50037, atol=1e-5)
    np.testing.assert_allclose(feature[36:], 0.02222, atol=1e-5)


def test_pixels_are_counted_and_not_weighed_by_how_far_they_move() -> None:
    flow = everywhere((0.1, 0))
    flow[0, 0, ::3], flow[0, 1, ::3] = 0, 50
    np.testing.assert_allclose(mdmo_atoms(flow, face(), align=False)[0, :, 1], 0)


def test_of_equally_common_directions_the_first_is_the_main_one() -> None:
    for mask in region_masks(face(), SHAPE):
        ys, xs = np.nonzero(mask)
        half, flow = len(ys) // 2, everywhere((0, 0))
        flow[0][:, ys[:half], xs[:half]] = [[0], [-2]]
        flow[0][:, ys[half : 2 * half], xs[half : 2 * half]] = [[0], [1]]
        flow[0][:, ys[2 * half :], xs[2 * half :]] = [[-1], [-1]]
        main = mdmo_atoms(flow, face(), align=False)[0][np.all(region_masks(face(), SHAPE) == mask, axis=(1, 2))]
        np.testing.assert_array_equal(main, [(0, 1)])


def test_the_mean_over_time_is_that_of_vectors() -> None:
    flow = everywhere((2, 0), (0, 2))
    mean = mdmo_atoms(flow, face(), align=False).mean(axis=0)
    np.testing.assert_allclose(np.hypot(mean[:, 0], mean[:, 1]), 1.41421, atol=1e-5)
    np.testing.assert_allclose(mdmo(flow, face(), align=False)[36:], 0.785398, atol=1e-6)


def test_angles_on_both_sides_of_pi_average_to_pi() -> None:
    angles = np.array([np.pi - 0.1, -np.pi + 0.1])
    flow = everywhere(*zip(np.cos(angles), np.sin(angles), strict=True))
    np.testing.assert_allclose(mdmo(flow, face(), align=False)[36:], np.pi)


@pytest.mark.parametrize("vector", [(-1.0, 0.0), (-1.0, -0.0)])
def test_the_angle_of_a_motion_to_the_left_is_plus_pi(vector: tuple[float, float]) -> None:
    np.testing.assert_array_equal(mdmo(everywhere(vector), face(), align=False)[36:], np.pi)


def test_lengths_are_shares_of_the_longest_and_come_before_the_angles() -> None:
    masks = region_masks(face(), SHAPE)
    flow = everywhere((0, 0))
    flow[0, 0][masks[21]], flow[0, 1][masks[2]] = 4, -1
    feature = mdmo(flow, face(), align=False)
    expected = np.zeros(72)
    expected[[21, 2, 36 + 2]] = 1, 0.25, -np.pi / 2
    np.testing.assert_allclose(feature, expected)


def test_sines_and_cosines_stand_for_the_angles() -> None:
    flow = smooth(0)
    polar, both = mdmo(flow, face()), mdmo(flow, face(), angle="sincos")
    assert polar.shape == (72,)
    np.testing.assert_allclose(both, np.concatenate([polar[:36], np.sin(polar[36:]), np.cos(polar[36:])]))


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_a_motion_of_the_whole_head_is_taken_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    linear = turned(rng.uniform(-9, 9)) @ np.diag(rng.uniform(0.96, 1.04, 2))
    atoms = mdmo_atoms(affine_field(linear, rng.uniform(-8, 8, 2)), face())
    assert np.abs(atoms).max() < 1e-3


def test_a_translation_leaves_nothing_behind() -> None:
    np.testing.assert_array_equal(mdmo(everywhere((1.7, -0.3), (0.2, 0.1)), face()), 0)


def test_without_alignment_a_translation_is_seen_in_every_region() -> None:
    feature = mdmo(everywhere((1.5, -2), (1.5, -2)), face(), align=False)
    np.testing.assert_allclose(feature[:36], 1)
    np.testing.assert_allclose(feature[36:], np.arctan2(-2, 1.5))


def test_what_the_mouth_does_on_a_moving_head_remains() -> None:
    masks = region_masks(face(), SHAPE)
    flow = affine_field(turned(2) * 1.01, np.array([3.0, -1.0]))
    flow[0, 1][masks[25]] -= 1
    atoms = mdmo_atoms(flow, face())[0]
    np.testing.assert_allclose(atoms[25], (0, -1), atol=0.05)
    assert np.abs(np.delete(atoms, 25, axis=0)).max() < 1e-3


@pytest.mark.parametrize("linear", [turned(11), turned(-15), np.eye(2) * 1.06, np.diag([0.9, 1.0]), np.diag([-1, 1.0])])
def test_a_turn_or_a_stretch_that_no_head_makes_is_taken_for_a_translation(linear: np.ndarray) -> None:
    field = affine_field(linear, np.array([2.0, 1.0]))[0]
    motion = head_motion(field, face_points(face()))
    np.testing.assert_array_equal(motion[:2], 0)
    at = face_points(face())[list(RIGID_POINTS)]
    expected = (at - (69.5, 84.5)) @ (linear - np.eye(2)) + (2, 1)
    np.testing.assert_allclose(motion[2], -expected.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("linear", [turned(9.5), np.eye(2) * 1.045, np.diag([0.96, 1.04])])
def test_a_smaller_turn_or_stretch_is_undone(linear: np.ndarray) -> None:
    motion = head_motion(affine_field(linear, np.array([2.0, 1.0]))[0], face_points(face()))
    np.testing.assert_allclose(motion[:2] + np.eye(2), np.linalg.inv(linear), atol=1e-5)


def test_mouth_brows_and_the_tip_of_the_nose_have_no_say_in_the_head_s_motion() -> None:
    points = face_points(face())
    flow = everywhere((0, 0))
    for x, y in points[[*range(17, 27), *range(28, 68)]].round().astype(int):
        flow[0, :, y - 1 : y + 2, x - 1 : x + 2] = 5
    np.testing.assert_array_equal(head_motion(flow[0], points), 0)


def test_the_root_of_the_nose_and_the_contour_beside_the_chin_have_a_say() -> None:
    points = face_points(face())
    for number in (27, *range(6), *range(11, 17)):
        flow = everywhere((0, 0))
        x, y = points[number].round().astype(int).clip(1)
        flow[0, :, y - 1 : y + 2, x - 1 : x + 2] = 0.1
        assert head_motion(flow[0], points).any(), number


def test_landmarks_beyond_the_border_take_the_flow_there() -> None:
    atoms = mdmo_atoms(affine_field(turned(3), np.array([1.0, 0.0])), face() - (9, 0))
    assert np.abs(atoms).max() < 1e-3


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([0.25, 0.5, 2.0, 64.0]))
def test_the_feature_does_not_depend_on_the_amount_of_motion(seed: int, factor: float) -> None:
    flow = smooth(seed)
    first, second = (mdmo(fields, face(), align=False) for fields in (flow, flow * np.float32(factor)))
    np.testing.assert_allclose(second, first, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_doubled_or_reordered_frames_leave_the_feature(seed: int) -> None:
    flow = smooth(seed)
    feature = mdmo(flow, face())
    np.testing.assert_allclose(mdmo(np.repeat(flow, 2, axis=0), face()), feature, atol=1e-9)
    np.testing.assert_allclose(mdmo(flow[::-1], face()), feature, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_the_feature_is_finite_and_in_range(seed: int) -> None:
    flow = np.random.default_rng(seed).normal(size=(2, 2, *SHAPE)).astype(np.float32)
    feature = mdmo(flow, face())
    assert (feature[:36] >= 0).all()
    assert feature[:36].max() == 1
    assert (np.abs(feature[36:]) <= np.pi).all()


def slow_atoms(flow: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the main directional means by plain loops, bins by the angle's distance to their centres."""
    means = np.zeros((len(flow), len(masks), 2))
    centres = np.arange(8) * np.pi / 4
    for t, field in enumerate(flow.astype(np.float64)):
        for region, mask in enumerate(masks):
            found: list[list[np.ndarray]] = [[] for _ in range(8)]
            for vector in field[:, mask].T:
                away = np.arctan2(vector[1], vector[0]) - centres
                found[int(np.argmax(np.cos(away)))].append(vector)
            main = max(range(8), key=lambda place: (len(found[place]), -place))
            if found[main]:
                means[t, region] = np.mean(found[main], axis=0)
    return means


@settings(deadline=None, max_examples=5)
@given(SEEDS)
def test_means_are_those_of_a_slow_count(seed: int) -> None:
    flow = np.random.default_rng(seed).normal(0.2, 1, size=(1, 2, 68, 56)).astype(np.float32)
    points = face() * 0.4
    expected = slow_atoms(flow, region_masks(points, (68, 56)))
    np.testing.assert_allclose(mdmo_atoms(flow, points, align=False), expected, atol=1e-12)


@settings(deadline=None, max_examples=5)
@given(SEEDS)
def test_alignment_maps_where_each_pixel_went_and_looks_at_what_is_left(seed: int) -> None:
    flow = smooth(seed, fields=1)
    motion = head_motion(flow[0], face_points(face()))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    went = np.stack([x, y, np.ones_like(x)], axis=-1) + np.dstack([*flow[0], np.zeros(SHAPE)])
    back = went @ (np.vstack([np.eye(2), np.zeros((1, 2))]) + motion)
    left = np.moveaxis(back - np.stack([x, y], axis=-1), -1, 0)[None]
    aligned, by_hand = mdmo_atoms(flow, face()), mdmo_atoms(left, face(), align=False)
    same = np.isclose(aligned, by_hand, atol=1e-5).all(axis=-1)  # a pixel between two bins may change sides
    assert same.mean() > 0.9


def test_no_motion_gives_zeros() -> None:
    for align in (True, False):
        np.testing.assert_array_equal(mdmo(everywhere((0, 0)), face(), align=align), 0)
        np.testing.assert_array_equal(mdmo(everywhere((-0.0, -0.0)), face(), align=align), 0)


def test_a_motion_below_what_counts_has_no_direction() -> None:
    np.testing.assert_array_equal(mdmo_atoms(everywhere((-STILL / 2, 0)), face(), align=False), 0)
    assert (mdmo_atoms(everywhere((-STILL * 2, 0)), face(), align=False)[..., 0] < 0).all()


def test_a_region_outside_of_the_frame_is_still() -> None:
    above = face() - (0, 45)
    empty = ~region_masks(above, SHAPE).any(axis=(1, 2))
    assert 1 <= empty.sum() <= 6
    feature = mdmo(everywhere((0, 1)), above, align=False)
    np.testing.assert_array_equal(feature[:36][empty], 0)
    np.testing.assert_array_equal(feature[36:][empty], 0)
    np.testing.assert_array_equal(feature[:36][~empty], 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda flow, points: (flow * np.nan, points), "holds NaN"),
        (lambda flow, points: (flow[0], points), "4 axes"),
        (lambda flow, points: (flow[:, :1], points), r"must be \(T, 2, H, W\)"),
        (lambda flow, points: (flow[:0], points), "empty"),
        (lambda flow, points: (flow, points * np.nan), "unknown"),
        (lambda flow, points: (flow, points + 500), "36 of its 36 regions have no pixel"),
        (lambda flow, points: (flow, points / SHAPE[0]), "regions have no pixel"),
    ],
)
def test_bad_input_is_an_error(change: Callable[..., tuple[np.ndarray, np.ndarray]], said: str) -> None:
    flow, points = change(everywhere((1, 0)), face())
    for compute in (mdmo, mdmo_atoms):
        with pytest.raises(ShapeError, match=said):
            compute(flow, points)


def test_an_unknown_kind_of_angle_is_an_error() -> None:
    with pytest.raises(ShapeError, match="polar or sincos"):
        mdmo(everywhere((1, 0)), face(), angle="degrees")


def test_regions_and_atoms_agree_in_number() -> None:
    assert mdmo_atoms(smooth(1, fields=4), face()).shape == (4, len(REGIONS), 2)
