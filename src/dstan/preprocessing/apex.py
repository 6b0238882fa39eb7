"""The apex: the frame in which an expression is strongest, as annotated or as estimated from motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import check_array
from dstan.clips import Clip
from dstan.errors import AnnotationRangeError
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.flow import compute_flow
from dstan.preprocessing.template import eye_centres, eye_distance

EYE_DISTANCE = 38.0
"""Pixels between the eye centres in the reduced frames that motion is measured on: half of a crop of 224 x 224."""
SAMPLES = 32
"""Most frames of a clip that are compared with its onset."""
WIDTH = 0.06
"""Width of the smoothing window at half its height, as a share of the clip."""


def find_apex(frames: NDArray[np.float32], clip: Clip, policy: str, *, template: bool) -> tuple[str, int]:
    """Find a clip's apex by the recipe's policy.

    Parameters
    ----------
    frames
        (n, H, W) aligned grey frames in [0, 255], from onset to offset.
    clip
        The clip that they came from; its positions fit the frames.
    policy
        ``annotated``: the annotated apex, estimated where there is none; ``estimated``: always from motion;
        ``midpoint``: the frame halfway between onset and offset.
    template
        Whether the face lies where alignment puts it.

    Returns
    -------
    The policy that applied, and the apex's position in ``frames``, the onset being 0.

    Raises
    ------
    AnnotationRangeError
        If the annotated apex is wanted and is not among the frames.
    """
    if policy == "midpoint":
        return policy, len(frames) // 2
    if policy == "estimated" or clip.apex is None:
        return "estimated", estimate_apex(frames, template=template)
    first = clip.onset or 0
    if not first <= clip.apex < first + len(frames):
        raise AnnotationRangeError(
            f"the apex (position {clip.apex}) is not between onset and offset (positions {first} to "
            f"{first + len(frames) - 1})",
            where=clip,
            hint="Correct the coding table, or use --set recipe.apex=estimated",
        )
    return policy, clip.apex - first


def estimate_apex(frames: NDArray[np.float32], *, template: bool = True) -> int:
    """Estimate in which frame an expression is strongest: where the face has moved farthest from its onset.

    Flow from the onset frame to each other frame is taken in the regions of brows and of nose and mouth, freed from
    the head's own motion; its root mean square is smoothed over 6 % of the clip, and its maximum is the apex. A clip
    of more than 32 frames is sampled at 32, and a parabola through the greatest sample and its neighbours places the
    maximum between them.

    As in [1]_ the regions of the action units are compared with the onset frame, but by flow in place of LBP or
    strain; and the maximum of a smoothed signal replaces the search by repeated halving, which follows the side with
    the larger sum and so favours slow falls. As in [2]_ the signal is flow within regions; there its main direction in
    each region is followed, here all that is not the head's motion is counted. Unlike [3]_ nothing is read from
    frequencies.

    Parameters
    ----------
    frames
        (n, H, W) grey frames in [0, 255], the first being the onset, at least one.
    template
        Whether the face lies where alignment puts it; if not, motion is measured on the whole frame, blinks included.

    Returns
    -------
    The position in ``frames``; never the onset where there is another frame. A clip in which nothing at all moves
    answers the frame halfway.

    Raises
    ------
    ShapeError
        If there are no frames, or they are not (n, H, W).

    References
    ----------
    .. [1] S.-T. Liong et al., "Automatic apex frame spotting in micro-expression database", ACPR 2015.
    .. [2] H. Ma et al., "A region histogram of oriented optical flow (RHOOF) feature for apex frame spotting in
       micro-expression", ISPACS 2017.
    .. [3] Y. Li, X. Huang, G. Zhao, "Can micro-expression be recognized based on single apex frame?", ICIP 2018.
    """
    check_array("frames", frames, ndim=3)
    positions = np.unique(np.linspace(0, len(frames) - 1, SAMPLES).round().astype(np.int64))
    fields = onset_fields(frames[positions])
    shape = (fields.shape[1], fields.shape[2])
    counted = action_regions(shape) if template else np.ones(shape, dtype=np.bool_)
    signal = motion_signal(fields, counted)
    if not signal.any():
        return len(frames) // 2
    place = np.interp(peak(signal), np.arange(len(positions)), positions)
    return max(round(float(place)), min(1, len(frames) - 1))


def onset_fields(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate flow from the first frame to each frame, at reduced size.

    Parameters
    ----------
    frames
        (n, H, W) grey in [0, 255].

    Returns
    -------
    (n, h, w, 2) displacement in pixels of the reduced frames; the first field is zero.
    """
    cv2 = opencv()
    height, width = frames.shape[1:]
    scale = min(1.0, EYE_DISTANCE / eye_distance((height, width)))
    size = (round(width * scale), round(height * scale))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    return np.stack([compute_flow(small[0], frame) for frame in small])


def action_regions(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mark where action units act in an aligned crop: brows with the lower forehead, and nose, mouth and chin.

    The openings of the eyes are left out, with a margin: a blink moves more than any micro-expression.

    Parameters
    ----------
    shape
        Height and width of the crop.

    Returns
    -------
    (H, W), true inside.
    """
    x, y = _face_coordinates(shape)
    brows = (abs(x) < 0.95) & (y > -0.75) & (y < -0.22)
    nose_and_mouth = (abs(x) < 0.75) & (y > 0.35) & (y < 1.45)
    return np.asarray(brows | nose_and_mouth)


def motion_signal(fields: NDArray[np.float32], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Measure how far the face has moved in each field, the head's own motion left aside.

    The head's motion is the shift, turn and scaling that fit a field best.

    Parameters
    ----------
    fields
        (n, h, w, 2) displacement in pixels.
    counted
        (h, w), true where motion counts.

    Returns
    -------
    (n,) root mean square in pixels.
    """
    x, y = (plane[counted] for plane in _face_coordinates(counted.shape))
    one, zero = np.ones_like(x), np.zeros_like(x)
    head = np.concatenate([np.stack([one, zero, x, -y], axis=1), np.stack([zero, one, y, x], axis=1)])
    moved = fields[:, counted].transpose(0, 2, 1).reshape(len(fields), -1).astype(np.float64)
    basis, _ = np.linalg.qr(head)
    rest = moved - moved @ basis @ basis.T
    return np.asarray(np.sqrt(2 * (rest**2).mean(axis=1)))


def peak(signal: NDArray[np.float64], width: float = WIDTH) -> float:
    """Return where a signal is greatest, after smoothing.

    Parameters
    ----------
    signal
        (n,) at equal steps, at least one.
    width
        Width of the triangular window at half its height, as a share of the signal's length.

    Returns
    -------
    A position from 0 to n - 1, between samples where the parabola through the three highest has its summit there.
    """
    half = max(1, round(width * len(signal)))
    window = np.bartlett(2 * half + 1)[1:-1]
    smooth = np.convolve(np.pad(signal, half - 1, mode="edge"), window / window.sum(), mode="valid")
    top = int(smooth.argmax())
    if not 0 < top < len(signal) - 1:
        return float(top)
    before, at, after = smooth[top - 1 : top + 2]
    bend = before - 2 * at + after
    return top if bend == 0 else top + 0.5 * float((before - after) / bend)


def _face_coordinates(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of every pixel from the middle between the eyes, in units of their distance."""
    height, width = shape
    middle = eye_centres((height, width)).mean(axis=0)
    unit = eye_distance((height, width))
    x, y = np.meshgrid((np.arange(width) - middle[0]) / unit, (np.arange(height) - middle[1]) / unit)
    return x, y
