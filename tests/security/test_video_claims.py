"""Videos whose headers claim what no camera records, and files that would make FFmpeg read others."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dstan.errors import FrameError
from dstan.video import read_frames, video_fps, video_info, write_video
from dstan.video.boxes import MOST_NESTED, claimed_samples
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


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        yield kind, content[at + 8 : at + length]
        at += length


def changed(content: bytes, way: Sequence[bytes], change: Callable[[bytes], bytes]) -> bytes:
    """Change what is in the box at the end of a way through others."""
    if not way:
        return change(content)
    inside = [(kind, changed(one, way[1:], change) if kind == way[0] else one) for kind, one in boxes(content)]
    return b"".join(box(kind, one) for kind, one in inside)


def runs(samples: Sequence[int]) -> bytes:
    """Make a fragment of track 1 with some runs of samples."""
    head = box(b"tfhd", struct.pack(">II", 0x020000, 1))
    track = head + b"".join(box(b"trun", struct.pack(">III", 1, one, 8)) for one in samples)
    return box(b"moof", box(b"mfhd", struct.pack(">II", 0, 1)) + box(b"traf", track)) + box(b"mdat", bytes(8))


def about(content: bytes) -> bytes:
    return box(b"meta", bytes(4) + box(b"hdlr", b"") + content)


SIZES = box(b"stsz", struct.pack(">III", 0, 1, 80_000_000))
TIMES = box(b"ctts", struct.pack(">IIII", 0, 1, 2**31 - 1, 0))
TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


@pytest.mark.parametrize(
    "hide",
    [
        lambda plain: box(b"junk", b"") + listing(plain, 80_000_000),
        lambda plain: box(b"abcd", b"") + listing(plain, 80_000_000),
        lambda plain: listing(plain, 80_000_000).replace(b"moov", b"free"),
        lambda plain: listing(plain, 80_000_000).replace(b"moov", b"hoov"),
        lambda plain: plain + runs([9_900_000] * 12),
        lambda plain: plain + runs([9_900_000]) * 12,
        lambda plain: changed(plain, TABLES[:4], lambda inside: inside + box(b"dinf", SIZES)),
        lambda plain: changed(plain, TABLES, lambda inside: inside + about(SIZES)),
        lambda plain: (
            changed(plain, TABLES[:2], lambda track: track + struct.pack(">I4s", 2**31, b"abcd")) + runs([80_000_000])
        ),
        lambda plain: changed(
            plain,
            (b"moov",),
            lambda inside: inside + 8 * box(b"trak", SIZES.replace(SIZES[-4:], struct.pack(">I", 9_000_000))),
        ),
        lambda plain: changed(
            listing(plain, 9_000_000),
            (b"moov", b"trak", b"edts"),
            lambda _: box(b"elst", struct.pack(">II", 0, 10) + struct.pack(">III", 2**31 - 1, 0, 1 << 16) * 10),
        ),
        lambda plain: changed(plain, TABLES, lambda inside: inside + TIMES),
        lambda plain: changed(plain, TABLES, lambda inside: inside + box(b"senc", struct.pack(">II", 0, 9_000_000))),
        lambda plain: plain + about(box(b"iinf", struct.pack(">II", 1 << 24, 10**9))),
        lambda plain: plain + about(box(b"iloc", struct.pack(">IHI", 2 << 24, 0, 10**9))),
    ],
    ids=[
        "behind junk",
        "behind an unknown box",
        "given up",
        "given up by name",
        "several runs",
        "several fragments",
        "in a box of data",
        "in a box about the track",
        "behind a box that sticks out",
        "several tracks",
        "edits",
        "times",
        "encrypted",
        "pictures",
        "places of pictures",
    ],
)
def test_a_claim_is_found_wherever_ffmpeg_would(plain: bytes, hide: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "hidden.mp4"
    path.write_bytes(hide(plain))
    with pytest.raises(FrameError, match=r"hidden\.mp4: the video claims [\d,]{10,} frames, and at most 10,000,000"):
        video_info(path)


def test_a_compressed_header_is_refused(plain: bytes, tmp_path: Path) -> None:
    def compressed(header: bytes) -> bytes:
        inner = box(b"moov", header)
        packed = box(b"cmvd", struct.pack(">I", len(inner)) + zlib.compress(inner))
        return box(b"cmov", box(b"dcom", b"zlib") + packed)

    path = tmp_path / "compressed.mp4"
    path.write_bytes(changed(plain, (b"moov",), compressed))
    with pytest.raises(FrameError, match=r"compressed\.mp4 has a compressed header \(cmov\).*Re-encode"):
        video_info(path)


def test_a_description_with_a_table_in_it_is_refused(plain: bytes, tmp_path: Path) -> None:
    """FFmpeg reads the boxes of a description, even beyond its end."""

    def described(inside: bytes) -> bytes:
        return inside[:8] + struct.pack(">I", len(inside) - 8 + len(SIZES)) + inside[12:]

    path = tmp_path / "described.mp4"
    for extra, message in ((SIZES, "its box stsd holds the table stsz"), (b"", "is damaged: its box stsd has")):
        path.write_bytes(changed(plain, (*TABLES, b"stsd"), lambda inside, extra=extra: described(inside) + extra))
        with pytest.raises(FrameError, match=message):
            video_info(path)


def test_boxes_without_end_are_refused(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "boxes.mp4"
    nested = b""
    for _ in range(MOST_NESTED + 1):
        nested = box(b"udta", nested)
    path.write_bytes(plain + nested)
    with pytest.raises(FrameError, match="more than 16 boxes inside of each other"):
        video_info(path)
    tracks = changed(plain, (b"moov",), lambda inside: inside + 999 * box(b"trak", b""))
    path.write_bytes(tracks + 1000 * box(b"moof", b""))
    with pytest.raises(FrameError, match="more than 1,000,000 boxes"):
        video_info(path)


def test_tables_of_runs_are_read_as_far_as_they_go(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    path.write_bytes(changed(plain, TABLES, lambda inside: inside + box(b"ctts", struct.pack(">II", 0, 10**9))))
    with pytest.raises(FrameError, match="its table ctts claims 1,000,000,000 rows, and 0 have room in it"):
        video_info(path)


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_every_frame+empty_moov+default_base_moof", "dash"])
def test_a_recording_in_fragments_is_accepted(flags: str, tmp_path: Path) -> None:
    path = tmp_path / "fragments.mp4"
    record(path, 3000, 10, {"movflags": flags})
    assert claimed_samples(path) == 3000
    assert video_info(path).frames == 3000


def test_three_hours_at_60_frames_a_second_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    record(path, 3 * 3600 * 60, 60, {"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"})
    assert claimed_samples(path) == 648_000


def test_uncompressed_sound_beside_a_video_is_accepted(tmp_path: Path) -> None:
    """Cameras that write MOV do so: half an hour are 14.4 million samples here."""
    path = tmp_path / "camera.mov"
    record(path, 1800, 1, {}, sound="pcm_u8")
    assert claimed_samples(path) < 100_000
    assert video_info(path).frames == 1800


def record(path: Path, frames: int, rate: int, options: dict[str, str], sound: str | None = None) -> None:
    """Write a video without coding every frame, with a second of sound beside each where it is asked for."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        beside = container.add_stream(sound, rate=8000, layout="mono") if sound else None
        frame = bytes(stream.encode(av.VideoFrame(32, 32, "yuv420p"))[0])
        for index in range(frames):
            packet = av.Packet(frame)
            packet.stream, packet.time_base, packet.duration = stream, Fraction(1, rate), 1
            packet.pts = packet.dts = index
            packet.is_keyframe = index % rate == 0
            container.mux(packet)
            if beside is not None:
                packet = av.Packet(bytes(8000))
                packet.stream, packet.time_base, packet.duration = beside, Fraction(1, 8000), 8000
                packet.pts = packet.dts = index * 8000
                container.mux(packet)


def test_chunks_of_uncompressed_sound_are_counted(tmp_path: Path) -> None:
    """FFmpeg alone took 2 GB for 600 bytes, also where it mends a time of 2**32 - 1 ticks to one."""
    for ticks in (1, 2**32 - 1):
        table = box(b"stts", struct.pack(">IIII", 0, 1, 10, ticks)) + box(b"stsz", struct.pack(">III", 0, 1, 10))
        table += box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 2**31 - 1, 1))
        table += box(b"stco", struct.pack(">II", 0, 40) + bytes(4 * 40))
        media = box(b"hdlr", struct.pack(">II4s", 0, 0, b"soun")) + box(b"minf", box(b"stbl", table))
        path = tmp_path / "sound.mov"
        path.write_bytes(box(b"ftyp", b"qt  ") + box(b"moov", box(b"trak", box(b"mdia", media))))
        with pytest.raises(FrameError, match="claims 167,772,160 frames"):
            video_info(path)


def test_uncompressed_sound_may_have_any_number_of_samples(tmp_path: Path) -> None:
    """An hour of 48 kHz is 172 million samples of one tick each."""

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
