"""Landmarks of frames that were only resized, against the truth of drawn faces, and what is said without any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip, ClipSet
from dstan.errors import ConfigError, FaceError
from dstan.preprocessing.alignment import stretch, transform
from dstan.preprocessing.cache import Cache, prepare_clips
from dstan.preprocessing.crop_points import points_in_crop
from dstan.preprocessing.landmarks import MESH_TO_68, Landmarks, TruthSource
from dstan.preprocessing.pipeline import align_clip, derive, prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.synthesis import synthesize
from dstan.video import list_images

SHAPE = (170, 140)
WHOLE = Recipe(size=SHAPE, steps=2, alignment="none", pairs="onset-apex", apex="midpoint")
POINTS = WHOLE.replaced({"face_points": True})
READ = POINTS.replaced({"landmarks": "truth"})
NOBODY = Clip("c", "s", "x", Path("nowhere"))


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Path:
    return synthesize(
        "casme2", tmp_path_factory.mktemp("face"), subjects=1, clips=1, size=(320, 240), cropped=True, workers=0
    )


def drawn(twin: Path, tree: str) -> Clip:
    """Return six frames of the drawn clip, whole or as the corpus crops them."""
    folder = next(path.parent for path in sorted((twin / tree).rglob("*.jpg")))
    whole = Clip("casme2", "sub01", folder.name, folder, list_images(folder), fps=200.0, cropped=tree == "Cropped")
    return replace(whole, onset=0, offset=5)


@pytest.fixture(params=["Cropped", "CASME2_RAW_selected"])
def clip(twin, request) -> Clip:
    return drawn(twin, request.param)


def blank(folder: Path, frames: int = 2) -> Clip:
    folder.mkdir()
    for number in range(frames):
        Image.new("L", (96, 96), 120).save(folder / f"{number}.png")
    return Clip("corpus", "sub01", folder.name, folder, list_images(folder), fps=100.0)


class Told:
    """A source that answers with one set of points, and keeps what it was shown."""

    def __init__(self, points: np.ndarray) -> None:
        self.points, self.shown = points.astype(np.float32), []

    def landmarks(self, clip, frames):
        self.shown = list(frames)
        return Landmarks(np.repeat(self.points[None], len(frames), axis=0), 1)


def test_points_found_in_a_resized_face_agree_with_the_truth(clip):
    pytest.importorskip("mediapipe")
    found, true = prepare_clip(clip, POINTS).landmarks, prepare_clip(clip, READ).landmarks
    distance = np.linalg.norm(found - true, axis=1)[list(MESH_TO_68)]
    assert distance.mean() < 2
    assert np.linalg.norm((found - true)[list(MESH_TO_68)].mean(axis=0)) < 1.5


def test_points_that_are_read_go_where_the_frames_go(clip):
    prepared = prepare_clip(clip, READ)
    true = np.median(TruthSource().landmarks(clip, [np.zeros((1, 1, 3), np.uint8)] * 5).points, axis=0)
    with Image.open(clip.path / clip.files[0]) as picture:
        matrix = stretch(picture.size[::-1], SHAPE)
    np.testing.assert_allclose(prepared.landmarks, transform(true, matrix), atol=1e-3)


def test_what_was_done_is_told_and_nothing_else_changes(clip):
    without, read = prepare_clip(clip, WHOLE), prepare_clip(clip, READ)
    assert without.landmarks is None
    assert (without.done["landmarks"], without.done["faces"]) == (None, None)
    assert (read.done["landmarks"], read.done["faces"]) == ("truth", 1)
    assert read.done["warnings"] == without.done["warnings"]
    np.testing.assert_array_equal(read.appearance, without.appearance)
    np.testing.assert_array_equal(read.flow, without.flow)


def test_a_corpus_s_own_crops_get_points_under_any_alignment(twin):
    clip = drawn(twin, "Cropped")
    made = [prepare_clip(clip, READ.replaced({"alignment": how})) for how in ("rigid_first_frame", "corpus", "none")]
    for one in made[1:]:
        np.testing.assert_array_equal(one.landmarks, made[0].landmarks)
    assert made[0].done["alignment"] == "corpus"


def test_where_alignment_found_them_they_are_not_sought_again(twin, monkeypatch):
    clip, fitted = drawn(twin, "CASME2_RAW_selected"), READ.replaced({"alignment": "rigid_first_frame"})
    aligned = align_clip(clip, fitted)
    monkeypatch.setattr("dstan.preprocessing.pipeline.points_in_crop", lambda *a, **k: pytest.fail("sought again"))
    np.testing.assert_array_equal(derive(aligned, clip, fitted).landmarks, aligned.landmarks)


@pytest.mark.parametrize("read", [(480, 640), (340, 280), (170, 140)])
def test_a_seeker_sees_the_frames_twice_as_large_in_their_own_proportions(read):
    """Where it sees a bright spot is where the spot is in the resized frame."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    spot = 200 * np.exp(-((x - 60) ** 2 + (y - 90) ** 2) / 18)
    frames, matrix = np.repeat(spot[None].astype(np.float32), 7, axis=0), stretch(read, SHAPE)
    anyone = Told(np.full((468, 2), 200.0))
    points_in_crop(frames, matrix, NOBODY, anyone, reads=False)
    shown = anyone.shown[0][..., 0].astype(float)
    assert len(anyone.shown) == 5
    assert shown.shape[0] / shown.shape[1] == pytest.approx(read[0] / read[1], rel=0.01)
    assert np.sqrt(shown.size / spot.size) == pytest.approx(2 * 1.4, rel=0.01)
    rows, columns = np.indices(shown.shape)
    seen = [(columns * shown).sum() / shown.sum(), (rows * shown).sum() / shown.sum()]
    points, _ = points_in_crop(frames, matrix, NOBODY, Told(np.tile(seen, (468, 1))), reads=False)
    np.testing.assert_allclose(points, np.tile([60, 90], (468, 1)), atol=0.1)


