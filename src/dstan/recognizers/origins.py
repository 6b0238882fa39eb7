"""What a model was learned from, and whose clips it may therefore not be tested on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dstan.clips import Clip
from dstan.corpora import CORPORA
from dstan.errors import ModelError

DRAWN = "drawn"
"""The corpus of models that learned drawn motion."""
TWIN = ("truth", "twin.json")
"""What synthesis writes into a twin's folder: faces below it are drawn."""


def is_synthetic(trained: Mapping[str, Any]) -> bool:
    """Tell whether a model has seen drawn motion and drawn faces, and nothing else, its ancestors included.

    Parameters
    ----------
    trained
        ``trained_`` of the recogniser; of a model of an older dstan, which does not note twins, only drawn motion is
        known.
    """
    return trained.get("corpora") == [DRAWN] or bool(trained.get("synthetic"))


def drawn_clips(clips: Iterable[Clip]) -> list[bool]:
    """Tell of each clip whether it is of a synthetic twin; one that was built from arrays is not known to be.

    Parameters
    ----------
    clips
        Of any corpora.
    """
    known: dict[Path, bool] = {}

    def is_twin(folder: Path) -> bool:  # numpydoc ignore=GL08
        if folder not in known:
            known[folder] = folder.joinpath(*TWIN).is_file()
        return known[folder]

    return [clip.path != Path() and any(map(is_twin, clip.path.absolute().parents)) for clip in clips]


def corpora_of(trained: Mapping[str, Any], where: object) -> tuple[str, ...]:
    """Return the corpora that a model was learned from, also those behind the weights that it began with.

    Parameters
    ----------
    trained
        ``trained_`` of the recogniser.
    where
        Its folder or its name, for the error.

    Raises
    ------
    ModelError
        If it does not say.
    """
    if "corpora" not in trained:
        raise ModelError(
            "it does not say which corpora it was learned from, so nobody can say whom it has seen",
            where=where,
            hint="It was made by an older dstan: make it again by dstan pretrain or dstan train",
        )
    return tuple(trained["corpora"])


def check_unseen(learned: Iterable[str], corpora: Iterable[str], where: object) -> None:
    """See that no corpus, nor another that films the same people, is on both sides.

    Parameters
    ----------
    learned
        What a model was learned from.
    corpora
        What is now evaluated or learned from.
    where
        The model's folder or its name, for the error.

    Raises
    ------
    ModelError
        If one is.
    """
    known = set(learned)
    for corpus in sorted(set(corpora)):
        seen = sorted(one for one in known if one == corpus or _same_people(one, corpus))
        if seen:
            whom = f"clips of {corpus}" if corpus in seen else f"clips of {seen[0]}, which films the people of {corpus}"
            raise ModelError(
                f"it has learned from {whom}: nobody there is new to it",
                where=where,
                hint="Take weights that were made of other corpora, or of drawn motion: dstan pretrain",
            )


def _same_people(one: str, other: str) -> bool:
    people = [CORPORA[name].people for name in (one, other) if name in CORPORA]
    return len(people) == 2 and people[0] == people[1] != ""
