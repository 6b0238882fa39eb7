"""What the folds of a handcrafted method chose stands in its section."""

from __future__ import annotations

import json
from typing import Any

from dstan.reports import write_report
from dstan.reports.chosen import chosen_words


def _folds(*choices: tuple[float, float | None]) -> list[dict[str, Any]]:
    return [{"choice": {"variant": 0.0, "C": C, "gamma": gamma, "uf1": 0.5}} for C, gamma in choices]


def test_values_are_counted_the_commonest_first_and_the_rest_together() -> None:
    folds = _folds(*[(4.0, None)] * 3, *[(2.0, None)] * 2, (1.0, None), (8.0, None), (16.0, None), (0.5, None))
    assert chosen_words(folds, {"svm": {"C": [0.5, 1, 2, 4, 8, 16]}}) == [
        "C: 4 in 3, 2 in 2, 1 in 1, 8 in 1, others in 2 of 9."
    ]


def test_a_choice_that_mostly_ends_at_the_edge_is_told() -> None:
    folds = _folds(*[(1.0, 0.1)] * 3, *[(2.0, 0.5)] * 2)
    low, high = chosen_words(folds, {"svm": {"C": [1, 2, 4], "gamma": [0.01, 0.1, 0.5]}})
    assert low == "C: 1 in 3, 2 in 2 of 5; mostly the smallest candidate, so that a smaller one might do better."
    assert high == "gamma: 0.1 in 3, 0.5 in 2 of 5."
    (largest,) = chosen_words(_folds(*[(4.0, None)] * 3, (1.0, None)), {"svm": {"C": [1, 2, 4]}})
    assert "mostly the largest candidate, so that a larger one might do better" in largest
    (always,) = chosen_words(_folds(*[(1.0, None)] * 3), {"svm": {"C": [1, 2, 4]}})
    assert always.startswith("C: 1 in 3 of 3; mostly the smallest")


def test_nothing_is_said_where_nothing_was_chosen() -> None:
    assert chosen_words([{"history": {}}], {}) == []
    assert chosen_words([{"choice": {"variant": 0.0, "C": 1.0, "gamma": None, "uf1": None}}], {}) == []


def test_the_page_has_it(write_run, tmp_path) -> None:
    run = write_run(tmp_path / "run", ("stmn-a", "majority"), epochs=3)
    for place, file in enumerate(sorted(run.glob("stmn-a/folds/*/fold.json"))):
        (choice,) = (one["choice"] for one in _folds((float(2 + place % 2), None)))
        file.write_text(json.dumps({**json.loads(file.read_text()), "choice": choice}))
    page = write_report(run).read_text()
    assert "What was chosen" in page
    assert "<li>C: 2 in 13, 3 in 13 of 26.</li>" in page
