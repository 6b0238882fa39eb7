"""Numbers that describe an estimate of flow: its gain and smoothness, and what it shows where nothing moves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.bench.preprocessing.flow import face_radius
from dstan.bench.preprocessing.flow_model import WINDOW, expand, seen
from dstan.preprocessing._opencv import opencv
from dstan.synthesis.fields import Array

FREQUENCIES = np.array([0.0, 0.012, 0.02, 0.03, 0.04, 0.05, 0.065])
"""Limits of the bands of the transfer function, cycles per pixel."""
REGIONS = ("flat skin", "edges", "border", "background")
_WHITE = 4
"""Pictures of white noise that a level is compared with."""


def response_figures(estimates: Array, truth: Array, image: Array, another: Array) -> dict[str, float]:
    """Compare two estimates of one displacement with the truth.

    Parameters
    ----------
    estimates
        (2, H, W, 2) of different noise.
    truth
        (H, W, 2) pixels.
    image, another
        (H, W) the face at rest, and someone else's.
    """
    face = face_radius((truth.shape[0], truth.shape[1])) < 1
    length = np.linalg.norm(truth, axis=2)
    most = length >= length.max() / 2
    sigma = min(np.arange(0.0, 12.5), key=lambda width: _compare(estimates, blur(truth, width), face)[1])
    gain, left = _compare(estimates, blur(truth, sigma), face)
    own, own_left = _compare(estimates, seen(truth, expand(image)[1]), face)
    other, other_left = _compare(estimates, seen(truth, expand(another)[1]), face)
    return {
        "gain where it moves": _compare(estimates, truth, most)[0],
        "blur, px": float(sigma),
        "its gain": gain,
        "it leaves": left,
        "structure: gain": own,
        "leaves": own_left,
        "another's: gain": other,
        "another's leaves": other_left,
    }


def rest_figures(estimates: Array, image: Array) -> dict[str, float]:
    """Describe (n, H, W, 2) estimates of flow where nothing moves, of a face at rest, (H, W)."""
    face = face_radius((image.shape[0], image.shape[1])) < 1
    figures = {name: _rms(estimates[:, mask]) for name, mask in regions(image).items()}
    square = (estimates**2).mean(axis=(0, 3))
    local = np.sqrt(opencv().blur(square, (WINDOW, WINDOW)))
    values, even = estimates[:, face], estimates / local[..., None]
    return {
        **figures,
        "as noise of, levels": _level(estimates, image, face),
        "half-lag, px": half_lag(np.moveaxis(even, -1, 1).reshape(-1, *image.shape), face),
        "log-sd of local rms": float(np.log(local[face]).std()),
        "beyond 3 sd, %": 100 * float((np.abs(values) > 3 * values.std()).mean()),
        "kurtosis": _kurtosis(values),
        "kurtosis, evened": _kurtosis(even[:, face]),
        "corr(u, v)": float(np.corrcoef(values[..., 0].ravel(), values[..., 1].ravel())[0, 1]),
    }


def regions(image: Array) -> dict[str, NDArray[np.bool_]]:
    """Split an aligned crop into :data:`REGIONS`, (H, W) each.

    Inside of the face the half with the least contrast is flat skin, and the 15 % with most are edges: eyes, brows,
    mouth and nostrils. The border is a ring with hairline, cheeks and jaw.
    """
    cv2 = opencv()
    radius = face_radius((image.shape[0], image.shape[1]))
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
    contrast = cv2.GaussianBlur(np.hypot(*np.gradient(smooth)), (0, 0), 3 * len(image) / 224)
    inside = radius < 0.85
    low, high = np.quantile(contrast[inside], [0.5, 0.85])
    masks = (inside & (contrast < low), inside & (contrast >= high), (radius >= 0.85) & (radius < 1.2), radius >= 1.2)
    return dict(zip(REGIONS, masks, strict=True))


def blur(field: Array, sigma: float) -> Array:
    """Blur a field, (H, W, 2), by a Gaussian of ``sigma`` pixels; not at all for 0."""
    cv2 = opencv()
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)) if sigma > 0 else field


def half_lag(images: Array, mask: NDArray[np.bool_]) -> float:
    """Return the distance in pixels at which the autocorrelation of (n, H, W) images within a mask falls to a half."""
    side = 2 * max(mask.shape)
    power = (np.abs(np.fft.rfft2(np.where(mask, images, 0), (side, side))) ** 2).mean(axis=0)
    shared = np.fft.irfft2(np.abs(np.fft.rfft2(mask.astype(np.float64), (side, side))) ** 2)
    lag = np.minimum(np.arange(side), side - np.arange(side))
    ring = np.rint(np.hypot(lag[:, None], lag)).astype(np.int64).ravel()
    curve = np.bincount(ring, np.fft.irfft2(power).ravel()) / np.maximum(np.bincount(ring, shared.ravel()), 1.0)
    curve = curve / curve[0]
    past = int(np.argmax(curve < 0.5))
    return float(past - 1 + (curve[past - 1] - 0.5) / (curve[past - 1] - curve[past]))


def transfer_function(pairs: Iterable[tuple[Array, Array]]) -> NDArray[np.float64]:
    """Return the gain in each band of :data:`FREQUENCIES`, from pairs of an estimate and its truth, (H, W, 2) each."""
    crossed, power = np.zeros(len(FREQUENCIES) + 1), np.zeros(len(FREQUENCIES) + 1)
    for estimate, truth in pairs:
        side = len(truth)
        taper = np.outer(np.hanning(side), np.hanning(side))[..., None]
        e, t = (np.fft.fft2(field * taper, axes=(0, 1)) for field in (estimate, truth))
        one = np.fft.fftfreq(side)
        band = np.digitize(np.hypot(one[:, None], one), FREQUENCIES).ravel()
        crossed += np.bincount(band, (np.conj(t) * e).real.sum(axis=2).ravel(), len(crossed))
        power += np.bincount(band, (np.abs(t) ** 2).sum(axis=2).ravel(), len(power))
    return crossed[1:-1] / power[1:-1]


def _compare(estimates: Array, model: Array, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the best gain of a model and the rms it leaves over that of the estimate, both without noise."""
    first, second, m = estimates[0][mask], estimates[1][mask], model[mask]
    gain = float(((first + second) * m).sum() / (2 * (m * m).sum()))
    left = float(((first - gain * m) * (second - gain * m)).sum())
    return gain, float(np.sqrt(max(left, 0.0) / max(float((first * second).sum()), 1e-12)))


def _level(estimates: Array, image: Array, face: NDArray[np.bool_]) -> float:
    """Return the standard deviation of white noise in the second picture that the model answers with as much flow."""
    rng = np.random.default_rng(child_seed(5, "white"))
    curvature, nothing = expand(image)[1], np.zeros((*image.shape, 2), np.float32)
    noises = rng.standard_normal((_WHITE, *image.shape), dtype=np.float32)
    modelled = np.stack([seen(nothing, curvature, expand(noise)[0]) for noise in noises])
    logs = [np.log((fields[:, face] ** 2).mean(axis=(0, 2))) / 2 for fields in (estimates, modelled)]
    return float(np.exp((logs[0] - logs[1]).mean()))


def _rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean()))


def _kurtosis(values: Array) -> float:
    return float((values**4).mean() / (values**2).mean() ** 2)
