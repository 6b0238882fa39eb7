"""The contact sheet and the report's pictures: what they show is where it should be, and what they are called."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from dstan.clips import Clip, PreparedClip
from dstan.errors import ConfigError
from dstan.preprocessing.cache import Cache
from dstan.preprocessing.landmarks import STABLE_POINTS
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.template import template_points
from dstan.reports import contact_sheet, write_report
from dstan.reports.contact_sheet import write_contact_sheet
from dstan.reports.flow_colours import colour_wheel, flow_colours
from dstan.reports.looks import FILE, flow_to, has_faces, look_at, read_looks, save_looks
from dstan.reports.motion import average_outline, motion_picture
from dstan.video import list_images

pytest.importorskip("cv2")
RECIPE = Recipe(size=64, steps=3, landmarks="truth", pairs="onset", temporal_average=0)


def make_clip(root, name, *, subject="sub01", label="happiness", cropped=False):
    """Draw a texture that drifts by 1 px a frame to the right, with its face written as synthesis does."""
    folder = root / "frames" / subject / name
    folder.mkdir(parents=True)
    y, x = np.mgrid[:96, :128]
    for k in range(5):
        wave = 128 + 50 * np.sin((x - k) / 5) * np.cos(y / 7) + 40 * np.sin((x - k + y) / 9)
        Image.fromarray(np.repeat(wave.astype(np.uint8)[..., None], 3, axis=-1)).save(folder / f"{k}.png")
    landmarks = np.full((5, 468, 2), np.nan, np.float32)
    landmarks[:, list(STABLE_POINTS)] = template_points((96, 96)) + np.array((16, 0))
    truth = root / "truth" / "clips" / "frames" / subject / f"{name}.safetensors"
    truth.parent.mkdir(parents=True, exist_ok=True)
    save_file({"landmarks": landmarks}, truth)
    units = {"Action Units": "6+12"}
    files = list_images(folder)
    return Clip("corpus", subject, name, folder, files, label, 0, 4, 4, 100.0, cropped, units)


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path, "EP01")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize(
    ("vector", "colour"),
    [((1, 0), (255, 0, 0)), ((-1, 0), (0, 197, 255)), ((0, 0), (255, 255, 255)), ((0, -1), (103, 0, 255))],
)
def test_colours_say_the_direction_and_white_is_still(vector, colour):
    shown = flow_colours(np.full((2, 2, 2), vector, np.float32), 1.0)
    assert shown.shape == (2, 2, 3)
    assert np.abs(shown[0, 0].astype(int) - colour).max() <= 2


def test_longer_motion_is_deeper_and_beyond_the_full_colour_darker():
    lengths = np.array([0.0, 0.3, 0.6, 1.0, 3.0], np.float32)
    field = np.stack([lengths, 0 * lengths], axis=-1)[None]
    shown = flow_colours(field, 1.0)[0].astype(int)
    assert (np.diff(shown[:, 1]) <= 0).all()
    assert shown[3].tolist() == [255, 0, 0]
    assert shown[4, 0] < 255


def test_the_wheel_shows_each_colour_where_it_points_to():
    wheel = colour_wheel(101)
    assert wheel.shape == (101, 101, 4)
    assert wheel[50, 50, :3].min() > 245
    assert wheel[50, 98, 0] > 240 > 60 > wheel[50, 98, 1]
    assert wheel[0, 0, 3] == 0
    assert wheel[50, 50, 3] == 255


def test_flow_up_to_the_apex_follows_the_recipe_s_pairs():
    fields = np.arange(1.0, 5.0, dtype=np.float32)[:, None, None, None] * np.ones((4, 2, 3, 3), np.float32)
    prepared = PreparedClip.from_arrays(flow=fields)
    assert flow_to(prepared, "adjacent", 9, 17).mean() == 1 + 2
    assert flow_to(prepared, "onset", 9, 17).mean() == 2
    assert flow_to(prepared, "adjacent", 16, 17).mean() == 10
    assert flow_to(prepared, "onset", 0, 1).mean() == 1
    assert flow_to(prepared, "onset-apex", 16, 17).mean() == 1


def test_a_look_shows_landmarks_crop_apex_and_flow(clip, cache):
    look = look_at(clip, RECIPE, cache, height=96)
    assert look.name == "sub01 / EP01"
    assert look.emotion == "happiness"
    assert look.lines[:3] == ("AU 6+12", "5 frames, 100 a second", "apex: frame 5, annotated")
    assert look.first.shape == (96, 128, 3)
    assert look.crop.shape == look.apex.shape == look.flow.shape == (96, 96, 3)
    orange = (look.first[..., 0].astype(int) - look.first[..., 2]) > 100
    for x, y in template_points((96, 96)) + np.array((16, 0)):
        assert orange[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].any()
    assert (look.crop != look.apex).any()
    middle = look.flow[30:66, 30:66].reshape(-1, 3).mean(axis=0)
    assert middle[0] > 1.3 * middle[1]  # red: to the right
    assert look.full == pytest.approx(4 * 64 / 96, rel=0.3)


def test_a_crop_without_landmarks_is_shown_as_it_is(tmp_path, cache):
    look = look_at(make_clip(tmp_path, "EP02", cropped=True), RECIPE, cache, height=96)
    assert (look.first[..., 0] == look.first[..., 2]).all()
    assert "own crops" in look.warnings[0]
    assert look.lines[-1] == "corpus"


def test_many_clips_go_into_numbered_files(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(contact_sheet, "ROWS", 2)
    clips = [make_clip(tmp_path, f"EP{k}") for k in range(5)]
    seen = []
    files = write_contact_sheet(
        clips,
        RECIPE,
        cache,
        tmp_path / "sheet.png",
        title="corpus",
        progress=lambda stage, done, total, note="": seen.append((stage, done, total)),
    )
    assert [file.name for file in files] == ["sheet.png", "sheet-2.png", "sheet-3.png"]
    heights = [Image.open(file).height for file in files]
    assert heights[0] == heights[1] > heights[2]
    assert seen[-1] == ("draw", 5, 5)
    assert [file.name for file in write_contact_sheet(clips[:1], RECIPE, cache, tmp_path / "one.jpg")] == ["one.jpg"]


def test_long_names_and_warnings_stay_in_their_column(tmp_path, cache):
    clip = make_clip(tmp_path, "a name that is far too long for anything " * 3, cropped=True, label="w" * 60)
    (file,) = write_contact_sheet([clip], RECIPE, cache, tmp_path / "sheet.png", title="corpus")
    pixels = np.asarray(Image.open(file)).astype(int)
    column = pixels[140:300, 28 + 214 + 16 : 28 + 214 + 27]
    assert (column == column[0, 0]).all()


def test_another_kind_of_file_is_an_error_before_anything_is_drawn(clip, cache, tmp_path):
    with pytest.raises(ConfigError, match=r"sheet\.pdf"):
        write_contact_sheet([clip], RECIPE, cache, tmp_path / "sheet.pdf")
    assert not cache.root.exists()


def test_a_run_keeps_a_clip_of_each_class_for_its_report(tmp_path, cache, write_run):
    run = write_run(tmp_path / "run", methods=("stmn-a",), subjects=4, epochs=2)
    assert "What the methods saw" not in write_report(run).read_text()
    clips = [
        make_clip(tmp_path, "a", subject="s1", label="x<y"),
        make_clip(tmp_path, "b", subject="s1", label="sadness"),
        make_clip(tmp_path, "c", subject="s2", label="sadness"),
        make_clip(tmp_path, "d", subject="s3", label="broken"),
    ]
    (clips[3].path / "2.png").write_bytes(b"")
    save_looks(run, clips, RECIPE, cache, with_faces=True)
    assert [look["name"] for look in json.loads((run / FILE).read_text())] == ["s1 / a", "s2 / c"]
    page = write_report(run).read_text()
    assert len(re.findall('<img src="data:image/jpeg;base64,', page)) == 8
    assert "x&lt;y" in page
    assert "SYNTHETIC" in page
    assert "its licence says" not in page
    real = write_run(tmp_path / "real", methods=("stmn-a",), subjects=4, epochs=2, synthetic=False)
    save_looks(real, clips[:1], RECIPE, cache, with_faces=True)
    assert "its licence says" in write_report(real).read_text()


def test_without_faces_a_run_keeps_the_motion_alone_and_says_how_to_get_them(tmp_path, cache, write_run):
    run = write_run(tmp_path / "run", methods=("stmn-a",), subjects=4, epochs=2, synthetic=False)
    clips = [make_clip(tmp_path, "a", subject="s1", label="sadness"), make_clip(tmp_path, "b", subject="s2")]
    save_looks(run, clips, RECIPE, cache)
    looks = read_looks(run)
    assert [list(look["pictures"]) for look in looks] == [["motion"], ["motion"]]
    assert not has_faces(looks)
    page = write_report(run).read_text()
    assert len(re.findall('<img src="data:image/jpeg;base64,', page)) == 2
    assert "dstan report RUN --with-faces" in page
    assert "its licence says" not in page


def test_motion_is_drawn_with_nothing_of_the_person(clip, cache):
    look = look_at(clip, RECIPE, cache, height=96)
    still = motion_picture(np.zeros((2, 64, 64), np.float32), 1.0, aligned=True, height=192)
    other = motion_picture(np.zeros((2, 64, 64), np.float32), 1.0, aligned=False, height=192)
    assert (other == 255).all()
    assert 0.02 < (still < 200).any(axis=-1).mean() < 0.2  # thin lines
    assert look.motion.shape == (192, 192, 3)
    ground = (still > 250).all(axis=-1)
    assert not np.allclose(look.motion[ground], 255)  # the wave moves everywhere
    brows = average_outline((64, 64))[1][0]
    assert brows[:, 1].max() < 0.33 * 64


def test_a_crop_of_the_corpus_gets_no_outline_for_nobody_knows_where_the_face_is(tmp_path, cache):
    drawn = []
    for name, cropped in (("EP01", False), ("EP02", True)):
        look = look_at(make_clip(tmp_path, name, cropped=cropped), RECIPE, cache, height=96)
        drawn.append(((look.motion.max(axis=-1) - look.motion.min(axis=-1) < 30) & (look.motion[..., 0] < 150)).mean())
    assert drawn[0] > 0.005 > drawn[1]
