"""The camera: flicker, photon and read noise, and the image file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing._opencv import opencv
from dstan.synthesis.fields import Array

NOISE = 1.5
"""Standard deviation of the noise at middle grey, grey levels."""
SLACK = 97
"""The noise of a frame is a random window of one noise image that is this many pixels larger."""
QUALITY = (92, 95)
"""Range of JPEG quality."""


class Sensor:
    """Records the frames of one clip.

    Parameters
    ----------
    scene
        (H, W, 3) uint8 image of the scene at rest: bright places are noisier.
    seed
        Seeds the noise.
    """

    def __init__(self, scene: NDArray[np.uint8], seed: int) -> None:
        cv2 = opencv()

        self._rng = np.random.default_rng(seed)
        self._shape = scene.shape[:2]
        height, width = self._shape
        grey = cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY).astype(np.float32)
        gain = NOISE * np.sqrt(0.3 + 0.7 * cv2.GaussianBlur(grey, (0, 0), 3) / 128)
        self._gain = cv2.cvtColor(gain.astype(np.float32), cv2.COLOR_GRAY2RGB)
        noise = self._rng.standard_normal((height + SLACK, width + SLACK, 3), dtype=np.float32)
        self._noise = 0.8 * noise.mean(axis=2, keepdims=True) * np.float32(3**0.5) + 0.6 * noise
        self.quality = int(self._rng.integers(QUALITY[0], QUALITY[1] + 1))

    def record(self, frame: NDArray[np.uint8], shade: Array, light: float) -> NDArray[np.uint8]:
        """Return the frame as the camera sees it.

        Parameters
        ----------
        frame
            (H, W, 3) uint8.
        shade
            (H, W) factor of brightness.
        light
            Brightness of the lamps.
        """
        cv2 = opencv()

        height, width = self._shape
        top, left = (int(n) for n in self._rng.integers(0, SLACK, 2))
        noise = cv2.multiply(self._noise[top : top + height, left : left + width], self._gain)
        light_there = cv2.cvtColor(shade * np.float32(light), cv2.COLOR_GRAY2RGB)
        exposed = cv2.multiply(frame, light_there, dtype=cv2.CV_32F)
        return np.asarray(cv2.add(exposed, noise, dtype=cv2.CV_8U), np.uint8)


def encode(frame: NDArray[np.uint8], suffix: str, quality: int) -> bytes:
    """Encode a frame as an image file.

    Parameters
    ----------
    frame
        (H, W, 3) uint8 RGB, or (H, W) uint8 grey.
    suffix
        ".jpg", ".bmp" or ".png".
    quality
        That of JPEG, 0 to 100.
    """
    cv2 = opencv()

    pixels = frame if frame.ndim == 2 else frame[..., ::-1]
    _, data = cv2.imencode(suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else [])
    return bytes(data)
