"""A protocol defines which people are held out together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from dstan._registry import look_up
from dstan.clips import Clip
from dstan.corpora import CORPORA
from dstan.errors import ConfigError, CorpusError
from dstan.splits import (
    Fold,
    Person,
    at_least_two_corpora,
    everyone_at_once,
    kfold_by_subject,
    leave_one_corpus_out,
    leave_one_subject_out,
    with_fewer_people,
)

ZERO_SHOT = "zero-shot"
Protocol: TypeAlias = Callable[[Sequence[Person]], tuple[Fold, ...]]


def _five_parts(people: Sequence[Person]) -> tuple[Fold, ...]:
    return kfold_by_subject(people, 5)


def _composite(people: Sequence[Person]) -> tuple[Fold, ...]:
    at_least_two_corpora(people)
    return leave_one_subject_out(people)


PROTOCOLS: Mapping[str, Protocol] = {
    "loso": leave_one_subject_out,
    "kfold-subject": _five_parts,
    "cde": _composite,
    "hde": leave_one_corpus_out,
    ZERO_SHOT: everyone_at_once,
}
"""Which people are held out together.

- ``loso`` leaves every person out once, ``kfold-subject`` a fifth at a time, the same fifths for every seed.
- ``cde``, composite database evaluation: several corpora as if they were one, and every person of each left out once
  [1]_.
- ``hde``, holdout-database evaluation: every corpus in turn is predicted by a model fitted on all the others [2]_.
- ``zero-shot``: everybody is predicted by a model that was fitted before, on other corpora; nobody is learned from.

References
----------
.. [1] J. See et al., "MEGC 2019 - the second facial micro-expressions grand challenge", FG 2019.
.. [2] M. H. Yap et al., "Facial micro-expressions grand challenge 2018 summary", FG 2018.
"""


def make_folds(protocol: str, clips: Sequence[Clip], test_corpora: Sequence[str] = ()) -> tuple[Fold, ...]:
    """Split labelled clips by a protocol and see that every fold can be learned from.

    Parameters
    ----------
    protocol
        A name of :data:`PROTOCOLS`.
    clips
        The clips, all labelled.
    test_corpora
        For ``hde``: the corpora to test on, where not on each in turn.

    Returns
    -------
    The folds.

    Raises
    ------
    UnknownNameError
        If there is no such protocol, or no clip of a corpus to test on.
    ConfigError
        If corpora to test on are named for another protocol than ``hde``.
    CorpusError
        If a clip has no label, there are too few people or corpora, two corpora film the same people, or a training
        part has one class only.
    """
    split = look_up("protocol", protocol, PROTOCOLS)
    for clip in clips:
        if clip.label is None:
            raise CorpusError("it has no label, so it cannot be scored", where=clip, hint="Choose a task: --task")
    if test_corpora and protocol != "hde":
        raise ConfigError(
            f"{protocol} tests people of every corpus",
            where="test_corpora",
            hint="Leave it out, or use the protocol hde, which tests on some corpora only",
        )
    people = [clip.person for clip in clips]
    _check_apart(sorted({corpus for corpus, _ in people}))
    folds = leave_one_corpus_out(people, test_corpora) if test_corpora else split(people)
    for fold in folds if protocol != ZERO_SHOT else ():
        _check_learnable(fold, clips, "Add subjects who show the other classes")
    return folds


def with_train_subjects(folds: Sequence[Fold], clips: Sequence[Clip], n: int | None, seed: int) -> tuple[Fold, ...]:
    """Let only some people of every training part be learned from, the same for every method.

    Parameters
    ----------
    folds
        Of :func:`make_folds`.
    clips
        The clips, all labelled.
    n
        How many people, at least 2; None for all.
    seed
        The run's seed; it decides who.

    Raises
    ------
    ConfigError
        If ``n`` is below 2.
    CorpusError
        If the people drawn for a fold show one class only.
    """
    if n is None:
        return tuple(folds)
    if n < 2:
        raise ConfigError(f"train_subjects must be 2 or more, not {n}", hint="Of one person's clips little is learned")
    people = [clip.person for clip in clips]
    fewer = tuple(with_fewer_people(fold, people, n, seed) for fold in folds)
    for fold in fewer:
        _check_learnable(fold, clips, f"Let more people be learned from: --train-subjects {n + 1}")
    return fewer


def _check_learnable(fold: Fold, clips: Sequence[Clip], hint: str) -> None:
    labels = {clips[index].label for index in fold.train}
    if len(labels) < 2:
        raise CorpusError(
            f"all {len(fold.train)} training clips are {labels.pop()!r}, so nothing can be learned",
            where=f"fold {fold.name}",
            hint=hint,
        )


def _check_apart(corpora: Sequence[str]) -> None:
    known = [CORPORA[name] for name in corpora if name in CORPORA]
    for one, two in combinations(known, 2):
        if one.people and one.people == two.people:
            raise CorpusError(
                f"{one.name} and {two.name} film the same people, who would be on both sides of a fold",
                hint="Evaluate each in a run of its own",
            )
