from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dstan.clips import Clip, ClipSet, PreparedClip, Skipped
from dstan.errors import CorpusError, FrameError, ShapeError


def clip(subject: str, name: str, label: str | None = None) -> Clip:
    return Clip("toy", subject, name, Path("x"), label=label)


@pytest.fixture
def clips() -> ClipSet:
    return ClipSet(
        (clip("s2", "a", "sad"), clip("s1", "b", "glad"), clip("s2", "c", "glad"), clip("s1", "a", "sad")),
        classes=("glad", "sad", "mad"),
    )


def test_order_is_kept_and_counts_cover_every_class(clips: ClipSet) -> None:
    assert [item.clip_id for item in clips] == ["a", "b", "c", "a"]
    assert clips.subjects == ("s2", "s1")
    assert clips.counts == {"glad": 2, "sad": 2, "mad": 0}
    assert [str(item) for item in clips[1:3]] == ["toy/s1/b", "toy/s2/c"]


def test_filter_by_subject_and_label(clips: ClipSet) -> None:
    assert [c.clip_id for c in clips.filter(subjects=["s2"])] == ["a", "c"]
    assert [c.clip_id for c in clips.filter(labels=["glad"])] == ["b", "c"]
    assert [c.clip_id for c in clips.filter(subjects=["s2"], labels=["glad"])] == ["c"]
    assert clips.filter(subjects=["s9"]).clips == ()


def test_ids_are_unique_but_only_within_a_subject(clips: ClipSet) -> None:
    assert len({c.key for c in clips}) == 4
    with pytest.raises(CorpusError, match="toy/s1/a"):
        ClipSet((clip("s1", "a"), clip("s1", "a")))


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(CorpusError, match="'bad'"):
        ClipSet((clip("s1", "a", "bad"),), classes=("glad",))


def test_skipped_clips_leave_and_are_remembered(clips: ClipSet) -> None:
    fewer = clips.without([Skipped("toy", "s1", "b", "prepare", "no face")])
    assert [c.clip_id for c in fewer] == ["a", "c", "a"]
    assert fewer.skipped[0].reason == "no face"


def test_arrays_alone_make_a_prepared_clip() -> None:
    made = PreparedClip.from_arrays(flow=np.zeros((1, 2, 32, 40), np.float64), label="glad")
    assert made.label == "glad"
    assert made.appearance is None
    assert made.flow is not None
    assert made.flow.dtype == np.float32


def test_strain_may_be_given_beside_flow() -> None:
    made = PreparedClip.from_arrays(flow=np.zeros((1, 2, 32, 40)), strain=np.ones((1, 32, 40), np.float64))
    assert made.strain is not None
    assert made.strain.dtype == np.float32
    assert PreparedClip.from_arrays(flow=np.zeros((1, 2, 32, 40))).strain is None


def test_landmarks_are_kept_with_what_is_unknown_of_them(tmp_path: Path) -> None:
    points = np.arange(936.0).reshape(468, 2)
    points[3] = np.nan
    made = PreparedClip.from_arrays(flow=np.zeros((1, 2, 32, 40)), landmarks=points)
    assert made.landmarks is not None
    assert made.landmarks.dtype == np.float32
    np.testing.assert_array_equal(made.landmarks, points)
    made.save(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(PreparedClip.load(tmp_path / "x.safetensors", made.clip).landmarks, points)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "appearance, flow or both"),
        ({"appearance": np.zeros((3, 8))}, "3 axes"),
        ({"flow": np.zeros((3, 3, 8, 8))}, r"\(T, 2, H, W\)"),
        ({"appearance": np.full((1, 8, 8), np.nan)}, "NaN"),
        ({"appearance": np.zeros((3, 8, 8)), "strain": np.zeros((3, 8, 8))}, r"without the flow .*Give flow"),
        (
            {"flow": np.zeros((3, 2, 8, 9)), "strain": np.zeros((3, 9, 8))},
            r"\(3, 9, 8\), and its flow \(3, 2, 8, 9\) needs one of \(3, 8, 9\).*leave strain out",
        ),
        ({"flow": np.zeros((1, 2, 8, 9)), "strain": np.zeros((8, 9))}, "3 axes"),
        ({"flow": np.zeros((1, 2, 8, 9)), "strain": np.full((1, 8, 9), np.inf)}, "infinity"),
        ({"appearance": np.zeros((0, 8, 8))}, "empty"),
        ({"appearance": np.zeros((1, 8, 8)), "landmarks": np.zeros((68, 2))}, r"468 points .* \(68, 2\).*MESH_TO_68"),
        ({"appearance": np.zeros((1, 8, 8)), "landmarks": [(1, 2)] * 468}, "468 points .* not list"),
        ({"appearance": np.zeros((1, 8, 8)), "landmarks": np.full((468, 2), np.inf)}, "infinity"),
    ],
)
def test_wrong_arrays_are_refused(arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        PreparedClip.from_arrays(**arrays)


def test_prepared_clips_survive_the_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = PreparedClip(
        clip("s1", "a"),
        appearance=rng.random((2, 5, 4), np.float32),
        flow=rng.random((2, 2, 5, 4), np.float32),
        strain=rng.random((2, 5, 4), np.float32),
        flow_times=np.array([0.1, 0.2]),
        done={"matrix": [[1.0, 0.0, 0.5]], "warnings": ["two faces"]},
    )
    made.save(tmp_path / "x.safetensors")
    read = PreparedClip.load(tmp_path / "x.safetensors", made.clip)
    np.testing.assert_array_equal(read.appearance, made.appearance)
    np.testing.assert_array_equal(read.strain, made.strain)
    np.testing.assert_array_equal(read.flow_times, made.flow_times)
    assert read.landmarks is None
    assert dict(read.done) == dict(made.done)


def test_a_damaged_prepared_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    PreparedClip.from_arrays(appearance=np.zeros((1, 32, 32))).save(path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(FrameError, match=r"x\.safetensors"):
        PreparedClip.load(path, clip("s1", "a"))
