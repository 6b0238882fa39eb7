"""The MMEW loader: trimmed clips, folders by emotion, and every quirk of the field."""

from __future__ import annotations

import pytest
from corpus_copies import draw_frames, write_table

from dstan.corpora import Options, load_corpus
from dstan.corpora.mmew import MMEW
from dstan.corpora.trimmed import COUNTED, in_step
from dstan.errors import AnnotationError, CorpusError, CorpusNotFoundError

COLUMNS = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion", "remarks",
)  # fmt: skip
ROWS = (
    (1, "S01-01-001", 1, 3, 6, "6+12", "happiness", None),
    (1, "S01-04-001", 312, 315, 319, 4, "others", "clear"),
    (3, "S03-02-001", 1, 4, 9, "12L", "surprise", None),
    (13, "S13-07-001", 880, 884, 889, "4(7)", "anger", None),
)
TABLE = "MMEW_Micro_Exp.xlsx"


def mmew(root, rows=ROWS, folder="Micro_Expression/{emotion}/{name}", table=TABLE):
    """Write a small copy: clips trimmed to onset and offset, numbered from 1."""
    for subject, name, onset, _, offset, _, emotion, _ in rows:
        place = root / folder.format(emotion=emotion, name=name, subject=f"S{subject:02d}")
        draw_frames(place, range(1, offset - onset + 2), "")
    write_table(root / table, rows, COLUMNS)
    return root


def survey(root, **options):
    return MMEW.survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def frames_of(clip):
    return [None if place is None else clip.files[place] for place in (clip.onset, clip.apex, clip.offset)]


def test_a_clip_knows_its_frames_and_its_annotation(tmp_path):
    clips = load_corpus("mmew", mmew(tmp_path))
    assert [clip.key[1:] for clip in clips] == [
        ("S01", "S01-01-001"), ("S01", "S01-04-001"), ("S03", "S03-02-001"), ("S13", "S13-07-001"),
    ]  # fmt: skip
    assert [clip.label for clip in clips] == ["happiness", "others", "surprise", "anger"]
    assert frames_of(clips[0]) == ["1.jpg", "3.jpg", "6.jpg"]
    assert (clips[0].fps, clips[0].cropped) == (90.0, False)
    assert clips[1].annotation["remarks"] == "clear"
    assert clips[2].annotation["Action Units"] == "12L"


def test_numbers_of_the_whole_recording_are_put_in_step_with_the_clip(tmp_path):
    found = survey(mmew(tmp_path))
    by_name = {clip.clip_id: clip for clip in found.clips}
    assert frames_of(by_name["S01-04-001"]) == ["1.jpg", "4.jpg", "8.jpg"]
    assert by_name["S01-04-001"].annotation["OnsetFrame"] == "312"
    assert COUNTED in by_name["S01-04-001"].annotation
    assert COUNTED not in by_name["S01-01-001"].annotation
    assert any("frames of 2 clips are numbered from the clip's start" in line for line in said(found, "note"))
    assert said(found, "warning") == []


def test_clips_that_kept_the_numbers_of_the_recording_are_read_by_these(tmp_path):
    rows = [(2, "S02-03-001", 412, 415, 419, "4", "disgust", None)]
    root = mmew(tmp_path, rows)
    folder = root / "Micro_Expression" / "disgust" / "S02-03-001"
    for number in range(1, 9):
        (folder / f"{number}.jpg").rename(folder / f"{number + 411}.jpg")
    (clip,) = survey(root).clips
    assert frames_of(clip) == ["412.jpg", "415.jpg", "419.jpg"]
    assert COUNTED not in clip.annotation


@pytest.mark.parametrize(
    ("files", "onset", "offset", "first"),
    [
        (range(1, 77), 1, 76, 1),
        (range(1, 77), 312, 387, 312),
        (range(1, 77), 20, 95, 20),
        (range(76), 312, 387, 312),
        (range(312, 388), 312, 387, 312),
        (range(300, 400), 312, 387, 300),
        (range(5, 77), 1, 76, 5),
        (range(1, 61), 312, 387, 312),
        (range(1, 77), None, 5, 1),
        (range(1, 77), 9, 5, 1),
    ],
)  # fmt: skip
def test_the_files_decide_how_the_table_counts(files, onset, offset, first):
    numbers = in_step({number: f"{number}.jpg" for number in files}, onset, offset)
    assert min(numbers) == first
    assert list(numbers.values()) == [f"{number}.jpg" for number in files]


