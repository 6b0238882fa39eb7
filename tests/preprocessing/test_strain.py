"""Strain of fields whose derivatives are known."""

import numpy as np
import pytest

from dstan.errors import ShapeError
from dstan.preprocessing.strain import strain_magnitude

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
