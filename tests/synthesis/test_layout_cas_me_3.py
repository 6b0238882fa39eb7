"""Twins of CAS(ME)^3: the corpus's numbers, several events in one video, its quirks, and that they load."""

from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import cas_me_3

A, C = LAYOUTS["cas-me-3-a"], LAYOUTS["cas-me-3-c"]


@pytest.fixture(scope="module", params=["cas-me-3-a", "cas-me-3-c"])
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("twin")
    return request.param, synthesize(request.param, out, subjects=2, clips=7, size=(160, 120), seed=1, workers=0)


def test_the_full_plan_of_part_a_has_the_corpus_s_numbers() -> None:
    videos = cas_me_3.plan_a(None, None, 0)
    assert Counter(emotion for video in videos for emotion in video.emotions) == cas_me_3.EMOTIONS
    people = Counter(video.subject for video in videos for _ in video.emotions)
    assert (sum(people.values()), len(people)) == (A.clips, A.subjects) == (860, 94)
    assert max(people.values()) > 10 * min(people.values())
    assert len({video.folder for video in videos}) == len(videos)
    assert max(Counter(video.subject for video in videos).values()) <= 13
    assert (len(set(cas_me_3.NUMBERS)), cas_me_3.NUMBERS[-1]) == (94, 217)
    assert {video.folder.split("/")[1].split(".")[0] for video in videos} == {"spNO", "spNo"}


def test_the_full_plan_of_part_c_has_one_video_a_person() -> None:
    videos = cas_me_3.plan_c(None, None, 0)
    assert sum(len(video.emotions) for video in videos) == C.clips == 165
    assert len(videos) == len({video.subject for video in videos}) == C.subjects == 31


def test_the_table_of_part_a_has_the_corpus_s_form_and_quirks(tmp_path: Path) -> None:
    events = code_events(A, cas_me_3.plan_a(None, None, 0), 0)
    (path,) = cas_me_3.write_table_a(tmp_path, events, 0)
    header, *rows = load_workbook(path)["label"].values
    assert header == cas_me_3.COLUMNS_A
    assert {row[6] for row in rows} == {"I", "II", "III", "IV", "V", "VI", "VII"}
    assert {"others", "Others"} < {row[7] for row in rows}
    assert sum(row[3] < row[2] for row in rows) == 1, "an apex before its onset"
    ends = [event.video.first_frame + event.frames - 1 for event in events]
    assert sum(row[4] > end for row, end in zip(rows, ends, strict=True)) == 1, "an offset past the end"
    assert len({row[:3] for row in rows}) == 860, "person, video and onset name a clip"


def test_the_table_of_part_c_has_no_apex_and_some_chinese_commas(tmp_path: Path) -> None:
    (path,) = cas_me_3.write_table_c(tmp_path, code_events(C, cas_me_3.plan_c(None, None, 0), 0), 0)
    header, *rows = load_workbook(path)["mockCrimeME"].values
    assert header == ("sub", "count", "onset", "offset", "au", "emotion", "PHY")
    codes = [str(row[4]) for row in rows]
    assert any("，" in code for code in codes)  # noqa: RUF001
    assert sum("," in code for code in codes) > sum("，" in code for code in codes)  # noqa: RUF001


def test_the_twin_loads_as_the_truth_has_it(twin: tuple[str, Path]) -> None:
    name, root = twin
    report = check_corpus(name, root, deep=True)
    assert report.ok
    assert not [finding for finding in report.findings if finding.severity == "note"]
    clips = load_corpus(name, root)
    assert len(clips) == len({clip.key for clip in clips}) == report.counts["clips"] == 7
    assert set(clips.counts.values()) == {1}
    assert max(Counter(clip.path for clip in clips).values()) >= 2
    for clip in clips:
        truth = load_file(truth_path(clip))
        spans = {onset: (apex, offset) for onset, apex, offset in truth["phases"].tolist()}
        apex, offset = spans[clip.onset]
        assert clip.offset == offset
        assert clip.apex == (apex if name == "cas-me-3-a" else None)
        assert len(truth["landmarks"]) == len(clip.files)
