"""A clip through its recipe: what comes out, from what, and what cannot be used."""

import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from dstan.clips import Clip
from dstan.errors import AnnotationRangeError, ClipError, FaceError, FrameError, MissingDependencyError
from dstan.preprocessing.alignment import transform
from dstan.preprocessing.landmarks import STABLE_POINTS
from dstan.preprocessing.pipeline import align_clip, derive, prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.template import template_points
from dstan.video import list_images, write_video

WHOLE = Recipe(size=(48, 64), steps=4, alignment="none")
TRUTH = Recipe(size=64, steps=3, landmarks="truth")
N, HEIGHT, WIDTH = 8, 96, 128


def pictures(n=N, speed=0.8):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = np.random.default_rng(5).uniform([-0.4, -0.4, 0, 8], [0.4, 0.4, 6.28, 14], (16, 4))
    return [
        np.clip(128 + sum(a * np.sin(p * (x - speed * k) + q * y + s) for p, q, s, a in waves), 0, 255).astype(np.uint8)
        for k in range(n)
    ]


@pytest.fixture
def clip(tmp_path):
    """Return a clip of a drifting texture, with its face written as synthesis does: upright, 60 px between the eyes."""
    folder = tmp_path / "frames" / "sub01" / "EP01"
    folder.mkdir(parents=True)
    for k, picture in enumerate(pictures()):
        Image.fromarray(picture).save(folder / f"img{k}.png")
    landmarks = np.zeros((N, 468, 2), np.float32)
    landmarks[:, list(STABLE_POINTS)] = template_points((96, 128))
    truth = tmp_path / "truth" / "clips" / "frames" / "sub01" / "EP01.safetensors"
    truth.parent.mkdir(parents=True)
    save_file({"landmarks": landmarks}, truth)
    return Clip("corpus", "sub01", "EP01", folder, list_images(folder), label="happiness", fps=100.0)


def changed(clip, **changes):
    from dataclasses import replace

    return replace(clip, **changes)


def test_shapes_times_and_ranges(clip):
    prepared = prepare_clip(clip, WHOLE)
    assert prepared.appearance.shape == (4, 48, 64)
    assert prepared.flow.shape == (4, 2, 48, 64)
    assert prepared.appearance.dtype == prepared.flow.dtype == np.float32
    assert 0 <= prepared.appearance.min() < prepared.appearance.max() <= 255
    assert np.allclose(prepared.appearance_times, np.linspace(0, 0.07, 4))
    assert np.allclose(prepared.flow_times, np.linspace(0, 0.07, 5)[1:])
    assert prepared.label == "happiness"


def test_flow_is_in_pixels_of_the_crop(clip):
    """0.8 px a frame over 7 frames at half the size: 2.8 px in 4 steps."""
    single = WHOLE.replaced({"temporal_average": 0})
    adjacent, onset = prepare_clip(clip, single), prepare_clip(clip, single.replaced({"pairs": "onset"}))
    inside = np.s_[:, 0, 8:-8, 8:-8]
    assert adjacent.flow[inside].mean(axis=(1, 2)).sum() == pytest.approx(2.8, rel=0.1)
    assert onset.flow[inside].mean(axis=(1, 2))[-1] == pytest.approx(2.8, rel=0.1)
    assert np.abs(adjacent.flow[:, 1, 8:-8, 8:-8].mean()) < 0.05


def test_a_rigid_face_is_aligned_by_one_matrix(clip):
    aligned = align_clip(clip, TRUTH)
    assert aligned.frames.shape == (N, 64, 64)
    assert np.allclose(aligned.landmarks[list(STABLE_POINTS)], template_points((64, 64)), atol=1e-3)
    matrix = np.array(aligned.done["matrix"])
    assert np.allclose(matrix[:, :2], np.eye(2) * 64 / 96, atol=1e-6)
    assert aligned.done["alignment"] == "rigid_first_frame"
    assert aligned.done["landmarks"] == "truth"
    assert aligned.done["faces"] == 1
    assert np.allclose(transform(template_points((96, 128)), matrix), template_points((64, 64)), atol=1e-3)


def test_what_was_done_is_told(clip):
    done = prepare_clip(changed(clip, onset=2, offset=6), TRUTH).done
    assert (done["first_frame"], done["last_frame"], done["frames"]) == (2, 6, 5)
    assert done["recipe"] == TRUTH.digest()
    assert done["aligned_digest"] == TRUTH.aligned_digest()
    assert done["head_motion"] == pytest.approx(0.8 * 76 / 32.6 * 6**0.5, rel=0.1)
    assert len(done["warnings"]) == 1
    assert "rigid_residual" in done["warnings"][0]


