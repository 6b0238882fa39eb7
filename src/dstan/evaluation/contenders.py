"""What is compared: methods of one run or of several, brought to the clips that they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dstan._registry import look_up
from dstan.errors import RunError
from dstan.evaluation.folds import PREDICTIONS
from dstan.evaluation.results import RUN, Run, load_run
from dstan.evaluation.standing import Standing

if TYPE_CHECKING:
    import pandas as pd

PERSON = ["corpus", "subject"]
CLIP = [*PERSON, "clip_id"]
_ALIKE = ("task", "protocol", "test_corpora", "train_subjects")
_AGAIN = "Run the command again that made this run: finished folds are kept, and joined anew"
_NAME_BOTH = "Give the folder of a run, or of a method in it: RUN or RUN/METHOD"


@dataclass(frozen=True, eq=False)
class Contender:
    """One method of one run.

    Parameters
    ----------
    name
        What it is called in the comparison.
    run
        The folder of its run.
    method
        Its name there.
    info
        What ``run.json`` says.
    classes
        The classes in order.
    predictions
        One row a clip and seed, with the columns of ``predictions.csv``.
    """

    name: str
    run: Path
    method: str
    info: Mapping[str, Any]
    classes: tuple[str, ...]
    predictions: pd.DataFrame

    @property
    def file(self) -> Path:
        """Where its predictions lie."""
        return self.run / self.method / PREDICTIONS

    @property
    def standing(self) -> Standing:
        """How its scores are to be taken."""
        return Standing.read(self.info, self.method)

    @property
    def seeds(self) -> int:
        """How many times it was trained."""
        return int(self.predictions["seed"].nunique())


def read_contenders(paths: Sequence[str | Path]) -> tuple[list[Contender], list[str]]:
    """Read the methods that paths name.

    Parameters
    ----------
    paths
        ``RUN`` for all methods that it was asked for, ``RUN/METHOD`` for one.

    Returns
    -------
    The methods, each once, in the order named, and warnings about those that are not finished.

    Raises
    ------
    RunError
        If a path names neither, or a run is damaged.
    UnknownNameError
        If a run has no such method.
    """
    runs: dict[Path, Run] = {}
    found: dict[tuple[Path, str], Contender] = {}
    warnings: dict[str, None] = {}
    for path in paths:
        folder, wanted = _split(Path(path))
        if folder not in runs:
            runs[folder] = load_run(folder)
        run = runs[folder]
        asked = list(run.info["methods"])
        if wanted is None:
            warnings |= {
                f"{folder}: {name} is not finished and is left out": None for name in asked if name not in run.results
            }
        for name in [name for name in asked if name in run.results] if wanted is None else [wanted]:
            if (folder, name) not in found:
                found[folder, name] = _contender(folder, name, run)
    return _named(list(found.values())), list(warnings)


def _split(path: Path) -> tuple[Path, str | None]:
    """Tell a run's folder from that of a method in it."""
    if not path.exists():
        if (path.parent / RUN).is_file():
            return path.parent.resolve(), path.name
        raise RunError("there is no such folder", where=path, hint=_NAME_BOTH)
    if not path.is_dir():
        raise RunError("this is a file, not a folder", where=path, hint=_NAME_BOTH)
    folder = path.resolve()
    if (folder / RUN).exists():
        return folder, None
    if (folder.parent / RUN).exists():
        return folder.parent, folder.name
    raise RunError(
        f"there is no {RUN} here or one above, so this is neither a run nor a method", where=path, hint=_NAME_BOTH
    )


def _contender(folder: Path, name: str, run: Run) -> Contender:
    if name not in run.results and name in {**run.info["methods"], **run.info["components"]}:
        raise RunError("this method is not finished", where=folder / name, hint=_AGAIN)
    result = look_up(f"method of the run {folder.name}", name, run.results)
    contender = Contender(name, folder, name, run.info, result.classes, result.predictions)
    _check(contender)
    return contender


def _check(contender: Contender) -> None:
    """See that every clip has one truth, and one prediction a seed, among the classes."""
    table = contender.predictions
    missing = [name for name in (*CLIP, "y_true", "y_pred") if name not in table]
    if missing:
        _damaged(contender, f"it has no column {missing[0]}")
    if not len(table):
        _damaged(contender, "it holds no prediction")
    for column in ("y_true", "y_pred"):
        strange = table.loc[~table[column].isin(contender.classes), [*CLIP, column]]
        if len(strange):
            *clip, label = strange.iloc[0]
            _damaged(contender, f"{column} of {'/'.join(clip)} is {label!r}, which is not one of the classes")
    clips = table.groupby(CLIP)
    if (clips["y_true"].nunique() > 1).any():
        _damaged(contender, f"{_first(clips['y_true'].nunique() > 1)} has two truths")
    counts = clips["seed"].agg(["size", "nunique"])
    odd = (counts["size"] != contender.seeds) | (counts["nunique"] != contender.seeds)
    if odd.any():
        _damaged(contender, f"{_first(odd)} does not have one prediction for each of {contender.seeds} seeds")


