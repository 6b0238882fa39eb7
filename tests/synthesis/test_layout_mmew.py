"""The twin of MMEW: its numbers, its names and table, and that the loader reads it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.facs import parse_action_units
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import mmew

SIZE = (160, 120)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize("mmew", tmp_path_factory.mktemp("mmew"), subjects=2, clips=7, size=SIZE, seed=1, workers=0)


def test_the_full_plan_has_the_corpus_s_numbers() -> None:
    plan = mmew.plan(None, None, 0)
    assert len(plan) == len({video.folder for video in plan}) == len({video.name for video in plan}) == 300
    assert Counter(video.emotions[0] for video in plan) == mmew.EMOTIONS
    assert tuple(Counter(video.subject for video in plan).values()) == mmew.CLIPS_PER_SUBJECT
    for video in plan:
        assert re.fullmatch(rf"Micro_Expression/{video.emotions[0]}/S{video.subject:02d}-0\d-\d{{3}}", video.folder)


def test_the_full_table_has_the_corpus_s_quirks(tmp_path: Path) -> None:
    events = code_events(mmew.MMEW, mmew.plan(None, None, 0), 0)
    (path,) = mmew.write_tables(tmp_path, events, 0)
    header, *rows = load_workbook(path)["Sheet1"].values
    assert header == mmew.COLUMNS
    onsets = Counter(row[2] == 1 for row in rows)
    assert onsets[True] == sum(count for count in mmew.CLIPS_PER_SUBJECT[1::2])
    wrong = [row for row, event in zip(rows, events, strict=True) if row[4] - row[2] != event.offset - event.onset]
    assert len(wrong) == 16
    assert {row[6] for row in wrong} == {"others"}
    codes = [str(row[5]) for row in rows]
    assert any(re.search(r"\d[LR]", code) for code in codes)
    assert any(re.search(r"[LR]\d", code) for code in codes)
    for code, event in zip(codes, events, strict=True):
        numbers = {unit.number for unit in parse_action_units(code)} - {None}
        assert numbers == set(event.expression.intensities)


def test_the_twin_loads_and_checks(twin: Path) -> None:
    report = check_corpus("mmew", twin, deep=True)
    assert report.ok
    assert report.counts["clips"] == 7
    clips = load_corpus("mmew", twin)
    assert clips.counts == dict.fromkeys(clips.classes, 1)
    assert clips.subjects == ("S01", "S02")
    assert {clip.annotation["OnsetFrame"] == "1" for clip in clips} == {True, False}


def test_the_loader_finds_the_true_phases(twin: Path) -> None:
    for clip in load_corpus("mmew", twin):
        truth = load_file(truth_path(clip))
        assert truth["phases"].tolist() == [[clip.onset, clip.apex, clip.offset]]
        assert (clip.onset, clip.offset) == (0, len(clip.files) - 1), "clips are trimmed"
