"""The SMIC loaders: three cameras, the folders as annotation."""

from __future__ import annotations

import shutil

import pytest
from corpus_copies import draw

from dstan.corpora import CORPORA, Options, check_corpus, load_corpus
from dstan.errors import ConfigError, CorpusError, CorpusNotFoundError

CLIPS = {
    "s3": ("negative/s3_ne_01", "positive/s3_po_02"),
    "s20": ("surprise/s20_sur_01",),
    "s1": ("negative/s1_ne_03",),
}
FIRST = {"s3_ne_01": 257900, "s3_po_02": 99998, "s20_sur_01": 17597115, "s1_ne_03": 34208}


def draw_clip(folder, first, count=5, prefix="image"):
    for number in range(first, first + count):
        draw(folder / f"{prefix}{number:06d}.bmp")


def smic(root, tree="SMIC_all_raw", cameras=("HS",), prefix="image"):
    for camera in cameras:
        for person, clips in CLIPS.items():
            for clip in clips:
                draw_clip(root / tree / camera / person / "micro" / clip, FIRST[clip.partition("/")[2]], prefix=prefix)
            draw_clip(root / tree / camera / person / "non_micro" / f"{person}_non_01", 7, 3, prefix)
    return root


def survey(root, corpus="smic-hs", **options):
    return CORPORA[corpus].survey(root, Options(**options))


def said(surveyed, severity):
    return [f"{finding.where}: {finding.what}" for finding in surveyed.findings if finding.severity == severity]


def test_the_folders_are_the_annotation_and_the_whole_folder_is_the_clip(tmp_path):
    clips = load_corpus("smic-hs", smic(tmp_path))
    assert [(clip.subject, clip.clip_id, clip.label) for clip in clips] == [
        ("s1", "s1_ne_03", "negative"),
        ("s3", "s3_ne_01", "negative"),
        ("s3", "s3_po_02", "positive"),
        ("s20", "s20_sur_01", "surprise"),
    ]
    clip = clips[2]
    assert clip.annotation == {"Emotion": "positive"}
    assert clip.files[:3] == ("image099998.bmp", "image099999.bmp", "image100000.bmp")
    assert (clip.onset, clip.apex, clip.offset) == (0, None, 4)
    assert (clip.fps, clip.cropped) == (100.0, False)
    assert clips.classes == ("negative", "positive", "surprise")


@pytest.mark.parametrize(
    ("corpus", "camera", "fps"), [("smic-hs", "HS", 100), ("smic-vis", "VIS", 25), ("smic-nir", "NIR", 25)]
)
def test_each_camera_is_a_corpus_of_its_own(tmp_path, corpus, camera, fps):
    found = survey(smic(tmp_path, cameras=("HS", "NIR", "VIS")), corpus)
    assert {(clip.corpus, clip.fps, clip.path.relative_to(tmp_path).parts[1]) for clip in found.clips} == {
        (corpus, fps, camera)
    }
    assert len(found.clips) == 4


def test_a_camera_that_is_not_there_is_an_error_that_names_where_to_look(tmp_path):
    with pytest.raises(CorpusNotFoundError, match="SMIC_all_raw/NIR/s3/micro/negative"):
        survey(smic(tmp_path), "smic-nir")


@pytest.mark.parametrize("named", ["", "..", "SMIC_all_raw", "SMIC_all_raw/SMIC_all_raw/HS"])
def test_root_parent_or_frames_folder_may_be_named(tmp_path, named):
    root = smic(tmp_path / "data" / "SMIC", "SMIC_all_raw/SMIC_all_raw")
    (root / "truth" / "clips" / "HS" / "s1" / "micro" / "negative" / "s1_ne_03").mkdir(parents=True)
    found = survey(root / named)
    assert len(found.clips) == 4
    assert any("folder of the same name" in line for line in said(found, "note")) == (not named.endswith("HS"))


def test_raw_frames_win_and_cropped_ones_can_be_asked_for(tmp_path):
    smic(tmp_path)
    smic(tmp_path, "SMIC_all_cropped", prefix="reg_image")
    assert not survey(tmp_path).clips[0].cropped
    cropped = survey(tmp_path, frames="cropped").clips[0]
    assert (cropped.cropped, cropped.files[0]) == (True, "reg_image034208.bmp")
    shutil.rmtree(tmp_path / "SMIC_all_raw")
    assert survey(tmp_path).clips[0].cropped


def test_two_copies_of_the_raw_frames_are_both_named(tmp_path):
    smic(tmp_path)
    smic(tmp_path, "copy")
    with pytest.raises(CorpusError, match="copy/HS"):
        survey(tmp_path)


def test_the_long_videos_beside_it_are_not_taken_for_it(tmp_path):
    smic(tmp_path)
    draw_clip(tmp_path / "SMIC-E_raw image" / "HS_long" / "SMIC-HS-E" / "HS" / "s03" / "s3_ne_01", 1)
    assert len(survey(tmp_path).clips) == 4


