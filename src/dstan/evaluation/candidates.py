"""What a search tries, and what it found."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dstan.config import nested
from dstan.errors import ConfigError
from dstan.recognizers import Recognizer

SCORE = "uf1"


@dataclass(frozen=True)
class Candidate:
    """One choice of settings.

    Parameters
    ----------
    values
        What it sets, by the setting's name: ``{"training.learning_rate": 0.001}``.
    recognizer
        The method with these settings, unfitted.
    """

    values: Mapping[str, Any]
    recognizer: Recognizer

    def __str__(self) -> str:
        return _text(self.values)


@dataclass(frozen=True)
class Choice:
    """What the inner search of one fold and seed found.

    Parameters
    ----------
    fold, seed
        Which.
    scores
        The pooled score of each candidate on the inner folds.
    """

    fold: str
    seed: int
    scores: tuple[float, ...]

    @property
    def chosen(self) -> int:
        """The number of the best candidate, counted from 0; the first of equals."""
        return self.scores.index(max(self.scores))


@dataclass(frozen=True)
class Search:
    """The search of a whole run, as it is shown.

    Parameters
    ----------
    candidates
        What was tried: the values of each, by setting.
    parts
        Inner folds.
    choices
        One a fold and seed.
    """

    candidates: tuple[Mapping[str, Any], ...]
    parts: int
    choices: tuple[Choice, ...]

    @property
    def times_chosen(self) -> tuple[int, ...]:
        """In how many folds each candidate was chosen."""
        counts = Counter(choice.chosen for choice in self.choices)
        return tuple(counts[number] for number in range(len(self.candidates)))

    @property
    def mean_scores(self) -> tuple[float, ...]:
        """The mean inner score of each candidate over folds and seeds."""
        return tuple(float(mean) for mean in np.mean([choice.scores for choice in self.choices], axis=0))

    def to_dict(self) -> dict[str, Any]:
        """Return what ``search.json`` holds."""
        return {
            "settings": list(self.candidates[0]),
            "candidates": [dict(values) for values in self.candidates],
            "parts": self.parts,
            "score": SCORE,
            "choices": [
                {"fold": one.fold, "seed": one.seed, "scores": list(one.scores), "chosen": one.chosen}
                for one in self.choices
            ],
        }


def make_candidates(recognizer: Recognizer, grid: Mapping[str, Sequence[Any]]) -> tuple[Candidate, ...]:
    """Make every combination of the values of some settings.

    Parameters
    ----------
    recognizer
        The method, with the settings that are not chosen.
    grid
        The values to try, by the setting's name.

    Returns
    -------
    The candidates; the last setting changes fastest.

    Raises
    ------
    ConfigError
        If a setting is unknown, a value does not fit, or two candidates are the same.
    """
    made: dict[str, Candidate] = {}
    given: dict[str, str] = {}
    for values in itertools.product(*grid.values()):
        settings = recognizer.settings
        for name, value in zip(grid, values, strict=True):
            settings = settings.replaced(nested(name, value))
        other = recognizer.with_settings(settings)
        key, text = other.settings.digest(), _text(dict(zip(grid, values, strict=True)))
        if key in made:
            raise ConfigError(
                f"{text} makes the same method as {given[key]}",
                where=recognizer.name,
                hint=f"Name each value once, and only settings that matter to {recognizer.name}",
            )
        made[key], given[key] = Candidate({name: other.settings.value(name) for name in grid}, other), text
    if len(made) < 2:
        raise ConfigError("there is nothing to choose from", hint="Give two values or more, separated by commas")
    return tuple(made.values())


def values_tried(candidates: Sequence[Candidate]) -> dict[str, list[Any]]:
    """Return the values that occur of each setting, in order.

    Parameters
    ----------
    candidates
        All of them.
    """
    found: dict[str, list[Any]] = {name: [] for name in candidates[0].values}
    for candidate in candidates:
        for name, value in candidate.values.items():
            if value not in found[name]:
                found[name].append(value)
    return found


def _text(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
