"""Emotions as action units: what coders saw for each word of their tables, drawn with probability.

The prototypes follow what the corpora's authors report of the action units of each class, and the combinations of
EMFACS where those are too few. They overlap on purpose: brow lowering is seen in disgust, anger and in many of
"others", dimples in repression, contempt and "others", as in the corpora.

References
----------
.. [1] W.-J. Yan et al., "CASME II: An improved spontaneous micro-expression database and the baseline evaluation",
   PLoS ONE 9(1), 2014, table 3.
.. [2] W. V. Friesen and P. Ekman, "EMFACS-7: Emotional Facial Action Coding System", University of California, 1983.
.. [3] A. K. Davison, W. Merghani and M. H. Yap, "Objective classes for micro-facial expression recognition",
   Journal of Imaging 4(10), 2018, table 1.
.. [4] W.-J. Yan et al., "CASME database: A dataset of spontaneous micro-expressions collected from neutralized faces",
   IEEE FG, 2013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dstan._registry import look_up

MEDIAN_INTENSITY = 1.6
"""Median of an expression's strength, pixels of the 224 x 224 crop at its strongest point."""
INTENSITY_SPREAD = 0.45
"""Standard deviation of the strength's logarithm."""
WEAKEST, STRONGEST = 0.2, 3.0
"""Limits of the intensity of an AU, pixels of the 224 x 224 crop."""
AMBIGUITY = 0.04
"""Share of clips whose label is another emotion's than the one shown: emotions were coded from self-report too."""

Prototype = tuple[float, Mapping[int, float]]
"""How often it is shown, and the probability of each AU in it."""

_EMOTIONS: dict[str, tuple[Prototype, ...]] = {
    # [1]
    "happiness": ((0.80, {12: 1.0, 6: 0.4, 25: 0.08}), (0.20, {6: 1.0, 12: 0.7})),
    "surprise": ((0.80, {1: 1.0, 2: 1.0, 5: 0.3, 25: 0.15}), (0.20, {25: 0.8, 26: 1.0, 1: 0.5, 2: 0.5})),
    "disgust": ((0.46, {9: 1.0, 4: 0.5}), (0.30, {10: 1.0, 4: 0.4, 7: 0.3}), (0.18, {4: 1.0, 7: 0.9, 9: 0.4}),
                (0.06, {4: 1.0, 17: 0.5})),
    "repression": ((0.32, {17: 1.0, 15: 0.4}), (0.36, {15: 1.0, 17: 0.3}), (0.17, {14: 1.0, 12: 0.3}),
                   (0.15, {23: 0.6, 24: 0.8, 12: 0.3})),
    "others": ((0.62, {4: 1.0, 7: 0.15}), (0.07, {4: 1.0, 7: 1.0}), (0.07, {14: 1.0}), (0.04, {2: 1.0, 1: 0.3}),
               (0.03, {12: 1.0}), (0.03, {17: 1.0}), (0.14, {20: 0.8, 24: 0.3})),
    # [1] and [2]
    "sadness": ((1.0, {1: 1.0, 4: 0.5, 15: 0.7, 17: 0.3}),),
    "fear": ((1.0, {1: 1.0, 2: 0.7, 4: 0.7, 5: 0.4, 20: 0.6, 25: 0.4}),),
    # [3], class III, and [2]
    "anger": ((0.45, {4: 1.0, 7: 0.6, 5: 0.2}), (0.30, {23: 1.0, 4: 0.5}), (0.25, {24: 1.0, 17: 0.7, 4: 0.4})),
    # [2] and [4]: a lip corner tightened or an upper lip raised, on one side more often than not
    "contempt": ((0.75, {14: 1.0, 12: 0.2}), (0.25, {10: 1.0, 14: 0.4})),
    # [4]: what is emotional and fits no other class
    "tense": ((0.40, {4: 1.0, 7: 0.5}), (0.25, {24: 1.0, 23: 0.3}), (0.20, {20: 1.0, 1: 0.3}), (0.15, {7: 1.0})),
}  # fmt: skip


def _mixture(**shares: float) -> tuple[Prototype, ...]:
    return tuple((share * weight, shown) for name, share in shares.items() for weight, shown in _EMOTIONS[name])


PROTOTYPES: dict[str, tuple[Prototype, ...]] = {
    **_EMOTIONS,
    "positive": _mixture(happiness=1.0),
    "negative": _mixture(disgust=0.45, anger=0.25, sadness=0.15, fear=0.15),
}
"""Emotions, alone and as SMIC's and CAS(ME)2's coders took them together, and how they show."""

