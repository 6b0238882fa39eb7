"""Optical strain: how much a displacement field stretches and shears the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.errors import ShapeError


def strain_magnitude(flow: NDArray[np.float32], *, diff: str = "central") -> NDArray[np.float32]:
    r"""Compute the magnitude of the infinitesimal strain tensor of a displacement field.

    .. math:: |\epsilon| = \sqrt{u_x^2 + v_y^2 + (u_y + v_x)^2 / 2}

    It is zero for translations and small rotations of the whole head.

    Parameters
    ----------
    flow
        (H, W, 2) displacement (u, v) in pixels, x to the right, y down, at least 2 x 2.
    diff
        ``central`` differences, or ``backward`` ones as in the authors' code (the first row and column are 0).

    Returns
    -------
    (H, W) float32, without unit.

    Raises
    ------
    ShapeError
        If the field has another shape, or ``diff`` is neither of the two.

    References
    ----------
    .. [1] M. Shreve et al., "Macro- and micro-expression spotting in long videos using spatio-temporal strain",
       FG 2011.
    """
    if flow.ndim != 3 or flow.shape[2] != 2 or min(flow.shape[:2]) < 2:
        raise ShapeError(f"strain needs a field (H, W, 2) of at least 2 x 2, not {flow.shape}")
    if diff not in ("central", "backward"):
        raise ShapeError(f"differences are central or backward, not {diff!r}")
    derive = _central if diff == "central" else _backward
    field = flow.astype(np.float64)
    u_y, u_x = derive(field[..., 0])
    v_y, v_x = derive(field[..., 1])
    return np.asarray(np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2), dtype=np.float32)


def strain_of_fields(flow: NDArray[np.float32], *, diff: str = "central") -> NDArray[np.float32]:
    """Compute :func:`strain_magnitude` of each field of a clip.

    Parameters
    ----------
    flow
        (T, 2, H, W) displacements (u, v) in pixels, as a prepared clip holds them.
    diff
        As there.

    Returns
    -------
    (T, H, W) float32, without unit.

    Raises
    ------
    ShapeError
        As there.
    """
    return np.stack([strain_magnitude(field.transpose(1, 2, 0), diff=diff) for field in flow])


def strain_of_clip(clip: PreparedClip, *, diff: str = "central") -> NDArray[np.float32]:
    """Return the strain that a clip was given, or else compute that of its flow.

    Parameters
    ----------
    clip
        With flow.
    diff
        As in :func:`strain_magnitude`; without effect where strain is given.

    Returns
    -------
    (T, H, W) float32, without unit; where it is given, as it is given.
    """
    return strain_of_fields(np.asarray(clip.flow), diff=diff) if clip.strain is None else clip.strain


def _central(plane: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    along_y, along_x = np.gradient(plane)
    return along_y, along_x


def _backward(plane: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.diff(plane, axis=0, prepend=plane[:1]), np.diff(plane, axis=1, prepend=plane[:, :1])
