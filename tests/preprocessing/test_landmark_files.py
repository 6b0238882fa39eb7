"""A user's own landmarks, and the box of OpenCV's cascade."""

import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip
from dstan.errors import FaceError, FrameError
from dstan.preprocessing.alignment import fit_first_frames, transform
from dstan.preprocessing.cache import Cache
from dstan.preprocessing.cascade import CascadeSource, points_in_box
from dstan.preprocessing.landmark_files import FileSource, landmark_file, read_landmarks
from dstan.preprocessing.landmarks import MESH_TO_68, STABLE_POINTS
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.template import template_points
from dstan.video import list_images

FACE = np.round(np.random.default_rng(0).uniform(20, 200, (68, 2)), 3).astype(np.float32)
NAMES = [f"{axis}_{k}" for axis in "xy" for k in range(68)]


def openface(path, faces, gap=", ", first=1):
    """Write (frame, success, face) rows as OpenFace does."""
    rows = [gap.join(["frame", "face_id", "confidence", "success", *NAMES])]
    for frame, success, face in faces:
        rows.append(gap.join(map(str, [frame + first, 0, 0.98, success, *face.T.ravel()])))
    path.write_text("\n".join(rows) + "\n")
    return path


def clip(path, **known):
    return Clip("corpus", "sub01", "EP01", path, **known)


def blank(n):
    return [np.zeros((2, 2, 3), np.uint8)] * n


@pytest.mark.parametrize(("gap", "first"), [(", ", 1), (",", 0), (" ;\t", 1)])
def test_openface_files_are_read(tmp_path, gap, first):
    faces = [(0, 1, FACE), (1, 0, FACE + 1), (2, 1, FACE + 2)]
    path = openface(tmp_path / "a.csv", faces, gap, first)
    found = list(read_landmarks(path))
    assert [position for position, _ in found] == [0, 2]
    assert np.allclose(found[1][1], FACE + 2)


@pytest.mark.parametrize("gap", [",", " ", "\t", "; "])
def test_plain_files_hold_68_points_a_line(tmp_path, gap):
    lines = [gap.join(map(str, (FACE + k).ravel())) for k in range(3)]
    lines[1] = gap.join(["nan"] * 136)
    (tmp_path / "a.csv").write_text("\n".join(lines))
    found = dict(read_landmarks(tmp_path / "a.csv"))
    assert sorted(found) == [0, 2]
    assert np.allclose(found[2], FACE + 2)


def test_points_go_where_the_mesh_has_them_and_frames_count_from_the_source(tmp_path):
    openface(tmp_path / "EP01.csv", [(k, 1, FACE + k) for k in range(10)])
    found = FileSource().landmarks(clip(tmp_path / "EP01", onset=4), blank(3))
    assert found.points.shape == (3, 468, 2)
    assert np.allclose(found.points[:, list(MESH_TO_68)], [FACE + 4, FACE + 5, FACE + 6])
    assert np.isfinite(found.points).all(axis=(0, 2)).sum() == 68
    assert len(set(STABLE_POINTS) & set(MESH_TO_68)) == 9
    assert found.faces == 1


def test_of_several_faces_the_largest_is_used(tmp_path):
    rows = [(0, 1, 0.5 * FACE), (0, 1, FACE), (0, 1, 0.7 * FACE)]
    openface(tmp_path / "EP01.csv", rows)
    found = FileSource().landmarks(clip(tmp_path / "EP01"), blank(1))
    assert found.faces == 3
    assert np.allclose(found.points[0, list(MESH_TO_68)], FACE)


def test_the_face_chosen_first_is_followed(tmp_path):
    other = FACE + 600
    rows = [(0, 1, FACE * 1.01), (0, 1, other), (1, 1, FACE), (1, 1, other * 1.02), (2, 1, other), (2, 1, FACE)]
    openface(tmp_path / "EP01.csv", rows)
    found = FileSource().landmarks(clip(tmp_path / "EP01"), blank(3))
    assert np.allclose(found.points[:, list(MESH_TO_68)], [FACE * 1.01, FACE, FACE], atol=1e-3)
    assert found.faces == 2


