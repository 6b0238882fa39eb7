"""The page of a run over several corpora."""

import csv
import json
import re
from html import unescape
from pathlib import Path

import pytest

from dstan.evaluation import load_run
from dstan.reports import write_report

CLASSES = ("negative", "positive", "surprise")
NOTES = ["samm: 133 clips, as the task expects", "casme2: <1> clip fewer than expected"]


def words(page: Path) -> str:
    """The page's text without markup, figures or styles."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def corpus_of(subject: str) -> str:
    return "casme2" if int(subject[3:]) <= 6 else "samm"


def rename(subject: str) -> str:
    """The same names in both corpora: sub01 to sub06."""
    return f"sub{(int(subject[3:]) - 1) % 6 + 1:02d}"


@pytest.fixture
def write_two(write_run, tmp_path):
    def write(name: str = "run", methods: tuple[str, ...] = ("stmn-a", "majority"), **options) -> Path:
        fixed = {"classes": CLASSES, "counts": (70, 30, 25), "subjects": 12, "epochs": 2, "synthetic": False}
        about = {"task": "megc2019-3", "protocol": "cde", "corpus_of": corpus_of, "rename": rename}
        return write_run(tmp_path / name, methods, **{**fixed, **about, **options})

    return write


def test_every_corpus_has_its_scores_with_the_baseline_beside_them(write_two):
    run = write_two(seeds=2)
    page = write_report(run)
    text = words(page)
    parts = load_run(run).results["stmn-a"].per_corpus
    table = text[text.index("By corpus") : text.index("Emotion by emotion")]
    for corpus, other in (("casme2", "samm"), ("samm", "Emotion")):
        clips = len(parts[corpus].predictions) // 2
        of_corpus = table[table.index(f"{corpus} {clips} clips of 6 people") :].partition(f"{other} ")[0]
        low, high = parts[corpus].intervals["uf1"]
        assert f"stmn-a {parts[corpus].scores['uf1']:.3f} {low:.2f}\N{EN DASH}{high:.2f}" in of_corpus
        assert "majority (baseline)" in of_corpus
    assert "composite database evaluation · 125 clips of 12 people" in text
    assert "all corpora count as one, as in MEGC 2019" in text
    assert "Beside the paper" not in text


def test_people_are_named_with_their_corpus_in_figures(write_two):
    page = write_report(write_two()).read_text(encoding="utf-8")
    assert "casme2/sub01 " in page
    assert "samm/sub01 " in page
    assert ">samm/sub06<" in page


def test_a_run_over_one_corpus_has_no_table_by_corpus(write_two):
    text = words(write_report(write_two(corpus_of=lambda subject: "samm", rename=str, protocol="loso")))
    assert "By corpus" not in text
    assert "About the input" not in text


def test_notes_and_apex_frames_stand_at_the_head_of_the_appendix(write_two):
    policies = {"annotated": 240, "estimated": 6, "midpoint": 1}
    skipped = [["samm", "sub03", "c9", "prepare", "no face was found"]]
    text = words(write_report(write_two(notes=NOTES, apex=policies, skipped=skipped)))
    known = text.index("What to know about the input")
    assert known < text.index("What was left out", known)
    for sentence in NOTES:
        assert text.count(sentence) == 1
    assert (
        "Apex frames: 240 annotated, 6 estimated from motion, 1 taken halfway between onset and offset." in text[known:]
    )
    assert "samm/sub03/c9" in text


def test_a_class_that_a_corpus_lacks_is_warned_of(write_two):
    run = write_two(methods=("stmn-a",))
    table = run / "stmn-a" / "predictions.csv"
    with table.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    kept = [row for row in rows if row[0] == "casme2" or row[5] != "surprise"]
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    assert "samm has no clip of surprise, which counts as 0 in its UF1 and UAR." in words(write_report(run))


def test_holdout_of_one_corpus_is_told_and_its_baseline_learns_from_the_others(write_two):
    run = write_two(methods=("stmn-a",), corpus_of=lambda subject: "samm", rename=str)
    info = json.loads((run / "run.json").read_text())
    info |= {"protocol": "hde", "corpus": "casme2, samm", "test_corpora": ["samm"]}
    info["input"] |= {"counts": {"negative": 80, "positive": 200, "surprise": 40}, "subjects": 40}
    (run / "run.json").write_text(json.dumps(info))
    table = run / "stmn-a" / "predictions.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    body = [",".join([*row[:3], "test samm", *row[4:]]) for row in rows[1:]]
    table.write_text("\n".join([",".join(rows[0]), *body]) + "\n")
    text = words(write_report(run))
    assert "holdout-database evaluation · 125 clips of 12 people · tested on samm · 1 seed" in text
    assert "always answering “positive”, which is right for 24.0%" in text
    assert "from 12 people they are rough" in text
    assert "By corpus" not in text
