"""Frames in and out: image folders, video files, and what may be wrong with them."""

import math
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip
from dstan.errors import AnnotationRangeError, FrameError, ShapeError
from dstan.video import (
    frame_count,
    is_video,
    list_images,
    read_clip,
    read_frames,
    video_duration,
    video_fps,
    write_video,
)

SIZE = (48, 64)


@pytest.fixture(scope="module")
def pictures():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = [np.stack([x * 3, y * 4, 40 + 9 * k + 0 * x], axis=-1) for k in range(12)]
    return [np.clip(wave, 0, 255).astype(np.uint8) for wave in waves]


@pytest.fixture
def folder(tmp_path, pictures):
    for k, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"img{k + 1}.png")
    return tmp_path


def clip_of(path, **known):
    return Clip("corpus", "sub01", "EP01", path, list_images(path) if path.is_dir() else (), **known)


def test_images_come_in_natural_order(folder):
    (folder / "notes.txt").write_text("not a frame")
    (folder / "._img1.png").write_bytes(b"left by a Mac")
    assert list_images(folder) == tuple(f"img{k}.png" for k in range(1, 13))


def test_images_are_read_in_colour_and_grey(folder, pictures):
    colour = list(read_frames(folder, list_images(folder), colour=True, fps=200))
    assert [frame.index for frame in colour] == list(range(12))
    assert colour[3].time == pytest.approx(3 / 200)
    assert all((frame.pixels == picture).all() for frame, picture in zip(colour, pictures, strict=True))
    grey = next(read_frames(folder, start=5)).pixels
    assert grey.shape == SIZE
    assert np.abs(grey - pictures[5] @ [0.299, 0.587, 0.114]).max() < 1


def test_without_a_rate_there_are_no_times(folder):
    assert math.isnan(next(read_frames(folder)).time)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    Image.fromarray(np.array([[0, 256], [32768, 65535]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert next(read_frames(tmp_path)).pixels.tolist() == [[0, 1], [128, 255]]


def test_jpeg_grey_agrees_with_its_colour(tmp_path, pictures):
    Image.fromarray(pictures[0]).save(tmp_path / "a.jpg", quality=95)
    grey = next(read_frames(tmp_path)).pixels
    colour = next(read_frames(tmp_path, colour=True)).pixels
    assert np.abs(grey - colour @ [0.299, 0.587, 0.114]).max() < 2.5


def broken(kind, path):
    data = path.read_bytes()
    if kind == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "truncated": data[: len(data) // 2], "text": b"<html>no image</html>"}[kind])


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing", "missing"), ("empty", "zero bytes"), ("truncated", "cannot be read"), ("text", "not an image")],
)
@pytest.mark.parametrize("colour", [False, True])
def test_a_bad_frame_is_named(folder, kind, words, colour):
    clip = clip_of(folder)
    broken(kind, folder / "img7.png")
    with pytest.raises(FrameError, match=words) as caught:
        list(read_clip(clip, colour=colour))
    assert "img7.png" in str(caught.value)
    assert caught.value.where == "corpus/sub01/EP01"
    assert caught.value.hint


def test_a_truncated_jpeg_is_an_error(tmp_path, pictures):
    path = tmp_path / "a.jpg"
    Image.fromarray(pictures[0]).save(path)
    broken("truncated", path)
    with pytest.raises(FrameError, match=r"a\.jpg"):
        list(read_frames(tmp_path))


def test_an_empty_or_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FrameError, match="no images"):
        list_images(tmp_path)
    with pytest.raises(FrameError, match="No such file"):
        list_images(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "ffv1"), ("a.avi", "ffv1")])
def test_lossless_video_comes_back_bit_for_bit(tmp_path, pictures, name, codec):
    write_video(tmp_path / name, pictures, 25, codec=codec)
    frames = list(read_frames(tmp_path / name, colour=True))
    assert all((frame.pixels == picture).all() for frame, picture in zip(frames, pictures, strict=True))
    assert frames[5].time == pytest.approx(5 / 25, abs=1e-3)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mjpeg")])
