"""What can be reproduced: each table and figure of the paper, and the methods that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dstan._registry import look_up
from dstan.errors import ConfigError
from dstan.evaluation.methods import TRACKS, on_track
from dstan.evaluation.standing import COMMON
from dstan.recognizers import METHODS, PAPER_TRACK
from dstan.reports.published import COMPARED, DATA_SETS, TODAY

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
        The methods that it shows, in the order of the paper; some may not be implemented. Last those of today, which
        are not in the paper.
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
_TODAY = tuple(name for name in TODAY if name in METHODS)
"""They have no published figure to show without one of ours."""

TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target("table1", "one stream against two", _STREAMS, _TWO, 3),
            Target("table2", "what each module adds", _MODULES, _TWO, 3, ("casme2",)),
            Target("table3", "streams joined by average and by SVM", ("dstan-average", "dstan"), _FOUR),
            Target("table4", "DSTAN against fourteen methods", (*COMPARED, "dstan", *_TODAY), _TWO),
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


def shown_methods(target: Target, track: str = COMMON) -> list[str]:
    """Return the methods that a target shows.

    Parameters
    ----------
    target
        A table or a figure.
    track
        "common", "paper" or "both"; it concerns Table 4 alone, for the other methods have one track.
    """
    return on_track(target.methods, track) if COMPARED[0] in target.methods else list(target.methods)


def check_track(targets: Sequence[Target], track: str) -> None:
    """Raise ConfigError where a track is wanted that nothing of what is wanted has.

    Parameters
    ----------
    targets
        What is wanted.
    track
        As it was typed.

    Raises
    ------
    UnknownNameError
        If there is no such track.
    """
    look_up("track", track, dict.fromkeys(TRACKS))
    if track != COMMON and not any(COMPARED[0] in target.methods for target in targets):
        raise ConfigError(
            "only table4 shows methods that have published settings",
            where=f"--method-track {track}",
            hint="Leave --method-track out, or add table4",
        )


def methods_for(targets: Sequence[Target], corpus: str, track: str = COMMON) -> list[str]:
    """Return the methods that have to be run on a corpus, the majority baseline among them.

    Parameters
    ----------
    targets
        What is wanted.
    corpus
        One of :data:`TASKS`.
    track
        "common", "paper" or "both".
    """
    wanted = {method for target in targets if corpus in target.corpora for method in shown_methods(target, track)}
    return [name for name in (*METHODS, *PAPER_TRACK) if name in wanted or (wanted and name == BASELINE)]
