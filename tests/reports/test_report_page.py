"""The page as a reader gets it: what it says, and that nothing in it can act."""

import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from dstan.clips import PreparedClip
from dstan.errors import RunError
from dstan.evaluation import evaluate
from dstan.recognizers import recognizer
from dstan.reports import write_report

SKIPPED = [
    ["casme2", "sub04", "EP12_01f", "prepare", "no face was found"],
    ["casme2", "sub01", "EP01_05", "task", "sadness is not part of the task"],
    ["casme2", "sub09", "EP05_02", "load", "annotated, but there are no frames"],
]
NASTY = ('<b>&amp;"q"', "a\x0bb", 'dis"gust', "an emotion whose name does not end", "$o$")


def words(page: Path) -> str:
    """The page's text without markup, figures or styles."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


@pytest.fixture(scope="module")
def twin(write_run, tmp_path_factory) -> Path:
    warnings = [{"clip": f"casme2/sub0{n}/EP01_01", "warning": "2 faces in view"} for n in (1, 2)]
    run = write_run(tmp_path_factory.mktemp("twin") / "run", skipped=SKIPPED, warnings=warnings)
    return write_report(run)


def test_the_top_says_which_method_is_best_and_by_how_much(twin):
    text = words(twin)
    assert "dstan is the best of 3 methods by UF1. It named the right class for 70.7% of 246 clips" in text
    assert re.search(r"That is 30\.5 points more than always answering “others”, which is right for 40\.2%", text)
    assert "what was learned carries over" in text


def test_a_synthetic_twin_is_announced_and_kept_apart_from_the_paper(twin, write_run, tmp_path):
    text = words(twin)
    assert "SYNTHETIC" in text
    assert "Anything about real faces." in text
    assert "the two columns measure different things" in text
    assert "Diamonds" not in text
    real = words(write_report(write_run(tmp_path / "real", ("stan-a", "majority"), synthetic=False)))
    assert "SYNTHETIC" not in real
    assert "Diamonds: what the paper prints" in real
    assert "drawn people" not in real


def test_the_paper_stands_beside_its_own_task_only(twin, write_run, tmp_path):
    text = words(twin)
    assert "Beside the paper" in text
    assert re.search(r"dstan 0\.707 0\.752 0\.688 0\.728 0\.697 0\.77 0\.680 0\.70", text)
    assert re.search(r"sparse-mdmo 0\.67 0\.69", text)
    other = words(write_report(write_run(tmp_path / "run", ("stan-a",), task="as-labelled", corpus="folder")))
    assert "Beside the paper" not in other
    assert "reproduced" not in other


def test_what_was_left_out_is_listed_with_reasons_the_task_last(twin):
    text = words(twin)
    assert "Could not be prepared: 1 clip" in text
    assert text.index("no face was found") < text.index("sadness is not part of the task")
    assert "That these are all the clips: 2 could not be used" in text
    assert "2 clips: 2 faces in view" in text


def test_settings_that_agree_stand_once(twin):
    text = words(twin)
    assert text.count("recipe.size") == 1
    assert "it uses a size of 224 pixels, here a size of 64 pixels" in text
    assert "2.13.0" in text


def test_an_interval_that_includes_the_baseline_forbids_the_claim(write_run, tmp_path):
    run = write_run(tmp_path / "run", ("stan-a",), subjects=8, counts=(8, 9, 7, 8, 12), skill=0.1)
    text = words(write_report(run))
    assert "The interval includes zero" in text
    assert "That stan-a is more often right than the majority baseline." in text
    assert "stan-a beats the majority" not in text
    assert "from 8 people they are rough" in text
    assert "fewer than 10 clips: happiness (8), disgust (9), repression (7), surprise (8)." in text


def test_the_baseline_is_the_same_run_or_computed(write_run, tmp_path):
    with_it = words(write_report(write_run(tmp_path / "with", ("stan-a", "majority"))))
    without = words(write_report(write_run(tmp_path / "without", ("stan-a",))))
    row = r"majority \(baseline\) [\d. \N{EN DASH}]+"
    assert re.search(row, with_it)[0] == re.search(row, without)[0]


def test_several_seeds_are_told(write_run, tmp_path):
    text = words(write_report(write_run(tmp_path / "run", ("dstan", "stmn-a", "stan-a"), seeds=2, epochs=2)))
    assert "Each score is the mean over 2 seeds." in text
    assert "one seed was run" not in text
    assert re.search(r"dstan 1 0\.\d{3}", text)
    assert "dstan against the better stream, stmn-a, is " in text


def test_the_majority_alone_makes_a_page(write_run, tmp_path):
    text = words(write_report(write_run(tmp_path / "run", ("majority",))))
    assert "Only the majority baseline was run: always answering “others”, which is right for 40.2%" in text


def test_text_from_a_corpus_never_becomes_markup(write_run, tmp_path):
    run = write_run(
        tmp_path / "run",
        ("stan-a",),
        subjects=70,
        epochs=1,
        classes=NASTY,
        rename=lambda subject: subject.replace("sub", "<script>alert(1)</script>$x_"),
        corpus="<img src=x onerror=alert(1)>",
        skipped=[["c", "<i>", "&", "prepare", "</table><script>alert(2)</script>"]],
        warnings=[{"clip": "<u>", "warning": "<script>alert(3)</script>"}],
    )
    page = write_report(run).read_text(encoding="utf-8")
    for tag in ("<script", "<img", "<i>", "<u>", "<b>"):
        assert tag not in page
    assert "&lt;script&gt;alert(2)" in page
    for figure in (run / "stan-a" / "figures").iterdir():
        ElementTree.fromstring(figure.read_text(encoding="utf-8"))


def test_the_page_asks_for_nothing_and_runs_nothing(twin):
    page = twin.read_text(encoding="utf-8")
    assert "http:" not in page.replace('http-equiv="', "")
    assert "https:" not in page
    assert {target[0] for target in re.findall(r'(?:href|src)="([^"]+)', page)} <= {"#", "d"}
    assert "@import" not in page
    assert not re.search(r"<script|\son\w+=", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_figure_has_words_for_who_cannot_see_it(twin):
    page = twin.read_text(encoding="utf-8")
    figures = re.findall(r"<svg[^>]*>", page)
    assert len(figures) == 2 + 3 * 3 + 2  # dstan's learning curves are those of its streams
    assert all('role="img"' in figure and re.search(r'aria-label="[^"]{40,}', figure) for figure in figures)
    assert "happiness: 19 of 32 right, most often mistaken for disgust (5)." in page


def test_the_same_run_gives_the_same_bytes_and_files(twin):
    before = twin.read_bytes()
    assert write_report(twin.parent).read_bytes() == before
    figures = sorted(path.name for path in (twin.parent / "stmn-a" / "figures").iterdir())
    assert figures == ["confusion.svg", "learning.svg", "subjects.svg", "sureness.svg"]


def test_a_method_that_never_gives_an_answer_is_warned_of(write_run, tmp_path):
    run = write_run(tmp_path / "run", ("stan-a",), subjects=8, counts=(1, 20, 0, 20, 30), skill=2.0)
    text = words(write_report(run))
    assert "stan-a never answered repression." in text


def test_a_method_that_is_not_finished_is_named(write_run, tmp_path):
    run = write_run(tmp_path / "run", ("stan-a", "stmn-a"), subjects=8, epochs=2)
    (run / "stmn-a" / "metrics.json").unlink()
    assert "Not finished, so not on this page: stmn-a." in words(write_report(run))


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    with pytest.raises(RunError, match=r"run\.json"):
        write_report(tmp_path)


def test_a_real_evaluation_can_be_reported(tmp_path):
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            flow=rng.normal(size=(2, 2, 32, 32)).astype(np.float32),
            label=("happiness", "others")[number % 2],
            subject=f"s{number % 3}",
            clip_id=f"c{number}",
        )
        for number in range(9)
    ]
    methods = [recognizer("stmn-a", {"training": {"epochs": 1}}), recognizer("majority", {})]
    evaluate(methods, clips, out=tmp_path / "run", workers=0)
    page = write_report(tmp_path / "run")
    text = words(page)
    assert "stmn-a named the right class for" in text
    assert "9 clips of 3 people" in text
    assert "How it learned" in text
