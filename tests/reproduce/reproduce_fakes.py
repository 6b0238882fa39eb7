"""Runs of a reproduction, written by hand: what tables and figures read, without an evaluation."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from dstan.evaluation.standing import Standing
from dstan.recognizers import recognizer
from dstan.reproduce.targets import TASKS
from dstan.tasks import TASKS as KNOWN

SKILL = {"dstan": 0.6, "dstan-average": 0.5, "stan-a": 0.3, "stmn-a": 0.55, "majority": 0.0}


def write_run(
    out: Path,
    corpus: str,
    methods: dict[str, float] | None = None,
    *,
    folder: str = "",
    people: int = 4,
    each: int = 6,
    seeds: int = 2,
    overrides: dict[str, Any] | None = None,
    **info: Any,
) -> Path:
    """Write a finished run of a corpus with each method's share of right answers, give or take chance."""
    methods = SKILL if methods is None else methods
    classes = KNOWN[TASKS[corpus]].classes
    rng = np.random.default_rng(0)
    place = out / (folder or corpus)
    clips = [(f"s{n // each}", f"c{n}", classes[n % len(classes)]) for n in range(people * each)]
    for method, skill in methods.items():
        rows = []
        for seed in range(seeds):
            for subject, clip, truth in clips:
                said = (
                    truth
                    if rng.random() < skill
                    else classes[0 if method == "majority" else rng.integers(len(classes))]
                )
                shares = [float(name == said) for name in classes]
                rows.append([corpus, subject, clip, subject, seed, truth, said, *shares])
        head = ["corpus", "subject", "clip_id", "fold", "seed", "y_true", "y_pred", *(f"p_{name}" for name in classes)]
        (place / method).mkdir(parents=True)
        with (place / method / "predictions.csv").open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        (place / method / "metrics.json").write_text("{}")
    made = [recognizer(name, overrides) for name in methods]
    about = {
        one.name: {**Standing.of(one).to_dict(), "settings": one.settings.to_dict(), "components": []} for one in made
    }
    document = {
        "corpus": corpus,
        "synthetic": False,
        "task": TASKS[corpus],
        "classes": list(classes),
        "protocol": "loso",
        "seeds": list(range(seeds)),
        "input": {"clips": len(clips), "subjects": people, "counts": dict.fromkeys(classes, 1)},
        "methods": about,
        "components": {},
        **info,
    }
    (place / "run.json").write_text(json.dumps(document))
    (place / "skipped.csv").write_text("corpus,subject,clip_id,stage,reason\n")
    return place
