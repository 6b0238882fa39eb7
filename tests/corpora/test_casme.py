"""The CASME loader: two sections, two apexes, and every quirk of the field."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from corpus_copies import draw, write_table

from dstan.corpora import Options, check_corpus, load_corpus
from dstan.corpora.casme import CASME
from dstan.errors import AnnotationError, CorpusError, CorpusNotFoundError

COLUMNS = (
    "Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None,
    "Onset(ms)", "Total(ms)", "AU", "Emotion",
)  # fmt: skip
NONE = "\\"
ROWS = (
    (1, "EP01_5", None, 98, 101, NONE, 104, None, 50, 117, 4, "tense"),
    (1, "EP11", None, 21, 24, 25, 29, None, 50, 150, "L14+?", "repression"),
    (2, "EP13_10", None, 7, 11, None, 15, None, 67, 150, "1+2", "surprise"),
    (8, "EP12_2_1", None, 9, 11, 12, 14, None, 33, 100, "9+4", "disgust"),
    (8, "EP07", None, 5, 8, NONE, 12, None, 50, 133, 12, "happiness"),
)
TABLE = "CASME-coded-20190721.xlsx"
RAW = "CASME_raw_selected"
SECTION_B = 8
"""The first subject whose frames are padded."""


def draw_clip(tree: Path, subject: int, name: str, numbers, prefix: str = "") -> None:
    width = 3 if subject >= SECTION_B else 1
    for number in numbers:
        draw(tree / f"sub{subject:02d}" / name / f"{prefix}{name}-{number:0{width}d}.jpg")


def casme(root: Path, rows=ROWS, *, tree: str = RAW, prefix: str = "", columns=COLUMNS) -> Path:
    for subject, name, _, onset, _, _, offset, *_ in rows:
        around = 0 if prefix else 2
        draw_clip(root / tree, subject, name, range(onset - around, offset + around + 1), prefix)
    write_table(root / TABLE, rows, columns)
    return root


def survey(root, **options):
    return CASME.survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def test_clips_of_both_sections_know_their_frames(tmp_path):
    clips = load_corpus("casme", casme(tmp_path))
    assert [(clip.subject, clip.clip_id, clip.label) for clip in clips] == [
        ("sub01", "EP01_5", "tense"),
        ("sub01", "EP11", "repression"),
        ("sub02", "EP13_10", "surprise"),
        ("sub08", "EP12_2_1", "disgust"),
    ]
    first, last = clips[0], clips[3]
    assert first.files[first.onset : first.onset + 3] == ("EP01_5-98.jpg", "EP01_5-99.jpg", "EP01_5-100.jpg")
    assert [last.files[place] for place in (last.onset, last.apex, last.offset)] == [
        "EP12_2_1-009.jpg", "EP12_2_1-011.jpg", "EP12_2_1-014.jpg",
    ]  # fmt: skip
    assert {clip.fps for clip in clips} == {60.0}
    assert [(item.clip_id, item.stage) for item in clips.skipped] == [("EP07", "task")]


def test_the_annotation_keeps_both_apexes_and_the_times(tmp_path):
    annotation = survey(casme(tmp_path)).clips[1].annotation
    assert (annotation["ApexF1"], annotation["ApexF2"]) == ("24", "25")
    assert (annotation["Onset(ms)"], annotation["Total(ms)"]) == ("50", "150")
    assert (annotation["Action Units"], annotation["Emotion"]) == ("L14+?", "repression")


def test_a_backslash_or_nothing_is_no_apex(tmp_path):
    rows = [
        *ROWS,
        (3, "EP09_3", None, 8, NONE, NONE, 14, None, None, None, 4, "tense"),
        (3, "EP09_4", None, 8, None, NONE, 14, None, None, None, 4, "tense"),
        (3, "EP09_5", None, 8, 20, NONE, 14, None, None, None, 4, "tense"),
    ]
    found = survey(casme(tmp_path, rows))
    assert [clip.apex is None for clip in found.clips] == [False] * 5 + [True] * 3
    notes = said(found, "note")
    assert any("EP09_3" in line and "no apex ('\\\\')" in line for line in notes)
    assert any("EP09_4" in line and "no apex ('')" in line for line in notes)
    assert any("EP09_5" in line and "apex 20 is not among its frames" in line for line in said(found, "warning"))


@pytest.mark.parametrize("named", ["", "..", RAW])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = casme(tmp_path / "data" / "CASME")
    assert len(survey(root / named).clips) == 5


def test_another_corpus_beside_it_is_not_taken_for_it(tmp_path):
    casme(tmp_path / "CASME")
    draw(tmp_path / "CASME2" / "CASME2_RAW_selected" / "sub01" / "EP02_01f" / "img46.jpg")
    write_table(tmp_path / "CASME2" / "CASME2-coding-20140508.xlsx", [])
    assert len(survey(tmp_path).clips) == 5
    shutil.rmtree(tmp_path / "CASME" / RAW)
    with pytest.raises(CorpusNotFoundError, match=r"no frames of CASME are here.*sub01/EP01_12/EP01_12-73\.jpg"):
        survey(tmp_path)


def test_raw_frames_win_and_cropped_ones_can_be_asked_for(tmp_path):
    casme(tmp_path)
    casme(tmp_path, tree="Cropped", prefix="reg_")
    assert not survey(tmp_path).clips[0].cropped
    cropped = survey(tmp_path, frames="cropped").clips[3]
    assert (cropped.cropped, cropped.files[0], cropped.onset, cropped.offset) == (True, "reg_EP12_2_1-009.jpg", 0, 5)


@pytest.mark.parametrize(("a", "b"), [("Section A", "Section B"), ("CASME_A/Section A", "CASME_B/Section B")])
def test_sections_in_folders_of_their_own_are_read_as_one(tmp_path, a, b):
    casme(tmp_path, ROWS[3:], tree=b)
    casme(tmp_path, ROWS[:3], tree=a)
    draw_clip(tmp_path / b, 9, "EP99", range(3))
    write_table(tmp_path / TABLE, ROWS, COLUMNS)
    found = survey(tmp_path)
    assert [clip.path.relative_to(tmp_path).as_posix() for clip in found.clips[2:4]] == [
        f"{a}/sub02/EP13_10",
        f"{b}/sub08/EP12_2_1",
    ]
    assert not found.skipped
    assert [line.rpartition(": ")[2] for line in said(found, "note") if b in line] == [
        "the coding table has no row for this folder"
    ]


def test_two_copies_of_one_section_are_both_named(tmp_path):
    casme(tmp_path, ROWS[:3], tree="one/Section A")
    casme(tmp_path, ROWS[:3], tree="two/Section A")
    with pytest.raises(CorpusError, match="Name the one"):
        survey(tmp_path)


@pytest.mark.parametrize("frames_folder", ["ep13_10", "EP13_010"])
def test_a_folder_may_differ_in_case_or_padding(tmp_path, frames_folder):
    root = casme(tmp_path)
    (root / RAW / "sub02" / "EP13_10").rename(root / RAW / "sub02" / frames_folder)
    found = survey(root)
    assert found.clips[2].path.name == frames_folder
    assert any(f"its folder is called sub02/{frames_folder}" in line for line in said(found, "note"))


def test_an_offset_beyond_the_images_is_told(tmp_path):
    root = casme(tmp_path)
    rows = [*ROWS[:3], (8, "EP12_2_1", None, 9, 11, 12, 40, None, 33, 100, "9+4", "disgust")]
    write_table(root / TABLE, rows, COLUMNS)
    found = survey(root)
    assert found.clips[3].files[found.clips[3].offset] == "EP12_2_1-016.jpg"
    assert any("the offset 40 lies after the last image, 16" in line for line in said(found, "warning"))


def test_a_row_that_misses_its_images_is_left_out_with_the_reason(tmp_path):
    root = casme(tmp_path)
    rows = [
        *ROWS[1:],
        (1, "EP01_5", None, 198, 201, NONE, 204, None, 50, 117, 4, "tense"),
        (1, "EP99", None, 1, 2, NONE, 4, None, 50, 117, 4, "tense"),
        (2, "EP14", None, 1, 2, NONE, NONE, None, 50, 117, 4, "tense"),
        (2, "../../secret", None, 1, 2, NONE, 4, None, 50, 117, 4, "tense"),
        ("total", None, None, None, None, None, None, None, None, None, None, "189"),
    ]
    draw_clip(root / RAW, 2, "EP14", range(8))
    write_table(root / TABLE, rows, COLUMNS)
    found = survey(root)
    reasons = {item.clip_id: item.reason for item in found.skipped}
    assert reasons["EP01_5"] == "no frame from onset 198 to offset 204 is there, only 96 to 106"
    assert reasons["EP99"].startswith("no frames")
    assert reasons["EP14"] == "has no whole number as offset"
    assert "refused" in reasons["../../secret"]
    assert any("the row is no clip: total, 189" in line for line in said(found, "note"))
    assert len(found.clips) == 4


def test_the_misspelt_emotion_is_corrected_unless_that_is_refused(tmp_path):
    rows = [*ROWS, (1, "EP14_1", None, 5, 7, NONE, 9, None, 33, 83, 14, "comtempt")]
    root = casme(tmp_path, rows)
    found = survey(root)
    assert (found.clips[5].annotation["Emotion"], found.corrections) == ("contempt", 1)
    assert any("'comtempt' is read as 'contempt'" in line for line in said(found, "note"))
    assert check_corpus("casme", root).ok
    untouched = survey(root, corrections=False)
    assert (untouched.clips[5].annotation["Emotion"], untouched.corrections) == ("comtempt", 0)


def test_a_renamed_column_names_those_looked_for_and_found(tmp_path):
    casme(tmp_path, columns=[name if name != "ApexF1" else "Peak" for name in COLUMNS])
    with pytest.raises(AnnotationError, match=r"ApexF1; looked for Subject.*found Subject, Filename, OnsetF, Peak"):
        survey(tmp_path)


def test_two_coding_tables_are_named_and_one_can_be_chosen(tmp_path):
    casme(tmp_path)
    write_table(tmp_path / "CASME-coded-20130101.xlsx", ROWS[:2], COLUMNS)
    with pytest.raises(CorpusError, match=r"--coding 20130101"):
        survey(tmp_path)
    assert len(survey(tmp_path, coding="20190721").clips) == 5


def test_the_table_is_read_in_the_format_that_it_comes_in(tmp_path):
    """Excel 97; the rows are made up."""
    casme(tmp_path, (ROWS[0], ROWS[3]))
    (tmp_path / TABLE).unlink()
    shutil.copy(Path(__file__).parent / "data" / "CASME-coded-20190721.xls", tmp_path)
    found = survey(tmp_path)
    assert (found.edition, found.tables[0].suffix) == ("20190721", ".xls")
    assert [clip.clip_id for clip in found.clips] == ["EP01_5", "EP12_2_1"]
    assert found.clips[1].annotation["ApexF2"] == "12"


def test_a_table_saved_under_the_other_suffix_is_read(tmp_path):
    casme(tmp_path)
    (tmp_path / TABLE).rename(tmp_path / "CASME-coded-20190721.xls")
    assert len(survey(tmp_path).clips) == 5
