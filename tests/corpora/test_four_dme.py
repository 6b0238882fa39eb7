"""The 4DME loader: several emotions at once, static action units, two visits of one person."""

from __future__ import annotations

import pytest
from corpus_copies import draw, write_table

from dstan.corpora import Options, load_corpus
from dstan.corpora.four_dme import FOUR_DME
from dstan.errors import AnnotationError, CorpusError, CorpusNotFoundError
from dstan.facs import parse_action_units

COLUMNS = (
    "sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "fold", "eye blink",
    "Positive", "Negative", "Surprise", "Repression", "Others", "AU4", "AU7",
)  # fmt: skip
ROWS = (
    ("S01", "S01_001_01_1", "Positive", 1820, 1824, 1829, "AU12", 1, 0, 1, 0, 0, 0, 0, 0, 0),
    ("S01", "S01_002_01_1", "Surprise+Positive", 90, 95, 99, "AU1+R2", 1, 0, 1, 0, 1, 0, 0, 0, 0),
    ("S08", "S08_002_01_2", "Negative", 7, 9, 12, "AU4(k)+L7", 2, 1, 0, 1, 0, 0, 0, 1, 1),
    ("S13_2nd", "S13_2nd_001_01_1", "Others", 3, 5, 8, "AUR2+12(k)+45", 2, 0, 0, 0, 0, 0, 1, 0, 0),
)
TABLE = "4DME_Labelling_Micro_release v1.xlsx"


def four_dme(root, rows=ROWS, tree="gray_micro", image="Frame_{:09d}.jpg"):
    """Write a small copy: the frames of onset to offset, with the numbers of the recording."""
    for person, name, _, onset, _, offset, *_ in rows:
        for number in range(onset, offset + 1):
            draw(root / tree / person / name / image.format(number))
    write_table(root / TABLE, rows, COLUMNS)
    return root


def survey(root, **options):
    return FOUR_DME.survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def frames_of(clip):
    return [None if place is None else clip.files[place] for place in (clip.onset, clip.apex, clip.offset)]


def test_a_clip_knows_its_frames_and_all_its_emotions(tmp_path):
    found = survey(four_dme(tmp_path))
    assert [clip.key[1:] for clip in found.clips] == [
        ("S01", "S01_001_01_1"), ("S01", "S01_002_01_1"), ("S08", "S08_002_01_2"), ("S13", "S13_2nd_001_01_1"),
    ]  # fmt: skip
    assert [clip.annotation["Labels"] for clip in found.clips] == [
        "positive",
        "positive+surprise",
        "negative",
        "others",
    ]
    assert found.clips[1].annotation["Emotion"] == "Surprise+Positive"
    assert [found.clips[1].annotation[name] for name in COLUMNS[9:14]] == ["1", "0", "1", "0", "0"]
    assert frames_of(found.clips[0]) == ["Frame_000001820.jpg", "Frame_000001824.jpg", "Frame_000001829.jpg"]
    assert found.clips[0].fps is None
    assert said(found, "warning") == []


def test_the_task_takes_the_clips_with_one_emotion(tmp_path):
    clips = load_corpus("4dme", four_dme(tmp_path))
    assert [clip.label for clip in clips] == ["positive", "negative", "others"]
    assert [(item.clip_id, item.stage) for item in clips.skipped] == [("S01_002_01_1", "task")]


def test_static_units_are_marked(tmp_path):
    units = parse_action_units(survey(four_dme(tmp_path)).clips[2].annotation["Action Units"])
    assert [(unit.number, unit.side, unit.static) for unit in units] == [(4, "", True), (7, "L", False)]


@pytest.mark.parametrize("image", ["{}.jpg", "Frame_{:09d}.jpg", "img_{:04d}.png"])
def test_frames_numbered_from_the_clip_s_start_are_put_in_step(tmp_path, image):
    root = four_dme(tmp_path, ROWS[:2], image="other_{}.txt.bmp")
    for _, name, _, onset, _, offset, *_ in ROWS[:2]:
        folder = root / "gray_micro" / "S01" / name
        for number in range(onset, offset + 1):
            (folder / f"other_{number}.txt.bmp").rename(folder / image.format(number - onset + 1))
    found = survey(root)
    assert frames_of(found.clips[0]) == [image.format(number) for number in (1, 5, 10)]
    assert any("frames of 2 clips are numbered from the clip's start" in line for line in said(found, "note"))


def test_two_visits_are_one_person_and_keep_their_clips_apart(tmp_path):
    rows = [("S13_1st", "001_01_1", *ROWS[0][2:]), ("S13_2nd", "001_01_1", *ROWS[0][2:])]
    found = survey(four_dme(tmp_path, rows))
    assert [clip.key[1:] for clip in found.clips] == [("S13", "S13_1st_001_01_1"), ("S13", "S13_2nd_001_01_1")]
    assert [clip.path.parent.name for clip in found.clips] == ["S13_1st", "S13_2nd"]


