"""Registries: one explicit dict per kind, and an error that lists the choices."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from dstan.errors import UnknownNameError

T = TypeVar("T")


def nearest_first(name: str, choices: Iterable[str]) -> list[str]:
    """Order ``choices`` by likeness to ``name``, the nearest first."""
    return sorted(choices, key=lambda c: -difflib.SequenceMatcher(None, name.lower(), c.lower()).ratio())


def look_up(kind: str, name: str, registry: Mapping[str, T]) -> T:
    """Return ``registry[name]``.

    Parameters
    ----------
    kind
        What is looked up, for the message ("method", "corpus", "task").
    name
        The name as it was typed.
    registry
        The known names and what they stand for.

    Returns
    -------
    The entry.

    Raises
    ------
    UnknownNameError
        If there is no such name; the message lists the choices, the nearest first.
    """
    try:
        return registry[name]
    except KeyError:
        choices = nearest_first(name, registry)
        raise UnknownNameError(
            f"no {kind} is called {name!r}", hint=f"Did you mean {choices[0]!r}? Known: {', '.join(choices)}"
        ) from None
