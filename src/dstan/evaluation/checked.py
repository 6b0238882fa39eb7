"""What a run's documents must be like before anything is computed from them: a run may be somebody else's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dstan._foreign import is_plain_name

if TYPE_CHECKING:
    import pandas as pd

MOST_SEEDS = 100_000
"""Seeds of a run; each is a whole evaluation."""
_NUMBER = (int, float)
_EACH = "each"
"""Stands for every name of a table."""
_METHOD = {"settings?": {}, "components?": [str]}
_RUN = {"methods?": {_EACH: _METHOD}, "components?": {_EACH: _METHOD}, "classes?": [str], "seeds?": [int]}
_FOLD = {
    "fold": str,
    "seed": int,
    "train?": int,
    "test?": int,
    "parameters?": int,
    "seconds?": {_EACH: _NUMBER},
    "history?": {_EACH: [{_EACH: object}]},
    "dynamics?": {_EACH: {}},
    "choice?": {},
}
_COST = ("train", "test", "seconds", "history", "dynamics")
"""What a fold says that says how many parameters it has."""


def fault_of_info(info: object) -> str:
    """Say what is wrong with what ``run.json`` holds; "" where nothing is.

    Parameters
    ----------
    info
        The document. Its methods are folders of the run, and lead nowhere else.
    """
    why = _fault(info, _RUN, "it")
    assert why or isinstance(info, dict)
    for kind in () if why else ("methods", "components"):
        for name in info.get(kind, {}):  # type: ignore[attr-defined]
            if not is_plain_name(name):
                return f"{name!r:.80} is not the name of a method"
    return why


def check_fold(document: object) -> None:
    """See that a ``fold.json`` can be reckoned with.

    Parameters
    ----------
    document
        What it holds.

    Raises
    ------
    ValueError
        If not; the message says what.
    """
    why = _fault(document, _FOLD, "a fold")
    assert why or isinstance(document, dict)
    if not why and "parameters" in document:  # type: ignore[operator]
        lacking = [name for name in _COST if name not in document]  # type: ignore[operator]
        seconds = {} if lacking else document["seconds"]  # type: ignore[index]
        if lacking or not {"fit", "predict"} <= seconds.keys() or document["test"] < 1:  # type: ignore[index]
            why = f"a fold lacks {', '.join(lacking) or 'seconds or clips to be tested'}"
    if why:
        raise ValueError(why)


def check_predictions(predictions: pd.DataFrame, classes: Sequence[str]) -> None:
    """See that a table of predictions can be scored.

    Parameters
    ----------
    predictions
        With the columns of ``predictions.csv``, ``seed`` and probabilities as numbers.
    classes
        The task's classes.

    Raises
    ------
    KeyError, ValueError
        If not; the message says what.
    """
    if not len(predictions):
        raise ValueError("a table holds no predictions")
    for name in ("corpus", "subject", "clip_id", "fold", "y_true", "y_pred"):
        if name not in predictions:
            raise KeyError(f"no column {name}")
    for name in ("y_true", "y_pred"):
        others = predictions[~predictions[name].isin(classes)]
        if len(others):
            clip = "/".join(others.iloc[0][["corpus", "subject", "clip_id"]])
            said = others.iloc[0][name]
            raise ValueError(f"{name} of {clip} is {said!r:.80}, which is not one of the classes")
    if not predictions["seed"].between(0, MOST_SEEDS).all():
        raise ValueError("a seed is out of range")
    shares = predictions[[f"p_{name}" for name in classes]].to_numpy(np.float64)
    if not ((shares >= -1e-6) & (shares <= 1 + 1e-6)).all():
        raise ValueError("a probability is not between 0 and 1")


def _fault(value: object, form: Any, name: str) -> str:
    """Compare a document with what it must be: a type, a list of one form, or a table; a ? ends what may be absent."""
    if isinstance(form, list):
        if not isinstance(value, list):
            return f"{name} is no list"
        return next(filter(None, (_fault(one, form[0], f"an entry of {name}") for one in value)), "")
    if isinstance(form, dict):
        return _table_fault(value, form, name)
    good = isinstance(value, form) and (form is object or not isinstance(value, bool))
    if not good or (isinstance(value, float) and not math.isfinite(value)):
        return f"{name} is {value!r:.80}"
    return "" if not isinstance(value, int) or abs(value) < 2**53 else f"{name} is out of range"


def _table_fault(value: object, form: Mapping[str, Any], name: str) -> str:
    if not isinstance(value, dict):
        return f"{name} is no table"
    if _EACH in form:
        return next(
            filter(None, (_fault(one, form[_EACH], f"{key!r:.40} of {name}") for key, one in value.items())), ""
        )
    for key, inner in form.items():
        plain = key.removesuffix("?")
        if plain in value:
            if why := _fault(value[plain], inner, f"{plain} of {name}"):
                return why
        elif plain == key:
            return f"{name} lacks {key}"
    return ""
