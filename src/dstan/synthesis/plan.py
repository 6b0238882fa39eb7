"""Who shows what: helpers of every layout's plan, which decides before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dstan._random import child_seed
from dstan.errors import ConfigError

TRIES = 1000
"""Deals to try before giving up."""


def share_out(total: int, weights: Sequence[float], least: Sequence[int]) -> list[int]:
    """Split a total in proportion to weights, by largest remainders.

    Parameters
    ----------
    total
        What to split; at least the sum of ``least``.
    weights
        The proportions.
    least
        The smallest share of each.

    Returns
    -------
    Whole numbers that sum to ``total``.
    """
    shares = list(least)
    for _ in range(total - sum(least)):
        wanted = [weight / (share + 0.5) for weight, share in zip(weights, shares, strict=True)]
        shares[int(np.argmax(wanted))] += 1
    return shares


def how_many(
    subjects: int | None, clips: int | None, clips_per_subject: Sequence[int], clips_in_all: int
) -> tuple[int, ...]:
    """Return how many clips each subject has.

    Parameters
    ----------
    subjects, clips
        What was asked for; None for as many as fit the other, or as the corpus has.
    clips_per_subject
        The corpus's own numbers.
    clips_in_all
        Their sum.

    Raises
    ------
    ConfigError
        If there are more subjects than the corpus has, or fewer clips than subjects.
    """
    most = len(clips_per_subject)
    if subjects is None:
        subjects = most if clips is None else max(1, min(most, clips // 4))
    if not 1 <= subjects <= most:
        raise ConfigError(f"--subjects must be 1 to {most}, not {subjects}", hint="The corpus has no more people")
    weights = clips_per_subject[:subjects]
    total = sum(weights) if clips is None else clips
    if total < subjects:
        raise ConfigError(f"{total} clips are too few for {subjects} subjects", hint=f"Give --clips {subjects} or more")
    return tuple(share_out(total, weights, [1] * subjects)) if total != sum(weights) else tuple(weights)


def deal_emotions(
    per_subject: Sequence[int],
    emotions: Mapping[str, int],
    common: Sequence[str],
    seed: int,
    *,
    only: Mapping[int, Sequence[str]] | None = None,
    accept: Callable[[Sequence[Sequence[str]]], bool] | None = None,
) -> list[list[str]]:
    """Give every clip of every subject an emotion.

    The corpus's proportions are kept; each of the ``common`` emotions gets two clips if there are clips enough, and
    not both of one person if that can be had.

    Parameters
    ----------
    per_subject
        Clips of each subject.
    emotions
        The corpus's number of clips of each emotion.
    common
        The emotions that a small twin must have too.
    seed
        The same seed gives the same deal.
    only
        By number from 1, the subjects who show some emotions only, and which.
    accept
        Told the emotions of every subject, says whether a task's needs are met.

    Returns
    -------
    The emotions of each subject's clips.

    Raises
    ------
    ConfigError
        If no deal is accepted.
    """
    total = sum(per_subject)
    least = [min(2, total // len(common)) * (name in common) for name in emotions]
    counts = share_out(total, list(emotions.values()), least)
    deck = [name for name, count in zip(emotions, counts, strict=True) for _ in range(count)]
    rng = np.random.default_rng(child_seed(seed, "emotions"))
    accepted = None
    for _ in range(TRIES):
        dealt = _deal(rng, per_subject, deck, only or {})
        if dealt is None or (accept is not None and not accept(dealt)):
            continue
        accepted = dealt
        if all(_spread(dealt, name) for name in common):
            break
    if accepted is None:
        raise ConfigError(f"{total} clips cannot be dealt to {len(per_subject)} subjects", hint="Take another --seed")
    return accepted


def deal_classes(emotions: Mapping[str, str], shares: Mapping[str, Mapping[int, int]], seed: int) -> dict[str, int]:
    """Give every clip an objective class, among the clips of each emotion in the corpus's proportions.

    Parameters
    ----------
    emotions
        The emotion of each clip.
    shares
        Clips of each emotion in each class; an emotion that is not among them is of the last class, 7.
    seed
        The same seed gives the same deal.
    """
    dealt: dict[str, int] = {}
    for emotion in dict.fromkeys(emotions.values()):
        clips = [clip for clip, word in emotions.items() if word == emotion]
        own = shares.get(emotion, {7: 1})
        counts = share_out(len(clips), list(own.values()), [0] * len(own))
        deck = [number for number, count in zip(own, counts, strict=True) for _ in range(count)]
        rng = np.random.default_rng(child_seed(seed, "objective classes", emotion))
        dealt.update(zip(clips, (int(number) for number in rng.permutation(deck)), strict=True))
    return dealt


def _deal(
    rng: np.random.Generator, per_subject: Sequence[int], deck: Sequence[str], only: Mapping[int, Sequence[str]]
) -> list[list[str]] | None:
    """Deal a shuffled deck, first to those who may not have every card; None if it does not go round."""
    left = [str(name) for name in rng.permutation(deck)]
    hands: dict[int, list[str]] = {}
    for subject in sorted(range(1, len(per_subject) + 1), key=lambda subject: subject not in only):
        places = [place for place, name in enumerate(left) if subject not in only or name in only[subject]]
        taken = places[: per_subject[subject - 1]]
        if len(taken) < per_subject[subject - 1]:
            return None
        hands[subject] = [left[place] for place in taken]
        left = [name for place, name in enumerate(left) if place not in taken]
    return [hands[subject] for subject in sorted(hands)]


def _spread(dealt: Sequence[Sequence[str]], name: str) -> bool:
    """Tell whether an emotion of two clips or more is shown by two people or more."""
    holders = [hand.count(name) for hand in dealt if name in hand]
    return len(dealt) == 1 or sum(holders) < 2 or len(holders) > 1
