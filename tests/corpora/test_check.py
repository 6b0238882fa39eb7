"""The checker: everything missing or odd, file by file, and whether clips can be used."""

from __future__ import annotations

import json

import numpy as np
import pytest
from corpus_copies import CASME2_ROWS, casme2, draw, write_table
from PIL import Image

from dstan.corpora import CORPORA, check_corpus, load_corpus
from dstan.errors import CorpusNotFoundError, UnknownNameError
from dstan.tasks import TASKS
from dstan.video import write_video


def said(report, severity):
    return {finding.where: finding.what for finding in report.findings if finding.severity == severity}


def test_a_small_whole_copy_can_be_used_and_its_counts_are_told(tmp_path):
    report = check_corpus("casme2", casme2(tmp_path))
    assert report.ok
    assert report.counts == {
        "clips": 4, "subjects": 3, "frames": 40,
        "happiness": 1, "disgust": 1, "repression": 0, "surprise": 0, "others": 1,
    }  # fmt: skip
    assert report.expected == {
        "clips": 255, "subjects": 26,
        "happiness": 32, "disgust": 63, "repression": 27, "surprise": 25, "others": 99,
    }  # fmt: skip
    assert list(said(report, "warning").values()) == [
        "a complete copy has other counts: 4 clips of 255, 3 subjects of 26, 1 happiness of 32, 1 disgust of 63, "
        "0 repression of 27, 0 surprise of 25, 1 others of 99"
    ]
    assert json.loads(json.dumps(report.to_dict()))["ok"]


def test_the_later_table_expects_other_counts(tmp_path):
    report = check_corpus("casme2", casme2(tmp_path, table="CASME2-coding-20190701.xlsx"))
    assert report.expected["surprise"] == 28


def test_damaged_files_are_named_one_by_one(tmp_path):
    root = casme2(tmp_path)
    clip = root / "CASME2_RAW_selected" / "sub01" / "EP02_01f"
    (clip / "img47.jpg").write_bytes(b"")
    (clip / "img48.jpg").write_text("hello")
    Image.effect_noise((64, 64), 50).save(clip / "img49.jpg")
    (clip / "img49.jpg").write_bytes((clip / "img49.jpg").read_bytes()[:-9])
    (clip / "img55.jpg").write_bytes(b"")
    (clip / "Thumbs.db").write_bytes(b"x")
    draw(clip / "img50.jpg", (16, 16))
    report = check_corpus("casme2", root)
    assert not report.ok
    assert said(report, "error") == {
        str(clip / "img47.jpg"): "the file is empty (0 bytes)",
        str(clip / "img48.jpg"): "the file is not an image",
        str(clip / "img49.jpg"): "the image is cut short",
    }
    warnings = said(report, "warning")
    assert warnings[str(clip / "img55.jpg")] == "the file is empty (0 bytes)", "no harm: it lies after the offset"
    assert warnings["casme2/sub01/EP02_01f"] == "its frames differ in size: 7 of 8 x 8, 1 of 16 x 16"
    assert said(report, "note")[str(clip)] == "other things than frames: Thumbs.db"


def test_deep_decodes_every_frame(tmp_path):
    root = casme2(tmp_path, CASME2_ROWS[:1])
    frame = root / "CASME2_RAW_selected" / "sub01" / "EP02_01f" / "img48.jpg"
    Image.effect_noise((64, 64), 50).save(frame.with_suffix(".png"))
    content = bytearray(frame.with_suffix(".png").read_bytes())
    content[200:260] = bytes(60)
    frame.with_suffix(".png").unlink()
    frame.write_bytes(content)
    assert check_corpus("casme2", root).ok
    assert "cannot be read" in said(check_corpus("casme2", root, deep=True), "error")[str(frame)]


