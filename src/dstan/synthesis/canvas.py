"""What a portrait is painted with: coordinates, noise, light, and paint on top of paint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dstan.preprocessing._opencv import opencv
from dstan.synthesis.fields import Array, single
from dstan.synthesis.identity import Colour, Identity

Layer = tuple[Array, Array]
"""A colour (H, W, 3) in linear light, and a mask (H, W) that is 1 where it covers what lies below."""


def smooth_step(value: ArrayLike, low: float, high: float) -> Array:
    """Return 0 below ``low``, 1 above ``high``, and a smooth rise between."""
    t = np.clip((single(value) - low) / (high - low), 0, 1)
    return single(t * t * (3 - 2 * t))


def over(below: Array, layer: Layer) -> Array:
    """Lay a layer over a picture (H, W, 3)."""
    colour, mask = layer
    return single(below + (colour - below) * mask[..., None])


def paint(colour: Colour, brightness: Array) -> Array:
    """Return (H, W, 3): a colour at varying brightness."""
    return single(brightness[..., None] * single(colour))


def grain(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> Array:
    """Return smooth noise of mean 0 and deviation about 1 whose blobs are ``cell`` pixels wide, at least one."""
    height, width = shape
    cell = max(cell, 1.0)
    coarse = rng.standard_normal((int(height / cell) + 4, int(width / cell) + 4), dtype=np.float32)
    columns, rows = (np.arange(length, dtype=np.float32) / cell + 1 for length in (width, height))
    cv2 = opencv()
    x, y = np.meshgrid(columns, rows)
    fine = single(cv2.remap(coarse, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))
    return fine / np.float32(fine.std())


@dataclass(frozen=True, eq=False)
class Canvas:
    """A person's canvas.

    Parameters
    ----------
    identity
        Who is painted.
    rng
        Where all noise comes from.
    x, y
        (H, W) normalised coordinates of the average face at every pixel.
    scale
        Pixels per face unit.
    """

    identity: Identity
    rng: np.random.Generator
    x: Array
    y: Array
    scale: float

    @property
    def side(self) -> Array:
        """Distance from the face's middle line, in face units."""
        return np.abs(self.x)

    def grain(self, cell: float) -> Array:
        """Return smooth noise of deviation 1 whose blobs are ``cell`` face units wide."""
        return grain(self.rng, self.x.shape, cell * self.scale)

    def strands(self, across: Array, along: Array, count: float) -> Array:
        """Return noise that is fine across and long along: hair.

        Parameters
        ----------
        across, along
            Coordinates across and along the hair.
        count
            Strands per unit of ``across``.
        """
        cv2 = opencv()
        table = self.rng.standard_normal((64, 1024), dtype=np.float32)
        wander = 0.02 * np.sin(along * 5 + across * 9)
        column = single(np.mod((across + wander) * count, 1020))
        row = single(np.mod(along * 6 + across * 31, 60))
        return single(cv2.remap(table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))

    def light(self, z: Array, softness: float) -> Array:
        """Shade a relief: Lambert's key light, plus ambient light from above that hollows get less of.

        Parameters
        ----------
        z
            (H, W) height towards the camera in face units.
        softness
            How far the key light reaches around edges, as it does in skin; 0 for none.

        Returns
        -------
        Brightness, about 1 where the light falls straight.
        """
        cv2 = opencv()
        slope_x = cv2.Sobel(z, cv2.CV_32F, 1, 0, ksize=3) * (self.scale / 8)
        slope_y = cv2.Sobel(z, cv2.CV_32F, 0, 1, ksize=3) * (self.scale / 8)
        length = np.sqrt(slope_x**2 + slope_y**2 + 1)
        key = single(self.identity.light) / np.float32(np.linalg.norm(self.identity.light))
        facing = (key[2] - slope_x * key[0] - slope_y * key[1]) / length
        wrapped = np.clip((facing + softness) / (1 + softness), 0, None)
        hollow = np.clip(cv2.GaussianBlur(z, (0, 0), 0.10 * self.scale) - z, -0.05, 0.3)
        above = 0.75 + (0.25 + 0.30 * slope_y) / length
        ambient = self.identity.ambient
        return single(ambient * np.clip(1 - 2.4 * hollow, 0.3, 1.15) * above + (1 - ambient) * 1.25 * wrapped)
