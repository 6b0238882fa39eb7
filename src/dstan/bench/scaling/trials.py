"""The trials themselves; each runs in a process of its own and returns plain numbers."""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dstan._engine import run_tasks, single_thread
from dstan.bench.scaling.corpus import CLASSES, table
from dstan.bench.scaling.watch import Clock, watched
from dstan.clips import Clip, ClipSet, PreparedClip

Found = dict[str, float]
SIZE = 64
"""Pixels of the side of what is prepared, but for ``full``."""
MORE = 4
"""Epochs of a fit beside one of one epoch: the difference is what epochs take."""
TWIN, GROWN, FULL = "drawn", "grown", "drawn-640x480"
"""Folders of the measurement: drawn clips, those made of them, and those at the corpus's own size."""


def prepare(folder: Path, *, clips: int, workers: int) -> Found:
    """Prepare a corpus into an empty cache, then once more with nothing to do, and list it as a run does."""
    from dstan.corpora import load_corpus
    from dstan.evaluation.inputs import load_inputs, prepare_inputs
    from dstan.preprocessing.cache import STAGES, Cache, prepare_clips
    from dstan.preprocessing.recipe import Recipe

    path, recipe = table(folder / GROWN, clips), Recipe(size=SIZE)
    corpus, loading = timed(lambda: load_corpus("folder", path))
    with tempfile.TemporaryDirectory(dir=folder) as name, watched() as memory:
        cache, clock = Cache(Path(name) / "cache"), Clock("prepare")
        prepared, seconds = timed(lambda: prepare_clips(corpus, recipe, cache, workers=workers, progress=clock))
        _, again = timed(lambda: prepare_clips(corpus, recipe, cache, workers=workers))
        inputs = prepare_inputs(
            prepared, [recipe], None, cache, workers=0, cluster=None, task_limit=None, progress=clock, strict=False
        )
        run = Path(name) / "inputs.json"
        _, writing = timed(lambda: inputs.write(run))
        _, reading = timed(lambda: load_inputs(run, inputs.digest, inputs.key(recipe)))
        kept = {f"{stage}_bytes": bytes_in(cache.root / stage) / clips for stage in STAGES}
        return {
            "seconds": seconds,
            "first": clock.first,
            "each": clock.each,
            "own_MB": memory.own,
            "worker_MB": memory.worker,
            "load": loading / clips,
            "again": again / clips,
            "inputs_bytes": run.stat().st_size / clips,
            "inputs_write": writing / clips,
            "inputs_read": reading / clips,
            **kept,
        }


def evaluate(folder: Path, *, method: str, subjects: int, each: int, workers: int, epochs: int = 0) -> Found:
    """Leave one person out at a time, of drawn arrays."""
    from dstan.evaluation import evaluate as run
    from dstan.recognizers import recognizer

    made = recognizer(method, {"training": {"epochs": epochs}} if epochs else {})
    fields = 9 if method == "dstan" else 1
    if workers == 0:
        run(made, arrays(3, 2, fields), workers=0)  # imports, outside the time
    clips, clock = arrays(subjects, each, fields), Clock("evaluate")
    _, seconds = timed(lambda: run(made, clips, workers=workers, progress=clock))
    return {
        "seconds": seconds,
        "first": clock.first,
        "each": clock.each,
        "after": time.perf_counter() - clock.times[-1],
        "folds": float(len(clock.times) - 1),
    }


def tasks(folder: Path, *, count: int, workers: int) -> Found:
    """Run tasks that do nothing."""
    clock = Clock("tasks")
    for done, _ in enumerate(run_tasks(_nothing, range(count), workers=workers), 1):
        clock("tasks", done, count)
    return {"first": clock.first, "each": clock.each, "seconds": time.perf_counter() - clock.times[0]}


