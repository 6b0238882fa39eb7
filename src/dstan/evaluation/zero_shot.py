"""Models applied as they are: nobody evaluated is learned from, so every clip is a test clip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from dstan.clips import ClipSet, PreparedClip
from dstan.errors import ConfigError
from dstan.evaluation.inputs import classes_of
from dstan.recognizers import Recognizer
from dstan.recognizers.origins import check_unseen, corpora_of


def check_zero_shot(
    recognizers: Iterable[Recognizer],
    clips: ClipSet | Sequence[PreparedClip],
    classes: Sequence[str] | None,
    *,
    seeds: int,
    train_subjects: int | None,
) -> None:
    """See that models can be applied to clips as they are, before anything is prepared.

    Parameters
    ----------
    recognizers
        The models.
    clips
        What is to be predicted.
    classes, seeds, train_subjects
        As in :func:`dstan.evaluation.evaluate`.

    Raises
    ------
    ConfigError
        If a model is not fitted, its classes are not those of the task, or seeds or people to learn from are asked for.
    ModelError
        If a model was learned from one of the corpora, or does not say from which.
    """
    if seeds != 1:
        raise ConfigError(
            f"{seeds} seeds: nothing is learned from these clips, so every seed gives the same numbers",
            where="zero-shot",
            hint="Leave --seeds out",
        )
    if train_subjects is not None:
        raise ConfigError(
            "nobody is learned from, so there are no people to choose", where="zero-shot", hint="Leave it out"
        )
    labelled = clips if isinstance(clips, ClipSet) else ClipSet(tuple(prepared.clip for prepared in clips))
    wanted = classes_of(labelled, classes or labelled.classes)
    for one in recognizers:
        if not one.classes_:
            raise ConfigError(
                "zero-shot applies a model as it is, and this method is not fitted",
                where=one.name,
                hint="Give a fitted one: dstan evaluate --zero-shot WEIGHTS, or in Python "
                "dstan.load_model(WEIGHTS).recognizer",
            )
        check_unseen(corpora_of(one.trained_, one.name), {clip.corpus for clip in labelled}, one.name)
        _check_classes(one, wanted, labelled.task)


def _check_classes(recognizer: Recognizer, wanted: Sequence[str], task: str) -> None:
    if set(recognizer.classes_) != set(wanted):
        of_task = f"those of {task}" if task else "those here"
        raise ConfigError(
            f"its classes are {', '.join(recognizer.classes_)}, and {of_task} are {', '.join(wanted)}",
            where=recognizer.name,
            hint="Choose the task that it was made for (--task), or make one for this task: dstan pretrain METHOD "
            f"--task {task or 'TASK'}",
        )


def digest_of_model(recognizer: Recognizer) -> str:
    """Return the SHA-256 of everything that was fitted.

    Parameters
    ----------
    recognizer
        Fitted.
    """
    arrays, _ = recognizer.state()
    digest = hashlib.sha256("\x1f".join(recognizer.classes_).encode())
    for name, values in sorted(arrays.items()):
        array = np.ascontiguousarray(values)
        digest.update(f"\x1f{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