def test_clips_without_a_micro_expression_are_counted_and_left_out(tmp_path):
    found = survey(smic(tmp_path))
    notes = [line for line in said(found, "note") if "non_micro" in line]
    assert notes == [f"{tmp_path / 'SMIC_all_raw' / 'HS'}: 3 clips without a micro-expression (non_micro) are not used"]


def test_people_and_clips_may_be_padded(tmp_path):
    draw_clip(tmp_path / "HS" / "s03" / "micro" / "negative" / "s03_ne_01", 257900)
    (clip,) = survey(tmp_path).clips
    assert clip.key == ("smic-hs", "s3", "s3_ne_01")


def test_the_same_clip_in_two_folders_is_no_annotation(tmp_path):
    root = smic(tmp_path)
    draw_clip(root / "SMIC_all_raw" / "HS" / "s3" / "micro" / "surprise" / "s3_ne_01", 257900)
    (skipped,) = survey(root).skipped
    assert skipped.clip_id == "s3_ne_01"
    assert skipped.reason == "2 folders have its name: s3/micro/negative/s3_ne_01, s3/micro/surprise/s3_ne_01"


def test_a_name_that_says_something_else_than_the_folders_is_told(tmp_path):
    people = smic(tmp_path) / "SMIC_all_raw" / "HS"
    (people / "s20" / "micro" / "surprise").rename(people / "s20" / "micro" / "negative")
    (people / "s1").rename(people / "s2")
    found = survey(tmp_path)
    assert [clip.annotation["Emotion"] for clip in found.clips if clip.subject == "s20"] == ["negative"]
    assert any("is negative, though its name says surprise" in line for line in said(found, "warning"))
    assert any("is of s2, though its name says s1" in line for line in said(found, "warning"))


def test_lost_frames_are_told_and_the_others_used(tmp_path):
    folder = smic(tmp_path) / "SMIC_all_raw" / "HS" / "s3" / "micro" / "negative" / "s3_ne_01"
    (folder / "image257902.bmp").unlink()
    found = survey(tmp_path)
    clip = next(clip for clip in found.clips if clip.clip_id == "s3_ne_01")
    assert (clip.onset, clip.offset, clip.annotation["Lost frames"]) == (0, 3, "257902")
    assert said(found, "warning") == [f"{folder}: frames 257902 are lost"]


def test_an_empty_folder_and_two_files_of_one_frame_are_skipped_with_their_reason(tmp_path):
    people = smic(tmp_path) / "SMIC_all_raw" / "HS"
    (people / "s18" / "micro" / "surprise" / "s18_sur_03").mkdir(parents=True)
    draw(people / "s20" / "micro" / "surprise" / "s20_sur_01" / "image017597115.bmp")
    reasons = {item.clip_id: item.reason for item in survey(tmp_path).skipped}
    assert reasons["s18_sur_03"].startswith("no frames: looked for images like image257900.bmp")
    assert reasons["s20_sur_01"] == "image017597115.bmp and image17597115.bmp are both frame 17597115"


def test_folders_that_belong_to_nothing_are_told(tmp_path):
    people = smic(tmp_path) / "SMIC_all_raw" / "HS"
    for name in ("notes", "s3/macro", "s3/micro/surprise"):
        (people / name).mkdir()
    told = said(survey(tmp_path), "note")
    assert f"{people / 'notes'}: its name is no subject's" in told
    assert f"{people / 's3' / 'macro'}: the folder is neither micro nor non_micro" in told
    assert f"{people / 's3' / 'micro' / 'surprise'}: there are no folders of clips in it" in told


def test_a_class_that_no_task_knows_is_told_by_check(tmp_path):
    draw_clip(smic(tmp_path) / "SMIC_all_raw" / "HS" / "s3" / "micro" / "suprise" / "s3_sur_01", 300000)
    report = check_corpus("smic-hs", tmp_path)
    assert any("nearest is 'surprise'" in finding.what for finding in report.findings if finding.severity == "error")


def test_there_is_no_coding_table_to_choose(tmp_path):
    with pytest.raises(ConfigError, match="SMIC-VIS has no coding table"):
        survey(smic(tmp_path), "smic-vis", coding="2019")


def test_a_folder_that_is_not_there_or_is_empty(tmp_path):
    with pytest.raises(CorpusNotFoundError, match="no such folder"):
        survey(tmp_path / "nowhere")
    with pytest.raises(CorpusNotFoundError, match="empty"):
        survey(tmp_path)


def test_check_counts_what_a_complete_copy_has(tmp_path):
    report = check_corpus("smic-hs", smic(tmp_path))
    assert report.ok
    assert (report.counts["clips"], report.expected["clips"], report.expected["subjects"]) == (4, 164, 16)
