"""How well faces are aligned, against the truth of drawn clips: landmarks, head motion left, expression kept.

All figures are in pixels of the 224 x 224 crop, whatever the frames' size.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan.arrays import Matrix
from dstan.bench.preprocessing.scene import PEOPLE, Scene, Shot
from dstan.clips import Clip
from dstan.preprocessing.alignment import fit_first_frames, stretch, transform
from dstan.preprocessing.landmarks import STABLE_POINTS, landmark_source
from dstan.preprocessing.pipeline import align_clip
from dstan.preprocessing.recipe import FITTED, Recipe
from dstan.video import read_clip

Rows = list[dict[str, Any]]
"""A table: one dictionary a row, its keys the columns."""

HEAD_MOTIONS = ((0.0, 0.0), (1.0, 0.5), (2.5, 1.5), (5.0, 3.0))
"""How far the head goes in a clip: pixels of the crop, and degrees."""
SHOWN = dict(zip(PEOPLE, (12, 4, 1), strict=True))
"""The action unit that each person shows."""
EVERY_FRAME = "landmarks on every frame"
SOURCES = ("mediapipe", "cascade")
SHAPE = (224, 224)


def bench_alignment() -> dict[str, Rows]:
    """Measure landmarks and every mode of alignment.

    Returns
    -------
    ``landmarks``: error of the points (mean distance from the truth) and their jitter (standard deviation over the
    frames of a still clip), over all points that a source knows, and the jitter of the stable points under a fit to
    each frame's own. ``alignment``: for each mode and head motion what is left of the head's motion (rms over stable
    points and frames, and in the worst frame), and the share of the expression kept at its apex, where it moves at
    least half as far as at most.
    """
    with single_thread(), tempfile.TemporaryDirectory() as folder:
        return {"landmarks": landmark_rows(), "alignment": alignment_rows(Path(folder))}


def landmark_rows() -> Rows:
    """Return error and jitter of each source of landmarks on still faces, one row a source."""
    rows = []
    for name in SOURCES:
        found = [_landmark_figures(name, Scene(Shot(person, frames=20))) for person in PEOPLE]
        rows.append({"source": name, **_mean(found)})
    return rows


def _landmark_figures(name: str, scene: Scene) -> dict[str, float]:
    clip = Clip("scene", str(scene.shot.person), "still", Path())
    points = landmark_source(name).landmarks(clip, list(scene.frames())).points
    truth = scene.landmarks()
    known = np.isfinite(points).all(axis=(0, 2))
    unit = _scale(fit_first_frames(truth, SHAPE))
    aligned = np.stack([_stable(truth[0], fit_first_frames(face[None], SHAPE)) for face in points])
    error = np.linalg.norm(points - truth, axis=-1)[:, known]
    return {
        "error": float(error.mean()) * unit,
        "jitter": float(np.sqrt((points[:, known].std(axis=0) ** 2).sum(axis=-1).mean())) * unit,
        "jitter of a fit per frame": float(np.sqrt((aligned.std(axis=0) ** 2).sum(axis=-1).mean())),
    }


def alignment_rows(folder: Path) -> Rows:
    """Return what each mode leaves and keeps at each head motion, the mean over people.

    Parameters
    ----------
    folder
        Where to write the clips.
    """
    rows: dict[tuple[str, float, float], list[dict[str, float]]] = {}
    for person, number in SHOWN.items():
        for shift, turn in HEAD_MOTIONS:
            scene = Scene(Shot(person, shift=shift, turn=turn, action_unit=number, frames=31))
            clip = scene.write(folder / f"{person}-{shift:g}-{turn:g}")
            for mode, align in MODES.items():
                rows.setdefault((mode, shift, turn), []).append(alignment_figures(scene, align(clip)))
    return [{"mode": mode, "shift": shift, "turn": turn, **_mean(found)} for (mode, shift, turn), found in rows.items()]


def alignment_figures(scene: Scene, matrices: NDArray[np.float64]) -> dict[str, float]:
    """Compare an alignment with the truth.

    Parameters
    ----------
    scene
        What was drawn.
    matrices
        (n, 2, 3) from each frame to the crop.

    Returns
    -------
    ``left`` and ``left at worst``, pixels; ``kept``, a ratio, NaN where nothing is shown.
    """
    per_face = 1.0 / _scale(matrices[0]) * _scale(fit_first_frames(scene.landmarks()[:1], SHAPE))
    head = scene.landmarks(expression=False)
    placed = np.stack([_stable(points, matrix) for points, matrix in zip(head, matrices, strict=True)])
    square = ((placed - placed[0]) ** 2).sum(axis=-1)
    kept = _kept(scene, matrices)
    return {
        "left": float(np.sqrt(square.mean())) * per_face,
        "left at worst": float(np.sqrt(square.mean(axis=1).max())) * per_face,
        "kept": kept,
    }


def _kept(scene: Scene, matrices: NDArray[np.float64]) -> float:
    apex, full, alone = scene.shot.apex, scene.landmarks(), scene.landmarks(head=False)
    true = (alone[apex] - alone[0]) @ matrices[0][:, :2].T
    length = np.linalg.norm(true, axis=1)
    if length.max() == 0:
        return float("nan")
    moving = length > 0.5 * length.max()
    seen = transform(full[apex], matrices[apex]) - transform(full[0], matrices[0])
    return float((seen[moving] * true[moving]).sum() / (true[moving] ** 2).sum())


def _by_recipe(mode: str) -> Callable[[Clip], NDArray[np.float64]]:
    def matrices(clip: Clip) -> NDArray[np.float64]:
        done = align_clip(clip, Recipe(alignment=mode)).done
        return np.array(done.get("matrices") or [done["matrix"]] * int(done["frames"]))

    return matrices


def _whole_frame(clip: Clip) -> NDArray[np.float64]:
    frames = [frame.pixels.shape for frame in read_clip(clip)]
    return np.stack([stretch(size, SHAPE) for size in frames])


def _every_frame(clip: Clip) -> NDArray[np.float64]:
    """Fit each frame's own landmarks, as many programs do: dstan does not."""
    frames = [frame.pixels for frame in read_clip(clip, colour=True)]
    points = landmark_source("mediapipe").landmarks(clip, frames).points
    return np.stack([fit_first_frames(face[None], SHAPE) for face in points])


MODES: dict[str, Callable[[Clip], NDArray[np.float64]]] = {
    "none": _whole_frame,
    EVERY_FRAME: _every_frame,
    **{mode: _by_recipe(mode) for mode in FITTED},
}
"""What is compared: from a clip to each frame's matrix."""


def _stable(points: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    return transform(points[list(STABLE_POINTS)], matrix)


def _scale(matrix: Matrix) -> float:
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}
