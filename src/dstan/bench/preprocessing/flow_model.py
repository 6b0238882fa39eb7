"""What Farneback's estimate makes of a true displacement: an average in a window, weighted by the picture's structure.

The estimator compares, in each pixel, the slope of a quadratic that is fitted to each of the two pictures. A
displacement ``t`` changes that slope by ``-2 A t``, where ``A`` is the quadratic's curvature, so what can be known of
``t`` is ``A t``. The estimate is the least-squares solution over a square window: ``d = (K * A A)^-1 K * A (A t + n)``,
where ``K *`` is the mean over the window and ``n`` minus half of what noise and shading add to the slope.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing._opencv import opencv
from dstan.synthesis.fields import Array

WINDOW = 15
"""Side of the window, pixels of the crop."""
_RADIUS, _SPREAD = 5, 1.2
"""Of the pixels that a quadratic is fitted to: half a side, and the standard deviation of their Gaussian weights."""
_TINY = 1e-3
"""What OpenCV adds to the determinant."""


def expand(image: Array) -> tuple[Array, Array]:
    """Fit a quadratic around each pixel, by least squares with Gaussian weights.

    Parameters
    ----------
    image
        (H, W) grey levels.

    Returns
    -------
    Slope, (H, W, 2) along x and y in levels per pixel; curvature ``A``, (H, W, 3): its entries xx, xy and yy in levels
    per squared pixel.

    References
    ----------
    .. [1] G. Farnebäck, "Two-frame motion estimation based on polynomial expansion", SCIA 2003, sections 2 and 3.
    """
    cv2 = opencv()
    parts = [
        cv2.filter2D(image.astype(np.float64), -1, kernel, borderType=cv2.BORDER_REPLICATE) for kernel in _kernels()
    ]
    slope, curvature = np.dstack(parts[:2]), np.dstack((parts[2], parts[4] / 2, parts[3]))
    return slope.astype(np.float32), curvature.astype(np.float32)


@lru_cache(maxsize=1)
def _kernels() -> NDArray[np.float64]:
    """Return (5, 11, 11): the filters whose answers are the coefficients of x, y, x², y² and xy."""
    y, x = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1].astype(np.float64)
    weights = np.exp(-(x**2 + y**2) / (2 * _SPREAD**2)).ravel()
    basis = np.stack([one.ravel() for one in (np.ones_like(x), x, y, x**2, y**2, x * y)], axis=1)
    filters = np.linalg.solve(basis.T @ (weights[:, None] * basis), basis.T * weights)
    return filters[1:].reshape(5, *x.shape)


def seen(truth: Array, curvature: Array, added: Array | None = None) -> Array:
    """Return what the estimator makes of a true field.

    Parameters
    ----------
    truth
        (H, W, 2) displacement, pixels of the crop.
    curvature
        (H, W, 3) of the face at rest, from :func:`expand`.
    added
        (H, W, 2) slope of what the second picture has and the first moved has not: noise, the shading of folds.

    Returns
    -------
    (H, W, 2) pixels of the crop.
    """
    a, c, b = np.moveaxis(curvature.astype(np.float64), -1, 0)
    x, y = a * truth[..., 0] + c * truth[..., 1], c * truth[..., 0] + b * truth[..., 1]
    if added is not None:
        x, y = x - added[..., 0] / 2, y - added[..., 1] / 2
    p, q = _mean(a * x + c * y), _mean(c * x + b * y)
    xx, xy, yy = _mean(a * a + c * c), _mean(c * (a + b)), _mean(b * b + c * c)
    field = np.dstack((yy * p - xy * q, xx * q - xy * p)) / (xx * yy - xy * xy + _TINY)[..., None]
    return np.asarray(field, np.float32)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    cv2 = opencv()
    return np.asarray(cv2.blur(values, (WINDOW, WINDOW), borderType=cv2.BORDER_REPLICATE))
