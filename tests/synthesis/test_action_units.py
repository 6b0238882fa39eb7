"""Action units as fields: direction, size, smoothness, sides."""

import numpy as np
import pytest

from dstan.errors import UnknownNameError
from dstan.synthesis.action_units import ACTION_UNITS, UNIT, au_field, expression_field
from dstan.synthesis.emotions import STRONGEST
from dstan.synthesis.fields import invert
from dstan.synthesis.mesh import mesh_points

X, Y = np.meshgrid(np.arange(-1.3, 1.31, 0.02, np.float32), np.arange(-1.4, 2.01, 0.02, np.float32))
LEFT_CORNER, RIGHT_CORNER, LEFT_INNER_BROW, LEFT_OUTER_BROW, LEFT_CHEEK = 291, 61, 285, 293, 280
LOWER_LIP, UPPER_LIP, CHIN, NOSE_SIDE, UPPER_LID, LOWER_LID = 17, 0, 199, 399, 386, 374


def at(number: int, point: int, left: float = 1.0, right: float = 1.0) -> tuple[float, float]:
    x, y = mesh_points()[point]
    dx, dy = au_field(np.array([x]), np.array([y]), number, left, right)
    return float(dx[0]), float(dy[0])


def test_the_issue_s_action_units_are_there() -> None:
    assert list(ACTION_UNITS) == [1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26]


@pytest.mark.parametrize(
    ("number", "point", "right", "down"),
    [
        (1, LEFT_INNER_BROW, 0, -1),
        (2, LEFT_OUTER_BROW, 0, -1),
        (4, LEFT_INNER_BROW, -1, 1),
        (5, UPPER_LID, 0, -1),
        (6, LEFT_CHEEK, 0, -1),
        (7, LOWER_LID, 0, -1),
        (9, NOSE_SIDE, 0, -1),
        (10, UPPER_LIP, 0, -1),
        (12, LEFT_CORNER, 1, -1),
        (12, RIGHT_CORNER, -1, -1),
        (14, LEFT_CORNER, 1, 0),
        (15, LEFT_CORNER, 0, 1),
        (17, CHIN, 0, -1),
        (20, LEFT_CORNER, 1, 0),
        (23, LEFT_CORNER, -1, 0),
        (24, LOWER_LIP, 0, -1),
        (25, LOWER_LIP, 0, 1),
        (26, CHIN, 0, 1),
    ],
)
def test_muscles_pull_where_facs_says(number: int, point: int, right: int, down: int) -> None:
    dx, dy = at(number, point)
    assert np.hypot(dx, dy) > 0.3
    for value, sign in ((dx, right), (dy, down)):
        assert value * sign > 0.1 if sign else abs(value) < 0.6


@pytest.mark.parametrize("number", ACTION_UNITS)
def test_the_longest_arrow_is_one_and_fields_fade_at_the_head_s_edge(number: int) -> None:
    length = np.hypot(*au_field(X, Y, number))
    assert length.max() == pytest.approx(1.0, abs=0.03)
    assert length[:10].max() < 0.02
    assert length[:, :3].max() < 0.1


@pytest.mark.parametrize("number", ACTION_UNITS)
def test_fields_are_smooth_and_can_be_inverted_at_the_strongest_intensity(number: int) -> None:
    def field(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return expression_field(x, y, {number: (STRONGEST, STRONGEST)})

    steepest = max(float(np.abs(np.diff(part, axis=axis)).max()) / 0.02 for part in field(X, Y) for axis in (0, 1))
    assert steepest < 1
    came_x, came_y = invert(field, X, Y, steps=12)
    dx, dy = field(came_x, came_y)
    assert np.abs(came_x + dx - X).max() < 2e-3
    assert np.abs(came_y + dy - Y).max() < 2e-3


@pytest.mark.parametrize("number", ACTION_UNITS)
def test_both_sides_mirror_each_other_and_add_up(number: int) -> None:
    left, right = au_field(X, Y, number, 1, 0), au_field(X, Y, number, 0, 1)
    both = au_field(X, Y, number, 1, 1)
    np.testing.assert_allclose(left[0] + right[0], both[0], atol=1e-6)
    np.testing.assert_allclose(left[0][:, ::-1], -right[0], atol=1e-4)
    np.testing.assert_allclose(left[1][:, ::-1], right[1], atol=1e-4)


def test_one_side_stays_on_its_side() -> None:
    assert np.hypot(*at(12, LEFT_CORNER, 1, 0)) > 0.9
    assert np.hypot(*at(12, RIGHT_CORNER, 1, 0)) < 0.01


def test_intensity_is_in_pixels_of_the_crop() -> None:
    dx, dy = expression_field(X, Y, {12: (2.0, 2.0)})
    assert np.hypot(dx, dy).max() == pytest.approx(2.0 * UNIT, rel=0.03)
    assert pytest.approx(0.34 * 224) == 1 / UNIT


def test_an_unknown_action_unit_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="99"):
        au_field(X, Y, 99)
