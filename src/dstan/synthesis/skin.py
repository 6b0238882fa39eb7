"""Skin: its relief in the light, its blood, pores, freckles and stubble, the lips and the nostrils."""

from __future__ import annotations

import numpy as np

from dstan.preprocessing._opencv import opencv
from dstan.synthesis.canvas import Canvas, Layer, grain, over, paint, smooth_step
from dstan.synthesis.fields import Array, Bump, single, weight
from dstan.synthesis.relief import head_radius, lip_heights, mouth_line, relief

_SCATTER = ((0.014, 0.35), (0.007, 0.22), (0.004, 0.18))
"""How far light spreads in skin (face units) and reaches around edges: red, green, blue."""


def skin(canvas: Canvas) -> Layer:
    """Return the face, with shut eyes and without brows."""
    pores = 0.0011 * canvas.grain(0.012) + 0.0012 * canvas.grain(0.022) + 0.0018 * canvas.grain(0.05)
    z = relief(canvas.x, canvas.y, canvas.identity) + pores
    light = np.stack([canvas.light(_soften(canvas, z, spread), reach) for spread, reach in _SCATTER], axis=-1)
    oily = _spot(canvas, 0, 0.3, 0.18, 0.5, 0.3) + _spot(canvas, 0.6, 0.35, 0.2, 0.2, 0.2)
    gleam = smooth_step(canvas.light(_soften(canvas, z, 0.008), 0.0), 0.98, 1.12)
    shine = 0.10 * gleam * np.clip(0.3 + oily, 0, 1)
    colour = _mouth_and_nostrils(canvas, _complexion(canvas))
    return single(colour * light + shine[..., None]), smooth_step(
        1 - head_radius(canvas.x, canvas.y), 0, 1.5 / canvas.scale
    )


def _soften(canvas: Canvas, z: Array, spread: float) -> Array:
    return single(opencv().GaussianBlur(z, (0, 0), spread * canvas.scale + 0.3))


def _spot(canvas: Canvas, x: float, y: float, width: float, up: float, down: float) -> Array:
    return weight(canvas.side, canvas.y, Bump(x, y, width, up, down, 0, 0))


def _tint(colour: Array, amount: Array, red: float, green: float, blue: float) -> Array:
    """Take away shares of red, green and blue."""
    return single(colour * (1 - amount[..., None] * single((red, green, blue))))


def _complexion(canvas: Canvas) -> Array:
    """Return the skin's own colour (H, W, 3): tone, blotches, blood, shadows below the eyes, freckles, stubble."""
    identity = canvas.identity
    blotches = (
        0.03 * canvas.grain(0.02) + 0.035 * canvas.grain(0.045) + 0.03 * canvas.grain(0.1) + 0.03 * canvas.grain(0.3)
    )
    colour = paint(identity.skin, single(1 + identity.blotches * blotches))
    blood = 0.55 * _spot(canvas, 0.58, 0.48, 0.24, 0.2, 0.22) + 0.45 * _spot(canvas, 0, 0.6, 0.15, 0.15, 0.1)
    colour = _tint(colour, single(blood + 0.08 * canvas.grain(0.16)), 0.0, 0.20, 0.16)
    colour = _tint(colour, _spot(canvas, 0.44, 0.17, 0.17, 0.05, 0.07), 0.10, 0.14, 0.10)
    freckles = smooth_step(canvas.grain(0.022), 2.0, 2.8) * (0.2 + 0.8 * identity.freckles)
    colour = _tint(colour, freckles, 0.18, 0.30, 0.36)
    return _tint(colour, 0.45 * identity.stubble * _beard(canvas), 1.0, 0.95, 0.85) if identity.stubble > 0 else colour


def _beard(canvas: Canvas) -> Array:
    """Return where stubble grows, dot by dot."""
    jaw = canvas.y - 0.78 + 0.55 * (1 - canvas.side) * (canvas.side > 0.6)
    region = smooth_step(jaw, 0.0, 0.3) * smooth_step(1 - head_radius(canvas.x, canvas.y), 0, 0.1)
    return single(region * (0.5 + 0.5 * np.clip(canvas.grain(0.014), -1, 1)))


def _mouth_and_nostrils(canvas: Canvas, colour: Array) -> Array:
    x, y, identity = canvas.x, canvas.y, canvas.identity
    line = mouth_line(x)
    upper, lower = lip_heights(x, identity)
    soft = 0.022
    on_upper = smooth_step(upper - (line - y), -soft, soft) * (upper > 0.004) * (y < line)
    on_lower = smooth_step(lower - (y - line), -soft, soft) * (lower > 0.004) * (y >= line)
    ridges = 1 + 0.06 * _upright_ridges(canvas) - 0.10 * (y < line)
    colour = over(colour, (paint(identity.lips, single(ridges)), single(0.9 * (on_upper + on_lower))))
    reach = smooth_step(0.43 - canvas.side, 0, 0.05)
    seam = np.exp(-0.5 * ((y - line) / (0.010 + 0.006 * reach)) ** 2) * reach
    nostrils = np.clip(1.4 * _spot(canvas, 0.105, 0.705, 0.052, 0.020, 0.022), 0, 1)
    return _tint(colour, single(np.clip(0.85 * seam + 0.9 * nostrils, 0, 0.95)), 0.85, 0.95, 0.95)


def _upright_ridges(canvas: Canvas) -> Array:
    """Return noise that varies across only: the fine ridges of lips."""
    line = grain(canvas.rng, (1, 1024), 2.0)[0]
    return single(line[np.clip((canvas.x + 0.55) * 900, 0, 1023).astype(int)])
