"""What ``run.json`` says, and whether a run may be continued."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan import _atomic
from dstan._version import __version__
from dstan.clips import Clip
from dstan.errors import RunError
from dstan.evaluation.inputs import noted_of
from dstan.evaluation.results import RUN, read_info

if TYPE_CHECKING:
    from dstan.evaluation.plan import Plan
    from dstan.recognizers import Recognizer

log = logging.getLogger(__name__)

FORMAT = 1
TWIN = ("truth", "twin.json")
"""What synthesis writes into a twin's folder: faces below it are drawn."""
_LIBRARIES = (
    "torch",
    "numpy",
    "scikit-learn",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "mediapipe",
    "dask",
)
TUNED = ("tuned", "inner_parts")
"""What ``run.json`` says of a method whose settings are chosen in every fold: the values tried, the inner folds."""
_MUST_AGREE = ("format", "task", "classes", "protocol", "test_corpora", "seeds", "device", "input")


def describe(
    methods: Mapping[str, Recognizer],
    components: Mapping[str, Recognizer],
    plan: Plan,
    tuned: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the document that goes into ``run.json``.

    Parameters
    ----------
    methods
        The recognisers asked for, by name.
    components
        What they are made of and was not asked for itself.
    plan
        The clips, and how they are evaluated.
    tuned
        How the settings of the methods are chosen in every fold, where they are.
    """
    inputs = plan.inputs
    clips = inputs.clips
    return {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dstan": __version__,
        "versions": _versions(),
        "machine": _machine(),
        "corpus": ", ".join(sorted({clip.corpus for clip in clips})),
        "synthetic": any(folder.joinpath(*TWIN).is_file() for folder in _folders(clips)),
        "task": clips.task,
        "classes": list(clips.classes),
        "protocol": plan.protocol,
        **({"test_corpora": sorted(set(plan.test_corpora))} if plan.test_corpora else {}),
        "seeds": list(range(plan.seeds)),
        "device": plan.device,
        "input": {
            "clips": len(clips),
            "subjects": len({clip.person for clip in clips}),
            "counts": clips.counts,
            "recipes": sorted(inputs.files),
            "digest": inputs.digest,
        },
        "skipped": len(clips.skipped),
        "notes": list(clips.notes),
        **noted_of(inputs),
        "methods": {name: {**_method(recognizer), **(tuned or {})} for name, recognizer in methods.items()},
        "components": {name: _method(recognizer) for name, recognizer in components.items()},
    }


def _folders(clips: Iterable[Clip]) -> set[Path]:
    """Return every folder above the frames; those of clips built from arrays are nowhere."""
    return {folder for clip in clips if clip.path != Path() for folder in clip.path.absolute().parents}


def open_run(folder: Path, info: Mapping[str, Any]) -> None:
    """Begin a run, or see that the one in a folder may be continued; methods may be added to it.

    Parameters
    ----------
    folder
        The run's folder; made where it is not there.
    info
        What :func:`describe` returned.

    Raises
    ------
    RunError
        If the folder holds something else, or a run with other settings: the message names the first difference.
    """
    if not (folder / RUN).exists():
        _atomic.write_json(folder / RUN, info)
        return
    before = read_info(folder)
    _check_agreement(folder, before, info)
    everything: dict[str, Any] = {}
    for kind in ("components", "methods"):
        everything |= {**before[kind], **info[kind]}
    methods = [*before["methods"], *(name for name in info["methods"] if name not in before["methods"])]
    merged = {
        **before,
        **{name: info[name] for name in ("skipped", "notes", "warnings", "apex") if name in info},
        "methods": {name: everything[name] for name in methods},
        "components": {name: about for name, about in everything.items() if name not in methods},
    }
    if merged != before:
        _atomic.write_json(folder / RUN, merged)


def check_folder(folder: Path) -> None:
    """Raise RunError if a folder holds files but no run."""
    if folder.exists() and not folder.is_dir():
        raise RunError("this is a file, not a folder", where=folder, hint="Give --out a folder")
    seen = [] if not folder.is_dir() else [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if seen and not (folder / RUN).exists():
        raise RunError(f"the folder is not empty and holds no {RUN}", where=folder, hint="Give --out a new folder")


def _check_agreement(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name in _MUST_AGREE:
        _check_same(folder, name, before.get(name), now.get(name))
    old = {**before.get("components", {}), **before.get("methods", {})}
    for name, about in {**now["components"], **now["methods"]}.items():
        if name in old:
            for key in ("settings", *TUNED):
                _check_same(folder, f"{name}: {key}", old[name].get(key), about.get(key))
    for name in ("dstan", "versions", "machine"):
        if before.get(name) != now[name]:
            log.warning("%s: begun with other %s (%s) than it goes on with (%s)", folder, name, before[name], now[name])


def _check_same(folder: Path, name: str, before: object, now: object) -> None:
    for path, old, new in _differences(name, before, now):
        raise RunError(
            f"it was begun with other settings: {path} is {new!r} here and {old!r} there",
            where=folder,
            hint="Use the same settings, or give --out another folder",
        )


def _differences(path: str, before: object, now: object) -> Iterator[tuple[str, object, object]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            yield from _differences(f"{path}.{key}".replace("settings.", "", 1), before.get(key), now.get(key))
    elif before != now:
        yield path, before, now


def _method(recognizer: Recognizer) -> dict[str, Any]:
    return {
        "settings": recognizer.settings.to_dict(),
        "components": [part.name for part in recognizer.components()],
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "system": platform.platform(),
        "processor": named[0] if named else platform.machine(),
        "cores": os.cpu_count(),
    }
