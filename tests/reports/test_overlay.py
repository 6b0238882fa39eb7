"""The video with everything drawn in, read back as any player would."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from looks_drawn import look_of, noise
from numpy.typing import NDArray
from PIL import Image

from dstan.clips import Clip
from dstan.errors import ConfigError, FrameError
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.reports.overlay import Scene, check_overlay, write_overlay
from dstan.reports.panel import HEIGHT, WIDTH
from dstan.reports.pen import Pen
from dstan.reports.sight import SpatialMap, corners, crop_shape, face_lines, matrix_at
from dstan.video import Frame, list_images, read_frames, video_info, write_video
from dstan.video.writing import Clock, clock_of, write_timed

UNEVEN = (3000, 4001, 6003, 7000, 9001, 9101, 15000, 15001, 16000, 18000, 21000, 22000)


def uneven_video(path: Path, size: tuple[int, int] = (64, 80), sound: str | None = None) -> Path:
    """Write frames at uneven ticks of 1/30000 s, with a tone beside them where a codec of sound is named."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "12", "x264-params": "bframes=0"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 30000)
        voice = container.add_stream(sound, rate=8000, layout="mono") if sound else None
        for tick, pixels in zip(UNEVEN, noise(0, len(UNEVEN), size), strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 30000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None:
            for start in range(0, 6144, 1024):
                wave = np.sin(np.arange(start, start + 1024) / 5)
                kind = np.float32 if voice.codec_context.format.name.startswith("flt") else np.int16
                tone = (wave * (1 if kind is np.float32 else 9000)).astype(kind)[None]
                heard = av.AudioFrame.from_ndarray(tone, format=voice.codec_context.format.name, layout="mono")
                heard.sample_rate, heard.pts = 8000, start
                container.mux(voice.encode(heard))
            container.mux(voice.encode())
    return path


def ticks(path: Path) -> list[Fraction]:
    """Return the very time of every frame."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sounds(path: Path) -> list[tuple[str, bytes]]:
    """Return codec and content of every packet of sound."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        name = container.streams.audio[0].codec_context.name
        return [(name, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    """Return all frames."""
    return [frame.pixels for frame in read_frames(path, colour=True)]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Write 14 frames of 96 x 64 at 50 frames a second."""
    path = tmp_path / "face.mp4"
    write_video(path, noise(1, 14, (64, 96)), 50)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_every_frame_keeps_its_very_time_where_the_rate_varies(tmp_path: Path, suffix: str) -> None:
    source = uneven_video(tmp_path / "in.mp4")
    write_overlay(tmp_path / f"out{suffix}", [look_of(source)])
    assert ticks(tmp_path / f"out{suffix}") == ticks(source)
    assert len(set(np.diff([float(tick) for tick in ticks(source)]).round(4))) > 4


def test_matroska_counts_milliseconds(tmp_path: Path) -> None:
    source = uneven_video(tmp_path / "in.mp4")
    write_overlay(tmp_path / "out.mkv", [look_of(source)])
    kept = [float(tick) for tick in ticks(tmp_path / "out.mkv")]
    wanted = [float(tick) for tick in ticks(source)]
    np.testing.assert_allclose(np.subtract(kept, kept[0]), np.subtract(wanted, wanted[0]), atol=1.1e-3)


def test_sound_is_copied_packet_by_packet(tmp_path: Path) -> None:
    source = uneven_video(tmp_path / "in.mp4", sound="aac")
    write_overlay(tmp_path / "out.mp4", [look_of(source)])
    assert len(sounds(source)) >= 6
    assert sounds(tmp_path / "out.mp4") == sounds(source)
    assert ticks(tmp_path / "out.mp4") == ticks(source)


def test_sound_that_the_container_does_not_take_is_left_out_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = uneven_video(tmp_path / "in.mkv", sound="flac")
    write_overlay(tmp_path / "out.mp4", [look_of(source)])
    assert sounds(tmp_path / "out.mp4") == []
    assert "its sound (flac) cannot be copied into out.mp4 as it is, and is left out" in caplog.text
    write_overlay(tmp_path / "out.mkv", [look_of(source)])
    assert [content for _, content in sounds(tmp_path / "out.mkv")] == [content for _, content in sounds(source)]


def test_a_phone_video_that_is_shown_turned_is_written_upright(tmp_path: Path) -> None:
    source = uneven_video(tmp_path / "in.mp4", size=(64, 112))
    content = bytearray(source.read_bytes())
    matrix = content.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2: nine numbers of 32 bits
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    source.write_bytes(content)
    shown = pictures(source)
    assert shown[0].shape == (112, 64, 3)
    out = tmp_path / "out.mp4"
    write_overlay(out, [look_of(source)])
    drawn, larger = pictures(out)[0], -(-HEIGHT // 112)
    assert drawn.shape[0] > 112 * larger
    small = drawn[: 112 * larger, : 64 * larger][larger // 2 :: larger, larger // 2 :: larger].astype(float)
    assert np.abs(small - shown[0]).mean() < 8
    assert np.abs(small - shown[0][::-1, ::-1]).mean() > 20


@pytest.mark.parametrize("size", [(64, 96), (62, 90), (480, 320), (482, 322), (600, 480)])
def test_frames_of_no_look_are_left_as_they_are_beside_an_empty_panel(tmp_path: Path, size: tuple[int, int]) -> None:
    source = tmp_path / "in.mkv"
    write_video(source, noise(2, 8, size), 25, codec="ffv1")
    write_overlay(tmp_path / "out.mp4", [look_of(source, first=3, last=5, apex=4, fps=25)])
    drawn, larger = pictures(tmp_path / "out.mp4"), -(-HEIGHT // size[0]) if size[0] < HEIGHT else 1
    height, width = size[0] * larger, size[1] * larger
    unit = height / HEIGHT
    assert drawn[0].shape[1] - width in (round(WIDTH * unit), round(WIDTH * unit) + 1)
    given = pictures(source)
    middle = slice(larger // 2, None, larger)
    for index in (0, 7):
        small = drawn[index][:height, :width][middle, middle].astype(float)
        assert np.abs(small - given[index]).mean() < 8
    beside = [frame[:height, width:].astype(float) for frame in drawn]
    assert np.abs(beside[0] - beside[7]).mean() < 1
    assert np.abs(beside[0] - beside[4]).mean() > 5
    for frame in drawn:
        assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0


def test_only_frames_of_a_look_are_tinted_and_where_its_weights_are_above_their_mean(video: Path) -> None:
    grey = np.full((64, 96, 3), 120, np.uint8)
    scene = Scene([look_of(video, matrix=((0.5, 0, -8.0), (0, 0.5, 0)))], grey.shape, 14)
    larger = -(-HEIGHT // 64)
    before = scene.draw(Frame(1, 0.02, grey), 0.02)[: 64 * larger, : 96 * larger].copy()
    inside = scene.draw(Frame(4, 0.08, grey), 0.08)[: 64 * larger, : 96 * larger].copy()
    assert (before == 120).all()
    x, y = 16 * larger, 0  # the crop covers columns 16 to 80 of the frame
    quarter = 32 * larger
    appearance = inside[y + quarter // 3 : y + quarter // 2, x + quarter // 3 : x + quarter // 2].reshape(-1, 3).mean(0)
    flow = inside[y + 3 * quarter // 2 : y + 7 * quarter // 4, x + 3 * quarter // 2 : x + 7 * quarter // 4]
    assert appearance[2] - appearance[0] > 30, "blue"
    assert flow.reshape(-1, 3).mean(0)[0] - flow.reshape(-1, 3).mean(0)[2] > 30, "orange"
    assert (inside[3 * larger : 60 * larger, : 14 * larger] == 120).all()


def test_landmarks_are_drawn_where_the_matrix_of_each_frame_has_the_face(video: Path) -> None:
    from dataclasses import replace

    landmarks = np.full((468, 2), np.nan, np.float32)
    landmarks[33] = (10, 12)  # the corner of an eye, in the crop
    look = look_of(video, landmarks=landmarks, maps=False)
    moves = [[[0.5, 0, -float(step)], [0, 0.5, 0]] for step in range(9)]
    look = replace(look, prepared=replace(look.prepared, done={**look.prepared.done, "matrices": moves}))
    dark = np.zeros((480, 640, 3), np.uint8)
    scene = Scene([look], dark.shape, 14)
    for index in (3, 5):
        drawn = scene.draw(Frame(index, index / 50, dark), index / 50)[24, :60].max(axis=1)
        bright = np.flatnonzero(drawn > 100)
        place = (10 + index - 2) / 0.5
        assert bright.size
        assert place in bright
        assert np.abs(bright[bright > 15] - place).max() <= 2


def test_lines_of_the_face_are_in_the_frame_and_leave_out_what_is_unknown() -> None:
    landmarks = np.random.default_rng(0).random((468, 2)).astype(np.float32) * 30
    landmarks[33] = np.nan
    matrix = np.array([[0.5, 0.0, 3.0], [0.0, 0.5, -1.0]])
    lines = face_lines(landmarks, matrix)
    assert [len(points) for points, _ in lines] == [17, 5, 5, 4, 5, 5, 6, 12, 8]
    assert [closed for _, closed in lines] == [False] * 6 + [True] * 3
    np.testing.assert_allclose(lines[6][0][0], (landmarks[362] - (3, -1)) / 0.5, atol=1e-4)


def test_maps_are_mixed_of_the_steps_around_and_count_above_their_mean() -> None:
    weights = np.array([[[0.0, 0.4]], [[0.2, 1.0]]], np.float32)
    found = SpatialMap(weights, np.array([0.0, 0.1]), 0.0, 0.4, 1.0)
    np.testing.assert_allclose(found.at(0.1), [[0, 1]])
    np.testing.assert_allclose(found.at(0.05), [[0, 0.5]], atol=1e-6)
    np.testing.assert_allclose(found.at(9.0), [[0, 1]])
    flat = SpatialMap(np.full((1, 1, 2), 0.5, np.float32), np.array([0.0]), 0.5, 0.5, 0.5)
    assert flat.is_flat
    assert not flat.at(0.0).any()


def test_cursor_and_timeline_move_with_time(video: Path) -> None:
    grey = np.full((480, 640, 3), 120, np.uint8)
    scene = Scene([look_of(video, maps=False)], grey.shape, 14)
    places = []
    for index in (2, 6, 10, 13):
        drawn = scene.draw(Frame(index, index / 50, grey), index / 50)
        places.append(int(np.flatnonzero((drawn[480 + 21] == 255).all(axis=1))[0]))
    assert places == sorted(set(places))
    assert np.diff(places)[0] == pytest.approx(np.diff(places)[1], abs=2)


def test_several_looks_are_drawn_in_one_video_and_the_sentence_on_synthetic_data_stands_below(video: Path) -> None:
    grey = np.full((480, 640, 3), 120, np.uint8)
    looks = [
        look_of(video, first=8, last=12, apex=10, label=None),
        look_of(video, first=1, last=4, apex=2, warnings=(SYNTHETIC_ONLY,)),
    ]
    plain, told = Scene(looks[:1], grey.shape, 14), Scene(looks, grey.shape, 14)
    first, second = (told.draw(Frame(at, at / 50, grey), at / 50).copy() for at in (2, 9))
    assert np.abs(first[:480, 640:].astype(int) - second[:480, 640:]).max() > 100
    between = told.draw(Frame(6, 0.12, grey), 0.12)
    assert (between[:480, :640] == 120).all()
    assert len(between) > len(plain.draw(Frame(6, 0.12, grey), 0.12)), "a line more"


def test_many_classes_without_attention_and_units_fit_the_panel(video: Path) -> None:
    from dataclasses import replace

    look = look_of(video, maps=False)
    names = {f"a class with quite a long name {number}": 1 / 12 for number in range(12)}
    said = replace(look.prediction, probabilities=names, label=next(iter(names)), attention={}, units=None)
    grey = np.full((480, 640, 3), 120, np.uint8)
    drawn = Scene([replace(look, prediction=said)], grey.shape, 14).draw(Frame(3, 0.06, grey), 0.06)
    panel = drawn[:480, 640:].astype(int)
    assert (panel[:, -8:].max(), panel[200:].max()) == (panel[0, 0].max(), panel[0, 0].max())


def test_letters_beyond_ascii_are_drawn_as_what_they_are() -> None:
    drawn = []
    for text in ("dégoût", "dxgoxt", "\uffff\uffffgo\uffff\uffff", "страх"):
        pen = Pen(80, 20, 1.0)
        pen.text(2, 15, text, 14)
        drawn.append(pen.pixels().astype(int))
    for one in drawn[1:]:
        assert np.abs(one - drawn[0]).max() > 60
    plain, other = Pen(80, 20, 1.0), Pen(80, 20, 1.0)
    plain.text(2, 15, "é", 14)
    other.text(2, 15, "ê", 14)
    assert (plain.pixels() != other.pixels()).any(), "not the same box for both"


def test_action_units_are_not_torn_from_their_scores() -> None:
    pen = Pen(1, 1, 1.0)
    lines = pen.wrapped(["action units:", *(f"AU{unit} 0.50," for unit in range(1, 9))], 12, 150)
    assert len(lines) > 2
    assert all(line.endswith(("0.50,", "action units:")) for line in lines)


def test_a_folder_of_images_needs_its_rate(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, pixels in enumerate(noise(4, 12, (64, 96))):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    clip = Clip("video", "unknown", "frames", folder, list_images(folder), fps=200.0)
    write_overlay(tmp_path / "out.mp4", [look_of(folder, clip=clip, fps=200)])
    assert ticks(tmp_path / "out.mp4") == [Fraction(index, 200) for index in range(12)]
    unknown = Clip("video", "unknown", "frames", folder, list_images(folder))
    with pytest.raises(ConfigError, match=r"frame rate of .*frames is unknown.*--fps"):
        write_overlay(tmp_path / "out.mp4", [look_of(folder, clip=unknown, known_times=False)])


def test_progress_is_told_frame_by_frame(video: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    write_overlay(tmp_path / "out.mp4", [look_of(video)], progress=lambda *given, **_: told.append(given[:3]))  # type: ignore[arg-type]
    assert told == [("overlay", done, 14) for done in range(1, 15)]


def test_frames_are_drawn_one_by_one_while_the_file_is_written(tmp_path: Path) -> None:
    alive: list[int] = []

    def frames() -> object:
        import weakref

        held: list[weakref.ref[NDArray[np.uint8]]] = []
        for index in range(60):
            pixels = np.full((32, 32, 3), index, np.uint8)
            held.append(weakref.ref(pixels))
            yield index / 50, pixels
            alive.append(sum(one() is not None for one in held))

    write_timed(tmp_path / "out.mp4", frames(), Clock(Fraction(1, 50)), 50)  # type: ignore[arg-type]
    assert max(alive) <= 2
    assert video_info(tmp_path / "out.mp4").frames == 60


def test_a_video_that_breaks_off_leaves_no_overlay_behind(video: Path, tmp_path: Path) -> None:
    look = look_of(video)
    with av.open(str(video)) as container:
        late = [packet.pos for packet in container.demux(video=0) if packet.size][9]
    content = bytearray(video.read_bytes())
    content[late + 4 : late + 60] = bytes(56)
    video.write_bytes(content)
    with pytest.raises(FrameError, match="damaged"):
        write_overlay(tmp_path / "out.mp4", [look])
    assert [path.name for path in tmp_path.iterdir()] == ["face.mp4"]


def test_what_cannot_be_written_is_said_before_there_is_work(video: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"out\.gif ends in none of \.mp4"):
        check_overlay(tmp_path / "out.gif", video)
    with pytest.raises(ConfigError, match="there is no folder"):
        check_overlay(tmp_path / "nowhere" / "out.mp4", video)
    with pytest.raises(ConfigError, match="is the video itself"):
        check_overlay(video.parent / "." / video.name, video)
    (tmp_path / "link.mp4").symlink_to(video)
    with pytest.raises(ConfigError, match="is the video itself"):
        check_overlay(tmp_path / "link.mp4", video)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        check_overlay(tmp_path / "folder.mp4", video)
    with pytest.raises(ConfigError, match="nothing to draw"):
        write_overlay(tmp_path / "out.mp4", [])
    with pytest.raises(ConfigError, match="several videos"):
        write_overlay(tmp_path / "out.mp4", [look_of(video), look_of(tmp_path / "other.mp4")])
    with pytest.raises(FrameError):
        clock_of(tmp_path / "nowhere.mp4")


def test_the_model_that_comes_along_is_drawn_over_a_photographed_face_and_nowhere_else(tmp_path: Path) -> None:
    skimage_data = pytest.importorskip("skimage.data")
    from dstan.inference import load_model

    photo = np.ascontiguousarray(skimage_data.astronaut()[:240, 100:400])
    source = tmp_path / "face.mkv"
    write_video(source, [np.roll(photo, at % 2, axis=0) for at in range(10)], 50, codec="ffv1")
    look = load_model().look(source, onset=1, offset=8)
    assert look.prepared.landmarks is not None
    write_overlay(tmp_path / "out.mp4", [look])
    drawn, given = pictures(tmp_path / "out.mp4"), pictures(source)
    outline = corners(crop_shape(look), matrix_at(look, 3))
    (left, top), (right, bottom) = outline.min(axis=0).astype(int), outline.max(axis=0).astype(int)
    assert 40 < left < right < 240
    small = drawn[3][:480:2, :600:2].astype(float)
    change = np.abs(small - given[3]).mean(axis=-1)
    inside = change[top + 4 : bottom - 4, left + 4 : right - 4].mean()
    assert inside > 8
    assert change[:, right + 30 :].mean() < inside / 2
    assert change[:, : left - 30].mean() < inside / 2
    assert SYNTHETIC_ONLY in look.prediction.warnings
