"""What is notable in how the networks of a run learned, in plain sentences; few, and only of what is really there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dstan.reports.dynamics import Fit, fold_names, joined

HANDFUL = 5
"""A remark needs more fits than this, or more than half of them; dead units and restarts are always told."""
DEAD = 0.25
"""Share of a block's channels: with more dead ones a fit is named."""
DEAD_TYPICAL = 0.10
"""Share of a block's channels: fewer dead ones are nothing to think about."""
FLAT = 0.02
"""Temporal attention that varies by less, over the frames and between clips, chooses nothing."""
NEAR_MAJORITY = 0.05
"""Training accuracy that ends less than this above what always answering one class gets is next to nothing learned."""
STILL_FALLING = 0.03
"""A loss that falls by more than this share of its start in the last fifth of the epochs is not done."""
EXPLODED = 100.0
"""A gradient norm that once is this many times its median."""
VANISHED = 1e-4
"""A gradient norm below this, while the loss is above half its start, moves nothing."""


def learning_remarks(fits: Sequence[Fit], majority: Mapping[str, float], seeds: int) -> list[str]:
    """Say what is notable in the fits of one network.

    Parameters
    ----------
    fits
        One for each fold and seed.
    majority
        For each fold, the share of the commonest class among the clips learned from, as they were drawn.
    seeds
        How many seeds the run has.
    """
    found = {
        "nothing": [fit for fit in fits if _learned_nothing(fit, majority.get(fit.fold, 1.0))],
        "falling": [fit for fit in fits if _still_falling(fit)],
        "exploded": [fit for fit in fits if _exploded(fit)],
        "vanished": [fit for fit in fits if _vanished(fit)],
        "flat": [fit for fit in fits if _is_flat(fit)],
    }
    told = {name: some for name, some in found.items() if len(some) > min(HANDFUL, len(fits) / 2)}
    said = [_SENTENCES[name].format(which=_which(some, fits, seeds)) for name, some in told.items()]
    return [*said, *_dead(fits, seeds)]


_SENTENCES = {
    "nothing": f"Training accuracy of {{which}} ends less than {NEAR_MAJORITY * 100:.0f} points above what "
    "always answering one class gets: next to nothing was learned there, even of the people learned from. More epochs "
    "or another learning rate come before any conclusion.",
    "falling": "The loss of {which} still falls at the end of training: more epochs may help. Let the people learned "
    "from decide (--set training.epochs=inner), not the scores on this page.",
    "exploded": f"The gradient norm of {{which}} once rose to more than {EXPLODED:.0f} times its median: the learning "
    "rate is close to too high.",
    "vanished": "The gradient norm of {which} all but vanished while the loss was still high: training stood still.",
    "flat": "The temporal attention of {which} hardly varies, neither over the frames nor from clip to clip: it "
    "chooses nothing.",
}


def _which(some: Sequence[Fit], fits: Sequence[Fit], seeds: int) -> str:
    if len(some) == len(fits):
        return f"all {len(fits)} fits" if len(fits) > 1 else "the only fit"
    share = f"{len(some)} of {len(fits)} fits"
    return f"{share} ({fold_names(some, seeds)})"


def _learned_nothing(fit: Fit, majority: float) -> bool:
    return bool(fit.accuracy) and fit.accuracy[-1] < majority + NEAR_MAJORITY


def _still_falling(fit: Fit) -> bool:
    fifth = max(1, len(fit.loss) // 5)
    if len(fit.loss) < 3 * fifth or fit.inner:  # chosen by people held out: there the loss may well go on falling
        return False
    before, last = np.mean(fit.loss[-2 * fifth : -fifth]), np.mean(fit.loss[-fifth:])
    return bool(before - last > STILL_FALLING * fit.loss[0])


def _exploded(fit: Fit) -> bool:
    return bool(fit.gradient_norm) and max(fit.gradient_norm) > EXPLODED * float(np.median(fit.gradient_norm))


def _vanished(fit: Fit) -> bool:
    return bool(fit.gradient_norm) and fit.gradient_norm[-1] < VANISHED and fit.loss[-1] > fit.loss[0] / 2


def _is_flat(fit: Fit) -> bool:
    if not fit.attention:
        return False
    return max(fit.attention) - min(fit.attention) < FLAT and max(fit.attention_deviation) < FLAT


def _dead(fits: Sequence[Fit], seeds: int) -> list[str]:
    some = [fit for fit in fits if max(fit.dead_units, default=0.0) > DEAD]
    if not some:
        return []
    worst = max(some, key=lambda fit: max(fit.dead_units))
    block = int(np.argmax(worst.dead_units))
    where = f"; at worst, in {fold_names([worst], seeds)}, " if len(some) > 1 else ": "
    return [
        f"More than a quarter of the channels of a block are dead in {_which(some, fits, seeds)}{where}"
        f"{worst.dead_units[block]:.0%} of block {block + 1}. They cost time and give nothing: a lower learning rate "
        "or a narrower network wastes less."
    ]


def inside_words(fits: Sequence[Fit]) -> str:
    """Say how to read the figure of dead channels and temporal attention.

    Parameters
    ----------
    fits
        Those that it shows.
    """
    dead = (
        "Dead channels are zero everywhere on every clip learned from: the dot is the median over the fits, the bar "
        "their middle half, the line their range. Over a tenth (dashed) the network is wider than what it uses."
    )
    attention = (
        "Temporal attention is the weight that a frame gets, from 0 to 1: mean, and deviation between clips and fits. "
        "A flat line near .5 (dashed) means that the module chooses nothing."
    )
    told = [dead] if any(fit.dead_units for fit in fits) else []
    return " ".join([*told, attention] if any(fit.attention for fit in fits) else told)


def spatial_words(fits: Sequence[Fit]) -> str | None:
    """Say what the spatial attention is like, in the middle of the fits.

    Parameters
    ----------
    fits
        Of one network.
    """
    found = [fit.spatial for fit in fits if fit.spatial is not None]
    if not found:
        return None
    mean, deviation = np.median(np.array(found), axis=0)
    verdict = "it hardly tells one place from another" if deviation < FLAT else "it weighs some places above others"
    return f"Spatial attention (0 to 1): mean {mean:.2f}, deviation {deviation:.2f}: {verdict}."


def restart_warning(method: str, fits: Mapping[str, Sequence[Fit]], seeds: int) -> str | None:
    """Say which of a method's fits diverged and were done again; None where none did.

    Parameters
    ----------
    method
        Its name.
    fits
        Those of each of its networks.
    seeds
        How many seeds the run has.
    """
    every = [fit for some in fits.values() for fit in some]
    again = [fit for fit in every if fit.restart]
    if not again:
        return None
    n = len(again)
    return (
        f"{method}: {n} of {len(every)} fits diverged and {'was' if n == 1 else 'were'} done once more with a lower "
        f"learning rate: {fold_names(again, seeds)}."
    )


def inner_words(fits: Sequence[Fit]) -> str | None:
    """Say which numbers of epochs were chosen; None where none was.

    Parameters
    ----------
    fits
        Of one network.
    """
    choices = [fit.inner for fit in fits if fit.inner is not None]
    if not choices:
        return None
    taken = [one.chosen for one in choices]
    counts = [f"{epochs} in {taken.count(epochs)}" for epochs in sorted(set(taken))]
    edge = max(max(one.epochs) for one in choices)
    hint = (
        f" The largest candidate was taken most often: offer larger ones than {edge}."
        if taken.count(edge) > len(taken) / 2
        else ""
    )
    return f"Chosen were {joined(counts)} of {len(choices)} fits.{hint}"
