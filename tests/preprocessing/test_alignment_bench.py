"""The bench of alignment: its truth is true, and its figures mean what they say."""

import numpy as np
import pytest

from dstan.bench.preprocessing import alignment
from dstan.bench.preprocessing.scene import Scene, Shot
from dstan.preprocessing.alignment import fit_first_frames
from dstan.preprocessing.landmarks import STABLE_POINTS

pytest.importorskip("cv2")


def test_a_scene_is_the_same_each_time_and_moves_as_far_as_asked():
    shot = Shot(1, shift=5, turn=3, frames=9)
    once, again = Scene(shot), Scene(shot)
    assert all((a == b).all() for a, b in zip(once.frames(), again.frames(), strict=True))
    matrix = fit_first_frames(once.landmarks()[:1], (224, 224))
    scale = np.sqrt(np.linalg.det(matrix[:, :2]))
    between = once.landmarks()[:, list(STABLE_POINTS[4:5])][:, 0]
    assert np.linalg.norm(between - between[0], axis=1).max() * scale == pytest.approx(5, rel=0.2)


def test_the_true_matrix_leaves_nothing_and_keeps_all():
    scene = Scene(Shot(3, shift=5, turn=3, action_unit=12, frames=7))
    head = scene.landmarks(expression=False)
    true = np.stack([fit_first_frames(points[None], (224, 224)) for points in head])
    figures = alignment.alignment_figures(scene, true)
    assert figures["left"] < 1e-3
    assert figures["kept"] == pytest.approx(1, abs=2e-3)
    one = alignment.alignment_figures(scene, true[:1].repeat(7, axis=0))
    assert one["left"] > 2
    assert one["left at worst"] > one["left"]


def test_each_mode_gets_a_row_a_motion(tmp_path, monkeypatch):
    pytest.importorskip("mediapipe")
    monkeypatch.setattr(alignment, "HEAD_MOTIONS", ((2.0, 1.0),))
    monkeypatch.setattr(alignment, "SHOWN", {1: 12})
    rows = {row.pop("mode"): row for row in alignment.alignment_rows(tmp_path)}
    assert list(rows) == ["none", "landmarks on every frame", "rigid_first_frame", "rigid_residual"]
    assert rows["rigid_residual"]["left"] < 0.15 < rows["rigid_first_frame"]["left"]