def test_numbers_that_fit_neither_way_are_told(tmp_path):
    root = mmew(tmp_path)
    rows = [
        (1, "S01-01-001", 1, 3, 90, "6+12", "happiness", None),
        (1, "S01-04-001", 312, 350, 390, 4, "others", None),
        (3, "S03-02-001", 512, 514, 516, "12L", "surprise", None),
    ]
    write_table(root / TABLE, rows, COLUMNS)
    found = survey(root)
    warnings = said(found, "warning")
    assert any(
        "S01-01-001" in line and "onset 1 to offset 90 fit neither the numbers of its files, 1 to 6" in line
        for line in warnings
    )
    assert any("S01-04-001" in line and "onset 312 to offset 390 fit neither" in line for line in warnings)
    assert any("S01-04-001" in line and "apex 350 is not among its frames" in line for line in warnings)
    assert any("S03-02-001" in line and "has 4 frames more than onset to offset" in line for line in warnings)
    assert [frames_of(clip) for clip in found.clips] == [
        ["1.jpg", "3.jpg", "6.jpg"], ["1.jpg", None, "8.jpg"], ["1.jpg", "3.jpg", "5.jpg"],
    ]  # fmt: skip


@pytest.mark.parametrize("named", ["", "..", "Micro_Expression"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = mmew(tmp_path / "data" / "MMEW_Final")
    (root / "Macro_Expression" / "S01" / "anger").mkdir(parents=True)
    draw_frames(root / "Macro_Expression" / "S01" / "anger", [1], "S01-07-00")
    assert len(survey(root / named).clips) == 4


@pytest.mark.parametrize("named", ["", "..", "Micro_Expression"])
def test_a_folder_for_each_person_is_read_too(tmp_path, named):
    root = mmew(tmp_path / "data" / "MMEW", folder="Micro_Expression/{subject}/{emotion}/{name}")
    draw_frames(root / "Macro_Expression" / "S01" / "anger", [1], "S01-07-00")
    found = survey(root / named)
    assert [clip.path.parent.parent.name for clip in found.clips] == ["S01", "S01", "S03", "S13"]
    assert said(found, "warning") == []


def test_a_doubled_folder_is_found(tmp_path):
    found = survey(mmew(tmp_path, folder="Micro_Expression/Micro_Expression/{emotion}/{name}"))
    assert len(found.clips) == 4
    assert any("folder of the same name" in line for line in said(found, "note"))


def test_the_folder_of_others_may_be_called_repression(tmp_path):
    root = mmew(tmp_path)
    (root / "Micro_Expression" / "others").rename(root / "Micro_Expression" / "repression")
    found = survey(root)
    assert len(found.clips) == 4
    assert any(line == "repression: 1 clips of others lie in this folder" for line in said(found, "note"))
    assert said(found, "warning") == []


def test_a_clip_in_the_folder_of_another_emotion_is_found_and_told(tmp_path):
    root = mmew(tmp_path)
    tree = root / "Micro_Expression"
    (tree / "anger" / "S13-07-001").rename(tree / "surprise" / "s13-07-001")
    clips = load_corpus("mmew", root)
    assert clips[3].label == "anger"
    assert clips[3].path.parent.name == "surprise"
    assert any("lies in the folder surprise, but is 'anger'" in line for line in said(survey(root), "warning"))


def test_the_name_tells_the_person_or_else_the_column(tmp_path):
    rows = [(2, *ROWS[0][1:]), ("S01", *ROWS[1][1:]), (None, *ROWS[2][1:])]
    root = mmew(tmp_path)
    write_table(root / TABLE, rows, COLUMNS)
    found = survey(root)
    assert [clip.subject for clip in found.clips] == ["S01", "S01", "S03"]
    assert [line.partition(": ")[2] for line in said(found, "warning")] == [
        "the column Subject says '2'", "the column Subject says ''",
    ]  # fmt: skip


def test_clips_that_cannot_be_used_are_skipped_with_their_reason(tmp_path):
    rows = [
        *ROWS,
        (5, "S05-03-001", 1, 4, 8, "4", "disgust", None),
        (6, "S06-03-001", 8, 4, 1, "4", "disgust", None),
        (6, "S06-03-002", None, 4, 8, "4", "disgust", None),
        (1, "S01-01-001", 1, 3, 5, "6+12", "happiness", None),
        (7, "../../secret", 1, 2, 3, "4", "disgust", None),
        ("mean", None, None, 4.5, None, None, None, None),
        ("nobody", "S", 1, 2, 3, "4", "disgust", None),
    ]
    root = mmew(tmp_path)
    for name in ("S06-03-001", "S06-03-002"):
        draw_frames(root / "Micro_Expression" / "disgust" / name, range(1, 9), "")
    write_table(root / TABLE, rows, COLUMNS)
    found = survey(root)
    reasons = {item.clip_id: item.reason for item in found.skipped}
    assert "no frames: looked for images like 1.jpg" in reasons["S05-03-001"]
    assert reasons["S06-03-001"] == "onset 8 lies after offset 1"
    assert reasons["S06-03-002"] == "has no whole number as onset"
    assert reasons["S01-01-001"] == "rows 2, 9 name the same clip and disagree"
    assert "refused: it is a path" in reasons["../../secret"]
    assert reasons["S"] == "'nobody' is no subject of MMEW"
    assert any("the row is no clip: mean, 4.5" in line for line in said(found, "note"))
    assert len(found.clips) == 3


def test_an_emotion_that_is_no_folder_s_name_is_left_to_the_task(tmp_path):
    root = mmew(tmp_path)
    write_table(root / TABLE, [(*ROWS[0][:6], "../secret", None), (*ROWS[1][:6], None, None)], COLUMNS)
    found = survey(root)
    assert [clip.annotation["Estimated Emotion"] for clip in found.clips] == ["../secret", ""]
    with pytest.raises(CorpusError, match=r"'\.\./secret' is not a known word"):
        load_corpus("mmew", root)


def test_a_missing_apex_an_unreadable_unit_and_lost_frames_are_told(tmp_path):
    rows = [(1, "S01-01-001", 101, "/", 106, "6+smile", "happiness", None)]
    root = mmew(tmp_path, rows)
    (root / "Micro_Expression" / "happiness" / "S01-01-001" / "3.jpg").unlink()
    found = survey(root)
    (clip,) = found.clips
    assert clip.annotation["Lost frames"] == "103"
    assert any("no apex ('/')" in line for line in said(found, "note"))
    assert any("'smile' is no action unit" in line for line in said(found, "note"))


def test_equal_rows_count_once_and_folders_without_a_row_are_told(tmp_path):
    root = mmew(tmp_path)
    for name in ("S09-05-001", "spare"):
        draw_frames(root / "Micro_Expression" / "fear" / name, range(1, 5), "")
    write_table(root / TABLE, [*ROWS, ROWS[0]], COLUMNS)
    found = survey(root)
    assert len(found.clips) == 4
    assert any("rows 2, 6 are the same" in line for line in said(found, "warning"))
    assert sum("the coding table has no row for this folder" in line for line in said(found, "note")) == 2


def test_a_renamed_column_and_a_second_table_are_told(tmp_path):
    root = mmew(tmp_path)
    write_table(root / "MMEW_Micro_Exp_v2.xlsx", ROWS[:2], COLUMNS)
    with pytest.raises(CorpusError, match="2 coding tables"):
        survey(root)
    assert len(survey(root, coding="v2").clips) == 2
    write_table(root / "MMEW_Micro_Exp_v2.xlsx", ROWS, [name if name != "Filename" else "Clip" for name in COLUMNS])
    with pytest.raises(AnnotationError, match=r"no column is called Filename; looked for Subject.*found Subject, Clip"):
        survey(root, coding="v2")


def test_without_frames_or_table_the_message_says_what_is_looked_for(tmp_path):
    (tmp_path / "x" / "anger").mkdir(parents=True)
    with pytest.raises(CorpusNotFoundError, match="MMEW_Micro_Exp"):
        survey(tmp_path / "x")
    (tmp_path / "y" / "S01-01-001").mkdir(parents=True)
    with pytest.raises(CorpusNotFoundError, match=r"Micro_Expression/happiness/S01-01-001/1\.jpg"):
        survey(tmp_path / "y")
