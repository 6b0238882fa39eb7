"""The SMIC-E loader: long videos, several micro-expressions in a row of the table."""

from __future__ import annotations

import csv

import openpyxl
import pytest
from corpus_copies import draw

from dstan.corpora import CORPORA, Options, load_corpus
from dstan.errors import AnnotationError, CorpusError, CorpusNotFoundError

COLUMNS = (
    "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F", None, "FirstF",
    "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL", "Emotion",
)  # fmt: skip
SHORT = tuple(name for name in COLUMNS if name not in ("Onset3F", "Offset3F", "TotalMF3"))
TABLE = "SMIC-HS-E_annotation.xlsx"
VIDEOS = "HS_long/SMIC-HS-E"


def row(subject, name, first, *events, emotion="negative", length=40, columns=COLUMNS):
    cells = {"Subject": subject, "Filename": name, "FirstF": first, "LastF": first + length - 1, "Emotion": emotion}
    for number, (onset, offset) in zip(("", "2", "3"), events, strict=False):
        cells |= {f"Onset{number}F": onset, f"Offset{number}F": offset}
    return [cells.get(column) for column in columns]


ROWS = (
    row(20, "s20_ne_01", 17581020, (17581039, 17581055)),
    row(4, "s4_ne_04", 99980, (99990, 99995), (100001, 100006), (100010, 100015)),
    row(18, "s18_sur_03", 1695770, (1695782, 1695800)),
)


