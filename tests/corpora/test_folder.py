"""Your own data: rows, paths, stretches, and what a row may get wrong."""

from __future__ import annotations

import numpy as np
import pytest
from corpus_copies import draw_frames

from dstan.corpora import Options, check_corpus, load_corpus
from dstan.corpora.folder import FOLDER
from dstan.errors import AnnotationError, ConfigError, CorpusError, CorpusNotFoundError
from dstan.video import write_video


def write(root, *lines, header="path,subject,label,onset,apex,offset,fps"):
    root.mkdir(exist_ok=True)
    (root / "clips.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return root


@pytest.fixture
def data(tmp_path):
    draw_frames(tmp_path / "own" / "anna" / "smile", range(12))
    write_video(tmp_path / "own" / "ben.mp4", [np.full((32, 32, 3), 90, np.uint8)] * 6, 25)
    return tmp_path / "own"


def reasons(root):
    return {item.clip_id: item.reason for item in FOLDER.survey(root, Options()).skipped}


def test_image_folders_and_videos(data):
    clips = load_corpus("folder", write(data, "anna/smile,anna,happy,2,5,8,100", "ben.mp4,ben,angry,1,,4,"))
    first, second = clips
    assert first.key == ("folder", "anna", "anna/smile")
    assert first.files[-1] == "img11.jpg"
    assert (first.onset, first.apex, first.offset, first.fps, first.label) == (2, 5, 8, 100.0, "happy")
    assert second.path == data / "ben.mp4"
    assert (second.files, second.apex, second.fps) == ((), None, None)
    assert clips.classes == ("angry", "happy")
    assert clips.task == "as-labelled"


def test_the_table_itself_or_its_folder_may_be_named(data):
    root = write(data, "anna/smile,anna,happy,,,,100", "ben.mp4,ben,angry,,,,")
    (root / "clips.csv").rename(root / "mine.csv")
    assert len(load_corpus("folder", root / "mine.csv")) == 2
    with pytest.raises(CorpusNotFoundError, match=r"no clips\.csv"):
        load_corpus("folder", root)


def test_a_spreadsheet_s_semicolons_and_byte_order_mark(data):
    root = write(data, "anna/smile;anna;happy;notes, with a comma", header="\ufeffPath;Subject;Label;remarks")
    clips = load_corpus("folder", root)
    assert clips[0].annotation["remarks"] == "notes, with a comma"
    found = FOLDER.survey(root, Options()).findings
    assert any("remarks is kept but not read" in finding.what for finding in found)


def test_a_path_may_be_absolute_but_not_climb_out(data, tmp_path):
    draw_frames(tmp_path / "elsewhere", range(3))
    root = write(data, f"{tmp_path / 'elsewhere'},carl,happy,,,,50", "../elsewhere,carl,happy,,,,50")
    assert [clip.path for clip in FOLDER.survey(root, Options()).clips] == [tmp_path / "elsewhere"]
    assert "refused" in reasons(root)["../elsewhere"]
    inside = write(data, "anna/../anna/smile,anna,happy,,,,50")
    assert not reasons(inside)


def test_several_stretches_of_one_video_are_several_clips(data):
    root = write(data, "ben.mp4,ben,a,0,,2,", "ben.mp4,ben,b,3,,5,", "ben.mp4,ben,c,3,,5,")
    assert [clip.clip_id for clip in FOLDER.survey(root, Options()).clips] == ["ben.mp4@0-2", "ben.mp4@3-5"]
    assert FOLDER.survey(root, Options()).skipped[0].reason == "row 4 names the same frames as row 3"


def test_a_row_without_a_label_loads_but_cannot_be_evaluated(data):
    root = write(data, "anna/smile,anna,,,,,100", "ben.mp4,ben,angry,,,,")
    assert [clip.label for clip in load_corpus("folder", root, task="")] == [None, "angry"]
    clips = load_corpus("folder", root)
    assert [clip.subject for clip in clips] == ["ben"]
    assert clips.skipped[0].reason == "has no label (clips.csv row 2)"
    with pytest.raises(CorpusError, match=r"no label \(clips\.csv row 2\)"):
        load_corpus("folder", write(data, "anna/smile,anna,,,,,100"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nowhere,anna,happy,,,,", "no frames: looked for an image folder or a video file at"),
        ("empty,anna,happy,,,,", "empty holds no images"),
        ("clips.csv,anna,happy,,,,", "clips.csv is neither an image folder nor a video file by its name"),
        ("anna/smile,,happy,,,,", "the row has no subject"),
        (",anna,happy,,,,", "the row has no path"),
        ("anna/smile,anna,happy,8,,2,", "onset 8 lies after offset 2"),
        ("anna/smile,anna,happy,0,,12,", "frame 12 is annotated, but there are 12, counted from 0"),
        ("anna/smile,anna,happy,first,,,", "onset must be a whole number from 0, not 'first'"),
        ("anna/smile,anna,happy,-1,,,", "onset must be a whole number from 0, not '-1'"),
        ("anna/smile,anna,happy,,,,fast", "fps must be a number above 0, not 'fast'"),
        ("anna/smile,anna,happy,,,,inf", "fps must be a number above 0, not 'inf'"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(data, row, reason):
    (data / "empty").mkdir()
    found = FOLDER.survey(write(data, row), Options())
    assert not found.clips
    assert reason in found.skipped[0].reason
    assert [(finding.severity, finding.where) for finding in found.findings] == [("error", "clips.csv row 2")]


def test_an_apex_outside_of_its_stretch_counts_as_missing(data):
    rows = ("anna/smile,anna,happy,2,9,8,100", "anna/smile,anna,happy,2,/,7,100", "anna/smile,anna,happy,2,99,,100")
    found = FOLDER.survey(write(data, *rows), Options())
    assert [clip.apex for clip in found.clips] == [None, None, None]
    assert [finding.where for finding in found.findings] == ["clips.csv row 2", "clips.csv row 4"]


def test_odd_things_are_warned_of(data):
    root = write(data, "anna/smile,anna,Happy,,,,", "ben.mp4,ben,happy,,,,")
    said = [finding.what for finding in FOLDER.survey(root, Options()).findings if finding.severity == "warning"]
    assert said == ["an image folder without fps has no times", "the label 'happy' is also written 'Happy'"]


def test_the_table_must_be_readable_and_have_its_columns(data):
    with pytest.raises(AnnotationError, match="label; looked for path, subject, label; found path, subject, emotion"):
        load_corpus("folder", write(data, "anna/smile,anna,happy", header="path,subject,emotion"))
    (data / "clips.csv").write_bytes(b"path,subject,label\n\xff\xfe,a,b\n")
    with pytest.raises(AnnotationError, match="UTF-8"):
        load_corpus("folder", data)
    (data / "clips.csv").write_bytes(b"")
    with pytest.raises(AnnotationError, match="empty"):
        load_corpus("folder", data)
    with pytest.raises(ConfigError, match="Leave out --coding"):
        load_corpus("folder", data, coding="2014")


def test_a_row_without_a_label_can_be_used_and_two_spellings_of_a_path_are_one(tmp_path):
    draw_frames(tmp_path / "a" / "x1", range(3))
    draw_frames(tmp_path / "b", range(3))
    table = tmp_path / "clips.csv"
    table.write_text("path,subject,label,fps\na/x1,s1,joy,100\nb,s2,,100\n")
    assert check_corpus("folder", tmp_path).ok
    table.write_text("path,subject,label,fps\na/x1,s1,joy,100\n./a/x1,s1,joy,100\nb\\c,s2,joy,100\n")
    report = check_corpus("folder", tmp_path)
    assert {finding.what for finding in report.findings if finding.severity == "error"} >= {
        "row 3 names the same frames as row 2"
    }
    assert any("Write paths with /" in finding.hint for finding in report.findings)
