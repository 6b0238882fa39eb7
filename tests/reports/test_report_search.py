"""The nested search, from its file to its figure."""

import json
from pathlib import Path

import numpy as np
import pytest

from dstan.errors import RunError
from dstan.reports.choice_figures import search_figure
from dstan.reports.search import FILE, read_search

CANDIDATES = [{"training.learning_rate": rate} for rate in (0.01, 0.001)]


def written(folder: Path, scores: list, chosen: list[int]) -> Path:
    choices = [
        {"fold": f"sub{n:02d}", "seed": 0, "scores": one, "chosen": best}
        for n, (one, best) in enumerate(zip(scores, chosen, strict=True))
    ]
    names = ["training.learning_rate"]
    document = {"settings": names, "candidates": CANDIDATES, "parts": 5, "score": "uf1", "choices": choices}
    (folder / FILE).write_text(json.dumps(document))
    return folder


def test_there_is_none_where_nothing_was_searched(tmp_path):
    assert read_search(tmp_path) is None


def test_candidates_have_their_mean_over_folds_and_how_often_they_were_chosen(tmp_path):
    search = read_search(written(tmp_path, [[0.2, 0.4], [0.4, 0.2], [0.3, 0.6]], [1, 0, 1]))
    first, second = search.rows()
    assert (first["number"], first["values"], first["chosen"]) == (1, ["0.01"], 1)
    assert (first["mean"], second["mean"]) == pytest.approx((0.3, 0.4))
    assert search.words() == "Chosen most often, in 2 of 3 folds: training.learning_rate = 0.001."


def test_a_choice_that_is_settled_and_one_that_is_not(tmp_path):
    assert read_search(written(tmp_path, [[0.2, 0.4]] * 2, [1, 1])).words().startswith("Every fold chose the same")
    assert "hardly tell them apart" in read_search(written(tmp_path, [[0.2, 0.4]] * 2, [1, 0])).words()


def test_a_candidate_without_a_score_is_left_out_of_means(tmp_path):
    search = read_search(written(tmp_path, [[0.2, None], [0.4, None]], [0, 0]))
    assert np.isnan(search.scores[:, 1]).all()
    assert search.rows()[1]["mean"] is None
    assert "candidate 1 chosen in 2" in search_figure("stan-a", search).alt


@pytest.mark.parametrize("folds", [2, 40])
def test_the_figure_names_folds_and_marks_the_choice(tmp_path, folds):
    search = read_search(written(tmp_path, [[0.2, 0.4]] * folds, [1] * folds))
    drawing = search_figure("stan-a", search)
    assert ">sub01<" in drawing.svg
    assert (">0.20<" in drawing.svg) == (folds == 2)
    assert f"of {folds} folds and seeds, candidate 2 chosen in {folds}" in drawing.alt


@pytest.mark.parametrize("content", ["{", "[]", '{"settings": []}'])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(RunError, match=r"search\.json is damaged"):
        read_search(tmp_path)
