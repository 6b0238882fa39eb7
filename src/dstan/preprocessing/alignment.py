"""Alignment: one similarity per clip, estimated on its first frames, and one interpolation.

A transform per frame would remove facial motion or add the landmarks' jitter, which is larger than the signal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.arrays import Matrix
from dstan.errors import FaceError, ShapeError
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.landmarks import STABLE, STABLE_POINTS
from dstan.preprocessing.template import template_points

FIRST_FRAMES = 5
"""Frames whose landmarks are averaged by their median."""
_FEWEST = 6


def umeyama(
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
) -> Matrix:
    """Fit the similarity (rotation, scale, translation) that takes points onto points, by weighted least squares.

    Parameters
    ----------
    source, target
        (n, 2) points, at least two different ones.
    weights
        (n,) not negative; all equal if None.

    Returns
    -------
    (2, 3) matrix ``[sR | t]``; it never mirrors.

    Raises
    ------
    ShapeError
        If the points do not match in number, or all coincide.

    References
    ----------
    .. [1] S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
       IEEE TPAMI 13(4), 1991, equations 40-42.
    """
    p, q = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    if p.ndim != 2 or p.shape[1:] != (2,) or p.shape != q.shape or w.shape != (len(p),):
        raise ShapeError(f"points {p.shape} and {q.shape} with weights {w.shape} do not match")
    w = w / w.sum()
    p_mean, q_mean = w @ p, w @ q
    p, q = p - p_mean, q - q_mean
    spread = float(w @ (p**2).sum(axis=1))
    if spread < 1e-12:
        raise ShapeError("the points to be aligned all coincide")
    left, singular, right = np.linalg.svd((w[:, None] * q).T @ p)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * signs) @ right
    linear = rotation * (singular @ signs) / spread
    return np.column_stack([linear, q_mean - linear @ p_mean])


def first_face(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of each landmark over the frames where it is known; NaN where it never is."""
    known = ~np.isnan(points).any(axis=(0, 2)) if len(points) == 1 else ~np.isnan(points).all(axis=(0, 2))
    median = np.full(points.shape[1:], np.nan, dtype=np.float32)
    median[known] = np.nanmedian(points[:, known], axis=0)
    return median


def fit_first_frames(landmarks: NDArray[np.float32], shape: tuple[int, int]) -> Matrix:
    """Fit the similarity from a clip's frames to the crop, on the stable points of its first frames.

    Parameters
    ----------
    landmarks
        (n, 468, 2) mesh points in pixels of the first frames, NaN where unknown.
    shape
        Height and width of the crop.

    Returns
    -------
    (2, 3) matrix from pixels of the frame to pixels of the crop.

    Raises
    ------
    FaceError
        If fewer than six stable points are known, or all are in one place.
    """
    face = first_face(landmarks)[list(STABLE_POINTS)]
    known = np.isfinite(face).all(axis=1)
    if known.sum() < _FEWEST:
        raise FaceError(f"only {known.sum()} of the {len(STABLE)} points needed for alignment are known")
    if np.ptp(face[known], axis=0).max() < 1:
        raise FaceError("the points needed for alignment all coincide")
    weights = np.array([point.weight for point in STABLE])
    return umeyama(face[known], template_points(shape)[known], weights[known])


def stretch(source: tuple[int, ...], shape: tuple[int, int]) -> Matrix:
    """Return the matrix that resizes a whole frame of height and width ``source`` to ``shape``."""
    scale_y, scale_x = shape[0] / source[0], shape[1] / source[1]
    return np.array([[scale_x, 0.0, (scale_x - 1) / 2], [0.0, scale_y, (scale_y - 1) / 2]])


def transform(points: NDArray[Any], matrix: Matrix) -> NDArray[np.float32]:
    """Apply a (2, 3) matrix to (..., 2) points."""
    moved: NDArray[np.float32] = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    return moved


def warp(frame: NDArray[Any], matrix: Matrix, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resample a frame once, by cubic interpolation; outside of it the border is repeated.

    OpenCV reads in steps of 1/32 px, and its cubic kernel shows shifts below .25 px up to a fifth too large. With one
    matrix for a clip every frame is read at the same places between pixels, and motion is not touched; with a matrix
    for each frame some hundredths of a pixel remain.

    Where the crop is smaller than the face, the frame is first smoothed just enough that nothing aliases.

    Parameters
    ----------
    frame
        (H, W) grey, in [0, 255].
    matrix
        (2, 3) from pixels of the frame to pixels of the crop.
    shape
        Height and width of the crop.

    Returns
    -------
    (height, width) float32 in [0, 255].
    """
    cv2 = opencv()
    sigma_x, sigma_y = (0.5 * np.sqrt(max(length**-2 - 1, 0.0)) for length in np.linalg.norm(matrix[:, :2], axis=0))
    (top, bottom), (left, right) = _needed(frame.shape, matrix, shape, margin=4 * max(sigma_x, sigma_y) + 4)
    image = frame[top:bottom, left:right].astype(np.float32)
    if max(sigma_x, sigma_y) > 0:
        tiny = 1e-3  # OpenCV reads 0 as "the other one"
        image = cv2.GaussianBlur(
            image, (0, 0), max(sigma_x, tiny), sigmaY=max(sigma_y, tiny), borderType=cv2.BORDER_REPLICATE
        )
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (left, top)
    warped = cv2.warpAffine(image, shifted, shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(warped, 0, 255), dtype=np.float32)


def _needed(
    size: tuple[int, ...], matrix: Matrix, shape: tuple[int, int], margin: float
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the rows and columns of the frame that the crop can see; at least one of each."""
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    low, high = np.floor(seen.min(axis=0) - margin), np.ceil(seen.max(axis=0) + margin)
    spans = []
    for axis, length in ((1, size[0]), (0, size[1])):
        first = int(np.clip(low[axis], 0, length - 1))
        spans.append((first, int(np.clip(high[axis], first + 1, length))))
    return spans[0], spans[1]
