"""Methods by name, each on the track that is wanted, with those settings that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from dstan._registry import look_up
from dstan.errors import ConfigError, naming
from dstan.recognizers import PAPER_TRACK, Recognizer, describe_model, recognizer
from dstan.recognizers.contract import PAPER_ENDING
from dstan.recognizers.initial import settings_from

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
            where=f"--method-track {track}",
            hint="Leave --method-track out, or name a compared method: dstan methods shows which have both tracks",
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
        Nested settings. Where ``init.weights`` names a fitted model, methods that can begin from it do, and its recipe
        and network are their own settings then.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    ConfigError
        If no method has a group, or one that has it has no such setting in it, or a value is out of range. If no method
        can begin from the model that is named, or a setting contradicts it.
    ModelError
        If that model is not there, or damaged.
    """
    plain = {name: recognizer(name) for name in dict.fromkeys(names)}
    known = {group for one in plain.values() for group in vars(one.settings)}
    weights = overrides.get("init", {}).get("weights", "")
    taken = _taken(list(plain.values()), Path(weights).absolute()) if weights else {}
    made = []
    for name, one in plain.items():
        with naming(name) if len(plain) > 1 else nullcontext():
            own = vars(one.settings).keys() | (overrides.keys() - known)  # what none has is an error of the first
            own = own if name in taken or not weights else own - {"init"}
            given = {group: value for group, value in overrides.items() if group in own}
            if taken and not one.streams:  # it looks at nothing, so nothing is prepared for it alone
                given["recipe"] = {**next(iter(taken.values()))["recipe"], **given.get("recipe", {})}
            made.append(_begun(one, taken[name], given) if name in taken else recognizer(name, given))
    return made


def _taken(methods: Sequence[Recognizer], weights: Path) -> dict[str, dict[str, Any]]:
    """Return what each method takes over from the model that it begins from; one that cannot is not named."""
    found = {one.name: settings_from(weights, one) for one in methods}
    taken = {name: settings for name, settings in found.items() if settings is not None}
    begun = [one.with_settings(one.settings.replaced(taken[one.name])) for one in methods if one.name in taken]
    if not any(one.weights for one in begun):
        method = describe_model(weights)["method"]
        raise ConfigError(
            f"it is a model of {method}, and {' and '.join(found)} cannot begin from it",
            where=weights,
            hint=f"Name {method}, or another method with a network of that kind; weights of a method's own: "
            "dstan pretrain METHOD --task TASK --out WEIGHTS",
        )
    return taken


def _begun(method: Recognizer, taken: Mapping[str, Any], given: Mapping[str, Any]) -> Recognizer:
    """Return a method with the settings of the model that it begins from, and over them those that were given."""
    weights = taken["init"]
    own = {**given, "init": {**given["init"], **weights}}
    made = method.with_settings(method.settings.replaced(taken).replaced(own))
    made.given()  # what contradicts the model is said before anything is prepared
    return made


def begun_words(made: Sequence[Recognizer]) -> list[str]:
    """Say which methods begin from a model, where any does, and which parts do not.

    Parameters
    ----------
    made
        What :func:`make_methods` returned.
    """
    begun = [one for one in made if one.begun_from()]
    said = []
    for one in begun:
        drawn = [f"; {part.name} from scratch" for part in one.components() if not part.begun_from()]
        said.append(f"{one.name}: {one.weights}{''.join(drawn)}")
    rest = [one.name for one in made if one not in begun]
    return [*said, *([f"{', '.join(rest)}: not begun from it"] if begun and rest else [])]


def settings_of_some(made: Sequence[Recognizer], overrides: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the groups of settings that not every method has, and the names of those that have it.

    Parameters
    ----------
    made
        What :func:`make_methods` returned.
    overrides
        What it was given.
    """
    groups = [group for group in overrides if group != "init"]  # of that, begun_words tells
    having = {group: [one.name for one in made if group in vars(one.settings)] for group in groups}
    return {group: names for group, names in having.items() if len(names) < len(made)}