def lists(folder: Path, *, people: int, each: int) -> Found:
    """Make the folds of that many people and the intervals of their scores, without any fit."""
    import pandas as pd

    from dstan.evaluation.protocols import make_folds
    from dstan.evaluation.statistics import bootstrap_intervals, confusions_by_subject

    clips = [
        Clip("drawn", f"s{n}", f"c{number}", Path("/frames") / f"s{n}" / f"c{number}", label=CLASSES[(n + number) % 3])
        for n in range(people)
        for number in range(each)
    ]
    whole, listing = timed(lambda: ClipSet(tuple(clips), classes=CLASSES))
    folds, folding = timed(lambda: make_folds("loso", whole))
    labels = [str(clip.label) for clip in clips]
    rows = {"corpus": "drawn", "subject": [clip.subject for clip in clips], "seed": 0, "y_true": labels}
    table_of = pd.DataFrame({**rows, "y_pred": labels})
    counts, counting = timed(lambda: confusions_by_subject(table_of, CLASSES))
    _, drawing = timed(lambda: bootstrap_intervals(counts))
    return {
        "clip_set": listing / len(clips),
        "folds": folding,
        "fold_bytes": len(pickle.dumps(folds[0])),
        "fold_memory": sys.getsizeof(folds[0].train) + sys.getsizeof(folds[0].test),
        "count": counting,
        "intervals": drawing,
    }


def full(folder: Path, *, clips: int) -> Found:
    """Prepare clips at 224 x 224 and learn from them, with one thread: seconds of processor a clip."""
    from dstan.corpora import load_corpus
    from dstan.preprocessing.cache import STAGES, Cache
    from dstan.preprocessing.pipeline import prepare_clip
    from dstan.recognizers import recognizer

    drawn = list(load_corpus("casme2", folder / FULL))[:clips]
    method = recognizer("dstan")
    with tempfile.TemporaryDirectory(dir=folder) as name, single_thread():
        cache = Cache(Path(name))
        prepare_clip(drawn[0], method.recipe)
        prepared, preparing = timed(lambda: [prepare_clip(clip, method.recipe, cache) for clip in drawn], cpu=True)
        kept = {f"{stage}_bytes": bytes_in(cache.root / stage) / len(drawn) for stage in STAGES}
        files = [clip.path / file for clip in drawn for file in clip.files]
        _, once, more = (_fit_seconds(partial(recognizer, "dstan"), prepared, epochs) for epochs in (1, 1, MORE))
    return {
        "prepare": preparing / len(drawn),
        "epoch": (more - once) / (MORE - 1) / len(drawn),
        "frames": len(files) / len(drawn),
        "frame_bytes": sum(file.stat().st_size for file in files) / len(drawn),
        "memory_bytes": float(sum(array.nbytes for one in prepared[:1] for array in (one.appearance, one.flow))),
        **kept,
    }


def arrays(subjects: int, each: int, fields: int) -> list[PreparedClip]:
    """Draw prepared clips of noise, nine frames and some flow, in which each class moves in a direction of its own."""
    rng = np.random.default_rng(0)
    clips = []
    for person in range(subjects):
        for number in range(each):
            kind = (person + number) % len(CLASSES)
            flow = rng.standard_normal((fields, 2, SIZE, SIZE), np.float32) + np.float32(0.3 * (kind - 1))
            grey = rng.random((9, SIZE, SIZE), np.float32) * 255
            clip = partial(
                PreparedClip.from_arrays, subject=f"s{person:03d}", clip_id=f"c{number}", label=CLASSES[kind]
            )
            clips.append(clip(appearance=grey, flow=flow))
    return clips


def timed(work: Callable[[], Any], *, cpu: bool = False) -> tuple[Any, float]:
    """Return what some work gives, and its seconds on the wall or of the processor."""
    clock = time.process_time if cpu else time.perf_counter
    begun = clock()
    return work(), clock() - begun


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _fit_seconds(make: Callable[..., Any], clips: list[PreparedClip], epochs: int) -> float:
    fitted = make({"training": {"epochs": epochs}})
    return timed(lambda: fitted.fit(clips, classes=sorted({str(clip.label) for clip in clips})), cpu=True)[1]


def _nothing(item: int) -> None:
    return None


TRIALS: Mapping[str, Callable[..., Found]] = {
    "clips": prepare,
    "prepare": prepare,
    "evaluate": evaluate,
    "subjects": evaluate,
    "tasks": tasks,
    "lists": lists,
    "full": full,
}
"""What each part measures."""


def main() -> None:
    """Do one trial: ``PART HOW FOLDER``, and write its numbers as the last line."""
    part, how, folder = sys.argv[1:]
    found = TRIALS[part](Path(folder), **json.loads(how))
    sys.stdout.write(f"\n{json.dumps(found)}\n")
