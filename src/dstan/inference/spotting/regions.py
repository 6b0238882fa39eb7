"""The regions of the face in which motion is measured, each where action units show.

A region is a soft disc around some points of the mesh: the motion there is the mean of the flow, weighted by the disc.
The eyes themselves are no region: they are painted over before flow is estimated, so that neither a lid nor an iris
moves anything, and only how their picture changes is kept.

The regions follow the action-unit regions of Wang et al. [1]_ (brows, nose, cheeks, mouth, chin).

References
----------
.. [1] S.-J. Wang, S. Wu, X. Qian, J. Li, X. Fu, "A main directional maximal difference analysis for spotting facial
   movements from long-term videos", Neurocomputing 230, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.landmarks import STABLE

Masks = NDArray[np.float32]
Discs: TypeAlias = Any
"""scipy.sparse.csr_array, which has no types."""


class Region(NamedTuple):
    """A region: its ``name``, the ``points`` of the mesh in whose middle it lies, and its ``part`` of the face."""

    name: str
    points: tuple[int, ...]
    part: str


REGIONS: tuple[Region, ...] = (
    Region("right outer brow", (70, 63, 105), "brows"),
    Region("right inner brow", (66, 107, 55), "brows"),
    Region("between the brows", (9, 107, 336), "brows"),
    Region("left inner brow", (296, 336, 285), "brows"),
    Region("left outer brow", (300, 293, 334), "brows"),
    Region("right cheek", (50, 117, 118), "cheeks"),
    Region("left cheek", (280, 346, 347), "cheeks"),
    Region("right side of the nose", (198, 129, 126), "nose"),
    Region("left side of the nose", (420, 358, 355), "nose"),
    Region("right corner of the mouth", (61, 57, 186), "mouth"),
    Region("upper lip", (0, 37, 267), "mouth"),
    Region("left corner of the mouth", (291, 287, 410), "mouth"),
    Region("lower lip", (17, 84, 314), "mouth"),
    Region("chin", (199, 200, 175), "mouth"),
)
"""The regions, from top to bottom. "Right" and "left" are the person's."""

PARTS: tuple[str, ...] = tuple(dict.fromkeys(region.part for region in REGIONS))
RADIUS = 0.13
"""Standard deviation of a region's disc, in distances between the eyes."""
RIGID_RADIUS = 0.09
"""The same of the disc around a point that an expression hardly moves."""
OUTSIDE = 0.04
"""Height of the bell curve below which a pixel is outside of a disc."""
_EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
_EYE_GROWN = 0.10
"""How much an eye's outline is grown before it is painted over, in distances between the eyes."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Where things are in one aligned face.

    Parameters
    ----------
    regions
        (regions, H * W) sparse float32 weights, each row sums to 1.
    rigid
        (points, H * W) the same for the points of :data:`~dstan.preprocessing.landmarks.STABLE`.
    places
        (points, 2) where these are, from the middle of the face in distances between the eyes.
    region_places
        (regions, 2) the same for the regions.
    eyes
        (H, W) float32 in [0, 1]: how far each pixel is painted over.
    skin
        (H, W) the pixels of the face's middle that are not.
    """

    regions: Discs
    rigid: Discs
    places: NDArray[np.float64]
    region_places: NDArray[np.float64]
    eyes: Masks
    skin: NDArray[np.bool_]


def lay_out(points: NDArray[Any], side: int, unit: float) -> Layout:
    """Place the regions on a face.

    Parameters
    ----------
    points
        (468, 2) mesh points in pixels of the aligned face.
    side
        Its side in pixels.
    unit
        The distance between the eyes there, pixels.
    """
    centres = np.array([points[list(region.points)].mean(axis=0) for region in REGIONS])
    rigid = points[[point.mesh for point in STABLE]].astype(np.float64)
    eyes = _eyes(points, side, unit)
    middle = (points[[33, 133]].mean(axis=0) + points[[263, 362]].mean(axis=0)) / 2
    return Layout(
        regions=_discs(centres, RADIUS * unit, 1 - eyes),
        rigid=_discs(rigid, RIGID_RADIUS * unit, 1 - 0.9 * eyes),
        places=(rigid - middle) / unit,
        region_places=(centres - middle) / unit,
        eyes=eyes,
        skin=_skin(eyes),
    )


def _discs(centres: NDArray[np.float64], radius: float, allowed: Masks) -> Discs:
    from scipy.sparse import csr_array

    at = np.arange(allowed.shape[0])
    across = np.exp(-((at[None, :] - centres[:, :1]) ** 2) / (2 * radius**2))
    down = np.exp(-((at[None, :] - centres[:, 1:]) ** 2) / (2 * radius**2))
    discs = down[:, :, None] * across[:, None, :]
    discs = (np.where(discs < OUTSIDE, 0, discs) * allowed).reshape(len(centres), -1)
    return csr_array((discs / np.maximum(discs.sum(axis=1, keepdims=True), 1e-6)).astype(np.float32))


def _eyes(points: NDArray[Any], side: int, unit: float) -> Masks:
    cv2 = opencv()
    mask = np.zeros((side, side), np.uint8)
    for outline in _EYES:
        cv2.fillPoly(mask, [np.rint(points[list(outline)]).astype(np.int32)], 255)
    grown = 2 * round(_EYE_GROWN * unit) + 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grown, grown)))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.04 * unit), dtype=np.float32) / np.float32(255)


def _skin(eyes: Masks) -> NDArray[np.bool_]:
    side = eyes.shape[0]
    skin = np.zeros(eyes.shape, np.bool_)
    skin[side // 8 : -side // 8, side // 5 : -side // 5] = True
    return skin & (eyes < 0.02)
