"""What a run found: per clip, pooled into scores, read back from the run's folder."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan._foreign import read_json, read_text
from dstan.clips import Skipped
from dstan.errors import RunError
from dstan.evaluation.calibration import Calibration, calibration
from dstan.evaluation.checked import check_fold, check_predictions, fault_of_info
from dstan.evaluation.costs import Cost, cost_of
from dstan.evaluation.folds import DOCUMENT, PREDICTIONS
from dstan.evaluation.statistics import bootstrap_intervals, confusions_by_subject
from dstan.metrics import scores_of_many

if TYPE_CHECKING:
    import pandas as pd

RUN, SKIPPED, METRICS = "run.json", "skipped.csv", "metrics.json"
_AGAIN = "Run the same command again: finished folds are kept"


@dataclass(frozen=True, eq=False)
class Result:
    """What one method scored.

    Parameters
    ----------
    method
        Its name.
    classes
        The task's classes in order.
    predictions
        One row a clip and seed: ``corpus, subject, clip_id, fold, seed, y_true, y_pred, p_<class>...``.
    folds
        What ``fold.json`` says of each fold and seed: ``fold``, ``seed``, ``train``, ``test``, ``seconds``,
        ``history``, the learning curve of each training (a stream, a stage) as a list of ``{"epoch", "loss",
        "accuracy", "gradient_norm"}``, ``dynamics``, what else was found of each, and ``parameters``, the
        weights of its networks; older runs lack the last ones.
    folder
        The method's folder in the run; gone after the evaluation if the run was given no folder.
    """

    method: str
    classes: tuple[str, ...]
    predictions: pd.DataFrame
    folds: tuple[Mapping[str, Any], ...]
    folder: Path

    @functools.cached_property
    def _by_subject(self) -> NDArray[np.int64]:
        return confusions_by_subject(self.predictions, self.classes)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K) counts summed over subjects and seeds; rows are truths, columns predictions."""
        return np.asarray(self._by_subject.sum((0, 1)))

    @functools.cached_property
    def per_seed(self) -> tuple[dict[str, float], ...]:
        """The scores of each seed, and its number under ``seed``."""
        numbers = sorted(int(seed) for seed in self.predictions["seed"].unique())
        found = scores_of_many(self._by_subject.sum(0))
        return tuple(
            {"seed": seed, **{name: float(values[index]) for name, values in found.items()}}
            for index, seed in enumerate(numbers)
        )

    @functools.cached_property
    def scores(self) -> dict[str, float]:
        """The scores of :func:`dstan.metrics.scores`: the mean over seeds of the pooled score of one seed."""
        names = [name for name in self.per_seed[0] if name != "seed"]
        return {name: float(np.mean([one[name] for one in self.per_seed])) for name in names}

    @functools.cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % interval of each score, from resampling people."""
        return bootstrap_intervals(self._by_subject)

    @functools.cached_property
    def calibration(self) -> Calibration:
        """How its probabilities go with being right."""
        return calibration(self.predictions)

    @functools.cached_property
    def per_corpus(self) -> dict[str, Result]:
        """The result on each corpus' own clips where predictions are of several corpora; else empty.

        This is how MEGC 2019 scores a single corpus of its composite: from the composite's predictions, with the mean
        over all of the task's classes. There every corpus has clips of all three. Where one has none of a class, that
        class counts as 0 in the means over classes, so ``uf1`` and ``uar`` of that corpus stay below 1.
        """
        names = sorted(self.predictions["corpus"].unique())
        return {name: self._on(name) for name in names} if len(names) > 1 else {}

    def _on(self, corpus: str) -> Result:
        predictions = self.predictions[self.predictions["corpus"] == corpus].reset_index(drop=True)
        names = set(predictions["fold"])
        folds = tuple(fold for fold in self.folds if fold["fold"] in names)
        return replace(self, predictions=predictions, folds=folds)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds."""
        parts = {name: part._figures() for name, part in self.per_corpus.items()}
        return {
            "method": self.method,
            "classes": list(self.classes),
            **self._figures(),
            **({"per_corpus": parts} if parts else {}),
        }

    def _figures(self) -> dict[str, Any]:
        return {
            "clips": len(self.predictions) // len(self.per_seed),
            "subjects": len(self._by_subject),
            "confusion": self.confusion.tolist(),
            **self.scores,
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "per_seed": list(self.per_seed),
            "calibration": self.calibration.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Run:
    """A run's folder in memory.

    Parameters
    ----------
    info
        What ``run.json`` says.
    results
        The result of each method that is finished, also of the streams that a method brought along.
    skipped
        The clips that were left out, and why.
    """

    info: Mapping[str, Any]
    results: Mapping[str, Result]
    skipped: tuple[Skipped, ...]

    @functools.cached_property
    def costs(self) -> dict[str, Cost]:
        """What each method took; nothing of older runs, which do not say."""
        about = {**self.info["components"], **self.info["methods"]}
        known = {name: result.folds for name, result in self.results.items()}
        found = {
            name: cost_of(own, [known.get(part) for part in about[name].get("components", ())])
            for name, own in known.items()
        }
        return {name: cost for name, cost in found.items() if cost is not None}


def collect(run: Path, method: str, classes: Sequence[str], folders: Sequence[Path]) -> Result:
    """Join the folds of one method, write its predictions and scores, and return them.

    Parameters
    ----------
    run
        The run's folder.
    method
        Whose folds they are.
    classes
        The task's classes in order.
    folders
        The folders of all folds and seeds, finished, in the order wanted.
    """
    _atomic.sweep(run / method)
    tables = [read_text(folder / PREDICTIONS).splitlines(keepends=True) for folder in folders]
    _atomic.write_text(
        run / method / PREDICTIONS, "".join([tables[0][0], *(row for table in tables for row in table[1:])])
    )
    result = _load_result(run, method, classes)
    _atomic.write_json(run / method / METRICS, result.to_dict())
    return result


def load_run(path: Path) -> Run:
    """Read a run's folder.

    Parameters
    ----------
    path
        What ``evaluate`` wrote.

    Raises
    ------
    RunError
        If it is not a run, is damaged, or no method is finished.
    """
    info = read_info(path)
    try:
        names = [*info["methods"], *info["components"]]
        finished = [name for name in names if (path / name / METRICS).is_file()]
        results = {name: _load_result(path, name, info["classes"]) for name in finished}
        skipped = tuple(Skipped(*row) for row in _read_csv(path / SKIPPED).itertuples(index=False, name=None))
    except (OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise RunError(f"the run is damaged: {type(error).__name__}: {error}", where=path, hint=_AGAIN) from error
    if not results:
        raise RunError("no method of this run is finished", where=path, hint=_AGAIN)
    return Run(info, results, skipped)


def read_info(path: Path) -> dict[str, Any]:
    """Read a run's ``run.json``.

    Parameters
    ----------
    path
        The run's folder.

    Raises
    ------
    RunError
        If it is not there or cannot be read.
    """
    try:
        info = read_json(path / RUN)
    except OSError as error:
        raise RunError(
            f"there is no {RUN}, so this is not a run", where=path, hint="Make one: dstan evaluate --out"
        ) from error
    except ValueError as error:
        raise RunError(f"{RUN} is damaged: {error}", where=path, hint="Evaluate into another folder") from error
    if why := fault_of_info(info):
        raise RunError(f"{RUN} is damaged: {why}", where=path, hint="Evaluate into another folder")
    return dict(info)


def _load_result(run: Path, method: str, classes: Sequence[str]) -> Result:
    folder = run / method
    predictions = _read_csv(folder / PREDICTIONS)
    predictions["seed"] = predictions["seed"].astype(int)
    for name in classes:
        predictions[f"p_{name}"] = predictions[f"p_{name}"].astype(float)
    check_predictions(predictions, classes)
    documents = [read_json(file) for file in sorted(folder.glob(f"folds/*/{DOCUMENT}"))]
    for document in documents:
        check_fold(document)
    return Result(method, tuple(classes), predictions, tuple(documents), folder)


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a table of words: a subject called NA or 01 stays what it is."""
    import pandas as pd

    return pd.read_csv(io.StringIO(read_text(path)), dtype=str, keep_default_na=False)
