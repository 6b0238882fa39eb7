"""Methods by name, each on the track that is wanted, with those settings that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from dstan._registry import look_up
from dstan.errors import ConfigError, naming
from dstan.recognizers import PAPER_TRACK, Recognizer, recognizer
from dstan.recognizers.contract import PAPER_ENDING

TRACKS = ("common", "paper", "both")


def on_track(methods: Sequence[str], track: str) -> list[str]:
    """Return the names that stand for methods on a track.

    Parameters
    ----------
    methods
        As they were named. One that has no settings of its own published stays as it is, and so does one that was
        named with the ending of the paper track.
    track
        "common"; "paper"; or "both": then those of the paper track follow.

    Raises
    ------
    UnknownNameError
        If there is no such track.
    ConfigError
        If the paper track is wanted, and no method has it.
    """
    look_up("track", track, dict.fromkeys(TRACKS))
    if track == "common":
        return list(methods)
    published = {name: name + PAPER_ENDING for name in methods if name + PAPER_ENDING in PAPER_TRACK}
    if not published and not PAPER_TRACK.keys() & set(methods):
        raise ConfigError(
            f"{' and '.join(methods)} {'have' if len(methods) > 1 else 'has'} no paper track",
            where=f"--track {track}",
            hint="Leave --track out, or name a compared method: dstan methods shows which have both tracks",
        )
    names = [*methods, *published.values()] if track == "both" else [published.get(name, name) for name in methods]
    return list(dict.fromkeys(names))


def make_methods(names: Sequence[str], overrides: Mapping[str, Any]) -> list[Recognizer]:
    """Make each method once, in the order given, each with those groups of the settings that it has over its own.

    Parameters
    ----------
    names
        What :func:`~dstan.recognizers.recognizer` knows.
    overrides
        Nested settings.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    ConfigError
        If no method has a group, or one that has it has no such setting in it, or a value is out of range.
    """
    plain = {name: recognizer(name) for name in dict.fromkeys(names)}
    known = {group for one in plain.values() for group in vars(one.settings)}
    made = []
    for name, one in plain.items():
        with naming(name) if len(plain) > 1 else nullcontext():
            own = vars(one.settings).keys() | (overrides.keys() - known)  # what none has is an error of the first
            made.append(recognizer(name, {group: value for group, value in overrides.items() if group in own}))
    return made


def settings_of_some(made: Sequence[Recognizer], overrides: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the groups of settings that not every method has, and the names of those that have it.

    Parameters
    ----------
    made
        What :func:`make_methods` returned.
    overrides
        What it was given.
    """
    having = {group: [one.name for one in made if group in vars(one.settings)] for group in overrides}
    return {group: names for group, names in having.items() if len(names) < len(made)}
