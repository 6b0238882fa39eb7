"""What stands below every reproduced table and figure: how to read it, and what differs from the paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dstan.evaluation.standing import MEANINGS, WEIGHTS, Standing, published_name
from dstan.recognizers import METHODS, PAPER_TRACK, recognizer
from dstan.reports.appendix import flat
from dstan.reports.published import DATA_SETS, NAMES, OTHERS, PEOPLE
from dstan.reproduce.runs import Measured

PAPER_SETTINGS = {"recipe.size": "224", "recipe.steps": "9", "training.batch_size": "32"}
"""Settings that the paper states (section 3.2); of all others it is silent."""
_RANKED = (*OTHERS, "dstan")
_HELD_OUT = {"loso": "one person", "kfold-subject": "a fifth of the people"}


def title(number: str, what: str, measured: Sequence[Measured]) -> str:
    """Return the line above a table or figure, which says where faces are drawn."""
    drawn = [one.synthetic for one in measured]
    return f"{number}: {what}" + (" (SYNTHETIC faces)" if all(drawn) else " (partly SYNTHETIC faces)" * any(drawn))


def synthetic_words(measured: Sequence[Measured]) -> list[str]:
    """Say which data sets are drawn and what that means; nothing where none is."""
    drawn = [one.name for one in measured if one.synthetic]
    if not drawn:
        return []
    return [
        f"SYNTHETIC: the faces of {' and '.join(drawn)} are drawn by a computer, those of the paper are filmed. "
        "The two measure different things, so nothing here tells how well the paper is reproduced."
    ]


def reading_words(measured: Sequence[Measured]) -> str:
    """Say how a figure of ours is to be read."""
    several = any(len(one.info["seeds"]) > 1 for one in measured)
    seeds = "mean ± standard deviation over seeds" if several else "one seed, so without a deviation over seeds"
    return (
        f"Ours: {seeds}; in brackets the 95 % interval over people. The difference is ours less the paper's. "
        "F1 is the harmonic mean of mean precision and mean recall, as in the paper."
    )


def ranking_words(measured: Sequence[Measured]) -> str:
    """Say which of our rows may be ranked, and on what input each method was measured.

    Parameters
    ----------
    measured
        What was measured on each data set.
    """
    by_input: dict[str, dict[str, None]] = {}
    published = False
    for one in measured:
        for method, info in one.about.items():
            about = {**info["components"], **info["methods"]}[method]
            published |= not Standing.read(info, method).is_ranked
            if method in _RANKED:
                by_input.setdefault(_input(about["settings"]["recipe"]), {})[NAMES[method]] = None
    inputs = "; ".join(f"{words}: {', '.join(names)}" for words, names in by_input.items())
    rest = " “Published settings” has the input and the parameters published for a method, and is not ranked."
    return (
        "Ours may be ranked against each other: the same people and folds, and every choice made on the people learned "
        f"from. The input is {inputs}.{rest * published} dstan compare tests a difference."
    )


def _input(recipe: Mapping[str, Any]) -> str:
    """Return what a recipe gives to a method."""
    size = recipe["size"]
    height, width = size if isinstance(size, list) else (size, size)
    fields = "one field from onset to apex" if recipe["pairs"] == "onset-apex" else f"{recipe['steps']} steps"
    return f"{height} x {width} pixels, {fields}"


def fidelity_words(fidelities: Iterable[str]) -> str:
    """Say what the words for fidelity mean that occur.

    Parameters
    ----------
    fidelities
        Of each row; those that are none are left aside.
    """
    found = [f"{word} ({meaning})" for word, meaning in MEANINGS.items() if word in set(fidelities)]
    return f"Fidelity, how near ours is to the publication: {'; '.join(found)}."


def weights_words(weights: Iterable[str]) -> list[str]:
    """Say what the words for weights mean; nothing where no row has any.

    Parameters
    ----------
    weights
        Of each row.
    """
    return [WEIGHTS] if any(weights) else []


def departures(one: Measured) -> str:
    """Say on what was measured and where that leaves the paper, from ``run.json``.

    Parameters
    ----------
    one
        What was measured on a corpus.

    Returns
    -------
    A sentence that begins with the data set's name.
    """
    return f"{one.name}: {'; '.join([*_clips(one), *_rules(one)])}."


def _clips(one: Measured) -> list[str]:
    """Return on which clips was measured."""
    clips, paper = one.info["input"], (DATA_SETS[one.task].clips, PEOPLE[one.task])
    counted = f"{clips['clips']} clips of {clips['subjects']} people (paper: {paper[0]} of {paper[1]})"
    lost = [f"{one.unusable} clip{'s' * (one.unusable > 1)} could not be used (skipped.csv)"] if one.unusable else []
    return [counted, *lost]


def _rules(one: Measured) -> list[str]:
    """Return by which protocol, seeds and settings was measured."""
    info = one.info
    return [
        f"{_HELD_OUT.get(info['protocol'], info['protocol'])} held out at a time"
        + " (paper: one person)" * (info["protocol"] != "loso"),
        f"{len(info['seeds'])} seed{'s' * (len(info['seeds']) > 1)} (the paper does not say)",
        *_changed(one),
    ]


def _changed(one: Measured) -> Iterable[str]:
    """Yield each setting that leaves the paper's, or, where the paper is silent, this project's default."""
    found: dict[tuple[str, str, str], dict[str, set[str]]] = {}
    for method, info in one.about.items():
        about = {**info["components"], **info["methods"]}.get(method)
        if about is None or method not in {**METHODS, **PAPER_TRACK}:
            continue
        own = one.info is info and published_name(method) not in OTHERS
        default = flat(recognizer(method).settings.to_dict()) | (PAPER_SETTINGS if own else {})
        for key, value in flat(about["settings"]).items():
            usual = default.get(key, value)
            if value != usual:
                whose = "paper" if own and key in PAPER_SETTINGS else "" if own else _whose(method)
                there = found.setdefault((key, usual, whose), {"values": set(), "names": set()})
                there["values"].add(value)
                there["names"].add(NAMES.get(published_name(method), method))
    for (key, usual, whose), there in found.items():
        names = ", ".join(name for name in NAMES.values() if name in there["names"])
        words = whose.format(names=names) if whose else "default"
        silent = "" if whose else "; the paper does not say"
        yield f"{key} = {' or '.join(sorted(there['values']))} ({words}: {usual}{silent})"


def _whose(method: str) -> str:
    """Say whose value it is that was not taken by a method that is compared."""
    return "{names}" if published_name(method) == method else "{names}, published settings"


def about_all(measured: Sequence[Measured]) -> list[str]:
    """Say the same of several data sets, and only once what holds for all of them."""
    rules = _rules(measured[0])
    if len(measured) == 1 or any(_rules(one) != rules for one in measured):
        return [departures(one) for one in measured]
    return [*(f"{one.name}: {'; '.join(_clips(one))}." for one in measured), f"On all of them: {'; '.join(rules)}."]


def record_of(one: Measured, method: str) -> Mapping[str, Any]:
    """Return what every record of a CSV says of the run behind a number, measured or not."""
    info = one.about.get(method)
    standing = Standing.read(info, method) if info is not None else Standing(method, track="")
    blank = {"clips": "", "people": "", "protocol": "", "seeds": ""}
    known = (
        blank
        if info is None
        else {
            "clips": info["input"]["clips"],
            "people": info["input"]["subjects"],
            "protocol": info["protocol"],
            "seeds": len(info["seeds"]),
        }
    )
    return {"faces": "SYNTHETIC" if one.synthetic else "filmed", **known, **standing.to_dict()}
