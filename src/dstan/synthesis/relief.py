"""The average face as a relief: how far each place stands out towards the camera, and where its parts lie."""

from __future__ import annotations

from functools import cache

import numpy as np

from dstan.synthesis.fields import Array, Bump, single, weight
from dstan.synthesis.identity import Identity

OUTLINE = (
    (0.00, 1.80), (0.24, 1.765), (0.48, 1.62), (0.72, 1.34), (0.90, 1.00), (1.02, 0.55), (1.08, 0.05), (1.10, -0.40),
    (1.07, -0.85), (0.94, -1.25), (0.66, -1.55), (0.32, -1.70), (0.00, -1.74),
)  # fmt: skip
"""Half of the head's outline seen from the front, from the chin to the top."""
CENTRE_Y = 0.05
"""Where the head's middle lies below the eyes."""
MOUTH_Y = 1.06
"""Height of the line between the lips."""


@cache
def _radius_table() -> tuple[Array, Array]:
    """Angles from straight down, and the outline's distance from the head's middle there."""
    from scipy.interpolate import CubicSpline

    x, y = np.array(OUTLINE).T
    angle, radius = np.arctan2(x, y - CENTRE_Y), np.hypot(x, y - CENTRE_Y)
    spline = CubicSpline(angle, radius, bc_type="clamped")
    fine = np.linspace(0, np.pi, 721)
    return fine.astype(np.float32), spline(fine).astype(np.float32)


def head_radius(x: Array, y: Array) -> Array:
    """Return the distance from the head's middle as a share of the outline's: below 1 on the head."""
    angles, radii = _radius_table()
    angle = np.arctan2(np.abs(x), y - CENTRE_Y)
    return (np.hypot(x, y - CENTRE_Y) / np.interp(angle, angles, radii)).astype(np.float32)


def mouth_line(x: Array) -> Array:
    """Return the height of the line between the lips: a shallow bow."""
    return single(MOUTH_Y - 0.012 * np.cos(x * 16) * np.exp(-((x / 0.2) ** 2)) - 0.03 * (x / 0.42) ** 2 + 0.012)


def lip_heights(x: Array, identity: Identity) -> tuple[Array, Array]:
    """Return the heights of the upper lip's upper edge and of the lower lip's lower edge above and below the line."""
    reach = np.clip(1 - (np.abs(x) / 0.42) ** 2.2, 0, 1)
    bow = 1 - 0.22 * np.exp(-((x / 0.045) ** 2)) + 0.06 * np.exp(-(((np.abs(x) - 0.09) / 0.05) ** 2))
    upper = 0.125 * identity.lip_fullness * reach**0.85 * bow
    lower = 0.165 * identity.lip_fullness * np.clip(1 - (np.abs(x) / 0.38) ** 2.4, 0, 1) ** 0.7
    return upper.astype(np.float32), lower.astype(np.float32)


def _pair(x: Array, y: Array, *bump: float) -> Array:
    centre_x, centre_y, width, up, down = bump
    one = Bump(centre_x, centre_y, width, up, down, 0.0, 0.0)
    return weight(x, y, one) + weight(-x, y, one)


def relief(x: Array, y: Array, identity: Identity) -> Array:
    """Return the height towards the camera in face units.

    Parameters
    ----------
    x, y
        Places in normalised coordinates of the average face.
    identity
        Whose nose and lips.
    """
    rho = np.minimum(head_radius(x, y), 1)
    z = 1.15 * np.sqrt(np.maximum(1 - rho**2.5, 0))
    z += 0.075 * _pair(x, y, 0.38, -0.33, 0.26, 0.10, 0.10)  # brow ridge
    z += 0.03 * _pair(x, y, 0.0, -0.28, 0.14, 0.12, 0.10) * 0.5
    z -= 0.17 * _pair(x, y, 0.40, 0.00, 0.22, 0.17, 0.17)  # eye sockets
    z += 0.13 * _pair(x, y, 0.49, -0.01, 0.17, 0.12, 0.11)  # eyeballs under the lids
    z += 0.06 * _pair(x, y, 0.64, 0.46, 0.26, 0.22, 0.30)  # cheeks
    z -= 0.04 * _pair(x, y, 1.00, -0.45, 0.20, 0.30, 0.30)  # temples
    z += _nose(x, y) * np.float32(identity.nose_height)
    z += _mouth(x, y, identity)
    z += 0.07 * _pair(x, y, 0.0, 1.60, 0.20, 0.12, 0.12) * 0.5 * 2
    z -= 0.05 * _pair(x, y, 0.0, 1.36, 0.24, 0.06, 0.06)  # below the lower lip
    return single(z)


def _nose(x: Array, y: Array) -> Array:
    along = np.clip((y + 0.12) / 0.72, 0, 1)
    with np.errstate(over="ignore"):  # far below the nose: 1 / infinity
        fall = 1 / (1 + np.exp((y - 0.69) / 0.028))
    width = 0.075 + 0.055 * along**2
    bridge = (0.06 + 0.30 * along**1.3) * np.exp(-0.5 * (x / width) ** 2) * fall / (1 + np.exp(-(y + 0.1) / 0.08))
    tip = 0.10 * _pair(x, y, 0.0, 0.57, 0.085, 0.09, 0.075) * 0.5
    wings = 0.13 * _pair(x, y, 0.185, 0.62, 0.062, 0.085, 0.055)
    grooves = 0.035 * _pair(x, y, 0.275, 0.60, 0.03, 0.07, 0.07)
    return single(bridge + tip + wings - grooves)


def _mouth(x: Array, y: Array, identity: Identity) -> Array:
    line = mouth_line(x)
    upper, lower = lip_heights(x, identity)
    above, below = line - y, y - line
    lip_up = np.exp(-0.5 * ((above - 0.5 * upper) / (0.45 * upper + 0.012)) ** 2) * np.minimum(upper / 0.08, 1)
    lip_low = np.exp(-0.5 * ((below - 0.5 * lower) / (0.42 * lower + 0.012)) ** 2) * np.minimum(lower / 0.1, 1)
    z = 0.045 * lip_up + 0.065 * lip_low
    z += 0.05 * _pair(x, y, 0.0, 1.04, 0.34, 0.22, 0.22) * 0.5  # the teeth behind
    z -= 0.05 * np.exp(-0.5 * ((y - line) / 0.016) ** 2) * np.clip(1.15 - (np.abs(x) / 0.42) ** 4, 0, 1)
    z -= 0.02 * _pair(x, y, 0.0, 0.82, 0.035, 0.08, 0.06) * 0.5  # philtrum
    z += 0.012 * _pair(x, y, 0.075, 0.83, 0.03, 0.08, 0.06)
    z -= 0.03 * _pair(x, y, 0.46, 1.08, 0.05, 0.06, 0.08)  # corners
    fold = 0.30 + 0.20 * np.clip((y - 0.62) / 0.45, 0, 1) ** 0.8
    strength = np.clip((y - 0.56) / 0.15, 0, 1) * np.clip((1.12 - y) / 0.3, 0, 1)
    z -= 0.022 * strength * np.exp(-0.5 * ((np.abs(x) - fold) / 0.035) ** 2)  # nasolabial fold
    return single(z)
