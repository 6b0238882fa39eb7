"""Optical flow: the displacement (u, v) of every pixel, in pixels, x to the right and y down.

A field ``w`` from ``first`` to ``second`` means ``first(x, y) = second(x + u, y + v)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan._registry import look_up
from dstan.arrays import check_array
from dstan.errors import MissingDependencyError, ShapeError
from dstan.preprocessing._opencv import opencv

_RLOF_SMALLEST = 40
"""Pixels: on less, OpenCV 4.11's estimate fails or never ends."""


def farneback(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate flow by polynomial expansion: fast, and it keeps the amplitude of subtle motion.

    Parameters
    ----------
    first, second
        (H, W) grey, in [0, 255].

    References
    ----------
    .. [1] G. Farnebäck, "Two-frame motion estimation based on polynomial expansion", SCIA 2003.
    """
    return _field(opencv().calcOpticalFlowFarneback(first, second, None, 0.5, 3, 15, 3, 5, 1.2, 0))


def tvl1(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate flow by total variation and an L1 data term: quiet where nothing moves, slow, shrinks subtle motion.

    Parameters
    ----------
    first, second
        (H, W) grey, in [0, 255].

    Raises
    ------
    MissingDependencyError
        If OpenCV was built without its contributed modules.

    References
    ----------
    .. [1] C. Zach, T. Pock, H. Bischof, "A duality based approach for realtime TV-L1 optical flow", DAGM 2007.
    """
    scaled = [np.clip(image / np.float32(255), 0, 1) for image in (first, second)]
    return _field(_contributed("TV-L1").DualTVL1OpticalFlow_create().calc(*scaled, None))


def dis(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate flow by dense inverse search, medium preset: the fastest; works on whole grey levels.

    Parameters
    ----------
    first, second
        (H, W) grey, in [0, 255].

    References
    ----------
    .. [1] T. Kroeger et al., "Fast optical flow using dense inverse search", ECCV 2016.
    """
    cv2 = opencv()
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return _field(dis.calc(_whole_levels(first), _whole_levels(second), None))


def rlof(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate flow by robust local optical flow: quiet, slow, works on whole grey levels.

    Points on a grid of 6 px are followed both ways; the others take what the nearest of them have, nearness being
    measured along the picture (OpenCV's geodesic interpolation; its default, EPIC, takes away more of subtle motion).

    Parameters
    ----------
    first, second
        (H, W) grey, in [0, 255], at least 40 x 40.

    Raises
    ------
    ShapeError
        If the images are smaller.
    MissingDependencyError
        If OpenCV was built without its contributed modules.

    References
    ----------
    .. [1] T. Senst, V. Eiselein, T. Sikora, "Robust local optical flow for feature tracking", IEEE TCSVT 22(9), 2012.
    """
    for name, image in (("first", first), ("second", second)):
        check_array(name, image, ndim=2, smallest=_RLOF_SMALLEST)
    optflow = _contributed("RLOF")
    estimator = optflow.DenseRLOFOpticalFlow_create(interp_type=optflow.INTERP_GEO)
    coloured = [opencv().merge([_whole_levels(image)] * 3) for image in (first, second)]  # it takes nothing else
    with single_thread():  # its numbers depend on how the work is divided
        return _field(estimator.calc(*coloured, None))


ALGORITHMS: dict[str, Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]] = {
    "farneback": farneback,
    "tvl1": tvl1,
    "dis": dis,
    "rlof": rlof,
}
"""Every algorithm by its name."""


def compute_flow(
    first: NDArray[np.float32], second: NDArray[np.float32], algorithm: str = "farneback"
) -> NDArray[np.float32]:
    """Estimate the displacement from one grey image to another.

    Parameters
    ----------
    first, second
        (H, W) grey of one size, in [0, 255].
    algorithm
        One of :data:`ALGORITHMS`.

    Returns
    -------
    (H, W, 2) float32 (u, v) in pixels.

    Raises
    ------
    ShapeError
        If the images are not two-dimensional or differ in size.
    UnknownNameError
        If there is no such algorithm.
    """
    estimate = look_up("flow algorithm", algorithm, ALGORITHMS)
    for name, image in (("first", first), ("second", second)):
        check_array(name, image, ndim=2)
    if first.shape != second.shape:
        raise ShapeError(f"the two images differ in size: {first.shape} and {second.shape}")
    if np.array_equal(first, second):  # Farnebäck's estimate is not quite zero at the right and lower border then
        return np.zeros((*first.shape, 2), dtype=np.float32)
    return estimate(_grey(first), _grey(second))


def flow_sequence(frames: NDArray[np.float32], pairs: str, algorithm: str = "farneback") -> NDArray[np.float32]:
    """Estimate one field less than there are frames.

    Parameters
    ----------
    frames
        (T + 1, H, W) grey, in [0, 255], at least two.
    pairs
        ``adjacent``: from each frame to the next; ``onset``: from the first frame to each of the others.
    algorithm
        One of :data:`ALGORITHMS`.

    Returns
    -------
    (T, 2, H, W) float32 in pixels.

    Raises
    ------
    ShapeError
        If there are fewer than two frames or ``pairs`` is neither of the two.
    UnknownNameError
        If there is no such algorithm.
    """
    check_array("frames", frames, ndim=3)
    if len(frames) < 2 or pairs not in ("adjacent", "onset"):
        raise ShapeError(f"flow needs two frames and pairs adjacent or onset, not {len(frames)} frames and {pairs!r}")
    firsts = frames[:-1] if pairs == "adjacent" else frames[:1].repeat(len(frames) - 1, axis=0)
    fields = [compute_flow(a, b, algorithm) for a, b in zip(firsts, frames[1:], strict=True)]
    return np.ascontiguousarray(np.stack(fields).transpose(0, 3, 1, 2))


def resize_flow(field: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize a field and scale its vectors with it.

    Parameters
    ----------
    field
        (H, W, 2) displacement in pixels.
    shape
        Height and width wanted.
    """
    cv2 = opencv()
    height, width = field.shape[:2]
    smaller = shape[0] * shape[1] < height * width
    resized = cv2.resize(field, shape[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return _field(resized * np.array([shape[1] / width, shape[0] / height], dtype=np.float32))


def _contributed(what: str) -> Any:
    """Return OpenCV's contributed modules of flow."""
    cv2 = opencv()
    if not hasattr(cv2, "optflow"):
        raise MissingDependencyError(
            f"{what} flow is in OpenCV's contributed modules, which this build lacks",
            hint="pip install opencv-contrib-python==4.11.0.86, or use --set recipe.flow=farneback",
        )
    return cv2.optflow


def _whole_levels(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _grey(image: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(image, dtype=np.float32)


def _field(array: Any) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)
