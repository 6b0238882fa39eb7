"""What is known of a drawn face and never of a real one: where its landmarks are and how it moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan.synthesis.animation import Performance
from dstan.synthesis.eyes import EYE_HALF, EYE_X, lid_curves
from dstan.synthesis.fields import Array
from dstan.synthesis.identity import shape_field
from dstan.synthesis.mesh import mesh_points

UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
"""Mesh points on the edges of the upper lids: a blink carries them down."""


def true_landmarks(performance: Performance, frame: int) -> Array:
    """Return the 468 mesh points in one frame, (468, 2) in pixels of the image."""
    portrait, motion = performance.portrait, performance.motion
    average = mesh_points()
    dx, dy = shape_field(portrait.identity, average[:, 0], average[:, 1])
    person = average + np.stack([dx, dy], axis=1)
    person[list(UPPER_LIDS), 1] += _blink(performance, average[list(UPPER_LIDS)], float(motion.gaze[frame, 2]))
    pixels = portrait.placement.to_pixels(person)
    return performance.warp.move_points(average, pixels, motion.at(frame), motion.head[frame])


def _blink(performance: Performance, lids: Array, opening: float) -> Array:
    across = (np.abs(lids[:, 0]) - EYE_X) / EYE_HALF
    rest, _ = lid_curves(across, performance.portrait.identity, 1.0)
    now, _ = lid_curves(across, performance.portrait.identity, opening)
    return now - rest


def write_truth(path: Path, performance: Performance, landmarks: Array) -> None:
    """Write what is known of a video as one safetensors file.

    It holds ``landmarks`` (frames, 468, 2) in pixels, ``action_units`` (AUs,), ``intensities`` (frames, AUs, 2) on the
    subject's left and right in pixels of the 224 x 224 crop, ``head`` (frames, 4), ``phases`` (events, 3) with onset,
    apex and offset of each event counted from the first image, and ``apex_field`` (events, h, w, 2): the face's
    displacement at each apex in pixels, on a grid every fourth pixel, the head held still.

    Parameters
    ----------
    path
        The file.
    performance
        The person in motion.
    landmarks
        Those of every frame.
    """
    from safetensors.numpy import save_file

    motion = performance.motion
    arrays: dict[str, NDArray[np.generic]] = {
        "landmarks": landmarks,
        "action_units": np.array(motion.action_units, np.int64),
        "intensities": np.ascontiguousarray(motion.intensity),
        "head": np.ascontiguousarray(motion.head),
        "phases": np.array([(one.onset, one.apex, one.offset) for one in motion.events], np.int64),
        "apex_field": np.stack([performance.warp.field(motion.at(one.apex)) for one in motion.events]),
    }
    with _atomic.replacing(path) as temporary:
        save_file(arrays, temporary)
