"""The figures that the paper prints (Wang et al. 2021, Tables 1 to 4), to stand beside measured ones.

They were measured on other selections of clips, by training rules that the paper does not fully give, so they are
context, never a test.
"""

from __future__ import annotations

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
