"""The twin of SMIC-E: videos with one micro-expression or two, and a table with the quirks of the real one."""

from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import smic_e

LAYOUT = LAYOUTS["smic-e"]


def test_the_full_plan_has_the_corpus_s_numbers() -> None:
    planned = smic_e.plan(None, None, 0)
    assert len(planned) == len({video.folder for video in planned}) == 157
    assert sum(len(video.emotions) for video in planned) == LAYOUT.clips == 161
    assert {video.subject for video in planned} == set(range(1, 17))
    assert Counter(video.emotions[0] for video in planned) == {"negative": 65, "positive": 51, "surprise": 41}
    names = {video.name for video in planned}
    assert not names & {"s1_ne_02", "s2_sur_05", "s3_ne_03", "s3_ne_20", "s4_ne_05", "s4_ne_06", "s9_sur_02"}
    assert {"s1_ne_03", "s9_sur_03", "s20_sur_05"} <= names


@pytest.mark.parametrize(("subjects", "clips", "videos"), [(3, 8, 7), (1, 4, 4), (None, 30, 29), (2, None, 10)])
def test_a_small_plan_counts_events(subjects: int | None, clips: int | None, videos: int) -> None:
    planned = smic_e.plan(subjects, clips, 0)
    assert len(planned) == len({video.folder for video in planned}) == videos
    assert sum(len(video.emotions) for video in planned) == (clips or videos)


def test_the_full_table_has_the_corpus_s_quirks(tmp_path: Path) -> None:
    events = code_events(LAYOUT, smic_e.plan(None, None, 0), 0)
    (path,) = smic_e.write_tables(tmp_path, events, 0)
    book = load_workbook(path)
    assert book.sheetnames == ["HS", "VIS"]
    header, *rows = book["HS"].values
    assert header == smic_e.COLUMNS
    written = [dict(zip(header, row, strict=True)) for row in rows if isinstance(row[0], int)]
    assert len(written) == 157
    assert Counter(row["Emotion"] for row in written) == {"negative": 66, "positive": 51, "surprise": 40}
    assert [row["Emotion"] for row in written if row["Filename"] == "s18_sur_03"] == ["negative"]
    assert [(row["Onset3F"], row["Offset3F"]) for row in written if row["Onset3F"] is not None] == [(17, 25)]
    assert sum(row["Onset2F"] is not None for row in written) == 4
    assert all(row["LastF"] - row["FirstF"] + 1 == row["TotalVL"] for row in written)
    assert all(row["OffsetF"] - row["OnsetF"] + 1 == row["TotalMF1"] for row in written)
    assert [row[0] for row in rows[-2:]] == [note for (note,) in smic_e.NOTES]
    assert {row[0] for row in list(book["VIS"].values)[1:]} == {11, 12, 13, 14, 15, 18, 19, 20}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("smic-e") / "twin"
    return synthesize("smic-e", out, subjects=2, clips=8, size=(160, 120), workers=0)


def test_the_twin_loads_and_checks(twin: Path) -> None:
    report = check_corpus("smic-e", twin, deep=True)
    assert report.ok
    said = [finding.what for finding in report.findings]
    assert any("event 3 (17-25) lies outside" in what for what in said)
    assert sum("no clip" in what for what in said) == 2
    clips = load_corpus("smic-e", twin)
    assert len(clips) == 8
    assert sum(clip.clip_id.endswith("-2") for clip in clips) == 1


def test_the_truth_agrees_with_the_table(twin: Path) -> None:
    for clip in load_corpus("smic-e", twin):
        phases = load_file(truth_path(clip))["phases"].tolist()
        onset, _, offset = phases[int(clip.annotation["Event"]) - 1]
        assert (clip.onset, clip.apex, clip.offset) == (onset, None, offset)
        assert len(clip.files) == int(clip.annotation["TotalVL"])
