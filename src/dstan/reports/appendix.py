"""The end of a report: what was left out, what was warned of, and how everything was set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dstan.clips import Skipped

_STAGES = {
    "load": "Listed in the coding table, but not usable on disk",
    "task": "Not part of the task, by its definition",
    "prepare": "Could not be prepared",
}


def left_out(skipped: Sequence[Skipped]) -> list[dict[str, Any]]:
    """Return the clips that were left out by stage and reason, what the task excludes last."""
    several = len({clip.corpus for clip in skipped}) > 1
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


def settings(methods: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings of all methods as rows; one value where they agree, else one for each method."""
    each = [flat(about["settings"]) for about in methods.values()]
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
