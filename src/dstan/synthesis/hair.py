"""Hair and brows: masks with strands."""

from __future__ import annotations

import numpy as np

from dstan.synthesis.canvas import Canvas, Layer, smooth_step
from dstan.synthesis.fields import Array, single
from dstan.synthesis.relief import CENTRE_Y, head_radius

_VOLUME = {"short": 1.09, "long": 1.11, "tied": 1.055}
"""Size of the head with hair, by style."""
_SIDEBURN = {"short": 0.10, "long": 0.50, "tied": -0.15}
"""How far down hair grows before the ears, in face units."""


def _coat(canvas: Canvas, noise: Array, shine: Array) -> Array:
    """Return the hair's colour (H, W, 3)."""
    brightness = np.clip(1 + 0.45 * noise, 0.2, 3) * (1 + 2.2 * shine)
    gloss = 0.012 * shine * np.clip(1 + noise, 0, 2)
    return single(brightness[..., None] * single(canvas.identity.hair) + gloss[..., None])


def back_hair(canvas: Canvas) -> Layer:
    """Return long hair behind the neck."""
    noise = canvas.strands(canvas.x, canvas.y * 0.15, 90)
    width = 1.26 + 0.10 * np.sin(2.2 * canvas.y + 0.7) + 0.03 * np.clip(canvas.y, 0, 3)
    mask = smooth_step(width - canvas.side + 0.02 * noise, 0, 0.09) * smooth_step(canvas.y, -0.9, -0.4)
    shine = 0.35 * np.exp(-0.5 * ((canvas.side - 1.12) / 0.07) ** 2)
    return 0.8 * _coat(canvas, noise, shine), mask


def front_hair(canvas: Canvas) -> Layer:
    """Return the hair on the head, from the hairline up and down the temples."""
    x, y, identity = canvas.x, canvas.y, canvas.identity
    angle, rho = np.arctan2(x, -(y + 0.9)), head_radius(x, y)
    noise = 0.75 * canvas.strands(angle, rho * 0.3, 110) + 0.6 * canvas.strands(angle, rho * 0.3, 31)
    tufts = canvas.strands(angle, rho * 0.1, 14)
    rise = np.clip((canvas.side - 0.28) / 0.75, 0, 1) ** 2.7
    line = identity.hairline + (_SIDEBURN[identity.hair_style] - identity.hairline) * rise
    above = line - y + 0.025 * noise + 0.02 * tufts
    outside = _VOLUME[identity.hair_style] - rho + 0.004 * noise + 0.010 * tufts
    mask = smooth_step(above, 0, 0.09) * smooth_step(outside, 0, 0.03)
    if identity.hair_style == "long":
        mask = np.maximum(mask, _locks(canvas, noise))
    band = np.exp(-0.5 * ((rho - 0.86 - 0.03 * noise) / 0.07) ** 2) * (0.6 + 0.4 * np.cos(angle * 2))
    root = 0.55 + 0.45 * smooth_step(above, 0.0, 0.25)
    return _coat(canvas, noise, 0.6 * band * (y < CENTRE_Y - 0.3)) * root[..., None], mask


def _locks(canvas: Canvas, noise: Array) -> Array:
    """Return the mask of long hair beside the cheeks."""
    inner = 1.02 - 0.10 * np.clip(canvas.y, 0, 2) ** 2
    outer = 1.24 + 0.05 * np.sin(2 * canvas.y)
    between = smooth_step(canvas.side - inner + 0.03 * noise, 0, 0.05)
    between *= smooth_step(outer - canvas.side + 0.02 * noise, 0, 0.07)
    return between * smooth_step(canvas.y, -0.5, -0.1)


def brows(canvas: Canvas) -> Layer:
    """Return the brows."""
    identity, side = canvas.identity, canvas.side
    along = np.clip((side - 0.20) / 0.62, 0, 1)
    spine = -0.33 - 0.10 * identity.brow_arch * np.sin(0.92 * np.pi * along**0.85) + 0.045 * along**2
    thick = 0.062 * identity.brow_thickness * (1 - 0.65 * along**1.6) * smooth_step(side, 0.15, 0.30) + 1e-3
    lean = side * 0.8 + (canvas.y - spine) * (1.2 - 1.4 * along) + 3 * (canvas.x > 0)
    noise = canvas.strands(single(lean), single((canvas.y - spine) * 0.4), 55)
    body = np.exp(-0.75 * ((canvas.y - spine) / thick) ** 2)
    ends = smooth_step(side, 0.14, 0.27) * (1 - smooth_step(side, 0.74, 0.86))
    cover = np.clip(identity.brow_density * body * ends * (0.80 + 0.32 * noise), 0, 0.93)
    colour = 0.9 * single(identity.hair) + 0.05 * single(identity.skin)
    return np.broadcast_to(colour, (*canvas.x.shape, 3)), single(cover)
