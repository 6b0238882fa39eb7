"""The end of a report: what was left out, what was warned of, and how everything was set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dstan.clips import Skipped

_STAGES = {
    "load": "Listed in the coding table, but not usable on disk",
    "task": "Not part of the task, by its definition",
    "prepare": "Could not be prepared",
}


_APEX = {
    "annotated": "{} annotated",
    "estimated": "{} estimated from motion",
    "midpoint": "{} taken halfway between onset and offset",
}
PROTOCOLS = {
    "loso": "Leave one subject out: each person in turn is held out, everything is fitted afresh on the others, and "
    "the held-out person's clips are named. All scores come from the one table of these answers, never from an average "
    "over folds.",
    "kfold-subject": "Five parts of people: each part in turn is held out, everything is fitted afresh on the others, "
    "and the held-out people's clips are named. All scores come from the one table of these answers.",
    "cde": "Composite database evaluation: all corpora count as one, as in MEGC 2019; each person of each of them in "
    "turn is held out, everything is fitted afresh on all others, and the held-out person's clips are named. All "
    "scores come from the one table of these answers; those of a corpus from its own part of that table.",
    "hde": "Holdout-database evaluation: each tested corpus in turn is held out whole as in MEGC 2018, everything is "
    "fitted on all the other corpora, and the held-out corpus's clips are named. All scores come from the one table of "
    "these answers; those of a corpus from its own part of that table.",
    "zero-shot": "Zero-shot: models that were fitted before, on other corpora or on drawn motion, named every clip as "
    "they are; nobody here was learned from, so there are no folds.",
}
"""The protocols in words; what stands before the colon is a name."""


def about_input(info: Mapping[str, Any]) -> list[str]:
    """Return what a reader should know about the input: the notes of ``run.json`` and where apex frames come from."""
    policies = info.get("apex", {})
    parts = [_APEX.get(name, "{} " + name).format(count) for name, count in policies.items()]
    return [*info.get("notes", ()), *([f"Apex frames: {', '.join(parts)}."] if parts else [])]


def left_out(skipped: Sequence[Skipped], corpora: Iterable[str]) -> list[dict[str, Any]]:
    """Return the clips that were left out by stage and reason, what the task excludes last.

    Parameters
    ----------
    skipped
        The clips.
    corpora
        Those of the clips that were used; names tell the corpus where there are several.
    """
    several = len({*corpora, *(clip.corpus for clip in skipped)}) > 1
    groups: dict[str, dict[str, list[str]]] = {}
    for clip in sorted(skipped, key=lambda clip: clip.stage == "task"):
        name = f"{clip.corpus}/" * several + f"{clip.subject}/{clip.clip_id}"
        groups.setdefault(clip.stage, {}).setdefault(clip.reason, []).append(name)
    return [
        {"title": _STAGES.get(stage, stage), "count": sum(map(len, reasons.values())), "reasons": reasons}
        for stage, reasons in groups.items()
    ]


def by_sentence(warnings: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return the clips of each warning, from those of ``run.json``."""
    found: dict[str, list[str]] = {}
    for one in warnings:
        found.setdefault(one["warning"], []).append(one["clip"])
    return found


def settings(methods: Mapping[str, Mapping[str, Any]], searched: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Return the settings of all methods as rows; one value where they agree, else one for each method.

    Parameters
    ----------
    methods
        What ``run.json`` says of each.
    searched
        The settings of a method that a search chose in each fold, by the method's name.
    """
    each = [
        {**flat(about["settings"]), **dict.fromkeys(searched.get(name, ()), "chosen in each fold")}
        for name, about in methods.items()
    ]
    keys = dict.fromkeys(key for one in each for key in one)
    rows = []
    for key in keys:
        values = [one.get(key, "—") for one in each]
        rows.append((key, values[:1] if len(set(values)) == 1 else values))
    return {"methods": list(methods), "rows": rows}


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as dotted names and words."""
    rows: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{key}.")
        else:
            rows[f"{prefix}{key}"] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return rows
