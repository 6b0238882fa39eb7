"""The nested search of ``dstan tune``, as it stands in a method's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan._foreign import read_json
from dstan.errors import RunError
from dstan.reports.dynamics import joined

FILE = "search.json"


@dataclass(frozen=True)
class Search:
    """What was tried inside every fold, and what was taken.

    Parameters
    ----------
    settings
        The names of the settings that candidates differ in.
    candidates
        The values of each candidate.
    parts
        Into how many parts the people learned from were dealt.
    score
        By which score candidates were judged.
    folds
        The name of the fold and the seed of each choice, in their order.
    scores
        (choices, candidates): NaN where a candidate has none.
    chosen
        (choices,): the candidate taken, counted from 0.
    """

    settings: tuple[str, ...]
    candidates: tuple[Mapping[str, Any], ...]
    parts: int
    score: str
    folds: tuple[tuple[str, int], ...]
    scores: NDArray[np.float64]
    chosen: NDArray[np.int64]

    def rows(self) -> list[dict[str, Any]]:
        """Return the candidates as rows of a table: number, values, mean and deviation over folds, times chosen."""
        columns = self.scores.T
        return [
            {
                "number": number + 1,
                "values": [str(candidate.get(name, "—")) for name in self.settings],
                "mean": _over(np.mean, columns[number]),
                "deviation": _over(np.std, columns[number]),
                "chosen": int((self.chosen == number).sum()),
            }
            for number, candidate in enumerate(self.candidates)
        ]

    def words(self) -> str:
        """Say how settled the choice is."""
        counts = np.bincount(self.chosen, minlength=len(self.candidates))
        best, total = int(counts.argmax()), len(self.chosen)
        values = joined([f"{name} = {self.candidates[best].get(name, '—')}" for name in self.settings])
        if counts[best] == total:
            return f"Every fold chose the same candidate: {values}."
        settled = (
            "" if counts[best] > total / 2 else " No candidate has most of the folds: the data hardly tell them apart."
        )
        return f"Chosen most often, in {counts[best]} of {total} folds: {values}.{settled}"


def _over(function: Any, values: NDArray[np.float64]) -> float | None:
    kept = values[~np.isnan(values)]
    return float(function(kept)) if len(kept) else None


def read_search(folder: Path) -> Search | None:
    """Read a method's search; None where there was none.

    Parameters
    ----------
    folder
        The method's folder in a run.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        document = read_json(path)
        choices = sorted(document["choices"], key=lambda one: (str(one["fold"]), int(one["seed"])))
        candidates = tuple(document["candidates"])
        scores = [[np.nan if value is None else float(value) for value in one["scores"]] for one in choices]
        return Search(
            settings=tuple(document["settings"]),
            candidates=candidates,
            parts=int(document["parts"]),
            score=str(document["score"]),
            folds=tuple((str(one["fold"]), int(one["seed"])) for one in choices),
            scores=np.array(scores, dtype=np.float64).reshape(len(choices), len(candidates)),
            chosen=np.array([one["chosen"] for one in choices], dtype=np.int64),
        )
    except (OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise RunError(
            f"{FILE} is damaged: {type(error).__name__}: {error}", where=path, hint="Run dstan tune again"
        ) from error
