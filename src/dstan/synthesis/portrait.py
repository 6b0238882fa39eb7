"""A neutral portrait: relief, light and colour put together, once per person; expressions only move it afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.synthesis.fields import Array, Bump, invert, weight
from dstan.synthesis.hair import back_hair, brow_mask, front_hair
from dstan.synthesis.identity import Colour, Identity, shape_field
from dstan.synthesis.relief import head_radius, lip_heights, mouth_line, relief
from dstan.synthesis.texture import grain, grains, smooth_step


@dataclass(frozen=True)
class Placement:
    """Where a face lies in an image: pixels per face unit, and the pixel of the point between the eyes."""

    scale: float
    x: float
    y: float

    @classmethod
    def in_image(cls, width: int, height: int) -> Placement:
        """Place a face as CASME II's camera does: about 280 x 340 pixels of 640 x 480."""
        scale = min(0.26 * height, 0.2 * width)
        return cls(scale=scale, x=(width - 1) / 2, y=0.455 * height)

    def to_face(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Turn pixels into face units."""
        return ((x - self.x) / self.scale).astype(np.float32), ((y - self.y) / self.scale).astype(np.float32)

    def to_pixels(self, points: NDArray[np.floating]) -> Array:
        """Turn (n, 2) face units into pixels."""
        return (np.asarray(points) * self.scale + (self.x, self.y)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Portrait:
    """A person at rest, with the eyes still shut: the eyes are drawn frame by frame.

    Parameters
    ----------
    identity, placement
        Who, and where in the image.
    image
        (H, W, 3) uint8 RGB.
    x, y
        (H, W) normalised coordinates of the average face at every pixel.
    """

    identity: Identity
    placement: Placement
    image: NDArray[np.uint8]
    x: Array
    y: Array


def draw_portrait(identity: Identity, width: int, height: int) -> Portrait:
    """Draw a person's neutral portrait.

    Parameters
    ----------
    identity
        Who.
    width, height
        Size of the image in pixels.
    """
    import cv2

    placement = Placement.in_image(width, height)
    x, y = _every_pixel(identity, placement, width, height)
    rng = np.random.default_rng(identity.seed)
    pixel = 1 / placement.scale
    linear = _backdrop(identity, rng, x, y, placement)
    for colour, mask in back_hair(identity, rng, x, y, pixel):
        linear = _over(linear, colour, mask)
    linear = _over(linear, *_neck(identity, rng, x, y, placement))
    linear = _over(linear, *_clothes(identity, rng, x, y, placement))
    linear = _over(linear, *_ears(identity, x, y, pixel))
    linear = _over(linear, _skin(identity, rng, x, y, placement), smooth_step(1 - head_radius(x, y), 0, 1.5 * pixel))
    linear = _over(linear, *brow_mask(identity, rng, x, y, pixel))
    for colour, mask in front_hair(identity, rng, x, y, pixel):
        linear = _over(linear, colour, mask)
    image = _develop(linear * np.float32(identity.exposure))
    return Portrait(identity, placement, np.asarray(cv2.GaussianBlur(image, (0, 0), 0.45)), x, y)


def average_coordinates(
    identity: Identity, placement: Placement, pixel_x: Array, pixel_y: Array
) -> tuple[Array, Array]:
    """Return the places on the average face that a person shows at some pixels."""
    x, y = placement.to_face(pixel_x, pixel_y)
    return invert(lambda face_x, face_y: shape_field(identity, face_x, face_y), x, y, steps=8)


def _every_pixel(identity: Identity, placement: Placement, width: int, height: int) -> tuple[Array, Array]:
    """Return the average coordinates of every pixel, computed on a coarser grid: they are smooth."""
    import cv2

    step = 4
    columns, rows = (np.arange(-step, length + 2 * step, step, dtype=np.float32) for length in (width, height))
    x, y = average_coordinates(identity, placement, *np.meshgrid(columns, rows))
    at_x, at_y = (np.arange(length, dtype=np.float32) / step + 1 for length in (width, height))
    at = np.meshgrid(at_x, at_y)
    return (
        np.asarray(cv2.remap(x, *at, cv2.INTER_LINEAR), np.float32),
        np.asarray(cv2.remap(y, *at, cv2.INTER_LINEAR), np.float32),
    )


def _over(below: Array, colour: Array, mask: Array) -> Array:
    return below + (colour - below) * mask[..., None]


def _paint(colour: Colour, brightness: Array) -> Array:
    return brightness[..., None] * np.array(colour, np.float32)


def _develop(linear: Array) -> NDArray[np.uint8]:
    """Linear light to 8-bit sRGB, with a soft shoulder."""
    light = np.clip(linear, 0, None)
    light = light * (1 + light / 2.2) / (1 + light)
    return (np.clip(light, 0, 1) ** np.float32(1 / 2.2) * 255 + 0.5).astype(np.uint8)


def _backdrop(identity: Identity, rng: np.random.Generator, x: Array, y: Array, placement: Placement) -> Array:
    fall = 1 + 0.12 * x * np.sign(identity.light[0]) * 0.5 - 0.06 * y
    wall = identity.background * fall + 0.004 * grain(rng, x.shape, placement.scale * 0.3)
    return _paint((1.0, 0.99, 0.97), wall.astype(np.float32))


def _light(identity: Identity, z: Array, placement: Placement, softness: float) -> Array:
    """Shade a relief: Lambert's key light wrapped around a little, plus ambient light that hollows get less of."""
    import cv2

    slope_x = cv2.Sobel(z, cv2.CV_32F, 1, 0, ksize=3) * (placement.scale / 8)
    slope_y = cv2.Sobel(z, cv2.CV_32F, 0, 1, ksize=3) * (placement.scale / 8)
    light = np.array(identity.light) / np.linalg.norm(identity.light)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    facing = (-slope_x * light[0] - slope_y * light[1] + light[2]) / length
    wrapped = np.clip((facing + softness) / (1 + softness), 0, None)
    hollow = cv2.GaussianBlur(z, (0, 0), 0.10 * placement.scale) - z
    ambient = identity.ambient * np.clip(1 - 2.4 * np.clip(hollow, -0.05, 0.3), 0.3, 1.15) * (0.75 + 0.25 / length)
    return np.asarray(ambient + (1 - identity.ambient) * 1.15 * wrapped, np.float32)


def _skin(identity: Identity, rng: np.random.Generator, x: Array, y: Array, placement: Placement) -> Array:
    import cv2

    scale, shape = placement.scale, x.shape
    bumps = grains(rng, shape, ((0.012 * scale, 0.0011), (0.022 * scale, 0.0012), (0.05 * scale, 0.0018)))
    z = relief(x, y, identity) + bumps
    shaded = np.stack([_light(identity, cv2.GaussianBlur(z, (0, 0), s * scale + 0.3), placement, w)
                       for s, w in ((0.014, 0.35), (0.007, 0.22), (0.004, 0.18))], axis=-1)  # fmt: skip
    colour = _complexion(identity, rng, x, y, scale)
    gleam = _light(identity, cv2.GaussianBlur(z, (0, 0), 0.008 * scale + 0.3), placement, 0.0)
    oily = weight(x, y, Bump(0, 0.3, 0.18, 0.5, 0.3, 0, 0)) + weight(np.abs(x), y, Bump(0.6, 0.35, 0.2, 0.2, 0.2, 0, 0))
    shine = 0.10 * smooth_step(gleam, 0.98, 1.12) * np.clip(0.3 + oily, 0, 1)
    return np.asarray(colour * shaded + shine[..., None], np.float32)


def _complexion(identity: Identity, rng: np.random.Generator, x: Array, y: Array, scale: float) -> Array:
    """Albedo of the skin: tone, blood, blotches, pores, freckles, stubble, lips and nostrils."""
    shape = x.shape
    side = np.abs(x)
    tone = grains(
        rng, shape, ((0.02 * scale, 0.030), (0.045 * scale, 0.035), (0.10 * scale, 0.030), (0.3 * scale, 0.03))
    )
    tone *= np.float32(identity.blotches)
    colour = np.ones((*shape, 3), np.float32) * np.array(identity.skin, np.float32)
    blood = weight(side, y, Bump(0.58, 0.48, 0.24, 0.2, 0.22, 0, 0)) + 0.8 * weight(
        x, y, Bump(0, 0.6, 0.15, 0.15, 0.1, 0, 0)
    )
    blood = 0.55 * blood + 0.25 * grain(rng, shape, 0.16 * scale) * 0.3
    colour *= 1 + tone[..., None]
    colour *= np.exp(-blood[..., None] * np.array((0.0, 0.20, 0.16), np.float32))
    under = weight(side, y, Bump(0.44, 0.17, 0.17, 0.05, 0.07, 0, 0))
    colour *= 1 - under[..., None] * np.array((0.10, 0.14, 0.10), np.float32)
    spots = smooth_step(grain(rng, shape, max(0.022 * scale, 1.2)), 2.0, 2.8) * (0.2 + 0.8 * identity.freckles)
    colour *= 1 - spots[..., None] * np.array((0.18, 0.30, 0.36), np.float32)
    if identity.stubble > 0:
        beard = smooth_step(y - 0.78 + 0.55 * (1 - side) * (side > 0.6), 0.0, 0.3) * smooth_step(
            1 - head_radius(x, y), 0, 0.1
        )
        dots = 0.5 + 0.5 * np.clip(grain(rng, shape, max(0.014 * scale, 1.0)), -1, 1)
        colour *= 1 - (0.45 * identity.stubble * beard * dots)[..., None] * np.array((1.0, 0.95, 0.85), np.float32)
    return _mouth_and_nostrils(identity, rng, colour, x, y, scale)


def _mouth_and_nostrils(
    identity: Identity, rng: np.random.Generator, colour: Array, x: Array, y: Array, scale: float
) -> Array:
    line = mouth_line(x)
    upper, lower = lip_heights(x, identity)
    soft = 0.022
    inside = np.where(
        y < line, smooth_step(upper - (line - y), -soft, soft) * (upper > 0.004),
        smooth_step(lower - (y - line), -soft, soft) * (lower > 0.004),
    )  # fmt: skip
    ridges = 1 + 0.06 * strips(rng, x, y, scale) - 0.10 * (y < line)
    colour = _over(colour, _paint(identity.lips, ridges.astype(np.float32)), (0.9 * inside).astype(np.float32))
    reach = smooth_step(0.43 - np.abs(x), 0, 0.05)
    seam = np.exp(-0.5 * ((y - line) / (0.010 + 0.006 * reach)) ** 2) * reach
    holes = weight(np.abs(x), y, Bump(0.105, 0.705, 0.052, 0.020, 0.022, 0, 0))
    dark = np.clip(0.85 * seam + 0.9 * np.clip(1.4 * holes, 0, 1), 0, 0.95)
    return np.asarray(colour * (1 - dark[..., None] * np.array((0.85, 0.95, 0.95), np.float32)), np.float32)


def strips(rng: np.random.Generator, x: Array, y: Array, scale: float) -> Array:
    """Return the fine upright ridges of the lips."""
    return (grain(rng, (1, 4096), 2.0)[0][np.clip((x + 1.5) * 900, 0, 4095).astype(int)] * (np.abs(x) < 1)).astype(
        np.float32
    )


def _neck(
    identity: Identity, rng: np.random.Generator, x: Array, y: Array, placement: Placement
) -> tuple[Array, Array]:
    half = 0.66 + 0.35 * np.clip((y - 2.1) / 0.6, 0, 1) ** 2
    across = np.clip(np.abs(x) / half, 0, 1)
    z = 0.9 * np.sqrt(1 - np.minimum(across, 0.999) ** 2) - 0.05 * np.exp(-0.5 * ((np.abs(x) - 0.3) / 0.06) ** 2)
    shade = _light(identity, z.astype(np.float32), placement, 0.25)
    shadow = 1 - 0.62 * np.exp(-np.clip(head_radius(x, y) - 1, 0, None) / 0.16)
    tone = 1 + 0.04 * grain(rng, x.shape, 0.05 * placement.scale)
    mask = smooth_step((half - np.abs(x)).astype(np.float32), 0, 2 / placement.scale) * (y > 0.6)
    return _paint(identity.skin, (0.85 * shade * shadow * tone).astype(np.float32)), mask.astype(np.float32)


def _clothes(
    identity: Identity, rng: np.random.Generator, x: Array, y: Array, placement: Placement
) -> tuple[Array, Array]:
    collar = 2.22 - 0.05 * np.clip(np.abs(x) / 0.7, 0, 1) ** 2
    shoulder = 2.0 + 0.35 * np.clip((np.abs(x) - 0.7) / 1.4, 0, 2) ** 1.4
    top = np.where(np.abs(x) < 0.62, collar, shoulder + 0.17 * np.exp(-((np.abs(x) - 0.62) / 0.2)))
    weave = (
        1
        + 0.10 * grain(rng, x.shape, 0.15 * placement.scale)
        + 0.06 * grain(rng, x.shape, max(0.015 * placement.scale, 1))
    )
    mask = smooth_step((y - top).astype(np.float32), 0, 2 / placement.scale)
    return _paint(identity.cloth, (0.8 * weave).astype(np.float32)), mask


def _ears(identity: Identity, x: Array, y: Array, pixel: float) -> tuple[Array, Array]:
    u, v = (np.abs(x) - 1.11) / 0.13, (y - 0.25) / 0.42
    tilted = u - 0.35 * -v * 0.5
    r = np.sqrt(tilted**2 + v**2)
    bowl = 1 - 0.45 * np.exp(-0.5 * ((r - 0.45) / 0.22) ** 2)
    side = 1 + 0.25 * np.sign(identity.light[0]) * np.sign(x) * abs(identity.light[0])
    ear = (identity.skin[0] * 0.9, identity.skin[1] * 0.75, identity.skin[2] * 0.72)
    return _paint(ear, (0.75 * bowl * side).astype(np.float32)), smooth_step((1 - r).astype(np.float32), 0, 8 * pixel)
