"""What ``run.json`` says."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan._version import __version__
from dstan.evaluation.inputs import noted_of
from dstan.evaluation.own_code import code_of
from dstan.evaluation.standing import Standing
from dstan.evaluation.zero_shot import digest_of_model
from dstan.recognizers.origins import corpora_of, drawn_clips

if TYPE_CHECKING:
    from dstan.evaluation.plan import Plan
    from dstan.recognizers import Recognizer

FORMAT = 1
_LIBRARIES = (
    "torch",
    "numpy",
    "scikit-learn",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "mediapipe",
    "dask",
)


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
        "synthetic": any(drawn_clips(clips)),
        "task": clips.task,
        "classes": list(clips.classes),
        "protocol": plan.protocol,
        **({"test_corpora": sorted(set(plan.test_corpora))} if plan.test_corpora else {}),
        **({"train_subjects": plan.train_subjects} if plan.train_subjects else {}),
        "seeds": list(range(plan.seeds)),
        "device": plan.device,
        "input": {
            "clips": len(clips),
            "subjects": len({clip.person for clip in clips}),
            "counts": clips.counts,
            "recipes": sorted(inputs.files),
            "digest": inputs.digest,
            "annotations": inputs.annotations,
        },
        "skipped": len(clips.skipped),
        "notes": list(clips.notes),
        **noted_of(inputs),
        "methods": {
            name: {**_method(recognizer, plan.is_zero_shot), **(tuned or {})} for name, recognizer in methods.items()
        },
        "components": {name: _method(recognizer) for name, recognizer in components.items()},
    }


def _method(recognizer: Recognizer, is_zero_shot: bool = False) -> dict[str, Any]:
    code = code_of(recognizer)
    files = {"the model": digest_of_model(recognizer)} if is_zero_shot else recognizer.given()
    parts = () if is_zero_shot else recognizer.components()
    seen = corpora_of(recognizer.trained_, recognizer.name) if is_zero_shot else recognizer.begun_from()
    return {
        **Standing.of(recognizer, is_zero_shot=is_zero_shot).to_dict(),
        **({"code": code} if code else {}),
        **({"files": files} if files else {}),
        **({"weights_from": list(seen)} if seen else {}),
        "settings": recognizer.settings.to_dict(),
        "components": [part.name for part in parts],
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