def test_where_a_file_is_looked_for(tmp_path):
    folder, own = tmp_path / "data" / "sub01" / "EP01.x", tmp_path / "mine"
    (own / "sub01").mkdir(parents=True)
    folder.mkdir(parents=True)
    with pytest.raises(FaceError, match=r"EP01\.x\.csv.*landmark_folder"):
        landmark_file(clip(folder))
    for path in (own / "EP01.x.csv", own / "sub01" / "EP01.x.csv"):
        path.touch()
        assert landmark_file(clip(folder), own) == path
    beside = folder.parent / "film.csv"
    beside.touch()
    assert landmark_file(clip(folder.parent / "film.mp4")) == beside


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("frame,x_0,y_0\n1,2,3\n", r"no column x_1 \(134 are missing\)"),
        ("1 2 3\n", "line 1 holds 3 values, not 136"),
        (",".join(["frame", *NAMES]) + "\n" + ",".join(["1", *["oops"] * 136]), "line 2: could not convert"),
        (",".join(["frame", *NAMES]) + "\n" + ",".join(["1.5", *["3"] * 136]), r"line 2: frame 1\.5"),
    ],
)
def test_what_cannot_be_understood_is_said(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FrameError, match=message) as caught:
        list(read_landmarks(path))
    assert "OpenFace" in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_without_the_clip_s_frames_is_an_error(tmp_path):
    openface(tmp_path / "EP01.csv", [(0, 1, FACE)])
    with pytest.raises(FaceError, match="no face in frames 5 to 6"):
        FileSource().landmarks(clip(tmp_path / "EP01", onset=5), blank(2))


def test_a_clip_is_aligned_on_its_file_and_the_cache_knows_the_file(tmp_path):
    folder = tmp_path / "EP01"
    folder.mkdir()
    texture = np.random.default_rng(0).integers(0, 255, (120, 160)).astype(np.uint8)
    for k in range(3):
        Image.fromarray(texture).save(folder / f"{k}.png")
    mesh = np.zeros((468, 2), np.float32)
    mesh[list(STABLE_POINTS)] = template_points((120, 160))
    path = openface(tmp_path / "EP01.csv", [(k, 1, mesh[list(MESH_TO_68)]) for k in range(3)])
    recipe = Recipe(size=64, steps=2, landmarks="file")
    one = clip(folder, files=list_images(folder), fps=100.0)
    done = prepare_clip(one, recipe).done
    assert np.allclose(transform(mesh[list(STABLE_POINTS)], np.array(done["matrix"])), template_points((64, 64)))
    cache = Cache(tmp_path / "cache")
    before = cache.path(one, recipe)
    path.write_text(path.read_text() + "\n\n")
    assert cache.path(one, recipe) != before
    path.unlink()
    with pytest.raises(FaceError, match=r"EP01\.csv"):
        cache.path(one, recipe)


def test_a_box_gives_a_coarse_place():
    pytest.importorskip("cv2")
    photo = pytest.importorskip("skimage.data").astronaut()
    found = CascadeSource().landmarks(clip("nowhere"), [photo])
    assert np.isfinite(found.points[0]).all(axis=1).sum() == len(STABLE_POINTS)
    matrix = fit_first_frames(found.points, (224, 224))
    eyes = transform(np.array([[204.0, 102.0], [247.0, 104.5]]), matrix)
    assert np.allclose(eyes, [[73.4, 73.4], [149.6, 73.4]], atol=12)


def test_of_two_boxes_the_larger_is_used(caplog):
    cv2 = pytest.importorskip("cv2")
    head = pytest.importorskip("skimage.data").astronaut()[30:230, 120:320]
    both = np.full((260, 480, 3), 128, np.uint8)
    both[20:150, 20:150] = cv2.resize(head, (130, 130), interpolation=cv2.INTER_AREA)
    both[30:230, 250:450] = head
    found = CascadeSource().landmarks(clip("nowhere"), [both])
    assert found.faces == 2
    assert "2 faces" in caplog.text
    assert found.points[0, STABLE_POINTS[0], 0] > 240


def test_no_box_is_an_error():
    pytest.importorskip("cv2")
    with pytest.raises(FaceError, match="cascade found no face"):
        CascadeSource().landmarks(clip("nowhere"), [np.zeros((90, 90, 3), np.uint8)])


def test_the_stable_points_of_a_box_are_those_of_the_average_face():
    points = points_in_box((10, 20, 100, 100))
    right, left = points[:2].mean(axis=0), points[2:4].mean(axis=0)
    assert np.allclose((right + left) / 2, [59.5, 60.5], atol=0.1)
    assert np.allclose(left - right, [40, 0], atol=1e-3)


def test_an_empty_line_and_points_in_one_place_are_frames_without_a_face(tmp_path):
    line = " ".join(map(str, FACE.ravel()))
    (tmp_path / "a.csv").write_text("\n".join([line, "", " ".join(["0"] * 136), line, ""]))
    assert [position for position, _ in read_landmarks(tmp_path / "a.csv")] == [0, 3]


def test_landmarks_of_another_size_are_an_error_of_that_clip(tmp_path):
    (tmp_path / "EP01").mkdir()
    for number in range(3):
        Image.new("L", (320, 240)).save(tmp_path / "EP01" / f"{number}.png")
    openface(tmp_path / "EP01.csv", [(k, 1, FACE + 3000) for k in range(3)])
    wrong = clip(tmp_path / "EP01", files=list_images(tmp_path / "EP01"), fps=100)
    with pytest.raises(FaceError, match=r"corpus/sub01/EP01: the face lies at .* outside of frames of 320 x 240"):
        prepare_clip(wrong, Recipe(size=32, landmarks="file"))
