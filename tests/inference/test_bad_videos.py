"""What a person gets who gives predict something other than a short, whole video of one face that is upright."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dstan.clips import Clip, PreparedClip
from dstan.errors import FaceError, FrameError
from dstan.inference import Prediction, predict_video
from dstan.inference.spotting import spot_video
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.template import eye_centres
from dstan.recognizers import Recognizer, recognizer
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.video import read_frames, write_video

FPS, FRAMES = 60.0, 24
SIZE = (288, 216)
TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""The display matrix by which a player turns a picture clockwise: a, b, c and d of the header."""
Frames = list[NDArray[np.uint8]]


@pytest.fixture(scope="module")
def fitted() -> Recognizer:
    """Fit the smallest method that takes whole frames: the face has to be found and aligned."""
    rng = np.random.default_rng(0)
    small = {"recipe": {"size": 32, "steps": 3}, "training": {"epochs": 1}, "network": {"lstm_width": 4}}
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((3, 2, 32, 32), np.float32),
            label=label,
            clip_id=str(number),
        )
        for number, label in enumerate(("joy", "anger", "joy", "anger"))
    ]
    return recognizer("dstan", small).fit(clips)


def draw(seed: int, frames: int = FRAMES) -> Frames:
    """Draw somebody who smiles for a moment."""
    motion = draw_motion([Expression({12: (2.5, 2.5)})], Timeline((Phases(4, 12, 20),), frames), FPS, seed)
    motion.gaze[:] = (0, 0, 1)
    return list(Performance(portrait_of(seed, *SIZE), motion, seed).frames())


@pytest.fixture(scope="module")
def face() -> Frames:
    return draw(3)


