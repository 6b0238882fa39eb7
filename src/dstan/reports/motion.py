"""How a face moves, drawn without the face: colours of flow, and the outline that all people share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing.alignment import transform, umeyama
from dstan.preprocessing.landmarks import STABLE_POINTS
from dstan.preprocessing.template import template_points
from dstan.reports.flow_colours import flow_colours
from dstan.reports.sight import face_lines

_SHARPER = 3
_LINE = (107, 114, 128)


def motion_picture(field: NDArray[np.float32], full: float, *, aligned: bool, height: int) -> NDArray[np.uint8]:
    """Draw flow in colour on white, with nothing of the person: no pixel of a frame and no landmark of theirs.

    Parameters
    ----------
    field
        (2, H, W) displacement in pixels of the crop.
    full
        Length in pixels of the full colour.
    aligned
        Whether the face was fitted to the template: then the average face's outline is where theirs is.
    height
        Of the picture, in pixels.

    Returns
    -------
    (height, W, 3) RGB.
    """
    from PIL import Image, ImageDraw

    shape = (field.shape[1], field.shape[2])
    scale = height * _SHARPER / shape[0]
    size = (round(shape[1] * scale), height * _SHARPER)
    colours = Image.fromarray(flow_colours(field.transpose(1, 2, 0), full))
    picture = colours.resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for points, closed in average_outline(shape) if aligned else ():
        places = [((x + 0.5) * scale, (y + 0.5) * scale) for x, y in points.tolist()]
        pen.line([*places, *places[: 1 if closed else 0]], fill=_LINE, width=_SHARPER + 1, joint="curve")
    return np.asarray(picture.resize((round(size[0] / _SHARPER), height), Image.Resampling.LANCZOS))


@cache
def average_outline(shape: tuple[int, int]) -> list[tuple[NDArray[Any], bool]]:
    """Return the average drawn face's brows, eyes, nose, lips and jaw in a crop.

    Parameters
    ----------
    shape
        Of the crop.

    Returns
    -------
    For each part its points (n, 2) in pixels, and whether it is closed.
    """
    from dstan.synthesis.mesh import mesh_points

    points = mesh_points()
    matrix = umeyama(points[list(STABLE_POINTS)], template_points(shape))
    return face_lines(transform(points, matrix), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