def write(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for cells in rows:
            sheet.append(list(cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def smic_e(root, rows=ROWS, *, videos=VIDEOS, pad="02", table=f"HS_long/{TABLE}", columns=COLUMNS):
    vis = row(18, "s18_sur_03", 400, (405, 410), emotion="surprise", columns=SHORT)
    write(root / table, {"VIS": [SHORT, vis], "HS": [columns, *rows]})
    for cells in rows:
        if isinstance(first := cells[columns.index("FirstF")], int):
            for number in range(first, cells[columns.index("LastF")] + 1):
                draw(root / videos / f"s{int(cells[0]):{pad}}" / str(cells[1]) / f"image{number:06d}.jpg")
    return root


def survey(root, **options):
    return CORPORA["smic-e"].survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def test_each_micro_expression_of_a_video_is_a_clip(tmp_path):
    clips = load_corpus("smic-e", smic_e(tmp_path))
    assert [clip.key[1:] for clip in clips] == [
        ("s20", "s20_ne_01"),
        ("s4", "s4_ne_04"),
        ("s4", "s4_ne_04-2"),
        ("s4", "s4_ne_04-3"),
        ("s18", "s18_sur_03"),
    ]
    spans = [(clip.files[clip.onset], clip.files[clip.offset]) for clip in clips]
    assert spans[0] == ("image17581039.jpg", "image17581055.jpg")
    assert spans[1:4] == [
        ("image099990.jpg", "image099995.jpg"),
        ("image100001.jpg", "image100006.jpg"),
        ("image100010.jpg", "image100015.jpg"),
    ]
    assert {clip.apex for clip in clips} == {None}
    assert {clip.label for clip in clips[1:4]} == {"negative"}
    assert clips[2].path == tmp_path / VIDEOS / "s04" / "s4_ne_04"
    assert (clips[2].fps, clips[2].annotation["Event"], clips[2].annotation["OnsetF"]) == (100.0, "2", "100001")


def test_the_sheet_of_the_high_speed_camera_is_read_though_another_comes_first(tmp_path):
    found = survey(smic_e(tmp_path))
    assert {clip.annotation["FirstF"] for clip in found.clips} == {"17581020", "99980", "1695770"}


def test_a_label_against_the_clips_own_name_is_corrected_and_told(tmp_path):
    found = survey(smic_e(tmp_path))
    assert [clip.annotation["Emotion"] for clip in found.clips if clip.subject == "s18"] == ["surprise"]
    assert found.corrections == 1
    assert any("s18/s18_sur_03" in line and "read as 'surprise'" in line for line in said(found, "note"))
    as_it_is = survey(tmp_path, corrections=False)
    assert [clip.annotation["Emotion"] for clip in as_it_is.clips if clip.subject == "s18"] == ["negative"]
    assert any("is negative, though its name says surprise" in line for line in said(as_it_is, "warning"))


@pytest.mark.parametrize(
    ("third", "says"),
    [
        ((100010, None), "event 3 has no offset"),
        ((None, 100015), "event 3 has no onset"),
        (("see s4_ne_05", None), "event 3 has no onset"),
        ((100015, 100010), "event 3 has an onset 100015 after its offset 100010"),
        ((17, 25), "event 3 (17-25) lies outside of the video's frames 99980-100019"),
        ((100006, 100012), "event 3 (100006-100012) is at the same time as another, 100001-100006"),
    ],
)
def test_a_bogus_third_onset_is_left_out_and_told(tmp_path, third, says):
    found = survey(smic_e(tmp_path, [row(4, "s4_ne_04", 99980, (99990, 99995), (100001, 100006), third)]))
    assert [clip.clip_id for clip in found.clips] == ["s4_ne_04", "s4_ne_04-2"]
    assert said(found, "warning") == [f"s4_ne_04 ({TABLE} row 2): {says}"]
    assert found.skipped == []


def test_text_below_the_last_row_is_told(tmp_path):
    note = ["Note: three videos are lost"] + [None] * 16
    smic_e(tmp_path)
    write(tmp_path / "HS_long" / TABLE, {"HS": [COLUMNS, *ROWS, [None] * 17, note]})
    found = survey(tmp_path)
    assert len(found.clips) == 5
    assert [line for line in said(found, "note") if "no clip" in line] == [
        f"{TABLE} row 6: the row is no clip: Note: three videos are lost"
    ]


def test_a_video_that_the_archive_lacks_is_skipped_with_its_reason(tmp_path):
    lacking = row(3, "s3_ne_03", 0, (302400, 302420))
    lacking[COLUMNS.index("FirstF")] = "in s3_ne_02"
    found = survey(smic_e(tmp_path, [*ROWS, lacking]))
    (skipped,) = found.skipped
    assert skipped.clip_id == "s3_ne_03"
    assert skipped.reason.startswith("no frames: looked for images like image257600.jpg")


@pytest.mark.parametrize("pad", ["02", "01"])
def test_the_folder_of_a_person_may_be_padded_or_not(tmp_path, pad):
    found = survey(smic_e(tmp_path, ROWS[1:2], pad=pad))
    assert found.clips[0].key[1:] == ("s4", "s4_ne_04")
    assert found.skipped == []


def test_a_padded_name_in_the_table_means_the_same_clip(tmp_path):
    smic_e(tmp_path, ROWS[1:2])
    write(tmp_path / "HS_long" / TABLE, {"HS": [COLUMNS, ["s04", "s04_ne_04", *ROWS[1][2:]]]})
    found = survey(tmp_path)
    assert [clip.key[1:] for clip in found.clips] == [("s4", "s4_ne_04"), ("s4", "s4_ne_04-2"), ("s4", "s4_ne_04-3")]


@pytest.mark.parametrize("named", ["", "..", "HS_long", "HS_long/SMIC-HS-E", "HS_long/SMIC-HS-E/HS"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = smic_e(tmp_path / "data" / "SMIC-E_raw image", videos="HS_long/SMIC-HS-E/HS")
    assert len(survey(root / named).clips) == 5


def test_other_cameras_and_the_short_clips_beside_them_are_not_taken_for_it(tmp_path):
    root = smic_e(tmp_path)
    draw(root / "VIS_long" / "SMIC-VIS-E" / "VIS" / "s18" / "s18_sur_03" / "image000400.jpg")
    draw(root / "NIR_long" / "SMIC-NIR-E" / "s18" / "s18_sur_03" / "image000400.jpg")
    draw(root / "SMIC_all_raw" / "HS" / "s18" / "micro" / "surprise" / "s18_sur_03" / "image1695782.bmp")
    assert len(survey(root).clips) == 5


def test_the_shorter_table_and_the_older_columns_are_read(tmp_path):
    rows = [row(4, "s4_ne_04", 99980, (99990, 99995), (100001, 100006), columns=SHORT)]
    found = survey(smic_e(tmp_path, rows, columns=SHORT))
    assert [clip.clip_id for clip in found.clips] == ["s4_ne_04", "s4_ne_04-2"]


def test_of_two_tables_one_can_be_chosen_by_its_name(tmp_path):
    smic_e(tmp_path)
    write(tmp_path / "HS_long" / "SMIC-HS-E_annotation_2019.xlsx", {"HS": [COLUMNS, ROWS[0]]})
    with pytest.raises(CorpusError, match="--coding SMIC-HS-E_annotation"):
        survey(tmp_path)
    assert len(survey(tmp_path, coding="SMIC-HS-E_annotation").clips) == 5
    assert len(survey(tmp_path, coding="2019").clips) == 1


def test_the_table_may_be_csv(tmp_path):
    smic_e(tmp_path, ROWS[:1])
    (tmp_path / "HS_long" / TABLE).unlink()
    with (tmp_path / "HS_long" / "SMIC-HS-E_annotation.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, ROWS[0]])
    assert [clip.clip_id for clip in survey(tmp_path).clips] == ["s20_ne_01"]


def test_rows_that_name_no_clip_or_lead_elsewhere_are_skipped(tmp_path):
    smic_e(tmp_path)
    extra = [
        row("subject four", "s4_ne_07", 1, (5, 6)),
        row(4, "../../secret", 1, (5, 6)),
        row(20, "s20_ne_01", 17581020, (17581039, 17581050)),
    ]
    write(tmp_path / "HS_long" / TABLE, {"HS": [COLUMNS, *ROWS, *extra]})
    reasons = {item.clip_id: item.reason for item in survey(tmp_path).skipped}
    assert reasons["s4_ne_07"] == "'subject four' is no subject of SMIC-E"
    assert "refused" in reasons["../../secret"]
    assert reasons["s20_ne_01"] == "rows 2, 7 name the same clip and disagree"


def test_a_renamed_column_and_a_missing_table_are_told(tmp_path):
    smic_e(tmp_path)
    write(tmp_path / "HS_long" / TABLE, {"HS": [["Start" if name == "OnsetF" else name for name in COLUMNS], *ROWS]})
    with pytest.raises(AnnotationError, match="no column is called OnsetF"):
        survey(tmp_path)
    (tmp_path / "HS_long" / TABLE).unlink()
    with pytest.raises(CorpusNotFoundError, match=TABLE):
        survey(tmp_path)


def test_a_video_without_a_row_is_told(tmp_path):
    root = smic_e(tmp_path)
    draw(root / VIDEOS / "s05" / "s5_ne_01" / "image000001.jpg")
    assert any("s5_ne_01: the coding table has no row" in line for line in said(survey(root), "note"))


def test_the_family_films_the_same_people():
    assert {CORPORA[name].people for name in ("smic-hs", "smic-vis", "smic-nir", "smic-e")} == {"smic"}
