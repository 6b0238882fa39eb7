"""One frame, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """One frame.

    Parameters
    ----------
    index
        Its position in the source, counted from 0.
    time
        Seconds from the first frame of the source; NaN for an image folder of unknown rate.
    pixels
        (H, W) grey or (H, W, 3) RGB, uint8.
    """

    index: int
    time: float
    pixels: NDArray[np.uint8]
