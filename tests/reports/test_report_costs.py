"""What the methods of a run cost, and which weights they started from, as the page shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan.evaluation.costs import Cost
from dstan.evaluation.standing import WEIGHTS
from dstan.evaluation.statistics import Interval
from dstan.reports import write_report
from dstan.reports.costs import cost_rows, cost_words
from dstan.reports.figures import emotions_figure
from dstan.reports.text import NOTHING, rounded

LONG = "merta (re-interpretation, from scratch)"


def text_of(page: Path) -> str:
    """Return the page's words."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def with_costs(run: Path, **about: Any) -> Path:
    """Make the folds of a run say what they took, and its stan-a a method with a long name."""
    for file in run.glob("*/folds/*/fold.json"):
        document = json.loads(file.read_text())
        trained = 1_234_567 * (file.parts[-4] != "majority")
        seconds = {"fit": 30.0, "predict": 0.12}
        file.write_text(json.dumps({**document, "parameters": trained, "dynamics": {}, "seconds": seconds}))
    info = json.loads((run / "run.json").read_text())
    info["methods"]["stan-a"] |= {
        "fidelity": "re-interpretation",
        "track": "common",
        "weights": "from scratch",
        **about,
    }
    (run / "run.json").write_text(json.dumps(info))
    return run


def test_each_method_has_a_row_and_joined_fits_are_counted(write_run: Callable[..., Path], tmp_path: Path) -> None:
    text = text_of(write_report(with_costs(write_run(tmp_path / "run", epochs=3))))
    table = text[text.index("Prediction, ms a clip dstan") : text.index("What was left out Nothing")]
    assert "dstan 1,234,567 90.0 13.3 24.0" in table  # both streams fitted: 3 x 30 s for 2 x 3 x 200 clips
    assert "stan-a (re-interpretation, from scratch) 1,234,567 30.0 20.0 24.0" in table
    assert "majority" not in table
    assert "on Xeon, 2 cores. Folds shared the machine" in text


def test_a_run_from_before_costs_were_kept_has_no_such_section(write_run: Callable[..., Path], tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run", ("stan-a",), epochs=3))
    assert "What it costs" not in text_of(page)
    assert "#costs" not in page.read_text()


def test_what_a_method_does_not_have_is_a_dash() -> None:
    costs = {"mdmo": Cost(0, 4.5, None, 0.314), "tuned": Cost(12, None, None, 1234.4)}
    rows = cost_rows(costs, {"mdmo": "mdmo", "tuned": "tuned"}, ["tuned", "old", "mdmo"])
    assert rows == [("tuned", "12", NOTHING, NOTHING, "1,234"), ("mdmo", NOTHING, "4.50", NOTHING, "0.31")]


def test_a_device_is_named_where_networks_were_trained_on_one() -> None:
    words = cost_words({"device": "cuda", "machine": {"processor": "Xeon", "cores": 16}})
    assert "on Xeon, 16 cores, networks trained on cuda." in words


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.00"), (9.996, "10.0"), (99.96, "100"), (12345.6, "12,346")])
def test_numbers_have_the_digits_that_matter(value: float, text: str) -> None:
    assert rounded(value) == text


def test_weights_stand_beside_the_name_everywhere_and_are_explained(
    write_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = with_costs(write_run(tmp_path / "run", ("stan-a", "majority"), epochs=3))
    page = write_report(run)
    name = "stan-a (re-interpretation, from scratch)"
    text = text_of(page)
    assert f"{name} named the right class" in text
    bare = re.findall(r"(?<!method-)\bstan-a\b(?! \(re-interpretation, from scratch\))", text)
    assert bare == []
    assert text.count(WEIGHTS) == 1
    assert f">{name}</text>" in page.read_text()
    plain = text_of(write_report(with_costs(run, weights="")))
    assert "scratch" not in plain


def test_a_legend_of_long_names_stays_inside_its_figure() -> None:
    names = [f"{number} {LONG}" for number in range(7)]
    rates = {name: [Interval(0.5, 0.4, 0.6)] * 3 for name in names}
    drawing = emotions_figure(("a", "b", "c"), rates, (5, 6, 7))
    figure = drawing.figure
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent().transformed(figure.transFigure.inverted())
    assert 0 <= box.x0 < box.x1 <= 1
    assert all(f">{name}<" in drawing.svg for name in names)
    (panel,) = figure.axes
    assert panel.get_position().height * figure.get_figheight() > 1.2
    assert np.isclose(figure.get_figwidth(), 9.6)
