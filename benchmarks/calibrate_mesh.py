"""Write src/dstan/synthesis/mesh_points.csv: where the face mesh finds its points on neutral drawn faces.

Run it again whenever the drawing of faces changes::

    python benchmarks/calibrate_mesh.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import dstan.synthesis
from dstan.clips import Clip
from dstan.preprocessing.landmarks import landmark_source
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.fields import invert
from dstan.synthesis.identity import draw_identity, shape_field
from dstan.synthesis.portrait import draw_portrait
from dstan.synthesis.sensor import Sensor

TABLE = Path(dstan.synthesis.__file__).parent / "mesh_points.csv"


def found_points(seed: int, width: int = 640, height: int = 480) -> np.ndarray:
    """Return (468, 2): the mesh of one person at rest, in normalised coordinates of the average face."""
    portrait = draw_portrait(draw_identity(seed), width, height)
    face = EyePainter(portrait).draw(Gaze())
    sensor, still = Sensor(face, seed), np.ones(face.shape[:2], np.float32)
    frames = [sensor.record(face, still, 1.0) for _ in range(5)]
    clip = Clip(corpus="calibration", subject=str(seed), clip_id="neutral", path=Path())
    pixels = np.median(landmark_source("mediapipe").landmarks(clip, frames).points, axis=0)
    x, y = portrait.placement.to_face(pixels[:, 0], pixels[:, 1])
    return np.stack(invert(lambda px, py: shape_field(portrait.identity, px, py), x, y, steps=8), axis=1)


def main() -> None:
    """Calibrate and tell how much people differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=60)
    points = np.array([found_points(seed) for seed in range(parser.parse_args().people)])
    median = np.median(points, axis=0)
    rows = [f"{index},{x:.4f},{y:.4f}\n" for index, (x, y) in enumerate(median)]
    TABLE.write_text("point,x,y\n" + "".join(rows), encoding="utf-8")
    spread = np.linalg.norm(points - median, axis=-1)
    near, far = np.quantile(spread, (0.5, 0.95))
    print(f"{TABLE}: {len(points)} people; from the table: median {near:.4f}, 95 % below {far:.4f} face units")  # noqa: T201


if __name__ == "__main__":
    main()