def test_missing_clips_and_unknown_words_are_errors(tmp_path):
    root = casme2(tmp_path)
    rows = [
        *CASME2_ROWS[:3],
        (17, "EP01_02", None, 9, 11, 12, None, "4", "hapiness"),
        (3, "EP01_01", None, 1, 2, 3, None, "4", "others"),
    ]
    write_table(root / "CASME2-coding-20140508.xlsx", rows)
    report = check_corpus("casme2", root)
    assert not report.ok
    errors = said(report, "error")
    assert "(the nearest is 'happiness')" in errors["sub17/EP01_02"]
    assert errors["sub03/EP01_01 (CASME2-coding-20140508.xlsx row 6)"].startswith(
        "no frames: looked for images like img46.jpg in"
    )


def test_every_clip_that_loads_was_checked_and_progress_is_told(tmp_path):
    told = []
    check_corpus("casme2", casme2(tmp_path), progress=lambda *args: told.append(args))
    assert [args[:3] for args in told] == [("check", number, 4) for number in (1, 2, 3, 4)]


def test_videos_of_your_own(tmp_path):
    write_video(tmp_path / "good.mp4", [np.full((32, 32, 3), 90, np.uint8)] * 6, 25)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    lines = ["good.mp4,a,x,0,5", "good.mp4,a,x,2,6", "bad.mp4,b,y,,"]
    (tmp_path / "clips.csv").write_text("\n".join(["path,subject,label,onset,offset", *lines]))
    report = check_corpus("folder", tmp_path)
    assert report.counts == {"clips": 3, "subjects": 2, "frames": 6, "x": 2, "y": 1}
    assert report.expected == {}
    errors = said(report, "error")
    assert errors["folder/a/good.mp4@2-6"] == "frame 6 is annotated, but the video has 6, counted from 0"
    assert str(tmp_path / "bad.mp4") in errors
    assert not check_corpus("folder", tmp_path, deep=True).ok


def test_what_cannot_be_read_at_all_is_raised(tmp_path):
    with pytest.raises(CorpusNotFoundError):
        check_corpus("casme2", tmp_path / "nowhere")
    with pytest.raises(UnknownNameError, match="Did you mean 'casme2'"):
        check_corpus("casme22", tmp_path)


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)
def test_every_corpus_declares_what_a_user_asks_for(corpus):
    assert CORPORA[corpus.name] is corpus
    assert corpus.name in TASKS[corpus.default_task].sources
    assert corpus.title
    assert corpus.licence
    assert corpus.layout


@pytest.mark.slow
def test_a_synthetic_twin_passes_its_corpus_s_check(tmp_path):
    from dstan.synthesis import synthesize

    root = synthesize("casme2", tmp_path / "twin", subjects=3, clips=9, size=(160, 120), seed=0, workers=0)
    report = check_corpus("casme2", root, deep=True)
    assert report.ok, report.findings
    clips = load_corpus("casme2", root, task="")
    assert len(clips) == report.counts["clips"] == 9
    assert len(clips.subjects) == 3
    assert not clips.skipped


def test_a_copy_without_one_usable_clip_cannot_be_used(tmp_path):
    root = casme2(tmp_path, CASME2_ROWS[:1])
    write_table(root / "CASME2-coding-20140508.xlsx", [])
    report = check_corpus("casme2", root)
    assert not report.ok
    assert said(report, "error")[str(root)] == "there is not one clip that can be used"


def test_a_check_says_what_it_read(tmp_path):
    report = check_corpus("casme2", casme2(tmp_path, tree="Cropped", prefix="reg_img"))
    assert report.source == "CASME2-coding-20140508.xlsx, cropped frames"
    assert report.task == "casme2-5"


def test_what_a_task_drops_is_no_error_however_its_column_is_spelt(tmp_path):
    task = tmp_path / "valence.toml"
    task.write_text(
        'classes = ["bad", "good"]\n[corpora.casme2]\ncolumn = "estimated_emotion"\ndropped = ["others"]\n'
        'mapping = {disgust = "bad", sadness = "bad", happiness = "good"}\n'
    )
    report = check_corpus("casme2", casme2(tmp_path / "copy"), task=str(task))
    assert report.ok, report.findings
    assert (report.counts["bad"], report.counts["good"]) == (2, 1)