def test_only_onset_to_offset_is_used(clip):
    part = align_clip(changed(clip, onset=2, offset=6), WHOLE)
    assert (part.frames == align_clip(clip, WHOLE).frames[2:7]).all()
    assert np.allclose(part.times, np.arange(5) / 100)


def test_aligned_frames_are_exact_in_half_precision(clip):
    frames = align_clip(clip, WHOLE).frames
    assert (frames == frames.astype(np.float16)).all()


def test_a_clip_of_one_frame_is_repeated_and_said_so(clip):
    prepared = prepare_clip(changed(clip, onset=3, offset=3), WHOLE)
    assert prepared.appearance.shape == (4, 48, 64)
    assert (prepared.appearance == prepared.appearance[0]).all()
    assert not prepared.flow.any()
    assert (prepared.appearance_times == 0).all()
    assert "one frame" in prepared.done["warnings"][0]


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_any_number_of_steps(clip, steps):
    prepared = prepare_clip(clip, WHOLE.replaced({"steps": steps}))
    assert len(prepared.appearance) == len(prepared.flow) == steps == len(prepared.flow_times)


def test_without_a_rate_there_are_no_times(clip):
    prepared = prepare_clip(changed(clip, fps=None), WHOLE)
    assert prepared.appearance_times is None
    assert prepared.flow_times is None


def test_a_video_gives_what_its_frames_give(clip, tmp_path):
    colour = [np.repeat(picture[..., None], 3, axis=-1) for picture in pictures()]
    write_video(tmp_path / "a.mkv", colour, 100, codec="ffv1")
    video = Clip("video", "someone", "a", tmp_path / "a.mkv")
    first, second = prepare_clip(clip, WHOLE), prepare_clip(video, WHOLE)
    assert np.abs(first.appearance - second.appearance).max() < 1.5
    assert np.allclose(first.appearance_times, second.appearance_times, atol=1e-3)


def test_the_corpus_own_crops_are_used_and_said_so(clip):
    cropped = prepare_clip(changed(clip, cropped=True), TRUTH)
    assert cropped.done["alignment"] == "corpus"
    assert cropped.done["landmarks"] is None
    assert "own crops" in cropped.done["warnings"][0]
    assert cropped.landmarks is None
    asked = prepare_clip(changed(clip, cropped=True), TRUTH.replaced({"alignment": "corpus"}))
    assert (asked.appearance == cropped.appearance).all()
    assert asked.done["warnings"] == []


def test_whole_frames_are_not_taken_for_crops(clip):
    with pytest.raises(ClipError, match="whole frames"):
        prepare_clip(clip, TRUTH.replaced({"alignment": "corpus"}))


def test_frames_of_two_sizes_are_an_error(clip):
    Image.fromarray(np.zeros((50, 60), np.uint8)).save(clip.path / "img4.png")
    with pytest.raises(FrameError, match="frame 4 is 50 x 60"):
        prepare_clip(clip, WHOLE)


def test_bad_annotations_and_frames_are_named(clip):
    with pytest.raises(AnnotationRangeError, match="onset"):
        prepare_clip(changed(clip, onset=5, offset=2), WHOLE)
    (clip.path / "img5.png").write_bytes(b"")
    with pytest.raises(FrameError, match=r"img5\.png is empty"):
        prepare_clip(clip, WHOLE)


def test_no_face_is_an_error_of_the_clip(clip):
    pytest.importorskip("mediapipe")
    with pytest.raises(FaceError, match="corpus/sub01/EP01: no face"):
        prepare_clip(clip, Recipe(size=64))


def test_two_faces_are_warned_of(tmp_path):
    pytest.importorskip("mediapipe")
    head = pytest.importorskip("skimage.data").astronaut()[30:230, 120:320]
    both = np.hstack([head[::2, ::2].repeat(2, axis=0), head, head[:, :20]])
    folder = tmp_path / "two"
    folder.mkdir()
    for k in range(3):
        Image.fromarray(both).save(folder / f"{k}.png")
    prepared = prepare_clip(Clip("c", "s", "two", folder, list_images(folder), fps=25.0), Recipe(size=64, steps=2))
    assert prepared.done["faces"] == 2
    assert prepared.done["warnings"] == ["2 faces in view: the largest was used"]


def test_without_opencv_it_says_what_to_do(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependencyError, match="libGL"):
        prepare_clip(clip, WHOLE)


def test_the_numbers_do_not_depend_on_threads(clip):
    cv2 = pytest.importorskip("cv2")
    one = prepare_clip(clip, WHOLE)
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    many = prepare_clip(clip, WHOLE)
    again = derive(align_clip(clip, WHOLE), clip, WHOLE)
    cv2.setNumThreads(before)
    assert (one.flow == many.flow).all()
    assert np.allclose(one.flow, again.flow, atol=1e-5)
