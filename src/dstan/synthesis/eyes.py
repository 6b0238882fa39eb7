"""Eyes, drawn anew in every frame: the opening between the lids, the white, the iris and the lashes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.synthesis.canvas import smooth_step
from dstan.synthesis.fields import Array
from dstan.synthesis.identity import Identity
from dstan.synthesis.portrait import Portrait

EYE_X, EYE_HALF = 0.495, 0.245
"""Middle of an eye and half its width, in face units."""


@dataclass(frozen=True)
class Gaze:
    """Where the eyes look and how open they are.

    Parameters
    ----------
    x, y
        Shift of the irises right and down, in face units.
    opening
        0 shut, 1 at rest.
    """

    x: float = 0.0
    y: float = 0.0
    opening: float = 1.0


def lid_curves(u: Array, identity: Identity, opening: float) -> tuple[Array, Array]:
    """Return the heights of the upper and the lower lid's edge.

    Parameters
    ----------
    u
        Place across the eye: -1 at the inner corner, 1 at the outer.
    identity
        Whose eye.
    opening
        0 shut, 1 at rest.
    """
    reach = np.clip(1 - u**2, 0, 1)
    tilt = 0.018 - 0.022 * (u + 1) / 2
    upper = tilt - 0.098 * identity.eye_opening * reach**0.72 * (1 - 0.18 * u)
    lower = tilt + 0.074 * identity.eye_opening * reach**0.85 * (1 + 0.15 * u)
    moved = lower - 0.012 * reach * (1 - opening) + (upper - lower) * opening
    return moved.astype(np.float32), (lower - 0.012 * reach * (1 - opening)).astype(np.float32)


class EyePainter:
    """Draws the eyes of one portrait.

    Parameters
    ----------
    portrait
        Whose.
    """

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        self._boxes = [_box(portrait, side) for side in (1, -1)]

    def draw(self, gaze: Gaze) -> NDArray[np.uint8]:
        """Return a copy of the portrait with its eyes drawn."""
        image = self._portrait.image.copy()
        for side, box in zip((1, -1), self._boxes, strict=True):
            image[box] = self._eye(side, box, gaze)
        return image

    def _eye(self, side: int, box: tuple[slice, slice], gaze: Gaze) -> NDArray[np.uint8]:
        portrait, identity = self._portrait, self._portrait.identity
        x, y = portrait.x[box], portrait.y[box]
        out = x * side - EYE_X
        u = out / EYE_HALF
        pixel = 1 / portrait.placement.scale
        upper, lower = lid_curves(u, identity, gaze.opening)
        inside = (np.abs(u) < 1).astype(np.float32)
        shown = smooth_step(y - upper, -pixel, pixel) * smooth_step(lower - y, -pixel, pixel) * inside
        skin = portrait.image[box].astype(np.float32)
        skin = _lids(skin, identity, u, y, upper, lower, gaze.opening)
        ball = _ball(identity, out * side - gaze.x, y - gaze.y, u, y - upper, pixel)
        eye = skin + (ball - skin) * shown[..., None]
        lash = np.exp(-0.5 * ((y - upper) / (0.011 + 0.010 * (u + 1) / 2)) ** 2) * smooth_step(1.06 - np.abs(u), 0, 0.2)
        eye *= 1 - (0.85 * lash)[..., None]
        return np.asarray(np.clip(eye + 0.5, 0, 255), np.uint8)


def _box(portrait: Portrait, side: int) -> tuple[slice, slice]:
    near = (np.abs(portrait.x * side - EYE_X) < EYE_HALF * 1.35) & (np.abs(portrait.y) < 0.26)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _lids(skin: Array, identity: Identity, u: Array, y: Array, upper: Array, lower: Array, opening: float) -> Array:
    reach = smooth_step(1.15 - np.abs(u), 0, 0.5)
    gap = 0.045 + 0.03 * identity.lid_crease
    crease = np.exp(-0.5 * ((y - upper + gap) / 0.011) ** 2) * reach * min(opening, 1.0) * identity.lid_crease
    rim = np.exp(-0.5 * ((y - lower - 0.012) / 0.012) ** 2) * reach
    bag = np.exp(-0.5 * ((y - lower - 0.075) / 0.014) ** 2) * reach
    shade = 1 - 0.38 * crease - 0.10 * bag + 0.06 * rim
    return np.asarray(skin * shade[..., None], np.float32)


def _ball(identity: Identity, x: Array, y: Array, u: Array, below_lid: Array, pixel: float) -> Array:
    """Colour (0 to 255) of the eyeball: white, iris, pupil, the lid's shadow and the light's reflection."""
    r = np.hypot(x, y + 0.012)
    white = (
        np.ones((*x.shape, 3), np.float32) * np.array((214, 205, 200), np.float32) * np.float32(identity.exposure * 0.9)
    )
    white *= (1 - 0.28 * np.clip(np.abs(u), 0, 1) ** 2)[..., None]
    inner = smooth_step(-u, 0.80, 0.95)[..., None]
    white += (np.array((190, 120, 110), np.float32) - white) * (0.8 * inner)
    iris = np.array(identity.iris, np.float32) ** np.float32(1 / 2.2) * 255
    angle = np.arctan2(y, x)
    spokes = 1 + 0.15 * np.sin(angle * 23 + 5 * np.sin(angle * 7)) + 0.3 * (r / 0.1 - 0.5)
    ring = 1 - 0.75 * smooth_step(r, 0.078, 0.098)
    disc = smooth_step(0.098 - r, -1.2 * pixel, 1.2 * pixel)[..., None]
    ball = white + ((spokes * ring)[..., None] * iris - white) * disc
    ball *= 1 - 0.95 * smooth_step(0.042 - r, -pixel, pixel)[..., None]
    ball *= (0.45 + 0.55 * smooth_step(below_lid, 0.0, 0.07))[..., None]
    glint = smooth_step(0.020 - np.hypot(x - 0.045 * np.sign(identity.light[0]), y + 0.055), -pixel, pixel)
    return np.asarray(ball + (np.float32(235) - ball) * (0.9 * glint)[..., None], np.float32)