def test_lossy_video_is_close_and_full_range(tmp_path, pictures, name, codec):
    write_video(tmp_path / name, pictures, 200, codec=codec)
    frames = [frame.pixels for frame in read_frames(tmp_path / name, start=2, stop=9)]
    assert len(frames) == 7
    assert frame_count(tmp_path / name) == 12
    assert video_fps(tmp_path / name) == pytest.approx(200, rel=0.01)
    assert video_duration(tmp_path / name) == pytest.approx(12 / 200, rel=0.05)
    assert np.abs(frames[0] - pictures[2] @ [0.299, 0.587, 0.114]).mean() < 6


def test_a_variable_rate_keeps_its_times(tmp_path, pictures):
    path, ticks = tmp_path / "a.mkv", [0, 10, 15, 100, 130]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1000)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "bgr0"
        for tick, picture in zip(ticks, pictures, strict=False):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert [frame.time for frame in read_frames(path)] == pytest.approx([tick / 1000 for tick in ticks])


def test_a_telephone_held_upright_is_turned(tmp_path):
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[:16, :16] = 255
    path = tmp_path / "a.mp4"
    write_video(path, [picture] * 3, 25)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, SIZE[0] << 16, 0, 1 << 30)
    path.write_bytes(data)
    upright = next(read_frames(path)).pixels
    assert upright.shape == SIZE[::-1]
    assert upright[:10, -10:].min() > 200
    assert upright[:10, :10].max() < 50


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mjpeg"), ("b.mkv", "ffv1")]
)
def test_a_video_that_was_cut_is_an_error(tmp_path, pictures, name, codec):
    path = tmp_path / name
    write_video(path, pictures, 25, codec=codec)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    with pytest.raises(FrameError, match=r"ends early|no frames"):
        list(read_frames(path))


def test_a_video_shorter_than_its_annotation_is_an_error(tmp_path, pictures):
    write_video(tmp_path / "a.mp4", pictures, 25)
    with pytest.raises(FrameError, match="12 frames, but 21 are needed"):
        list(read_clip(clip_of(tmp_path / "a.mp4", onset=0, offset=20)))
    with pytest.raises(AnnotationRangeError, match="no frame at the onset"):
        list(read_clip(clip_of(tmp_path / "a.mp4", onset=12)))


@pytest.mark.parametrize("content", [b"", b"this is no video at all" * 50])
def test_what_is_not_a_video_is_an_error(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(FrameError, match="zero bytes" if not content else "cannot be opened"):
        list(read_frames(path))


def test_sound_alone_is_not_a_video(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(FrameError, match="no video"):
        list(read_frames(path))


def test_a_clip_runs_from_onset_to_offset(folder):
    assert [frame.index for frame in read_clip(clip_of(folder, onset=3, offset=6))] == [3, 4, 5, 6]
    assert [frame.index for frame in read_clip(clip_of(folder, onset=10))] == [10, 11]
    assert len(list(read_clip(clip_of(folder)))) == 12


@pytest.mark.parametrize(("onset", "offset"), [(6, 3), (-1, 3), (0, 12), (12, None)])
def test_an_annotation_that_does_not_fit_is_an_error(folder, onset, offset):
    with pytest.raises(AnnotationRangeError, match="onset") as caught:
        list(read_clip(clip_of(folder, onset=onset, offset=offset)))
    assert caught.value.where == "corpus/sub01/EP01"


def test_videos_are_known_by_their_suffix(tmp_path):
    assert is_video(tmp_path / "A.MP4")
    assert not is_video(tmp_path / "a.jpg")


def test_what_cannot_be_written_leaves_nothing(tmp_path, pictures):
    for frames in ([], [pictures[0], pictures[1][:10]], [pictures[0][:47]]):
        with pytest.raises(ShapeError):
            write_video(tmp_path / "a.mp4", frames, 25)
    with pytest.raises(ShapeError, match=r"a\.txt"):
        write_video(tmp_path / "a.txt", pictures, 25)
    assert list(tmp_path.iterdir()) == []
