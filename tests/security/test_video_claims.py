"""Videos whose headers claim what no camera records, and files that would make FFmpeg read others."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from dstan.errors import FrameError
from dstan.video import read_frames, video_fps, video_info, write_video
from dstan.video.boxes import claimed_samples
from dstan.video.limits import FASTEST, LONGEST, MOST_FRAMES, check_course


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    write_video(path, [np.full((32, 48, 3), 20 * index, np.uint8) for index in range(10)], 25)
    return path.read_bytes()


def patched(content: bytes, box: bytes, at: int, form: str, *values: int) -> bytes:
    """Change numbers of a box; ``at`` counts from its name."""
    changed = bytearray(content)
    struct.pack_into(form, changed, changed.index(box) + at, *values)
    return bytes(changed)


def listing(content: bytes, samples: int) -> bytes:
    """List any number of samples of one byte each, in one chunk."""
    content = patched(content, b"stsz", 8, ">II", 1, samples)
    content = patched(content, b"stts", 8, ">III", 1, samples, 512)
    return patched(content, b"stsc", 8, ">IIII", 1, 1, samples, 1).replace(b"stss", b"free")


@pytest.mark.parametrize("samples", [80_000_000, 10**9])
@pytest.mark.parametrize("read", [video_info, video_fps, lambda path: next(read_frames(path))])
def test_a_header_that_claims_a_thousand_million_frames_is_refused(
    plain: bytes, samples: int, read: Callable[[Path], object], tmp_path: Path
) -> None:
    """FFmpeg alone took 2.9 GB for the 80 million of a file of 2 KB."""
    path = tmp_path / "many.mp4"
    path.write_bytes(listing(plain, samples))
    with pytest.raises(FrameError, match=rf"many\.mp4: the video claims {samples:,} frames, and at most 10,000,000"):
        read(path)


def test_fragments_that_claim_many_frames_are_refused_too(plain: bytes, tmp_path: Path) -> None:
    run = struct.pack(">I4sIII", 20, b"trun", 0, 10**9, 0)
    track = struct.pack(">I4s", 8 + len(run), b"traf") + run
    path = tmp_path / "fragments.mp4"
    path.write_bytes(plain + struct.pack(">I4s", 8 + len(track), b"moof") + track)
    with pytest.raises(FrameError, match="claims 1,000,000,000 frames"):
        video_info(path)


def test_uncompressed_sound_may_have_any_number_of_samples(tmp_path: Path) -> None:
    """An hour of 48 kHz is 172 million samples of one tick each."""

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(content), kind) + content

    def media(handler: bytes, ticks: int) -> Path:
        table = box(b"stts", struct.pack(">IIII", 0, 1, 172_800_000, ticks))
        table += box(b"stsz", struct.pack(">III", 0, 2, 172_800_000))
        handled = box(b"hdlr", struct.pack(">II4s", 0, 0, handler))
        inside = box(b"mdia", handled + box(b"minf", box(b"stbl", table)))
        path = tmp_path / f"{handler.decode()}{ticks}.mov"
        path.write_bytes(box(b"ftyp", b"qt  ") + box(b"moov", box(b"trak", inside)))
        return path

    assert claimed_samples(media(b"soun", 1)) == 0
    assert claimed_samples(media(b"soun", 1024)) == 172_800_000
    assert claimed_samples(media(b"vide", 1)) == 172_800_000


def test_a_frame_of_16000_by_16000_is_refused(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wide.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width = stream.height = 16_000
        stream.pix_fmt = "monob"
        container.mux(stream.encode(av.VideoFrame(16_000, 16_000, "monob")))
        container.mux(stream.encode())
    for read in (video_info, lambda path: next(read_frames(path))):
        with pytest.raises(
            FrameError, match=r"wide\.avi: a frame claims 16000 x 16000 pixels, and at most 134 million"
        ):
            read(path)


def test_a_frame_of_60000_by_60000_is_refused(tmp_path: Path) -> None:
    """Uncompressed, so that only the header says how large it is."""
    path = tmp_path / "huge.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        container.mux(stream.encode(av.VideoFrame(64, 48, "gray")))
    content = path.read_bytes().replace(struct.pack("<II", 64, 48), struct.pack("<II", 60_000, 60_000))
    path.write_bytes(content)
    with pytest.raises(FrameError, match=r"huge\.avi"):
        list(read_frames(path))


def test_a_rate_of_a_thousand_million_frames_a_second_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fast.avi"
    write_video(path, [np.zeros((32, 32, 3), np.uint8)] * 3, 25, codec="ffv1")
    content = bytearray(path.read_bytes())
    struct.pack_into("<II", content, content.index(b"strh") + 8 + 20, 1, 10**9)
    path.write_bytes(content)
    for read in (video_info, video_fps):
        with pytest.raises(FrameError, match=r"fast\.avi: the video claims 1,000,000,000 frames a second"):
            read(path)


def test_a_video_of_a_century_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "century.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "bgr0"
        for tick in (0, 25 * 3600 * 24 * 365):
            frame = av.VideoFrame(32, 32, "bgr0")
            frame.pts = tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(FrameError, match=r"century\.mkv: the video claims 31,536,000 seconds, and at most 604,800"):
        video_info(path)


def test_hours_of_video_are_within_the_limits() -> None:
    check_course(30 * 3600 * 24, 3600.0 * 24, 30.0, None)
    check_course(200 * 3600 * 10, 3600.0 * 10, 200.0, None)
    assert MOST_FRAMES < 2**31
    assert FASTEST > 100_000
    assert LONGEST > 3600 * 24


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("concat.mp4", "ffconcat version 1.0\nfile secret.mp4\n"),
        ("list.mp4", "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n"),
        ("remote.mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n"),
        ("dash.mp4", '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>'),
        ("session.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
    ],
)
def test_a_play_list_makes_nobody_read_another_file(plain: bytes, name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(plain)
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(FrameError, match=rf"{name} cannot be opened as a video: it is a text"):
        list(read_frames(path))
