"""What the folds chose of a handcrafted method, or of how a network goes on from a model, in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

WORDS = {"C": "C", "gamma": "gamma", "variant": "its own parameter"}
"""What a fold chooses, as ``fold.json`` names it, and as a reader does."""
BEGUN = {"learning_rate": ("learning rate", "learning_rates"), "frozen": ("frozen blocks", "frozen")}
"""The same of a network that begins from a model, each with the setting that offers the candidates."""
MOST = 4
"""Values that are told one by one."""


def chosen_words(folds: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[str]:
    """Say what was chosen how often, and where a choice ends at the edge of its candidates.

    Parameters
    ----------
    folds
        The ``fold.json`` of each fold and seed.
    settings
        The method's, with its candidates for C and gamma.

    Returns
    -------
    A sentence for each thing that was chosen among several; none where nothing was.
    """
    choices = [fold["choice"] for fold in folds if fold.get("choice", {}).get("uf1") is not None]
    said = []
    for name, word in WORDS.items():
        counts = Counter(choice[name] for choice in choices if choice[name] is not None)
        edge = _edge(counts, settings.get("svm", {}).get(name, ()))
        if len(counts) > 1 or edge:
            said.append(f"{word}: {_counted(counts)}{edge}.")
    return said


def begun_words(folds: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[str]:
    """Say which steps and frozen blocks were chosen how often by a network that begins from a model.

    Parameters
    ----------
    folds
        The ``fold.json`` of each fold and seed.
    settings
        The method's, with its candidates in the group ``init``.

    Returns
    -------
    A sentence for each of the two that had several candidates.
    """
    dynamics = [one for fold in folds for one in fold.get("dynamics", {}).values()]
    chosen = [one["init"]["chosen"] for one in dynamics if one and one.get("init")]
    said = []
    for name, (word, setting) in BEGUN.items():
        candidates = settings.get("init", {}).get(setting, ())
        if chosen and len(candidates) > 1:
            counts: Counter[float] = Counter(one[name] for one in chosen)
            said.append(f"{word}: {_counted(counts)}{_edge(counts, candidates) if name == 'learning_rate' else ''}.")
    return said


def _counted(counts: Counter[float]) -> str:
    told = counts.most_common(MOST)
    rest = counts.total() - sum(count for _, count in told)
    parts = [f"{value:g} in {count}" for value, count in told]
    return ", ".join([*parts, *([f"others in {rest}"] if rest else [])]) + f" of {counts.total()}"


def _edge(counts: Counter[float], candidates: Sequence[float]) -> str:
    """Warn where more than half of the choices are the smallest or the largest candidate."""
    if len(candidates) < 2:
        return ""
    for end, word in ((min(candidates), "smallest"), (max(candidates), "largest")):
        if counts[end] > counts.total() / 2:
            return f"; mostly the {word} candidate, so that a {word.replace('est', 'er')} one might do better"
    return ""
