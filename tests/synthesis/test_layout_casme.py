"""The twin of CASME: two sections, the corpus's numbers, and the quirks of its table."""

from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook
from PIL import Image
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import casme
from dstan.tasks import TASKS

LAYOUT = LAYOUTS["casme"]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people, so that the last is of section B."""
    root = tmp_path_factory.mktemp("casme") / "twin"
    return synthesize("casme", root, subjects=8, clips=10, size=(160, 120), seed=2, workers=0, cropped=True)


@pytest.mark.parametrize("seed", range(4))
def test_the_full_plan_has_the_corpus_s_numbers(seed: int) -> None:
    planned = casme.plan(None, None, seed)
    assert len(planned) == len({video.folder for video in planned}) == 189
    counts = Counter(video.emotions[0] for video in planned)
    source = TASKS["casme-4"].sources["casme"]
    expected = source.counts_of("20190721")
    assert {name: counts[name] for name in expected} == expected == {
        "tense": 70, "disgust": 44, "repression": 38, "surprise": 20,
    }  # fmt: skip
    assert set(counts) - set(expected) <= set(source.dropped)
    assert {video.subject for video in planned} == set(range(1, 20))
    assert Counter(video.subject >= casme.SECTION_B for video in planned) == {False: 92, True: 97}


def test_sections_have_their_own_size_and_padding() -> None:
    planned = casme.plan(None, None, 0)
    a, b = planned[0], planned[-1]
    assert (a.size or LAYOUT.size, b.size) == ((1280, 720), (640, 480))
    assert a.image_name(6) == f"{a.name}-7.jpg"
    assert b.image_name(6) == f"{b.name}-007.jpg"
    forms = {video.name.count("_") for video in planned}
    assert forms == {0, 1, 2}, "EP11, EP01_5 and EP12_2_10"


def test_the_full_table_has_the_corpus_s_quirks(tmp_path: Path) -> None:
    events = code_events(LAYOUT, casme.plan(None, None, 0), 0)
    (path,) = casme.write_tables(tmp_path, events, 0)
    header, *rows = load_workbook(path)["Sheet1"].values
    assert header == casme.COLUMNS
    assert [row[:2] for row in rows if row[11] == "comtempt"] == [(1, "EP14_1")]
    assert [row[4] for row in rows if not isinstance(row[4], int)] == ["\\"]
    assert {type(row[5]) for row in rows} == {int, str, type(None)}
    assert {row[5] for row in rows if isinstance(row[5], str)} == {"\\"}
    assert all(row[4] <= row[5] <= row[6] for row in rows if isinstance(row[4], int) and isinstance(row[5], int))
    late = [row[6] - event.offset for row, event in zip(rows, events, strict=True) if row[6] != event.offset]
    assert late == [10, 10]
    assert {row[9] for row in rows} == {round((row[6] - row[3] + 1) * 1000 / 60) for row in rows}


@pytest.mark.parametrize(("subjects", "clips"), [(3, 8), (1, 4), (19, 19), (None, 40)])
def test_a_small_plan_keeps_every_class(subjects: int | None, clips: int) -> None:
    planned = casme.plan(subjects, clips, 0)
    assert len(planned) == clips
    assert set(casme.COMMON) <= {video.emotions[0] for video in planned}


def test_the_twin_loads_and_checks(twin: Path) -> None:
    report = check_corpus("casme", twin, deep=True)
    assert report.ok
    assert (report.counts["clips"], report.counts["subjects"]) == (10, 8)
    clips = load_corpus("casme", twin)
    assert set(clips.counts) == set(casme.COMMON)
    assert len(clips) + len(clips.skipped) == 10


def test_the_loader_finds_what_the_truth_says(twin: Path) -> None:
    for clip in load_corpus("casme", twin, task=""):
        ((onset, apex, offset),) = load_file(truth_path(clip))["phases"].tolist()
        assert (clip.onset, clip.apex, clip.offset) == (onset, apex, offset)


def test_the_crops_are_those_of_the_corpus(twin: Path) -> None:
    clips = load_corpus("casme", twin, task="", frames="cropped")
    last = clips[-1]
    assert last.files[0].startswith(f"reg_{last.clip_id}-0")
    assert (last.onset, last.offset) == (0, len(last.files) - 1)
    with Image.open(last.path / last.files[0]) as image:
        assert image.size == (150, 190)
