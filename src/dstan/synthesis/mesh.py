"""Where the face mesh finds its points on the average drawn face."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from dstan.synthesis.fields import Array


@cache
def mesh_points() -> Array:
    """Return the 468 mesh points on the average face, (468, 2) in normalised face coordinates.

    They are where the face mesh finds them on neutral drawn faces, the median over many people; the script
    ``benchmarks/calibrate_mesh.py`` writes the table.
    """
    text = resources.files("dstan.synthesis").joinpath("mesh_points.csv").read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines()[1:]]
    return np.array([[float(x), float(y)] for _, x, y in rows], np.float32)
