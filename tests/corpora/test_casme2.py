"""The CASME II loader: where copies are found, and every quirk of the field."""

from __future__ import annotations

import shutil

import pytest
from corpus_copies import CASME2_COLUMNS, CASME2_ROWS, casme2, draw_frames, write_table

from dstan.corpora import Options, load_corpus
from dstan.corpora.casme2 import CASME2
from dstan.errors import AnnotationError, ConfigError, CorpusError, CorpusNotFoundError


def survey(root, **options):
    return CASME2.survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def test_a_clip_knows_its_frames_and_its_annotation(tmp_path):
    clips = load_corpus("casme2", casme2(tmp_path))
    assert [clip.key for clip in clips] == [
        ("casme2", "sub01", "EP02_01f"),
        ("casme2", "sub01", "EP19_05f"),
        ("casme2", "sub04", "EP12_01f"),
    ]
    clip = clips[0]
    assert clip.files[:3] == ("img44.jpg", "img45.jpg", "img46.jpg")
    assert [clip.files[place] for place in (clip.onset, clip.apex, clip.offset)] == [
        "img46.jpg",
        "img50.jpg",
        "img53.jpg",
    ]
    assert (clip.fps, clip.cropped, clip.label) == (200.0, False, "happiness")
    assert clips[1].annotation["Action Units"] == "12"
    assert clips[1].annotation["Row"] == "CASME2-coding-20140508.xlsx row 3"
    assert clips[1].files[-1] == "img10.jpg", "frames are in the order of their numbers, not of their names"
    assert clips.classes == ("happiness", "disgust", "repression", "surprise", "others")
    assert [(item.clip_id, item.stage) for item in clips.skipped] == [("EP01_02", "task")]


def test_without_a_task_all_clips_load_without_labels(tmp_path):
    clips = load_corpus("casme2", casme2(tmp_path), task="")
    assert len(clips) == 4
    assert {clip.label for clip in clips} == {None}