@pytest.fixture(scope="module")
def video(face: Frames, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "face.mp4"
    write_video(path, face, FPS)
    return path


def usable(prediction: Prediction) -> bool:
    """Tell whether a prediction names a class with finite probabilities."""
    shares = list(prediction.probabilities.values())
    return bool(prediction.label) and bool(np.isfinite(shares).all()) and sum(shares) == pytest.approx(1)


def sound_only(path: Path, cover: bool = False) -> Path:
    """Write a second of silence, perhaps with a picture on its cover, as music has."""
    with av.open(str(path), "w") as container:
        noise = container.add_stream("aac", rate=8000)
        for index in range(8):
            wave = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            wave.sample_rate, wave.pts, wave.time_base = 8000, 1024 * index, Fraction(1, 8000)
            container.mux(noise.encode(wave))
        container.mux(noise.encode())
    return path


def no_frames(path: Path) -> Path:
    """Write a container that announces pictures and holds none."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        container.start_encoding()
    return path


@pytest.mark.parametrize("name", ["voice.m4a", "voice.mp4"])
@pytest.mark.parametrize("find", ["predict", "spot"])
def test_sound_alone_is_said_to_be_sound_alone(fitted: Recognizer, tmp_path: Path, name: str, find: str) -> None:
    path = sound_only(tmp_path / name)
    with pytest.raises(FrameError, match=f"{name} holds no video, only sound.*shows the face") as caught:
        predict_video(fitted, path) if find == "predict" else spot_video(path)
    assert caught.value.where is not None


def test_the_cover_of_a_piece_of_music_is_no_video(fitted: Recognizer, tmp_path: Path) -> None:
    picture = tmp_path / "cover.png"
    Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(picture)
    path = tmp_path / "song.m4a"
    with av.open(str(sound_only(tmp_path / "plain.m4a"))) as source, av.open(str(path), "w", format="mp4") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        with av.open(str(picture)) as shown:
            cover = out.add_stream_from_template(shown.streams.video[0])
            cover.disposition = av.stream.Disposition.attached_pic
            for packet in (*shown.demux(video=0), *source.demux(audio=0)):
                if packet.dts is not None:
                    packet.stream = cover if packet.stream.type == "video" else sound
                    out.mux(packet)
    with pytest.raises(FrameError, match=r"song\.m4a holds no video, only sound"):
        predict_video(fitted, path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.mp4", b"", r"empty\.mp4 is empty \(zero bytes\). Copy it again"),
        ("thesis.mp4", b"%PDF-1.7\n" + bytes(range(256)) * 8, "it is a PDF document.*Give a video file"),
        ("table.avi", b"PK\x03\x04" + bytes(600), "a ZIP archive or an Office document"),
        ("notes.mp4", "Grüße von der Sitzung\n".encode() * 60, "it is a text, whatever its name says"),
        ("notes.txt", b"what I saw\n" * 60, "it is a text"),
        ("noise.mp4", np.random.default_rng(0).bytes(4096), r"noise\.mp4 cannot be opened as a video \(Invalid data"),
    ],
)
def test_a_file_that_is_no_video_is_called_what_it_is(
    fitted: Recognizer, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for look in (lambda path: predict_video(fitted, path), spot_video):
        with pytest.raises(FrameError, match=words):
            look(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "words"),
    [("stopped.mp4", r"stopped\.mp4 holds neither video nor sound"), ("stopped.avi", "the video holds no frames")],
)
def test_a_video_without_frames_says_so(fitted: Recognizer, tmp_path: Path, name: str, words: str) -> None:
    path = no_frames(tmp_path / name)
    for look in (lambda path: predict_video(fitted, path), spot_video):
        with pytest.raises(FrameError, match=f"{words}. The recording stopped before it began"):
            look(path)


def test_an_error_is_said_of_the_file_that_was_given(fitted: Recognizer, tmp_path: Path) -> None:
    (path := tmp_path / "empty.mp4").touch()
    with pytest.raises(FrameError) as caught:
        predict_video(fitted, path)
    assert caught.value.where == str(path)


def test_paths_that_lead_nowhere_are_said_with_what_to_do(fitted: Recognizer, video: Path, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"nowhere\.mp4: there is no such.*"):
        predict_video(fitted, tmp_path / "nowhere.mp4")
    with pytest.raises(FrameError, match=r"there is no such video file\. Look at its name"):
        spot_video(tmp_path / "nowhere.mp4")
    with pytest.raises(FrameError, match=r"holds no images\. Known kinds"):
        predict_video(fitted, tmp_path)
    (tmp_path / video.name).symlink_to(video)
    with pytest.raises(FrameError, match=rf"It holds video files: give those, as .*{video.name}"):
        predict_video(fitted, tmp_path)


def damage(video: Path, path: Path, frame: int) -> Path:
    """Copy a video, the bytes of whose frame are overwritten."""
    with av.open(str(video)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][frame]
        place, size = packet.pos, packet.size
    data = bytearray(video.read_bytes())
    data[place : place + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def test_damage_in_the_middle_is_said_with_its_place(fitted: Recognizer, video: Path, tmp_path: Path) -> None:
    path = damage(video, tmp_path / "damaged.mp4", 16)
    with pytest.raises(FrameError, match="damaged or ends early") as caught:
        predict_video(fitted, path)
    said = re.search(r"up to 0:00\.(\d\d) \(frame (\d+)\)", str(caught.value))
    assert said is not None
    hundredths, last = int(said[1]), int(said[2])
    assert 3 <= last <= 16
    assert hundredths / 100 == pytest.approx(last / FPS, abs=0.01)
    assert "use the part before that" in str(caught.value)
    before = predict_video(fitted, path, offset=last)
    assert (before.frames, usable(before)) == (last + 1, True)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size * 3 // 4])
    assert usable(predict_video(fitted, cut, offset=8))


def test_a_frame_that_the_decoder_had_to_make_up_is_damage(fitted: Recognizer, video: Path, tmp_path: Path) -> None:
    """A few wrong bytes do not stop a decoder: it fills the hole with what it has, and says so."""
    data = video.read_bytes()
    path, found = tmp_path / "patched.mp4", []
    for place in range(len(data) // 4, len(data) * 3 // 4, len(data) // 40):
        broken = bytearray(data)
        broken[place : place + 12] = bytes(255 - value for value in broken[place : place + 12])
        path.write_bytes(broken)
        with av.open(str(path)) as container:
            try:
                made_up = [picture.is_corrupt for picture in container.decode(video=0)]
            except av.FFmpegError:
                continue
        if any(made_up):
            found.append(place)
            with pytest.raises(FrameError, match="damaged or ends early"):
                predict_video(fitted, path)
    assert found


def test_a_landscape_holds_no_face(fitted: Recognizer, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    coarse = Image.fromarray(rng.integers(40, 210, (6, 8, 3), dtype=np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    write_video(path := tmp_path / "hills.mp4", [np.asarray(coarse)] * 8, FPS)
    with pytest.raises(FaceError, match="no face was found in its first 5 frames") as caught:
        predict_video(fitted, path)
    assert "upright, in view and at least a fifth as high as the frame" in str(caught.value)


def test_a_face_that_leaves_is_said_and_when_it_is_back_it_can_be_used(
    fitted: Recognizer, face: Frames, tmp_path: Path
) -> None:
    wall = np.full_like(face[0], face[0][2, 2])
    write_video(path := tmp_path / "leaves.mp4", [*face[:8], *[wall] * 16, *face[8:20]], FPS)
    with pytest.raises(FaceError) as caught:
        predict_video(fitted, path)
    assert "frames" in str(caught.value)
    assert usable(predict_video(fitted, path, offset=7))
    assert usable(predict_video(fitted, path, onset=24))


def test_of_two_people_the_larger_is_taken_and_a_warning_says_so(
    fitted: Recognizer, face: Frames, tmp_path: Path
) -> None:
    other = [np.asarray(Image.fromarray(frame).resize((192, 144))) for frame in draw(8)]
    pair = [
        np.concatenate([large, np.pad(small, ((36, 36), (0, 0), (0, 0)), mode="edge")], axis=1)
        for large, small in zip(face, other, strict=True)
    ]
    write_video(both := tmp_path / "both.mp4", pair, FPS)
    prediction = predict_video(fitted, both)
    assert any("2 faces in view: the largest was used" in warning for warning in prediction.warnings)
    matrix = np.array(prepare_clip(Clip("video", "unknown", "both", both), fitted.recipe).done["matrix"])
    middle = np.linalg.solve(matrix[:, :2], eye_centres((32, 32)).mean(axis=0) - matrix[:, 2])
    assert middle[0] < SIZE[0]


def test_4k_is_read_and_its_face_is_found(fitted: Recognizer, face: Frames, tmp_path: Path) -> None:
    large = [np.asarray(Image.fromarray(frame).resize((3840, 2880)))[:2160] for frame in face[8:11]]
    write_video(big := tmp_path / "4k.mp4", large, 24.0)
    assert next(read_frames(big)).pixels.shape == (2160, 3840)
    assert usable(predict_video(fitted, big))


def test_240_frames_a_second_are_taken_at_their_times(fitted: Recognizer, face: Frames, tmp_path: Path) -> None:
    write_video(fast := tmp_path / "fast.mp4", face, 240.0)
    prediction = predict_video(fitted, fast)
    assert usable(prediction)
    assert prediction.seconds == pytest.approx(FRAMES / 240, rel=0.02)


def test_frames_at_uneven_times_are_taken_at_their_times(fitted: Recognizer, face: Frames, tmp_path: Path) -> None:
    path, ticks = tmp_path / "uneven.mp4", np.cumsum([0, *([10, 30, 17] * 8)])[:FRAMES]
    write_uneven(path, face, ticks.tolist())
    prediction = predict_video(fitted, path)
    assert usable(prediction)
    assert prediction.seconds == pytest.approx(ticks[-1] / 1000 * FRAMES / (FRAMES - 1), rel=0.01)
    last = prediction.attention["appearance"][-1][0]
    assert last == pytest.approx(ticks[-1] / 1000, abs=2e-3)


def write_uneven(path: Path, frames: Sequence[NDArray[np.uint8]], ticks: Sequence[int]) -> None:
    """Write frames at given milliseconds, as a telephone does in the dark."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1000, options={"crf": "12"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for tick, pixels in zip(ticks, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("degrees", sorted(TURNS))
def test_the_face_in_a_video_of_a_turned_telephone_is_found_upright(
    fitted: Recognizer, face: Frames, video: Path, tmp_path: Path, degrees: int
) -> None:
    """The sensor saw the face turned; the header says how a player has to turn it back."""
    sensor = [np.ascontiguousarray(np.rot90(frame, degrees // 90)) for frame in face]
    write_video(path := tmp_path / "phone.mp4", sensor, FPS)
    turned = bytearray(path.read_bytes())
    matrix = turned.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in TURNS[degrees])
    turned[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(turned)
    assert next(read_frames(path)).pixels.shape == (SIZE[1], SIZE[0])
    upright, phone = (
        prepare_clip(Clip("video", "unknown", "face", one), fitted.recipe).done["matrix"] for one in (video, path)
    )
    np.testing.assert_allclose(phone, upright, atol=0.6, rtol=0.05)
    assert usable(predict_video(fitted, path))


def test_damage_is_kept_from_what_was_found_before_it(face: Frames, tmp_path: Path) -> None:
    """Spotting gives what lies before, and a warning says up to when."""
    long = [*face, *[face[-1]] * 66, *face]
    write_video(whole := tmp_path / "whole.mp4", long, 30.0)
    path = damage(whole, tmp_path / "damaged.mp4", 80)
    found = spot_video(path)
    assert 50 <= found.frames <= 80
    (warning,) = [text for text in found.warnings if "damaged" in text]
    assert f"frame {found.frames - 1}" in warning
