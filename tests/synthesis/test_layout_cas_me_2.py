"""A twin of CAS(ME)^2: the corpus's numbers, its sheets without a header, its quirks, and that it loads."""

from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import cas_me_2

LAYOUT = LAYOUTS["cas-me-2"]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("twin")
    return synthesize("cas-me-2", out, subjects=3, clips=8, size=(160, 120), seed=2, workers=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_full_plan_has_the_corpus_s_numbers(seed: int) -> None:
    videos = cas_me_2.plan(None, None, seed)
    events = code_events(LAYOUT, videos, seed)
    micro = [event for event in events if event.kind == "micro"]
    assert Counter(event.emotion for event in micro) == cas_me_2.EMOTIONS
    assert len(micro) == LAYOUT.clips == 57
    people = Counter(event.video.folder.split("/")[1] for event in micro)
    assert people == {f"s{cas_me_2.FOLDERS[number - 1]}": count for number, count in cas_me_2.MICRO_OF.items()}
    assert len({video.subject for video in videos}) == len({video.folder.split("/")[1] for video in videos}) == 22
    assert len({video.folder for video in videos}) == len(videos)
    assert any(len(video.emotions) > 2 for video in videos)


def test_the_table_has_the_corpus_s_form_and_quirks(tmp_path: Path) -> None:
    events = code_events(LAYOUT, cas_me_2.plan(None, None, 0), 0)
    (path,) = cas_me_2.write_tables(tmp_path, events, 0)
    book = load_workbook(path)
    assert book.sheetnames == ["CASFEcode_final", "naming rule1", "naming rule2"]
    rows = list(book["CASFEcode_final"].values)
    assert len(rows) == len(events)
    assert {len(row) for row in rows} == {9}
    assert all(isinstance(row[0], int) and row[1].split("_")[0] in cas_me_2.VIDEOS for row in rows)
    assert {row[7] for row in rows} == {"micro-expression", "macro-expression"}
    assert {row[7] for row in rows if row[4] == 0} == {"macro-expression"}
    assert any(row[5] == "NULL" for row in rows)
    assert any("or" in row[5] for row in rows)
    assert next(book["naming rule1"].values) == (15, "s15", 1)
    assert next(book["naming rule2"].values) == (101, "disgust1")
    assert any("s19/23_0502funnyerrors" in event.video.folder for event in events)


def test_the_twin_loads_as_the_truth_has_it(twin: Path) -> None:
    report = check_corpus("cas-me-2", twin, deep=True)
    assert report.ok
    clips = load_corpus("cas-me-2", twin)
    assert len(clips) == report.counts["clips"] == 8
    assert set(clips.counts.values()) == {2}
    for clip in clips:
        truth = load_file(truth_path(clip))
        phases = truth["phases"].tolist()[int(clip.clip_id.rpartition("_")[2]) - 1]
        assert [clip.onset, clip.apex, clip.offset] == phases
        assert len(truth["landmarks"]) == len(clip.files)
    shared = Counter(clip.path for clip in clips)
    assert max(shared.values()) >= 2, "some video holds two micro-expressions"


def test_macro_expressions_last_longer_than_micro_expressions(twin: Path) -> None:
    rows = list(load_workbook(twin / cas_me_2.TABLE)["CASFEcode_final"].values)
    lasts = {kind: [row[4] - row[2] for row in rows if row[7] == kind and row[4]] for kind in {row[7] for row in rows}}
    assert max(lasts["micro-expression"]) <= 15 < min(lasts["macro-expression"])
