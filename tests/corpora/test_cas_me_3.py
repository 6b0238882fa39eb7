"""The CAS(ME)^3 loaders: several events in one video, depth beside colour, corrections, no apex in part C."""

from __future__ import annotations

import shutil

import openpyxl
import pytest
from corpus_copies import draw

from dstan.corpora import CORPORA, Options, check_corpus, load_corpus
from dstan.corpora.cas_me_3 import CAS_ME_3_A, CAS_ME_3_C
from dstan.corpora.corrections import corrections_of
from dstan.errors import AnnotationError, CorpusError, CorpusNotFoundError

A_COLUMNS = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
A_ROWS = (
    ("spNO.1", "a", 2, 4, 7, "4+L7", "I", "disgust"),
    ("spNO.1", "a", 12, 13, 16, "R4，5", "VII", "Happy"),  # noqa: RUF001
    ("spNO.1", "c", 3, 5, 8, 12, "I", "happy"),
    ("spNO.17", "b", 1, 3, 6, "T28+14", "VII", "others"),
)
A_TABLE = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
C_COLUMNS = ("sub", "count", "onset", "offset", "au", "emotion", "PHY")
C_ROWS = (
    (1, 1, 3, 9, "R4,5", "fear", "sub1_1"),
    (1, 2, 12, 15, "4，7", "anger", "sub1_2"),  # noqa: RUF001
    (12, 1, 2, 8, 14, "others", "sub12_1"),
)
C_TABLE = "CAS(ME)3_part_C_ME.xlsx"


def write_table(path, columns, rows, sheet):
    book = openpyxl.Workbook()
    book.active.title = "notes"
    page = book.create_sheet(sheet)
    for row in (columns, *rows):
        page.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def draw_numbers(folder, first, last, suffix="jpg"):
    for number in range(first, last + 1):
        draw(folder / f"{number}.{suffix}")


def part_a(root, rows=A_ROWS, tree="part_A", columns=A_COLUMNS, last=20):
    for person, letter in {(row[0], row[1]) for row in rows if "/" not in row[1]}:
        draw_numbers(root / tree / person / letter / "color", 1, last)
        draw_numbers(root / tree / person / letter / "depth", 1, 3, "png")
    write_table(root / A_TABLE, columns, rows, "label")
    return root


def part_c(root, rows=C_ROWS, tree="part_C"):
    for person in {row[0] for row in rows}:
        draw_numbers(root / tree / f"{person:02d}" / "a" / "color", 1, 20)
        draw_numbers(root / tree / f"{person:02d}" / "a" / "depth", 1, 3, "png")
    write_table(root / C_TABLE, C_COLUMNS, rows, "mockCrimeME")
    return root


def survey(root, corpus=CAS_ME_3_A, **options):
    return corpus.survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def images(clip):
    return [None if place is None else clip.files[place] for place in (clip.onset, clip.apex, clip.offset)]


def test_a_clip_is_named_by_its_video_and_its_onset(tmp_path):
    clips = load_corpus("cas-me-3-a", part_a(tmp_path))
    assert [clip.key for clip in clips] == [
        ("cas-me-3-a", "spNO.1", "a_2"),
        ("cas-me-3-a", "spNO.1", "a_12"),
        ("cas-me-3-a", "spNO.1", "c_3"),
        ("cas-me-3-a", "spNO.17", "b_1"),
    ]
    assert [clip.label for clip in clips] == ["disgust", "happiness", "happiness", "others"]
    first, second, *_ = clips
    assert first.path == second.path == tmp_path / "part_A" / "spNO.1" / "a" / "color"
    assert images(first) == ["2.jpg", "4.jpg", "7.jpg"]
    assert images(second) == ["12.jpg", "13.jpg", "16.jpg"]
    assert (first.files[9], first.fps, first.cropped) == ("10.jpg", 30.0, False)
    assert first.annotation["Objective class"] == "I"
    assert second.annotation["Action Units"] == "R4，5"  # noqa: RUF001
    assert not [line for line in said(survey(tmp_path), "note") if "action unit" in line]


