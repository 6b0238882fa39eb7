"""The figures that the paper prints (Wang et al. 2021, Tables 1 to 4), to stand beside measured ones.

They were measured on other selections of clips, by training rules that the paper does not fully give, so they are
context, never a test.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

REFERENCE = (
    "Y. Wang, Y. Huang, C. Liu, X. Gu, D. Yang, S. Wang and B. Zhang, “Micro Expression Recognition via Dual-Stream "
    "Spatiotemporal Attention Network”, Journal of Healthcare Engineering, 2021"
)


class DataSet(NamedTuple):
    """What the paper measured on: its name there, the clips that it counts, and the one corpus that this is."""

    name: str
    clips: int
    corpus: str


# By the task that reproduces it.
DATA_SETS = MappingProxyType(
    {
        "smic-3": DataSet("SMIC", 164, "smic-hs"),
        "casme-4": DataSet("CASME", 172, "casme"),
        "casme2-5": DataSet("CASME II", 246, "casme2"),
    }
)

PEOPLE = MappingProxyType({"smic-3": 16, "casme-4": 19, "casme2-5": 26})
"""How many people the paper counts, by task."""

PAPER_NAMES = MappingProxyType(
    {
        "lbp-top": "LBP-TOP",
        "lbp-sip": "LBP-SIP",
        "stlbp-ip": "STLBP-IP",
        "stclqp": "STCLQP",
        "lcbp": "LCBP",
        "mdmo": "MDMO",
        "fdm": "FDM",
        "sparse-mdmo": "Sparse MDMO",
        "bi-woof": "Bi-WOOF",
        "cnn-lstm": "CNN-LSTM",
        "3d-fcnn": "3D-FCNN",
        "elrcn-te": "ELRCN-TE",
        "strcn": "STRCN",
        "merta": "MERTA",
        "stan-a": "STAN-A",
        "stmn-a": "STMN-A",
        "dstan-average": "DSTAN-Average",
        "dstan": "DSTAN",
        "dstan-basic": "Basic model",
        "dstan-lhfn": "Basic + LHFN",
        "dstan-lhfn-sa": "Basic + LHFN + SA",
    }
)
"""What the paper calls each method."""

COMPARED = tuple(PAPER_NAMES)[:14]
"""The methods that Table 4 compares DSTAN with, in its order."""

TODAY = MappingProxyType({"ststnet": "STSTNet", "sssnet": "SSSNet"})
"""Methods that are not in the paper and stand below its Table 4: the strongest of those measured cleanly since."""

NAMES = MappingProxyType({**PAPER_NAMES, **TODAY})
"""What tables call each method."""

OTHERS = (*COMPARED, *TODAY)
"""The methods that are not the paper's own."""

# What section 3.3 tells of Figures 5 to 7, whose values it does not print.
_FIGURE_WORDS = {
    ("figure5", "smic-3"): "STAN-A is good at positive and poor at surprise, STMN-A the other way round",
    ("figure5", "casme-4"): "STAN-A is good at disgust and poor at repression and surprise, STMN-A the other way round",
    ("figure5", "casme2-5"): "the streams complement each other; at disgust STAN-A is better than STMN-A",
    ("figure6", "smic-3"): "most people are recognised well, the 3rd and 4th poorly",
    ("figure6", "casme-4"): "9 people are recognised without an error, the 1st poorly",
    ("figure6", "casme2-5"): "the 16th person, with 4 clips, is recognised less well",
    ("figure7", "smic-3"): "all three classes are recognised well",
    ("figure7", "casme-4"): "tense, repression and disgust are recognised better than surprise",
    ("figure7", "casme2-5"): "surprise and repression are recognised poorly, and taken for others",
}


class PublishedOn(NamedTuple):
    """What a published accuracy seems to rest on.

    Parameters
    ----------
    percent
        The accuracy with two decimals, as its own source prints it; None where the source is unknown or does not fit.
    right, clips
        The one fraction of a plausible number of clips that gives it, by arithmetic; None where there is none.
    note
        In words.
    """

    percent: float | None
    right: int | None
    clips: int | None
    note: str


