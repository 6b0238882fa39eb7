"""Real photographs moved by the same fields."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dstan.clips import Clip
from dstan.errors import ConfigError, ShapeError
from dstan.preprocessing.landmarks import landmark_source
from dstan.synthesis.mesh import mesh_points
from dstan.synthesis.photo import animate_photo

skimage_data = pytest.importorskip("skimage.data")
CLIP = Clip(corpus="photo", subject="astronaut", clip_id="smile", path=Path())


def test_a_photographed_face_smiles() -> None:
    photo = skimage_data.astronaut()[:300, 80:380]
    rest = landmark_source("mediapipe").landmarks(CLIP, [photo] * 3).points[-1]
    frames = animate_photo(photo, rest, {12: (3.0, 3.0)}, n_frames=9, fps=100.0, seed=1)
    assert len(frames) == 9
    assert frames[0].shape == photo.shape
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (frames[0], frames[3])]
    flow = cv2.calcOpticalFlowFarneback(*grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)

    def motion(point: int) -> np.ndarray:
        x, y = np.round(rest[point]).astype(int)
        return flow[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1))

    left, right, forehead = motion(291) - motion(6), motion(61) - motion(6), motion(10) - motion(6)
    assert left[0] > 0.3
    assert right[0] < -0.3
    assert left[1] < -0.3
    assert right[1] < -0.3
    assert np.hypot(*forehead) < 0.3


def test_mistakes_are_told() -> None:
    photo, mesh = np.zeros((100, 100, 3), np.uint8), mesh_points() * 20 + 50
    with pytest.raises(ShapeError, match="photograph"):
        animate_photo(photo[..., 0], mesh, {12: (1.0, 1.0)}, 5, 50.0)
    with pytest.raises(ShapeError, match="landmarks"):
        animate_photo(photo, mesh[:68], {12: (1.0, 1.0)}, 5, 50.0)
    with pytest.raises(ConfigError, match="action unit"):
        animate_photo(photo, mesh, {}, 5, 50.0)
