r"""What an estimator of optical flow makes of true motion, without estimating anything.

Farnebäck's method fits a quadratic to each neighbourhood of both pictures and asks which displacement t explains the
change of the linear part, :math:`\Delta b = A t`, with A half the Hessian of the picture. It does so in the mean over a
window K (a square of 15 pixels), so what it finds is

.. math:: d = (K A^T A)^{-1} K A^T (A t - \nabla \epsilon / 2)

with :math:`\epsilon` whatever else changed: noise, light, and the shade of folds. Smooth skin takes its motion from
the nearest edges. Errors are larger along an edge than across it, and where there is little to see; where there is
nothing, nothing is found. docs/preprocessing.md says how near this comes to the estimate itself.

References
----------
.. [1] G. Farnebäck, "Two-frame motion estimation based on polynomial expansion", SCIA 2003, equations 10 to 13.
"""

from __future__ import annotations

import torch
from jaxtyping import Float32
from torch import Generator, Tensor

from dstan.synthesis.motion.course import paired
from dstan.synthesis.motion.settings import MotionSettings

POLYNOMIAL = 1.2
"""Deviation of the Gaussian that weighs a neighbourhood in the fit, pixels."""
STEADY = 1e-3
"""Added to the determinant, as OpenCV does, so that nothing is found where nothing can be seen."""


def estimated(
    truth: Float32[Tensor, "n t 2 h w"],
    picture: Float32[Tensor, "n h w"],
    pairs: str,
    settings: MotionSettings,
    generator: Generator,
) -> Float32[Tensor, "n t 2 h w"]:
    """Return the flow that an estimator would have found.

    Parameters
    ----------
    truth
        The displacement in pixels of the crop.
    picture
        What is seen at first, grey in [0, 255].
    pairs
        As in a recipe: fields from the same first frame share its noise.
    settings
        ``window``, ``gain``, ``noise``, ``light`` and ``folds``. A window of one pixel is no estimator: it finds the
        truth, and nothing disturbs it.
    generator
        On the CPU; one window is drawn for all n clips.
    """
    if settings.window[1] < 2:
        return truth
    n, t = truth.shape[:2]
    shape = (picture.shape[1], picture.shape[2])
    smooth, slope, curve = (matrices(shape, order, picture.device) for order in range(3))
    a, b, c = (
        0.5 * rows @ picture @ columns.T
        for rows, columns in ((smooth[0], curve[1]), (slope[0], slope[1]), (curve[0], smooth[1]))
    )
    other = paired(changes(picture, t + 1, settings, generator), pairs)
    other = -0.5 * (other + folds(truth, settings, generator) * picture[:, None])
    along_x, along_y = smooth[0] @ other @ slope[1].T, slope[0] @ other @ smooth[1].T
    a, b, c = (part[:, None] for part in (a, b, c))
    u, v = truth.unbind(2)
    first, second = _sum(along_x, (a, u), (b, v)), _sum(along_y, (b, u), (c, v))
    window = boxes(shape, settings, generator, picture.device)
    g, h, k, p, q = (
        window[0] @ part @ window[1].T
        for part in (
            _sum(a * a, (b, b)),
            b * (a + c),
            _sum(b * b, (c, c)),
            _sum(a * first, (b, second)),
            _sum(b * first, (c, second)),
        )
    )
    low, high = settings.gain
    gain = low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)
    share = gain.to(p.device) / (g * k - h * h + STEADY)
    g, h, k = g * share, h * share, k * share
    return torch.stack([k * p - h * q, g * q - h * p], 2)


def _sum(start: Tensor, *products: tuple[Tensor, Tensor]) -> Tensor:
    """Add products one after another, each in one pass through memory."""
    for one, other in products:
        start = torch.addcmul(start, one, other)
    return start


def folds(
    motion: Float32[Tensor, "n t 2 h w"], settings: MotionSettings, generator: Generator
) -> Float32[Tensor, "n t h w"]:
    """Return by which share skin gets darker where motion pushes it together, and lighter where it pulls it apart.

    Parameters
    ----------
    motion
        Displacement in pixels.
    settings
        ``folds``.
    generator
        On the CPU.
    """
    strength = settings.folds * torch.rand(len(motion), 1, 1, 1, generator=generator)
    (along_x,), (along_y,) = torch.gradient(motion[:, :, 0], dim=3), torch.gradient(motion[:, :, 1], dim=2)
    return strength.to(motion.device) * (along_x + along_y).clamp(-0.8, 0.8)


def matrices(shape: tuple[int, int], order: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what smooths (order 0), or takes the first or second derivative of a smoothed picture, down and across.

    Parameters
    ----------
    shape
        Height and width of the picture, whose border repeats.
    order
        Of the derivative, in pixels.
    device
        Where the matrices are to be.
    """
    reach = torch.arange(-5, 6, dtype=torch.float32)
    weights = torch.softmax(-0.5 * (reach / POLYNOMIAL).square(), 0)
    if order == 1:
        weights = weights * reach / (weights * reach.square()).sum()
    elif order == 2:
        away = reach.square() - (weights * reach.square()).sum()
        weights = 2 * weights * away / (weights * away * reach.square()).sum()
    return tuple(_banded(side, reach.long(), weights).to(device) for side in shape)  # type: ignore[return-value]


def boxes(
    shape: tuple[int, int], settings: MotionSettings, generator: Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return what takes the mean over a square window down and across; its side is drawn.

    Parameters
    ----------
    shape
        Height and width of the picture, whose border repeats.
    settings
        ``window``.
    generator
        On the CPU.
    device
        Where the matrices are to be.
    """
    low, high = settings.window
    half = int(torch.randint(low // 2, high // 2 + 1, (1,), generator=generator))
    reach = torch.arange(-half, half + 1)
    mean = torch.full((len(reach),), 1 / len(reach))
    return tuple(_banded(side, reach, mean).to(device) for side in shape)  # type: ignore[return-value]


def _banded(side: int, reach: Tensor, weights: Tensor) -> Float32[Tensor, "side side"]:
    places = (torch.arange(side)[:, None] + reach).clamp(0, side - 1)
    return torch.zeros(side, side).scatter_add_(1, places, weights.expand(side, -1))


def changes(
    picture: Float32[Tensor, "n h w"], frames: int, settings: MotionSettings, generator: Generator
) -> Float32[Tensor, "n f h w"]:
    """Draw what changes pictures beside motion, in grey levels: noise of each frame, and slow changes of light.

    Parameters
    ----------
    picture
        What is seen at first, grey in [0, 255].
    frames
        How many are taken.
    settings
        ``noise`` and ``light``.
    generator
        On the CPU.
    """
    n, h, w = picture.shape
    level = settings.noise * torch.exp(settings.noise_spread * torch.randn(n, 1, 1, 1, generator=generator))
    noise = (level * torch.randn(n, frames, h, w, generator=generator)).to(picture.device)
    tilt = settings.light * torch.randn(n, frames, 3, 1, 1, generator=generator).to(picture.device)
    down = torch.linspace(-1, 1, h, device=picture.device)[:, None]
    across = torch.linspace(-1, 1, w, device=picture.device)
    light = tilt[:, :, 0] + tilt[:, :, 1] * down + tilt[:, :, 2] * across
    return noise + light * picture[:, None]