WORDS: dict[str, str] = {
    **{name: name for name in PROTOTYPES},
    "angry": "anger", "disgusted": "disgust", "fearful": "fear", "happy": "happiness", "other": "others",
    "repressed": "repression", "sad": "sadness", "surprised": "surprise", "tension": "tense",
}  # fmt: skip
"""The prototypes of the words in coding tables, in small letters."""

STRENGTHS = {5: 0.6, 6: 0.7, 7: 0.55, 14: 0.8, 20: 0.8, 23: 0.7, 24: 0.75, 25: 0.8, 26: 1.2, 12: 1.1}
"""How strong an action unit is beside the others of an expression; 1 where not named."""
ONE_SIDED = {2: 0.2, 4: 0.05, 6: 0.05, 10: 0.25, 12: 0.25, 14: 0.45, 15: 0.15}
"""How often an action unit acts on one side alone; never where not named."""
_UNSURE = 0.04


@dataclass(frozen=True)
class Expression:
    """What a face does in one event.

    Parameters
    ----------
    intensities
        For each AU its peak on the subject's left and right side, in pixels of the 224 x 224 crop.
    unsure
        Whether the coder was unsure of one more AU and wrote "?".
    """

    intensities: Mapping[int, tuple[float, float]]
    unsure: bool = False

    def code(self) -> int | str:
        """Return the cell of the coding table: 4, "L14", "4+R10", "12+?"; a single number is an int, as in Excel."""
        parts = []
        for number, (left, right) in sorted(self.intensities.items()):
            side = "L" if right < 0.35 * left else "R" if left < 0.35 * right else ""
            parts.append(f"{side}{number}")
        text = "+".join(parts + ["?"] * self.unsure)
        return int(text) if text.isdigit() else text


def draw_expression(emotion: str, seed: int, strength: float = 1.0) -> Expression:
    """Draw an expression of an emotion.

    Parameters
    ----------
    emotion
        A word of a coding table, in small letters or large (see :data:`WORDS`), or several joined by "+", which are
        shown at once.
    seed
        The same seed gives the same expression.
    strength
        How much stronger than a micro-expression.

    Raises
    ------
    UnknownNameError
        If there is no such emotion.
    """
    rng = np.random.default_rng(seed)
    words = [look_up("emotion", word.strip().casefold(), WORDS) for word in emotion.split("+")]
    parts = [_draw(rng, word, strength) for word in words]
    numbers = sorted({number for part in parts for number in part})
    shown = [[part.get(number, (0.0, 0.0)) for part in parts] for number in numbers]
    sides = ((max(left for left, _ in pairs), max(right for _, right in pairs)) for pairs in shown)
    return Expression(dict(zip(numbers, sides, strict=True)), unsure=bool(rng.uniform() < _UNSURE))


def _draw(rng: np.random.Generator, emotion: str, strength: float) -> dict[int, tuple[float, float]]:
    """Draw the peaks of one emotion."""
    choices = PROTOTYPES[emotion]
    if rng.uniform() < AMBIGUITY:
        names = [name for name in ("happiness", "disgust", "repression", "surprise", "others") if name != emotion]
        choices = PROTOTYPES[str(rng.choice(names))]
    weights = np.array([weight for weight, _ in choices])
    shown = choices[int(rng.choice(len(choices), p=weights / weights.sum()))][1]
    numbers = [number for number, chance in shown.items() if rng.uniform() < chance] or [next(iter(shown))]
    typical = MEDIAN_INTENSITY * np.exp(INTENSITY_SPREAD * rng.normal())
    sides = {number: _sides(rng, number, typical) for number in sorted(numbers)}
    return {number: (strength * left, strength * right) for number, (left, right) in sides.items()}


def _sides(rng: np.random.Generator, number: int, strength: float) -> tuple[float, float]:
    """Draw an AU's peak on the left and the right side."""
    peak = strength * STRENGTHS.get(number, 1.0) * np.exp(0.2 * rng.normal())
    skew = float(np.clip(np.exp(0.15 * rng.normal()), 0.6, 1.6))
    left, right = np.clip((peak * skew, peak / skew), WEAKEST, STRONGEST)
    if rng.uniform() < ONE_SIDED.get(number, 0.0):
        left, right = (left, 0.0) if rng.uniform() < 0.5 else (0.0, right)
    return float(left), float(right)