@functools.cache
def published_on() -> Mapping[tuple[str, str], PublishedOn]:
    """Return, by method and task, what the accuracies of Table 4 seem to rest on: differing clips and protocols."""
    text = resources.files(__package__).joinpath("published_on.csv").read_text(encoding="utf-8")
    return {
        (row["method"], row["task"]): PublishedOn(
            float(row["percent"]) if row["percent"] else None,
            int(row["right"]) if row["right"] else None,
            int(row["clips"]) if row["clips"] else None,
            row["note"],
        )
        for row in csv.DictReader(io.StringIO(text), strict=True)
    }


def figure_words(figure: str, task: str) -> str:
    """Return what the paper says in words of a figure whose values it does not print.

    Parameters
    ----------
    figure
        ``figure5``, ``figure6`` or ``figure7``.
    task
        One of :data:`DATA_SETS`.
    """
    return _FIGURE_WORDS[figure, task]


# Method: (accuracy, F1) on SMIC, CASME and CASME II; F1 is the harmonic mean of macro-precision and macro-recall.
# Tables 1, 2 and 4; DSTAN-Average from Table 3.
_ACCURACY_F1: dict[str, tuple[tuple[float | None, float | None], ...]] = {
    "dstan": ((0.774, 0.778), (0.779, 0.752), (0.752, 0.728)),
    "dstan-average": ((0.73, 0.74), (0.74, 0.73), (0.71, 0.68)),
    "stan-a": ((0.683, 0.672), (0.669, 0.627), (0.602, 0.559)),
    "stmn-a": ((0.652, 0.649), (0.651, 0.612), (0.638, 0.607)),
    "dstan-basic": ((None, None), (None, None), (0.655, 0.637)),
    "dstan-lhfn": ((None, None), (None, None), (0.671, 0.654)),
    "dstan-lhfn-sa": ((None, None), (None, None), (0.711, 0.690)),
    "lbp-top": ((0.44, 0.41), (0.37, 0.33), (0.47, 0.35)),
    "lbp-sip": ((0.45, 0.45), (0.37, 0.33), (0.47, 0.45)),
    "stlbp-ip": ((0.58, None), (None, None), (0.56, None)),
    "stclqp": ((0.64, 0.64), (0.57, 0.50), (0.58, 0.58)),
    "lcbp": ((0.71, 0.68), (None, None), (0.70, 0.70)),
    "mdmo": ((0.59, 0.59), (0.56, 0.56), (0.52, 0.50)),
    "fdm": ((0.55, 0.54), (0.56, 0.49), (0.46, 0.41)),
    "sparse-mdmo": ((0.71, 0.70), (0.75, 0.75), (0.67, 0.69)),
    "bi-woof": ((0.62, 0.62), (None, None), (0.59, 0.61)),
    "cnn-lstm": ((None, None), (None, None), (0.61, None)),
    "3d-fcnn": ((0.56, None), (0.54, None), (0.59, None)),
    "elrcn-te": ((None, None), (None, None), (0.52, 0.50)),
    "strcn": ((0.72, 0.69), (None, None), (None, None)),
    "merta": ((None, None), (None, None), (0.61, None)),
}

# Table 3: macro-precision and macro-recall on SMIC, CASME and CASME II.
_PRECISION_RECALL: dict[str, tuple[tuple[float, float], ...]] = {
    "dstan": ((0.79, 0.77), (0.76, 0.75), (0.77, 0.70)),
    "dstan-average": ((0.75, 0.73), (0.73, 0.72), (0.74, 0.63)),
}


def paper_scores(task: str, corpus: str) -> dict[str, dict[str, float]]:
    """Return what the paper prints for a task on the one corpus that it used.

    Parameters
    ----------
    task
        A task's name, such as ``"casme2-5"``.
    corpus
        The corpus that was evaluated, or several joined by ", ", as in ``run.json``.

    Returns
    -------
    For each method with a figure, its scores under the names of :mod:`dstan.metrics` (``accuracy``, ``f1_le_ngo``,
    ``precision``, ``recall``); empty where the task is none of the paper's, or was run on another corpus.
    """
    if task not in DATA_SETS or DATA_SETS[task].corpus != corpus:
        return {}
    column = list(DATA_SETS).index(task)
    scores: dict[str, dict[str, float]] = {}
    for method, columns in _ACCURACY_F1.items():
        pairs = [*zip(("accuracy", "f1_le_ngo"), columns[column], strict=True)]
        if method in _PRECISION_RECALL:
            pairs += zip(("precision", "recall"), _PRECISION_RECALL[method][column], strict=True)
        known = {name: value for name, value in pairs if value is not None}
        if known:
            scores[method] = known
    return scores
