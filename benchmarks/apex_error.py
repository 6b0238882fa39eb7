"""Measure how far estimated apexes lie from known ones, for what dstan does and for what it might do instead.

The corpus is one whose annotated apexes are true, so a synthetic one::

    dstan synth casme2 --out TWIN
    python benchmarks/apex_error.py --root TWIN
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from dstan._engine import single_thread
from dstan.corpora import load_corpus
from dstan.preprocessing.apex import WIDTH, action_regions, estimate_apex, motion_signal, onset_fields, peak
from dstan.preprocessing.pipeline import align_clip
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.strain import strain_magnitude


def signals(frames: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Return the candidates by name and place, each (n,), from every frame of a clip."""
    fields = onset_fields(frames)
    strain = np.stack([strain_magnitude(field) for field in fields])
    difference = np.abs(frames - frames[0])
    found: dict[tuple[str, str], np.ndarray] = {}
    for where in ("regions", "whole crop"):
        small, full = (
            action_regions(size) if where == "regions" else np.ones(size, bool)
            for size in (fields.shape[1:3], frames.shape[1:])
        )
        found["flow without the head's motion", where] = motion_signal(fields, small)
        found["flow", where] = np.hypot(*np.moveaxis(fields, -1, 0))[:, small].mean(axis=1)
        found["optical strain", where] = strain[:, small].mean(axis=1)
        found["frame difference", where] = difference[:, full].mean(axis=1)
    return found


def answers(frames: np.ndarray) -> dict[str, float]:
    """Return the apex that each candidate finds, and milliseconds of the one that dstan uses."""
    begin = time.perf_counter()
    found = {"as dstan estimates it": float(estimate_apex(frames))}
    found["ms"] = 1e3 * (time.perf_counter() - begin)
    found["midpoint"] = float(len(frames) // 2)
    for (name, where), signal in signals(frames).items():
        found[f"{name}, {where}"] = peak(signal)
        if name.startswith("flow without") and where == "regions":
            for width in (0.0, 0.03, 0.12, 0.25):
                found[f"{name}, {where}, smoothed over {width:.0%}"] = peak(signal, width)
    return found


def main() -> None:
    """Print a table of errors in frames."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="a synthetic CASME II")
    parser.add_argument("--first", type=int, default=0, help="the first clip used, counted from 0")
    parser.add_argument("--every", type=int, default=1, help="use every N-th clip")
    options = parser.parse_args()
    errors: dict[str, list[float]] = defaultdict(list)
    lengths: list[int] = []
    with single_thread():
        for clip in load_corpus("casme2", options.root)[options.first :: options.every]:
            if clip.apex is None:
                continue
            frames = align_clip(clip, Recipe()).frames
            lengths.append(len(frames))
            found = answers(frames)
            errors["ms"].append(found.pop("ms"))
            for name, position in found.items():
                errors[name].append(abs(position - (clip.apex - (clip.onset or 0))))
    cost = np.array(errors.pop("ms"))
    print(f"{len(lengths)} clips of {np.mean(lengths):.0f} frames on average; width {WIDTH:.0%} unless told")  # noqa: T201
    print(f"estimate_apex: {np.median(cost):.0f} ms a clip, at most {cost.max():.0f}\n")  # noqa: T201
    print("| signal | mean error, frames | median |\n|---|---|---|")  # noqa: T201
    for name, values in sorted(errors.items(), key=lambda item: np.mean(item[1])):
        print(f"| {name} | {np.mean(values):.1f} | {np.median(values):.1f} |")  # noqa: T201


if __name__ == "__main__":
    main()
