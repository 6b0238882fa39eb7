"""A plausible run folder, written by hand: what the report reads, without an evaluation."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CLASSES = ("happiness", "disgust", "repression", "surprise", "others")
COUNTS = (32, 63, 27, 25, 99)
SKILL = {"dstan": 0.62, "stmn-a": 0.55, "stan-a": 0.25, "majority": 0.0}
STREAMS = {"dstan": ("appearance", "flow"), "stmn-a": ("flow",), "stan-a": ("appearance",), "majority": ()}


def _people(rng: np.random.Generator, counts: Sequence[int], subjects: int) -> list[tuple[str, str, str]]:
    labels = [name for name, count in zip(CLASSES, counts, strict=False) for _ in range(count)]
    share = rng.dirichlet(np.full(subjects, 1.2))
    who = [*range(subjects), *rng.choice(subjects, size=len(labels) - subjects, p=share)]
    order = rng.permutation(len(labels))
    clips = [(f"sub{who[n] + 1:02d}", f"EP{n:03d}_{n % 40:02d}f", labels[order[n]]) for n in range(len(labels))]
    return sorted(clips)


def _history(rng: np.random.Generator, streams: Sequence[str], epochs: int) -> dict[str, Any]:
    steps = np.arange(1, epochs + 1)
    found = {}
    for stream in streams:
        pace = rng.uniform(0.05, 0.14)
        loss = 1.55 * np.exp(-pace * steps) + 0.05 + rng.normal(0, 0.03, epochs).clip(-0.04, 0.1)
        accuracy = (1 - 0.62 * np.exp(-pace * steps) + rng.normal(0, 0.02, epochs)).clip(0, 1)
        rows = zip(steps.tolist(), loss.tolist(), accuracy.tolist(), strict=True)
        found[stream] = [{"epoch": epoch, "loss": one, "accuracy": other} for epoch, one, other in rows]
    return found


def _add_gradient_norms(history: dict[str, Any]) -> None:
    for record in (record for records in history.values() for record in records):
        record["gradient_norm"] = 2 / record["epoch"]


def _about(name: str, settings: dict[str, Any], methods: Sequence[str]) -> dict[str, Any]:
    parts = [part for part in ("stan-a", "stmn-a") if name == "dstan" and part in methods]
    return {"settings": {**settings, "fusion": {"method": "svm" if name == "dstan" else "none"}}, "components": parts}


def _csv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Return a function that writes a run folder."""

    def write(
        folder: Path,
        methods: Sequence[str] = tuple(SKILL),
        *,
        subjects: int = 26,
        counts: Sequence[int] = COUNTS,
        seeds: int = 1,
        epochs: int = 30,
        skill: float = 1.0,
        classes: Sequence[str] = CLASSES,
        rename: Callable[[str], str] = str,
        corpus_of: Callable[[str], str] = lambda subject: "casme2",
        skipped: Sequence[Sequence[str]] = (),
        inside: Callable[[str, int, str], dict[str, Any]] | None = None,
        **info: Any,
    ) -> Path:
        rng = np.random.default_rng(0)
        words = dict(zip(CLASSES, classes, strict=False))
        people = _people(rng, counts, subjects)
        clips = [((corpus_of(subject), rename(subject)), clip, words[label]) for subject, clip, label in people]
        several = len({corpus for (corpus, _), _, _ in clips}) > 1
        commonest = classes[int(np.argmax(counts))]
        header = [
            "corpus",
            "subject",
            "clip_id",
            "fold",
            "seed",
            "y_true",
            "y_pred",
            *(f"p_{name}" for name in classes),
        ]
        shares = np.array(counts) / sum(counts)
        for method in methods:
            rows = []
            for seed in range(seeds):
                ease = {person: rng.normal(0, 0.15) for person, _, _ in clips}
                for number, (corpus, subject) in enumerate(dict.fromkeys(person for person, _, _ in clips)):
                    fold = f"{corpus}/{subject}" if several else subject
                    document = {"fold": fold, "seed": seed, "train": 200, "test": 5, "seconds": {"fit": 9.1}}
                    document["history"] = _history(rng, STREAMS[method], epochs)
                    if inside:
                        document["dynamics"] = {one: inside(fold, seed, one) for one in STREAMS[method]}
                        _add_gradient_norms(document["history"])
                    place = folder / method / "folds" / f"{number}-seed{seed}"
                    place.mkdir(parents=True)
                    (place / "fold.json").write_text(json.dumps(document))
                for (corpus, subject), clip, truth in clips:
                    knows = rng.random() < skill * (SKILL[method] + ease[corpus, subject])
                    guess = commonest if method == "majority" else str(rng.choice(classes, p=shares))
                    said = truth if knows and method != "majority" else guess
                    p = [0.6 if name == said else 0.4 / (len(classes) - 1) for name in classes]
                    fold = f"{corpus}/{subject}" if several else subject
                    rows.append([corpus, subject, clip, fold, seed, truth, said, *p])
            _csv(folder / method / "predictions.csv", [header, *rows])
            (folder / method / "metrics.json").write_text("{}")
        settings = {"recipe": {"size": 64, "steps": 9, "flow": "farneback"}, "training": {"epochs": epochs}}
        about = {
            "format": 1,
            "created": "2026-11-22T13:00:00+00:00",
            "dstan": "0.1.0",
            "versions": {"python": "3.11.2", "torch": "2.13.0", "numpy": "1.26.4"},
            "machine": {"system": "Linux", "processor": "Xeon", "cores": 2},
            "corpus": ", ".join(sorted({corpus for (corpus, _), _, _ in clips})),
            "root": "/data/casme2",
            "synthetic": True,
            "task": "casme2-5",
            "classes": list(classes),
            "protocol": "loso",
            "seeds": list(range(seeds)),
            "device": "cpu",
            "input": {
                "clips": len(clips),
                "subjects": subjects,
                "counts": dict(zip(classes, counts, strict=True)),
                "digest": "0123456789abcdef",
            },
            "skipped": len(skipped),
            "warnings": [],
            "methods": {name: _about(name, settings, methods) for name in methods},
            "components": {},
            **info,
        }
        (folder / "run.json").write_text(json.dumps(about))
        _csv(folder / "skipped.csv", [["corpus", "subject", "clip_id", "stage", "reason"], *skipped])
        return folder

    return write
