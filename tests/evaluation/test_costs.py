"""What a method took, from the seconds of its folds."""

import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_fakes import Joined, Nearest, make_clips

from dstan.evaluation import evaluate, load_run
from dstan.evaluation.costs import cost_of


def fold(name: str = "s0", **changed: Any) -> dict[str, Any]:
    """A fold of 20 clips learned from for 3 epochs in 6 seconds, and 4 clips predicted in 2."""
    document: dict[str, Any] = {"fold": name, "seed": 0, "train": 20, "test": 4, "parameters": 500}
    document |= {"seconds": {"fit": 6.0, "predict": 2.0}, "history": {"flow": [{}, {}, {}]}, "dynamics": {"flow": {}}}
    return document | changed


def test_a_cost_is_that_of_the_middle_fold() -> None:
    slow = fold("s1", seconds={"fit": 60.0, "predict": 40.0})
    cost = cost_of([fold("s0"), slow, fold("s2")])
    assert cost is not None
    assert (cost.parameters, cost.fit_seconds, cost.clips_per_second, cost.prediction_ms) == (500, 6.0, 10.0, 500.0)


def test_every_stage_counts_its_clips() -> None:
    cost = cost_of([fold(history={"spatial": [{}] * 5, "temporal": [{}] * 7})])
    assert cost is not None
    assert cost.clips_per_second == 20 * 12 / 6


def test_the_fits_of_what_a_method_joins_are_part_of_its_own() -> None:
    parts = [[fold("s1", seconds={"fit": 100.0}), fold("s0", seconds={"fit": part})] for part in (3.0, 11.0)]
    cost = cost_of([fold()], parts)
    assert cost is not None
    assert cost.fit_seconds == 20.0
    assert cost.clips_per_second == 3.0


def test_where_a_part_is_not_in_the_run_nothing_is_said_of_the_fit() -> None:
    cost = cost_of([fold()], [None])
    assert cost is not None
    assert (cost.fit_seconds, cost.clips_per_second, cost.prediction_ms) == (None, None, 500.0)


@pytest.mark.parametrize("more", ["inner", "restart"])
def test_no_rate_is_told_where_more_was_learned_than_the_curves_show(more: str) -> None:
    again = fold("s1", dynamics={"flow": {more: {"chosen": 3}}}, seconds={"fit": 50.0, "predict": 2.0})
    cost, alone = cost_of([fold(), again]), cost_of([again])
    assert cost is not None
    assert alone is not None
    assert (cost.clips_per_second, cost.fit_seconds) == (10.0, 28.0)
    assert (alone.clips_per_second, alone.fit_seconds) == (None, 50.0)


def test_a_method_without_epochs_has_no_rate() -> None:
    cost = cost_of([fold(parameters=0, history={}, dynamics={})])
    assert cost is not None
    assert (cost.parameters, cost.fit_seconds, cost.clips_per_second) == (0, 6.0, None)


def test_an_older_run_says_nothing() -> None:
    old = {key: value for key, value in fold().items() if key not in ("parameters", "dynamics")}
    assert cost_of([old]) is None
    assert cost_of([]) is None


class Sized(Nearest):
    """Says that it has seven numbers once it is fitted, on which weights it is."""

    @property
    def parameters(self) -> int:
        return 7 if self.classes_ else 0

    @property
    def weights(self) -> str:
        return "from scratch"


def test_a_run_keeps_parameters_and_weights_and_its_scores_hold_no_clock(tmp_path: Path) -> None:
    for name in ("one", "other"):
        evaluate([Sized(pause=0.02), Joined("joined")], make_clips(), out=tmp_path / name, workers=0)
    run = load_run(tmp_path / "one")
    assert {one["parameters"] for one in run.results["nearest"].folds} == {7}
    assert set(run.costs) == {"nearest", "joined", "part"}
    assert run.costs["nearest"].parameters == 7
    fit, rate = run.costs["nearest"].fit_seconds, run.costs["nearest"].clips_per_second
    assert fit is not None
    assert rate is not None
    assert fit >= 0.02
    assert rate == pytest.approx(12 / fit, rel=0.5)
    about = json.loads((tmp_path / "one" / "run.json").read_text())
    assert about["methods"]["nearest"]["weights"] == "from scratch"
    assert about["methods"]["joined"]["weights"] == ""
    scores = [(tmp_path / name / "nearest" / "metrics.json").read_bytes() for name in ("one", "other")]
    assert scores[0] == scores[1]
