"""Frames in and out: image folders, video files, and what may be wrong with them."""

import math
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

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


RAMP = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None], SIZE[0], axis=0)


def write_with(path, codec, pixels, pictures, form, rate=25, ticks=None, options=None, sound=False):
    """Write a video as other software does: its own codec, pixel format, times, key frames and sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], pixels
        noise = container.add_stream("aac", rate=8000) if sound else None
        for k, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format=form)
            frame.pts, frame.time_base = (ticks[k] if ticks else k), Fraction(1, rate)
            container.mux(stream.encode(frame))
            if noise:
                wave = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                wave.sample_rate, wave.pts, wave.time_base = 8000, k * 1024, Fraction(1, 8000)
                container.mux(noise.encode(wave))
        container.mux(stream.encode())
        if noise:
            container.mux(noise.encode())


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mkv", "ffv1", "yuv420p10le"),
        ("a.mkv", "ffv1", "gray10le"),
        ("a.mkv", "ffv1", "gray16le"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "yuv420p"),
        ("a.mp4", "libx264", "yuvj420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
    ],
)
def test_any_depth_and_range_of_brightness_becomes_0_to_255(tmp_path, name, codec, pixels):
    """8, 10 and 16 bits, grey and colour, studio range and full range all show the same ramp."""
    options = {"crf": "1"} if codec == "libx264" else {}
    write_with(tmp_path / name, codec, pixels, [RAMP] * 2, "gray16le", options=options)
    grey = next(read_frames(tmp_path / name)).pixels
    colour = next(read_frames(tmp_path / name, colour=True)).pixels
    assert grey.dtype == colour.dtype == np.uint8
    assert np.abs(grey.mean(axis=0) - np.linspace(0, 255, 64)).max() < 4
    assert np.abs(colour.mean(axis=(0, 2)) - np.linspace(0, 255, 64)).max() < 4


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_changes_nothing(tmp_path, pictures, name, sound):
    write_with(tmp_path / name, "libx264", "yuv420p", pictures, "rgb24", sound=sound)
    assert frame_count(tmp_path / name) == 12
    assert [round(frame.time * 25) for frame in read_frames(tmp_path / name)] == list(range(12))
    assert [frame.index for frame in read_frames(tmp_path / name, start=5, stop=8)] == [5, 6, 7]


LONG = [np.full((*SIZE, 3), 20 + k, np.uint8) for k in range(200)]
UNEVEN = [3 * k + (k % 7) // 5 for k in range(200)]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "25", "bf": "3", "crf": "1"}),
        ("a.mp4", "libx264", {"g": "12", "bf": "4", "crf": "1", "x264-params": "open-gop=1:b-pyramid=normal"}),
        ("a.mkv", "libx264", {"g": "25", "bf": "3", "crf": "1"}),
        ("a.ts", "libx264", {"g": "25", "bf": "3", "crf": "1"}),
        ("a.avi", "mjpeg", {}),
        ("b.avi", "libx264", {"g": "25", "bf": "3", "crf": "1"}),
        ("a.mpg", "mpeg2video", {"g": "12", "bf": "2", "b": "4000000"}),
        ("b.mkv", "ffv1", {}),
        ("b.mp4", "libx264", {"g": "1000", "crf": "1"}),
    ],
)
@pytest.mark.parametrize("uneven", [False, True])
def test_a_late_part_is_the_same_as_read_from_the_start(tmp_path, name, codec, options, uneven):
    if uneven and name.endswith((".avi", ".mpg")):
        pytest.skip("the container keeps an even rate")
    pixels = {"mjpeg": "yuvj420p", "ffv1": "bgr0"}.get(codec, "yuv420p")
    ticks = UNEVEN if uneven else None
    write_with(tmp_path / name, codec, pixels, LONG, "rgb24", 75 if uneven else 25, ticks, options)
    whole = list(read_frames(tmp_path / name))
    assert len(whole) == 200
    for start, stop in [(1, 3), (24, 27), (60, 61), (99, 126), (187, None)]:
        part = list(read_frames(tmp_path / name, start=start, stop=stop))
        assert [(frame.index, frame.time) for frame in part] == [
            (frame.index, pytest.approx(frame.time)) for frame in whole[start:stop]
        ]
        assert all((one.pixels == other.pixels).all() for one, other in zip(part, whole[start:stop], strict=True))
    with pytest.raises(FrameError, match="200 frames, but 201 are needed"):
        list(read_frames(tmp_path / name, start=150, stop=201))


def test_what_lies_before_a_late_part_is_not_decoded(tmp_path, monkeypatch):
    from dstan.video import files

    write_with(tmp_path / "a.mp4", "libx264", "yuv420p", LONG, "rgb24", options={"g": "10"})
    decoded, real = [], files._decoded
    monkeypatch.setattr(files, "_decoded", lambda *a: (decoded.append(p.pts) or p for p in real(*a)))
    assert len(list(read_frames(tmp_path / "a.mp4", start=155, stop=158))) == 3
    assert len(decoded) < 15


MEASURE = """
import sys
from pathlib import Path
from dstan.video import read_frames
count = sum(1 for _ in read_frames(Path(sys.argv[1]), start=int(sys.argv[2])))
lines = Path("/proc/self/status").read_text().splitlines()
print(count, next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of the peak")
def test_memory_does_not_grow_with_the_length_read(tmp_path):
    """1500 frames of 320 x 240 are 115 MB of grey pixels; reading all of them takes as much as reading the last ten."""
    still = [np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)] * 1500
    write_with(tmp_path / "a.mp4", "libx264", "yuv420p", still, "rgb24", options={"preset": "ultrafast", "g": "50"})
    peak = {}
    for start in (0, 1490):
        command = [sys.executable, "-c", MEASURE, str(tmp_path / "a.mp4"), str(start)]
        count, kilobytes = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
        assert int(count) == 1500 - start
        peak[start] = int(kilobytes)
    assert peak[0] < peak[1490] + 40_000


@pytest.mark.parametrize(
    ("turn", "corner"), [((0, 1, -1, 0), (0, -1)), ((-1, 0, 0, -1), (-1, -1)), ((0, -1, 1, 0), (-1, 0))]
)
def test_a_telephone_that_was_turned_is_turned_back(tmp_path, turn, corner):
    """The header's display matrix says by how much; the white corner of the sensor goes where the viewer sees it."""
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[:16, :16] = 255
    path = tmp_path / "a.mp4"
    write_video(path, [picture] * 3, 25)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in turn)
    shift = SIZE[0] << 16, SIZE[1] << 16
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, *shift, 1 << 30)
    path.write_bytes(data)
    for colour in (False, True):
        shown = next(read_frames(path, colour=colour)).pixels.reshape(*(SIZE if turn[0] else SIZE[::-1]), -1)
        quarters = {(y, x): _corner(shown, y, x) for y in (0, -1) for x in (0, -1)}
        assert quarters.pop(corner).min() > 200
        assert max(part.max() for part in quarters.values()) < 50


def _corner(shown, y, x):
    rows = slice(None, 10) if y == 0 else slice(-10, None)
    columns = slice(None, 10) if x == 0 else slice(-10, None)
    return shown[rows, columns]


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
