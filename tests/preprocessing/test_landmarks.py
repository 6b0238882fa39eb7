"""The tables of landmarks, on a real photograph, and the sources that find or read them."""

import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from dstan.clips import Clip
from dstan.errors import FaceError, FrameError, MissingDependencyError, UnknownNameError
from dstan.preprocessing.alignment import fit_first_frames, transform
from dstan.preprocessing.cascade import CascadeSource
from dstan.preprocessing.landmark_files import FileSource
from dstan.preprocessing.landmarks import (
    MESH_TO_68,
    SOURCES,
    STABLE,
    STABLE_POINTS,
    MediapipeSource,
    TruthSource,
    landmark_source,
    truth_path,
)
from dstan.preprocessing.template import eye_centres


@pytest.fixture(scope="module")
def photograph():
    return pytest.importorskip("skimage.data").astronaut()


@pytest.fixture(scope="module")
def found(photograph):
    pytest.importorskip("mediapipe")
    return MediapipeSource().landmarks(clip(), [photograph] * 3)


def clip(path="nowhere/clip", **known):
    from pathlib import Path

    return Clip("corpus", "sub01", "EP01", Path(path), **known)


def test_the_tables_are_whole():
    assert len(STABLE_POINTS) == len(set(STABLE_POINTS)) == 17
    assert len(MESH_TO_68) == len(set(MESH_TO_68)) == 68
    assert all(0 <= point < 468 for point in (*STABLE_POINTS, *MESH_TO_68))
    moving = {*MESH_TO_68[17:27], *MESH_TO_68[31:36], *MESH_TO_68[48:], *MESH_TO_68[1:16]}
    assert not moving & set(STABLE_POINTS)
    assert sum(point.weight for point in STABLE if abs(point.y) < 0.3 and abs(point.x) < 1) == 8


def test_the_mesh_on_a_real_face(found):
    assert found.faces == 1
    assert found.points.shape == (3, 468, 2)
    right, left = found.points[-1][[33, 133]].mean(axis=0), found.points[-1][[362, 263]].mean(axis=0)
    assert np.allclose(right, [204, 102], atol=4)
    assert np.allclose(left, [247, 104.5], atol=4)


def test_the_68_points_lie_where_they_should_on_a_real_face(found):
    """Relations that every face keeps, checked in the upright crop; x to the person's left, y down."""
    matrix = fit_first_frames(found.points, (224, 224))
    points = transform(found.points[-1][list(MESH_TO_68)], matrix)
    x, y = points.T
    jaw, brows = slice(0, 17), (slice(17, 22), slice(22, 27))
    assert (np.diff(x[jaw]) > 0)[3:-3].all()
    assert y[8] == y.max()
    assert all((np.diff(x[part]) > 0).all() for part in brows)
    assert max(y[17:27]) < min(y[36:48])
    assert (np.diff(y[27:31]) > 0).all()
    assert (np.diff(x[31:36]) > 0).all()
    assert y[30] < y[33] < y[51] < y[62] < y[66] < y[57] < y[8]
    for eye in (36, 42):
        outer, inner = (eye, eye + 3) if eye == 36 else (eye + 3, eye)
        assert abs(x[outer] - 112) > abs(x[inner] - 112)
        assert max(y[eye + 1], y[eye + 2]) < min(y[eye + 4], y[eye + 5])
    for start, stop in ((48, 55), (60, 65)):
        assert (np.diff(x[start:stop]) > 0).all()
    for start, stop in ((54, 60), (64, 68)):
        assert (np.diff(x[start:stop]) < 0).all()
    mirror = [
        *range(16, -1, -1),
        *range(26, 16, -1),
        27,
        28,
        29,
        30,
        35,
        34,
        33,
        32,
        31,
        *(45, 44, 43, 42, 47, 46),
        *(39, 38, 37, 36, 41, 40),
        *range(54, 47, -1),
        *range(59, 54, -1),
        *range(64, 59, -1),
        67,
        66,
        65,
    ]
    middle = x[[27, 28, 29, 30, 8]].mean()
    assert np.abs(points - points[mirror] * [-1, 1] - [2 * middle, 0]).mean() < 5


