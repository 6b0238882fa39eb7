"""Action units (AUs) of the Facial Action Coding System as displacement fields in normalised face coordinates.

Each AU is a handful of bumps (see :mod:`dstan.synthesis.fields`), placed and directed after the muscles' descriptions
in FACS [1]_. A field's longest arrow has length 1 when both sides act fully; :data:`UNIT` turns an intensity in pixels
of the 224 x 224 crop into face units. The same fields move drawn faces, truth landmarks and photographs.

References
----------
.. [1] P. Ekman, W. V. Friesen and J. C. Hager, "Facial Action Coding System", 2002.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from dstan._registry import look_up
from dstan.synthesis.fields import Array, Bump, displacement

UNIT = 1 / (0.34 * 224)
"""One pixel of the aligned 224 x 224 crop in face units: there the eye centres are .34 of the side apart."""


@dataclass(frozen=True)
class ActionUnit:
    """One AU: its FACS name and its bumps."""

    number: int
    name: str
    bumps: tuple[Bump, ...]


ACTION_UNITS: dict[int, ActionUnit] = {
    unit.number: unit
    for unit in (
        ActionUnit(1, "inner brow raiser", (
            Bump(0.20, -0.38, 0.15, 0.20, 0.10, 0.03, -1.0), Bump(0.18, -0.66, 0.22, 0.18, 0.16, 0.0, -0.45))),
        ActionUnit(2, "outer brow raiser", (
            Bump(0.68, -0.36, 0.19, 0.20, 0.10, 0.05, -1.0), Bump(0.66, -0.64, 0.24, 0.18, 0.16, 0.0, -0.4))),
        ActionUnit(4, "brow lowerer", (
            Bump(0.20, -0.34, 0.15, 0.17, 0.11, -0.6, 0.75), Bump(0.50, -0.38, 0.20, 0.15, 0.10, -0.25, 0.55))),
        ActionUnit(5, "upper lid raiser", (
            Bump(0.49, -0.09, 0.17, 0.08, 0.045, 0.0, -1.0),)),
        ActionUnit(6, "cheek raiser", (
            Bump(0.60, 0.30, 0.26, 0.13, 0.24, -0.1, -1.0), Bump(0.76, 0.04, 0.11, 0.11, 0.13, -0.4, -0.2))),
        ActionUnit(7, "lid tightener", (
            Bump(0.49, 0.08, 0.19, 0.045, 0.09, -0.05, -1.0), Bump(0.50, -0.10, 0.17, 0.07, 0.05, 0.0, 0.35))),
        ActionUnit(9, "nose wrinkler", (
            Bump(0.15, 0.34, 0.12, 0.26, 0.22, 0.05, -1.0), Bump(0.18, -0.26, 0.14, 0.14, 0.12, -0.3, 0.65),
            Bump(0.20, 0.80, 0.15, 0.12, 0.12, 0.02, -0.4))),
        ActionUnit(10, "upper lip raiser", (
            Bump(0.20, 0.96, 0.17, 0.15, 0.05, 0.05, -1.0), Bump(0.32, 0.64, 0.15, 0.17, 0.15, 0.08, -0.6))),
        ActionUnit(12, "lip corner puller", (
            Bump(0.42, 1.06, 0.17, 0.17, 0.15, 0.75, -0.85), Bump(0.60, 0.64, 0.24, 0.22, 0.20, 0.2, -0.5))),
        ActionUnit(14, "dimpler", (
            Bump(0.45, 1.06, 0.14, 0.13, 0.13, 0.95, -0.05), Bump(0.66, 1.02, 0.14, 0.18, 0.18, -0.35, 0.0))),
        ActionUnit(15, "lip corner depressor", (
            Bump(0.42, 1.10, 0.15, 0.12, 0.18, 0.2, 1.0), Bump(0.42, 1.36, 0.18, 0.14, 0.16, 0.0, 0.35))),
        ActionUnit(17, "chin raiser", (
            Bump(0.0, 1.50, 0.24, 0.17, 0.17, 0.0, -0.5), Bump(0.0, 1.19, 0.24, 0.09, 0.13, 0.0, -0.35))),
        ActionUnit(20, "lip stretcher", (
            Bump(0.42, 1.12, 0.20, 0.15, 0.20, 1.0, 0.25),)),
        ActionUnit(23, "lip tightener", (
            Bump(0.34, 1.07, 0.14, 0.11, 0.11, -0.9, 0.0), Bump(0.0, 0.97, 0.22, 0.07, 0.05, 0.0, 0.2),
            Bump(0.0, 1.18, 0.22, 0.05, 0.07, 0.0, -0.2))),
        ActionUnit(24, "lip pressor", (
            Bump(0.0, 0.97, 0.26, 0.08, 0.05, 0.0, 0.4), Bump(0.0, 1.18, 0.26, 0.06, 0.09, 0.0, -0.5))),
        ActionUnit(25, "lips part", (
            Bump(0.0, 1.11, 0.24, 0.036, 0.22, 0.0, 0.5), Bump(0.0, 0.99, 0.22, 0.10, 0.035, 0.0, -0.1))),
        ActionUnit(26, "jaw drop", (
            Bump(0.0, 1.115, 0.42, 0.035, 0.55, 0.0, 0.5),)),
    )
}  # fmt: skip
"""The AUs that synthesis knows, by number."""


@cache
def scaled_bumps(number: int) -> tuple[Bump, ...]:
    """Return an AU's bumps, scaled so that the longest arrow of the whole field is 1.

    Raises
    ------
    UnknownNameError
        If there is no such AU.
    """
    unit = look_up("action unit", str(number), {str(key): value for key, value in ACTION_UNITS.items()})
    x, y = np.meshgrid(np.arange(-1.2, 1.21, 0.01, np.float32), np.arange(-1.4, 2.01, 0.01, np.float32))
    longest = float(np.hypot(*displacement(x, y, unit.bumps)).max())
    return tuple(replace(bump, dx=bump.dx / longest, dy=bump.dy / longest) for bump in unit.bumps)


def au_field(x: Array, y: Array, number: int, left: float = 1.0, right: float = 1.0) -> tuple[Array, Array]:
    """Return the displacement of one AU.

    Parameters
    ----------
    x, y
        Places in normalised face coordinates, any one shape.
    number
        Which AU.
    left, right
        Intensity on the subject's left and right side; the displacement is in the unit of the intensity.

    Returns
    -------
    dx and dy, of the shape of ``x``.

    Raises
    ------
    UnknownNameError
        If there is no such AU.
    """
    return displacement(x, y, scaled_bumps(number), left, right)


def expression_field(x: Array, y: Array, intensities: Mapping[int, tuple[float, float]]) -> tuple[Array, Array]:
    """Sum several AUs.

    Parameters
    ----------
    x, y
        Places in normalised face coordinates, any one shape.
    intensities
        For each AU the intensity on the subject's left and right side, in pixels of the 224 x 224 crop.

    Returns
    -------
    dx and dy in face units.
    """
    dx, dy = np.zeros(x.shape, np.float32), np.zeros(x.shape, np.float32)
    for number, (left, right) in intensities.items():
        one_dx, one_dy = au_field(x, y, number, left * UNIT, right * UNIT)
        dx += one_dx
        dy += one_dy
    return dx, dy
