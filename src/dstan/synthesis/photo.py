"""Moving a real photograph of a face with the action units of the drawn ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.errors import ConfigError, ShapeError
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.alignment import umeyama
from dstan.preprocessing.landmarks import STABLE_POINTS
from dstan.synthesis.emotions import Expression
from dstan.synthesis.fields import Array, single
from dstan.synthesis.mesh import mesh_points
from dstan.synthesis.sensor import Sensor
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.synthesis.warp import FaceWarp, grid


def animate_photo(
    image: NDArray[np.uint8],
    landmarks: Array,
    action_units: Mapping[int, tuple[float, float]],
    n_frames: int,
    fps: float,
    seed: int = 0,
) -> list[NDArray[np.uint8]]:
    """Let a photographed face show a micro-expression.

    The expression begins with the first frame, peaks at two fifths and has faded by the last; the head drifts, and
    the camera flickers and has noise, as in the drawn clips. Eyes and lids only follow the fields: nobody blinks.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    landmarks
        (468, 2) mesh points of the face in pixels.
    action_units
        For each AU its peak on the subject's left and right, in pixels of the 224 x 224 crop.
    n_frames
        Frames wanted, at least 3.
    fps
        Frames per second.
    seed
        The same seed gives the same frames.

    Returns
    -------
    The frames, (H, W, 3) uint8 RGB each.

    Raises
    ------
    ShapeError
        If the image or the landmarks have another shape.
    ConfigError
        If there is no action unit or there are fewer than three frames.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(f"the photograph must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
    if landmarks.shape != mesh_points().shape:
        raise ShapeError(f"the landmarks must be {mesh_points().shape}, not {landmarks.shape}")
    if not action_units or n_frames < 3:
        raise ConfigError("a clip needs at least one action unit and three frames")
    phases = Phases(onset=0, apex=max(1, round(0.4 * (n_frames - 1))), offset=n_frames - 1)
    motion = draw_motion([Expression(action_units)], Timeline((phases,), n_frames), fps, child_seed(seed, "motion"))
    warp = warp_for(landmarks, image.shape[1], image.shape[0])
    sensor = Sensor(image, child_seed(seed, "camera"))
    cv2, frames = opencv(), []
    for index in range(n_frames):
        maps, shade = warp.maps(motion.at(index), motion.head[index] - motion.head[0])
        drawn = cv2.remap(image, maps, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
        frames.append(sensor.record(drawn, shade, float(motion.light[index] / motion.light[0])))
    return frames


def warp_for(landmarks: Array, width: int, height: int) -> FaceWarp:
    """Return the warp that knows where a photographed face has the parts of the average one.

    A similarity from the rigid points places the face; what is left at all mesh points is smoothed over the image.

    Parameters
    ----------
    landmarks
        (468, 2) mesh points in pixels.
    width, height
        Size of the photograph.
    """
    from scipy.interpolate import RBFInterpolator

    average, rigid = mesh_points(), list(STABLE_POINTS)
    frame = umeyama(average[rigid], landmarks[rigid])
    back = np.linalg.inv(frame[:, :2])
    person = (landmarks - frame[:, 2]) @ back.T
    x, y = grid(width, height)
    face = (np.stack([x, y], axis=-1).reshape(-1, 2) - frame[:, 2]) @ back.T
    smooth = RBFInterpolator(person, average - person, kernel="linear", smoothing=0.05, neighbors=60)
    nearby = np.clip(face, person.min(axis=0) - 0.3, person.max(axis=0) + 0.3)
    own = single(face + smooth(nearby)).reshape(*x.shape, 2)
    return FaceWarp(own[..., 0], own[..., 1], frame, width, height)
