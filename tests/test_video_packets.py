"""Parts of a long video: its packets are walked once, and again only when the file changes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dstan.errors import FrameError
from dstan.video import packets, read_frames, video_fps, video_info, write_video

FRAMES = 240


def textures(count: int, seed: int = 0) -> list[np.ndarray]:
    """Draw noise, so that every frame weighs something in the file."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (32, 48, 3), dtype=np.uint8) for _ in range(count)]


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Forget all files, and count the packets that are walked to find times and key frames."""
    counts: list[int] = []
    real = packets._walk

    def count(path: Path, where: object, most: int | None) -> tuple[packets.Packets, packets.Damage | None]:
        found, damage = real(path, where, most)
        counts.append(found.count)
        return found, damage

    monkeypatch.setattr(packets, "_KNOWN", {})
    monkeypatch.setattr(packets, "_walk", count)
    return counts


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Write 240 frames."""
    path = tmp_path / "a.mp4"
    write_video(path, textures(FRAMES), 30)
    return path


def test_many_parts_of_a_video_cost_few_walks(video: Path, walked: list[int]) -> None:
    for start in range(1, FRAMES - 3, 9):
        assert [frame.index for frame in read_frames(video, start=start, stop=start + 2)] == [start, start + 1]
    assert len(walked) <= 3
    assert sum(walked) < 3 * FRAMES


def test_what_is_known_of_the_whole_is_not_asked_again(video: Path, walked: list[int]) -> None:
    first = video_info(video)
    assert (video_info(video), first.frames) == (first, FRAMES)
    assert len(list(read_frames(video, start=200))) == 40
    assert walked == [FRAMES]


def test_a_file_that_changed_is_walked_again(video: Path, walked: list[int]) -> None:
    assert video_info(video).frames == FRAMES
    write_video(video, textures(9, seed=1), 30)
    assert video_info(video).frames == 9
    os.utime(video, ns=(1, 1))
    assert video_info(video).frames == 9
    assert walked == [FRAMES, 9, 9]


def test_few_files_are_remembered(tmp_path: Path, walked: list[int]) -> None:
    for number in range(packets.REMEMBERED + 2):
        write_video(path := tmp_path / f"{number}.mp4", textures(3), 30)
        video_info(path)
    assert len(packets._KNOWN) == packets.REMEMBERED


def test_damage_behind_what_is_read_does_not_matter(tmp_path: Path, walked: list[int]) -> None:
    write_video(whole := tmp_path / "whole.mkv", textures(FRAMES), 30)
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.8)])
    for start, stop in ((5, 8), (100, 103), (60, 63)):
        part = list(read_frames(path, start=start, stop=stop))
        expected = list(read_frames(whole, start=start, stop=stop))
        assert all((one.pixels == other.pixels).all() for one, other in zip(part, expected, strict=True))
    with pytest.raises(FrameError, match="ends early"):
        list(read_frames(path, start=230))


def test_the_rate_of_a_damaged_video_is_that_of_what_can_be_read(video: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(FrameError, match=r"ends early. It can be read up to 0:0\d\.\d\d \(frame \d+\)"):
        video_info(path)
    assert video_fps(path) == pytest.approx(30, rel=0.05)