@pytest.mark.parametrize("named", ["", "..", "part_A", "part_A/part_A"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = part_a(tmp_path / "data" / "CASME3", tree="part_A/part_A")
    assert len(survey(root / named).clips) == 4


def test_both_parts_lie_side_by_side(tmp_path):
    part_c(part_a(tmp_path))
    assert len(survey(tmp_path).clips) == 4
    assert len(survey(tmp_path, CAS_ME_3_C).clips) == 3


def test_part_c_has_no_apex(tmp_path):
    clips = load_corpus("cas-me-3-c", part_c(tmp_path))
    assert [clip.key for clip in clips] == [
        ("cas-me-3-c", "01", "1_3"),
        ("cas-me-3-c", "01", "2_12"),
        ("cas-me-3-c", "12", "1_2"),
    ]
    assert [clip.label for clip in clips] == ["fear", "anger", "others"]
    assert [images(clip) for clip in clips][1] == ["12.jpg", None, "15.jpg"]
    assert clips[1].annotation["Action Units"] == "4，7"  # noqa: RUF001
    assert clips[2].path == tmp_path / "part_C" / "12" / "a" / "color"
    assert not said(survey(tmp_path, CAS_ME_3_C), "warning")


def test_upper_and_lower_case_do_not_matter_and_are_told_once(tmp_path):
    root = part_a(tmp_path)
    people = root / "part_A"
    (people / "spNO.17").rename(people / "spNo.17")
    found = survey(root)
    assert len(found.clips) == 4
    assert [line for line in said(found, "note") if line.endswith("its folder is called spNo.17/b/color")]
    (people / "spNO.1" / "a").rename(people / "spNO.1" / "A")
    found = survey(root)
    assert [clip.clip_id for clip in found.clips] == ["a_2", "a_12", "c_3", "b_1"]
    (line,) = [line for line in said(found, "note") if "upper and lower case" in line]
    assert line.endswith(
        "its folder is called spNO.1/A/color; 3 clips' folders differ from the table in upper and lower case alone"
    )
    rows = [("SPNO.1", "A", *A_ROWS[0][2:])]
    write_table(root / A_TABLE, A_COLUMNS, rows, "label")
    assert survey(root).clips[0].key == ("cas-me-3-a", "spNO.1", "a_2")


def test_micro_expressions_that_come_cut_out_are_read_where_there_are_no_videos(tmp_path):
    for name, first, last in (
        ("spNo.1_a_2", 2, 7),
        ("spNo.1_a_12", 12, 16),
        ("spNo.1_c_3", 3, 8),
        ("spNO.17_b_1", 1, 6),
    ):
        draw_numbers(tmp_path / "Part_A_ME_clip" / "frame" / name, first, last)
        draw_numbers(tmp_path / "Part_A_ME_clip" / "depth" / name, first, last, "png")
    write_table(tmp_path / "annotation" / A_TABLE, A_COLUMNS, A_ROWS, "label")
    found = survey(tmp_path)
    assert [(clip.clip_id, clip.path.name) for clip in found.clips][1] == ("a_12", "spNo.1_a_12")
    assert images(found.clips[1]) == ["12.jpg", "13.jpg", "16.jpg"]
    part_a(tmp_path)
    shutil.rmtree(tmp_path / "annotation")
    found = survey(tmp_path)
    assert found.clips[1].path == tmp_path / "part_A" / "spNO.1" / "a" / "color"
    assert f"{tmp_path / 'Part_A_ME_clip' / 'frame'}: these raw frames are not used" in said(found, "note")


def test_lost_frames_and_an_offset_past_the_end_are_told(tmp_path):
    rows = [("spNO.1", "a", 15, 17, 25, "4", "I", "fear"), ("spNO.1", "a", 3, 5, 8, "4", "I", "fear")]
    root = part_a(tmp_path, rows)
    (root / "part_A" / "spNO.1" / "a" / "color" / "5.jpg").unlink()
    found = survey(root)
    assert [clip.annotation["Lost frames"] for clip in found.clips] == ["21-25", "5"]
    assert images(found.clips[0]) == ["15.jpg", "17.jpg", "20.jpg"]
    warnings = said(found, "warning")
    assert any("the offset 25 lies after the last image, 20" in line for line in warnings)
    assert any("the apex 5 is not among its frames" in line for line in warnings)


def test_known_errors_are_corrected_and_the_names_of_clips_stay(tmp_path):
    rows = [
        ("spNO.149", "d", 112, 83, 200, "4", "I", "fear"),
        ("spNO.216", "e", 0, 0, 9, "4", "I", "fear"),
        ("spNO.214", "c", 5, 5, 3460, "4", "I", "fear"),
    ]
    root = part_a(tmp_path, rows, last=210)
    found = survey(root)
    assert found.corrections == 4
    assert [clip.clip_id for clip in found.clips] == ["d_112", "e_0", "c_5"]
    assert [images(clip) for clip in found.clips] == [
        ["112.jpg", "160.jpg", "200.jpg"],
        ["1.jpg", "1.jpg", "9.jpg"],
        ["5.jpg", "5.jpg", "34.jpg"],
    ]
    assert not said(found, "warning")
    plain = survey(root, corrections=False)
    assert plain.corrections == 0
    assert [clip.clip_id for clip in plain.clips] == ["d_112", "e_0", "c_5"]
    assert plain.clips[0].apex is None
    assert plain.clips[1].annotation["Lost frames"] == "0"
    assert plain.clips[2].files[plain.clips[2].offset] == "210.jpg"


def test_an_offset_of_0_is_corrected_where_the_right_one_is_known(tmp_path):
    rows = [("spNO.40", "e", 1812, 1820, 0, "4", "I", "fear"), ("spNO.40", "e", 40, 45, 0, "4", "I", "fear")]
    write_table(tmp_path / A_TABLE, A_COLUMNS, rows, "label")
    draw_numbers(tmp_path / "part_A" / "spNO.40" / "e" / "color", 1805, 1850)
    found = survey(tmp_path)
    assert [images(clip) for clip in found.clips] == [["1812.jpg", "1820.jpg", "1845.jpg"]]
    assert [item.reason for item in found.skipped] == ["onset 40 lies after offset 0"]
    assert len(survey(tmp_path, corrections=False).skipped) == 2


def test_corrections_name_clips_as_the_loader_does():
    for (subject, clip), rows in corrections_of("cas-me-3-a").items():
        assert subject.startswith("spNO.")
        letter, _, onset = clip.partition("_")
        assert letter.islower()
        assert onset.isdigit()
        assert all(row.field in A_COLUMNS and row.source and row.reason for row in rows)


def test_rows_that_cannot_be_used_are_skipped_with_their_reason(tmp_path):
    rows = [
        *A_ROWS,
        ("spNO.1", "a", 2, 4, 8, "4", "I", "fear"),
        ("spNO.1", "c", 3, 5, 8, 12, "I", "happy"),
        ("spNO.2", "a", 1, 2, 3, "4", "I", "fear"),
        ("spNO.1", "a", 40, 41, 45, "4", "I", "fear"),
        ("person 3", "a", 1, 2, 3, "4", "I", "fear"),
        ("spNO.1", "../../secret", 1, 2, 3, "4", "I", "fear"),
        ("checked", "", None, None, None, "", "", ""),
    ]
    root = part_a(tmp_path, rows)
    shutil.rmtree(root / "part_A" / "spNO.2")
    found = survey(root)
    reasons = {(item.subject, item.clip_id): item.reason for item in found.skipped}
    assert reasons["spNO.1", "a_2"] == "rows 2, 6 name the same clip and disagree"
    assert reasons["spNO.2", "a_1"].startswith("no frames: looked for images like 1.jpg in")
    assert reasons["spNO.1", "a_40"] == "no frame from onset 40 to offset 45 is there, only 1 to 20"
    assert reasons["person 3", "a_1"] == "'person 3' is no subject of CAS(ME)^3 part A"
    assert "refused" in reasons["spNO.1", "../../secret_1"]
    assert any("rows 4, 7 are the same" in line for line in said(found, "warning"))
    assert any("the row is no clip: checked" in line for line in said(found, "note"))
    assert [clip.clip_id for clip in found.clips] == ["a_12", "c_3", "b_1"]


def test_a_renamed_column_and_a_missing_table_are_told(tmp_path):
    part_a(tmp_path, columns=[name if name != "Apex" else "Peak" for name in A_COLUMNS])
    with pytest.raises(AnnotationError, match="no column is called Apex"):
        survey(tmp_path)
    (tmp_path / A_TABLE).rename(tmp_path / "cas(me)3_part_A_MaE_label_JpgIndex_v2_emotion.xlsx")
    with pytest.raises(CorpusNotFoundError, match="no coding table such as"):
        survey(tmp_path)
    shutil.rmtree(tmp_path / "part_A")
    with pytest.raises(CorpusNotFoundError, match=r"part_A/spNO\.1/a/color/1\.jpg"):
        survey(tmp_path)


def test_two_tables_are_named_and_one_can_be_chosen(tmp_path):
    part_a(tmp_path)
    write_table(tmp_path / A_TABLE.replace("v2", "v2_20250903"), A_COLUMNS, A_ROWS[:1], "label")
    with pytest.raises(CorpusError, match="2 coding tables"):
        survey(tmp_path)
    assert len(survey(tmp_path, coding="20250903").clips) == 1


def test_videos_without_a_micro_expression_are_counted_in_one_note(tmp_path):
    root = part_a(tmp_path)
    for letter in "def":
        draw_numbers(root / "part_A" / "spNO.1" / letter / "color", 1, 2)
    (line,) = [line for line in said(survey(root), "note") if "no row for" in line]
    assert "3 folders of frames" in line


@pytest.mark.parametrize("copy", [part_a, part_c])
def test_a_whole_copy_passes_the_check(tmp_path, copy):
    corpus = CORPORA["cas-me-3-a" if copy is part_a else "cas-me-3-c"]
    report = check_corpus(corpus.name, copy(tmp_path))
    assert report.ok
    assert report.counts["clips"] == len(A_ROWS if copy is part_a else C_ROWS)
    assert report.counts["frames"] == 20 * (3 if copy is part_a else 2)
