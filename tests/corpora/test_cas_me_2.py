"""The CAS(ME)^2 loader: a sheet without header, naming rules, several events in one long video."""

from __future__ import annotations

import shutil

import openpyxl
import pytest
from corpus_copies import draw, draw_frames

from dstan.corpora import Options, check_corpus, load_corpus
from dstan.corpora.cas_me_2 import CAS_ME_2
from dstan.errors import AnnotationError, CorpusError, CorpusNotFoundError

MICRO, MACRO = "micro-expression", "macro-expression"
ROWS = (
    (1, "anger1_1", 2, 4, 9, "4+10", "negative", MACRO, "anger"),
    (1, "disgust2_1", 5, 7, 10, "NULL", "others", MICRO, "disgust"),
    (1, "disgust2_2", 14, 15, 0, "4", "negative", MACRO, "fear"),
    (1, "disgust2_3", 20, 23, 26, "14or23", "negative", MICRO, "disgust"),
    (3, "happy1_1", 3, 6, 8, 12, "positive", MICRO, "happiness"),
)
PEOPLE = ((15, "s15", 1), (16, "s16", 2), (19, "s19", 3))
VIDEOS = ((101, "disgust1"), ("0102", "disgust2"), (401, "anger1"), ("0502", "happy1"))
RAW = ("s15/15_0102eatingworms", "s15/15_0401girlcrashing", "s19/23_0502funnyerrors")
ORDER = ("CASFEcode_final", "naming rule1", "naming rule2")


def write_table(root, rows=ROWS, order=ORDER, name="CAS(ME)^2code_final.xlsx", **sheets):
    content = {"CASFEcode_final": rows, "naming rule1": PEOPLE, "naming rule2": VIDEOS, **sheets}
    book = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in order:
        page = book.create_sheet(sheet)
        for row in content[sheet]:
            page.append(list(row))
    root.mkdir(parents=True, exist_ok=True)
    book.save(root / name)


def draw_raw(root, tree="rawpic", last=30):
    for folder in RAW:
        for number in range(1, last + 1):
            draw(root / tree / folder / f"img{number:03d}.jpg")


def copy(root, rows=ROWS, **options):
    draw_raw(root)
    write_table(root, rows, **options)
    return root


def survey(root, **options):
    return CAS_ME_2.survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def images(clip):
    return [None if place is None else clip.files[place] for place in (clip.onset, clip.apex, clip.offset)]


def test_only_micro_expressions_are_clips_and_the_others_are_counted(tmp_path):
    clips = load_corpus("cas-me-2", copy(tmp_path))
    assert [clip.key for clip in clips] == [
        ("cas-me-2", "s15", "disgust2_1"),
        ("cas-me-2", "s15", "disgust2_3"),
        ("cas-me-2", "s19", "happy1_1"),
    ]
    assert [clip.label for clip in clips] == ["others", "negative", "positive"]
    first, second, _ = clips
    assert first.path == second.path == tmp_path / "rawpic/s15/15_0102eatingworms"
    assert images(first) == ["img005.jpg", "img007.jpg", "img010.jpg"]
    assert images(second) == ["img020.jpg", "img023.jpg", "img026.jpg"]
    assert (len(first.files), first.fps, first.cropped) == (30, 30.0, False)
    assert first.annotation["Self-reported Emotion"] == "disgust"
    assert first.annotation["Action Units"] == "NULL"
    assert first.annotation["Row"] == "CAS(ME)^2code_final.xlsx row 2"
    assert "CAS(ME)^2code_final.xlsx: 2 rows are macro-expressions: they are no clips" in said(survey(tmp_path), "note")


@pytest.mark.parametrize("order", [ORDER, ORDER[::-1], (ORDER[1], ORDER[0], ORDER[2])])
def test_the_sheets_may_come_in_any_order_and_under_other_names(tmp_path, order):
    root = copy(tmp_path, order=order)
    assert len(survey(root).clips) == 3
    book = openpyxl.load_workbook(root / "CAS(ME)^2code_final.xlsx")
    for number, sheet in enumerate(book.worksheets):
        sheet.title = f"Sheet{number}"
    book.save(root / "CAS(ME)^2code_final.xlsx")
    assert len(survey(root).clips) == 3


