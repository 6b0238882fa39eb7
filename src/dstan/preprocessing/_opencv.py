"""OpenCV, imported where it is used, with an error that says what to install."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dstan.errors import MissingDependencyError


def opencv() -> ModuleType:
    """Import OpenCV.

    Raises
    ------
    MissingDependencyError
        If it cannot be imported.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            f"OpenCV cannot be imported: {error}",
            hint="Install the system's libGL (Debian: apt-get install libgl1 libglib2.0-0), or swap in the build that "
            "needs none: pip uninstall -y opencv-contrib-python; "
            "pip install --no-deps opencv-contrib-python-headless==4.11.0.86",
        ) from error
    return cv2


def to_half(array: NDArray[np.float32]) -> NDArray[np.float16]:
    """Round to half precision as ``astype`` does, to the nearest and ties to even, in a tenth of its time."""
    flat = np.ascontiguousarray(array, dtype=np.float32).reshape(1, -1)
    halves: NDArray[np.float16] = opencv().convertFp16(flat).view(np.float16).reshape(array.shape)
    return halves
