"""One fold of one method at one seed: a task of its own whose folder, once whole, is never computed again.

A fold's folder holds ``predictions.csv``, the fitted model, and ``fold.json``, which is written last: where it is and
fits, the fold is finished.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dstan import _atomic
from dstan._foreign import read_bytes, read_json
from dstan._random import child_seed
from dstan.clips import PreparedClip
from dstan.config import digest_of
from dstan.evaluation.inputs import load_inputs, without_label
from dstan.recognizers import Recognizer, model_files, save_model
from dstan.splits import Fold

PREDICTIONS, DOCUMENT = "predictions.csv", "fold.json"
COLUMNS = ("corpus", "subject", "clip_id", "fold", "seed", "y_true", "y_pred")


@dataclass(frozen=True)
class FoldTask:
    """Everything that a worker needs to fit and to score one fold.

    Parameters
    ----------
    recognizer
        The method, unfitted.
    fold
        The positions of the clips to learn from and to predict.
    seed
        The run's seed, counted from 0.
    classes
        The task's classes in order.
    device
        Where to train.
    run
        The run's folder.
    inputs
        Path, digest and recipe key for :func:`load_inputs`.
    parts
        The folder below which each component's folds are; the run's where not given.
    keeps_model
        Whether the fitted model is written, too.
    with_faces
        Whether that holds also for a model in which people can be seen.
    about
        A few words that tell it from others of the same method, fold and seed.
    model
        Digest of what the method has learned before, where it is applied as it is; else "" and it is fitted.
    """

    recognizer: Recognizer
    fold: Fold
    seed: int
    classes: tuple[str, ...]
    device: str
    run: Path
    inputs: tuple[Path, str, str]
    parts: tuple[Path, ...] = ()
    keeps_model: bool = True
    with_faces: bool = False
    about: str = ""
    model: str = ""

    def __str__(self) -> str:
        about = f" ({self.about})" if self.about else ""
        return f"{self.recognizer.name}, fold {self.fold.name}, seed {self.seed}{about}"

    @property
    def folder(self) -> Path:
        """Where its results are."""
        name = f"{quote(self.fold.name, safe=' ')}-seed{self.seed}"  # a subject may be called what no folder can
        return self.run / self.recognizer.name / "folds" / name

    @property
    def components(self) -> tuple[FoldTask, ...]:
        """The tasks that fit what the method is made of; they must be finished before this one."""
        made_of = () if self.model else self.recognizer.components()
        places = self.parts or (self.run,) * len(made_of)
        return tuple(
            replace(self, recognizer=part, run=place, parts=(), keeps_model=True, with_faces=True)
            for part, place in zip(made_of, places, strict=True)
        )

    @property
    def digest(self) -> str:
        """Changes with anything that decides the result."""
        method = (self.recognizer.name, self.recognizer.settings.to_dict(), self.classes, self.device)
        known = [self.model] if self.model else []
        return digest_of([*method, self.fold.name, self.fold.train, self.fold.test, self.seed, self.inputs[1:], *known])

    def is_finished(self) -> bool:
        """Whether its folder is whole and was made by this very task."""
        try:
            document = read_json(self.folder / DOCUMENT)
            predictions = read_bytes(self.folder / PREDICTIONS)
        except (OSError, ValueError):
            return False
        said = document if isinstance(document, dict) else {}
        return bool(said.get("digest") == self.digest and said.get(PREDICTIONS) == _sha256(predictions))

    def has_model(self) -> bool:
        """Whether the fitted model is there and whole, by its header and length."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.folder / model_files.ARRAYS, framework="numpy"):
                return (self.folder / model_files.DOCUMENT).is_file()
        except (OSError, SafetensorError):
            return False

    def forget_model(self) -> None:
        """Remove the fitted model and keep what it predicted."""
        for name in (model_files.DOCUMENT, model_files.ARRAYS):
            (self.folder / name).unlink(missing_ok=True)


def run_fold(task: FoldTask) -> dict[str, dict[str, Any]]:
    """Fit on the training part, predict the test part without its labels, and write the fold's folder.

    Parameters
    ----------
    task
        What to do. Components are read from their own folds' folders, where they must be finished.

    Returns
    -------
    What was found inside the networks of each stream, as in ``fold.json``.

    Raises
    ------
    DstanError
        Whatever the method finds wrong with a clip.
    """
    if task.is_finished() and (task.has_model() or not task.keeps_model):
        return _found(task)  # it was sent again, because nobody heard that it was finished
    _atomic.sweep(task.folder)
    clips = load_inputs(*task.inputs)
    recognizer = copy.deepcopy(task.recognizer)
    begun = time.perf_counter()
    if not task.model:
        _fit(recognizer, task, clips)
    fitted = time.perf_counter() - begun
    test = [clips[index] for index in task.fold.test]  # read only now, when nothing can be learned from them
    begun = time.perf_counter()
    details = recognizer.predict_details([without_label(clip) for clip in test])
    predicted = time.perf_counter() - begun
    predictions = _table(task, test, details)
    if task.keeps_model and (task.with_faces or not recognizer.remembers_faces):
        save_model(recognizer, task.folder)
    _atomic.write_text(task.folder / PREDICTIONS, predictions)
    seconds = {"fit": round(fitted, 3), "predict": round(predicted, 3)}
    document = _document(task, recognizer, predictions, seconds)
    _atomic.write_json(task.folder / DOCUMENT, document)
    return dict(document["dynamics"])


def _found(task: FoldTask) -> dict[str, dict[str, Any]]:
    return dict(read_json(task.folder / DOCUMENT)["dynamics"])


def _fit(recognizer: Recognizer, task: FoldTask, clips: Sequence[PreparedClip]) -> None:
    recognizer.fit(
        [clips[index] for index in task.fold.train],
        classes=task.classes,
        seed=child_seed(task.seed, "fold", task.fold.name),
        device=task.device,
        fitted=[_load_component(part) for part in task.components] or None,
    )


def _load_component(task: FoldTask) -> Recognizer:
    return model_files.load_model(task.folder, lambda name, settings: task.recognizer)


def _table(task: FoldTask, clips: Sequence[PreparedClip], details: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"p_{name}" for name in task.classes)])
    for clip, found in zip(clips, details, strict=True):
        probabilities = [repr(float(found["probabilities"][name])) for name in task.classes]
        writer.writerow([*clip.clip.key, task.fold.name, task.seed, clip.label, found["label"], *probabilities])
    return text.getvalue()


def _document(task: FoldTask, recognizer: Recognizer, predictions: str, seconds: dict[str, float]) -> dict[str, Any]:
    learned = {"history": recognizer.history_, "dynamics": recognizer.dynamics_, "choice": recognizer.choice_}
    return {
        "digest": task.digest,
        PREDICTIONS: _sha256(predictions.encode()),
        "method": recognizer.name,
        "fold": task.fold.name,
        "seed": task.seed,
        "train": len(task.fold.train),
        "test": len(task.fold.test),
        "seconds": seconds,
        "parameters": recognizer.parameters,
        **({name: {} for name in learned} if task.model else learned),  # how a model learned before stands in its card
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
