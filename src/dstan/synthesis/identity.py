"""Who a drawn person is: proportions, skin, hair, eyes and the light of the recording, all drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dstan.synthesis.fields import Array, Bump, displacement

Colour = tuple[float, float, float]
"""Red, green and blue in [0, 1], linear light."""

SHAPES: dict[str, tuple[tuple[Bump, ...], float]] = {
    "face width": ((Bump(1.00, 0.30, 0.55, 1.10, 1.00, 1.0, 0.0),), 0.055),
    "jaw width": ((Bump(0.75, 1.45, 0.40, 0.45, 0.50, 1.0, 0.0),), 0.055),
    "chin length": ((Bump(0.00, 1.75, 0.60, 0.45, 0.80, 0.0, 0.5),), 0.050),
    "nose length": ((Bump(0.00, 0.66, 0.30, 0.30, 0.22, 0.0, 0.5),), 0.030),
    "nose width": ((Bump(0.22, 0.60, 0.16, 0.25, 0.16, 1.0, 0.0),), 0.022),
    "mouth width": ((Bump(0.40, 1.06, 0.20, 0.20, 0.20, 1.0, 0.0),), 0.030),
    "mouth height": ((Bump(0.00, 1.06, 0.50, 0.22, 0.25, 0.0, 0.5),), 0.025),
    "brow height": ((Bump(0.45, -0.42, 0.35, 0.25, 0.18, 0.0, 1.0),), 0.025),
    "eye tilt": ((Bump(0.74, 0.00, 0.20, 0.15, 0.15, 0.0, 1.0),), 0.018),
    "eye distance": ((Bump(0.50, 0.00, 0.40, 0.30, 0.30, 1.0, 0.0),), 0.018),
}
"""Ways in which faces differ: a displacement field each, and its standard deviation among people in face units."""

_SKIN = ((0.80, 0.58, 0.47), (0.74, 0.49, 0.37), (0.66, 0.42, 0.30), (0.55, 0.33, 0.22), (0.38, 0.21, 0.13))
_HAIR = ((0.012, 0.010, 0.009), (0.02, 0.014, 0.010), (0.045, 0.026, 0.016), (0.10, 0.055, 0.028), (0.22, 0.15, 0.08))
_IRIS = ((0.030, 0.015, 0.008), (0.050, 0.026, 0.012), (0.09, 0.055, 0.025), (0.10, 0.10, 0.06), (0.10, 0.15, 0.19))
_CLOTH = ((0.03, 0.04, 0.07), (0.30, 0.30, 0.31), (0.25, 0.05, 0.05), (0.05, 0.12, 0.10), (0.55, 0.53, 0.50))


@dataclass(frozen=True)
class Identity:
    """One person before one camera.

    Parameters
    ----------
    seed
        Seeds the texture of skin and hair.
    shape
        Coefficients of :data:`SHAPES`, in face units.
    skin, lips, hair, iris, cloth
        Colours.
    brow_thickness, brow_arch, brow_density
        The brows, about 1 each.
    lip_fullness, nose_height, eye_opening, lid_crease
        Relief of lips and nose and how open the eyes are, about 1 each.
    hairline
        Height of the hairline in face units (negative is up).
    hair_style
        "short", "long" or "tied".
    freckles, stubble, blotches
        Amounts, 0 and up.
    light
        Direction from which the key light falls, not normalised: x, y, z towards the camera.
    ambient, exposure, background
        Share of ambient light, overall gain, and grey level of the wall.
    """

    seed: int
    shape: tuple[float, ...]
    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    cloth: Colour
    brow_thickness: float
    brow_arch: float
    brow_density: float
    lip_fullness: float
    nose_height: float
    eye_opening: float
    lid_crease: float
    hairline: float
    hair_style: str
    freckles: float
    stubble: float
    blotches: float
    light: tuple[float, float, float]
    ambient: float
    exposure: float
    background: float


def draw_identity(seed: int) -> Identity:
    """Draw a person.

    Parameters
    ----------
    seed
        The same seed gives the same person.
    """
    rng = np.random.default_rng(seed)
    shape = tuple(float(np.clip(rng.normal(), -1.8, 1.8) * spread) for _, spread in SHAPES.values())
    skin = _between(rng, _SKIN, rng.beta(1.6, 2.2))
    style = str(rng.choice(["short", "long", "tied"], p=[0.45, 0.3, 0.25]))
    redness = rng.uniform(0.9, 1.15)
    return Identity(
        seed=seed,
        shape=shape,
        skin=skin,
        lips=(min(skin[0] * 0.92 * redness, 1.0), skin[1] * rng.uniform(0.50, 0.66), skin[2] * rng.uniform(0.55, 0.72)),
        hair=_between(rng, _HAIR, rng.beta(1.0, 2.0)),
        iris=_between(rng, _IRIS, rng.beta(0.8, 1.6)),
        cloth=_between(rng, _CLOTH, rng.uniform()),
        brow_thickness=rng.uniform(0.75, 1.3),
        brow_arch=rng.uniform(0.5, 1.5),
        brow_density=rng.uniform(0.7, 1.2),
        lip_fullness=rng.uniform(0.8, 1.25),
        nose_height=rng.uniform(0.8, 1.15),
        eye_opening=rng.uniform(0.85, 1.15),
        lid_crease=rng.uniform(0.5, 1.2),
        hairline=-rng.uniform(0.98, 1.18),
        hair_style=style,
        freckles=float(rng.choice([0.0, 0.0, 0.4, 1.0])),
        stubble=float(rng.uniform(0, 1)) if style == "short" and rng.uniform() < 0.6 else 0.0,
        blotches=rng.uniform(0.7, 1.3),
        light=(rng.uniform(-0.8, 0.8), -rng.uniform(0.35, 0.85), 1.0),
        ambient=rng.uniform(0.28, 0.45),
        exposure=rng.uniform(0.92, 1.1),
        background=rng.uniform(0.25, 0.6),
    )


def shape_field(identity: Identity, x: Array, y: Array) -> tuple[Array, Array]:
    """Return how far a person's features lie from the average face's, in face units."""
    dx, dy = np.zeros(x.shape, np.float32), np.zeros(x.shape, np.float32)
    for (bumps, _), amount in zip(SHAPES.values(), identity.shape, strict=True):
        one_dx, one_dy = displacement(x, y, bumps)
        dx += np.float32(amount) * one_dx
        dy += np.float32(amount) * one_dy
    return dx, dy


def _between(rng: np.random.Generator, colours: tuple[Colour, ...], place: float) -> Colour:
    """Pick a colour on the line through a palette, a little off it."""
    at = place * (len(colours) - 1)
    low = min(int(at), len(colours) - 2)
    mixed = np.array(colours[low]) * (low + 1 - at) + np.array(colours[low + 1]) * (at - low)
    red, green, blue = mixed * rng.uniform(0.92, 1.08, 3)
    return float(red), float(green), float(blue)
