"""A protocol defines which people are held out together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from dstan._registry import look_up
from dstan.clips import Clip
from dstan.errors import CorpusError
from dstan.splits import Fold, Person, kfold_by_subject, leave_one_subject_out

Protocol: TypeAlias = Callable[[Sequence[Person]], tuple[Fold, ...]]


def _five_parts(people: Sequence[Person]) -> tuple[Fold, ...]:
    return kfold_by_subject(people, 5)


PROTOCOLS: Mapping[str, Protocol] = {"loso": leave_one_subject_out, "kfold-subject": _five_parts}
"""``loso`` leaves every person out once, ``kfold-subject`` a fifth at a time, the same fifths for every seed."""


def make_folds(protocol: str, clips: Sequence[Clip]) -> tuple[Fold, ...]:
    """Split labelled clips by a protocol and see that every fold can be learned from.

    Parameters
    ----------
    protocol
        A name of :data:`PROTOCOLS`.
    clips
        The clips, all labelled.

    Returns
    -------
    The folds.

    Raises
    ------
    UnknownNameError
        If there is no such protocol.
    CorpusError
        If a clip has no label, there are too few people, or a training part has one class only.
    """
    split = look_up("protocol", protocol, PROTOCOLS)
    for clip in clips:
        if clip.label is None:
            raise CorpusError("it has no label, so it cannot be scored", where=clip, hint="Choose a task: --task")
    folds = split([clip.person for clip in clips])
    for fold in folds:
        labels = {clips[index].label for index in fold.train}
        if len(labels) < 2:
            raise CorpusError(
                f"all {len(fold.train)} training clips are {labels.pop()!r}, so nothing can be learned",
                where=f"fold {fold.name}",
                hint="Add subjects who show the other classes",
            )
    return folds