def test_a_real_face_lands_on_the_template(found):
    matrix = fit_first_frames(found.points, (224, 224))
    face = transform(found.points[-1], matrix)
    eyes = [face[[33, 133]].mean(axis=0), face[[362, 263]].mean(axis=0)]
    assert np.allclose(eyes, eye_centres((224, 224)), atol=6)
    assert 190 < face[152, 1] < 224
    assert face[10, 1] > 0


def test_no_face_is_an_error():
    pytest.importorskip("mediapipe")
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    with pytest.raises(FaceError, match="no face") as caught:
        MediapipeSource().landmarks(clip(), [noise] * 2)
    assert caught.value.where == "corpus/sub01/EP01"
    assert "alignment=none" in str(caught.value)


def test_of_two_faces_the_larger_is_used(photograph, found, caplog):
    cv2 = pytest.importorskip("cv2")
    head = photograph[30:230, 120:320]
    small = cv2.resize(head, (130, 130), interpolation=cv2.INTER_AREA)
    both = np.full((260, 480, 3), 128, np.uint8)
    both[20:150, 20:150] = small
    both[30:230, 250:450] = head
    landmarks = MediapipeSource().landmarks(clip(), [both] * 3)
    assert landmarks.faces == 2
    assert "2 faces" in caplog.text
    assert np.allclose(landmarks.points[-1][1], found.points[-1][1] + [130, 0], atol=3)


def test_the_terminal_stays_clean(photograph, capfd):
    pytest.importorskip("mediapipe")
    MediapipeSource().landmarks(clip(), [photograph])
    sys.stderr.write("still here\n")
    seen = capfd.readouterr()
    assert seen.err.strip() == "still here"
    assert seen.out == ""


def test_without_mediapipe_it_says_what_to_do(monkeypatch, photograph):
    monkeypatch.setitem(sys.modules, "mediapipe.python.solutions.face_mesh", None)
    with pytest.raises(MissingDependencyError, match=r"mediapipe==0\.10\.21"):
        MediapipeSource().landmarks(clip(), [photograph])


def write_truth(root, points, folder="CASME2_RAW_selected/sub01/EP01"):
    path = root / "truth" / "clips" / f"{folder}.safetensors"
    path.parent.mkdir(parents=True)
    save_file({"landmarks": points}, path)
    return path


def test_truth_is_read_from_the_onset_on(tmp_path):
    points = np.arange(10 * 468 * 2, dtype=np.float32).reshape(10, 468, 2)
    write_truth(tmp_path, points)
    where = tmp_path / "CASME2_RAW_selected" / "sub01" / "EP01"
    landmarks = TruthSource().landmarks(clip(where, onset=4), [np.zeros((2, 2, 3), np.uint8)] * 3)
    assert (landmarks.points == points[4:7]).all()
    with pytest.raises(FaceError, match="no landmarks"):
        TruthSource().landmarks(clip(where, onset=9), [np.zeros((2, 2, 3), np.uint8)] * 3)


def test_truth_goes_by_the_folder_of_the_images_not_by_the_clip_s_name(tmp_path):
    raw, crop = (
        write_truth(tmp_path, np.zeros((2, 468, 2), np.float32), f"{tree}/sub01/a.b") for tree in ("raw", "crop")
    )
    assert truth_path(clip(tmp_path / "raw" / "sub01" / "a.b")) == raw
    assert truth_path(clip(tmp_path / "crop" / "sub01" / "a.b")) == crop
    with pytest.raises(FaceError, match=r"a\.c\.safetensors"):
        truth_path(clip(tmp_path / "raw" / "sub01" / "a.c"))


def test_truth_that_is_missing_or_damaged_is_an_error(tmp_path):
    with pytest.raises(FaceError, match="mediapipe"):
        TruthSource().landmarks(clip(tmp_path / "sub01" / "EP01"), [])
    path = write_truth(tmp_path, np.zeros((2, 468, 2), np.float32), "sub01/EP01")
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(FrameError, match="damaged"):
        TruthSource().landmarks(clip(tmp_path / "sub01" / "EP01"), [])


def test_sources_are_known_by_name():
    assert [type(landmark_source(name)) for name in SOURCES] == [
        MediapipeSource,
        FileSource,
        CascadeSource,
        TruthSource,
    ]
    with pytest.raises(UnknownNameError, match="mediapipe"):
        landmark_source("dlib")
