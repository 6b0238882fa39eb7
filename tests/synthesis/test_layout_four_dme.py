"""The twin of 4DME: its numbers, several emotions at once, and that the loader reads it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook
from PIL import Image
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.facs import parse_action_units
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import four_dme

SIZE = (160, 120)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize("4dme", tmp_path_factory.mktemp("4dme"), subjects=2, clips=12, size=SIZE, seed=1, workers=0)


def test_the_full_plan_has_the_corpus_s_numbers() -> None:
    plan = four_dme.plan(None, None, 0)
    assert len(plan) == len({video.folder for video in plan}) == len({video.name for video in plan}) == 267
    assert Counter(video.emotions[0] for video in plan) == four_dme.EMOTIONS
    assert tuple(Counter(video.subject for video in plan).values()) == four_dme.CLIPS_PER_SUBJECT
    visits = {video.folder.split("/")[1] for video in plan}
    assert len(visits) == 44
    assert {"S13_1st", "S13_2nd", "S08"} <= visits


def test_the_full_table_has_the_corpus_s_quirks(tmp_path: Path) -> None:
    events = code_events(four_dme.FOUR_DME, four_dme.plan(None, None, 0), 0)
    (path,) = four_dme.write_tables(tmp_path, events, 0)
    header, *rows = load_workbook(path)["Sheet1"].values
    assert header == four_dme.COLUMNS
    static = 0
    for row, event in zip(rows, events, strict=True):
        cells = dict(zip(header, row, strict=True))
        assert {name for name in four_dme.LABELS if cells[name] == 1} == set(cells["Emotion"].split("+"))
        units = parse_action_units(cells["AUs"])
        assert {unit.number for unit in units if not unit.static} - {None} == set(event.expression.intensities)
        static += sum(unit.static for unit in units)
    assert 5 < static < 40


def test_the_twin_loads_and_checks(twin: Path) -> None:
    report = check_corpus("4dme", twin, deep=True)
    assert report.ok
    assert report.counts["clips"] == 12
    clips = load_corpus("4dme", twin)
    assert {item.stage for item in clips.skipped} == {"task"}
    assert len(clips) + len(clips.skipped) == 12
    assert all(clips.counts.values())
    assert clips.subjects == ("S08", "S13")
    assert Image.open(clips[0].path / clips[0].files[0]).mode == "L"


def test_the_loader_finds_the_true_phases(twin: Path) -> None:
    for clip in load_corpus("4dme", twin, task=""):
        truth = load_file(truth_path(clip))
        assert truth["phases"].tolist() == [[clip.onset, clip.apex, clip.offset]]
        assert clip.annotation["Onset"] == str(int(clip.files[0].removeprefix("Frame_").removesuffix(".jpg")))
