"""An evaluation defines how we go from clips of many people to scores on people never seen.

Every fold of every method at every seed is a task whose result is a folder; scores are computed from the joined
predictions afterwards. See :func:`evaluate` to make a run and :func:`load_run` to read one.
"""

from dstan.evaluation.abstention import CoverageCurve, coverage_curve
from dstan.evaluation.calibration import Calibration
from dstan.evaluation.candidates import Search
from dstan.evaluation.comparison import Comparison, compare
from dstan.evaluation.protocols import PROTOCOLS
from dstan.evaluation.results import Result, Run, load_run
from dstan.evaluation.runner import evaluate
from dstan.evaluation.statistics import bootstrap_intervals, confusions_by_subject
from dstan.evaluation.tuning import Tuned, tune

__all__ = [
    "PROTOCOLS",
    "Calibration",
    "Comparison",
    "CoverageCurve",
    "Result",
    "Run",
    "Search",
    "Tuned",
    "bootstrap_intervals",
    "compare",
    "confusions_by_subject",
    "coverage_curve",
    "evaluate",
    "load_run",
    "tune",
]
