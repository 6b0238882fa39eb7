"""What the page says of how the networks learned, and of what was chosen inside the folds."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report_page import words

from dstan.errors import RunError
from dstan.reports import write_report

METHODS = ("dstan", "stmn-a", "stan-a")
RESTART = {"reason": "the loss is nan", "epoch": 3, "learning_rate": 0.001, "retried_with": 0.0001}


def inside(fold: str, seed: int, network: str) -> dict[str, Any]:
    """An unremarkable fit, but that the flow of sub03 diverged."""
    steps = 9 if network == "appearance" else 8
    return {
        "dead_units": [0.0, 0.0, 0.01, 0.02, 0.08],
        "temporal_attention": {"mean": np.linspace(0.3, 0.7, steps).tolist(), "deviation": [0.1] * steps},
        "spatial_attention": {"mean": 0.48, "deviation": 0.07},
        "restart": RESTART if (fold, network) == ("sub03", "flow") else None,
        "inner": {"epochs": [10, 20, 40], "uf1": [0.2, 0.5, 0.4], "chosen": 20, "parts": 5},
    }


def search(folder: Path, choices: list[dict[str, Any]], name: str = "training.learning_rate") -> None:
    candidates = [{name: 0.01}, {name: "<b>low</b>"}]
    document = {"settings": [name], "candidates": candidates, "parts": 4, "score": "uf1", "choices": choices}
    (folder / "search.json").write_text(json.dumps(document))


def section(page: Path, method: str) -> str:
    """The part of the page's text that is one method's."""
    html = page.read_text(encoding="utf-8")
    part = re.search(rf'<h2 id="method-\d">{method}</h2>.*?(?=<h2)', html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]+>", " ", part[0], flags=re.DOTALL))


@pytest.fixture(scope="module")
def page(write_run, tmp_path_factory) -> Path:
    run = write_run(tmp_path_factory.mktemp("learning") / "run", METHODS, epochs=6, inside=inside)
    search(run / "stan-a", [{"fold": f"sub{n:02d}", "seed": 0, "scores": [0.3, 0.4], "chosen": 1} for n in (1, 2)])
    return write_report(run)


def test_a_fit_that_diverged_stands_at_the_top_of_its_methods_and_among_the_warnings(page):
    row = "sub03 flow the loss is nan 3 0.001 0.0001"
    flow, joined = section(page, "stmn-a"), section(page, "dstan")
    assert re.match(r" stmn-a 1 of 26 fits diverged and was done once more with a lower learning rate\.", flow)
    assert flow.index(row) < flow.index("UF1")
    assert re.match(r" dstan 1 of 52 fits diverged", joined)
    assert row in joined
    assert "diverged" not in section(page, "stan-a")
    text = words(page)
    warning = "stmn-a: 1 of 26 fits diverged and was done once more with a lower learning rate: sub03."
    assert warning in text[text.index("What was left out", text.index("Class by class")) :]
    assert text.count(warning) == 1


def test_every_stream_shows_gradients_dead_channels_and_attention(page):
    html = page.read_text(encoding="utf-8")
    labels = re.findall(r'aria-label="([^"]+)', html)
    assert sum("median gradient norm 2, then 0.33" in label for label in labels) == 2
    assert any("flow: median share of dead channels in blocks 1 to 5: 0%, 0%, 1%, 2%, 8%" in one for one in labels)
    assert any("appearance: mean temporal attention from 0.30 in frame 1 to 0.70 in frame 9" in one for one in labels)
    assert "Spatial attention (0 to 1): mean 0.48, deviation 0.07" in section(page, "stan-a")
    assert "how they learned stands under those names" in section(page, "dstan")
    figures = sorted(path.stem for path in (page.parent / "stan-a" / "figures").iterdir())
    assert figures == ["confusion", "inner", "inside", "learning", "search", "subjects", "sureness"]


def test_the_choice_of_epochs_is_told_and_called_what_it_is(page):
    assert "20 in 26 of 26 fits" in section(page, "stmn-a")
    assert "the people held out in a fold were no part of its choice" in section(page, "stmn-a")
    assert "chosen inside each fold, on the people learned from" in words(page)


def test_the_search_is_a_table_of_candidates(page):
    text = section(page, "stan-a")
    assert "2 candidates were compared by UF1 over 4 parts of the people learned from" in text
    assert "These inner scores are no results" in text
    assert "The people held out in a fold were no part of its search." in text
    assert re.search(r"1 0\.01 0\.300 ± 0\.000 0 of 2 2 &lt;b&gt;low&lt;/b&gt; 0\.400 ± 0\.000 2 of 2", text)
    assert "The search for settings" not in section(page, "stmn-a")


def test_a_setting_that_was_searched_for_has_no_single_value(write_run, tmp_path):
    run = write_run(tmp_path / "run", ("stan-a",), subjects=8, epochs=2)
    search(run / "stan-a", [{"fold": "sub01", "seed": 0, "scores": [0.3, 0.4], "chosen": 1}], "training.epochs")
    text = words(write_report(run))
    assert "training.epochs chosen in each fold" in text
    assert "what is chosen is chosen inside each fold" in text


def test_a_run_of_an_earlier_version_has_a_page_without_these_sections(write_run, tmp_path):
    page = write_report(write_run(tmp_path / "run", METHODS, subjects=8, epochs=2))
    text = words(page)
    assert "How it learned" in text
    for absent in ("gradient", "Dead channels", "attention", "diverged", "How many epochs", "search", "chosen inside"):
        assert absent not in text
    assert "the epochs are fixed before" in text


def test_folds_that_diverge_with_several_seeds_are_told_apart(write_run, tmp_path):
    def all_diverge(fold: str, seed: int, network: str) -> dict[str, Any]:
        return {**inside(fold, seed, network), "restart": {**RESTART, "reason": "<i>nan</i>"}}

    page = write_report(write_run(tmp_path / "run", ("stan-a",), subjects=9, seeds=2, epochs=1, inside=all_diverge))
    assert "18 of 18 fits diverged and were done" in words(page)
    assert "sub09 1 appearance &lt;i&gt;nan&lt;/i&gt;" in section(page, "stan-a")
    assert "sub05 (seeds 0 and 1) and 4 others" in words(page)


def test_modules_that_are_switched_off_are_passed_over(write_run, tmp_path):
    def bare(fold: str, seed: int, network: str) -> dict[str, Any]:
        nothing = dict.fromkeys(("temporal_attention", "spatial_attention", "restart", "inner"))
        return {"dead_units": [0.0] * 5, **nothing}

    page = write_report(write_run(tmp_path / "run", ("stan-a",), subjects=8, epochs=2, inside=bare))
    text = section(page, "stan-a")
    assert "Dead channels" in text
    assert "attention" not in text


def test_a_large_run_stays_a_small_page(write_run, tmp_path):
    page = write_report(write_run(tmp_path / "run", (*METHODS, "majority"), seeds=3, epochs=60, inside=inside))
    assert page.stat().st_size < 1_300_000


def test_a_damaged_search_is_an_error(write_run, tmp_path):
    run = write_run(tmp_path / "run", ("stan-a",), subjects=8, epochs=1)
    (run / "stan-a" / "search.json").write_text("{}")
    with pytest.raises(RunError, match=r"search\.json is damaged"):
        write_report(run)


def test_where_classes_are_drawn_equally_often_guessing_gets_less(write_run, tmp_path):
    run = write_run(tmp_path / "run", ("stmn-a",), epochs=2)
    for file in run.glob("stmn-a/folds/*/fold.json"):
        fold = json.loads(file.read_text(encoding="utf-8"))
        fold["history"] = {name: [{**one, "accuracy": 0.3} for one in ones] for name, ones in fold["history"].items()}
        file.write_text(json.dumps(fold), encoding="utf-8")
    words_of_it = "next to nothing was learned there"
    assert words_of_it in section(write_report(run), "stmn-a")
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    about["methods"]["stmn-a"]["settings"]["training"]["balanced"] = True
    (run / "run.json").write_text(json.dumps(about), encoding="utf-8")
    assert words_of_it not in section(write_report(run), "stmn-a")
