"""What can be reproduced: each table and figure of the paper, and the methods that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dstan._registry import look_up
from dstan.recognizers import METHODS
from dstan.reports.published import COMPARED, DATA_SETS

BASELINE = "majority"
ALL = "all"

TASKS: Mapping[str, str] = MappingProxyType({data_set.corpus: task for task, data_set in DATA_SETS.items()})
"""The corpora that the paper measures on, and the task on each."""


@dataclass(frozen=True)
class Target:
    """A table or a figure of the paper.

    Parameters
    ----------
    name
        What a user types.
    title
        What it shows.
    methods
        The methods that it shows, in the order of the paper; some may not be implemented.
    scores
        For a table: the scores that it prints, under the names of :mod:`dstan.metrics`.
    digits
        Decimals of what it prints.
    corpora
        The corpora that it is measured on.
    """

    name: str
    title: str
    methods: tuple[str, ...]
    scores: tuple[str, ...] = ()
    digits: int = 2
    corpora: tuple[str, ...] = tuple(TASKS)

    @property
    def number(self) -> str:
        """What the paper calls it: ``Table 1``."""
        return f"{self.name[:-1].capitalize()} {self.name[-1]}"


_TWO = ("accuracy", "f1_le_ngo")
_FOUR = ("accuracy", "precision", "recall", "f1_le_ngo")
_STREAMS = ("stan-a", "stmn-a", "dstan")
_MODULES = ("dstan-basic", "dstan-lhfn", "dstan-lhfn-sa", "dstan")

TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target("table1", "one stream against two", _STREAMS, _TWO, 3),
            Target("table2", "what each module adds", _MODULES, _TWO, 3, ("casme2",)),
            Target("table3", "streams joined by average and by SVM", ("dstan-average", "dstan"), _FOUR),
            Target("table4", "DSTAN against fourteen methods", (*COMPARED, "dstan"), _TWO),
            Target("figure5", "share of each emotion recognised", _STREAMS),
            Target("figure6", "accuracy on each person", ("dstan",)),
            Target("figure7", "what was taken for what", ("dstan",)),
        )
    }
)


def choose(names: Sequence[str]) -> list[Target]:
    """Return the targets that names stand for, each once, in the order of the paper.

    Parameters
    ----------
    names
        Of :data:`TARGETS`, or ``all``.

    Raises
    ------
    UnknownNameError
        If there is no such table or figure.
    """
    known = {**TARGETS, ALL: None}
    for name in names:
        look_up("table or figure", name, known)
    return [target for name, target in TARGETS.items() if name in names or ALL in names]


def methods_for(targets: Sequence[Target], corpus: str) -> list[str]:
    """Return the methods that have to be run on a corpus, the majority baseline among them.

    Parameters
    ----------
    targets
        What is wanted.
    corpus
        One of :data:`TASKS`.
    """
    wanted = {method for target in targets if corpus in target.corpora for method in target.methods}
    return [name for name in METHODS if name in wanted or (wanted and name == BASELINE)]
