"""How sure methods are, on the page."""

import json
import re
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dstan.evaluation import Result, load_run
from dstan.reports import write_report
from dstan.reports.sureness import abstention_rows, sureness_figure, sureness_words
from dstan.reports.text import NOTHING


def text_of(page: Path) -> str:
    """Return the page's words."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def result(confidence: Sequence[float], right: Sequence[bool]) -> Result:
    """One of two classes, by ten people in turn."""
    answers = list(zip(confidence, right, strict=True))
    rows = {
        "corpus": "c",
        "subject": [f"s{number % 10}" for number in range(len(answers))],
        "clip_id": [str(number) for number in range(len(answers))],
        "fold": "f",
        "seed": 0,
        "y_true": ["a" if ok else "b" for _, ok in answers],
        "y_pred": "a",
        "p_a": confidence,
        "p_b": [1 - p for p in confidence],
    }
    return Result("it", ("a", "b"), pd.DataFrame(rows), (), Path())


def test_each_method_has_its_section_and_a_row_in_the_table(write_run: Callable[..., Path], tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run", epochs=2))
    text = text_of(page)
    assert text.count("How sure it is") == 3
    table = text[text.rindex("Method Sure Right") :]
    assert re.match(r"Method Sure Right Too sure by ECE ECE by chance Brier AURC dstan 60\.0% \S+ 71\.1%", table)
    assert "It is too modest: 60% sure on average and right in 71%" in text
    assert "It is too sure: 60% sure on average and right in 46%" in text
    assert 'href="#sureness"' in page.read_text()


def test_the_majority_alone_has_neither(write_run: Callable[..., Path], tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run", ("majority",)))
    assert "How sure" not in text_of(page)
    assert "#sureness" not in page.read_text()


def test_a_run_whose_scores_were_written_before_is_shown_too(write_run: Callable[..., Path], tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ("stan-a",), seeds=2, epochs=2)
    assert json.loads((run / "stan-a" / "metrics.json").read_text()) == {}
    text = text_of(write_report(run))
    assert "Each number is the mean over 2 seeds." in text
    found = load_run(run).results["stan-a"].calibration
    assert f"Its expected calibration error is {found.ece:.3f}." in text


def test_words_follow_the_numbers() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 400)
    honest = sureness_words(result(list(p), list(rng.random(400) < p)))
    assert honest[0].startswith("On average it is about as sure as it may be")
    assert honest[1].endswith("no lack of calibration is shown.")
    assert honest[2].endswith("its surer answers are the better ones.")
    boasting = sureness_words(result(list(p), list(rng.random(400) < 0.5)))
    assert boasting[0].startswith("It is too sure: 77% sure on average")
    assert boasting[1].endswith("it is off by more than chance.")
    assert boasting[2].endswith("that its surer answers are better ones is not shown.")
    misled = sureness_words(result(list(p), list(p < 0.8)))
    assert misled[2].endswith("its surer answers are the worse ones.")


def test_a_threshold_that_nothing_reaches_is_a_dash() -> None:
    rows = abstention_rows(result([0.55] * 12, [True] * 12))
    assert (rows[0]["least"], rows[0]["answers"], rows[0]["right"]) == ("50%", "100.0%", "100.0%")
    assert (rows[1]["answers"], rows[1]["right"], rows[1]["uf1"]) == ("0.0%", NOTHING, NOTHING)


@pytest.mark.parametrize(("confidence", "names"), [(0.97, ["90%"]), (0.55, ["50%"])])
def test_thresholds_that_fall_together_are_named_once(confidence: float, names: list[str]) -> None:
    figure = sureness_figure(result([confidence] * 40, [True] * 30 + [False] * 10)).figure
    panel = figure.axes[-1]
    assert [text.get_text() for text in panel.texts if text.get_text()] == names


def test_few_answers_are_drawn_hollow_and_without_a_bar() -> None:
    figure = sureness_figure(result([0.65] * 5 + [0.95] * 30, [True, False] * 2 + [True] * 31)).figure
    dots = {round(line.get_xdata()[0], 2): line for line in figure.axes[0].lines if line.get_marker() == "o"}
    assert dots.keys() == {0.65, 0.95}
    assert dots[0.65].get_markerfacecolor() != dots[0.65].get_color()
    assert dots[0.95].get_markerfacecolor() == dots[0.95].get_color()
    bars = {round(line.get_xdata()[0], 2) for line in figure.axes[0].lines if line.get_linewidth() == 2}
    assert bars == {0.95}


def test_what_the_figure_shows_is_told_in_words() -> None:
    drawing = sureness_figure(result([0.65] * 10 + [0.95] * 30, [False] * 10 + [True] * 30))
    assert "65% sure, 0% of 10 right; 95% sure, 100% of 30 right." in drawing.alt
    assert "at least 90% sure, 75% answered, 100% of them right." in drawing.alt
