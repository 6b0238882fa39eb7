"""The SAMM loader: a table below its explanation, odd padding, impossible apexes, and codes of every form."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from corpus_copies import draw

from dstan.corpora import Options, check_corpus, load_corpus
from dstan.corpora.samm import SAMM
from dstan.errors import AnnotationError, CorpusError, CorpusNotFoundError
from dstan.facs import parse_action_units

COLUMNS = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
    "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
TABLE = "SAMM_Micro_FACS_Codes_v2.xlsx"


def row(name, onset, apex, offset, units="4+7", emotion="Anger", objective=3, *, duration=None, subject=None):
    subject = name[:3] if subject is None else subject
    duration = offset - onset + 1 if duration is None else duration
    return (subject, name, int(name[4]), onset, apex, offset, duration, "Micro - 1/2", units, emotion, objective, None)


ROWS = (
    row("006_1_2", 5562, 5565, 5570),
    row("006_5_10", 9998, 10001, 10003, "L20+21", "Fear", 6),
    row("007_6_1", 497, 499, 502, "(R6 or R12)+R15", "Happiness", 7),
    row("019_3_2", 872, 874, 879, "L2A", "Other", 7),
    row("030_1_1", 95, 98, 101, "4A/B", "Anger", 3),
)


def write_samm(path: Path, rows, columns=COLUMNS) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "MICRO_ONLY"
    book.active.append(["SAMM Dataset - Master FACS Codes"])
    for _ in range(4):
        book.active.append([None])
    for line in (
        "Symbol Key:",
        '"/" = or',
        '"?" = unclear offset',
        None,
        "AU Help:",
        '"L2" = left',
        '"A2" = uneven',
        None,
    ):
        book.active.append([line])
    for line in (columns, *rows):
        book.active.append(list(line))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def samm(root: Path, rows=ROWS, *, tree: str = "SAMM", width: int = 5) -> Path:
    for _, name, _, onset, _, offset, *_ in rows:
        for number in range(onset - 2, offset + 3):
            draw(root / tree / name[:3] / name / f"{name[:3]}_{number:0{width}d}.jpg")
    write_samm(root / TABLE, rows)
    return root


def survey(root, **options):
    return SAMM.survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def test_the_header_is_found_in_row_14(tmp_path):
    clips = load_corpus("samm", samm(tmp_path))
    assert [(clip.subject, clip.clip_id, clip.label) for clip in clips] == [
        ("006", "006_1_2", "anger"),
        ("007", "007_6_1", "happiness"),
        ("019", "019_3_2", "others"),
        ("030", "030_1_1", "anger"),
    ]
    assert clips[0].annotation["Row"] == f"{TABLE} row 15"
    assert clips[0].annotation["Estimated Emotion"] == "Anger"
    assert clips[0].annotation["Objective Classes"] == "3"
    assert clips[0].annotation["Micro"] == "Micro - 1/2"
    assert {clip.fps for clip in clips} == {200.0}
    assert [(item.clip_id, item.stage) for item in clips.skipped] == [("006_5_10", "task")]


@pytest.mark.parametrize("width", [1, 4, 5])
def test_frames_are_found_by_number_however_they_are_padded(tmp_path, width):
    clip = survey(samm(tmp_path, width=width)).clips[1]
    numbers = [int(clip.files[place].split("_")[1].removesuffix(".jpg")) for place in range(len(clip.files))]
    assert numbers == list(range(9996, 10006))
    assert [numbers[place] for place in (clip.onset, clip.apex, clip.offset)] == [9998, 10001, 10003]


@pytest.mark.parametrize("named", ["", "..", "SAMM", "SAMM/SAMM"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = samm(tmp_path / "data" / "corpus", tree="SAMM/SAMM")
    assert len(survey(root / named).clips) == 5


@pytest.mark.parametrize("write", [str, int, "{:03d}".format])
def test_subjects_are_read_as_text_or_number(tmp_path, write):
    root = samm(tmp_path)
    write_samm(root / TABLE, [(write(int(subject)), *rest) for subject, *rest in ROWS])
    assert [clip.subject for clip in survey(root).clips] == ["006", "006", "007", "019", "030"]


def test_a_person_s_folder_without_padding_is_found(tmp_path):
    root = samm(tmp_path)
    (root / "SAMM" / "006").rename(root / "SAMM" / "6")
    found = survey(root)
    assert found.clips[0].path == root / "SAMM" / "6" / "006_1_2"
    assert any("its folder is called 6/006_1_2" in line for line in said(found, "note"))


def test_apexes_outside_of_their_clips_count_as_missing(tmp_path):
    rows = [row("028_4_1", 1071, 1143, 1134, "A14C", "Contempt", 7), row("032_3_1", 4896, 1930, 4970, "4A")]
    root = samm(tmp_path, rows)
    corrected = survey(root)
    assert [clip.apex for clip in corrected.clips] == [None, None]
    assert [clip.annotation["Apex Frame"] for clip in corrected.clips] == ["", ""]
    assert corrected.corrections == 2
    assert sum("repairs differ" in line for line in said(corrected, "note")) == 2
    plain = survey(root, corrections=False)
    assert [clip.apex for clip in plain.clips] == [None, None]
    assert [clip.annotation["Apex Frame"] for clip in plain.clips] == ["1143", "1930"]
    assert sum("is not among its frames" in line for line in said(plain, "warning")) == 2


def test_a_table_that_was_repaired_by_hand_is_left_alone(tmp_path):
    found = survey(samm(tmp_path, [row("028_4_1", 1071, 1100, 1134, "A14C", "Contempt", 7)]))
    assert (found.corrections, found.clips[0].apex is None) == (0, False)


def test_a_duration_that_disagrees_is_told(tmp_path):
    root = samm(tmp_path, [row("013_1_9", 5658, 5680, 5739, "7", "Anger", 7)])
    assert not said(survey(root), "warning")
    write_samm(root / TABLE, [row("013_1_9", 5658, 5680, 5793, "7", "Anger", 7, duration=82)])
    warnings = said(survey(root), "warning")
    assert any("onset 5658 to offset 5793 is 136 frames, but Duration says 82" in line for line in warnings)
    assert any("the offset 5793 lies after the last image, 5741" in line for line in warnings)


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        ("4+7", [4, 7]),
        ("(R6 or R12) + R15", [6, 12, 15]),
        ("L12 or L14", [12, 14]),
        ("R14A or 17A or 24A", [14, 17, 24]),
        ("10A/B", [10]),
        ("A/L12", [12]),
        ("ref(7B)+43", [7, 43]),
        ("7B+ ref(43)", [7, 43]),
        ("A9E+ref(10)", [9, 10]),
        ("L12 + 61", [12, 61]),
        ("12+15 ", [12, 15]),
        ("R14+17+soft focus", [14, 17]),
        ("4+13+T18+39", [4, 13, 18, 39]),
        ("B18+25", [18, 25]),
        ("A1B+A2C", [1, 2]),
        (38, [38]),
    ],
)
def test_every_form_of_action_units_is_read(tmp_path, units, numbers):
    found = survey(samm(tmp_path, [row("026_5_1", 5073, 5075, 5080, units, "Contempt", 7)]))
    (clip,) = found.clips
    assert clip.annotation["Action Units"] == str(units).strip()
    assert [unit.number for unit in parse_action_units(clip.annotation["Action Units"])] == numbers
    assert not said(found, "note")


def test_what_is_no_action_unit_is_told_and_kept(tmp_path):
    found = survey(samm(tmp_path, [row("026_5_1", 5073, 5075, 5080, "14+smirk", "Contempt", 7)]))
    assert found.clips[0].annotation["Action Units"] == "14+smirk"
    assert any("'smirk' is no action unit" in line for line in said(found, "note"))


def test_rows_that_cannot_be_used_are_left_out_with_their_reason(tmp_path):
    root = samm(tmp_path)
    rows = [
        *ROWS,
        row("006_9_9", 10, 12, 15),
        row("006_1_2", 5562, 5566, 5570),
        row("007_1_1", 15, 12, 10),
        ("007", "../../secret", 1, 1, 2, 3, 3, None, 4, "Anger", 3, None),
        ("someone", "007_2_2", 1, 1, 2, 3, 3, None, 4, "Anger", 3, None),
        ("Total", None, None, None, None, None, None, None, None, None, None, 159),
    ]
    for number in range(8, 20):
        draw(root / "SAMM" / "007" / "007_1_1" / f"007_{number:05d}.jpg")
    write_samm(root / TABLE, rows)
    found = survey(root)
    reasons = {item.clip_id: item.reason for item in found.skipped}
    assert reasons["006_9_9"].startswith("no frames: looked for images like 006_05562.jpg")
    assert reasons["006_1_2"] == "rows 15, 21 name the same clip and disagree"
    assert reasons["007_1_1"] == "onset 15 lies after offset 10"
    assert "refused" in reasons["../../secret"]
    assert reasons["007_2_2"] == "'someone' is no subject of SAMM"
    assert any("the row is no clip: Total, 159" in line for line in said(found, "note"))
    assert len(found.clips) == 4


def test_the_user_s_own_crops_are_recognised_by_their_folder(tmp_path):
    samm(tmp_path)
    samm(tmp_path, tree="SAMM_CROP")
    assert not survey(tmp_path).clips[0].cropped
    assert survey(tmp_path, frames="cropped").clips[0].cropped


def test_long_videos_beside_the_clips_are_another_corpus(tmp_path):
    draw(tmp_path / "SAMM_longvideos" / "006_1" / "006_1_00001.jpg")
    write_samm(tmp_path / TABLE, ROWS)
    with pytest.raises(CorpusNotFoundError, match=r"no frames of SAMM are here.*006_05562\.jpg"):
        survey(tmp_path)


def test_a_renamed_column_and_a_second_table_are_told(tmp_path):
    root = samm(tmp_path)
    write_samm(root / TABLE, ROWS, [name if name != "Apex Frame" else "Peak" for name in COLUMNS])
    with pytest.raises(AnnotationError, match=r"Apex Frame; looked for Subject.*found Subject, Filename"):
        survey(root)
    write_samm(root / TABLE, ROWS)
    write_samm(root / "SAMM_Micro_FACS_Codes.xlsx", ROWS[:2])
    with pytest.raises(CorpusError, match=r"2 coding tables are here"):
        survey(root)
    assert len(survey(root, coding="Codes_v2").clips) == 5


def test_a_small_copy_checks_and_is_compared_with_a_whole_one(tmp_path):
    report = check_corpus("samm", samm(tmp_path))
    assert report.ok
    assert (report.counts["clips"], report.expected["clips"]) == (5, 159)


def test_the_sheet_of_micro_expressions_is_read_wherever_it_stands(tmp_path):
    root = samm(tmp_path)
    whole = len(survey(root).clips)
    book = openpyxl.load_workbook(root / TABLE)
    macro = book.create_sheet("MACRO", 0)
    macro.append(list(COLUMNS))
    macro.append(["006", "006_9_9", 9, 1, 2, 3, 3, "Macro", "12", "Happiness", 1, None])
    book.save(root / TABLE)
    assert len(survey(root).clips) == whole