@pytest.mark.parametrize("named", ["", "..", "CASME2_RAW_selected", "CASME2_RAW_selected/CASME2_RAW_selected"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = casme2(tmp_path / "data" / "CASME2", tree="CASME2_RAW_selected/CASME2_RAW_selected")
    (root / "truth" / "clips" / "sub01" / "EP02_01f").mkdir(parents=True)
    found = survey(root / named)
    assert len(found.clips) == 4
    assert any("folder of the same name" in line for line in said(found, "note"))


def test_raw_frames_win_and_cropped_ones_can_be_asked_for(tmp_path):
    casme2(tmp_path)
    casme2(tmp_path, tree="Cropped", prefix="reg_img")
    assert not survey(tmp_path).clips[0].cropped
    cropped = survey(tmp_path, frames="cropped").clips[0]
    assert cropped.cropped
    assert (cropped.files[0], cropped.onset, cropped.offset) == ("reg_img46.jpg", 0, 7)
    shutil.rmtree(tmp_path / "CASME2_RAW_selected")
    assert survey(tmp_path).clips[0].cropped
    with pytest.raises(CorpusNotFoundError, match="no raw frames"):
        survey(tmp_path, frames="raw")


def test_two_folders_of_raw_frames_are_both_named(tmp_path):
    casme2(tmp_path)
    casme2(tmp_path, tree="copy")
    with pytest.raises(CorpusError, match=r"copy.*Name the one") as caught:
        survey(tmp_path)
    assert "CASME2_RAW_selected" in str(caught.value)
    assert len(survey(tmp_path / "copy").clips) == 4


def test_the_selected_frames_are_used_where_the_whole_recordings_lie_beside_them(tmp_path):
    casme2(tmp_path)
    casme2(tmp_path, tree="CASME2_RAW/CASME2-RAW")
    found = survey(tmp_path)
    assert found.clips[0].path == tmp_path / "CASME2_RAW_selected" / "sub01" / "EP02_01f"
    assert any("CASME2-RAW: these raw frames are not used" in line for line in said(found, "note"))
    shutil.rmtree(tmp_path / "CASME2_RAW_selected")
    assert len(survey(tmp_path).clips) == 4


def test_objective_classes_are_read_from_the_table_beside(tmp_path):
    casme2(tmp_path)
    rows = [(1, "EP02_01f", 3), ("04", "EP12_01f", 4)]
    write_table(tmp_path / "CASME2-ObjectiveClasses.xlsx", rows, ("Subject", "Filename", "Objective Class"))
    found = {clip.clip_id: clip.annotation["Objective Classes"] for clip in survey(tmp_path).clips}
    assert found == {"EP02_01f": "3", "EP19_05f": "", "EP12_01f": "4", "EP01_02": ""}
    clips = load_corpus("casme2", tmp_path, task="casme2-7")
    assert {clip.clip_id: clip.label for clip in clips} == {"EP02_01f": "III", "EP12_01f": "IV"}


def test_another_corpus_is_not_taken_for_this_one(tmp_path):
    casme2(tmp_path)
    shutil.rmtree(tmp_path / "CASME2_RAW_selected")
    draw_frames(tmp_path / "CASME" / "sub01" / "EP01_12", range(3), "EP01_12-")
    with pytest.raises(CorpusNotFoundError, match=r"sub01/EP02_01f/img46\.jpg"):
        survey(tmp_path)


def test_two_coding_tables_are_named_and_one_can_be_chosen(tmp_path):
    casme2(tmp_path)
    write_table(tmp_path / "CASME2-coding-20190701.xlsx", CASME2_ROWS[:2])
    with pytest.raises(CorpusError, match="--coding 20140508") as caught:
        survey(tmp_path)
    assert "CASME2-coding-20190701.xlsx" in str(caught.value)
    assert len(survey(tmp_path, coding="20190701").clips) == 2
    assert len(survey(tmp_path, coding="20140508").clips) == 4
    assert len(survey(tmp_path, coding=str(tmp_path / "CASME2-coding-20190701.xlsx")).clips) == 2
    with pytest.raises(CorpusNotFoundError, match="no coding table is called '2030'"):
        survey(tmp_path, coding="2030")


def test_the_same_table_twice_is_one_table(tmp_path):
    casme2(tmp_path)
    shutil.copy(tmp_path / "CASME2-coding-20140508.xlsx", tmp_path / "CASME2_RAW_selected")
    assert len(survey(tmp_path).clips) == 4


def test_no_table_no_folder_an_empty_folder_a_file(tmp_path):
    (tmp_path / "sub01").mkdir()
    with pytest.raises(CorpusNotFoundError, match="no coding table such as"):
        survey(tmp_path)
    with pytest.raises(CorpusNotFoundError, match="no such folder"):
        survey(tmp_path / "nowhere")
    with pytest.raises(CorpusNotFoundError, match="empty"):
        survey(tmp_path / "sub01")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CorpusNotFoundError, match="a file, not a folder"):
        survey(tmp_path / "file")
    with pytest.raises(ConfigError, match="raw or cropped"):
        survey(tmp_path, frames="croped")


def test_a_renamed_column_names_those_looked_for_and_found(tmp_path):
    casme2(tmp_path)
    columns = [name if name != "ApexFrame" else "Peak" for name in CASME2_COLUMNS]
    write_table(tmp_path / "CASME2-coding-20140508.xlsx", CASME2_ROWS, columns)
    with pytest.raises(
        AnnotationError, match=r"ApexFrame; looked for Subject.*found Subject, Filename, OnsetFrame, Peak"
    ):
        survey(tmp_path)


def test_a_missing_apex_and_one_outside_of_the_clip(tmp_path):
    rows = [
        *CASME2_ROWS,
        (2, "EP01_01", None, 5, 90, 9, None, "4", "others"),
        (2, "EP02_01", None, 5, None, 9, None, "4", "others"),
    ]
    found = survey(casme2(tmp_path, rows))
    by_name = {clip.clip_id: clip for clip in found.clips}
    assert [by_name[name].apex for name in ("EP12_01f", "EP01_01", "EP02_01")] == [None, None, None]
    assert any("EP12_01f" in line and "no apex ('/')" in line for line in said(found, "note"))
    assert any("EP01_01" in line and "apex 90" in line for line in said(found, "warning"))


def test_lost_frames_are_told_and_the_others_used(tmp_path):
    rows = [(16, "EP01_08", None, 73, 94, 110, None, "4", "others")]
    root = casme2(tmp_path, rows, tree="Cropped", prefix="reg_img")
    for number in (*range(97, 111), 80):
        (root / "Cropped" / "sub16" / "EP01_08" / f"reg_img{number}.jpg").unlink()
    found = survey(root)
    (clip,) = found.clips
    assert (clip.files[clip.onset], clip.files[clip.apex]) == ("reg_img73.jpg", "reg_img94.jpg")
    assert clip.files[clip.offset] == "reg_img96.jpg"
    assert clip.annotation["Lost frames"] == "80, 97-110"
    where = "sub16/EP01_08 (CASME2-coding-20140508.xlsx row 2)"
    assert said(found, "warning") == [
        f"{where}: the offset 110 lies after the last image, 96",
        f"{where}: frames 80 are lost",
    ]


def test_clips_that_cannot_be_used_are_skipped_with_their_reason(tmp_path):
    root = casme2(tmp_path)
    rows = [
        *CASME2_ROWS,
        (5, "EP03_01", None, 10, 12, 15, None, "4", "others"),
        (1, "EP02_01f ", None, 46, 50, 53, None, "4", "others"),
        (6, "EP04_01", None, 15, 12, 10, None, "4", "others"),
        (6, "EP05_01", None, None, 12, 20, None, "4", "others"),
        (6, "EP06_01", None, 200, 212, 220, None, "4", "others"),
        ("mean", "", None, 4.5, None, None, None, None, None),
        ("subject one", "EP07_01", None, 5, 6, 7, None, "4", "others"),
        (7, "../../secret", None, 1, 2, 3, None, "4", "others"),
    ]
    for name in ("EP04_01", "EP05_01", "EP06_01"):
        draw_frames(root / "CASME2_RAW_selected" / "sub06" / name, range(8, 22))
    write_table(tmp_path / "CASME2-coding-20140508.xlsx", rows)
    found = survey(root)
    reasons = {item.clip_id: item.reason for item in found.skipped}
    assert {item.stage for item in found.skipped} == {"load"}
    assert str(root / "CASME2_RAW_selected" / "sub05" / "EP03_01") in reasons["EP03_01"]
    assert reasons["EP02_01f"] == "rows 2, 7 name the same clip and disagree"
    assert reasons["EP04_01"] == "onset 15 lies after offset 10"
    assert reasons["EP05_01"] == "has no whole number as onset"
    assert reasons["EP06_01"] == "no frame from onset 200 to offset 220 is there, only 8 to 21"
    assert reasons["EP07_01"] == "'subject one' is no subject of CASME II"
    assert any("the row is no clip: mean, 4.5" in line for line in said(found, "note"))
    assert "refused" in reasons["../../secret"]
    assert len(found.clips) + len(found.skipped) == 10, "every row is a clip or is skipped; two rows name one clip"
    assert len(said(found, "error")) == len(found.skipped)


def test_equal_rows_count_once(tmp_path):
    found = survey(casme2(tmp_path, [*CASME2_ROWS, CASME2_ROWS[0]]))
    assert len(found.clips) == 4
    assert any("rows 2, 6 are the same" in line for line in said(found, "warning"))


def test_a_folder_may_differ_by_case_or_trailing_f_but_serves_one_row(tmp_path):
    root = casme2(tmp_path)
    people = root / "CASME2_RAW_selected"
    (people / "sub01" / "EP02_01f").rename(people / "sub01" / "ep02_01")
    found = survey(root)
    assert found.clips[0].clip_id == "EP02_01f"
    assert found.clips[0].path.name == "ep02_01"
    rows = [*CASME2_ROWS, (1, "EP02_01", None, 46, 50, 53, None, "4", "others")]
    write_table(root / "CASME2-coding-20140508.xlsx", rows)
    assert [item.clip_id for item in survey(root).skipped] == ["EP02_01"]


def test_a_folder_without_a_row_is_told(tmp_path):
    root = casme2(tmp_path)
    draw_frames(root / "CASME2_RAW_selected" / "sub09" / "EP99_99", range(3))
    assert any("EP99_99: the coding table has no row" in line for line in said(survey(root), "note"))


def test_two_files_of_one_frame_are_told(tmp_path):
    root = casme2(tmp_path)
    draw_frames(root / "CASME2_RAW_selected" / "sub01" / "EP02_01f", [46], "img0")
    (skipped,) = survey(root).skipped
    assert skipped.reason == "img046.jpg and img46.jpg are both frame 46"


def test_subjects_are_read_however_they_are_written(tmp_path):
    rows = [("01", *CASME2_ROWS[0][1:]), ("sub01", *CASME2_ROWS[1][1:]), (4.0, *CASME2_ROWS[2][1:])]
    casme2(tmp_path)
    write_table(tmp_path / "CASME2-coding-20140508.xlsx", rows)
    assert [clip.subject for clip in survey(tmp_path).clips] == ["sub01", "sub01", "sub04"]


def test_a_corpus_of_which_nothing_can_be_used_is_an_error(tmp_path):
    root = casme2(tmp_path, CASME2_ROWS[:1])
    shutil.rmtree(root / "CASME2_RAW_selected" / "sub01" / "EP02_01f")
    with pytest.raises(
        CorpusError, match=r"no clip can be used; the first of 1: no frames: looked for .*dstan check casme2"
    ):
        load_corpus("casme2", root)


def test_videos_or_features_beside_the_frames_are_no_frames(tmp_path):
    casme2(tmp_path)
    for folder, file in (("CASME2_compressed video", "EP02_01f.avi"), ("features", "flow.npy")):
        (tmp_path / folder / "sub01").mkdir(parents=True)
        (tmp_path / folder / "sub01" / file).write_bytes(b"x")
    (tmp_path / "unpacked" / "sub01" / "EP02_01f").mkdir(parents=True)
    assert len(survey(tmp_path).clips) == 4


def test_links_lead_to_each_folder_once(tmp_path):
    root = casme2(tmp_path / "CASME2")
    (root / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "CASME2_RAW_selected")
    assert len(survey(root).clips) == 4


def test_folders_of_subjects_may_be_unpadded(tmp_path):
    root = casme2(tmp_path)
    people = root / "CASME2_RAW_selected"
    (people / "sub01").rename(people / "sub1")
    clips = survey(root).clips
    assert [clip.subject for clip in clips] == ["sub01", "sub01", "sub04", "sub17"]
    assert clips[0].path.parent.name == "sub1"


def test_files_that_a_mac_leaves_behind_are_no_frames(tmp_path):
    root = casme2(tmp_path)
    (root / "CASME2_RAW_selected" / "sub01" / "EP02_01f" / "._img46.jpg").write_bytes(b"x")
    assert len(survey(root).clips) == 4


def test_a_folder_that_a_row_names_is_not_told_as_one_without_a_row(tmp_path):
    rows = [*CASME2_ROWS[1:], (1, "ep02_01", None, 500, 510, 520, None, "4", "others")]
    root = casme2(tmp_path, CASME2_ROWS)
    write_table(root / "CASME2-coding-20140508.xlsx", rows)
    found = survey(root)
    assert [item.clip_id for item in found.skipped] == ["ep02_01"]
    assert not any("has no row" in line for line in said(found, "note"))


def test_every_table_can_be_chosen_by_what_the_hint_says(tmp_path):
    casme2(tmp_path)
    other = write_table(tmp_path / "old copies" / "CASME2-coding-20140508.xlsx", CASME2_ROWS[:2])
    with pytest.raises(CorpusError) as caught:
        survey(tmp_path)
    assert f"--coding '{other}'" in str(caught.value)
    assert len(survey(tmp_path, coding=str(other)).clips) == 2


def test_counts_that_are_known_for_other_tables_only_are_told(tmp_path):
    casme2(tmp_path, table="CASME2-coding-final.xlsx")
    clips = load_corpus("casme2", tmp_path)
    assert "knows the counts of a complete copy for the coding table of 20140508, 20190701" in clips.notes[1]


def test_a_task_names_the_table_that_its_column_comes_from(tmp_path):
    casme2(tmp_path)
    with pytest.raises(ConfigError, match=r"reads the column 'Objective Classes'.*CASME2-ObjectiveClasses\.xlsx"):
        load_corpus("casme2", tmp_path, task="casme2-7")


def test_a_lost_onset_among_other_frames_is_told(tmp_path):
    root = casme2(tmp_path)
    for number in (46, 53):
        (root / "CASME2_RAW_selected" / "sub01" / "EP02_01f" / f"img{number}.jpg").unlink()
    (line,) = said(survey(root), "warning")
    assert line.endswith("frames 46, 53 are lost")
