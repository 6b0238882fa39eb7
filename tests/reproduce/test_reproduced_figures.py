"""Figures 5 to 7 from runs written by hand."""

from pathlib import Path

import pytest
from reproduce_fakes import SKILL, write_run

from dstan.evaluation import load_run
from dstan.reproduce.pages import left_out, sheets_for
from dstan.reproduce.runs import read_measured
from dstan.reproduce.sheet import Sheet
from dstan.reproduce.targets import TARGETS


def figure(name: str, out: Path, corpus: str = "casme2") -> Sheet:
    one = read_measured(out, corpus)
    assert one is not None
    (sheet,) = sheets_for(TARGETS[name], [one])
    return sheet


def test_figure_5_is_the_recall_of_each_class_by_each_method(tmp_path):
    result = load_run(write_run(tmp_path, "casme2")).results["stmn-a"]
    sheet = figure("figure5", tmp_path)
    assert [name for _, name in sheet.columns] == ["emotion", "clips", "STAN-A", "STMN-A", "DSTAN"]
    for index, emotion in enumerate(result.classes):
        (record,) = [r for r in sheet.records if (r["emotion"], r["method"]) == (emotion, "stmn-a")]
        row = result.confusion[index]
        assert record["recognised"] == pytest.approx(row[index] / row.sum())
        assert record["low"] <= record["recognised"] <= record["high"]
        assert record["emotion_clips"] == row.sum() / 2
        assert record["deviation"] is not None
    assert "summed over" not in " ".join(sheet.caption)


def test_figure_6_counts_each_persons_answers_over_seeds(tmp_path):
    result = load_run(write_run(tmp_path, "casme2")).results["dstan"]
    sheet = figure("figure6", tmp_path)
    assert [record["answers"] for record in sheet.records] == [12] * 4
    assert sum(record["right"] for record in sheet.records) == result.confusion.trace()
    assert "summed over 2 seeds" in " ".join(sheet.caption)


def test_figure_6_orders_people_by_their_number(tmp_path):
    write_run(tmp_path, "casme2", people=11)
    path = tmp_path / "casme2" / "dstan" / "predictions.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[::-1]]) + "\n")
    assert [row[0] for row in figure("figure6", tmp_path).rows] == [f"s{number}" for number in range(11)]


def test_figure_7_has_rows_that_sum_to_one_and_the_counts(tmp_path):
    result = load_run(write_run(tmp_path, "casme2", seeds=1)).results["dstan"]
    sheet = figure("figure7", tmp_path)
    for truth in result.classes:
        own = [record for record in sheet.records if record["was"] == truth]
        assert sum(record["share"] for record in own) == pytest.approx(1)
        assert [record["count"] for record in own] == result.confusion[result.classes.index(truth)].tolist()
    assert "summed over" not in " ".join(sheet.caption)


def test_figures_tell_what_the_paper_says_in_words(tmp_path):
    write_run(tmp_path, "smic-hs")
    assert "the 3rd and 4th poorly" in " ".join(figure("figure6", tmp_path, "smic-hs").caption)


def test_a_figure_without_its_methods_is_left_out_and_said_so(tmp_path):
    write_run(tmp_path, "casme2", {name: SKILL[name] for name in ("dstan", "majority")})
    one = read_measured(tmp_path, "casme2")
    assert one is not None
    assert sheets_for(TARGETS["figure5"], [one]) == []
    (text,) = left_out(TARGETS["figure5"], [one])
    assert "stan-a and stmn-a not run there" in text
    assert left_out(TARGETS["figure7"], [one]) == []