def test_of_several_frames_the_median_counts_and_unknown_points_stay_unknown():
    points = np.full((468, 2), 50.0)
    points[7] = np.nan
    found, _ = points_in_crop(np.zeros((3, 64, 64), np.float32), np.eye(2, 3), NOBODY, Told(points), reads=True)
    assert np.isnan(found[7]).all()
    assert (np.delete(found, 7, axis=0) == 50).all()


def test_no_face_is_an_error_of_the_clip_which_is_counted(tmp_path):
    pytest.importorskip("mediapipe")
    clip, cache = blank(tmp_path / "EP01"), Cache(tmp_path / "cache")
    with pytest.raises(FaceError, match=r"corpus/sub01/EP01: no face .*face_points") as caught:
        prepare_clip(clip, POINTS)
    assert "alignment=none" not in str(caught.value)
    ready = prepare_clips(ClipSet((clip,)), POINTS, cache, workers=0)
    assert [item.clip_id for item in ready.skipped] == ["EP01"]
    assert len(prepare_clips(ClipSet((clip,)), WHOLE, cache, workers=0)) == 1


def test_points_of_other_frames_are_an_error():
    with pytest.raises(FaceError, match=r"c/s/x: the face lies at \(300, 300\), outside of frames resized to 64 x 64"):
        points_in_crop(
            np.zeros((1, 64, 64), np.float32), np.eye(2, 3), NOBODY, Told(np.full((468, 2), 300)), reads=True
        )


def test_several_faces_are_warned_of(monkeypatch, tmp_path):
    points = np.full((468, 2), 50, np.float32)
    monkeypatch.setattr("dstan.preprocessing.pipeline.points_in_crop", lambda *a, **k: (points, 2))
    assert "2 faces in view" in prepare_clip(blank(tmp_path / "EP01"), POINTS).done["warnings"][-1]


def test_a_box_has_no_points():
    with pytest.raises(ConfigError, match="landmarks=cascade finds a box and no points"):
        POINTS.replaced({"landmarks": "cascade"})


def test_the_cache_knows_the_file_that_points_are_read_from(twin, tmp_path):
    clip = drawn(twin, "Cropped")
    lines = "\n".join(" ".join(["100 120 140 160"] * 34) for _ in range(6))
    recipe = READ.replaced({"landmarks": "file", "landmark_folder": str(tmp_path)})
    path, cache = tmp_path / f"{clip.path.name}.csv", Cache(tmp_path / "cache")
    path.write_text(lines)
    prepared, aligned = cache.path(clip, recipe), cache.aligned_path(clip, recipe)
    path.write_text(lines + "\n\n")
    assert cache.path(clip, recipe) != prepared
    assert cache.aligned_path(clip, recipe) == aligned
    assert prepare_clip(clip, recipe).done["landmarks"] == "file"
    path.unlink()
    with pytest.raises(FaceError, match=r"\.csv"):
        cache.path(clip, recipe)
