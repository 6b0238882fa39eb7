"""Strain of fields whose derivatives are known."""

import numpy as np
import pytest

from dstan.clips import PreparedClip
from dstan.errors import ShapeError
from dstan.preprocessing.strain import strain_magnitude, strain_of_clip

Y, X = np.mgrid[:12, :14].astype(float)
NOTHING = 0 * X


@pytest.mark.parametrize("diff", ["central", "backward"])
@pytest.mark.parametrize(
    ("u", "v", "strain"),
    [
        (NOTHING + 3, NOTHING - 1, 0.0),
        (-0.05 * Y, 0.05 * X, 0.0),
        (0.1 * X, 0.1 * Y, 0.141421),
        (0.2 * Y, NOTHING, 0.141421),
        (0.3 * X, NOTHING, 0.3),
    ],
    ids=["translation", "rotation", "growth", "shear", "stretch"],
)
def test_analytic_fields(u, v, strain, diff):
    field = np.stack([u, v], axis=-1).astype(np.float32)
    assert np.allclose(strain_magnitude(field, diff=diff)[1:, 1:], strain, atol=1e-5)


def test_what_is_not_a_field_is_an_error():
    for shape in ((5, 5), (2, 5, 5), (1, 5, 2)):
        with pytest.raises(ShapeError):
            strain_magnitude(np.zeros(shape, np.float32))
    with pytest.raises(ShapeError, match="forward"):
        strain_magnitude(np.zeros((5, 5, 2), np.float32), diff="forward")


def test_strain_that_is_given_is_taken_and_any_other_is_computed_field_by_field():
    rng = np.random.default_rng(0)
    flow, given = rng.normal(size=(3, 2, 8, 9)).astype(np.float32), rng.random((3, 8, 9), np.float32)
    assert np.array_equal(strain_of_clip(PreparedClip.from_arrays(flow=flow, strain=given), diff="backward"), given)
    for diff in ("central", "backward"):
        computed = strain_of_clip(PreparedClip.from_arrays(flow=flow), diff=diff)
        each = [strain_magnitude(field.transpose(1, 2, 0), diff=diff) for field in flow]
        assert np.array_equal(computed, np.stack(each))
