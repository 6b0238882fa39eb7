"""Hair and brows: masks with strands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dstan.synthesis.fields import Array
from dstan.synthesis.identity import Identity
from dstan.synthesis.relief import CENTRE_Y, head_radius
from dstan.synthesis.texture import smooth_step, strands

Layer = tuple[Array, Array]
"""A colour (H, W, 3) in linear light and its mask (H, W)."""


def _coat(identity: Identity, noise: Array, shine: Array) -> Array:
    brightness = np.clip(1 + 0.45 * noise, 0.2, 3) * (1 + 2.2 * shine)
    base = brightness[..., None] * np.array(identity.hair, np.float32)
    return np.asarray(base + 0.012 * (shine * np.clip(1 + noise, 0, 2))[..., None], np.float32)


def back_hair(identity: Identity, rng: np.random.Generator, x: Array, y: Array, pixel: float) -> Iterator[Layer]:
    """Yield the hair behind the neck: only long hair hangs there."""
    if identity.hair_style != "long":
        return
    side = np.abs(x)
    noise = strands(rng, x, y * 0.15, 90)
    width = 1.26 + 0.10 * np.sin(2.2 * y + 0.7) + 0.03 * np.clip(y, 0, 3)
    mask = smooth_step(width - side + 0.03 * noise, 0, 0.06) * (y > -0.9)
    shine = 0.35 * np.exp(-0.5 * ((side - 1.12) / 0.07) ** 2)
    yield _coat(identity, noise, shine.astype(np.float32)) * np.float32(0.8), mask.astype(np.float32)


def front_hair(identity: Identity, rng: np.random.Generator, x: Array, y: Array, pixel: float) -> Iterator[Layer]:
    """Yield the hair on the head, from the hairline up and down the temples."""
    side = np.abs(x)
    angle = np.arctan2(x, -(y + 0.9)).astype(np.float32)
    rho = head_radius(x, y)
    noise = strands(rng, angle, rho * 0.3, 110)
    volume = {"short": 1.09, "long": 1.11, "tied": 1.055}[identity.hair_style]
    burn = {"short": 0.10, "long": 0.50, "tied": -0.15}[identity.hair_style]
    rise = np.clip((side - 0.50) / 0.52, 0, 1)
    line = identity.hairline + (burn - identity.hairline) * rise**2.2
    above = line - y + 0.035 * noise
    outside = volume - rho + 0.012 * noise
    mask = smooth_step(above.astype(np.float32), 0, 0.07) * smooth_step(outside.astype(np.float32), 0, 0.025)
    if identity.hair_style == "long":
        inner = 1.02 - 0.10 * np.clip(y, 0, 2) ** 2
        lock = smooth_step((side - inner + 0.03 * noise).astype(np.float32), 0, 0.05)
        lock *= smooth_step((1.24 + 0.05 * np.sin(2 * y) - side + 0.03 * noise).astype(np.float32), 0, 0.04)
        mask = np.maximum(mask, lock * smooth_step(y, -0.5, -0.1))
    shine = (
        np.exp(-0.5 * ((rho - 0.86 - 0.03 * noise) / 0.07) ** 2)
        * (y < CENTRE_Y - 0.3)
        * (0.6 + 0.4 * np.cos(angle * 2))
    )
    root = 0.55 + 0.45 * smooth_step(above.astype(np.float32), 0.0, 0.25)
    yield _coat(identity, noise, (0.6 * shine).astype(np.float32)) * root[..., None], mask.astype(np.float32)


def brow_mask(identity: Identity, rng: np.random.Generator, x: Array, y: Array, pixel: float) -> Layer:
    """Return the brows' colour and mask."""
    side = np.abs(x)
    along = np.clip((side - 0.20) / 0.62, 0, 1)
    spine = -0.33 - 0.10 * identity.brow_arch * np.sin(np.pi * np.clip(along, 0, 1) ** 0.85 * 0.92) + 0.045 * along**2
    thick = 0.062 * identity.brow_thickness * (1 - 0.65 * along**1.6) * smooth_step(side, 0.15, 0.30)
    lean = side * 0.8 + (y - spine) * (1.2 - 1.4 * along)
    noise = strands(rng, (lean + 3 * (x > 0)).astype(np.float32), ((y - spine) * 0.4).astype(np.float32), 55)
    body = np.exp(-0.5 * ((y - spine) / np.maximum(thick, 1e-3)) ** 2 * 1.6)
    ends = smooth_step(side, 0.14, 0.27) * (1 - smooth_step(side, 0.74, 0.86))
    cover = np.clip(identity.brow_density * body * ends * (0.85 + 0.5 * noise), 0, 0.95)
    dark = np.array(identity.hair, np.float32) * 0.9 + np.array(identity.skin, np.float32) * 0.05
    return np.ones((*x.shape, 3), np.float32) * dark, cover.astype(np.float32)
