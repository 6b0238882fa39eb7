"""What a class of a task shows: the emotions that lead to it, and the action units of each.

The prototypes are those of :mod:`dstan.synthesis.emotions`, each with its source there. A task says which words of each
corpus's coding table make which class; every corpus counts alike, and within it every emotion.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dstan.errors import ConfigError
from dstan.synthesis.action_units import ACTION_UNITS
from dstan.synthesis.emotions import PROTOTYPES, WORDS
from dstan.tasks import Task

UNITS = tuple(ACTION_UNITS)
"""The action units that are drawn, in the order of every array."""
OBJECTIVE: dict[str, tuple[str, ...]] = {
    "I": ("happiness",), "II": ("surprise",), "III": ("anger",), "IV": ("disgust",), "V": ("sadness",),
    "VI": ("fear",), "VII": ("contempt", "others"),
}  # fmt: skip
"""The emotions of the objective classes: A. K. Davison, W. Merghani and M. H. Yap, "Objective classes for micro-facial
expression recognition", Journal of Imaging 4(10), 2018, table 1."""

Mixture = tuple[NDArray[np.float32], NDArray[np.float32]]
"""(classes, prototypes) how often each class shows each, in rows that sum to 1, and (prototypes, units) how likely each
action unit is in each."""


def mixture_of(task: Task) -> Mixture:
    """Return how the classes of a task show.

    Parameters
    ----------
    task
        Which emotions make which classes.

    Raises
    ------
    ConfigError
        If the task has no classes of its own, or a class whose words are no emotions that can be drawn.
    """
    if not task.classes:
        raise ConfigError(
            f"the task {task.name} takes whatever labels there are, and motion is drawn for classes that are known",
            hint="Name another: dstan tasks, or write a TOML file of your own (docs/evaluation.md)",
        )
    prototypes = [prototype for shown in PROTOTYPES.values() for prototype in shown]
    begins = dict(zip(PROTOTYPES, np.cumsum([0, *map(len, PROTOTYPES.values())]), strict=False))
    shares = np.zeros((len(task.classes), len(prototypes)), np.float32)
    for row, name in zip(shares, task.classes, strict=True):
        for emotion, share in _emotions(task, name).items():
            weights = np.array([weight for weight, _ in PROTOTYPES[emotion]])
            row[begins[emotion] : begins[emotion] + len(weights)] += share * weights / weights.sum()
    chances = [[shown.get(unit, 0.0) for unit in UNITS] for _, shown in prototypes]
    return shares, np.array(chances, np.float32)


def _emotions(task: Task, name: str) -> Mapping[str, float]:
    """Return the emotions of a class and their shares."""
    found: dict[str, float] = {}
    words = [[word for word, label in source.mapping.items() if label == name] for source in task.sources.values()]
    shown = [dict.fromkeys(emotion for word in some for emotion in _drawn(word, name)) for some in words]
    sources = [emotions for emotions in shown if emotions]
    for emotions in sources:
        for emotion in emotions:
            found[emotion] = found.get(emotion, 0.0) + 1 / len(emotions) / len(sources)
    if not found:
        said = ", ".join(repr(word) for word in dict.fromkeys(word for some in words for word in some)) or "nothing"
        raise ConfigError(
            f"the task {task.name} makes {name!r} of {said}, and no emotion of that name can be drawn",
            hint=f"Known are {', '.join(sorted(WORDS))}",
        )
    return found


def _drawn(word: str, name: str) -> tuple[str, ...]:
    if name in OBJECTIVE:
        return OBJECTIVE[name]
    return (WORDS[word],) if word in WORDS else ()
