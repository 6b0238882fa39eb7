"""Draw the 36 regions of MDMO, numbered, over a synthetic face, for the documentation.

::

    python benchmarks/draw_regions.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke
from PIL import Image

from dstan._random import child_seed
from dstan.descriptors.mdmo import RIGID_POINTS
from dstan.descriptors.regions import face_points, region_corners
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.synthesis.truth import true_landmarks

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "regions.png"
WIDTH, HEIGHT = 1280, 960
SIZE = 6.4, 7.4
"""Of the image, in hundreds of pixels."""
SUBJECT = 5
"""Number of a person whose hair hides no region."""
PARTS = {
    "#f0a202": (1, 2, 3, 4, 5, 6),  # above the brows
    "#3f88c5": (7, 8, 9, 12, 13, 14),  # eyes
    "#44bba4": (10, 11, 17, 18, 22, 23),  # nose
    "#e94f37": (15, 16, 19, 20, 21, 24, 25, 28),  # cheeks
    "#9d4edd": (26, 27, 29, 30, 31, 32),  # lips
    "#6a994e": (33, 34, 35, 36),  # chin
}
"""The colour of each part of the face, and its regions."""


def face() -> tuple[np.ndarray, np.ndarray]:
    """Return a person at rest, (H, W, 3), and the 68 landmarks."""
    portrait = portrait_of(child_seed(0, "person", SUBJECT), WIDTH, HEIGHT)
    still = draw_motion([Expression({})], Timeline((Phases(0, 1, 2),), 3), 200.0, 0)
    picture = EyePainter(portrait).draw(Gaze())
    return picture, face_points(true_landmarks(Performance(portrait, still, 0), 0))


def draw(picture: np.ndarray, points: np.ndarray) -> plt.Figure:
    """Return the figure: regions in the colour of their part of the face, and the points of alignment."""
    figure = plt.figure(figsize=SIZE, dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(picture, interpolation="lanczos")
    corners = region_corners(points)
    for colour, numbers in PARTS.items():
        for number in numbers:
            region = corners[number - 1]
            axes.add_patch(Polygon(region, facecolor=colour, alpha=0.33, linewidth=0))
            axes.add_patch(Polygon(region, fill=False, edgecolor="white", linewidth=1.1, joinstyle="round"))
            edge = [withStroke(linewidth=2.2, foreground="#222222")]
            style = {"ha": "center", "va": "center", "fontsize": 11, "fontweight": "bold", "path_effects": edge}
            axes.text(*region.mean(axis=0), str(number), color="white", **style)
    rigid = points[list(RIGID_POINTS)]
    axes.scatter(*rigid.T, s=34, color="white", edgecolors="#222222", linewidths=1.2, zorder=3)
    look_at(axes, corners)
    return figure


def look_at(axes: plt.Axes, corners: np.ndarray) -> None:
    """Show the regions with some margin."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    (x, y), half = (low + high) / 2, (high - low)[1] * 0.57
    axes.set_xlim(x - half * SIZE[0] / SIZE[1], x + half * SIZE[0] / SIZE[1])
    axes.set_ylim(y + half, y - half)
    axes.set_axis_off()


def main() -> None:
    """Write the image."""
    figure = draw(*face())
    figure.canvas.draw()
    drawn = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    palette = drawn.quantize(256, kmeans=2)
    drawn.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(IMAGE, optimize=True)


if __name__ == "__main__":
    main()
