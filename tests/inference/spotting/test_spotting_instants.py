from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dstan.errors import FrameError
from dstan.inference.spotting.instants import Instant, Reading, group_size, how_many, instants
from dstan.video import write_video


def flat(level: int) -> np.ndarray:
    return np.full((16, 16, 3), level, np.uint8)


def written(path: Path, count: int, fps: float) -> Path:
    write_video(path, [flat(index % 200) for index in range(count)], fps, codec="ffv1")
    return path


@pytest.mark.parametrize(("fps", "size"), [(25, 1), (30, 1), (60, 1), (100, 2), (120, 2), (200, 3), (240, 4)])
def test_fast_videos_are_averaged_to_about_sixty_instants_a_second(fps: float, size: int) -> None:
    assert group_size(fps, 60) == size
    assert fps <= 60 or 48 <= fps / size <= 70


def test_an_instant_of_several_frames_lies_in_their_middle(tmp_path: Path) -> None:
    reading = Reading(written(tmp_path / "fast.mkv", 10, 240))
    found = list(instants(reading, 4, 60))
    assert [len(one.pictures) for one in found] == [4, 4, 2]
    assert [one.frame for one in found] == [1.5, 5.5, 8.5]
    assert found[0].time == pytest.approx(1.5 / 240, abs=1e-3)
    assert len(reading.times) == 10
    assert reading.rate == pytest.approx(240, rel=0.02)


def test_frames_that_lie_far_apart_are_not_averaged(tmp_path: Path) -> None:
    reading = Reading(written(tmp_path / "slow.mkv", 6, 20))
    assert [len(one.pictures) for one in instants(reading, 4, 60)] == [1] * 6


def test_times_rise_even_where_a_file_repeats_one(tmp_path: Path) -> None:
    import av

    path = tmp_path / "varying.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1000)
        stream.height = stream.width = 16
        stream.pix_fmt = "bgr0"
        for index, time in enumerate((0, 33, 50, 120, 133, 166)):
            picture = av.VideoFrame.from_ndarray(flat(index), format="rgb24")
            picture.pts = time
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    reading = Reading(path)
    found: list[Instant] = list(instants(reading, 1, 60))
    assert [round(one.time, 3) for one in found] == [0, 0.033, 0.05, 0.12, 0.133, 0.166]
    assert (np.diff(reading.times) > 0).all()


def test_a_folder_without_a_rate_is_an_error_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"not read")
    with pytest.raises(FrameError, match="--fps"):
        how_many(tmp_path, None)
    assert how_many(tmp_path, 25.0) == (1, 25.0)
