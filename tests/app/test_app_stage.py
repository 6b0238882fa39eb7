"""The timeline, and the video beside it."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from dstan.app.desks import Desks
from dstan.app.preview import plays, write_preview
from dstan.app.stage import POINTS, curve, stage
from dstan.app.words import summary
from dstan.app.work import take
from dstan.inference.spotting import Event, Rejected, Spotting, Stretch
from dstan.video import read_frames, video_info, write_video


def spotting(seconds: float = 10.0, events: int = 2) -> Spotting:
    """Make what might have been found."""
    times = np.arange(0, seconds, 1 / 60)
    motion = np.where((times > 4) & (times < 5), np.nan, 0.1 + 0.05 * np.sin(times))
    found = tuple(
        Event(60 * n, 60 * n + 6, 60 * n + 15, n, n + 0.1, n + 0.25, {"left <brow>": 1.2}, 0.8, 0)
        for n in range(1, events + 1)
    )
    left = (Rejected(400, 405, 410, 6.7, 6.75, 6.8, "blink"),)
    stretches = (Stretch(0, 240, 0.0, 4.0), Stretch(300, 599, 5.0, seconds - 1 / 60))
    return Spotting(Path("face.mp4"), round(60 * seconds), 60.0, seconds, found, left, stretches, times, motion)


def parsed(html: str) -> ElementTree.Element:
    """Read the HTML as XML, which it is but for elements without an end and attributes without a value."""
    return ElementTree.fromstring(re.sub(r" (disabled|muted|playsinline|data-\w+)(?=[ >])", r' \1=""', html))


def test_every_event_is_two_buttons_with_words_for_those_who_hear() -> None:
    buttons = [
        node for node in parsed(stage(spotting(), Path("/tmp/p.mp4"))).iter("button") if "data-event" in node.attrib
    ]
    assert [node.attrib["data-event"] for node in buttons] == ["0", "1", "0", "1"]
    marks = [node for node in buttons if node.attrib["class"] == "d-mark"]
    assert marks[0].attrib["aria-label"] == "Event 1, micro-expression at 1.10 s"
    assert float(marks[0].attrib["data-onset"]) == 1.0
    assert all(node.attrib["aria-pressed"] == "false" for node in buttons)


def test_names_are_shown_as_text() -> None:
    assert "left &lt;brow&gt;" in stage(spotting(), Path("/tmp/p.mp4"))


def test_other_motion_is_drawn_and_named_and_so_is_an_absence() -> None:
    html = stage(spotting(), Path("/tmp/p.mp4"))
    boxes = list(parsed(html).iter("rect"))
    assert [node.attrib["class"] for node in boxes] == ["d-absent", "d-left", "d-found", "d-found"]
    assert float(boxes[0].attrib["x"]) == pytest.approx(400)
    assert float(boxes[0].attrib["width"]) == pytest.approx(100)
    assert "blink" in html


def test_the_curve_breaks_where_no_face_was_and_keeps_every_peak() -> None:
    found = spotting(seconds=600)
    motion = found.motion.copy()
    motion[:1000] = 0.1
    motion[6000:6600] = np.nan
    motion[20_000] = 9.0
    path = curve(found.times, motion, found.seconds)
    assert path.count("M") == 2
    heights = [float(pair.split()[1]) for pair in re.split("[ML]", path)[1:]]
    assert len(heights) <= POINTS
    assert min(heights) == pytest.approx(100 * (1 - 1 / 1.12), abs=0.1)


def test_nothing_found_is_drawn_without_buttons_for_events() -> None:
    html = stage(spotting(events=0), Path("/tmp/p.mp4"))
    assert "data-event" not in html
    assert 'data-do="slow"' not in html
    assert summary(spotting(events=0)) == (
        "No micro-expression was found in 10 s of video (600 frames, 60 a second). Left out: 1 blink."
    )


def noise(count: int, height: int = 36, width: int = 64) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def test_a_video_that_browsers_do_not_play_is_written_again_every_frame_at_its_time(tmp_path: Path) -> None:
    video, out = tmp_path / "old.avi", tmp_path / "preview.mp4"
    write_video(video, noise(12), 30, codec="mjpeg")
    told: list[int] = []
    write_preview(out, video, video_info(video), lambda stage, done, total, note="": told.append(done))
    assert told == list(range(1, 13))
    assert plays(out)
    before = [frame.time for frame in read_frames(video)]
    assert [frame.time for frame in read_frames(out)] == pytest.approx(before, abs=1e-4)


def test_times_of_a_varying_rate_are_kept(tmp_path: Path) -> None:
    video, out = tmp_path / "varying.mkv", tmp_path / "preview.mp4"
    ticks = [0, 33, 66, 150, 150, 300, 333, 1900, 1901]  # two at once, and a long wait, as cameras do it
    with av.open(str(video), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = 36, 64, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for tick, pixels in zip(ticks, noise(len(ticks)), strict=True):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = tick, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    write_preview(out, video, video_info(video))
    assert [frame.time for frame in read_frames(out)] == pytest.approx([tick / 1000 for tick in ticks], abs=1e-4)


def test_a_large_video_is_shown_smaller_and_an_odd_one_even(tmp_path: Path) -> None:
    video, out = tmp_path / "large.mkv", tmp_path / "preview.mp4"
    write_video(video, noise(2, 1081, 1921), 25, codec="ffv1")
    write_preview(out, video, video_info(video))
    assert next(read_frames(out)).pixels.shape == (540, 960)


def test_what_a_browser_plays_is_not_written_again(tmp_path: Path) -> None:
    video, out = tmp_path / "new.mp4", tmp_path / "preview.mp4"
    write_video(video, noise(4), 25)
    write_preview(out, video, video_info(video))
    assert out.read_bytes() == video.read_bytes()


@pytest.mark.parametrize("form", ["mp4", "matroska"])
def test_a_video_whose_clock_starts_late_is_whole_and_its_preview_starts_at_zero(tmp_path: Path, form: str) -> None:
    video, out = tmp_path / f"late.{'mp4' if form == 'mp4' else 'mkv'}", tmp_path / "preview.mp4"
    with av.open(str(video), "w", format=form, options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = 36, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(noise(12)):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = 100_000 + 40 * number, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    assert [frame.time for frame in read_frames(video)] == pytest.approx([0.04 * number for number in range(12)])
    write_preview(out, video, video_info(video))
    with av.open(str(out)) as container:
        assert container.start_time == 0


def test_the_example_can_be_looked_at_twice(tmp_path: Path) -> None:
    job = Desks(tmp_path).begin("anna")
    upload = job.folder / "example.mp4"
    upload.write_bytes(b"video")
    assert take(job, upload) == take(job, upload)
    assert job.video.read_bytes() == b"video"
