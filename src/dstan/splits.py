"""Splits that keep a person whole: nobody is on both sides.

A person is ``(corpus, subject)``: subject 1 of two corpora are two people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dstan._random import child_seed
from dstan._registry import look_up
from dstan.errors import CorpusError

Person = tuple[str, str]


@dataclass(frozen=True)
class Fold:
    """One split of clips given by position.

    Parameters
    ----------
    name
        Unique among its folds: "sub01", or "casme2/sub01" where there are several corpora, or "test casme2".
    train, test
        Positions of the clips on either side, ascending; disjoint, and disjoint in people.
    """

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def leave_one_subject_out(people: Sequence[Person]) -> tuple[Fold, ...]:
    """Make one fold for each person, in sorted order, so that folds do not depend on the order of clips.

    Parameters
    ----------
    people
        Who each clip shows, ``(corpus, subject)``.

    Returns
    -------
    The folds, each named after its person.

    Raises
    ------
    CorpusError
        If there are fewer than two people.
    """
    everyone = _at_least(people, 2)
    several = len({corpus for corpus, _ in everyone}) > 1
    return tuple(
        _fold(f"{corpus}/{subject}" if several else subject, people, {(corpus, subject)})
        for corpus, subject in everyone
    )


def leave_one_corpus_out(people: Sequence[Person], corpora: Sequence[str] = ()) -> tuple[Fold, ...]:
    """Make one fold for each corpus: its people are the test part, those of all other corpora the training part.

    Parameters
    ----------
    people
        Who each clip shows, ``(corpus, subject)``.
    corpora
        Those to hold out; all of them where none is named. The others are learned from only.

    Returns
    -------
    The folds in sorted order, "test CORPUS".

    Raises
    ------
    CorpusError
        If there is only one corpus.
    UnknownNameError
        If a corpus to hold out is not among them.
    """
    known = {name: {person for person in people if person[0] == name} for name in at_least_two_corpora(people)}
    for name in corpora:
        look_up("corpus", name, known)
    return tuple(_fold(f"test {name}", people, known[name]) for name in sorted(set(corpora) or known))


def at_least_two_corpora(people: Iterable[Person]) -> list[str]:
    """Return the names of the corpora in sorted order, and see that there are several.

    Parameters
    ----------
    people
        Who each clip shows, ``(corpus, subject)``.

    Raises
    ------
    CorpusError
        If there is only one corpus.
    """
    names = sorted({corpus for corpus, _ in people})
    if len(names) < 2:
        raise CorpusError(
            f"this protocol needs several corpora, and all clips are of {', '.join(names) or 'none'}",
            hint="Within one corpus use the protocol loso, or give another corpus too",
        )
    return names


def kfold_by_subject(people: Sequence[Person], n: int, seed: int = 0) -> tuple[Fold, ...]:
    """Deal the people into ``n`` parts whose numbers of clips are as even as can be.

    Parameters
    ----------
    people
        Who each clip shows, ``(corpus, subject)``.
    n
        Number of folds, at least 2 and at most the number of people.
    seed
        Decides among people with equally many clips.

    Returns
    -------
    The folds, "part1" to "partN".

    Raises
    ------
    CorpusError
        If there are fewer than ``n`` people, or ``n`` is below 2.
    """
    everyone = _at_least(people, max(n, 2))
    if n < 2:
        raise CorpusError(f"at least 2 folds are needed, not {n}")
    order = np.random.default_rng(child_seed(seed, "kfold_by_subject")).permutation(len(everyone))
    counts = Counter(people)
    parts: list[set[Person]] = [set() for _ in range(n)]
    for person in sorted((everyone[i] for i in order), key=lambda person: -counts[person]):
        min(parts, key=lambda part: (sum(counts[p] for p in part), len(part))).add(person)
    return tuple(_fold(f"part{number}", people, part) for number, part in enumerate(parts, start=1))


def with_fewer_people(fold: Fold, people: Sequence[Person], n: int, seed: int) -> Fold:
    """Keep a few people of a fold's training part; whoever is among three is also among five.

    Parameters
    ----------
    fold
        Its test part stays whole.
    people
        Who each clip shows, ``(corpus, subject)``.
    n
        Number of people; all of them stay where there are no more.
    seed
        With the fold's name it decides who stays.

    Returns
    -------
    The fold under its name.
    """
    everyone = sorted({people[i] for i in fold.train})
    order = sorted(everyone, key=lambda person: child_seed(seed, "training people", fold.name, *person))
    kept = set(order[:n])
    return Fold(fold.name, tuple(i for i in fold.train if people[i] in kept), fold.test)


def everyone_at_once(people: Sequence[Person]) -> tuple[Fold, ...]:
    """Make one fold, "all", in which everybody is tested and nobody learned from.

    Parameters
    ----------
    people
        Who each clip shows, ``(corpus, subject)``.

    Raises
    ------
    CorpusError
        If there is nobody.
    """
    _at_least(people, 1)
    return (Fold("all", (), tuple(range(len(people)))),)


def _at_least(people: Sequence[Person], fewest: int) -> list[Person]:
    everyone = sorted(set(people))
    if len(everyone) < fewest:
        raise CorpusError(
            f"{len(everyone)} subjects cannot be split into {fewest} folds",
            hint="No subject may be on both sides: use more subjects or fewer folds",
        )
    return everyone


def _fold(name: str, people: Sequence[Person], held_out: set[Person]) -> Fold:
    test = tuple(i for i, person in enumerate(people) if person in held_out)
    train = tuple(i for i, person in enumerate(people) if person not in held_out)
    return Fold(name=name, train=train, test=test)
