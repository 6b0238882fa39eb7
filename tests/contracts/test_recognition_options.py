"""What every recogniser promises holds with each option of recognition, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from specimens import draw, make, specimen

from dstan._engine import single_thread
from dstan.checking import CHECKS, Check, Trial
from dstan.evaluation import evaluate
from dstan.recognizers import METHODS

OPTIONS: dict[str, dict[str, Any]] = {
    "mirror": {"mirror": True},
    "members": {"members": 2},
    "svm": {"classifier": "svm"},
    "all": {"mirror": True, "members": 2, "classifier": "svm", "C": 0.5},
}
TRIALS = [
    *((name, option) for name in ("stmn-a", "ststnet", "dstan") for option in ("mirror", "members", "svm")),
    ("cnn-lstm", "all"),  # two stages
    ("dstan-average", "all"),
]
every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with single_thread():
        yield


@cache
def trial(name: str, option: str) -> Trial:
    """Return a method on trial with an option; what is fitted for one check is there for the others."""
    own = specimen(name)
    return Trial(METHODS[name], replace(own, settings={**own.settings, "recognition": OPTIONS[option]}))


@pytest.mark.parametrize(("name", "option"), TRIALS)
@every_check
def test_a_method_keeps_its_promises_with_an_option_of_recognition(check: Check, name: str, option: str) -> None:
    check(trial(name, option))


def test_dstan_and_a_stream_beside_it_share_their_fits_with_all_options() -> None:
    made = [make(name, recognition=OPTIONS["all"]) for name in ("dstan", "stmn-a", "dstan-average")]
    together = evaluate(made, draw("dstan"), workers=0)
    for one in made[:2]:
        assert evaluate(one, draw("dstan"), workers=0).predictions.equals(together[one.name].predictions)