def test_a_clip_is_found_by_its_name_alone(tmp_path):
    root = four_dme(tmp_path)
    people = root / "gray_micro"
    (people / "S13_2nd").rename(people / "S13")
    (people / "S01" / "S01_001_01_1").rename(people / "S01" / "S01_001_01_1-")
    found = survey(root)
    assert len(found.clips) == 4
    assert any("its folder is called S13/S13_2nd_001_01_1" in line for line in said(found, "note"))
    assert any("its folder is called S01/S01_001_01_1-" in line for line in said(found, "note"))


def test_columns_win_over_the_text_and_the_difference_is_told(tmp_path):
    rows = [
        (*ROWS[0][:2], "Negative", *ROWS[0][3:]),
        (*ROWS[1][:9], 1, 0, "x", 0, 0, 0, 0),
        (*ROWS[2][:2], "Bewilderment", *ROWS[2][3:9], 0, 0, 0, 0, 0, 1, 1),
    ]
    found = survey(four_dme(tmp_path, rows))
    assert [clip.annotation["Labels"] for clip in found.clips] == ["positive", "positive", ""]
    warnings = said(found, "warning")
    assert any("Emotion is 'Negative', but the columns say positive" in line for line in warnings)
    assert any("'bewilderment' in 'Bewilderment' is not a known word" in line for line in warnings)
    assert any("Surprise is 'x', not 0 or 1" in line for line in warnings)
    assert any("Emotion is 'Bewilderment', but the columns say nothing" in line for line in warnings)


@pytest.mark.parametrize("named", ["", "..", "gray_micro"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = four_dme(tmp_path / "data" / "4DME")
    draw(root / "long_gray_video" / "S08" / "S08_002_01" / "Frame_000001823.jpg")
    assert len(survey(root / named).clips) == 4


def test_raw_frames_win_and_cropped_ones_can_be_asked_for(tmp_path):
    four_dme(tmp_path)
    four_dme(tmp_path, tree="gray_micro_crop")
    assert not survey(tmp_path).clips[0].cropped
    assert survey(tmp_path, frames="cropped").clips[0].cropped


def test_the_grey_videos_are_taken_where_others_lie_beside_them(tmp_path):
    four_dme(tmp_path, tree="RGB_micro")
    four_dme(tmp_path)
    assert survey(tmp_path).clips[0].path.parent.parent.name == "gray_micro"
    assert survey(tmp_path / "RGB_micro").clips[0].path.parent.parent.name == "RGB_micro"


def test_clips_that_cannot_be_used_are_skipped_with_their_reason(tmp_path):
    root = four_dme(tmp_path)
    rest = ROWS[0][6:]
    rows = [
        ("S01", "S01_009_01_1", "Positive", 5, 6, 7, *rest),
        ("S01", "S01_001_01_1", "Positive", 1829, 1824, 1820, *rest),
        ("S01", "S01_002_01_1", "Positive", 90, None, 99, *rest),
        ("S01", "S01_002_01_1", "Positive", 91, None, 99, *rest),
        ("S01", "../../secret", "Positive", 5, 6, 7, *rest),
        ("someone", "S99_001_01_1", "Positive", 5, 6, 7, *rest),
        ("total", None, None, 2.5, *([None] * 12)),
        ("S08", "S08_002_01_2", "Positive", 7, 90, 12, *rest),
    ]
    write_table(root / TABLE, rows, COLUMNS)
    found = survey(root)
    reasons = {item.clip_id: item.reason for item in found.skipped}
    assert "no frames: looked for images like Frame_000000123.jpg" in reasons["S01_009_01_1"]
    assert reasons["S01_001_01_1"] == "onset 1829 lies after offset 1820"
    assert reasons["S01_002_01_1"] == "rows 4, 5 name the same clip and disagree"
    assert "refused: it is a path" in reasons["../../secret"]
    assert reasons["S99_001_01_1"] == "'someone' is no subject of 4DME"
    assert any("the row is no clip: total, 2.5" in line for line in said(found, "note"))
    assert any("the apex 90 is not among its frames" in line for line in said(found, "warning"))
    assert any("S13_2nd_001_01_1: the coding table has no row" in line for line in said(found, "note"))
    assert [clip.clip_id for clip in found.clips] == ["S08_002_01_2"]


def test_a_renamed_column_a_second_table_and_no_table_are_told(tmp_path):
    root = four_dme(tmp_path)
    write_table(root / "4DME_Labelling_Micro_release v2.xlsx", ROWS, ["Neg" if c == "Negative" else c for c in COLUMNS])
    with pytest.raises(CorpusError, match="2 coding tables"):
        survey(root)
    with pytest.raises(AnnotationError, match="no column is called Negative"):
        survey(root, coding="v2")
    (root / TABLE).unlink()
    (root / "4DME_Labelling_Micro_release v2.xlsx").unlink()
    with pytest.raises(CorpusNotFoundError, match="4DME_Labelling_Micro_release v1"):
        survey(root)
