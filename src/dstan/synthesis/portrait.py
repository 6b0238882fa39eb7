"""A neutral portrait: relief, light and colour put together, once per person; expressions only move it afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing._opencv import opencv
from dstan.synthesis.canvas import Canvas, over
from dstan.synthesis.fields import Array, invert, single
from dstan.synthesis.hair import back_hair, brows, front_hair
from dstan.synthesis.identity import Identity, shape_field
from dstan.synthesis.skin import skin
from dstan.synthesis.surroundings import clothes, ears, neck, wall


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
        return cls(scale=scale, x=(width - 1) / 2, y=0.485 * height)

    def to_face(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Turn pixels into face units."""
        return single((x - self.x) / self.scale), single((y - self.y) / self.scale)

    def to_pixels(self, points: Array) -> Array:
        """Turn (n, 2) face units into pixels."""
        return single(points * self.scale + (self.x, self.y))


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
    placement = Placement.in_image(width, height)
    x, y = _every_pixel(identity, placement, width, height)
    canvas = Canvas(identity, np.random.default_rng(identity.seed), x, y, placement.scale)
    picture = wall(canvas)
    layers = (back_hair, neck, clothes, skin) if identity.hair_style == "long" else (neck, clothes, ears, skin)
    for layer in (*layers, brows, front_hair):
        picture = over(picture, layer(canvas))
    return Portrait(identity, placement, _develop(picture * np.float32(identity.exposure)), x, y)


def average_coordinates(
    identity: Identity, placement: Placement, pixel_x: Array, pixel_y: Array
) -> tuple[Array, Array]:
    """Return the places on the average face that a person shows at some pixels."""
    x, y = placement.to_face(pixel_x, pixel_y)
    return invert(lambda face_x, face_y: shape_field(identity, face_x, face_y), x, y, steps=8)


def _every_pixel(identity: Identity, placement: Placement, width: int, height: int) -> tuple[Array, Array]:
    """Return the average coordinates of every pixel, computed on a coarser grid: they are smooth."""
    cv2 = opencv()
    step = 4
    columns, rows = (np.arange(-step, length + 2 * step, step, dtype=np.float32) for length in (width, height))
    x, y = average_coordinates(identity, placement, *np.meshgrid(columns, rows))
    at_x, at_y = (np.arange(length, dtype=np.float32) / step + 1 for length in (width, height))
    grid_x, grid_y = np.meshgrid(at_x, at_y)
    both = np.asarray(cv2.remap(np.dstack([x, y]), grid_x, grid_y, cv2.INTER_LINEAR), np.float32)
    return np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1])


def _develop(linear: Array) -> NDArray[np.uint8]:
    """Turn linear light into 8-bit sRGB with a soft shoulder, and blur it as a lens does."""
    light = np.clip(linear, 0, None)
    light = light * (1 + light / 2.2) / (1 + light)
    encoded = np.asarray(np.clip(light, 0, 1) ** np.float32(1 / 2.2) * 255 + 0.5, np.uint8)
    return np.asarray(opencv().GaussianBlur(encoded, (0, 0), 0.45), np.uint8)
