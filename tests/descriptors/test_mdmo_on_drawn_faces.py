"""MDMO of drawn clips, from images to regions: what moves is found where it moves, and which way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dstan.clips import Clip
from dstan.descriptors.mdmo import mdmo_atoms
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.synthesis.truth import true_landmarks, write_truth
from dstan.video import list_images

RECIPE = Recipe(size=(170, 140), steps=10, pairs="onset", landmarks="truth")


def drawn(folder: Path, seed: int, intensities: dict[int, tuple[float, float]]) -> Clip:
    """Draw a person who shows action units for a quarter of a second, with open eyes and a head that drifts."""
    from PIL import Image

    motion = draw_motion([Expression(intensities)], Timeline((Phases(0, 12, 24),), 25), 100.0, seed)
    motion = replace(motion, gaze=np.broadcast_to(motion.gaze[0], motion.gaze.shape).copy())
    performance = Performance(portrait_of(seed, 480, 360), motion, seed)
    images = folder / "images"
    images.mkdir()
    for number, frame in enumerate(performance.frames()):
        Image.fromarray(frame).save(images / f"{number:03}.png", compress_level=1)
    truth = folder / "truth" / "clips" / "images.safetensors"
    truth.parent.mkdir(parents=True)
    write_truth(truth, performance, np.stack([true_landmarks(performance, frame) for frame in range(len(motion))]))
    return Clip("drawn", "one", "clip", images, list_images(images), onset=0, apex=12, offset=24, fps=100.0)


def motions(clip: Clip) -> np.ndarray:
    """Return (36, 2) the mean vector of each region over time."""
    prepared = prepare_clip(clip, RECIPE)
    assert prepared.flow is not None
    assert prepared.landmarks is not None
    return mdmo_atoms(prepared.flow, prepared.landmarks).mean(axis=0)


def ranked(vectors: np.ndarray) -> list[int]:
    """Return the paper's numbers of the regions, the one that moves most first."""
    return [int(index) + 1 for index in np.argsort(-np.hypot(*vectors.T))]


@pytest.mark.parametrize("seed", [3, 4, 7])
def test_a_smile_pulls_the_corners_of_the_mouth_up_and_out(tmp_path: Path, seed: int) -> None:
    vectors = motions(drawn(tmp_path, seed, {12: (2.5, 2.5)}))
    assert set(ranked(vectors)[:2]) == {26, 27}
    right, left = vectors[25], vectors[26]
    assert right[0] < -0.2 < 0.2 < left[0]
    assert right[1] < -0.2
    assert left[1] < -0.2


def test_a_smile_of_one_side_is_found_on_that_side(tmp_path: Path) -> None:
    vectors = motions(drawn(tmp_path, 5, {12: (2.5, 0.0)}))
    assert ranked(vectors)[0] == 27
    assert np.hypot(*vectors[26]) > 2 * np.hypot(*vectors[25])


def test_raised_and_lowered_brows_move_the_regions_around_them(tmp_path: Path) -> None:
    for folder, unit, sign in (("up", 1, -1), ("down", 4, 1)):
        (tmp_path / folder).mkdir()
        vectors = motions(drawn(tmp_path / folder, 6, {unit: (2.5, 2.5)}))
        assert set(ranked(vectors)[:2]) <= {2, 3, 4, 5, 9, 10, 11, 12}
        assert (sign * vectors[[1, 2, 3, 4], 1] > 0.1).all()
