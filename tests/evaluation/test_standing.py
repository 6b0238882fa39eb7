"""How scores are to be taken: the name that every table shows."""

import json
from pathlib import Path

import pytest
from evaluation_fakes import Nearest, make_clips

from dstan.evaluation import compare, evaluate
from dstan.evaluation.standing import WEIGHTS, Standing, shown_name
from dstan.reports.comparison import comparison_figure, scores_table, write_comparison
from dstan.reports.comparison_words import limits


@pytest.mark.parametrize(
    ("fidelity", "weights", "shown"),
    [
        ("minor choices", "", "merta"),
        ("minor choices", "from scratch", "merta (from scratch)"),
        ("re-interpretation", "", "merta (re-interpretation)"),
        ("re-interpretation", "from scratch", "merta (re-interpretation, from scratch)"),
        ("re-interpretation", "weights vgg16.pth", "merta (re-interpretation, weights vgg16.pth)"),
    ],
)
def test_a_name_says_where_method_or_weights_are_not_those_published(fidelity: str, weights: str, shown: str) -> None:
    assert shown_name("merta", fidelity, weights) == shown
    info = {"methods": {"merta": {"fidelity": fidelity, "track": "common", "weights": weights}}}
    assert Standing.read(info, "merta").shown == shown


def test_a_run_that_says_nothing_of_weights_has_none() -> None:
    assert Standing.read({"methods": {"lbp-top": {"fidelity": "exact", "track": "common"}}}, "lbp-top").weights == ""


class Bare(Nearest):
    """Learns without the weights that its publication starts from."""

    @property
    def weights(self) -> str:
        return "from scratch"


def test_a_comparison_names_weights_wherever_it_names_the_method(tmp_path: Path) -> None:
    methods = [Bare("bare"), Nearest("nearest", noise=2.0)]
    evaluate(methods, make_clips(), out=tmp_path / "run", workers=0)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["methods"]["bare"]["weights"] == "from scratch"
    found = compare(tmp_path / "run")
    assert [one.weights for one in found.methods] == ["from scratch", ""]
    assert scores_table(found)[1][0][0] == "bare (from scratch)"
    assert WEIGHTS in limits(found)
    assert "bare (from scratch) \N{MINUS SIGN} nearest" in comparison_figure(found).svg
    write_comparison(found, tmp_path)
    assert "\nbare (from scratch),nearest," in (tmp_path / "comparison.csv").read_text()


def test_names_too_long_for_one_line_of_a_comparisons_picture_have_two_and_are_not_cut(tmp_path: Path) -> None:
    evaluate(
        [Bare("first-method-with-a-name"), Bare("other-method-with-a-name")], make_clips(), out=tmp_path, workers=0
    )
    svg = comparison_figure(compare(tmp_path)).svg
    assert "first-method-with-a-name (from scratch) \N{MINUS SIGN}<" in svg
    assert ">other-method-with-a-name (from scratch)<" in svg
