"""What surrounds a face: the wall, the neck, the clothes and the ears."""

from __future__ import annotations

import numpy as np

from dstan.synthesis.canvas import Canvas, Layer, paint, smooth_step
from dstan.synthesis.fields import Array, single
from dstan.synthesis.relief import head_radius


def wall(canvas: Canvas) -> Array:
    """Return the background (H, W, 3)."""
    fall = 1 + 0.06 * np.sign(canvas.identity.light[0]) * canvas.x - 0.06 * canvas.y
    return paint((1.0, 0.99, 0.97), single(canvas.identity.background * fall + 0.004 * canvas.grain(0.3)))


def neck(canvas: Canvas) -> Layer:
    """Return the neck, in the shadow of the jaw."""
    half = 0.66 + 0.35 * np.clip((canvas.y - 2.1) / 0.6, 0, 1) ** 2
    across = np.clip(canvas.side / half, 0, 0.999)
    sinews = 0.05 * np.exp(-0.5 * ((canvas.side - 0.3) / 0.06) ** 2)
    light = canvas.light(single(0.9 * np.sqrt(1 - across**2) - sinews), 0.25)
    shadow = 1 - 0.62 * np.exp(-np.clip(head_radius(canvas.x, canvas.y) - 1, 0, None) / 0.16)
    brightness = single(0.85 * light * shadow * (1 + 0.04 * canvas.grain(0.05)))
    return paint(canvas.identity.skin, brightness), smooth_step(half - canvas.side, 0, 2 / canvas.scale) * (
        canvas.y > 0.6
    )


def clothes(canvas: Canvas) -> Layer:
    """Return a collar and shoulders."""
    collar = 2.22 - 0.05 * np.clip(canvas.side / 0.7, 0, 1) ** 2
    shoulder = 2.0 + 0.35 * np.clip((canvas.side - 0.7) / 1.4, 0, 2) ** 1.4
    top = np.where(canvas.side < 0.62, collar, shoulder + 0.17 * np.exp(-(canvas.side - 0.62) / 0.2))
    weave = single(0.8 + 0.08 * canvas.grain(0.15) + 0.05 * canvas.grain(0.015))
    return paint(canvas.identity.cloth, weave), smooth_step(canvas.y - top, 0, 2 / canvas.scale)


def ears(canvas: Canvas) -> Layer:
    """Return the ears, which the head and the hair cover in part."""
    across, down = (canvas.side - 1.11) / 0.13, (canvas.y - 0.25) / 0.42
    r = np.sqrt((across + 0.18 * down) ** 2 + down**2)
    bowl = 1 - 0.45 * np.exp(-0.5 * ((r - 0.45) / 0.22) ** 2)
    lit = 1 + 0.25 * canvas.identity.light[0] * np.sign(canvas.x)
    red, green, blue = canvas.identity.skin
    return paint((0.9 * red, 0.75 * green, 0.72 * blue), single(0.75 * bowl * lit)), smooth_step(
        1 - r, 0, 8 / canvas.scale
    )