@pytest.mark.parametrize("named", ["", "..", "rawpic", "rawpic/rawpic"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = tmp_path / "data" / "CAS(ME)2"
    draw_raw(root, "rawpic/rawpic")
    write_table(root, name="CAS(ME)^2code_final(Updated).xlsx")
    found = survey(root / named)
    assert len(found.clips) == 3
    assert any("folder of the same name" in line for line in said(found, "note"))


def test_a_video_is_found_by_its_number_where_its_folder_is_misnamed(tmp_path):
    found = survey(copy(tmp_path))
    assert found.clips[-1].path.name == "23_0502funnyerrors"
    assert [line for line in said(found, "note") if "its folder is called s19/23_0502funnyerrors" in line]
    (tmp_path / "rawpic" / "s15" / "15_0102eatingworms").rename(tmp_path / "rawpic" / "s15" / "15_0102wormeating")
    found = survey(tmp_path)
    assert len(found.clips) == 3
    assert len([line for line in said(found, "note") if "s15/15_0102wormeating" in line]) == 2


def draw_events(root, tree, prefix):
    draw_frames(root / tree / f"{prefix}15" / "anger1_1", range(2, 10))
    draw_frames(root / tree / f"{prefix}15" / "disgust2_1", range(5, 11))
    draw_frames(root / tree / f"{prefix}15" / "disgust2_3", range(20, 27))
    for number in range(3, 9):
        draw(root / tree / f"{prefix}19" / "happy1_1" / f"img{number}.jpg.jpg")


def test_events_that_come_cut_out_are_read_where_there_are_no_videos(tmp_path):
    draw_events(tmp_path, "selectedpic/selectedpic", "s")
    draw_events(tmp_path, "cropped/cropped", "")
    write_table(tmp_path)
    found = survey(tmp_path)
    assert [clip.path.name for clip in found.clips] == ["disgust2_1", "disgust2_3", "happy1_1"]
    assert images(found.clips[0]) == ["img5.jpg", "img7.jpg", "img10.jpg"]
    assert images(found.clips[2]) == ["img3.jpg.jpg", "img6.jpg.jpg", "img8.jpg.jpg"]
    assert not any(clip.cropped for clip in found.clips)
    cropped = survey(tmp_path, frames="cropped")
    assert all(clip.cropped for clip in cropped.clips)
    assert cropped.clips[0].path == tmp_path / "cropped/cropped/15/disgust2_1"
    assert not [line for line in said(cropped, "note") if "its folder is called" in line]
    assert len(survey(tmp_path / "cropped" / "cropped").clips) == 3


def test_whole_videos_win_and_the_other_frames_are_told(tmp_path):
    copy(tmp_path)
    draw_events(tmp_path, "selectedpic", "s")
    draw_events(tmp_path, "cropped", "")
    found = survey(tmp_path)
    assert found.clips[0].path.parent.parent == tmp_path / "rawpic"
    assert f"{tmp_path / 'selectedpic'}: these raw frames are not used" in said(found, "note")
    assert survey(tmp_path, frames="cropped").clips[0].path.parent.parent == tmp_path / "cropped"
    draw_raw(tmp_path, "copy")
    with pytest.raises(CorpusError, match="2 folders hold raw frames"):
        survey(tmp_path)
    shutil.rmtree(tmp_path / "cropped")
    with pytest.raises(CorpusNotFoundError, match="no cropped frames"):
        survey(tmp_path, frames="cropped")


def test_a_table_without_its_other_sheets_says_what_is_missing(tmp_path):
    copy(tmp_path, order=ORDER[:1])
    with pytest.raises(AnnotationError, match=r"which folder \(s15\).*naming rule1"):
        survey(tmp_path)
    write_table(tmp_path, order=ORDER[:2])
    with pytest.raises(AnnotationError, match=r"which video \(0101\).*naming rule2"):
        survey(tmp_path)
    write_table(tmp_path, order=ORDER[1:])
    with pytest.raises(AnnotationError, match="eighth column"):
        survey(tmp_path)
    (tmp_path / "CAS(ME)^2code_final.xlsx").unlink()
    with pytest.raises(CorpusNotFoundError, match=r"such as CAS\(ME\)\^2code_final\.xlsx"):
        survey(tmp_path)


def test_two_tables_are_named_and_one_can_be_chosen(tmp_path):
    copy(tmp_path)
    write_table(tmp_path, ROWS[:2], name="CAS(ME)^2code_final(Updated).xlsx")
    with pytest.raises(CorpusError, match="2 coding tables"):
        survey(tmp_path)
    assert len(survey(tmp_path, coding="Updated").clips) == 1


def test_rows_that_cannot_be_used_are_skipped_with_their_reason(tmp_path):
    rows = [
        *ROWS,
        (1, "disgust2_4", 28, 29, 0, "4", "negative", MICRO, "fear"),
        (1, "disgust9_1", 1, 2, 3, "4", "negative", MICRO, "fear"),
        (2, "disgust2_1", 1, 2, 3, "4", "negative", MICRO, "fear"),
        (9, "disgust1_1", 1, 2, 3, "4", "negative", MICRO, "fear"),
        (1, "anger1_2", 11, 12, 13, "4", "negative", "expression", "fear"),
        (1, "../../secret", 1, 2, 3, "4", "negative", MICRO, "fear"),
        (1, "disgust2_1", 5, 7, 11, "4", "negative", MICRO, "fear"),
        (3, "happy1_1", 3, 6, 8, 12, "positive", MICRO, "happiness"),
        ("checked by two coders",),
    ]
    found = survey(copy(tmp_path, rows))
    reasons = {(item.subject, item.clip_id): item.reason for item in found.skipped}
    assert reasons["s15", "disgust2_4"] == "onset 28 lies after offset 0"
    assert reasons["s15", "disgust9_1"] == "no video is called 'disgust9' in the sheet of naming rules"
    assert reasons["s16", "disgust2_1"].startswith("no frames: looked for images like img001.jpg in")
    assert reasons["9", "disgust1_1"] == "'9' is no subject of CAS(ME)^2"
    assert reasons["s15", "anger1_2"] == "is neither a micro- nor a macro-expression, but 'expression'"
    assert "refused" in reasons["s15", "../../secret"]
    assert reasons["s15", "disgust2_1"] == "rows 2, 12 name the same clip and disagree"
    assert any("rows 5, 13 are the same" in line for line in said(found, "warning"))
    assert any("the row is no clip: checked by two coders" in line for line in said(found, "note"))
    assert [clip.clip_id for clip in found.clips] == ["disgust2_3", "happy1_1"]


def test_a_missing_apex_one_outside_and_lost_frames_are_told(tmp_path):
    rows = [
        (1, "disgust2_1", 5, "/", 10, "4", "negative", MICRO, "fear"),
        (1, "disgust2_2", 14, 40, 18, "4", "negative", MICRO, "fear"),
        (1, "disgust2_3", 27, 29, 35, "4", "negative", MICRO, "fear"),
    ]
    found = survey(copy(tmp_path, rows))
    assert [clip.apex for clip in found.clips] == [None, None, 28]
    assert any("has no apex ('/')" in line for line in said(found, "note"))
    assert any("the apex 40 is not among its frames" in line for line in said(found, "warning"))
    assert any("the offset 35 lies after the last image, 30" in line for line in said(found, "warning"))


def test_a_damaged_image_between_two_events_harms_neither_and_is_told_once(tmp_path):
    root = copy(tmp_path)
    video = root / "rawpic" / "s15" / "15_0102eatingworms"
    (video / "img012.jpg").write_bytes(b"")
    report = check_corpus("cas-me-2", root)
    assert report.ok
    assert report.counts["frames"] == 60, "the frames of a video with two clips count once"
    assert [finding.where for finding in report.findings if "empty" in finding.what] == [str(video / "img012.jpg")]
    (video / "img022.jpg").write_bytes(b"")
    assert not check_corpus("cas-me-2", root).ok


def test_videos_without_a_micro_expression_are_counted_in_one_note(tmp_path):
    root = copy(tmp_path)
    draw_frames(root / "rawpic" / "s16" / "16_0505funnyinnovations", range(1, 4))
    (line,) = [line for line in said(survey(root), "note") if "no row for" in line]
    assert "2 folders of frames" in line
