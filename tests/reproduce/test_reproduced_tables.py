"""Tables 1 to 4 from runs written by hand: the paper's figure, ours, the difference, and what stands below."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reproduce_fakes import SKILL, write_run

from dstan.evaluation import load_run
from dstan.evaluation.standing import WEIGHTS
from dstan.reports.published import COMPARED
from dstan.reports.text import MINUS, NOTHING
from dstan.reproduce.pages import left_out, sheets_for
from dstan.reproduce.runs import Measured, read_measured
from dstan.reproduce.sheet import Sheet
from dstan.reproduce.tables import table_sheet
from dstan.reproduce.targets import TARGETS

MODULES = {"dstan-basic": 0.3, "dstan-lhfn": 0.4, "dstan-lhfn-sa": 0.5}


def measured(out: Path, *corpora: str) -> list[Measured]:
    return [one for corpus in corpora if (one := read_measured(out, corpus)) is not None]


def table(name: str, runs: list[Measured], track: str = "common") -> Sheet:
    (sheet,) = sheets_for(TARGETS[name], runs, track)
    return sheet


def test_a_row_holds_the_papers_figure_ours_and_the_difference(tmp_path):
    run = load_run(write_run(tmp_path, "casme2"))
    sheet = table("table1", measured(tmp_path, "casme2"))
    (row,) = [row for row in sheet.rows if row[1] == "DSTAN"]
    scores, (low, high) = run.results["dstan"].per_seed, run.results["dstan"].intervals["accuracy"]
    values = [one["accuracy"] for one in scores]
    ours = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} [{low:.2f}, {high:.2f}]"
    difference = f"{np.mean(values) - 0.752:+.3f}".replace("-", MINUS)
    assert row[:6] == ("CASME II", "DSTAN", "structure known", "0.752", ours, difference)
    (record,) = [one for one in sheet.records if (one["method"], one["score"]) == ("dstan", "accuracy")]
    assert record["difference"] == pytest.approx(record["ours"] - record["paper"])
    assert (record["faces"], record["seeds"], record["people"]) == ("filmed", 2, 4)


def test_one_seed_has_no_deviation_and_says_so(tmp_path):
    write_run(tmp_path, "casme", seeds=1)
    sheet = table("table1", measured(tmp_path, "casme"))
    assert not any("±" in cell for row in sheet.rows for cell in row)
    assert "one seed, so without a deviation" in " ".join(sheet.caption)
    assert all(record["deviation"] is None for record in sheet.records)


def test_table_1_shows_every_data_set_and_the_baseline_without_a_figure_of_the_paper(tmp_path):
    for corpus in ("smic-hs", "casme", "casme2"):
        write_run(tmp_path, corpus)
    sheet = table("table1", measured(tmp_path, "smic-hs", "casme", "casme2"))
    assert [row[:2] for row in sheet.rows[:4]] == [
        ("SMIC", "STAN-A"),
        ("SMIC", "STMN-A"),
        ("SMIC", "DSTAN"),
        ("SMIC", "commonest class"),
    ]
    assert len(sheet.rows) == 12
    assert all(row[3] == NOTHING and row[4] != NOTHING for row in sheet.rows if row[1] == "commonest class")
    assert not sheet.synthetic
    assert "SYNTHETIC" not in sheet.title + " ".join(sheet.caption)


def test_table_2_is_about_casme_2_alone(tmp_path):
    for corpus in ("casme", "casme2"):
        write_run(tmp_path, corpus, {**SKILL, **MODULES})
    sheet = table("table2", measured(tmp_path, "casme", "casme2"))
    assert {row[0] for row in sheet.rows} == {"CASME II"}
    assert [row[3] for row in sheet.rows] == ["0.655", "0.671", "0.711", "0.752", NOTHING]
    assert [row[6] for row in sheet.rows] == ["0.637", "0.654", "0.690", "0.728", NOTHING]
    assert sheets_for(TARGETS["table2"], measured(tmp_path, "casme")) == []


def test_table_3_has_a_row_a_score_as_in_the_paper(tmp_path):
    write_run(tmp_path, "casme2")
    sheet = table("table3", measured(tmp_path, "casme2"))
    assert [row[1] for row in sheet.rows] == ["Accuracy", "Precision", "Recall", "F1"]
    assert [group for group, name in sheet.columns if name == "paper"] == ["DSTAN-Average", "DSTAN"]
    place = sheet.columns.index(("DSTAN-Average", "paper"))
    assert [row[place] for row in sheet.rows] == ["0.71", "0.74", "0.63", "0.68"]
    run = load_run(tmp_path / "casme2")
    ours = sheet.rows[2][sheet.columns.index(("DSTAN", "ours"))]
    assert ours.startswith(f"{run.results['dstan'].scores['recall']:.3f}")
    assert all(len(row) == len(sheet.columns) for row in sheet.rows)


def test_table_4_lists_all_fourteen_and_says_row_by_row_what_they_rest_on(tmp_path):
    write_run(tmp_path, "casme2")
    sheet = table("table4", measured(tmp_path, "casme2"))
    assert len(sheet.rows) == len(sheet.notes) == len(TARGETS["table4"].methods) + 1
    assert TARGETS["table4"].methods[:15] == (*COMPARED, "dstan")
    notes = {row[1]: note for row, note in zip(sheet.rows, sheet.notes, strict=True)}
    assert "122 of 236 clips" in notes["MDMO"]
    assert notes["STRCN"] == "the paper prints none"
    assert "not comparable with each other" in " ".join(sheet.caption)


def test_a_compared_method_is_shown_from_a_run_of_its_own_once_there_is_one(tmp_path):
    write_run(tmp_path, "casme2")
    before = table("table4", measured(tmp_path, "casme2"))
    own = write_run(tmp_path, "casme2", {"majority": 0.5}, folder="casme2-mdmo", people=3)
    (own / "majority").rename(own / "mdmo")
    run_json = own / "run.json"
    run_json.write_text(run_json.read_text().replace('"majority"', '"mdmo"'))
    after = table("table4", measured(tmp_path, "casme2"))
    was, now = ({row[1]: row[4] for row in sheet.rows} for sheet in (before, after))
    assert was["MDMO"] == NOTHING
    assert now["MDMO"] != NOTHING
    assert {name for name in was if was[name] != now[name]} == {"MDMO"}
    (record,) = [one for one in after.records if (one["method"], one["score"]) == ("mdmo", "accuracy")]
    assert (record["people"], record["paper"]) == (3, 0.52)


def test_published_settings_follow_as_rows_of_their_own_that_are_not_ranked(tmp_path):
    write_run(tmp_path, "casme2")
    for name in ("lcbp", "lcbp-paper"):
        write_run(tmp_path, "casme2", {name: 0.5}, folder=f"casme2-{name}")
    runs = measured(tmp_path, "casme2")
    sheet = table("table4", runs, "both")
    names = [row[1] for row in sheet.rows]
    assert names.index("LCBP (re-interpretation)") < names.index("DSTAN") < names.index("LBP-TOP, published settings")
    rows = {row[1]: row for row in sheet.rows}
    for name in ("LCBP (re-interpretation)", "LCBP (re-interpretation), published settings"):
        assert rows[name][2:4] == ("re-interpretation", "0.70")
        assert rows[name][4] != NOTHING
    tracks = {one["method"]: (one["fidelity"], one["track"]) for one in sheet.records}
    assert tracks["lcbp-paper"] == ("re-interpretation", "paper")
    assert tracks["lbp-top"] == ("exact", "common")
    assert tracks["bi-woof"] == ("exact", "common")
    caption = " ".join(sheet.caption)
    assert "170 x 140 pixels, 10 steps: LCBP" in caption
    assert "224 x 224 pixels, 9 steps: DSTAN" in caption
    assert "and is not ranked" in caption
    assert "re-interpretation (the idea is published; the formulas are ours" in caption
    only = [row[1] for row in table("table4", runs, "paper").rows]
    assert "LCBP (re-interpretation)" not in only
    assert [name for name in only if "today" not in name][-2:] == ["DSTAN", "commonest class"]


def test_a_changed_setting_is_told_with_the_value_of_the_method_that_has_another(tmp_path):
    settings = {"recipe": {"size": 64}}
    write_run(tmp_path, "casme2", overrides=settings)
    for name in ("lbp-top-paper", "lbp-sip-paper"):
        write_run(tmp_path, "casme2", {name: 0.5}, folder=f"casme2-{name}", overrides=settings)
    (sentence,) = [
        text for text in table("table4", measured(tmp_path, "casme2"), "both").caption if text.startswith("CASME II")
    ]
    assert "recipe.size = 64 (paper: 224)" in sentence
    assert "recipe.size = 64 (LBP-TOP, LBP-SIP, published settings: 170, 140)" in sentence


def test_an_older_run_that_does_not_tell_of_fidelity_is_still_shown(tmp_path):
    place = write_run(tmp_path, "casme2")
    document = json.loads((place / "run.json").read_text())
    for about in document["methods"].values():
        del about["fidelity"], about["track"]
    (place / "run.json").write_text(json.dumps(document))
    rows = {row[1]: row for row in table("table1", measured(tmp_path, "casme2")).rows}
    assert rows["DSTAN"][2] == NOTHING
    assert rows["DSTAN"][4] != NOTHING


def test_a_table_of_methods_that_were_not_run_says_so(tmp_path):
    write_run(tmp_path, "casme2")
    runs = measured(tmp_path, "casme2")
    assert "the method was not run" in " ".join(table("table2", runs).caption)
    (text,) = left_out(TARGETS["table2"], runs)
    assert "dstan-basic and dstan-lhfn and dstan-lhfn-sa not run there (--root casme2=DIR" in text
    assert left_out(TARGETS["table1"], runs) == []
    (text,) = left_out(TARGETS["table4"], runs)
    assert "Table 4 has gaps for CASME II: lbp-top and" in text
    assert "lbp-top-paper" not in text
    (text,) = left_out(TARGETS["table4"], runs, "paper")
    assert "Table 4 has gaps for CASME II: lbp-top-paper and" in text
    assert "the method was not run" not in " ".join(table("table1", runs).caption)


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "table2"])
def test_drawn_faces_are_labelled_wherever_they_are_shown(tmp_path, name):
    write_run(tmp_path, "casme", synthetic=True)
    for sheet in sheets_for(TARGETS[name], measured(tmp_path, "casme")):
        assert sheet.synthetic
        assert "SYNTHETIC" in sheet.title
        assert "measure different things" in sheet.caption[0]
        assert "CASME twin" in sheet.drawing.alt
        assert "SYNTHETIC" in sheet.drawing.svg
        assert {record["faces"] for record in sheet.records} == {"SYNTHETIC"}


def test_of_several_data_sets_those_drawn_are_named(tmp_path):
    write_run(tmp_path, "casme", synthetic=True)
    write_run(tmp_path, "casme2")
    sheet = table("table1", measured(tmp_path, "casme", "casme2"))
    assert "partly SYNTHETIC" in sheet.title
    assert {row[0] for row in sheet.rows} == {"CASME twin", "CASME II"}
    assert {(record["data_set"], record["faces"]) for record in sheet.records} == {
        ("CASME twin", "SYNTHETIC"),
        ("CASME II", "filmed"),
    }


def test_the_caption_says_what_was_reduced(tmp_path):
    settings = {"recipe": {"size": 64}, "training": {"epochs": 3, "learning_rate": 0.01}}
    write_run(tmp_path, "casme2", overrides=settings, protocol="kfold-subject")
    with (tmp_path / "casme2" / "skipped.csv").open("a") as file:
        file.write("casme2,s9,c1,prepare,no face\ncasme2,s9,c2,task,sadness is not of this task\n")
    (sentence,) = [
        text for text in table("table1", measured(tmp_path, "casme2")).caption if text.startswith("CASME II")
    ]
    for words in (
        "24 clips of 4 people (paper: 246 of 26)",
        "a fifth of the people held out at a time (paper: one person)",
        "2 seeds (the paper does not say)",
        "recipe.size = 64 (paper: 224)",
        "training.epochs = 3 (default: 60; the paper does not say)",
        "training.learning_rate = 0.01",
        "1 clip could not be used",
    ):
        assert words in sentence
    assert "recipe.steps" not in sentence


def test_what_holds_for_all_data_sets_is_said_once(tmp_path):
    settings = {"recipe": {"size": 64}}
    write_run(tmp_path, "casme", overrides=settings)
    write_run(tmp_path, "casme2", overrides=settings)
    runs = measured(tmp_path, "casme", "casme2")
    *_, first, second, both = table("table1", runs).caption
    assert first == "CASME: 24 clips of 4 people (paper: 172 of 19)."
    assert second == "CASME II: 24 clips of 4 people (paper: 246 of 26)."
    assert both.startswith("On all of them: one person held out at a time; 2 seeds")
    assert "recipe.size = 64 (paper: 224)" in both
    write_run(tmp_path / "other", "casme2")
    apart = [*runs[:1], *measured(tmp_path / "other", "casme2")]
    assert not any("On all of them" in text for text in table("table1", apart).caption)


def _measured_as(out, method, **standing):
    """Write a run of a method under a name that nothing need be registered for."""
    own = write_run(out, "casme2", {"majority": 0.5}, folder=f"casme2-{method}")
    (own / "majority").rename(own / method)
    document = json.loads((own / "run.json").read_text())
    document["methods"] = {method: {**document["methods"]["majority"], **standing}}
    (own / "run.json").write_text(json.dumps(document))


def test_the_weights_of_a_method_stand_beside_its_name_and_are_explained(tmp_path):
    write_run(tmp_path, "casme2")
    _measured_as(tmp_path, "merta", fidelity="re-interpretation", weights="from scratch")
    _measured_as(tmp_path, "elrcn-te", fidelity="minor choices", weights="weights vgg.pth")
    sheet = table("table4", measured(tmp_path, "casme2"))
    rows = {row[1]: row for row in sheet.rows}
    assert rows["MERTA (re-interpretation, from scratch)"][4] != NOTHING
    assert rows["ELRCN-TE (weights vgg.pth)"][2] == "minor choices"
    weights = {one["method"]: one["weights"] for one in sheet.records}
    assert (weights["merta"], weights["elrcn-te"], weights["dstan"]) == ("from scratch", "weights vgg.pth", "")
    assert WEIGHTS in sheet.caption
    assert "MERTA (re-interpretation, from scratch)" in sheet.drawing.svg
    table1 = table("table1", measured(tmp_path, "casme2"))
    assert WEIGHTS not in table1.caption


def test_methods_of_today_stand_below_those_of_the_paper_and_are_marked(tmp_path):
    write_run(tmp_path, "casme2")
    _measured_as(tmp_path, "ststnet", fidelity="exact")
    runs = measured(tmp_path, "casme2")
    target = replace(TARGETS["table4"], methods=(*COMPARED, "dstan", "ststnet"))
    sheet = table_sheet(target, runs)
    names = [row[1] for row in sheet.rows]
    assert names[-3:] == ["DSTAN", "STSTNet, today", "commonest class"]
    row, note = sheet.rows[-2], sheet.notes[-2]
    assert (row[3], note) == (NOTHING, "not in the paper")
    assert row[4] != NOTHING
    caption = " ".join(sheet.caption)
    assert "“Today”: not in the paper" in caption
    assert "STSTNet" in caption[caption.index("The input is") : caption.index("dstan compare tests")]
    assert "“Today”" not in " ".join(table_sheet(replace(target, methods=(*COMPARED, "dstan")), runs).caption)