def _first(flags: pd.Series[bool]) -> str:
    """Name the first clip that is flagged."""
    return "/".join(flags.index[flags][0])


def _damaged(contender: Contender, what: str) -> NoReturn:
    raise RunError(f"the predictions are damaged: {what}", where=contender.file, hint=_AGAIN)


def _named(contenders: Sequence[Contender]) -> list[Contender]:
    """Put the run's name before the method's where there are several runs, with as many folders as tell them apart."""
    runs = {one.run for one in contenders}
    depth = next(n for n in count(1) if len({run.parts[-n:] for run in runs}) == len(runs)) if len(runs) > 1 else 0
    where = [one.run.parts[-depth:] if depth else () for one in contenders]
    return [
        replace(one, name="/".join((*parts, one.standing.shown))) for one, parts in zip(contenders, where, strict=True)
    ]


def join(contenders: Sequence[Contender]) -> tuple[list[Contender], list[str]]:
    """Keep the clips that all methods predicted, in one order.

    Parameters
    ----------
    contenders
        Two or more.

    Returns
    -------
    The same methods with the predictions in common, and warnings about what was left out and what differs.

    Raises
    ------
    RunError
        If classes or a clip's truth differ, or no clip is in common.
    """
    first, *others = contenders
    truths = [one.predictions.groupby(CLIP)["y_true"].first() for one in contenders]
    common = truths[0].index
    for one, truth in zip(others, truths[1:], strict=True):
        _check_classes(first, one)
        common = common.intersection(truth.index)
        if not len(common):
            raise RunError(
                f"no clip is in common: {first.name} has {'/'.join(truths[0].index[0])}, "
                f"{one.name} has {'/'.join(truth.index[0])}",
                where=one.run,
                hint="Compare runs over the same corpus: clips are joined by corpus, subject and clip id",
            )
    for one, truth in zip(others, truths[1:], strict=True):
        _check_truths(first, truths[0].loc[common], one, truth.loc[common])
    kept = [replace(one, predictions=_kept(one.predictions, common)) for one in contenders]
    lost = [(one, len(truth) - len(common), len(truth)) for one, truth in zip(contenders, truths, strict=True)]
    left_out = [
        f"{one.name}: {n} of {total} clips were not predicted by all and do not count" for one, n, total in lost if n
    ]
    return kept, [*left_out, *_unlike(contenders)]


def _kept(predictions: pd.DataFrame, common: pd.Index[Any]) -> pd.DataFrame:
    return predictions.set_index(CLIP).loc[common].reset_index()


def _check_classes(first: Contender, other: Contender) -> None:
    different = [
        name for name in (*first.classes, *other.classes) if (name in first.classes) != (name in other.classes)
    ]
    if different:
        has, lacks = (first, other) if different[0] in first.classes else (other, first)
        raise RunError(
            f"the classes differ: {has.name} has {different[0]!r}, {lacks.name} has not",
            where=other.run,
            hint="Compare runs of one task: scores over other classes are other scores",
        )


def _check_truths(first: Contender, ours: pd.Series[str], other: Contender, theirs: pd.Series[str]) -> None:
    unlike = ours != theirs
    if unlike.any():
        clip = ours.index[unlike][0]
        raise RunError(
            f"the truth of {'/'.join(clip)} is {ours[clip]!r} in {first.name} and {theirs[clip]!r} in {other.name}",
            where=other.run,
            hint="Compare runs over the same labels: the same coding table, corrections and task",
        )


def _unlike(contenders: Sequence[Contender]) -> Iterator[str]:
    """Tell where runs were made in different ways."""
    first, *others = contenders
    for key in _ALIKE:
        for one in others:
            ours, theirs = first.info.get(key), one.info.get(key)
            if ours != theirs:
                yield f"{first.name} and {one.name} are of different {key}: {ours} and {theirs}"
                break
    drawn = [one for one in contenders if one.info.get("synthetic")]
    if drawn and len(drawn) < len(contenders):
        yield f"the faces of {drawn[0].name} are drawn, and not those of all others"
