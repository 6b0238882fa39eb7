"""Which action units a batch of drawn clips shows, and how strongly on either side."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Generator, Tensor

from dstan.synthesis.emotions import ONE_SIDED, STRENGTHS
from dstan.synthesis.motion.classes import UNITS, Mixture
from dstan.synthesis.motion.settings import MotionSettings


class Expressions(NamedTuple):
    """What a batch shows."""

    labels: Int64[Tensor, " n"]
    """The class of each clip, counted from 0."""
    shown: Bool[Tensor, "n units"]
    """Which action units move, whether or not they belong to the class."""
    sides: Float32[Tensor, "n units 2"]
    """How strongly on the subject's left and right at the apex, pixels of the 224 x 224 crop; 0 where not shown."""


def draw_expressions(
    n: int, mixture: Mixture, settings: MotionSettings, generator: Generator, labels: Tensor | None = None
) -> Expressions:
    """Draw what clips show, as often of every class.

    Parameters
    ----------
    n
        How many.
    mixture
        Of the task's classes (see :func:`~dstan.synthesis.motion.classes.mixture_of`).
    settings
        The ranges.
    generator
        On the CPU.
    labels
        (n,) the class of each; drawn if None, in equal numbers up to one.
    """
    shares, chances = (torch.from_numpy(part) for part in mixture)
    if labels is None:
        labels = (torch.randperm(n, generator=generator) + torch.randint(len(shares), (), generator=generator)) % len(
            shares
        )
    shown_class = torch.where(
        torch.rand(n, generator=generator) < settings.ambiguity,
        (labels + torch.randint(1, max(len(shares), 2), (n,), generator=generator)) % len(shares),
        labels,
    )
    prototypes = torch.multinomial(shares[shown_class], 1, generator=generator)[:, 0]
    odds = chances[prototypes]
    shown = torch.rand(n, len(UNITS), generator=generator) < odds
    first = torch.nn.functional.one_hot(odds.argmax(1), len(UNITS)).bool()
    shown |= first & ~shown.any(1, keepdim=True)  # an expression shows something
    peaks = _peaks(n, settings, generator)
    odd = torch.rand(n, len(UNITS), generator=generator) < settings.odd_units
    peaks = torch.where((odd & ~shown)[..., None], 0.5 * peaks, peaks)
    shown |= odd
    return Expressions(labels, shown, peaks * shown[..., None])


def _peaks(n: int, settings: MotionSettings, generator: Generator) -> Float32[Tensor, "n units 2"]:
    """Draw how strongly each unit would act on each side."""
    typical = torch.tensor([STRENGTHS.get(unit, 1.0) for unit in UNITS])
    alone = torch.tensor([ONE_SIDED.get(unit, 0.0) for unit in UNITS])
    size = (n, len(UNITS))
    clip = settings.amplitude * torch.exp(settings.amplitude_spread * torch.randn(n, 1, generator=generator))
    own = log_uniform(size, settings.field_strength, generator)
    skew = torch.exp(settings.asymmetry / 2 * torch.randn(size, generator=generator))
    sides = (clip * own * typical)[..., None] * torch.stack([skew, 1 / skew], -1)
    one_sided = torch.rand(size, generator=generator) < alone
    silent = torch.nn.functional.one_hot(torch.randint(2, size, generator=generator), 2).bool()
    return torch.where(one_sided[..., None] & silent, 0.0, sides)


def log_uniform(size: tuple[int, ...], factor: float, generator: Generator) -> Float32[Tensor, ...]:
    """Draw factors between a factor and its inverse, either as likely."""
    return torch.tensor(float(factor)) ** (2 * torch.rand(size, generator=generator) - 1)
